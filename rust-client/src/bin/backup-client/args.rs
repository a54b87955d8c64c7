//! The command line: declared once, then resolved against the environment and `transfer.info`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use backup_client::{Exit, ServerAddress};
use backup_protocol::Dialect;
use backup_protocol::dialect::Modifier;
use backup_protocol::wire::{Name, NameError};
use clap::parser::ValueSource;
use clap::{
    ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};

use crate::output::with_causes;

/// Backs files up on a server of the backup protocol.
///
/// Without a command it does what `transfer.info` in the working folder says, or beside the
/// executable if the working folder has none: line 1 host:port, line 2 client name, line 3 path of
/// the file. The identity is then `me.info` in the same folder. Options on the command line win
/// over it; environment variables do not count.
#[derive(Debug, Parser)]
#[command(name = "backup-client", version, max_term_width = 100, args_override_self = true,
          after_help = exit_codes(), after_long_help = dialects_and_exit_codes())]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Verb {
    /// Take a name on the server and keep the identity that it gives
    Register,
    /// Send files, registering first if there is no identity
    ///
    /// A file that fails is reported and the others still go; the exit code is then that of the
    /// first failure. Once the server cannot be reached, nothing more is tried.
    Send {
        /// Files to send; each goes under its base name
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Carry connections of other programs to the server inside TLS, until it is stopped
    ///
    /// A program of the family that knows nothing of TLS connects to --listen, and need not be changed.
    Tunnel {
        /// Where such programs connect to; port 0 chooses a free one, which is printed
        #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:1234")]
        listen: String,
    },
    /// Show name, server, dialect and the fingerprint of the key; sends nothing
    Info,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// The server
    #[arg(
        long,
        global = true,
        env = "BACKUP_SERVER",
        hide_env_values = true,
        value_name = "HOST:PORT"
    )]
    pub(crate) server: Option<ServerAddress>,
    /// The client name, 1 to 254 bytes of UTF-8
    #[arg(long, global = true, env = "BACKUP_NAME", hide_env_values = true, value_parser = client_name)]
    pub(crate) name: Option<Name>,
    /// Folder of the identity [default: backup-client/SERVER/NAME under $XDG_DATA_HOME]
    #[arg(
        long,
        global = true,
        env = "BACKUP_IDENTITY",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub(crate) identity: Option<PathBuf>,
    /// What the server speaks: auto, NAME[,KEY=VALUE...], or a file
    ///
    /// auto finds out from the server's answers, and keeps what it found with the identity.
    #[arg(long, global = true, value_name = "DIALECT", default_value = "auto",
          value_parser = dialect_argument)]
    pub(crate) dialect: DialectArgument,
    /// Use a new connection for every request
    #[arg(long, global = true)]
    pub(crate) connection_per_request: bool,
    /// Send the one file under this name
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) send_as: Option<String>,
    /// Ask for a new AES key before each file, or once for each connection
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "file",
        value_name = "WHAT"
    )]
    pub(crate) key_per: KeyPerArg,
    /// Longest wait for a connection and for each read and write
    #[arg(long, global = true, value_name = "SECS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Speak inside TLS; the key of a server is kept when it is met first, and no other one taken after
    #[arg(long, global = true)]
    pub(crate) tls: bool,
    /// Take a server whose certificate is signed by one in this PEM file, in place of a key that is kept
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Keys of servers that were met [default: backup-client/known_servers under $XDG_DATA_HOME]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "ca")]
    pub(crate) known_servers: Option<PathBuf>,
    /// PEM file with this client's own certificate, for a server that asks for one
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_cert: Option<PathBuf>,
    /// PEM file with the private key to it
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,
    /// Print results and errors as JSON, one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress and no warnings
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say what is being done
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// What `--dialect` says; `None` is `auto`.
#[derive(Debug, Clone)]
pub(crate) struct DialectArgument(pub(crate) Option<Dialect>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyPerArg {
    File,
    Connection,
}

impl CommandLine {
    /// Parses the process's arguments. Help, the version, and complaints for people end the process;
    /// with `--json` among the arguments the complaint is handed back.
    pub(crate) fn read() -> Result<Self, String> {
        let parsed = Self::command().try_get_matches().and_then(|matches| {
            let mut this = Self::from_arg_matches(&matches)?;
            if this.verb.is_none() {
                this.options.forget_environment(&matches);
            }
            Ok(this)
        });
        parsed.map_err(|error| {
            if !error.use_stderr() || !std::env::args_os().any(|argument| argument == "--json") {
                error.exit();
            }
            let text = error.to_string();
            let lines = text
                .lines()
                .map(str::trim)
                .take_while(|line| !line.starts_with("Usage:"));
            let text = lines
                .filter(|line| !line.is_empty())
                .collect::<Vec<_>>()
                .join(" ");
            text.trim_start_matches("error: ").to_owned()
        })
    }
}

impl Options {
    /// What `transfer.info` says must not be turned around by a variable that was set for something else.
    fn forget_environment(&mut self, matches: &ArgMatches) {
        let from_environment = |id| matches.value_source(id) == Some(ValueSource::EnvVariable);
        if from_environment("server") {
            self.server = None;
        }
        if from_environment("name") {
            self.name = None;
        }
        if from_environment("identity") {
            self.identity = None;
        }
    }
}

fn exit_codes() -> String {
    let mut text = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        let _ = writeln!(text, "  {}  {}", exit.code(), exit.meaning());
    }
    text
}

/// The dialects and what changes them, then the exit codes.
fn dialects_and_exit_codes() -> String {
    let mut text = String::from("Dialects:\n");
    for dialect in Dialect::all() {
        let _ = writeln!(text, "  {:<8}{}", dialect.name, dialect.title);
    }
    text.push_str("\nAfter a name, with commas between, what the server does otherwise:\n");
    for modifier in Modifier::all() {
        let _ = writeln!(
            text,
            "  {:<15}{}",
            format!("{}=", modifier.key),
            modifier.possible()
        );
    }
    text.push('\n');
    text.push_str(&exit_codes());
    text
}

fn dialect_argument(text: &str) -> Result<DialectArgument, String> {
    if text == "auto" {
        return Ok(DialectArgument(None));
    }
    match Dialect::parse_or_load(text, |path| std::fs::read_to_string(path)) {
        Ok(dialect) => Ok(DialectArgument(Some(dialect))),
        Err(error) => Err(with_causes(&error)),
    }
}

fn client_name(text: &str) -> Result<Name, NameError> {
    Name::new(text)
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        // A year is no wait that anybody means, and far below what the system's timers take.
        Ok(seconds) if seconds > 0.0 && seconds <= 31_536_000.0 => {
            Ok(Duration::from_secs_f64(seconds).max(Duration::from_millis(1)))
        }
        _ => Err("not a number of seconds above 0".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn options_stand_before_or_after_the_verb() {
        for arguments in [
            ["backup-client", "--json", "--server", "h:1", "send", "a"],
            ["backup-client", "send", "--server", "h:1", "a", "--json"],
        ] {
            let line = CommandLine::try_parse_from(arguments).unwrap();
            assert!(line.options.json);
            assert_eq!(line.options.server.unwrap().to_string(), "h:1");
        }
    }
}
