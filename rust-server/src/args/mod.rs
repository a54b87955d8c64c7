//! The command line, with what environment and configuration file add to it.

mod around;
mod layers;
mod limits;
mod serve;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use layers::{Complaint, Setting, Source, plain, read};
pub(crate) use serve::{ListenFrom, LogFormat, Resolved, Serve};

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
    /// What the server knows of its clients.
    #[command(subcommand)]
    Clients(Clients),
    /// What the settings of a server come to.
    #[command(subcommand)]
    Config(Config),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Clients {
    /// List all clients: their names, folders, dialects and numbers of files.
    ///
    /// The database is read beside a server that runs, or without one, and never changed. An ID is
    /// shown by its beginning, as in logs: the whole of it is a credential.
    #[command(after_help = exit::HELP)]
    Show(ShowClients),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowClients {
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

#[derive(Debug, clap::Args)]
pub(crate) struct CheckedConfig {
    #[command(flatten)]
    pub(crate) serve: Box<Serve>,

    #[command(flatten)]
    pub(crate) form: Form,
}

/// Where the store is, for every command that needs it.
#[derive(Debug, clap::Args)]
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
