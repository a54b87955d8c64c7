//! The data folder.
//!
//! ```text
//! DATA/backup.db          the database, with its -wal and -shm
//! DATA/lock               held by the server that works here
//! DATA/incoming/x7Yz...   uploads that nobody has verified: in flight or waiting
//! DATA/clients/LABEL/...  the verified content of each client, under the paths of PROTOCOL.md 7.4
//! ```
//!
//! A row of the database makes a file in `incoming` real, so what is there without a row at start
//! is a leftover of a killed server. Nothing else has to be looked through.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempPath};

use super::{Incoming, StoreError};
use crate::platform;

/// Paths below one data folder, held by this process alone.
pub(super) struct Layout {
    root: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
}

/// Plaintext on its way in: a file without a row, removed when dropped.
pub struct IncomingFile {
    file: File,
    path: TempPath,
}

impl Layout {
    /// Creates what is missing of the folder and takes possession of it.
    pub(super) fn open(root: &Path) -> Result<Self, StoreError> {
        for folder in [root.to_owned(), root.join("incoming"), root.join("clients")] {
            platform::create_private_dir_all(&folder).map_err(failed("create", &folder))?;
        }
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
            _lock: lock,
        };
        let database = layout.database();
        // SQLite gives -wal and -shm the mode of the database, and AES keys are in it.
        platform::open_private(&database).map_err(failed("open", &database))?;
        layout.sync(root)?;
        Ok(layout)
    }

    pub(super) fn database(&self) -> PathBuf {
        self.root.join("backup.db")
    }

    /// A new file for plaintext, under a short random name.
    pub(super) fn incoming(&self) -> Result<IncomingFile, StoreError> {
        let folder = self.incoming_dir();
        let file = tempfile::Builder::new()
            .prefix("")
            .rand_bytes(16)
            .tempfile_in(&folder)
            .map_err(failed("create a file in", &folder))?;
        let (file, path) = NamedTempFile::into_parts(file);
        Ok(IncomingFile { file, path })
    }

    /// The names of all files in `incoming`.
    pub(super) fn list_incoming(&self) -> Result<Vec<String>, StoreError> {
        let folder = self.incoming_dir();
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed("read", &folder))? {
            let entry = entry.map_err(failed("read", &folder))?;
            // A folder, such as `lost+found` of a disk, is not one of ours, nor a name that is not UTF-8.
            if entry
                .file_type()
                .map_err(failed("read", &folder))?
                .is_file()
            {
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    }

    /// Whether no file was ever stored here.
    pub(super) fn is_empty(&self) -> Result<bool, StoreError> {
        for folder in [self.incoming_dir(), self.clients_dir()] {
            if fs::read_dir(&folder)
                .map_err(failed("read", &folder))?
                .next()
                .is_some()
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes the names in `incoming` durable.
    pub(super) fn sync_incoming(&self) -> Result<(), StoreError> {
        self.sync(&self.incoming_dir())
    }

    /// Removes a file from `incoming`, if it is there.
    pub(super) fn discard(&self, stored_as: &str) -> Result<(), StoreError> {
        let path = self.incoming_dir().join(stored_as);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Moves a file from `incoming` to its place, over the verified content that was there. A
    /// symbolic link there is replaced, not followed.
    pub(super) fn place(&self, stored_as: &str, label: &str, path: &str) -> Result<(), StoreError> {
        let folder = self.client_dir(label);
        let from = self.incoming_dir().join(stored_as);
        match fs::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => {
                let source = io::Error::from(io::ErrorKind::NotADirectory);
                return Err(failed("store in", &folder)(source));
            }
            Err(_) => {
                platform::create_private_dir_all(&folder).map_err(failed("create", &folder))?;
                self.sync(&self.clients_dir())?;
            }
        }
        let to = folder.join(path);
        fs::rename(&from, &to).map_err(failed("move a file to", &to))
    }

    /// Whether `path` is there, for a move that was perhaps done before a kill.
    pub(super) fn is_placed(&self, label: &str, path: &str) -> bool {
        fs::symlink_metadata(self.client_dir(label).join(path)).is_ok_and(|found| found.is_file())
    }

    /// Makes the names in a client's folder durable.
    pub(super) fn sync_client(&self, label: &str) -> Result<(), StoreError> {
        self.sync(&self.client_dir(label))
    }

    fn incoming_dir(&self) -> PathBuf {
        self.root.join("incoming")
    }

    fn clients_dir(&self) -> PathBuf {
        self.root.join("clients")
    }

    fn client_dir(&self, label: &str) -> PathBuf {
        self.clients_dir().join(label)
    }

    fn sync(&self, folder: &Path) -> Result<(), StoreError> {
        platform::sync_dir(folder).map_err(failed("sync", folder))
    }
}

impl IncomingFile {
    /// The name in `incoming`.
    pub(super) fn stored_as(&self) -> Option<String> {
        Some(self.path.file_name()?.to_str()?.to_owned())
    }

    /// From now on a row names it: it stays.
    pub(super) fn keep(self) -> Result<(), StoreError> {
        self.path
            .keep()
            .map(drop)
            .map_err(|error| failed("keep", &error.path)(error.error))
    }
}

impl Incoming for IncomingFile {
    /// The name becomes durable with its row.
    fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(failed("sync", &self.path))
    }
}

impl Write for IncomingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        doing,
        path,
        source,
    }
}
