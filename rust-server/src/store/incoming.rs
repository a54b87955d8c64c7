//! Plaintext on its way in.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::distr::{Alphanumeric, SampleString};

use super::files::{Files, NewFile};
use super::layout::failed;
use super::{Durability, Incoming, StoreError};

/// Characters of a name: of 62 kinds, so that no two are ever the same.
const NAME: usize = 16;

/// Plaintext on its way in: a file without a row, removed when dropped.
pub struct IncomingFile {
    files: Arc<dyn Files>,
    /// Closed with the last write.
    file: Box<dyn NewFile>,
    stored_as: String,
    path: PathBuf,
    /// Where its content stays.
    version: PathBuf,
    durability: Durability,
    /// A row names it.
    kept: bool,
}

impl IncomingFile {
    pub(super) fn create(
        files: &Arc<dyn Files>,
        incoming: &Path,
        versions: &Path,
        durability: Durability,
    ) -> Result<Self, StoreError> {
        let stored_as = Alphanumeric.sample_string(&mut rand::rng(), NAME);
        let path = incoming.join(&stored_as);
        let file = files
            .create(&path)
            .map_err(failed("create a file in", incoming))?;
        Ok(Self {
            files: Arc::clone(files),
            file,
            version: versions.join(&stored_as),
            stored_as,
            path,
            durability,
            kept: false,
        })
    }

    /// Its name, in whatever folder.
    pub(super) fn stored_as(&self) -> &str {
        &self.stored_as
    }

    /// Gives it its name in `versions`, which is not durable yet.
    pub(super) fn publish(&self) -> Result<(), StoreError> {
        self.files
            .link(&self.path, &self.version)
            .map_err(failed("make a hard link", &self.version))
    }

    /// From now on a row names it: it stays in `versions`, and only there.
    pub(super) fn keep(mut self) -> Result<(), StoreError> {
        self.kept = true;
        self.files
            .remove(&self.path)
            .map_err(failed("remove", &self.path))
    }
}

impl Drop for IncomingFile {
    fn drop(&mut self) {
        if !self.kept {
            // In this order, so that the next start finds what a kill or an error leaves.
            match self.files.remove(&self.version) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {}
                _ => drop(self.files.remove(&self.path)),
            }
        }
    }
}

impl Incoming for IncomingFile {
    /// The name becomes durable with its row.
    fn sync(&self) -> Result<(), StoreError> {
        if self.durability == Durability::Relaxed {
            return Ok(());
        }
        self.file.sync().map_err(failed("sync", &self.path))
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
