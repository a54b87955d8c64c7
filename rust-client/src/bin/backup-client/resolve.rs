//! From a command line to a plan: which server, which name, which folder, which files.

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use backup_client::identity::{self, IdentityError};
use backup_client::setup::{NAME_COMFORT, SetupError, TransferInfo};
use backup_client::{ServerAddress, TlsOptions};
use backup_protocol::wire::Name;
use thiserror::Error;

use crate::args::{CommandLine, Options, Verb};

/// Everything that a run needs to know.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) task: Task,
    pub(crate) folder: PathBuf,
    pub(crate) server: ServerAddress,
    pub(crate) name: Name,
    /// For people, before the work begins.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Register,
    Send(Vec<PathBuf>),
}

#[derive(Debug, Error)]
pub(crate) enum ResolveError {
    #[error("{what} is not known")]
    Unknown {
        what: &'static str,
        advice: &'static str,
    },
    #[error("--send-as names one file, and {0} were given")]
    SendAs(usize),
    #[error("no place for the identity: neither XDG_DATA_HOME nor HOME is set")]
    NoDataFolder,
    #[error("{0} is of no use without --tls")]
    WithoutTls(&'static str),
    #[error("--client-cert and --client-key belong together")]
    HalfCertificate,
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

const NO_SERVER: ResolveError = ResolveError::Unknown {
    what: "the server",
    advice: "give --server HOST:PORT or set BACKUP_SERVER",
};
const NO_NAME: ResolveError = ResolveError::Unknown {
    what: "the client name",
    advice: "give --name NAME or set BACKUP_NAME",
};

/// Completes `register`, `send` or the bare command.
pub(crate) fn resolve(line: &CommandLine) -> Result<Plan, ResolveError> {
    let options = &line.options;
    let plan = match &line.verb {
        None => from_transfer_info(options)?,
        Some(Verb::Send { files }) => from_options(options, Task::Send(files.clone()))?,
        Some(Verb::Register | Verb::Info | Verb::Tunnel { .. }) => {
            from_options(options, Task::Register)?
        }
    };
    match &plan.task {
        Task::Send(files) if options.send_as.is_some() && files.len() != 1 => {
            Err(ResolveError::SendAs(files.len()))
        }
        _ => Ok(plan),
    }
}

/// How TLS is spoken, if it is. A tunnel always does.
pub(crate) fn tls(line: &CommandLine) -> Result<Option<TlsOptions>, ResolveError> {
    let options = &line.options;
    if !options.tls && !matches!(line.verb, Some(Verb::Tunnel { .. })) {
        let given = [
            (&options.ca, "--ca"),
            (&options.known_servers, "--known-servers"),
            (&options.client_cert, "--client-cert"),
            (&options.client_key, "--client-key"),
        ];
        // Whoever says whom to trust must not be left in the clear.
        return match given.into_iter().find(|(given, _)| given.is_some()) {
            Some((_, option)) => Err(ResolveError::WithoutTls(option)),
            None => Ok(None),
        };
    }
    let tls = match (&options.ca, &options.known_servers) {
        (Some(ca), _) => TlsOptions::signed_by(ca),
        (None, Some(file)) => TlsOptions::pinned(file),
        (None, None) => TlsOptions::pinned(data_folder()?.join("known_servers")),
    };
    match (&options.client_cert, &options.client_key) {
        (Some(certificate), Some(key)) => {
            Ok(Some(tls.certificate(certificate.clone(), key.clone())))
        }
        (None, None) => Ok(Some(tls)),
        _ => Err(ResolveError::HalfCertificate),
    }
}

/// The server that a tunnel leads to.
pub(crate) fn tunnel_server(options: &Options) -> Result<ServerAddress, ResolveError> {
    options.server.clone().ok_or(NO_SERVER)
}

/// The folder that `info` is about.
pub(crate) fn info_folder(options: &Options) -> Result<PathBuf, ResolveError> {
    match (&options.identity, &options.server, &options.name) {
        (Some(folder), _, _) => Ok(folder.clone()),
        (None, Some(server), Some(name)) => default_folder(server, name),
        (None, _, _) => match TransferInfo::find(&setup_folders()) {
            Ok((_, folder)) => Ok(folder),
            Err(SetupError::Missing(_)) => Err(ResolveError::Unknown {
                what: "the identity to show",
                advice: "give --identity DIR, or --server and --name",
            }),
            Err(error) => Err(error.into()),
        },
    }
}

fn from_transfer_info(options: &Options) -> Result<Plan, ResolveError> {
    let (info, folder) = TransferInfo::find(&setup_folders())?;
    let name = options.name.clone().unwrap_or(info.name);
    let mut warnings = Vec::new();
    let length = name.as_str().chars().count();
    if length > NAME_COMFORT {
        warnings.push(format!(
            "the client name has {length} characters; some servers take no more than {NAME_COMFORT}"
        ));
    }
    Ok(Plan {
        task: Task::Send(vec![info.file]),
        folder: options.identity.clone().unwrap_or(folder),
        server: options.server.clone().unwrap_or(info.server),
        name,
        warnings,
    })
}

fn from_options(options: &Options, task: Task) -> Result<Plan, ResolveError> {
    let mut server = options.server.clone();
    let mut name = options.name.clone();
    let folder = match &options.identity {
        Some(folder) => {
            if server.is_none() || name.is_none() {
                match identity::inspect(folder) {
                    Ok((me_info, record)) => {
                        name.get_or_insert(me_info.name);
                        if server.is_none() {
                            server = record?.and_then(|record| record.server.parse().ok());
                        }
                    }
                    Err(IdentityError::None(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            folder.clone()
        }
        None => default_folder(
            server.as_ref().ok_or(NO_SERVER)?,
            name.as_ref().ok_or(NO_NAME)?,
        )?,
    };
    Ok(Plan {
        task,
        folder,
        server: server.ok_or(NO_SERVER)?,
        name: name.ok_or(NO_NAME)?,
        warnings: Vec::new(),
    })
}

/// Where the family's clients look: the working folder, then beside the executable.
fn setup_folders() -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::from(".")];
    if let Some(folder) = env::current_exe().ok().as_deref().and_then(Path::parent) {
        folders.push(folder.to_owned());
    }
    folders
}

/// Where this program keeps things.
fn data_folder() -> Result<PathBuf, ResolveError> {
    let absolute = |variable| {
        env::var_os(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let data = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .or_else(|| absolute("LOCALAPPDATA"))
        .ok_or(ResolveError::NoDataFolder)?;
    Ok(data.join("backup-client"))
}

fn default_folder(server: &ServerAddress, name: &Name) -> Result<PathBuf, ResolveError> {
    let server = format!("{}_{}", server.host(), server.port());
    Ok(data_folder()?
        .join(folder_name(&server))
        .join(folder_name(name.as_str())))
}

/// A name for a folder that no other text gets: letters, digits, `_`, `-` and `.` (not in front)
/// stand for themselves, the rest is percent-encoded.
fn folder_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-')
            || (byte == b'.' && !name.is_empty())
        {
            name.push(byte.into());
        } else {
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_stays_in_its_folder_and_is_of_one_text_only() {
        assert_eq!(folder_name("localhost_1234"), "localhost_1234");
        assert_eq!(folder_name("../x"), "%2E.%2Fx");
        assert_eq!(folder_name("a b%20"), "a%20b%2520");
        assert_eq!(folder_name("Zoë"), "Zo%C3%AB");
    }
}
