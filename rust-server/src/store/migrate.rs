//! From the folder of tables before version 3, in which content moved with each verdict.

use rusqlite::Connection;
use tracing::{info, warn};

use super::StoreError;
use super::files::Kind;
use super::layout::{Layout, failed};

/// Gives all content its name in `versions`: what waited was in `incoming`, what was verified at its
/// path in the client's folder. Can be cut short and begun again: nothing loses a name before the
/// tables are those of version 3, and those in `incoming` then go with the start.
pub(super) fn give_versions_their_names(
    layout: &Layout,
    connection: &Connection,
) -> Result<(), StoreError> {
    let mut select = connection.prepare(
        "SELECT stored_as, label, path FROM versions
         JOIN files ON file = files.number JOIN clients ON client = clients.number",
    )?;
    let mut rows = select.query([])?;
    let mut moved = 0_u64;
    while let Some(row) = rows.next()? {
        let (stored_as, label, path): (String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let waiting = layout.incoming_path(&stored_as);
        let verified = layout.client_dir(&label).join(&path);
        let kind = |path| layout.files.kind(path).map_err(failed("look at", path));
        let from = if kind(&waiting)? == Kind::File {
            waiting
        } else if kind(&verified)? == Kind::File {
            verified
        } else {
            warn!(client = label, path, "the content of a version is missing");
            continue;
        };
        layout.link(&from, &layout.version_path(&stored_as))?;
        moved += 1;
    }
    layout.sync_versions()?;
    info!(moved, "the data folder has the form of this release now");
    Ok(())
}
