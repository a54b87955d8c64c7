//! `backup-interop matrix`: selects, runs, reports.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use clap::Args;

use crate::cli::places::{files_folder, peers_folder, places, target_folder};
use crate::cli::{Complaint, Exit, check_slow, interrupt_on_signals};
use crate::dialect::Dialect;
use crate::examine::folder::EVENTS;
use crate::glob::Glob;
use crate::impossible::Impossible;
use crate::matrix::{self, Plan, Selection};
use crate::peer::{Peer, PeerError, Role};
use crate::process;
use crate::report::{self, Counts, Format, Wanted, cells};
use crate::scenarios::{self, Scenario};
use crate::stdout::Stdout;
use crate::tap::Flip;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only this server; repeatable
    #[arg(long, value_name = "NAME")]
    server: Vec<String>,
    /// Only this client; repeatable
    #[arg(long, value_name = "NAME")]
    client: Vec<String>,
    /// Only scenarios that match, with or without their `matrix/`; `*` stands for anything; repeatable
    #[arg(long, value_name = "GLOB")]
    scenario: Vec<String>,
    /// Not the scenarios that match; repeatable
    #[arg(long, value_name = "GLOB")]
    except: Vec<String>,
    /// Only this dialect, by name or by its JSON file, perhaps with modifiers (`2023a,crc=zlib`); repeatable
    /// [default: what matrix.toml says]
    #[arg(long, value_name = "NAME|FILE[,MODIFIER..]")]
    dialect: Vec<String>,
    /// Every scenario in every dialect, not only the core ones where matrix.toml asks for no more
    #[arg(long)]
    all: bool,
    /// Cells at a time [default: one a processor]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Write the report as JSON to a file, or to stdout with `-` (in place of the matrix)
    #[arg(long, value_name = "FILE|-")]
    json: Option<PathBuf>,
    /// Write a report as well, `-` for stdout: console, jsonl, junit, markdown or html; repeatable
    #[arg(long, value_name = "FORMAT=FILE")]
    report: Vec<Wanted>,
    /// Keep logs, data folders and files of every cell in this folder [default: logs in target/interop]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Multiply every deadline
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    slow: f64,
    /// Flip a byte of this field in the tap, once a cell: the run has to fail and name it.
    /// `FIELD` or `CODE.FIELD`, as in `cksum` or `1103.file-name`
    #[arg(long, value_name = "FIELD")]
    flip: Option<Flip>,
    /// Folder of the peers' TOML files [default: interop/peers, looked for upwards]
    #[arg(long, value_name = "DIR")]
    peers: Option<PathBuf>,
    /// Folder of the Rust programs [default: that of this program]
    #[arg(long, value_name = "DIR")]
    bin: Option<PathBuf>,
    /// The Python to run [default: .venv/bin/python beside the interop folder, else python3]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

/// Where the report goes.
enum Json {
    No,
    Stdout,
    File(PathBuf),
}

pub(super) fn run(arguments: Arguments) -> Result<Exit, Complaint> {
    let reports = arguments.report.clone();
    let (plan, json) = resolve(arguments)?;
    play_all(&plan, json, &reports)
}

fn resolve(arguments: Arguments) -> Result<(Plan, Json), Complaint> {
    check_slow(arguments.slow)?;
    let folder = peers_folder(arguments.peers.as_deref())?;
    let peers = Peer::read_folder(&folder)?;
    let servers = select(&peers, Role::Server, &arguments.server)?;
    let clients = select(&peers, Role::Client, &arguments.client)?;
    let named = arguments.dialect.iter().map(|name| Dialect::find(name));
    let dialects = named.collect::<Result<_, _>>().map_err(Complaint::usage)?;
    let places = places(&folder, arguments.bin, arguments.python)?;
    for peer in servers.iter().chain(&clients) {
        peer.check(&places)?;
    }
    let default_folder = || target_folder(&folder).join("interop");
    let keep = arguments.keep.is_some();
    let work = arguments.keep.unwrap_or_else(default_folder);
    let mut scenarios = select_scenarios(&arguments.scenario)?;
    if !arguments.except.is_empty() {
        let except = select_scenarios(&arguments.except)?;
        scenarios.retain(|scenario| except.iter().all(|other| other.id != scenario.id));
    }
    let selection = Selection {
        dialects,
        all: arguments.all,
        scenarios,
        scenarios_named: !arguments.scenario.is_empty(),
        servers,
        clients,
    };
    let jobs = matrix::jobs(&selection, &files_folder(&folder)).map_err(Complaint::usage)?;
    std::fs::create_dir_all(&work).map_err(Complaint::ours)?;
    let plan = Plan {
        jobs,
        impossible: Impossible::read(&folder).map_err(Complaint::usage)?,
        places,
        workers: arguments
            .jobs
            .or_else(|| thread::available_parallelism().ok().map(usize::from))
            .unwrap_or(1),
        slow: arguments.slow,
        flip: arguments.flip,
        folder: std::fs::canonicalize(work).map_err(Complaint::ours)?,
        keep,
    };
    let json = match arguments.json {
        None => Json::No,
        Some(path) if path == Path::new("-") => Json::Stdout,
        Some(path) => Json::File(path),
    };
    Ok((plan, json))
}

fn play_all(plan: &Plan, json: Json, reports: &[Wanted]) -> Result<Exit, Complaint> {
    interrupt_on_signals()?;
    let run = matrix::run(plan);
    match json {
        Json::Stdout => report::write(Stdout, &run).map_err(Complaint::ours)?,
        other => {
            if let Json::File(path) = other {
                let fault = |e: io::Error| Complaint::ours(format!("{}: {e}", path.display()));
                let file = File::create(&path).map_err(fault)?;
                report::write(io::BufWriter::new(file), &run).map_err(fault)?;
            }
            report::print(Stdout, &run).map_err(Complaint::ours)?;
        }
    }
    let counts = Counts::of(&run);
    let exit = if process::interrupted() {
        Exit::Interrupted
    } else if counts.errors > 0 {
        Exit::Ours
    } else if counts.not_started > 0 {
        Exit::NotStarted
    } else if counts.failed > 0 || !run.stale.is_empty() {
        Exit::Failed
    } else if counts.passed == 0 {
        Exit::NothingRan
    } else {
        Exit::Passed
    };
    let events = cells::events(&run, &plan.folder, exit);
    let saved = plan.folder.join(EVENTS);
    report::open(&saved)
        .and_then(|mut out| report::render(Format::Jsonl, &mut out, &events, &plan.folder))
        .and_then(|()| report::write_all(reports, &events, &plan.folder))
        .map_err(Complaint::ours)?;
    Ok(exit)
}

fn select(peers: &[Peer], role: Role, names: &[String]) -> Result<Vec<Peer>, Complaint> {
    let of_role: Vec<_> = peers.iter().filter(|peer| peer.role == role).collect();
    for name in names {
        if !of_role.iter().any(|peer| peer.name == *name) {
            let known: Vec<_> = of_role.iter().map(|peer| peer.name.as_str()).collect();
            return Err(PeerError::Unknown {
                role: role.name(),
                name: name.clone(),
                known: known.join(", "),
            }
            .into());
        }
    }
    let wanted = |peer: &&&Peer| names.is_empty() || names.contains(&peer.name);
    Ok(of_role
        .iter()
        .filter(wanted)
        .map(|peer| (**peer).clone())
        .collect())
}

/// Scenarios that match one of the patterns; a pattern that matches none is a mistake, and said
/// before anything is started.
fn select_scenarios(patterns: &[String]) -> Result<Vec<&'static Scenario>, Complaint> {
    let globs: Vec<_> = patterns.iter().map(|pattern| Glob::new(pattern)).collect();
    let matches = |glob: &Glob, scenario: &Scenario| glob.matches_id(scenario.id);
    for (glob, pattern) in globs.iter().zip(patterns) {
        if !scenarios::all().any(|scenario| matches(glob, scenario)) {
            return Err(Complaint::usage(format!("no scenario matches '{pattern}'")));
        }
    }
    let wanted = |scenario: &&'static Scenario| {
        globs.is_empty() || globs.iter().any(|glob| matches(glob, scenario))
    };
    Ok(scenarios::all().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_a_scenario_is_refused() {
        assert!(select_scenarios(&["habit-*".into()]).is_ok_and(|found| found.len() > 3));
        assert!(select_scenarios(&["matrix/first-backup".into()]).is_ok_and(|all| all.len() == 1));
        assert!(select_scenarios(&["first".into()]).is_err());
    }
}
