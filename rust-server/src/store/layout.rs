//! The data folder.
//!
//! ```text
//! DATA/backup.db          the database, with its -wal and -shm
//! DATA/seal.key           what the AES keys in the database are encrypted with
//! DATA/lock               held by the server that works here
//! DATA/versions/x7Yz...   the content of each version that has a row; never written to again
//! DATA/clients/LABEL/...  names for the newest verified version of each file, under the paths of
//!                         PROTOCOL.md 7.4: second names of files in versions
//! DATA/incoming/x7Yz...   uploads on their way, and what a kill left of them
//! ```
//!
//! Content gets its name in `versions` before its row is committed, and loses the one in `incoming`
//! after that. So whatever a kill cut short has a name in `incoming`, and a start has nothing else to
//! look through.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{Files, Kind, Step};
use super::incoming::IncomingFile;
use super::{Durability, StoreError};
use crate::platform;

/// Paths below one data folder, held by this process alone.
pub(super) struct Layout {
    root: PathBuf,
    pub(super) files: Arc<dyn Files>,
    durability: Durability,
    /// Locked for as long as it is open.
    _lock: File,
}

impl Layout {
    /// Creates what is missing of the folder and takes possession of it.
    pub(super) fn open(
        root: &Path,
        files: Arc<dyn Files>,
        durability: Durability,
    ) -> Result<Self, StoreError> {
        platform::create_private_dir_all(root).map_err(failed("create", root))?;
        let path = root.join("lock");
        let lock = platform::open_private(&path).map_err(failed("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    path: root.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
        let layout = Self {
            root: root.to_owned(),
            files,
            durability,
            _lock: lock,
        };
        for folder in [
            layout.incoming_dir(),
            layout.versions_dir(),
            layout.clients_dir(),
        ] {
            layout
                .files
                .create_dirs(&folder)
                .map_err(failed("create", &folder))?;
        }
        let database = layout.database();
        // SQLite gives -wal and -shm the mode of the database, and AES keys are in it.
        platform::open_private(&database).map_err(failed("open", &database))?;
        layout.sync(root)?;
        // A folder that was just created has a name that is not durable yet. One above it may be
        // closed to us, but then it is not one that we created.
        for folder in root.ancestors().skip(1) {
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            if layout.sync(folder).is_err() {
                break;
            }
        }
        layout.try_link()?;
        Ok(layout)
    }

    /// Finds out now, and not with the first file of a client, that a file system has no hard links.
    fn try_link(&self) -> Result<(), StoreError> {
        let probe = self.incoming()?;
        let second = format!("{}.probe", probe.stored_as());
        let linked = self.link(
            &self.incoming_path(probe.stored_as()),
            &self.incoming_path(&second),
        );
        self.discard(&second)?;
        linked
    }

    pub(super) fn database(&self) -> PathBuf {
        self.root.join("backup.db")
    }

    /// A new file for plaintext, under a short random name.
    pub(super) fn incoming(&self) -> Result<IncomingFile, StoreError> {
        IncomingFile::create(
            &self.files,
            &self.incoming_dir(),
            &self.versions_dir(),
            self.durability,
        )
    }

    /// The names of all files in `incoming`.
    pub(super) fn list_incoming(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.incoming_dir();
        self.files.list(&folder).map_err(failed("read", &folder))
    }

    /// Whether no file was ever stored here.
    pub(super) fn is_empty(&self) -> Result<bool, StoreError> {
        for folder in [self.incoming_dir(), self.versions_dir(), self.clients_dir()] {
            if !self
                .files
                .is_empty(&folder)
                .map_err(failed("read", &folder))?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes the names in `versions` durable.
    pub(super) fn sync_versions(&self) -> Result<(), StoreError> {
        self.sync(&self.versions_dir())
    }

    /// Makes the names in a client's folder durable.
    pub(super) fn sync_client(&self, label: &str) -> Result<(), StoreError> {
        self.sync(&self.client_dir(label))
    }

    /// Takes a name out of `incoming`, if it is there.
    pub(super) fn discard(&self, name: &str) -> Result<(), StoreError> {
        self.remove(&self.incoming_path(name))
    }

    /// Removes the content of a version, if it is there.
    pub(super) fn remove_version(&self, stored_as: &str) -> Result<(), StoreError> {
        self.remove(&self.version_path(stored_as))
    }

    /// Makes a version the one that has a name in the client's folder, in the place of the one before
    /// it. A symbolic link there is replaced, not followed.
    pub(super) fn show(&self, stored_as: &str, label: &str, path: &str) -> Result<(), StoreError> {
        let folder = self.client_dir(label);
        match self
            .files
            .kind(&folder)
            .map_err(failed("look at", &folder))?
        {
            Kind::Folder => {}
            Kind::Missing => {
                self.files
                    .create_dirs(&folder)
                    .map_err(failed("create", &folder))?;
                self.sync(&self.clients_dir())?;
            }
            Kind::File | Kind::Other => {
                let source = io::Error::from(io::ErrorKind::NotADirectory);
                return Err(failed("store in", &folder)(source));
            }
        }
        // In `incoming`, since any name in the client's folder may be one that the client uses.
        let second = format!("{stored_as}.name");
        let from = self.incoming_path(&second);
        self.link(&self.version_path(stored_as), &from)?;
        let to = folder.join(path);
        self.files
            .rename(&from, &to)
            .map_err(failed("move a file to", &to))?;
        // It is still there if this version had the name already, and a start does this again.
        self.discard(&second)
    }

    /// As before a commit, or after one, for tests.
    pub(super) fn step(&self, step: Step) -> Result<(), StoreError> {
        let database = self.database();
        self.files
            .step(step)
            .map_err(failed("commit to", &database))
    }

    pub(super) fn link(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        match self.files.link(from, to) {
            // From an attempt that was cut short: names here are random, so it is the same file.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked.map_err(failed("make a hard link", to)),
        }
    }

    fn remove(&self, path: &Path) -> Result<(), StoreError> {
        match self.files.remove(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(failed("remove", path)),
        }
    }

    fn incoming_dir(&self) -> PathBuf {
        self.root.join("incoming")
    }

    fn versions_dir(&self) -> PathBuf {
        self.root.join("versions")
    }

    fn clients_dir(&self) -> PathBuf {
        self.root.join("clients")
    }

    pub(super) fn incoming_path(&self, name: &str) -> PathBuf {
        self.incoming_dir().join(name)
    }

    pub(super) fn version_path(&self, stored_as: &str) -> PathBuf {
        self.versions_dir().join(stored_as)
    }

    pub(super) fn client_dir(&self, label: &str) -> PathBuf {
        self.clients_dir().join(label)
    }

    fn sync(&self, folder: &Path) -> Result<(), StoreError> {
        if self.durability == Durability::Relaxed {
            return Ok(());
        }
        self.files.sync_dir(folder).map_err(failed("sync", folder))
    }
}

pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        doing,
        path,
        source,
    }
}
