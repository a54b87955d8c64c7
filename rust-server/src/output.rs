//! What the program prints: results on standard output, complaints on standard error; with `--json`
//! both as one document on standard output.

use std::error::Error;
use std::io::{self, Write};

use backup_server::store::StoreError;
use serde::Serialize;

use crate::exit::Exit;

/// Why a command was not carried out.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    /// What to do now.
    pub(crate) advice: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            advice: advice.into(),
        }
    }

    /// With what lies behind the error.
    pub(crate) fn of(exit: Exit, error: &dyn Error, advice: impl Into<String>) -> Self {
        Self::new(exit, with_causes(error), advice)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::of(Exit::Data, &error, advice_on(&error))
    }
}

/// Standard output could not be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::of(Exit::Failure, &error, "the result could not be written")
    }
}

#[derive(Serialize)]
struct Document<'a> {
    error: Entry<'a>,
}

#[derive(Serialize)]
struct Entry<'a> {
    kind: &'static str,
    exit_code: u8,
    message: &'a str,
    advice: &'a str,
}

/// Says what went wrong, and what to do now.
pub(crate) fn complain(failure: &Failure, as_json: bool) -> Exit {
    let Failure {
        exit,
        message,
        advice,
    } = failure;
    if as_json {
        let entry = Entry {
            kind: exit.slug(),
            exit_code: *exit as u8,
            message,
            advice,
        };
        // Nobody reads: the exit code still says it.
        let _ = json(&Document { error: entry });
    } else {
        let _ = writeln!(io::stderr(), "error: {message}\n  {advice}");
    }
    *exit
}

/// Something that the operator may not have meant.
pub(crate) fn warn(warning: &str) {
    let _ = writeln!(io::stderr(), "warning: {warning}");
}

/// Prints one document.
///
/// # Errors
///
/// Standard output cannot be written.
pub(crate) fn json(document: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(document)?;
    print(&(text + "\n"))
}

/// Prints text as it is.
///
/// # Errors
///
/// Standard output cannot be written. That whoever reads has seen enough, such as `head`, is none.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Columns under titles, as wide as what is in them.
pub(crate) fn table<const N: usize>(
    titles: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let rows: Vec<_> = std::iter::once(titles.map(str::to_owned))
        .chain(rows)
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<_> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

pub(crate) fn advice_on(error: &StoreError) -> &'static str {
    match error {
        StoreError::InUse { .. } => "stop the other server, or choose another --data",
        StoreError::NewerDatabase { .. } => "use the release that wrote it, or a later one",
        StoreError::NoDatabase { .. } => "name the data folder of a server with --data",
        StoreError::Io { .. } => "check that this account may write there: see --data",
        StoreError::DatabaseMissing { .. } => {
            "restore the database from a copy, or move the stored files away"
        }
        _ => "choose another --data, or restore the database from a copy",
    }
}
