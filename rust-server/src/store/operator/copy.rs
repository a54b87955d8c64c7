//! A copy of the whole store, consistent although a server works on it.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::folder::{self, failed};
use super::{Damage, Operator, Result, Spoilt, VersionInfo};
use crate::platform;

/// What came of a copy.
#[derive(Debug, Default)]
pub struct Copied {
    /// Versions whose content is in the copy.
    pub versions: u64,
    /// Bytes of it.
    pub bytes: u64,
    /// Versions that were removed or dropped while the copy was made: it has neither row nor content.
    pub gone: u64,
    /// Versions whose content is damaged, and is not in the copy; their rows are.
    pub damaged: Vec<(VersionInfo, Damage)>,
}

impl Operator {
    /// Copies the store to a folder, which is created and may not exist. The rows are those of one moment, and the
    /// content is what belongs to them: content never changes, and what is removed in the meantime is left
    /// out of the rows as well. AES keys stay behind. All of it is durable when this returns.
    ///
    /// # Errors
    ///
    /// [`OperatorError`](super::OperatorError) if the copy cannot be written; what there is of it is left behind.
    pub fn copy(&self, to: &Path) -> Result<Copied> {
        if let Some(above) = to.parent().filter(|above| !above.as_os_str().is_empty()) {
            platform::create_private_dir_all(above).map_err(failed("create", above))?;
        }
        // Not if it exists: two stores in one folder would be none.
        fs::create_dir(to).map_err(failed("create", to))?;
        platform::make_private(to).map_err(failed("make private", to))?;
        for folder in ["incoming", "versions", "clients"].map(|name| to.join(name)) {
            platform::create_private_dir_all(&folder).map_err(failed("create", &folder))?;
        }
        let database = to.join("backup.db");
        // It holds the IDs of clients: nobody may look while it is written.
        platform::open_private(&database).map_err(failed("create", &database))?;
        self.connection
            .execute("VACUUM INTO ?", [database.to_string_lossy()])?;
        let copy = Self::change(to)?;
        // Copies go to other machines, and the key file does not: clients exchange keys once more there.
        copy.connection
            .execute("UPDATE clients SET aes_key = NULL", [])?;
        let mut copied = Copied::default();
        for version in copy.versions(None, None)? {
            self.copy_version(&copy, &version, &mut copied)?;
        }
        copy.close(to)?;
        Ok(copied)
    }

    fn copy_version(&self, copy: &Self, version: &VersionInfo, copied: &mut Copied) -> Result<()> {
        let mut source = version.clone();
        source.content = self.folder.content(&version.stored_as);
        let to = &version.content;
        let mut file = platform::open_private(to).map_err(failed("create", to))?;
        match source.copy_to(&mut file) {
            Ok(()) => {
                file.sync_all().map_err(failed("sync", to))?;
                if version.newest {
                    copy.folder
                        .show(&version.stored_as, &version.label, &version.path)?;
                }
                copied.versions += 1;
                copied.bytes += version.size;
            }
            Err(Spoilt::Write(source)) => return Err(failed("write", to)(source).into()),
            Err(Spoilt::Damage(damage)) => {
                drop(file);
                fs::remove_file(to).map_err(failed("remove", to))?;
                if matches!(damage, Damage::Missing) && !self.has_row(version)? {
                    forget(&copy.connection, version)?;
                    copied.gone += 1;
                } else {
                    copied.damaged.push((version.clone(), damage));
                }
            }
        }
        Ok(())
    }

    /// Whether the version is still there.
    pub(super) fn has_row(&self, version: &VersionInfo) -> Result<bool> {
        let mut select = self
            .connection
            .prepare_cached("SELECT 1 FROM versions WHERE number = ?")?;
        Ok(select.exists([version.version.0])?)
    }

    /// Closes the database of a copy, and makes the copy durable.
    fn close(self, root: &Path) -> Result<()> {
        let Self { folder, connection } = self;
        connection.close().map_err(|(_, error)| error)?;
        let database = root.join("backup.db");
        let synced = File::open(&database).and_then(|file| file.sync_all());
        synced.map_err(failed("sync", &database))?;
        folder::sync(&folder.versions())?;
        folder::sync(&folder.clients())?;
        folder::sync(root)?;
        let above = root.parent().filter(|above| !above.as_os_str().is_empty());
        match folder::sync(above.unwrap_or_else(|| Path::new("."))) {
            // One that is closed to us: not one that was created here.
            Err(super::OperatorError::Store(crate::store::StoreError::Io { source, .. }))
                if source.kind() == io::ErrorKind::PermissionDenied =>
            {
                Ok(())
            }
            synced => synced,
        }
    }
}

/// Leaves a version out of the copy; an older one is its file's newest then, whose name comes with it.
fn forget(rows: &Connection, version: &VersionInfo) -> Result<()> {
    rows.execute("DELETE FROM versions WHERE number = ?", [version.version.0])?;
    rows.execute("DELETE FROM removed", [])?;
    rows.execute(
        "UPDATE versions SET placed = 0 WHERE file = ?1 AND verified_at IS NOT NULL AND number =
            (SELECT max(number) FROM versions WHERE file = ?1 AND verified_at IS NOT NULL)",
        [version.file],
    )?;
    rows.execute(
        "DELETE FROM files WHERE number = ?1
         AND NOT EXISTS (SELECT 1 FROM versions WHERE file = ?1)",
        [version.file],
    )?;
    Ok(())
}
