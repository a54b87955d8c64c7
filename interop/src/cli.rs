//! The command `backup-interop`: its arguments, and its exit codes.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use clap::{Args, Parser, Subcommand};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::dialect::Dialect;
use crate::glob::Glob;
use crate::impossible::Impossible;
use crate::matrix::{self, Plan, Selection};
use crate::peer::{Peer, PeerError, Places, Role};
use crate::play::{self, Play};
use crate::process;
use crate::report::{self, Counts};
use crate::scenarios::{self, Scenario};
use crate::tap::Flip;

/// Exit codes of `backup-interop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything ran and passed.
    Passed = 0,
    /// A case or a cell failed, or a failure that was written down is stale.
    Failed = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// A peer could not be reached or started.
    NotStarted = 3,
    /// No case or cell ran.
    NothingRan = 4,
    /// The harness itself is at fault.
    Ours = 5,
    /// A case passed that the file of expected failures says to fail.
    UnexpectedPass = 6,
    /// Interrupted by a signal.
    Interrupted = 130,
}

const EXIT_CODES: &str = "\
Exit codes:
    0  everything passed
    1  a case or cell failed, or a written-down failure is stale
    2  the command line cannot be understood
    3  a peer could not be reached or started
    4  no case or cell ran
    5  the harness itself is at fault
    6  a case passed that was expected to fail
  130  interrupted";

/// Plays every backup client against every backup server and looks at every byte.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every scenario with every pair of peers in every dialect
    #[command(after_help = EXIT_CODES)]
    Matrix(Box<MatrixArguments>),
    /// Play a scripted peer, to examine the examiner
    #[command(hide = true, subcommand)]
    Play(Box<Play>),
    /// List scenarios, peers and dialects
    List {
        /// Folder of the peers' TOML files
        #[arg(long, value_name = "DIR")]
        peers: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct MatrixArguments {
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

/// Parses the process's arguments, does what they say, and tells how it ended.
pub fn main() -> ExitCode {
    let exit = match Arguments::try_parse() {
        Ok(arguments) => return run(arguments),
        Err(error) => {
            let _ = error.print();
            if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Passed
            }
        }
    };
    ExitCode::from(exit as u8)
}

fn run(arguments: Arguments) -> ExitCode {
    let result = match arguments.command {
        Command::Matrix(arguments) => resolve(*arguments).and_then(run_matrix),
        Command::List { peers } => list(peers.as_deref()),
        Command::Play(play) => return ExitCode::from(play::run(*play)),
    };
    let exit = result.unwrap_or_else(|Complaint(exit, reason)| {
        let _ = writeln!(io::stderr(), "backup-interop: {reason}");
        exit
    });
    ExitCode::from(exit as u8)
}

/// Why nothing was run.
struct Complaint(Exit, String);

impl Complaint {
    fn usage(reason: impl ToString) -> Self {
        Self(Exit::Usage, reason.to_string())
    }

    fn ours(reason: impl ToString) -> Self {
        Self(Exit::Ours, reason.to_string())
    }
}

impl From<PeerError> for Complaint {
    fn from(error: PeerError) -> Self {
        let exit = match error {
            PeerError::Missing { .. } => Exit::NotStarted,
            _ => Exit::Usage,
        };
        Self(exit, error.to_string())
    }
}

/// Where the report goes.
enum Json {
    No,
    Stdout,
    File(PathBuf),
}

fn resolve(arguments: MatrixArguments) -> Result<(Plan, Json), Complaint> {
    if !arguments.slow.is_finite() || arguments.slow <= 0.0 || arguments.slow > 1000.0 {
        return Err(Complaint::usage(
            "--slow takes a factor above 0 and up to 1000",
        ));
    }
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

fn run_matrix((plan, json): (Plan, Json)) -> Result<Exit, Complaint> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(Complaint::ours)?;
    thread::spawn(move || {
        for _ in signals.forever() {
            process::interrupt();
        }
    });
    let run = matrix::run(&plan);
    match json {
        Json::Stdout => report::write(io::stdout().lock(), &run).map_err(Complaint::ours)?,
        other => {
            if let Json::File(path) = other {
                let fault = |e: io::Error| Complaint::ours(format!("{}: {e}", path.display()));
                let file = File::create(&path).map_err(fault)?;
                report::write(io::BufWriter::new(file), &run).map_err(fault)?;
            }
            report::print(io::stdout().lock(), &run).map_err(Complaint::ours)?;
        }
    }
    let counts = Counts::of(&run);
    Ok(if process::interrupted() {
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
    })
}

fn list(peers: Option<&Path>) -> Result<Exit, Complaint> {
    let folder = peers_folder(peers)?;
    let mut out = io::stdout().lock();
    let mut line = |text: String| writeln!(out, "{text}").map_err(Complaint::ours);
    line(
        "Scenarios (PROTOCOL.md section, what happens, what the client has to be able to do)"
            .into(),
    )?;
    for scenario in scenarios::all() {
        let needs: Vec<_> = scenario
            .needs
            .iter()
            .map(|ability| ability.slug())
            .collect();
        let needs = match &needs[..] {
            [] => String::new(),
            needs => format!(" [{}]", needs.join(", ")),
        };
        let Scenario {
            id, section, title, ..
        } = scenario;
        line(format!("  {id:36} {section:>5}  {title}{needs}"))?;
    }
    line("Peers".into())?;
    for peer in Peer::read_folder(&folder)? {
        line(format!(
            "  {:16} {:6}  {}",
            peer.name,
            peer.role.name(),
            peer.language
        ))?;
    }
    line("Dialects".into())?;
    for dialect in Dialect::built_in() {
        line(format!("  {:16} {}", dialect.name, dialect.title))?;
    }
    line("Modifiers, as in seed,crc=zlib (PROTOCOL.md 10.2)".into())?;
    for (key, values) in Dialect::modifiers() {
        line(format!("  {:16} {values}", format!("{key}=")))?;
    }
    line(format!("Fields for --flip\n  {}", Flip::fields()))?;
    Ok(Exit::Passed)
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
    let matches = |glob: &Glob, scenario: &Scenario| {
        glob.matches(scenario.id) || glob.matches(scenario.short())
    };
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

/// The folder of the peers: as told, or `interop/peers` above the working folder or this program.
fn peers_folder(told: Option<&Path>) -> Result<PathBuf, Complaint> {
    if let Some(told) = told {
        return Ok(told.to_owned());
    }
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors())
        .map(|folder| folder.join("interop/peers"))
        .find(|folder| folder.is_dir())
        .ok_or_else(|| {
            Complaint::usage(
                "no interop/peers above the working folder or this program: use --peers",
            )
        })
}

fn places(
    peers: &Path,
    bin: Option<PathBuf>,
    python: Option<PathBuf>,
) -> Result<Places, Complaint> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.to_owned());
    let bin = bin
        .or_else(beside)
        .ok_or_else(|| Complaint::ours("this program has no folder"))?;
    let python = python.unwrap_or_else(|| {
        let venv = peers.join("../../.venv/bin/python");
        // Not canonical: the path is what makes it the venv's Python.
        let absolute = std::path::absolute(&venv).unwrap_or(venv);
        if absolute.is_file() {
            absolute
        } else {
            "python3".into()
        }
    });
    Ok(Places {
        bin: std::path::absolute(bin).map_err(Complaint::ours)?,
        python,
    })
}

/// The folder to which the dialect files of matrix.toml are relative: `interop`, above the peers or
/// above this program.
fn files_folder(peers: &Path) -> PathBuf {
    let above = std::env::current_exe().ok();
    let above = above.iter().flat_map(|program| program.ancestors());
    [peers.join("..")]
        .into_iter()
        .chain(above.map(|folder| folder.join("interop")))
        .find(|folder| folder.join("dialects").is_dir())
        .unwrap_or_else(|| peers.join(".."))
}

/// The `target` folder of the tree that the peers belong to.
fn target_folder(peers: &Path) -> PathBuf {
    peers.join("../../target")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_make_sense() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_exit_code_is_in_the_help() {
        for exit in [
            Exit::Passed,
            Exit::Failed,
            Exit::Usage,
            Exit::NotStarted,
            Exit::NothingRan,
            Exit::Ours,
            Exit::UnexpectedPass,
            Exit::Interrupted,
        ] {
            let number = format!("{:>5}  ", exit as u8);
            assert!(EXIT_CODES.contains(&number), "{exit:?}");
        }
    }

    #[test]
    fn a_pattern_without_a_scenario_is_refused() {
        assert!(select_scenarios(&["habit-*".into()]).is_ok_and(|found| found.len() > 3));
        assert!(select_scenarios(&["matrix/first-backup".into()]).is_ok_and(|all| all.len() == 1));
        assert!(select_scenarios(&["first".into()]).is_err());
    }
}
