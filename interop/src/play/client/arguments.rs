//! What the played client is told: on the command line, or by the files of its folder.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::dialect::Dialect;
#[cfg(test)]
use crate::play::client;
use crate::play::client::Fault;

#[derive(Debug, Args)]
pub(crate) struct ClientArguments {
    /// Files to back up
    #[arg(required_unless_present = "set_up")]
    files: Vec<PathBuf>,
    /// Where the server is
    #[arg(long, required_unless_present = "set_up")]
    pub(in crate::play) server: Option<String>,
    /// Name to register
    #[arg(long, required_unless_present = "set_up")]
    name: Option<String>,
    /// Folder of its info file
    #[arg(long, required_unless_present = "set_up")]
    identity: Option<PathBuf>,
    /// Folder of transfer.info and me.info, in place of the other arguments
    #[arg(long, value_name = "DIR", conflicts_with_all = ["files", "server", "name", "identity"])]
    set_up: Option<PathBuf>,
    /// What it speaks, by name or by its JSON file, perhaps with modifiers
    #[arg(long, default_value = "seed", value_parser = Dialect::find)]
    pub(in crate::play) dialect: Dialect,
    /// A connection for each request
    #[arg(long)]
    connection_per_request: bool,
    /// The name to send for the file, in place of its own
    #[arg(long)]
    send_as: Option<String>,
    /// What it does wrong
    #[arg(long, value_name = "ID", value_enum)]
    fault: Option<Fault>,
    /// Make the changes of a script to what it sends and is sent (interop/README.md)
    #[arg(long, value_name = "FILE", conflicts_with = "set_up")]
    pub(in crate::play) script: Option<PathBuf>,
}

/// Everything that a run needs to know.
pub(super) struct Job {
    pub(super) files: Vec<PathBuf>,
    pub(super) server: String,
    pub(super) name: String,
    /// The folder of its info file.
    pub(super) identity: PathBuf,
    pub(super) dialect: Dialect,
    pub(super) connection_per_request: bool,
    pub(super) send_as: Option<String>,
    pub(super) fault: Option<Fault>,
}

impl ClientArguments {
    pub(super) fn job(self) -> Result<Job, String> {
        if let Some(folder) = &self.set_up {
            return Job::in_folder(folder, self.dialect, self.fault);
        }
        Ok(Job {
            files: self.files,
            server: self.server.unwrap_or_default(),
            name: self.name.unwrap_or_default(),
            identity: self.identity.unwrap_or_default(),
            dialect: self.dialect,
            connection_per_request: self.connection_per_request,
            send_as: self.send_as,
            fault: self.fault,
        })
    }
}

impl Job {
    /// What `transfer.info` says (PROTOCOL.md 8.2).
    fn in_folder(folder: &Path, dialect: Dialect, fault: Option<Fault>) -> Result<Self, String> {
        let path = folder.join("transfer.info");
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut lines: Vec<_> = match fault {
            Some(Fault::LfOnly) => text.split('\n').collect(),
            _ => text.lines().collect(),
        };
        if fault == Some(Fault::NeedsLastLineEnd) && !text.ends_with('\n') {
            lines.pop();
        }
        let [server, name, file, ..] = &lines[..] else {
            return Err("transfer.info has not three lines".into());
        };
        Ok(Self {
            files: vec![folder.join(file)],
            server: (*server).to_owned(),
            name: (*name).to_owned(),
            identity: folder.to_owned(),
            dialect,
            connection_per_request: false,
            send_as: None,
            fault,
        })
    }
}

/// Plays a client in this process, in a folder that is set up for it. Further files than that of `transfer.info` can
/// be named.
#[cfg(test)]
pub(crate) fn client_in(
    folder: &Path,
    files: &[String],
    dialect: Dialect,
    fault: Option<Fault>,
) -> u8 {
    let Ok(mut job) = Job::in_folder(folder, dialect, fault) else {
        return client::End::Ours as u8;
    };
    if !files.is_empty() {
        job.files = files.iter().map(|file| folder.join(file)).collect();
    }
    client::run_job(job)
}
