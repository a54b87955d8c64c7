//! The command `backup-interop`: its arguments, and its exit codes. One file a subcommand.

mod client;
mod explain;
mod list;
mod matrix;
mod places;
mod probe;
mod proxy;
mod report;
mod server;
mod vectors;

use std::ffi::c_int;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use clap::{Parser, Subcommand};
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};
use signal_hook::iterator::Signals;

use crate::peer::PeerError;
use crate::play::{self, Play};
use crate::process;

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
    /// Interrupted by a signal, or by the end of whoever read the output.
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
  130  interrupted, or nobody reads the output any more";

/// Examines servers and clients of the backup protocol, one alone or every pair of them, and looks at every byte.
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
    Matrix(Box<matrix::Arguments>),
    /// Find out which dialect a server speaks
    #[command(after_help = EXIT_CODES)]
    Probe(Box<probe::Arguments>),
    /// Examine a server by cases, byte by byte
    #[command(after_help = EXIT_CODES)]
    Server(Box<server::Arguments>),
    /// Examine a client by cases, byte by byte: plays its server
    #[command(after_help = EXIT_CODES)]
    Client(Box<client::Arguments>),
    /// Play a server or a client that is right in everything, but for one fault or what a script says
    #[command(subcommand)]
    Play(Box<Play>),
    /// List cases, scenarios, peers and dialects
    List(list::Arguments),
    /// Say what a case does and expects
    Explain(explain::Arguments),
    /// Stand between any two programs: decode, log and capture what they say, and disturb it on demand
    Proxy(Box<proxy::Arguments>),
    /// Check the golden vectors with the examiner's own codec, or write them out
    Vectors(vectors::Arguments),
    /// Render a saved run again
    Report(report::Arguments),
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
        Command::Matrix(arguments) => matrix::run(*arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Server(arguments) => server::run(&arguments),
        Command::Client(arguments) => client::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Proxy(arguments) => proxy::run(*arguments),
        Command::Vectors(arguments) => vectors::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
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

/// Signals that end a program; the last comes where nobody reads its output any more.
const ENDS: [c_int; 4] = [SIGINT, SIGTERM, SIGHUP, SIGPIPE];

/// Lets the signals that end a program end the run instead, so that nothing that it started is left.
fn interrupt_on_signals() -> Result<(), Complaint> {
    let mut signals = Signals::new(ENDS).map_err(Complaint::ours)?;
    thread::spawn(move || {
        for _ in signals.forever() {
            process::interrupt();
        }
    });
    Ok(())
}

/// Checks what `--slow` was given.
fn check_slow(factor: f64) -> Result<(), Complaint> {
    if !factor.is_finite() || factor <= 0.0 || factor > 1000.0 {
        return Err(Complaint::usage(
            "--slow takes a factor above 0 and up to 1000",
        ));
    }
    Ok(())
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
}
