//! The matrix and its failures for a terminal.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::judge::{Finding, Level, Whose};
use crate::matrix::{CellReport, Outcome, Run};
use crate::report::Counts;
use crate::wire_log;

/// How many findings of a failed cell are shown; what follows is mostly their consequence.
const SHOWN: usize = 4;

/// Prints the matrix, then each failure, then the sum.
pub(crate) fn print(mut out: impl Write, run: &Run) -> io::Result<()> {
    for title in in_order(run.cells.iter().map(|cell| cell.table.as_str())) {
        let cells: Vec<_> = run
            .cells
            .iter()
            .filter(|cell| cell.table == title)
            .collect();
        table(&mut out, title, &cells)?;
    }
    impossible(&mut out, run)?;
    for cell in &run.cells {
        failure(&mut out, cell)?;
    }
    warnings(&mut out, run)?;
    for entry in &run.stale {
        writeln!(out, "STALE  impossible.toml lists {entry}")?;
    }
    sum(&mut out, run)
}

fn table(out: &mut impl Write, title: &str, cells: &[&CellReport]) -> io::Result<()> {
    let pairs = in_order(
        cells
            .iter()
            .map(|cell| (cell.server.as_str(), cell.client.as_str())),
    );
    let rows = in_order(cells.iter().map(|cell| cell.row.as_str()));
    let longest = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    // The title of a mixed table is a sentence, and stands above it.
    let (above, corner) = match title.contains(' ') {
        true => (Some(title), ""),
        false => (None, title),
    };
    let width = longest.max(corner.len());
    if let Some(title) = above {
        writeln!(out, "{title}")?;
    }
    write!(out, "{corner:width$} ")?;
    for number in 1..=pairs.len() {
        write!(out, "{number:>2}")?;
    }
    writeln!(out)?;
    for row in &rows {
        write!(out, "{row:width$} ")?;
        for (server, client) in &pairs {
            let found = cells
                .iter()
                .find(|cell| cell.row == *row && cell.server == *server && cell.client == *client);
            write!(out, " {}", found.map_or(' ', |cell| mark(&cell.outcome)))?;
        }
        writeln!(out)?;
    }
    for (number, (server, client)) in pairs.iter().enumerate() {
        writeln!(out, "{:width$} {:>2} {client} -> {server}", "", number + 1)?;
    }
    writeln!(out)
}

fn mark(outcome: &Outcome) -> char {
    match outcome {
        Outcome::Passed => '.',
        Outcome::Failed => 'F',
        Outcome::Impossible(_) => '-',
        Outcome::NotStarted(_) | Outcome::Error(_) => 'E',
        Outcome::Interrupted => '?',
    }
}

fn impossible(out: &mut impl Write, run: &Run) -> io::Result<()> {
    let mut reasons: BTreeMap<_, usize> = BTreeMap::new();
    for cell in &run.cells {
        if let Outcome::Impossible(reason) = &cell.outcome {
            *reasons
                .entry((cell.scenario.id, &cell.client, &cell.dialect, reason))
                .or_default() += 1;
        }
    }
    for ((id, client, dialect, reason), count) in &reasons {
        writeln!(
            out,
            "-  {id} with {client} in {dialect} ({count}): {reason}"
        )?;
    }
    if !reasons.is_empty() {
        writeln!(out)?;
    }
    Ok(())
}

fn failure(out: &mut impl Write, cell: &CellReport) -> io::Result<()> {
    let (word, reason) = match &cell.outcome {
        Outcome::Failed => ("FAIL", None),
        Outcome::NotStarted(reason) => ("NOT STARTED", Some(reason)),
        Outcome::Error(reason) => ("ERROR", Some(reason)),
        Outcome::Passed | Outcome::Impossible(_) | Outcome::Interrupted => return Ok(()),
    };
    let CellReport {
        client,
        server,
        dialect,
        ..
    } = cell;
    writeln!(
        out,
        "{word}  {}  {client} -> {server}  {dialect}",
        cell.scenario.id
    )?;
    writeln!(out, "      {}", cell.scenario.title)?;
    if let Some(reason) = reason {
        writeln!(out, "      {reason}")?;
    }
    let must: Vec<_> = cell
        .findings
        .iter()
        .filter(|found| found.level == Level::Must)
        .collect();
    for found in must.iter().take(SHOWN) {
        finding(out, cell, found)?;
    }
    if must.len() > SHOWN {
        writeln!(out, "      and {} more, in the logs", must.len() - SHOWN)?;
    }
    writeln!(out, "      logs      {}", cell.folder.display())?;
    writeln!(out, "      again     {}", cell.again)?;
    writeln!(out)
}

fn finding(out: &mut impl Write, cell: &CellReport, found: &Finding) -> io::Result<()> {
    let whose = match found.whose {
        Whose::Server => &cell.server,
        Whose::Client => &cell.client,
    };
    let section = match found.section {
        "" => String::new(),
        section => format!(" (PROTOCOL.md {section})"),
    };
    writeln!(out, "    * {} of {whose}{section}", found.field)?;
    if let Some(place) = &found.place {
        writeln!(
            out,
            "      frame     {} {}, {}, of connection {}; offset {}",
            place.direction.name(),
            place.frame + 1,
            place.title,
            place.connection + 1,
            place.offset,
        )?;
    }
    writeln!(out, "      expected  {}", found.expected)?;
    writeln!(out, "      got       {}", found.got)?;
    if let Some(cause) = &found.cause {
        writeln!(out, "      likely    {cause}")?;
    }
    if let Some(place) = &found.place {
        let log = cell.folder.join(wire_log::file_name(place.connection));
        writeln!(out, "      wire      {}", log.display())?;
    }
    Ok(())
}

/// What only a SHOULD is behind, once for all cells alike.
fn warnings(out: &mut impl Write, run: &Run) -> io::Result<()> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for cell in &run.cells {
        for found in cell
            .findings
            .iter()
            .filter(|found| found.level == Level::Should)
        {
            let whose = match found.whose {
                Whose::Server => &cell.server,
                Whose::Client => &cell.client,
            };
            let title = found
                .place
                .as_ref()
                .map_or("", |place| place.title.as_str());
            let line = format!(
                "WARN  {} of {whose} in {title}: expected {} (PROTOCOL.md {})",
                found.field, found.expected, found.section
            );
            *seen.entry(line).or_default() += 1;
        }
    }
    for (line, count) in seen {
        writeln!(out, "{line}, {count} times")?;
    }
    Ok(())
}

fn sum(out: &mut impl Write, run: &Run) -> io::Result<()> {
    let counts = Counts::of(run);
    let mut parts = vec![
        format!(
            "{} cell{}",
            counts.cells,
            if counts.cells == 1 { "" } else { "s" }
        ),
        format!("{} passed", counts.passed),
        format!("{} failed", counts.failed),
        format!("{} impossible", counts.impossible),
    ];
    for (count, word) in [
        (counts.not_started, "not started"),
        (counts.errors, "errors of the harness"),
        (counts.interrupted, "interrupted"),
        (counts.warnings, "warnings"),
        (run.stale.len(), "stale entries"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    writeln!(out, "{} in {:.1} s", parts.join(", "), run.seconds)
}

/// The distinct values, in the order in which they first come.
fn in_order<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for value in values {
        if !distinct.contains(&value) {
            distinct.push(value);
        }
    }
    distinct
}
