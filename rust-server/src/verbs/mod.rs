//! The commands of an operator: one file a group.

pub(crate) mod clients;
pub(crate) mod config;
pub(crate) mod files;
pub(crate) mod restore;
pub(crate) mod shell;
pub(crate) mod upkeep;

use std::fmt::Write;
use std::time::SystemTime;

use backup_server::Shown;
use backup_server::store::operator::{ClientInfo, Operator, OperatorError, VersionInfo};
use serde::Serialize;

use crate::args::{Chosen, Store};
use crate::exit::Exit;
use crate::output::{Failure, advice_on};

/// What came of a command.
pub(crate) type Done = Result<Exit, Failure>;

impl From<OperatorError> for Failure {
    fn from(error: OperatorError) -> Self {
        let (exit, advice) = match &error {
            OperatorError::Store(error) => (Exit::Data, advice_on(error).to_owned()),
            OperatorError::OlderDatabase { .. } => (
                Exit::Data,
                "start `backup-server serve` of this release once: it brings the store up to date"
                    .to_owned(),
            ),
            OperatorError::NoClient {
                nearest: Some(nearest),
                ..
            } => (
                Exit::NotFound,
                format!("did you mean {:?}? `clients ls` lists all", nearest),
            ),
            OperatorError::NoClient { .. } => (Exit::NotFound, "`clients ls` lists all".to_owned()),
            OperatorError::Ambiguous { .. } => (
                Exit::Usage,
                "use the other name of the client that you mean: see `clients ls`".to_owned(),
            ),
            OperatorError::BadName { .. } => (Exit::Usage, "choose another name".to_owned()),
            OperatorError::Busy { .. } => (
                Exit::Failure,
                "try again, or see the log of the server".to_owned(),
            ),
            _ => (Exit::Failure, "see the log of the server".to_owned()),
        };
        Self::of(exit, &error, advice)
    }
}

fn look(store: &Store) -> Result<Operator, OperatorError> {
    Operator::look(&store.data)
}

fn change(store: &Store) -> Result<Operator, OperatorError> {
    Operator::change(&store.data)
}

fn client(operator: &Operator, word: Option<&str>) -> Result<Option<ClientInfo>, OperatorError> {
    word.map(|word| operator.client(word)).transpose()
}

/// All versions of the file that is chosen.
fn versions_of(operator: &Operator, chosen: &Chosen) -> Result<Vec<VersionInfo>, Failure> {
    let client = operator.client(&chosen.client)?;
    let versions = operator.versions(Some(&client), Some(&chosen.name))?;
    if versions.is_empty() {
        let message = format!("{:?} has no file {:?}", client.name, chosen.name);
        return Err(Failure::new(
            Exit::NotFound,
            message,
            "`files ls CLIENT` lists names as they were sent",
        ));
    }
    Ok(versions)
}

/// The version that is chosen: by its number, as that of a time, or the newest verified one.
fn version_of(operator: &Operator, chosen: &Chosen) -> Result<VersionInfo, Failure> {
    let versions = versions_of(operator, chosen)?;
    let found = match (chosen.version, chosen.at) {
        (Some(number), _) => versions
            .into_iter()
            .find(|version| version.version.0 == number),
        (None, at) => as_of(versions.into_iter(), at),
    };
    found.ok_or_else(|| {
        let message = match (chosen.version, chosen.at) {
            (Some(number), _) => format!("{:?} has no version {number}", chosen.name),
            (None, Some(at)) => {
                format!("{:?} had no verified version at {}", chosen.name, time(at))
            }
            (None, None) => format!("{:?} has no verified version", chosen.name),
        };
        let advice =
            "`files ls --all CLIENT NAME` lists its versions; --version takes one that waits, too";
        Failure::new(Exit::NotFound, message, advice)
    })
}

/// The newest verified one of a file's versions, newest first, at a time or now.
fn as_of(
    mut versions: impl Iterator<Item = VersionInfo>,
    at: Option<SystemTime>,
) -> Option<VersionInfo> {
    versions.find(|version| {
        version
            .verified
            .is_some_and(|verified| at.is_none_or(|at| verified <= at))
    })
}

/// A version, in every command's JSON.
#[derive(Serialize)]
struct VersionEntry {
    client: String,
    label: String,
    name: String,
    version: i64,
    size: u64,
    cksum: u32,
    /// Hexadecimal.
    blake3: Option<String>,
    received: String,
    verified: Option<String>,
    pinned: bool,
    newest: bool,
}

impl From<&VersionInfo> for VersionEntry {
    fn from(version: &VersionInfo) -> Self {
        let hex = |digest: &[u8; 32]| digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            client: version.client.clone(),
            label: version.label.clone(),
            name: version.name.clone(),
            version: version.version.0,
            size: version.size,
            cksum: version.cksum,
            blake3: version.digest.as_ref().map(hex),
            received: time(version.received),
            verified: version.verified.map(time),
            pinned: version.pinned.is_some(),
            newest: version.newest,
        }
    }
}

/// A version in a sentence.
fn said(version: &VersionInfo) -> String {
    format!(
        "{} {}, version {}",
        Shown(&version.client),
        Shown(&version.name),
        version.version.0
    )
}

/// In UTC, to the second.
fn time(time: SystemTime) -> String {
    let mut text = String::new();
    match write!(text, "{}", humantime::format_rfc3339_seconds(time)) {
        Ok(()) => text,
        // A year that has more than four digits: the database is damaged, or a clock was.
        Err(_) => "unknown".to_owned(),
    }
}

/// 1 file, 2 files.
fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}
