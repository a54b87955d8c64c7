//! What a start does about a kill.

use std::collections::HashSet;

use rusqlite::Connection;
use tracing::{error, info};

use super::layout::Layout;
use super::rows::delete_version;
use super::writer::mark_placed;
use super::{StoreError, VersionId};

/// Makes folder and database agree after a kill. The work is in proportion to what was in flight
/// or waiting, whatever the size of the store.
pub(super) fn recover(layout: &Layout, connection: &mut Connection) -> Result<(), StoreError> {
    let unplaced = connection
        .prepare(
            "SELECT versions.number, stored_as, verified_at IS NOT NULL, label, path
             FROM versions JOIN files ON file = files.number JOIN clients ON client = clients.number
             WHERE placed = 0 ORDER BY versions.number",
        )?
        .query_map([], |row| {
            Ok(Unplaced {
                version: VersionId(row.get(0)?),
                stored_as: row.get(1)?,
                verified: row.get(2)?,
                label: row.get(3)?,
                path: row.get(4)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let named: HashSet<&str> = unplaced.iter().map(|row| row.stored_as.as_str()).collect();
    let found: HashSet<String> = layout.list_incoming()?.into_iter().collect();

    let leftovers = found.iter().filter(|name| !named.contains(name.as_str()));
    let mut removed = 0;
    for name in leftovers {
        layout.discard(name)?;
        removed += 1;
    }
    let mut placed = Vec::new();
    for row in &unplaced {
        let here = found.contains(&row.stored_as);
        if row.verified && (here || layout.is_placed(&row.label, &row.path)) {
            match put(layout, row, here) {
                Ok(()) => placed.push(row.version),
                // Such as a folder in its place: no reason to serve nobody.
                Err(error) => error!(%error, "verified content stays in `incoming`"),
            }
        } else if !here {
            error!(
                client = row.label,
                path = row.path,
                "the content of a version is missing"
            );
            if !row.verified {
                // There is nothing left that a verdict could be about.
                delete_version(connection, row.version.0)?;
            }
        }
    }
    if !placed.is_empty() {
        mark_placed(connection, placed.iter().copied())?;
    }
    if removed > 0 || !placed.is_empty() {
        info!(
            removed,
            placed = placed.len(),
            "finished what an earlier run left"
        );
    }
    Ok(())
}

/// A version whose content is in `incoming`, or was when the row was written.
struct Unplaced {
    version: VersionId,
    stored_as: String,
    verified: bool,
    label: String,
    path: String,
}

/// Puts verified content where it belongs, durably.
fn put(layout: &Layout, row: &Unplaced, is_incoming: bool) -> Result<(), StoreError> {
    if is_incoming {
        layout.place(&row.stored_as, &row.label, &row.path)?;
    }
    layout.sync_client(&row.label)
}
