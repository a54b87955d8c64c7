//! Files to send: what can be known to be wrong with them before a connection is made.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use backup_protocol::Dialect;
use backup_protocol::wire::{Name, NameError};
use thiserror::Error;

/// The largest file that fits a message of every dialect, in bytes (PROTOCOL.md 2.3).
pub fn largest_file() -> u64 {
    Dialect::all()
        .iter()
        .map(|dialect| dialect.max_plain_size())
        .min()
        .unwrap_or(0)
}

/// A file that could be sent when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    path: PathBuf,
    wire_name: Name,
    size: u64,
}

/// Why a file cannot be sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refuses to open or read it.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A folder, a pipe, a device.
    #[error("{} is {kind}, not a file", .path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
        /// `a folder` or `a special file`.
        kind: &'static str,
    },
    /// More than one message can carry.
    #[error("{} has {size} bytes; {limit} is the most that the protocol can carry", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// [`largest_file`].
        limit: u64,
    },
    /// Its name does not fit the name field (PROTOCOL.md 1.8) or no server would take it (7.4).
    #[error("{} cannot be sent under the name {name:?}: {problem}", .path.display())]
    Name {
        /// The file.
        path: PathBuf,
        /// The name on the wire.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// The number of bytes that could be read is not the size that was announced to the server.
    #[error("{} changed while it was read: {announced} bytes were announced, {read} read", .path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Size in bytes when the transmission began.
        announced: u64,
        /// Bytes read until the end, or one more than announced.
        read: u64,
    },
}

/// Why a name cannot be sent.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameProblem {
    /// It does not fit the name field.
    #[error(transparent)]
    Field(#[from] NameError),
    /// Nothing, `.` or `..` follows its last separator.
    #[error("it names no file")]
    NoFile,
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// A NUL, a line break or the like.
    #[error("it has a control character")]
    Control,
}

impl SourceFile {
    /// Looks at `path`: a regular file that can be opened, not too large, with a name that fits.
    /// The name on the wire is `wire_name`, else the base name of the path.
    ///
    /// # Errors
    /// Every variant of [`FileError`] but [`FileError::Changed`].
    pub fn check(path: &Path, wire_name: Option<&str>) -> Result<Self, FileError> {
        // First what it is: a folder has no better name either.
        let (_, size) = open(path)?;
        let name = match wire_name {
            Some(name) => name,
            None => base_name(path)?,
        };
        let wire_name = usable(name).map_err(|problem| FileError::Name {
            path: path.to_owned(),
            name: name.to_owned(),
            problem,
        })?;
        Ok(Self {
            path: path.to_owned(),
            wire_name,
            size,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name on the wire.
    pub fn wire_name(&self) -> &Name {
        &self.wire_name
    }

    /// Its size in bytes when it was looked at.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Opens it for one transmission, with its size of now.
    pub(crate) fn open(&self) -> Result<(File, u64), FileError> {
        open(&self.path)
    }

    pub(crate) fn changed(&self, announced: u64, read: u64) -> FileError {
        FileError::Changed {
            path: self.path.clone(),
            announced,
            read,
        }
    }
}

fn open(path: &Path) -> Result<(File, u64), FileError> {
    let unreadable = |source| FileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    // Before it is opened: to open a pipe would wait for its writer.
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() {
            "a folder"
        } else {
            "a special file"
        };
        return Err(FileError::NotAFile {
            path: path.to_owned(),
            kind,
        });
    }
    let file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let limit = largest_file();
    if size > limit {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            size,
            limit,
        });
    }
    Ok((file, size))
}

fn base_name(path: &Path) -> Result<&str, FileError> {
    let problem = |problem| FileError::Name {
        path: path.to_owned(),
        name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        problem,
    };
    let name: &OsStr = path
        .file_name()
        .ok_or_else(|| problem(NameProblem::NoFile))?;
    name.to_str().ok_or_else(|| problem(NameProblem::NotUtf8))
}

fn usable(name: &str) -> Result<Name, NameProblem> {
    let name = Name::new(name)?;
    if name.as_str().chars().any(char::is_control) {
        Err(NameProblem::Control)
    } else if name.base_name().is_none() {
        Err(NameProblem::NoFile)
    } else {
        Ok(name)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_base_name_unless_another_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        fs::write(&path, "abc").unwrap();
        let source = SourceFile::check(&path, None).unwrap();
        assert_eq!((source.wire_name().as_str(), source.size()), ("a.txt", 3));
        let source = SourceFile::check(&path, Some("C:\\x\\b.txt")).unwrap();
        assert_eq!(source.wire_name().as_str(), "C:\\x\\b.txt");
    }

    #[test]
    fn refuses_what_is_no_file_and_names_that_no_server_takes() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            SourceFile::check(folder.path(), None),
            Err(FileError::NotAFile {
                kind: "a folder",
                ..
            })
        ));
        assert!(matches!(
            SourceFile::check(&folder.path().join("none"), None),
            Err(FileError::Unreadable { .. })
        ));
        let path = folder.path().join("a");
        fs::write(&path, "").unwrap();
        for (name, expected) in [
            ("", NameProblem::Field(NameError::Empty)),
            ("x/..", NameProblem::NoFile),
            ("x\\", NameProblem::NoFile),
            ("a\nb", NameProblem::Control),
            (
                &*"x".repeat(255),
                NameProblem::Field(NameError::TooLong(255)),
            ),
        ] {
            match SourceFile::check(&path, Some(name)) {
                Err(FileError::Name { problem, .. }) => assert_eq!(problem, expected, "{name:?}"),
                other => panic!("{name:?}: {other:?}"),
            }
        }
        SourceFile::check(&path, Some(&"x".repeat(254))).unwrap();
    }

    #[test]
    fn the_limit_is_exact() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        let file = File::create(&path).unwrap();
        file.set_len(largest_file()).unwrap();
        assert_eq!(
            SourceFile::check(&path, None).unwrap().size(),
            largest_file()
        );
        file.set_len(largest_file() + 1).unwrap();
        assert!(matches!(
            SourceFile::check(&path, None),
            Err(FileError::TooLarge { .. })
        ));
    }
}
