//! `backup-interop server`: the examination of a server.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgGroup, Args};

use crate::cli::places::{peers_folder, places};
use crate::cli::{Complaint, Exit, interrupt_on_signals, probe};
use crate::dialect::Dialect;
use crate::examine::expected::Expected;
use crate::examine::folder;
use crate::examine::options::Options;
use crate::examine::run::{self, Plan};
use crate::examine::select::Selection;
use crate::examine::server::{ServerBench, TABLE};
use crate::examine::subject::{CommandLine, PeerFile, Source};
use crate::peer::{Peer, PeerError, Role};
use crate::report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    subject: SubjectArguments,
    #[command(flatten)]
    options: Options,
    /// Write a report to a file (`-` for stdout) besides what is printed: console, jsonl, junit, markdown or html;
    /// repeatable
    #[arg(long, value_name = "FORMAT=FILE")]
    report: Vec<report::Wanted>,
}

/// Which server it is.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("subject").required(true).args(["addr", "cmd", "peer"])))]
pub(super) struct SubjectArguments {
    /// A server that runs already
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<String>,
    /// A command that starts the server; it runs in a fresh folder with `port.info` in it. `{port}` stands for the
    /// port, `{work}` for that folder; words that name a file of the present folder become absolute
    #[arg(long, value_name = "COMMAND")]
    cmd: Option<String>,
    /// A server of the folder of peers (docs/PEERS.md), by name
    #[arg(long, value_name = "NAME")]
    peer: Option<String>,
    /// Folder of the peers' TOML files [default: interop/peers, looked for upwards]
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
    /// Folder of the Rust programs, for --peer [default: that of this program]
    #[arg(long, value_name = "DIR")]
    bin: Option<PathBuf>,
    /// The Python to run, for --peer [default: .venv/bin/python beside the interop folder, else python3]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

impl SubjectArguments {
    /// As the command line has it.
    fn shown(&self) -> String {
        match (&self.addr, &self.cmd, &self.peer) {
            (Some(address), ..) => format!("--addr {address}"),
            (_, Some(command), _) => format!("--cmd {}", quoted(command)),
            (.., name) => format!("--peer {}", name.as_deref().unwrap_or_default()),
        }
    }

    pub(super) fn source(&self, dialect: &Dialect) -> Result<Source, Complaint> {
        if let Some(address) = &self.addr {
            return resolve(address).map(Source::Address);
        }
        if let Some(command) = &self.cmd {
            let command = CommandLine::new(command).map_err(Complaint::usage)?;
            return Ok(Source::Program(Box::new(command)));
        }
        let name = self.peer.clone().unwrap_or_default();
        let folder = peers_folder(self.peers.as_deref())?;
        let mut peers = Peer::read_folder(&folder)?;
        peers.retain(|peer| peer.role == Role::Server);
        let known: Vec<_> = peers.iter().map(|peer| peer.name.clone()).collect();
        let Some(peer) = peers.into_iter().find(|peer| peer.name == name) else {
            return Err(Complaint::from(PeerError::Unknown {
                role: Role::Server.name(),
                name,
                known: known.join(", "),
            }));
        };
        let places = places(&folder, self.bin.clone(), self.python.clone())?;
        peer.check(&places)?;
        Ok(Source::Program(Box::new(PeerFile {
            peer,
            places,
            dialect: dialect.clone(),
        })))
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Complaint> {
    let options = &arguments.options;
    let ids = TABLE.abouts().map(|about| about.id);
    let ids: Vec<_> = ids.collect();
    let selection =
        Selection::new(&options.cases, &options.skip, ids.into_iter()).map_err(Complaint::usage)?;
    let expected = match &options.expected_failures {
        Some(path) => Expected::read(path).map_err(Complaint::usage)?,
        None => Expected::default(),
    };
    // A server of the folder of peers is told what to speak, any other one is asked.
    let named = options.dialect.as_deref().unwrap_or("seed");
    let told = options.dialect.is_some() || arguments.subject.peer.is_some();
    let mut dialect = Arc::new(Dialect::find(named).map_err(Complaint::usage)?);
    let source = arguments.subject.source(&dialect)?;
    let keep = options.keep.is_some();
    let folder = folder::make(options.keep.as_deref(), "server").map_err(Complaint::ours)?;
    interrupt_on_signals()?;
    let shown = arguments.subject.shown();
    let mut nearest = dialect.name.clone();
    let mut evidence = Vec::new();
    let mut bench = ServerBench::new(
        Arc::new(source),
        Arc::clone(&dialect),
        folder.clone(),
        options.slow,
        keep,
    );
    if !told {
        let probed = probe::found(&bench, &folder)?;
        bench.found(&probed);
        nearest.clone_from(&probed.nearest.name);
        dialect = Arc::new(probed.dialect);
        evidence = probed.evidence;
    }
    // Where it was asked, the command that runs a case again asks again.
    let of_dialect = match told {
        true => format!(" --dialect {}", dialect.expression()),
        false => String::new(),
    };
    let plan = Plan {
        role: "server",
        table: &TABLE,
        selection,
        options,
        expected,
        peer: shown.split_once(' ').map_or("", |(_, peer)| peer).into(),
        dialect,
        nearest,
        evidence,
        folder: folder.clone(),
        again: format!("backup-interop server {shown}{of_dialect}"),
    };
    let mut sinks = report::sinks(&arguments.report, &folder).map_err(Complaint::usage)?;
    sinks.push(folder::save_events(&folder).map_err(Complaint::ours)?);
    let exit = run::run(&bench, &plan, sinks).map_err(Complaint::ours);
    bench.close().map_err(Complaint::ours)?;
    exit
}

fn resolve(address: &str) -> Result<SocketAddr, Complaint> {
    let found = address.to_socket_addrs();
    let first = found
        .map_err(|e| Complaint::usage(format!("--addr {address}: {e}")))?
        .next();
    first.ok_or_else(|| Complaint::usage(format!("--addr {address} has no address")))
}

/// As a shell takes it.
fn quoted(word: &str) -> String {
    let quoted = shlex::try_quote(word);
    quoted.map_or_else(|_| word.to_owned(), |text| text.into_owned())
}
