//! The list of clients, for an operator: read beside a server that runs, or without one.

use std::path::Path;
use std::time::{Duration, SystemTime};

use backup_protocol::session::server::Learned;
use backup_protocol::wire::ClientId;
use rusqlite::{Connection, OpenFlags};

use super::{StoreError, schema};

/// What there is to know about a client. Its ID is not in it: it is a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// The name it registered.
    pub name: String,
    /// What the server calls it in logs, and the name of its folder.
    pub label: String,
    /// The beginning of its ID, as in logs: 8 hex digits.
    pub short_id: String,
    /// The dialect it was answered in last, if that was learned.
    pub dialect: Option<String>,
    /// When it last did something.
    pub last_seen: SystemTime,
    /// Files with a verified version.
    pub files: u64,
    /// Versions that nobody has judged.
    pub waiting: u64,
}

/// All clients of a data folder, in the order of their names. Nothing is changed, and no server is
/// kept from its work. Blocks.
///
/// # Errors
///
/// [`StoreError`] if there is no database, or none of ours.
pub fn clients(root: &Path) -> Result<Vec<ClientRow>, StoreError> {
    let path = root.join("backup.db");
    if !path.exists() {
        return Err(StoreError::NoDatabase { path });
    }
    let connection = open(&path)?;
    let learned = match schema::version(&connection, &path)? {
        0 => return Ok(Vec::new()),
        1 => "NULL",
        _ => "learned",
    };
    let mut select = connection.prepare(&format!(
        "SELECT name, label, id, {learned}, last_seen_at,
            (SELECT count(*) FROM files WHERE client = clients.number AND EXISTS
                (SELECT 1 FROM versions WHERE file = files.number AND verified_at IS NOT NULL)),
            (SELECT count(*) FROM versions JOIN files ON file = files.number
                WHERE client = clients.number AND verified_at IS NULL)
         FROM clients ORDER BY name"
    ))?;
    let rows = select.query_map([], |row| {
        let learned = row
            .get_ref(3)?
            .as_str_or_null()?
            .and_then(Learned::from_json);
        let milliseconds = u64::try_from(row.get::<_, i64>(4)?).unwrap_or_default();
        let short = |id: [u8; 16]| ClientId::from_bytes(id).to_string();
        Ok(ClientRow {
            name: row.get(0)?,
            label: row.get(1)?,
            short_id: short(row.get(2)?).trim_end_matches('\u{2026}').to_owned(),
            dialect: learned.map(|learned| learned.dialect().to_owned()),
            last_seen: SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds),
            files: row.get::<_, i64>(5)?.unsigned_abs(),
            waiting: row.get::<_, i64>(6)?.unsigned_abs(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Opens the database to read it. Where no server has it open, SQLite would leave files of its own
/// beside it, which then belong to whoever looked, and the server could not start: it is told that
/// nothing changes.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let connection = match path.to_str() {
        Some(path) if cfg!(unix) && !Path::new(&log).exists() => {
            let path = path
                .replace('%', "%25")
                .replace('?', "%3f")
                .replace('#', "%23");
            let uri = format!("file:{path}?immutable=1");
            Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?
        }
        _ => Connection::open_with_flags(path, flags)?,
    };
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}
