//! Runs the cells: every scenario with every pair in every dialect, and the mixed tables, several at a
//! time.

mod config;
mod jobs;

use std::collections::VecDeque;
use std::fs;
use std::io::{self, IsTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::cell::{Cell, Finished, Setting, Stop};
use crate::dialect::Dialect;
use crate::examine::event::{CaseLevel, FindingEvent};
use crate::examine::finding;
use crate::impossible::Impossible;
use crate::judge::{Finding, Level, Whose};
use crate::message::Field;
use crate::peer::Places;
use crate::process;
use crate::record::{Recording, Side};
use crate::scenarios::Scenario;
use crate::tap::Flip;
use crate::wire_log;

pub(crate) use jobs::{Job, Selection, jobs};

/// How long an ordinary cell may take, `--slow` aside. Nothing waits for it but what hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// What is to be run.
pub(crate) struct Plan {
    pub(crate) jobs: Vec<Job>,
    pub(crate) impossible: Impossible,
    pub(crate) places: Places,
    /// Cells at a time.
    pub(crate) workers: usize,
    pub(crate) slow: f64,
    pub(crate) flip: Option<Flip>,
    /// Where logs go, and the work of the cells while they run.
    pub(crate) folder: PathBuf,
    /// Keep the work of every cell: data folders, identities, files.
    pub(crate) keep: bool,
}

/// A finished run.
pub(crate) struct Run {
    /// In the order of the jobs.
    pub(crate) cells: Vec<CellReport>,
    /// Entries of `impossible.toml` whose reason is gone.
    pub(crate) stale: Vec<String>,
    pub(crate) seconds: f64,
}

/// What became of a cell.
pub(crate) struct CellReport {
    /// Title of the table in which it stands, and its row there.
    pub(crate) table: String,
    pub(crate) row: String,
    pub(crate) scenario: &'static Scenario,
    pub(crate) dialect: String,
    pub(crate) server: String,
    pub(crate) client: String,
    /// The command that runs this cell alone.
    pub(crate) again: String,
    pub(crate) outcome: Outcome,
    pub(crate) findings: Vec<Finding>,
    /// The same with the bytes that they are about.
    pub(crate) events: Vec<FindingEvent>,
    pub(crate) seconds: f64,
    /// Where its logs are.
    pub(crate) folder: PathBuf,
    /// One a connection.
    pub(crate) wire_logs: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// It cannot exist, and why.
    Impossible(String),
    /// A program could not be started.
    NotStarted(String),
    /// The harness is at fault.
    Error(String),
    /// The run was interrupted before its turn or in it.
    Interrupted,
}

/// Names of the dialects in which every scenario runs.
pub(crate) fn full_dialects() -> &'static [String] {
    &config::config().full
}

/// Runs all cells of a plan.
pub(crate) fn run(plan: &Plan) -> Run {
    let started = Instant::now();
    let mut queue: VecDeque<_> = plan.jobs.iter().enumerate().collect();
    let count = queue.len();
    // The longest first, so that none of them is alone at the end.
    queue
        .make_contiguous()
        .sort_by_key(|(number, job)| (std::cmp::Reverse(job.scenario.patience), *number));
    let queue = Mutex::new(queue);
    let reports = Mutex::new(Vec::with_capacity(count));
    thread::scope(|scope| {
        for _ in 0..plan.workers.max(1) {
            scope.spawn(|| {
                loop {
                    let next = lock(&queue).pop_front();
                    let Some((number, job)) = next else {
                        return;
                    };
                    let report = run_cell(plan, job);
                    let mut reports = lock(&reports);
                    reports.push((number, report));
                    progress(reports.len(), count);
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(number, _)| *number);
    let cells: Vec<_> = reports.into_iter().map(|(_, report)| report).collect();
    Run {
        stale: plan.impossible.stale(&plan.jobs),
        cells,
        seconds: started.elapsed().as_secs_f64(),
    }
}

fn run_cell(plan: &Plan, job: &Job) -> CellReport {
    let started = Instant::now();
    let scenario = job.scenario;
    let folder = plan
        .folder
        .join(job.dialect_name().replace(['/', ',', ' ', '(', ')'], "-"))
        .join(format!("{}__{}", job.server.name, job.client_name()))
        .join(scenario.short());
    let mut report = CellReport {
        table: job.table.clone(),
        row: job.row.clone(),
        scenario,
        dialect: job.dialect_name(),
        server: job.server.name.clone(),
        client: job.client_name(),
        again: job.again(),
        outcome: Outcome::Passed,
        findings: Vec::new(),
        events: Vec::new(),
        seconds: 0.0,
        folder: folder.clone(),
        wire_logs: Vec::new(),
    };
    if process::interrupted() {
        report.outcome = Outcome::Interrupted;
        return report;
    }
    if let Some(reason) = plan.impossible.reason(job) {
        report.outcome = Outcome::Impossible(reason.to_owned());
        return report;
    }
    if let Some(ability) = job.missing() {
        report.outcome = Outcome::Failed;
        let finding = lacking(ability.slug());
        report.events = vec![event_of(&finding, job, &Recording::default(), &job.dialect)];
        report.findings.push(finding);
        return report;
    }
    let setting = Setting {
        dialect: Arc::clone(&job.dialect),
        server_told: job.server_told.clone(),
        server: job.server.clone(),
        clients: job.clients.clone(),
        crowd: job.crowd.clone(),
        places: plan.places.clone(),
        flip: plan.flip.clone(),
        folder,
        deadline: DEADLINE.mul_f64(plan.slow * f64::from(scenario.patience)),
    };
    match Cell::new(setting) {
        Ok(mut cell) => {
            // A panic is the harness's own fault, and no reason to lose the other cells.
            let run = AssertUnwindSafe(|| {
                let stop = (scenario.run)(&mut cell).err();
                cell.finish(stop)
            });
            match catch_unwind(run) {
                Ok(finished) => close(plan, job, &mut report, finished),
                Err(_) => report.outcome = Outcome::Error("the harness panicked".into()),
            }
        }
        Err(stop) => report.outcome = outcome(Some(stop), false),
    }
    report.seconds = started.elapsed().as_secs_f64();
    report
}

/// Writes the logs of a cell and clears its work away.
fn close(plan: &Plan, job: &Job, report: &mut CellReport, finished: Finished) {
    report.findings = finished.findings;
    let failed = report
        .findings
        .iter()
        .any(|finding| finding.level == Level::Must);
    report.outcome = outcome(finished.stop, failed);
    if process::interrupted() {
        report.outcome = Outcome::Interrupted;
    } else if !finished.flipped && report.outcome == Outcome::Passed {
        // Where the field never came, the cell says nothing about the examiner.
        report.outcome = Outcome::Error("--flip found no such field in this cell".into());
    }
    let dialect_of = |door: usize| {
        let of_run = finished.dialects.get(door);
        Arc::clone(of_run.unwrap_or(&job.dialect))
    };
    let connections = finished.recording.connections.iter().enumerate();
    report.wire_logs = connections
        .map(|(number, _)| report.folder.join(wire_log::file_name(number)))
        .collect();
    let of_place = |finding: &Finding| {
        let place = finding.place.as_ref()?;
        let connection = finished.recording.connections.get(place.connection)?;
        Some(dialect_of(connection.door))
    };
    let findings = report.findings.iter();
    report.events = findings
        .map(|finding| {
            let dialect = of_place(finding).unwrap_or_else(|| Arc::clone(&job.dialect));
            event_of(finding, job, &finished.recording, &dialect)
        })
        .collect();
    let logs = wire_log::write(
        &report.folder,
        dialect_of,
        &finished.recording,
        &report.findings,
    );
    let cleared = if plan.keep {
        Ok(())
    } else {
        fs::remove_dir_all(report.folder.join("work"))
    };
    if let Err(error) = logs.and(cleared) {
        report.outcome = Outcome::Error(format!("{}: {error}", report.folder.display()));
    }
}

fn outcome(stop: Option<Stop>, failed: bool) -> Outcome {
    match stop {
        // No scenario skips.
        Some(Stop::Ours(reason) | Stop::Skip(reason)) => Outcome::Error(reason),
        Some(Stop::NotStarted(reason)) => Outcome::NotStarted(reason),
        Some(Stop::Failed) => Outcome::Failed,
        None if failed => Outcome::Failed,
        None => Outcome::Passed,
    }
}

/// A finding for the reports that are made from events; it says there whose it is.
fn event_of(
    finding: &Finding,
    job: &Job,
    recording: &Recording,
    dialect: &Dialect,
) -> FindingEvent {
    let (side, name) = match finding.whose {
        Whose::Server => (Side::Server, job.server.name.clone()),
        Whose::Client => (Side::Client, job.client_name()),
    };
    let mut event = finding::event_of(finding, CaseLevel::Must, dialect, recording, side);
    event.got = format!("{}, from {name}", event.got);
    event
}

fn lacking(ability: &str) -> Finding {
    Finding {
        whose: Whose::Client,
        level: Level::Must,
        field: Field::Scenario,
        place: None,
        expected: format!("the ability '{ability}', or an entry in impossible.toml"),
        got: "neither".into(),
        section: "",
        cause: None,
        order: 0,
    }
}

/// A counter for those who wait at a terminal.
fn progress(done: usize, count: usize) {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        use io::Write;
        let end = if done == count {
            "\r                    \r"
        } else {
            ""
        };
        let _ = write!(stderr, "\r{done} of {count} cells{end}");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
