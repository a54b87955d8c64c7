//! How long a backup takes, beside other programs that move files: `backup-bench --help`.
//!
//! Every contestant runs once a round, in turn (A B A B), so that whatever else the machine does hits all
//! of them. What is compared is the ratio within a round. A contestant that is not installed is named.

mod chart;
mod contestants;
mod many;
mod process;
mod report;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;

use crate::contestants::Contestant;
use crate::report::Report;

/// Backs one file up with every program that is there, in turn, and compares.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// MiB of the file
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=4095))]
    size: u64,
    /// So many files of that size together, by four of our clients at once, in place of the other programs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(4..=100_000))]
    files: Option<u64>,
    /// Rounds that are counted, after one that is not
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Only these contestants; repeatable
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Where source and copies lie: three times the size of the file [default: /dev/shm if it is there]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Folder of backup-server and backup-client [default: that of this program]
    #[arg(long, value_name = "DIR")]
    bin: Option<PathBuf>,
    /// Folder of the repository, for the references [default: the working folder]
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Write everything that was measured as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw processor time and time of all contestants
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "backup-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    process::end_with_us()?;
    let memory = PathBuf::from("/dev/shm");
    let folder = match &arguments.folder {
        Some(folder) => folder.clone(),
        None if memory.is_dir() => memory,
        None => std::env::temp_dir(),
    };
    let work = tempfile::Builder::new()
        .prefix("backup-bench-")
        .tempdir_in(&folder)
        .with_context(|| format!("cannot work in {}", folder.display()))?;
    let bin = match &arguments.bin {
        Some(bin) => bin.clone(),
        None => std::env::current_exe()?
            .parent()
            .context("this program is nowhere")?
            .to_owned(),
    };
    let mut contestants = Vec::new();
    let bin = bin.canonicalize()?;
    let all = match arguments.files {
        None => contestants::all(&bin, &arguments.root.canonicalize()?),
        Some(_) => many::all(&bin),
    };
    for contestant in all {
        let chosen = arguments.only.is_empty() || arguments.only.contains(&contestant.name.into());
        if chosen && is_there(&contestant, arguments.size) {
            contestants.push(contestant);
        }
    }
    ensure!(!contestants.is_empty(), "no contestant is there");

    let source = work.path().join("source.bin");
    match arguments.files {
        None => process::write_noise(&source, arguments.size << 20, 0)?,
        Some(files) => many::write_files(&source, arguments.size, files)?,
    }
    let mut report = Report::new(arguments.size, &folder);
    for round in 0..=arguments.rounds {
        for contestant in &contestants {
            let place = tempfile::tempdir_in(work.path())?;
            let figures = contestant.run(&source, place.path());
            ensure!(!process::interrupted(), "interrupted");
            let figures =
                figures.with_context(|| format!("{} did not do its work", contestant.name))?;
            if round > 0 {
                report.add(contestant.name, contestant.does, figures);
            }
            let _ = write!(io::stderr(), ".");
        }
    }
    let _ = writeln!(io::stderr());
    report.print(io::stdout().lock())?;
    if let Some(path) = &arguments.json {
        report.write(path)?;
    }
    if let Some(path) = &arguments.svg {
        chart::draw(&report, path)?;
    }
    Ok(())
}

/// Whether a contestant can take part; else it is said why not.
fn is_there(contestant: &Contestant, size: u64) -> bool {
    let missing = contestant.missing();
    let reason = if !missing.is_empty() {
        format!("missing: {}", missing.join(", "))
    } else if size > contestant.most_mib {
        format!("only up to {} MiB", contestant.most_mib)
    } else {
        return true;
    };
    let _ = writeln!(io::stderr(), "{} is left out: {reason}", contestant.name);
    false
}
