//! How much is stored.

use backup_protocol::wire::ClientId;
use rusqlite::Connection;

use super::{BLOCK, StoreError};

/// Whether there are less than `most` clients.
pub(super) fn has_room(rows: &Connection, most: u64) -> Result<bool, StoreError> {
    // A client's number is one more than the highest: as long as that is low, nothing need be counted, which
    // takes time in proportion to the clients.
    let mut highest = rows.prepare_cached("SELECT ifnull(max(number), 0) FROM clients")?;
    let highest: i64 = highest.query_row([], |row| row.get(0))?;
    if highest.cast_unsigned() < most {
        return Ok(true);
    }
    let mut count = rows.prepare_cached("SELECT count(*) FROM clients")?;
    let count: i64 = count.query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned() < most)
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
