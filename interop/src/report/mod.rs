//! What a run looks like to people and to programs.
//!
//! An examination is a stream of events, and every report is made from it. A matrix has a table and a
//! JSON document of its own besides ([`print`], [`write`]); [`cells`] makes events of it.

mod bytes;
pub(crate) mod cells;
mod console;
mod html;
mod json;
mod junit;
mod markdown;
mod run;
mod table;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub(crate) use bytes::from_hex;
pub(crate) use json::write;
pub(crate) use run::{plain, read};
pub(crate) use table::print;

use crate::examine::event::Event;
use crate::examine::run::Sink;
use crate::matrix::{Outcome, Run};
use crate::stdout::Stdout;

/// The forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// What stands at a terminal
    Console,
    /// The events themselves, one JSON object a line
    Jsonl,
    /// JUnit XML, for CI servers
    Junit,
    /// Markdown, for a pull request
    Markdown,
    /// One HTML file with everything in it
    Html,
}

/// A report that is asked for on the command line: `FORMAT=FILE`, and `-` for stdout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    format: Format,
    file: PathBuf,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, file) = text
            .split_once('=')
            .filter(|(_, file)| !file.is_empty())
            .ok_or("it has to be FORMAT=FILE, as in html=report.html")?;
        let format = <Format as clap::ValueEnum>::from_str(format, false)
            .map_err(|_| format!("'{format}' is none of console, jsonl, junit, markdown, html"))?;
        Ok(Self {
            format,
            file: file.into(),
        })
    }
}

/// Where the events of a run have to go: the terminal, and each report that is asked for. The files are made at
/// once, so that a path that cannot be written is known before a program is started.
pub(crate) fn sinks(wanted: &[Wanted], folder: &Path) -> io::Result<Vec<Sink<'static>>> {
    let mut sinks: Vec<Sink<'static>> = Vec::new();
    if !wanted.iter().any(|wanted| wanted.file == Path::new("-")) {
        let mut console = console::Console::new(Stdout, folder, true);
        sinks.push(Box::new(move |event: &Event| console.take(event)));
    }
    for Wanted { format, file } in wanted {
        let format = *format;
        let mut out = open(file)?;
        let folder = folder.to_owned();
        let mut events = Vec::new();
        sinks.push(Box::new(move |event: &Event| {
            events.push(event.clone());
            match event {
                Event::RunEnded(_) => {
                    render(format, &mut out, &events, &folder)?;
                    out.flush()
                }
                _ => Ok(()),
            }
        }));
    }
    Ok(sinks)
}

/// Writes the reports of a run that is over.
pub(crate) fn write_all(wanted: &[Wanted], events: &[Event], folder: &Path) -> io::Result<()> {
    for Wanted { format, file } in wanted {
        let mut out = open(file)?;
        render(*format, &mut out, events, folder)?;
        out.flush()?;
    }
    Ok(())
}

/// Opens a report's file, or stdout for `-`.
pub(crate) fn open(file: &Path) -> io::Result<Box<dyn Write + Send>> {
    if file == Path::new("-") {
        return Ok(Box::new(Stdout));
    }
    let about = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", file.display()));
    Ok(Box::new(BufWriter::new(File::create(file).map_err(about)?)))
}

/// Writes a run in one form. `folder` is the run's: its logs are there.
pub(crate) fn render(
    format: Format,
    mut out: &mut dyn Write,
    events: &[Event],
    folder: &Path,
) -> io::Result<()> {
    match format {
        Format::Console => {
            let mut console = console::Console::new(out, folder, false);
            for event in events {
                console.take(event)?;
            }
            match events.last() {
                Some(Event::RunEnded(_)) => Ok(()),
                _ => console.end(),
            }
        }
        Format::Jsonl => {
            for event in events {
                serde_json::to_writer(&mut out, event)?;
                writeln!(out)?;
            }
            Ok(())
        }
        Format::Junit => junit::write(out, events, folder),
        Format::Markdown => markdown::write(out, events, folder),
        Format::Html => html::write(out, events, folder),
    }
}

/// How many cells ended how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Counts {
    pub(crate) cells: usize,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) impossible: usize,
    pub(crate) not_started: usize,
    pub(crate) errors: usize,
    pub(crate) interrupted: usize,
    /// Findings that only a SHOULD is behind.
    pub(crate) warnings: usize,
}

impl Counts {
    pub(crate) fn of(run: &Run) -> Self {
        let mut counts = Self {
            cells: run.cells.len(),
            ..Self::default()
        };
        for cell in &run.cells {
            let count = match cell.outcome {
                Outcome::Passed => &mut counts.passed,
                Outcome::Failed => &mut counts.failed,
                Outcome::Impossible(_) => &mut counts.impossible,
                Outcome::NotStarted(_) => &mut counts.not_started,
                Outcome::Error(_) => &mut counts.errors,
                Outcome::Interrupted => &mut counts.interrupted,
            };
            *count += 1;
            let should =
                |finding: &&crate::judge::Finding| finding.level == crate::judge::Level::Should;
            counts.warnings += cell.findings.iter().filter(should).count();
        }
        counts
    }
}
