//! `backup-interop vectors`: the golden vectors inside this program.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::cli::{Complaint, Exit};
use crate::stdout::Stdout;
use crate::vectors;

#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Arguments {
    /// Read every vector with the examiner's codec and oracle, and confirm it
    #[arg(long)]
    check: bool,
    /// Write the vectors into a folder
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
    /// Only those of one dialect, as the vectors name it (`seed`, `2023a,crc=zlib`)
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Complaint> {
    let dialect = arguments.dialect.as_deref();
    let mut out = Stdout;
    let mut line = |text: String| writeln!(out, "{text}").map_err(Complaint::ours);
    if arguments.check {
        let counts = match vectors::check(dialect) {
            Ok(counts) => counts,
            Err(reason) => return Err(Complaint(Exit::Failed, reason)),
        };
        let mut sum = vectors::Count::default();
        for (file, count) in &counts {
            sum.confirmed += count.confirmed;
            sum.not_confirmed += count.not_confirmed;
            line(format!(
                "{file:40} {:>5} confirmed, {:>5} about what the examiner's codec and oracle do not decide",
                count.confirmed, count.not_confirmed
            ))?;
        }
        line(format!(
            "{} confirmed, {} not decided, none contradicted",
            sum.confirmed, sum.not_confirmed
        ))?;
        if sum.confirmed + sum.not_confirmed == 0 {
            return Err(Complaint(
                Exit::NothingRan,
                format!("no vector is for '{}'", dialect.unwrap_or_default()),
            ));
        }
    }
    if let Some(folder) = &arguments.export {
        let files = vectors::export(folder, dialect).map_err(Complaint::usage)?;
        line(format!("{files} files in {}", folder.display()))?;
    }
    Ok(Exit::Passed)
}
