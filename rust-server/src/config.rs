//! What a server is told.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::dialect::DialectChoice;
use crate::limits::Limits;
use crate::store::StoreOptions;
use crate::tls::TlsConfig;

/// Everything that [`Server::bind`](crate::Server::bind) needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// `HOST:PORT` to listen on; port 0 lets the system choose.
    pub listen: String,
    /// Folder for database and files, created if it is missing.
    pub data: PathBuf,
    /// The layout that clients of this server use.
    pub dialect: DialectChoice,
    /// How what comes is kept.
    pub store: StoreOptions,
    /// What no client may exceed.
    pub limits: Limits,
    /// TLS, on an address of its own.
    pub tls: Option<TlsConfig>,
    /// Whether metrics have a label for each client.
    pub metrics_of_clients: bool,
}

/// `port.info` (PROTOCOL.md 8.1) cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PortInfoError {
    /// It is there but cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It holds something else than a port.
    #[error("{} does not hold a port from 1 to 65535", path.display())]
    NotAPort {
        /// The file.
        path: PathBuf,
    },
}

/// The port in `port.info`, if the file is there. White space around it, such as CRLF, and the
/// byte-order mark of Windows editors are ignored.
///
/// # Errors
///
/// [`PortInfoError`] if the file is there and holds no port.
pub fn read_port_info(folder: &Path) -> Result<Option<u16>, PortInfoError> {
    let path = folder.join("port.info");
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(PortInfoError::Unreadable { path, source }),
    };
    let text = String::from_utf8_lossy(&bytes);
    match text.trim_start_matches('\u{feff}').trim().parse() {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(PortInfoError::NotAPort { path }),
    }
}
