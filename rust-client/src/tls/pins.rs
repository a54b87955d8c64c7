//! Keys of servers, kept from the first meeting on.
//!
//! ```text
//! backup.example:1235 sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//! ```
//!
//! One server a line; empty lines and those that begin with `#` are passed over. The digest is that of
//! the SubjectPublicKeyInfo in DER, so a certificate may be renewed as long as its key stays.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::platform;
use crate::server::ServerAddress;

/// The key of a server, or the file of keys, is not as it should be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PinError {
    /// The file cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line of it says nothing.
    #[error("line {line} of {} is not HOST:PORT sha256:DIGEST", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: usize,
    },
    /// The server has another key than when it was met first.
    #[error(
        "{server} has another key than before: sha256:{found}. If that is right, remove line {line} of {}; if nobody \
         changed it, somebody is in between",
        path.display()
    )]
    Changed {
        /// The server.
        server: ServerAddress,
        /// Digest of its key now, in hex.
        found: String,
        /// The file.
        path: PathBuf,
        /// The line, from 1 on.
        line: usize,
    },
}

/// What the file says of one server.
#[derive(Debug)]
pub(super) struct Pin {
    path: PathBuf,
    server: ServerAddress,
    /// Line and digest.
    known: Option<(usize, String)>,
}

impl Pin {
    /// Looks the server up. A file that is not there knows nobody.
    pub(super) fn look_up(path: &Path, server: &ServerAddress) -> Result<Self, PinError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => {
                let path = path.to_owned();
                return Err(PinError::File { path, source });
            }
        };
        let mut known = None;
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let said = text
                .split_once(char::is_whitespace)
                .and_then(|(server, digest)| {
                    let digest = digest.trim().strip_prefix("sha256:")?;
                    let is_digest =
                        digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
                    Some((server, is_digest.then(|| digest.to_ascii_lowercase())?))
                });
            // Passed over, a damaged line would make the server one that was never met.
            let Some((name, digest)) = said else {
                let path = path.to_owned();
                return Err(PinError::Line { path, line });
            };
            if known.is_none() && name.parse::<ServerAddress>().as_ref() == Ok(server) {
                known = Some((line, digest));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            server: server.clone(),
            known,
        })
    }

    /// Whether the server is met first, or known by this key.
    pub(super) fn check(&self, public_key: &[u8]) -> Result<(), PinError> {
        let found = hex(&Sha256::digest(public_key));
        match &self.known {
            Some((line, digest)) if *digest != found => Err(PinError::Changed {
                server: self.server.clone(),
                found,
                path: self.path.clone(),
                line: *line,
            }),
            _ => Ok(()),
        }
    }

    /// Keeps the key of a server that is met first.
    pub(super) fn keep(&self, public_key: &[u8]) -> Result<(), PinError> {
        if self.known.is_some() {
            return Ok(());
        }
        let digest = hex(&Sha256::digest(public_key));
        self.append(&digest).map_err(|source| PinError::File {
            path: self.path.clone(),
            source,
        })
    }

    fn append(&self, digest: &str) -> io::Result<()> {
        if let Some(folder) = self.path.parent().filter(|it| !it.as_os_str().is_empty()) {
            platform::create_private_folder(folder)?;
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path)?;
        // One write, so that two clients that meet servers at once do not mix their lines.
        file.write_all(format!("{} sha256:{digest}\n", self.server).as_bytes())?;
        file.sync_all()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_key_and_takes_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/known_servers");
        let pin = |server: &str| Pin::look_up(&path, &server.parse().unwrap());
        let meet = |server: &str, key: &[u8]| {
            let pin = pin(server).unwrap();
            pin.check(key)?;
            pin.keep(key)
        };
        meet("a:1", b"key").unwrap();
        meet("b:1", b"other").unwrap();
        meet("a:2", b"third").unwrap();
        meet("a:1", b"key").unwrap();
        let changed = meet("b:1", b"key");
        assert!(
            matches!(changed, Err(PinError::Changed { line: 2, .. })),
            "{changed:?}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
    }

    #[test]
    fn a_damaged_line_does_not_make_a_server_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_servers");
        for line in ["a:1", "a:1 sha256:12", "a:1 md5:0", "\u{0}"] {
            fs::write(&path, format!("# mine\n\n{line}\n")).unwrap();
            let error = Pin::look_up(&path, &"a:1".parse().unwrap()).unwrap_err();
            assert!(matches!(error, PinError::Line { line: 3, .. }), "{error}");
        }
    }
}
