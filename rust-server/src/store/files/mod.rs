//! Every operation of the store on the file system, behind one trait.
//!
//! [`RealFiles`] does it. Tests have two more: one that forgets at a power cut what was not synced, and
//! one that can be told to fail or to be killed at any operation. SQLite keeps its own files and is
//! outside: its promise for WAL with `synchronous = FULL` is relied on.

#[cfg(feature = "failpoints")]
mod fail_points;
mod real;
#[cfg(test)]
mod simulated;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub(super) use real::RealFiles;
#[cfg(test)]
pub(super) use simulated::{Disk, SimulatedFiles};

/// What the store needs of a file system. Nothing is durable before its sync: content by
/// [`NewFile::sync`], names by [`Files::sync_dir`] of their folder.
pub(super) trait Files: Send + Sync + 'static {
    /// Creates a folder, and those above it, which only their owner may enter.
    fn create_dirs(&self, path: &Path) -> io::Result<()>;

    /// Creates a file that only its owner may read.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if something has that name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>>;

    /// Gives a file a second name.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if something has that name. File systems without hard links refuse it.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Moves a name over what has the other one. A symbolic link there is replaced, not followed. Of
    /// two names of one file, nothing happens.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a name from a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable, those that are gone too.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// What has this name. Symbolic links are not followed.
    fn kind(&self, path: &Path) -> io::Result<Kind>;

    /// The names in a folder that are UTF-8, of files and of nothing else.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Whether a folder holds nothing at all.
    fn is_empty(&self, path: &Path) -> io::Result<bool>;

    /// A moment between operations on files: a place for tests to fail or to be killed at.
    fn step(&self, _step: Step) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is being written for the first time.
pub(super) trait NewFile: io::Write + Send + Sync {
    /// Makes what was written durable, but not the file's name.
    fn sync(&self) -> io::Result<()>;
}

/// What can have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Missing,
    File,
    Folder,
    /// Such as a symbolic link.
    Other,
}

/// Moments of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// All is ready for the commit.
    Commit,
    /// It has returned. An error here has no meaning.
    Committed,
}

/// The files of this machine.
pub(super) fn of_this_machine() -> Arc<dyn Files> {
    #[cfg(feature = "failpoints")]
    return Arc::new(fail_points::FailPoints(RealFiles));
    #[cfg(not(feature = "failpoints"))]
    Arc::new(RealFiles)
}
