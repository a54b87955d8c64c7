//! What a start does about a kill, and the server about a folder that was out of order for a while.

use std::collections::BTreeSet;

use rusqlite::Connection;
use tracing::{error, info};

use super::files::Kind;
use super::layout::{Layout, failed};
use super::writer::settle;
use super::{StoreError, VersionId};

/// Makes folder and database agree after a kill. The work is in proportion to what was in flight,
/// whatever the size of the store. Whether all of it could be done.
pub(super) fn recover(layout: &Layout, connection: &mut Connection) -> Result<bool, StoreError> {
    let mut removed = 0_u64;
    let mut kept = 0_u64;
    for name in layout.list_incoming()? {
        let has_row = connection
            .prepare_cached("SELECT 1 FROM versions WHERE stored_as = ?")?
            .exists([&name])?;
        if has_row {
            kept += 1;
        } else {
            // First what is only found by the other name.
            layout.remove_version(&name)?;
            removed += 1;
        }
        layout.discard(&name)?;
    }
    let shown = show_all(layout, connection)?;
    let ended = remove_all(layout, connection)?;
    if removed > 0 || kept > 0 || shown.done > 0 || ended.done > 0 {
        info!(
            removed,
            kept,
            shown = shown.done,
            ended = ended.done,
            "finished what an earlier run left"
        );
    }
    Ok(shown.failed == 0 && ended.failed == 0)
}

/// Tries again what failed after its commit; whether nothing is left to be done.
pub(super) fn finish(layout: &Layout, connection: &mut Connection) -> Result<bool, StoreError> {
    let shown = show_all(layout, connection)?;
    let ended = remove_all(layout, connection)?;
    Ok(shown.failed == 0 && ended.failed == 0)
}

/// How much of what was due is done now.
struct Progress {
    done: usize,
    /// Worth another try.
    failed: usize,
}

/// Removes the content of rows that are gone.
fn remove_all(layout: &Layout, connection: &mut Connection) -> Result<Progress, StoreError> {
    let due = connection
        .prepare_cached("SELECT stored_as FROM removed")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<String>, _>>()?;
    let mut removed = Vec::new();
    for stored_as in &due {
        match layout.remove_version(stored_as) {
            Ok(()) => removed.push(stored_as.as_str()),
            Err(error) => error!(%error, "content that nobody needs is still there"),
        }
    }
    let failed = due.len() - removed.len();
    if removed.is_empty() {
        return Ok(Progress { done: 0, failed });
    }
    let done = removed.len();
    let recorded = layout
        .sync_versions()
        .and_then(|()| settle(layout, connection, [].into_iter(), removed.into_iter()));
    Ok(match recorded {
        Ok(()) => Progress { done, failed },
        Err(error) => {
            error!(%error, "removals are not durable yet");
            Progress {
                done: 0,
                failed: due.len(),
            }
        }
    })
}

/// Gives verified versions their names in the clients' folders, durably, where that was not done with the
/// verdict.
fn show_all(layout: &Layout, connection: &mut Connection) -> Result<Progress, StoreError> {
    let due = connection
        .prepare_cached(
            "SELECT versions.number, stored_as, label, path, NOT EXISTS
                (SELECT 1 FROM versions AS newer WHERE newer.file = versions.file
                 AND newer.number > versions.number AND newer.verified_at IS NOT NULL)
             FROM versions JOIN files ON file = files.number JOIN clients ON client = clients.number
             WHERE placed = 0 AND verified_at IS NOT NULL ORDER BY versions.number",
        )?
        .query_map([], |row| {
            Ok(Due {
                version: VersionId(row.get(0)?),
                stored_as: row.get(1)?,
                label: row.get(2)?,
                path: row.get(3)?,
                newest: row.get(4)?,
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let (mut placed, mut failed) = (Vec::new(), 0);
    for due in &due {
        match show(layout, due) {
            Ok(true) => placed.push(due),
            Ok(false) => {}
            // Such as a file in the place of a folder: no reason to serve nobody.
            Err(error) => {
                error!(%error, "a verified version has no name in its client's folder yet");
                failed += 1;
            }
        }
    }
    let labels: BTreeSet<&str> = placed.iter().map(|due| due.label.as_str()).collect();
    let mut unsynced = BTreeSet::new();
    for label in labels {
        if let Err(error) = layout.sync_client(label) {
            error!(%error, "names in a client's folder are not durable yet");
            unsynced.insert(label.to_owned());
        }
    }
    let due = placed.len();
    placed.retain(|due| !unsynced.contains(&due.label));
    failed += due - placed.len();
    let done = placed.len();
    if done > 0
        && let Err(error) = settle(
            layout,
            connection,
            placed.iter().map(|due| due.version),
            [].into_iter(),
        )
    {
        error!(%error, "names that are in order will be looked at again");
        return Ok(Progress {
            done: 0,
            failed: failed + done,
        });
    }
    Ok(Progress { done, failed })
}

/// A verified version whose name is perhaps not in its client's folder.
struct Due {
    version: VersionId,
    stored_as: String,
    label: String,
    path: String,
    /// Older ones get no name any more.
    newest: bool,
}

/// Whether it has its name now; `false` if there is no content, which another try would not change.
fn show(layout: &Layout, due: &Due) -> Result<bool, StoreError> {
    let content = layout.version_path(&due.stored_as);
    if layout
        .files
        .kind(&content)
        .map_err(failed("look at", &content))?
        == Kind::Missing
    {
        error!(
            client = due.label,
            path = due.path,
            "the content of a verified version is missing"
        );
        return Ok(false);
    }
    if due.newest {
        layout.show(&due.stored_as, &due.label, &due.path)?;
    }
    Ok(true)
}
