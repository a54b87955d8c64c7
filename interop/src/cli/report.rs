//! `backup-interop report`: a saved run in another form.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::{Complaint, Exit};
use crate::report::{self, Format};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of a run, or its `run.jsonl`
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// What the report looks like
    #[arg(long, value_name = "FORMAT", default_value = "console")]
    format: Format,
    /// Where it goes; `-` for stdout
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Complaint> {
    let events = report::read(&arguments.run).map_err(Complaint::usage)?;
    let folder = if arguments.run.is_dir() {
        Some(arguments.run.as_path())
    } else {
        arguments.run.parent()
    };
    let folder = folder.unwrap_or_else(|| Path::new("."));
    report::open(&arguments.output)
        .and_then(|mut out| {
            report::render(arguments.format, &mut out, &events, folder)?;
            out.flush()
        })
        .map_err(Complaint::ours)?;
    Ok(Exit::Passed)
}
