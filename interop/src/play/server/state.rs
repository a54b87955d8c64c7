//! What the played server knows, and what it knows still when it starts again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::frame::Id;
use crate::play::server::{Fault, Server};

#[derive(Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) clients: Vec<Client>,
    pub(super) uploads: Vec<Upload>,
    pub(super) stored: usize,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Client {
    pub(super) id: Id,
    pub(super) name: String,
    pub(super) public_key: Option<Vec<u8>>,
    pub(super) key: Option<Vec<u8>>,
    /// The connection that it registered on; nobody has it after a restart.
    #[serde(skip)]
    pub(super) connection: Option<usize>,
    /// How many files it sent, and how many of them were said to be wrong.
    #[serde(default)]
    pub(super) files: usize,
    #[serde(default)]
    pub(super) wrong: usize,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Upload {
    pub(super) client: Id,
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) verified: bool,
    /// The connection it came by; nobody has it after a restart.
    #[serde(skip)]
    pub(super) connection: Option<usize>,
    /// What is written once the file is judged, as a fault has it.
    #[serde(skip)]
    pub(super) late: Option<Vec<u8>>,
}

impl State {
    pub(super) fn read(data: &Path, fault: Option<Fault>) -> io::Result<Self> {
        let mut state: Self = match fs::read_to_string(data.join("state.json")) {
            Ok(text) => serde_json::from_str(&text)?,
            Err(_) => return Ok(Self::default()),
        };
        match fault {
            Some(Fault::ForgetsWaiting) => state.uploads.retain(|upload| {
                if !upload.verified {
                    drop(fs::remove_file(&upload.path));
                }
                upload.verified
            }),
            Some(Fault::ForgetsNames) => {
                state
                    .clients
                    .iter_mut()
                    .for_each(|client| client.name.clear());
            }
            Some(Fault::ForgetsClients) => state
                .clients
                .iter_mut()
                .for_each(|client| client.id = rand::random()),
            Some(Fault::ForgetsKeys) => state
                .clients
                .iter_mut()
                .for_each(|client| client.key = None),
            Some(Fault::ForgetsPublicKeys) => state
                .clients
                .iter_mut()
                .for_each(|client| client.public_key = None),
            _ => {}
        }
        Ok(state)
    }

    /// Writes it down.
    pub(super) fn write(&self, data: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self)?;
        let path = data.join("state.json");
        let new = path.with_extension(format!("{:x}", rand::random::<u64>()));
        fs::write(&new, text)?;
        fs::rename(new, path)
    }
}

impl Server {
    /// Drops what waits on a connection, as a fault has it.
    pub(super) fn drop_waiting(&self, connection: usize) {
        self.lock()
            .uploads
            .retain(|upload| upload.verified || upload.connection != Some(connection));
    }
}
