//! `backup-interop probe`: finds out what a server speaks.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::cell::Stop;
use crate::cli::server::SubjectArguments;
use crate::cli::{Complaint, Exit, check_slow, interrupt_on_signals};
use crate::dialect::Dialect;
use crate::examine::folder;
use crate::examine::server::ServerBench;
use crate::examine::server::probe::{Probed, probe};
use crate::stdout::Stdout;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    subject: SubjectArguments,
    /// Write the dialect that was found as a JSON file, for --dialect
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// What a server of the folder of peers is told to speak
    #[arg(long, value_name = "NAME|FILE[,MODIFIER..]", default_value = "seed")]
    dialect: String,
    /// Keep logs and the server's folder in this one
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Multiply every deadline
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    slow: f64,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Complaint> {
    check_slow(arguments.slow)?;
    let told = Dialect::find(&arguments.dialect).map_err(Complaint::usage)?;
    let source = arguments.subject.source(&told)?;
    interrupt_on_signals()?;
    let folder = folder::make(arguments.keep.as_deref(), "probe").map_err(Complaint::ours)?;
    let keep = arguments.keep.is_some();
    let bench = ServerBench::new(
        Arc::new(source),
        Arc::new(told),
        folder.clone(),
        arguments.slow,
        keep,
    );
    let probed = found(&bench, &folder);
    bench.close().map_err(Complaint::ours)?;
    let probed = probed?;
    if let Some(path) = &arguments.write {
        std::fs::write(path, probed.dialect.to_file())
            .map_err(|error| Complaint::ours(format!("{}: {error}", path.display())))?;
    }
    print(&mut Stdout, &probed).map_err(Complaint::ours)?;
    Ok(if probed.fits {
        Exit::Passed
    } else {
        Exit::Failed
    })
}

/// What the server of a bench speaks.
pub(super) fn found(bench: &ServerBench, folder: &Path) -> Result<Probed, Complaint> {
    probe(bench, &folder.join("probe")).map_err(|stop| match stop {
        Stop::NotStarted(reason) => Complaint(Exit::NotStarted, reason),
        Stop::Ours(reason) | Stop::Skip(reason) => Complaint::ours(reason),
        Stop::Failed => Complaint::ours("the probe did not end"),
    })
}

fn print(out: &mut impl Write, probed: &Probed) -> io::Result<()> {
    for line in &probed.evidence {
        writeln!(out, "  {line}")?;
    }
    if probed.fits {
        writeln!(out, "dialect {}", probed.dialect)?;
    } else {
        writeln!(
            out,
            "no dialect fits; the nearest is {}, of which the last line says what is otherwise",
            probed.dialect
        )?;
    }
    for departure in &probed.departures {
        writeln!(
            out,
            "  {}: {} expected {}, got {}",
            departure.modifier, probed.nearest, departure.expected, departure.got
        )?;
    }
    Ok(())
}
