//! What there is: clients, versions, sums.

use std::path::PathBuf;
use std::time::SystemTime;

use backup_protocol::session::server::Learned;
use backup_protocol::wire::ClientId;
use rusqlite::Row;

use super::{Operator, OperatorError, Result, time};
use crate::store::VersionId;

/// A client, for its operator.
#[derive(Debug, Clone)]
pub struct ClientInfo {
    pub(super) number: i64,
    /// A credential (PROTOCOL.md 1.9): it is shown to no one who does not ask for it.
    pub id: ClientId,
    /// The name it registered, or was given by the operator since.
    pub name: String,
    /// Its folder, and what it is called in logs.
    pub label: String,
    /// The dialect that was learned.
    pub dialect: Option<String>,
    /// Whether it ever sent a public key.
    pub has_key: bool,
    /// When it registered.
    pub registered: SystemTime,
    /// When it last did something.
    pub last_seen: SystemTime,
    /// Since when the server refuses it.
    pub disabled: Option<SystemTime>,
    /// Files with a verified version.
    pub files: u64,
    /// Verified versions.
    pub versions: u64,
    /// Versions that nobody has judged.
    pub waiting: u64,
    /// Bytes in all versions.
    pub bytes: u64,
}

/// A version of a file.
#[derive(Debug, Clone)]
pub struct VersionInfo {
    /// Greater ones became durable later.
    pub version: VersionId,
    /// The client's name.
    pub client: String,
    /// The client's folder.
    pub label: String,
    /// The file's name, as the client sent it.
    pub name: String,
    /// Its path below the client's folder: one component.
    pub path: String,
    /// Where its content is.
    pub content: PathBuf,
    /// Bytes of it.
    pub size: u64,
    /// As it was sent to the client, in the client's dialect.
    pub cksum: u32,
    /// BLAKE3 of the content; absent in versions that an earlier release stored.
    pub digest: Option<[u8; 32]>,
    /// When it was durable.
    pub received: SystemTime,
    /// When the client said that the cksum was right.
    pub verified: Option<SystemTime>,
    /// When the operator said that it stays.
    pub pinned: Option<SystemTime>,
    /// The newest verified one of its file.
    pub newest: bool,
    pub(super) file: i64,
    pub(super) stored_as: String,
    /// The server has nothing left to do for it.
    pub(super) settled: bool,
}

/// The whole store in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Clients, those that are refused too.
    pub clients: u64,
    /// Clients that are refused.
    pub disabled: u64,
    /// Files with a verified version.
    pub files: u64,
    /// Verified versions.
    pub versions: u64,
    /// Versions that nobody has judged.
    pub waiting: u64,
    /// Versions that the operator keeps.
    pub pinned: u64,
    /// Bytes in the newest verified versions.
    pub newest_bytes: u64,
    /// Bytes in all versions.
    pub bytes: u64,
}

const CLIENTS: &str = "
    SELECT number, id, name, label, learned, public_key IS NOT NULL, registered_at, last_seen_at, disabled_at,
        (SELECT count(DISTINCT file) FROM versions JOIN files ON file = files.number
            WHERE client = clients.number AND verified_at IS NOT NULL),
        (SELECT count(*) FROM versions JOIN files ON file = files.number
            WHERE client = clients.number AND verified_at IS NOT NULL),
        (SELECT count(*) FROM versions JOIN files ON file = files.number
            WHERE client = clients.number AND verified_at IS NULL),
        (SELECT coalesce(sum(size), 0) FROM versions JOIN files ON file = files.number
            WHERE client = clients.number)
    FROM clients";

const VERSIONS: &str = "
    SELECT versions.number, clients.name, label, files.name, path, stored_as, size, cksum, digest,
        received_at, verified_at, pinned_at, files.number, placed = 1 OR verified_at IS NULL,
        verified_at IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM versions AS newer WHERE newer.file = versions.file
             AND newer.number > versions.number AND newer.verified_at IS NOT NULL)
    FROM versions JOIN files ON file = files.number JOIN clients ON client = clients.number";

impl Operator {
    /// All clients, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`OperatorError`] if the database fails.
    pub fn clients(&self) -> Result<Vec<ClientInfo>> {
        let mut select = self
            .connection
            .prepare(&format!("{CLIENTS} ORDER BY name"))?;
        let rows = select.query_map([], client)?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// The client with this name or label.
    ///
    /// # Errors
    ///
    /// [`OperatorError::NoClient`] with the one that is most like it, or [`OperatorError::Ambiguous`].
    pub fn client(&self, word: &str) -> Result<ClientInfo> {
        let mut select = self
            .connection
            .prepare(&format!("{CLIENTS} WHERE name = ?1 OR label = ?1"))?;
        let found = select.query_map([word], client)?;
        let mut found = found.collect::<std::result::Result<Vec<_>, _>>()?;
        let word = word.to_owned();
        if found.len() > 1 {
            return Err(OperatorError::Ambiguous { word });
        }
        match found.pop() {
            Some(client) => Ok(client),
            None => {
                let alike = |other: &String| strsim::normalized_damerau_levenshtein(&word, other);
                let names = self.clients()?.into_iter().map(|client| client.name);
                let nearest = names.max_by(|a, b| alike(a).total_cmp(&alike(b)));
                let nearest = nearest.filter(|name| alike(name) > 0.5);
                Err(OperatorError::NoClient { word, nearest })
            }
        }
    }

    /// The versions of a client (or of all), of a name as sent (or of all), in the order of clients and
    /// files, and in a file the newest first.
    ///
    /// # Errors
    ///
    /// [`OperatorError`] if the database fails.
    pub fn versions(
        &self,
        client: Option<&ClientInfo>,
        name: Option<&str>,
    ) -> Result<Vec<VersionInfo>> {
        let mut select = self.connection.prepare(&format!(
            "{VERSIONS} WHERE (?1 IS NULL OR clients.number = ?1) AND (?2 IS NULL OR files.name = ?2)
             ORDER BY clients.name, files.name, versions.number DESC"
        ))?;
        let client = client.map(|client| client.number);
        let rows = select.query_map((client, name), |row| self.version(row))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// The whole store in numbers.
    ///
    /// # Errors
    ///
    /// [`OperatorError`] if the database fails.
    pub fn totals(&self) -> Result<Totals> {
        let mut totals = Totals::default();
        for client in self.clients()? {
            totals.clients += 1;
            totals.disabled += u64::from(client.disabled.is_some());
            totals.files += client.files;
            totals.versions += client.versions;
            totals.waiting += client.waiting;
            totals.bytes += client.bytes;
        }
        for version in self.versions(None, None)? {
            totals.pinned += u64::from(version.pinned.is_some());
            totals.newest_bytes += if version.newest { version.size } else { 0 };
        }
        Ok(totals)
    }

    /// Bytes that are free for this account where the store is; `None` where that cannot be said.
    #[must_use]
    pub fn free_space(&self) -> Option<u64> {
        crate::platform::free_space(self.folder.root())
    }

    pub(super) fn version(&self, row: &Row<'_>) -> rusqlite::Result<VersionInfo> {
        let stored_as: String = row.get(5)?;
        Ok(VersionInfo {
            version: VersionId(row.get(0)?),
            client: row.get(1)?,
            label: row.get(2)?,
            name: row.get(3)?,
            path: row.get(4)?,
            content: self.folder.content(&stored_as),
            size: row.get::<_, i64>(6)?.unsigned_abs(),
            cksum: row.get(7)?,
            digest: row.get(8)?,
            received: time(row.get(9)?),
            verified: row.get::<_, Option<i64>>(10)?.map(time),
            pinned: row.get::<_, Option<i64>>(11)?.map(time),
            file: row.get(12)?,
            settled: row.get(13)?,
            newest: row.get(14)?,
            stored_as,
        })
    }
}

fn client(row: &Row<'_>) -> rusqlite::Result<ClientInfo> {
    let learned = row
        .get_ref(4)?
        .as_str_or_null()?
        .and_then(Learned::from_json);
    let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
    Ok(ClientInfo {
        number: row.get(0)?,
        id: ClientId::from_bytes(row.get(1)?),
        name: row.get(2)?,
        label: row.get(3)?,
        dialect: learned.map(|learned| learned.dialect().to_owned()),
        has_key: row.get(5)?,
        registered: time(row.get(6)?),
        last_seen: time(row.get(7)?),
        disabled: row.get::<_, Option<i64>>(8)?.map(time),
        files: count(9)?,
        versions: count(10)?,
        waiting: count(11)?,
        bytes: count(12)?,
    })
}
