//! `transfer.info`, the three lines that set up a client of the family (PROTOCOL.md 8.2).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use backup_protocol::wire::{Name, NameError};
use thiserror::Error;

use crate::server::{ServerAddress, ServerAddressError};

/// The file's name in the working folder or beside the executable.
pub const TRANSFER_INFO: &str = "transfer.info";

/// Longest client name that every program of the family takes, in bytes (8.2).
pub const NAME_COMFORT: usize = 100;

/// What a `transfer.info` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferInfo {
    /// Line 1.
    pub server: ServerAddress,
    /// Line 2, as it stands: blanks are part of a name.
    pub name: Name,
    /// Line 3, relative to the folder of the file's reader, not of the file.
    pub file: PathBuf,
}

/// Why a `transfer.info` cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SetupError {
    /// None of the folders has one.
    #[error("no transfer.info in {}", list(.0))]
    Missing(Vec<PathBuf>),
    /// It is there and cannot be read.
    #[error("cannot read {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line is not what it must be.
    #[error("{}, line {line}: {problem}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: SetupProblem,
    },
}

/// What is wrong with a line of `transfer.info`.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupProblem {
    /// The file ends before it, or it is empty.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Not UTF-8.
    #[error("not UTF-8 text")]
    NotUtf8,
    /// Line 1.
    #[error(transparent)]
    Server(#[from] ServerAddressError),
    /// Line 2.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl TransferInfo {
    /// Reads the first `transfer.info` that one of `folders` has, and returns it with that folder.
    ///
    /// # Errors
    /// [`SetupError::Missing`] if none has one; the other variants never fall through to the next
    /// folder, because a file that is there was meant.
    pub fn find(folders: &[PathBuf]) -> Result<(Self, PathBuf), SetupError> {
        for folder in folders {
            let path = folder.join(TRANSFER_INFO);
            match fs::read(&path) {
                Ok(bytes) => return Ok((Self::parse(&bytes, &path)?, folder.clone())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(SetupError::Unreadable { path, source }),
            }
        }
        Err(SetupError::Missing(folders.to_vec()))
    }

    /// Parses the text of a `transfer.info`: lines that end in CRLF or LF, the last one in either
    /// or in nothing. A byte order mark and anything after the third line are passed over.
    ///
    /// # Errors
    /// [`SetupError::Line`], with `path` for the message.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, SetupError> {
        let mut lines = Lines::new(bytes);
        let fail = |line, problem| SetupError::Line {
            path: path.to_owned(),
            line,
            problem,
        };
        let mut next = |number: usize, what: &'static str| match lines.next() {
            None | Some(b"") => Err(fail(number, SetupProblem::Missing(what))),
            Some(line) => {
                std::str::from_utf8(line).map_err(|_| fail(number, SetupProblem::NotUtf8))
            }
        };
        let server = next(1, "host:port")?
            .trim()
            .parse()
            .map_err(|e: ServerAddressError| fail(1, e.into()))?;
        let name = Name::new(next(2, "the client name")?).map_err(|e| fail(2, e.into()))?;
        let file = PathBuf::from(next(3, "the path of the file")?);
        Ok(Self { server, name, file })
    }
}

/// The lines of a set-up file, without their ends.
pub(crate) struct Lines<'a>(std::slice::Split<'a, u8, fn(&u8) -> bool>);

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        Self(text.split(|byte| *byte == b'\n'))
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.0
            .next()
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }
}

fn list(folders: &[PathBuf]) -> String {
    let names: Vec<_> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    names.join(" or ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<TransferInfo, SetupError> {
        TransferInfo::parse(text, Path::new(TRANSFER_INFO))
    }

    #[test]
    fn reads_either_line_end_and_a_last_line_without_one() {
        let expected = TransferInfo {
            server: "127.0.0.1:1234".parse().unwrap(),
            name: Name::new("Michael Jackson").unwrap(),
            file: "New_product_spec.docx".into(),
        };
        for text in [
            &b"127.0.0.1:1234\nMichael Jackson\nNew_product_spec.docx\n"[..],
            b"127.0.0.1:1234\r\nMichael Jackson\r\nNew_product_spec.docx\r\n",
            b"127.0.0.1:1234\r\nMichael Jackson\nNew_product_spec.docx",
            b"\xEF\xBB\xBF127.0.0.1:1234 \nMichael Jackson\nNew_product_spec.docx\n\n",
        ] {
            assert_eq!(parse(text).unwrap(), expected);
        }
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        for (text, message) in [
            (&b""[..], "transfer.info, line 1: host:port is missing"),
            (
                b"localhost\nx\ny\n",
                "transfer.info, line 1: \"localhost\" is not host:port",
            ),
            (
                b"h:1\n\ny\n",
                "transfer.info, line 2: the client name is missing",
            ),
            (b"h:1\nx\xFF\ny\n", "transfer.info, line 2: not UTF-8 text"),
            (
                b"h:1\nx",
                "transfer.info, line 3: the path of the file is missing",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message);
        }
        let long = [b"h:1\n".to_vec(), vec![b'x'; 255], b"\nfile".to_vec()].concat();
        assert_eq!(
            parse(&long).unwrap_err().to_string(),
            "transfer.info, line 2: a name of 255 bytes does not fit the field: 254 is the most"
        );
    }
}
