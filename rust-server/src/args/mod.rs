//! The command line, with what environment and configuration file add to it.

mod around;
mod keeping;
mod layers;
mod limits;
mod serve;
mod verbs;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use layers::{Complaint, Setting, Source, command, plain, read};
pub(crate) use serve::{ListenFrom, LogFormat, Resolved, Serve};

pub(crate) use verbs::{
    BackupCopy, CheckedConfig, Chosen, Clients, Completions, Config, Doctor, Export, Files,
    GetFile, ListFiles, Listing, Man, OneClient, Pin, Prune, RemoveClient, RemoveFile,
    RenameClient, Selection, ShowClients,
};

use crate::exit;

const SETTINGS: &str = "\
Settings come from, the first that has one: the command line, the environment, the configuration file
(TOML, named by --config, with the long options as keys: `max-file = \"2GiB\"`), and port.info for the
port. `backup-server config show` says what they come to.";

/// A server for the backup protocol: it receives files, and keeps those whose cksum a client
/// confirms.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = exit::HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Receive files until SIGINT or SIGTERM.
    #[command(after_help = format!("{}\n{SETTINGS}\n\n{}", serve::EXAMPLES, exit::HELP),
              after_long_help = format!("{}\n{SETTINGS}\n\n{}\n{}", serve::EXAMPLES, serve::dialects(), exit::HELP))]
    Serve(Box<Serve>),
    /// Who backs up here: list, show, rename, disable and remove clients.
    #[command(subcommand)]
    Clients(Clients),
    /// What they sent: list, restore, verify, pin and remove files.
    #[command(subcommand)]
    Files(Files),
    /// Remove old versions. Without a rule nothing is removed; what is pinned, and the newest verified
    /// version of each file, always stays.
    #[command(after_help = exit::HELP)]
    Prune(Prune),
    /// Say how much there is.
    #[command(after_help = exit::HELP)]
    Stats(Listing),
    /// Look at everything: the database, every row and file, permissions, free space, the file system.
    ///
    /// Also beside a server that runs. What is wrong is listed, and the exit code is 6.
    #[command(after_help = exit::HELP)]
    Doctor(Doctor),
    /// Copy the whole store while the server works.
    ///
    /// The copy is a store of its own, of one moment, with every cksum compared on the way.
    #[command(after_help = exit::HELP)]
    BackupCopy(BackupCopy),
    /// What the settings of a server come to.
    #[command(subcommand)]
    Config(Config),
    /// Print completions for a shell.
    Completions(Completions),
    /// Print the manual page, or write one for every command.
    Man(Man),
}

/// Where the store is, for every command that needs it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Store {
    /// Folder with the database and the files; `serve` creates it.
    #[arg(long, value_name = "DIR", default_value = "backup-data")]
    pub(crate) data: PathBuf,

    /// Configuration file, in TOML. Paths in it are seen from the working folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// How results are written.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Form {
    /// Write one JSON document, errors included, whose members stay what they are from release to
    /// release.
    #[arg(long)]
    pub(crate) json: bool,
}
