//! What every examination is told on the command line.

use std::path::PathBuf;

use clap::Args;

/// Options of `server` and `client` alike.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Only cases that match, with or without their `server/`; `*` stands for anything; repeatable
    #[arg(long = "case", value_name = "GLOB")]
    pub(crate) cases: Vec<String>,
    /// Not the cases that match; repeatable
    #[arg(long, value_name = "GLOB")]
    pub(crate) skip: Vec<String>,
    /// The dialect to examine in, by name or by its JSON file, perhaps with modifiers (`seed,crc=zlib`)
    #[arg(long, value_name = "NAME|FILE[,MODIFIER..]")]
    pub(crate) dialect: Option<String>,
    /// Keep logs, work folders and the events of the run in this folder [default: one of its own, without the
    /// work folders, below target/interop or the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Multiply every deadline
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    pub(crate) slow: f64,
    /// Try a case that failed so many times more; it is `flaky` if it passes then
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retries: u32,
    /// Warnings are failures
    #[arg(long)]
    pub(crate) strict: bool,
    /// TOML file of failures that are known: `[[failure]]` with `case`, `reason` and perhaps `text`
    #[arg(long, value_name = "FILE")]
    pub(crate) expected_failures: Option<PathBuf>,
    /// Cases at a time [default: 1, since a program may serve one client at a time]
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub(crate) jobs: u8,
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (0.001..=1000.0).contains(&factor) => Ok(factor),
        _ => Err("a factor from 0.001 to 1000 is needed".into()),
    }
}
