//! `backup-interop proxy`: between any two programs.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use signal_hook::iterator::Signals;

use crate::cli::{Complaint, ENDS, Exit};
use crate::dialect::Dialect;
use crate::proxy::{self, Capture, Change, Changes, Watch};
use crate::stdout::Stdout;
use crate::tap::{Flip, Plan, Tap};

/// Longer than any run of a proxy: the tap gives up what it holds at a deadline.
const DEADLINE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(Debug, Args)]
#[command(after_help = "\
Each line has the number of the connection; > is from the client, < from the server, = and ! are the proxy's own.
With no knob on, every byte goes on as it came. Each message is shown as its sender sent it; where a knob changes it, a
line 'arrives as' shows what its receiver gets. The capture has what was sent.
MESSAGE is a name or a number: file-received, 2103. With :N it is the Nth alone: file-received:2.")]
pub(super) struct Arguments {
    /// Where clients connect; port 0 is a free one, and the first line says which
    #[arg(long, value_name = "HOST:PORT")]
    listen: String,
    /// The server
    #[arg(long, value_name = "HOST:PORT")]
    to: String,
    /// What they speak, by name or by its JSON file, perhaps with modifiers (`seed,crc=zlib`)
    #[arg(long, value_name = "NAME|FILE[,MODIFIER..]", default_value = "seed", value_parser = Dialect::find)]
    dialect: Dialect,
    /// Write an annotated log of each connection, wire-N.txt, into this folder
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Write a pcapng capture
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Pass bytes on in writes of at most N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    split: Option<u32>,
    /// Wait so long before each write
    #[arg(long, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u32).range(1..=600_000))]
    delay: Option<u32>,
    /// Swallow a message; repeatable
    #[arg(long, value_name = "MESSAGE[:N]")]
    drop: Vec<Change>,
    /// End the stream in place of a message, and leave the other direction open; repeatable
    #[arg(long, value_name = "MESSAGE[:N]")]
    half_close: Vec<Change>,
    /// Flip a byte of this field, once: `FIELD` or `MESSAGE.FIELD`
    #[arg(long, value_name = "FIELD")]
    flip: Option<Flip>,
    /// Make the changes of a script
    #[arg(long, value_name = "FILE", value_parser = script)]
    script: Option<Script>,
}

/// The changes of a file.
type Script = Arc<[Change]>;

fn script(path: &str) -> Result<Script, String> {
    proxy::script(path.as_ref()).map(Script::from)
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Complaint> {
    let dialect = Arc::new(arguments.dialect);
    let listen = address("--listen", &arguments.listen)?;
    let target = address("--to", &arguments.to)?;
    let about = |path: &PathBuf| {
        let path = path.display().to_string();
        move |error: io::Error| Complaint::usage(format!("{path}: {error}"))
    };
    if let Some(folder) = &arguments.log {
        std::fs::create_dir_all(folder).map_err(about(folder))?;
    }
    let capture = match &arguments.pcap {
        Some(file) => Some(Capture::create(file).map_err(about(file))?),
        None => None,
    };
    let watch = Arc::new(Watch::new(
        &dialect,
        Box::new(Stdout),
        arguments.log,
        capture,
    ));
    let mut changes: Vec<Change> = arguments.drop.into_iter().map(Change::dropping).collect();
    changes.extend(arguments.half_close.into_iter().map(Change::ending));
    changes.extend(
        arguments
            .script
            .iter()
            .flat_map(|script| script.iter().cloned()),
    );
    let teller = Arc::clone(&watch);
    let tell = Box::new(move |text: &str| teller.note(text));
    let meddle = Changes::new(&dialect, &changes, tell).map_err(Complaint::usage)?;
    let plan = Plan {
        meddle: if changes.is_empty() {
            None
        } else {
            Some(Box::new(meddle))
        },
        split: arguments.split.map(|size| size as usize),
        delay: arguments
            .delay
            .map(|delay| Duration::from_millis(delay.into())),
        observe: Some(Arc::clone(&watch) as Arc<_>),
        ..Plan::default()
    };
    // Before the port is open: who sees the first line may send a signal at once.
    let mut signals = Signals::new(ENDS).map_err(Complaint::ours)?;
    let mut tap = Tap::new(arguments.flip, Instant::now() + DEADLINE);
    tap.set_target(target);
    let door = tap
        .open_door_at(listen, plan, &dialect)
        .map_err(|error| Complaint::usage(format!("--listen {listen}: {error}")))?;
    watch.note(&format!(
        "= listening on {door}, to {target}, dialect {dialect}"
    ));
    signals.forever().next();
    match watch.fault() {
        Some(error) => Err(Complaint::ours(error)),
        None => Ok(Exit::Passed),
    }
}

fn address(option: &str, text: &str) -> Result<SocketAddr, Complaint> {
    let mut found = text
        .to_socket_addrs()
        .map_err(|error| Complaint::usage(format!("{option} {text}: {error}")))?;
    let none = || Complaint::usage(format!("{option} {text} has no address"));
    found.next().ok_or_else(none)
}
