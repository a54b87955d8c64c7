//! How much is stored.

use backup_protocol::wire::ClientId;
use rusqlite::Connection;

use super::{BLOCK, StoreError};

/// How many clients there are.
pub(super) fn clients(rows: &Connection) -> Result<u64, StoreError> {
    let mut select = rows.prepare_cached("SELECT count(*) FROM clients")?;
    let count: i64 = select.query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Bytes of all versions of a client, or of all clients, in whole blocks and at least one each. Takes
/// time in proportion to the number of these versions.
pub(super) fn stored(rows: &Connection, id: Option<ClientId>) -> Result<u64, StoreError> {
    let block = BLOCK.cast_signed();
    let blocks: i64 = match id {
        Some(id) => rows
            .prepare_cached(
                "SELECT ifnull(sum(max(size + ?1 - 1, ?1) / ?1), 0)
                 FROM clients JOIN files ON client = clients.number
                 JOIN versions ON file = files.number WHERE id = ?2",
            )?
            .query_row((block, id.as_bytes()), |row| row.get(0))?,
        None => rows
            .prepare_cached("SELECT ifnull(sum(max(size + ?1 - 1, ?1) / ?1), 0) FROM versions")?
            .query_row([block], |row| row.get(0))?,
    };
    Ok(blocks.cast_unsigned().saturating_mul(BLOCK))
}
