//! `backup-interop client`: the examination of a client.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clap::{ArgGroup, Args};

use crate::cli::places::{peers_folder, places};
use crate::cli::{Complaint, Exit, interrupt_on_signals};
use crate::dialect::Dialect;
use crate::examine::client::{Beside, ClientBench, Command, Examination, Program, TABLE};
use crate::examine::expected::Expected;
use crate::examine::folder;
use crate::examine::options::Options;
use crate::examine::run::{self, Plan};
use crate::examine::select::Selection;
use crate::peer::{Peer, PeerError, Role};
use crate::report;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    subject: SubjectArguments,
    /// Run the cases too that move a file of 4 GiB: a few seconds each for an optimised client
    #[arg(long)]
    slow_cases: bool,
    #[command(flatten)]
    options: Options,
    /// Write a report to a file (`-` for stdout) besides what is printed: console, jsonl, junit, markdown or html;
    /// repeatable
    #[arg(long, value_name = "FORMAT=FILE")]
    report: Vec<report::Wanted>,
}

/// Which client it is.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("subject").required(true).args(["cmd", "peer"])))]
struct SubjectArguments {
    /// A command that starts the client; it runs in a fresh folder with `transfer.info` in it. `{host}` `{port}`
    /// `{name}` `{file}` `{work}` stand for what it has to know; words that name a file become absolute
    #[arg(long, value_name = "COMMAND")]
    cmd: Option<String>,
    /// Copy the files that the command names into that folder, for a client that looks for its files beside its
    /// executable [default: where the command is a path and nothing else]
    #[arg(long, requires = "cmd", conflicts_with = "in_place")]
    beside_executable: bool,
    /// Start the command's program where it lies
    #[arg(long, requires = "cmd")]
    in_place: bool,
    /// A client of the folder of peers (docs/PEERS.md), by name
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
    fn program(&self) -> Result<Program, Complaint> {
        if let Some(command) = &self.cmd {
            let beside = match (self.beside_executable, self.in_place) {
                (true, _) => Some(Beside::Copied),
                (_, true) => Some(Beside::InPlace),
                _ => None,
            };
            let command = Command::parse(command, beside).map_err(Complaint::usage)?;
            return Ok(Program::Command(command));
        }
        let name = self.peer.clone().unwrap_or_default();
        let folder = peers_folder(self.peers.as_deref())?;
        let mut peers = Peer::read_folder(&folder)?;
        peers.retain(|peer| peer.role == Role::Client);
        let known: Vec<_> = peers.iter().map(|peer| peer.name.clone()).collect();
        let Some(peer) = peers.into_iter().find(|peer| peer.name == name) else {
            return Err(Complaint::from(PeerError::Unknown {
                role: Role::Client.name(),
                name,
                known: known.join(", "),
            }));
        };
        let places = places(&folder, self.bin.clone(), self.python.clone())?;
        peer.check(&places)?;
        Ok(Program::Peer(Box::new(peer), places))
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Complaint> {
    let options = &arguments.options;
    let ids: Vec<_> = TABLE.abouts().map(|about| about.id).collect();
    let selection =
        Selection::new(&options.cases, &options.skip, ids.into_iter()).map_err(Complaint::usage)?;
    let expected = match &options.expected_failures {
        Some(path) => Expected::read(path).map_err(Complaint::usage)?,
        None => Expected::default(),
    };
    let named = options.dialect.as_deref().unwrap_or("seed");
    let dialect = Arc::new(Dialect::find(named).map_err(Complaint::usage)?);
    let program = arguments.subject.program()?;
    let folder = folder::make(options.keep.as_deref(), "client").map_err(Complaint::ours)?;
    interrupt_on_signals()?;
    let slow_cases = if arguments.slow_cases {
        " --slow-cases"
    } else {
        ""
    };
    let plan = Plan {
        role: "client",
        table: &TABLE,
        selection,
        options,
        expected,
        peer: program.title(),
        dialect: Arc::clone(&dialect),
        nearest: dialect.name.clone(),
        evidence: Vec::new(),
        folder: folder.clone(),
        again: format!(
            "backup-interop client {} --dialect {}{slow_cases}",
            program.argument(),
            dialect.expression()
        ),
    };
    let bench = ClientBench {
        examination: Arc::new(Examination {
            program,
            dialect,
            slow: options.slow,
            slow_cases: arguments.slow_cases,
            known: Mutex::new(HashSet::new()),
        }),
        keep: options.keep.is_some(),
    };
    let mut sinks = report::sinks(&arguments.report, &folder).map_err(Complaint::usage)?;
    sinks.push(folder::save_events(&folder).map_err(Complaint::ours)?);
    run::run(&bench, &plan, sinks).map_err(Complaint::ours)
}
