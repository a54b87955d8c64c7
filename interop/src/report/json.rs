//! The same run for programs. The shape is stable: members are added, never changed.

use std::io::{self, Write};

use serde::Serialize;

use crate::judge::{Finding, Level, Whose};
use crate::matrix::{CellReport, Outcome, Run};
use crate::report::Counts;
use crate::wire_log;

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    seconds: f64,
    counts: Counts,
    stale: &'a [String],
    cells: Vec<CellJson<'a>>,
}

#[derive(Serialize)]
struct CellJson<'a> {
    scenario: &'a str,
    section: &'a str,
    title: &'a str,
    dialect: &'a str,
    server: &'a str,
    client: &'a str,
    outcome: &'static str,
    reason: Option<&'a str>,
    seconds: f64,
    folder: String,
    findings: Vec<FindingJson<'a>>,
}

#[derive(Serialize)]
struct FindingJson<'a> {
    whose: &'static str,
    level: &'static str,
    field: &'static str,
    /// Numbers of connection and message count from 1.
    connection: Option<usize>,
    direction: Option<&'static str>,
    frame: Option<usize>,
    message: Option<&'a str>,
    offset: Option<usize>,
    expected: &'a str,
    got: &'a str,
    section: &'a str,
    cause: Option<&'a str>,
    wire_log: Option<String>,
}

/// Writes a run as one JSON object.
pub(crate) fn write(mut out: impl Write, run: &Run) -> io::Result<()> {
    let document = Document {
        format: 1,
        seconds: run.seconds,
        counts: Counts::of(run),
        stale: &run.stale,
        cells: run.cells.iter().map(cell).collect(),
    };
    serde_json::to_writer_pretty(&mut out, &document)?;
    writeln!(out)
}

fn cell(report: &CellReport) -> CellJson<'_> {
    let (outcome, reason) = match &report.outcome {
        Outcome::Passed => ("passed", None),
        Outcome::Failed => ("failed", None),
        Outcome::Impossible(reason) => ("impossible", Some(reason.as_str())),
        Outcome::NotStarted(reason) => ("not-started", Some(reason.as_str())),
        Outcome::Error(reason) => ("error", Some(reason.as_str())),
        Outcome::Interrupted => ("interrupted", None),
    };
    CellJson {
        scenario: report.scenario.id,
        section: report.scenario.section,
        title: report.scenario.title,
        dialect: &report.dialect,
        server: &report.server,
        client: &report.client,
        outcome,
        reason,
        seconds: report.seconds,
        folder: report.folder.display().to_string(),
        findings: report
            .findings
            .iter()
            .map(|found| finding(report, found))
            .collect(),
    }
}

fn finding<'a>(report: &CellReport, found: &'a Finding) -> FindingJson<'a> {
    let place = found.place.as_ref();
    FindingJson {
        whose: match found.whose {
            Whose::Server => "server",
            Whose::Client => "client",
        },
        level: match found.level {
            Level::Must => "must",
            Level::Should => "should",
        },
        field: found.field.slug(),
        connection: place.map(|place| place.connection + 1),
        direction: place.map(|place| place.direction.name()),
        frame: place.map(|place| place.frame + 1),
        message: place.map(|place| place.title.as_str()),
        offset: place.map(|place| place.offset),
        expected: &found.expected,
        got: &found.got,
        section: found.section,
        cause: found.cause.as_deref(),
        wire_log: place.map(|place| {
            let log = report.folder.join(wire_log::file_name(place.connection));
            log.display().to_string()
        }),
    }
}
