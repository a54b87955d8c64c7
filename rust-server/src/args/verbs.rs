//! What the operator's commands are told.

use std::path::PathBuf;
use std::time::SystemTime;

use bytesize::ByteSize;
use clap::{Args, Subcommand};

use super::{Form, Serve, Store};
use crate::exit;

#[derive(Debug, Subcommand)]
pub(crate) enum Clients {
    /// List all clients: their names, folders, dialects and numbers of files.
    ///
    /// The database is read beside a server that runs, or without one, and never changed. An ID is
    /// shown by its beginning, as in logs: the whole of it is a credential.
    #[command(after_help = exit::HELP)]
    Ls(Listing),
    /// Say everything about one client; without a name, the same as `ls`.
    #[command(after_help = exit::HELP)]
    Show(ShowClients),
    /// Give a client another name. Its ID and folder stay; the old name can be registered anew.
    #[command(after_help = exit::HELP)]
    Rename(RenameClient),
    /// Refuse whatever a client asks for. Its files stay.
    #[command(after_help = exit::HELP)]
    Disable(OneClient),
    /// Serve a client again that was disabled.
    #[command(after_help = exit::HELP)]
    Enable(OneClient),
    /// Remove a client with all its files. Without --force only one that has none.
    #[command(after_help = exit::HELP)]
    Rm(RemoveClient),
}

#[derive(Debug, Args)]
pub(crate) struct Listing {
    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct ShowClients {
    /// Name or label of a client.
    pub(crate) client: Option<String>,

    /// Show the whole client ID. Whoever has it is this client: show it to nobody else.
    #[arg(long, requires = "client")]
    pub(crate) id: bool,

    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct RenameClient {
    /// Name or label of the client.
    pub(crate) client: String,
    /// Its name from now on: 1 to 254 bytes.
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct OneClient {
    /// Name or label of the client.
    pub(crate) client: String,

    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveClient {
    /// Name or label of the client.
    pub(crate) client: String,

    /// Remove its files too, those that are pinned as well.
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Files {
    /// List files, or with --all every version of them.
    #[command(after_help = exit::HELP)]
    Ls(ListFiles),
    /// Restore one file: its newest verified version, an older one, or the one of a time.
    #[command(after_help = exit::HELP)]
    Get(GetFile),
    /// Restore the files of one client or of all, each into a folder with the client's label.
    #[command(after_help = exit::HELP)]
    Export(Export),
    /// Read content, and compare it with what was stored.
    #[command(after_help = exit::HELP)]
    Verify(Selection),
    /// Keep a version whatever is pruned.
    #[command(after_help = exit::HELP)]
    Pin(Pin),
    /// Remove one version of a file, or with --all the file.
    #[command(after_help = exit::HELP)]
    Rm(RemoveFile),
}

#[derive(Debug, Args)]
pub(crate) struct ListFiles {
    /// Every version, and those that wait for a verdict.
    #[arg(long)]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) selection: Selection,
}

#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Name or label of a client; without it, all clients.
    pub(crate) client: Option<String>,
    /// Name of a file as the client sent it; without it, all files.
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// One version of one file.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Name or label of the client.
    pub(crate) client: String,
    /// Name of the file as the client sent it, as `files ls` shows it.
    pub(crate) name: String,

    /// The version with this number, as `files ls --all` shows it.
    #[arg(long, value_name = "NUMBER", conflicts_with = "at")]
    pub(crate) version: Option<i64>,

    /// The version that was the newest verified one at a time: 2026-11-25T14:30:00Z, or so long
    /// ago, such as `2days`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<SystemTime>,

    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct GetFile {
    #[command(flatten)]
    pub(crate) chosen: Chosen,

    /// Where to write it; `-` is standard output. Without it, a file of the same name in the working folder.
    #[arg(long, short, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,

    /// Write over a file that is there.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Where to write the files; created if it is missing.
    pub(crate) folder: PathBuf,

    /// Name or label of a client; without it, all clients.
    #[arg(long, value_name = "CLIENT")]
    pub(crate) client: Option<String>,

    /// The files as they were at a time: 2026-11-25T14:30:00Z, or so long ago, such as `2days`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) at: Option<SystemTime>,

    /// Write over files that are there.
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Pin {
    #[command(flatten)]
    pub(crate) chosen: Chosen,

    /// Take it back.
    #[arg(long)]
    pub(crate) off: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveFile {
    #[command(flatten)]
    pub(crate) chosen: Chosen,

    /// Every version of the file.
    #[arg(long, conflicts_with_all = ["version", "at"], required_unless_present_any = ["version", "at"])]
    pub(crate) all: bool,

    /// Even if it is pinned.
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Keep this many of the newest verified versions of each file.
    #[arg(long, value_name = "N")]
    pub(crate) keep_last: Option<usize>,

    /// Keep versions that were received so short a time ago, such as `30days`.
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    pub(crate) keep_within: Option<std::time::Duration>,

    /// Remove versions that have waited for a verdict for longer than this.
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    pub(crate) unverified_older: Option<std::time::Duration>,

    /// Only say what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Name or label of a client; without it, all clients.
    #[arg(long, value_name = "CLIENT")]
    pub(crate) client: Option<String>,

    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Move aside, into the folder `aside` of the store, what is damaged or belongs to nothing. Nothing
    /// is deleted.
    #[arg(long)]
    pub(crate) repair: bool,

    /// Complain when less than this is free on the disk.
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub(crate) want_free: ByteSize,

    /// The key file that the server is told of [default: seal.key in the data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct BackupCopy {
    /// Where to; it may not exist.
    pub(crate) folder: PathBuf,

    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print every setting of `serve`, and where it comes from, in the form of a configuration file.
    ///
    /// Takes the options of `serve`.
    #[command(after_help = exit::HELP)]
    Show(CheckedConfig),
    /// Say whether `serve` could work with the settings, and what is wrong with them.
    ///
    /// Takes the options of `serve`. Nothing is listened on and no folder is touched.
    #[command(after_help = exit::HELP)]
    Check(CheckedConfig),
}

#[derive(Debug, Args)]
pub(crate) struct CheckedConfig {
    #[command(flatten)]
    pub(crate) serve: Box<Serve>,

    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// For which shell.
    pub(crate) shell: clap_complete::Shell,

    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write a page for every command into this folder, which is created if it is missing.
    pub(crate) folder: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) form: Form,
}

/// A time, or how long ago it was.
fn moment(text: &str) -> Result<SystemTime, &'static str> {
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        return Ok(time);
    }
    let ago = humantime::parse_duration(text).ok();
    ago.and_then(|ago| SystemTime::now().checked_sub(ago))
        // Nothing was stored before, and no time before can be written as we write times.
        .filter(|time| *time >= SystemTime::UNIX_EPOCH)
        .ok_or(
            "expected a time in UTC such as 2026-11-25T14:30:00Z, or how long ago, such as 2days",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_an_age() {
        let time = moment("2026-11-25T14:30:00Z").expect("a time");
        assert_eq!(
            humantime::format_rfc3339_seconds(time).to_string(),
            "2026-11-25T14:30:00Z"
        );
        assert_eq!(moment("2026-11-25 14:30:00"), Ok(time));
        let ago = moment("2days").expect("an age");
        let now = SystemTime::now().duration_since(ago).expect("in the past");
        assert_eq!(now.as_secs() / 3600, 48);
        assert!(moment("yesterday").is_err());
        for text in ["100years", "100000000years", "1000000000000years"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
