//! The list of stored versions, for tests and tools: read beside a server that runs, or without one.

use std::path::{Path, PathBuf};

use super::StoreError;
use super::clients::open;

/// A version of a file that the store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// The name of its client.
    pub client: String,
    /// Its own name, as sent.
    pub name: String,
    /// Where its content is, from the data folder.
    pub path: PathBuf,
    /// Bytes of plaintext.
    pub size: u64,
    /// Its checksum, as it was answered.
    pub cksum: u32,
    /// Whether a client has called it right. Otherwise it waits.
    pub verified: bool,
}

/// All versions in a data folder, in the order in which they became durable. Nothing is changed, and no
/// server is kept from its work. Blocks.
///
/// # Errors
///
/// [`StoreError`] if there is no database, or none of ours.
pub fn files(root: &Path) -> Result<Vec<FileRow>, StoreError> {
    let Some(connection) = open(root)? else {
        return Ok(Vec::new());
    };
    let mut select = connection.prepare(
        "SELECT clients.name, files.name, label, path, stored_as, placed, size, cksum,
            verified_at IS NOT NULL
         FROM versions JOIN files ON file = files.number JOIN clients ON client = clients.number
         ORDER BY versions.number",
    )?;
    let rows = select.query_map([], |row| {
        let incoming = Path::new("incoming").join(row.get::<_, String>(4)?);
        // A row says "placed" some time after its content is at its place.
        let path = match row.get::<_, bool>(5)? || !root.join(&incoming).exists() {
            true => Path::new("clients")
                .join(row.get::<_, String>(2)?)
                .join(row.get::<_, String>(3)?),
            false => incoming,
        };
        Ok(FileRow {
            client: row.get(0)?,
            name: row.get(1)?,
            path,
            size: row.get::<_, i64>(6)?.unsigned_abs(),
            cksum: row.get(7)?,
            verified: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
