//! The data folder, as seen by an operator's command: no lock is taken, since a server may hold it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rand::distr::{Alphanumeric, SampleString};

use super::Result;
use crate::platform;
use crate::store::StoreError;

pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn incoming(&self) -> PathBuf {
        self.root.join("incoming")
    }

    pub(super) fn versions(&self) -> PathBuf {
        self.root.join("versions")
    }

    pub(super) fn clients(&self) -> PathBuf {
        self.root.join("clients")
    }

    /// The content of a version.
    pub(super) fn content(&self, stored_as: &str) -> PathBuf {
        self.versions().join(stored_as)
    }

    /// The name of a file's newest verified version. Labels and paths are of the server's making: one
    /// component each.
    pub(super) fn name(&self, label: &str, path: &str) -> PathBuf {
        self.clients().join(label).join(path)
    }

    /// Gives a version the name in its client's folder, durably, in the place of what has it. The same as the
    /// server does it.
    pub(super) fn show(&self, stored_as: &str, label: &str, path: &str) -> Result<()> {
        let client = self.clients().join(label);
        platform::create_private_dir_all(&client).map_err(failed("create", &client))?;
        let random = Alphanumeric.sample_string(&mut rand::rng(), 16);
        let second = self.incoming().join(format!("{random}.name"));
        fs::hard_link(self.content(stored_as), &second)
            .map_err(failed("make a hard link", &second))?;
        let to = client.join(path);
        let moved = fs::rename(&second, &to).map_err(failed("move a file to", &to));
        // It is still there if this version had the name already.
        remove(&second)?;
        moved?;
        sync(&client)
    }

    /// Takes the name of a file whose last version goes, and the client's folder with its last name.
    pub(super) fn hide(&self, label: &str, path: &str) -> Result<()> {
        let client = self.clients().join(label);
        remove(&client.join(path))?;
        match fs::remove_dir(&client) {
            Ok(()) => sync(&self.clients()),
            // Other names are in it, or it was never made.
            Err(_) if client.exists() => sync(&client),
            Err(_) => Ok(()),
        }
    }

    /// Removes the content of a version that has no row any more.
    pub(super) fn remove(&self, stored_as: &str) -> Result<()> {
        remove(&self.content(stored_as))
    }

    /// Whether a server works here.
    pub(super) fn is_served(&self) -> bool {
        let lock = File::open(self.root.join("lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)))
    }
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => Ok(removed.map_err(failed("remove", path))?),
    }
}

pub(super) fn sync(folder: &Path) -> Result<()> {
    Ok(platform::sync_dir(folder).map_err(failed("sync", folder))?)
}

pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        doing,
        path,
        source,
    }
}
