//! What `serve` is told, resolved into a [`Config`].

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use backup_protocol::Dialect;
use backup_protocol::dialect::Modifier;
use backup_server::{Config, DialectChoice, Limits, PortInfoError, read_port_info};
use bytesize::ByteSize;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ValueEnum, value_parser};
use tracing::level_filters::LevelFilter;

use super::Store;
use super::around::AroundArguments;
use super::keeping::Keeping;
use super::limits::{LimitArguments, to_usize};

pub(super) const EXAMPLES: &str = "\
Examples:
  backup-server serve
        port from port.info in this folder, files under ./backup-data
  backup-server serve --listen 0.0.0.0:1234 --data /srv/backup
        for clients on other machines; read SECURITY.md first
  backup-server serve --listen 127.0.0.1:0 --dialect readme
        a free port, printed on standard output as `listening on HOST:PORT`
  backup-server serve --dialect 2023a,crc=zlib,pad=1024
        for clients of 2023 that take zlib's CRC-32 and want answers of 1024 bytes
  backup-server serve --dialect auto,seed,2024a
        for clients of any generation: what one does not show is answered as in the first that fits
";

/// Every dialect and every modifier, for the end of the long help.
pub(super) fn dialects() -> String {
    let mut text = "Dialects (PROTOCOL.md 10):\n".to_owned();
    for dialect in Dialect::all() {
        text.push_str(&format!("  {:<8} {}\n", dialect.name, dialect.title));
    }
    text.push_str("\nModifiers, each after a comma:\n");
    for modifier in Modifier::all() {
        let key = format!("{}=", modifier.key);
        text.push_str(&format!("  {key:<15} {}\n", modifier.possible()));
    }
    text
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 chooses a free one. Without it 127.0.0.1, with the port from
    /// `port.info` in the working folder, or else the dialect's default port.
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port)]
    listen: Option<String>,

    #[command(flatten)]
    store: Store,

    #[command(flatten)]
    keeping: Keeping,

    /// The layout of messages that the clients use: a name, or the path of a dialect file, and
    /// modifiers. With `auto` it is learned from each client's requests, and what they do not show is
    /// that of the first base which agrees with what they do show.
    #[arg(long, value_name = "NAME[,MODIFIER...] | FILE | auto[,BASE...]",
          default_value = &*Dialect::all()[0].name, value_parser = DialectChoice::parse)]
    dialect: DialectChoice,

    /// Refuse files with more encrypted content than this, such as 500MB or 2GiB. The protocol
    /// itself ends at 4GiB.
    #[arg(long, value_name = "SIZE", default_value = "4GiB")]
    max_file: ByteSize,

    /// Read and throw away at most this much of a refused file; for more the connection is closed.
    #[arg(long, value_name = "SIZE", default_value = "16MiB")]
    discard_limit: ByteSize,

    /// Close a connection on which nothing moves for this long.
    #[arg(long, value_name = "SECONDS", default_value = "600",
          value_parser = value_parser!(u32).range(1..))]
    idle_timeout: u32,

    /// Serve this many connections at once. For one more, that which is idle longest is closed; if none
    /// is, it waits. An upload takes up to 1 MiB of memory [default: what the limit of open files
    /// allows, two a connection]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=100_000))]
    max_connections: Option<u32>,

    #[command(flatten)]
    limits: LimitArguments,

    #[command(flatten)]
    around: AroundArguments,

    /// What to log on standard error.
    #[arg(long, value_name = "LEVEL", default_value = "info",
          value_parser = PossibleValuesParser::new(LEVELS).try_map(|level| level.parse::<LevelFilter>()))]
    pub(crate) log: LevelFilter,

    /// How to write the log.
    #[arg(long, value_name = "FORMAT", value_enum, default_value = "text")]
    pub(crate) log_format: LogFormat,
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Form of the log.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the settings, and the working folder, come to.
pub(crate) struct Resolved {
    pub(crate) config: Config,
    pub(crate) listen_from: ListenFrom,
    /// Where metrics are served.
    pub(crate) metrics: Option<SocketAddr>,
}

/// Why the settings come to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unresolved {
    #[error(transparent)]
    PortInfo(#[from] PortInfoError),
    #[error("the settings for TLS are not complete")]
    HalfTls,
}

impl Unresolved {
    /// What to do now.
    pub(crate) const fn advice(&self) -> &'static str {
        match self {
            Self::PortInfo(_) => "put a port into it, or use --listen",
            Self::HalfTls => "give all of --tls-listen, --tls-cert and --tls-key, or none",
        }
    }
}

/// What said where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListenFrom {
    /// The command line, the environment or the configuration file.
    Setting,
    /// `port.info` in the working folder.
    PortInfo,
    /// Nothing: it is the port of the dialect.
    Dialect,
}

impl Serve {
    /// Looks at `port.info` if the settings leave the address open (PROTOCOL.md 8.1).
    pub(crate) fn resolve(self) -> Result<Resolved, Unresolved> {
        let (listen, listen_from) = match self.listen {
            Some(listen) => (listen, ListenFrom::Setting),
            None => {
                let (port, from) = match read_port_info(Path::new("."))? {
                    Some(port) => (port, ListenFrom::PortInfo),
                    None => (self.dialect.default_port(), ListenFrom::Dialect),
                };
                (format!("127.0.0.1:{port}"), from)
            }
        };
        let mut limits = Limits {
            max_file: self.max_file.as_u64(),
            discard: self.discard_limit.as_u64(),
            idle_timeout: Duration::from_secs(self.idle_timeout.into()),
            max_connections: self.max_connections.map(to_usize),
            ..Limits::default()
        };
        self.limits.apply(&mut limits);
        Ok(Resolved {
            config: Config {
                listen,
                data: self.store.data,
                dialect: self.dialect,
                store: self.keeping.options(),
                limits,
                tls: self.around.tls()?,
                metrics_of_clients: self.around.metrics_clients,
            },
            listen_from,
            metrics: self.around.metrics(),
        })
    }
}

/// Catches `1234` and `localhost`, which a resolver would take for strange host names.
pub(super) fn host_and_port(text: &str) -> Result<String, &'static str> {
    let port = text
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty())
        .map(|(_, port)| port);
    match port.map(str::parse::<u16>) {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err("expected HOST:PORT, such as 127.0.0.1:1234"),
    }
}
