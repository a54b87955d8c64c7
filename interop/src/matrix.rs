//! Runs the cells: every scenario with every pair in every dialect, several at a time.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, IsTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::cell::{Cell, Finished, Setting, Stop};
use crate::dialect::Dialect;
use crate::impossible::Impossible;
use crate::judge::{Finding, Level, Whose};
use crate::message::Field;
use crate::peer::{Peer, Places};
use crate::process;
use crate::scenarios::Scenario;
use crate::tap::Flip;
use crate::wire_log;

/// How long an ordinary cell may take, `--slow` aside. Nothing waits for it but what hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// What is to be run.
pub(crate) struct Plan {
    pub(crate) dialects: Vec<Dialect>,
    pub(crate) servers: Vec<Peer>,
    pub(crate) clients: Vec<Peer>,
    pub(crate) scenarios: Vec<&'static Scenario>,
    pub(crate) impossible: Impossible,
    pub(crate) places: Places,
    pub(crate) jobs: usize,
    pub(crate) slow: f64,
    pub(crate) flip: Option<Flip>,
    /// Where logs go, and the work of the cells while they run.
    pub(crate) folder: PathBuf,
    /// Keep the work of every cell: data folders, identities, files.
    pub(crate) keep: bool,
}

/// A finished run.
pub(crate) struct Run {
    /// In the order dialect, server, client, scenario.
    pub(crate) cells: Vec<CellReport>,
    /// Entries of `impossible.toml` whose reason is gone.
    pub(crate) stale: Vec<String>,
    pub(crate) seconds: f64,
}

/// What became of a cell.
pub(crate) struct CellReport {
    pub(crate) scenario: &'static Scenario,
    pub(crate) dialect: String,
    pub(crate) server: String,
    pub(crate) client: String,
    pub(crate) outcome: Outcome,
    pub(crate) findings: Vec<Finding>,
    pub(crate) seconds: f64,
    /// Where its logs are.
    pub(crate) folder: PathBuf,
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

/// Runs all cells of a plan.
pub(crate) fn run(plan: &Plan) -> Run {
    let started = Instant::now();
    let mut queue = VecDeque::new();
    for dialect in &plan.dialects {
        for server in &plan.servers {
            for client in &plan.clients {
                for scenario in &plan.scenarios {
                    queue.push_back((queue.len(), dialect, server, client, *scenario));
                }
            }
        }
    }
    let count = queue.len();
    // The longest first, so that none of them is alone at the end.
    queue
        .make_contiguous()
        .sort_by_key(|(number, .., scenario)| (std::cmp::Reverse(scenario.patience), *number));
    let queue = Mutex::new(queue);
    let reports = Mutex::new(Vec::with_capacity(count));
    thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let next = lock(&queue).pop_front();
                    let Some((number, dialect, server, client, scenario)) = next else {
                        return;
                    };
                    let report = run_cell(plan, dialect, server, client, scenario);
                    let mut reports = lock(&reports);
                    reports.push((number, report));
                    progress(reports.len(), count);
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(number, _)| *number);
    Run {
        cells: reports.into_iter().map(|(_, report)| report).collect(),
        stale: plan
            .impossible
            .stale(&plan.scenarios, &plan.clients, &plan.dialects),
        seconds: started.elapsed().as_secs_f64(),
    }
}

fn run_cell(
    plan: &Plan,
    dialect: &Dialect,
    server: &Peer,
    client: &Peer,
    scenario: &'static Scenario,
) -> CellReport {
    let started = Instant::now();
    let pair = format!("{}__{}", server.name, client.name);
    let folder = plan
        .folder
        .join(&dialect.name)
        .join(pair)
        .join(scenario.short());
    let mut report = CellReport {
        scenario,
        dialect: dialect.name.clone(),
        server: server.name.clone(),
        client: client.name.clone(),
        outcome: Outcome::Passed,
        findings: Vec::new(),
        seconds: 0.0,
        folder: folder.clone(),
    };
    if process::interrupted() {
        report.outcome = Outcome::Interrupted;
        return report;
    }
    if let Some(reason) = plan.impossible.reason(scenario, client, dialect) {
        report.outcome = Outcome::Impossible(reason.to_owned());
        return report;
    }
    if let Some(ability) = scenario.missing(client, dialect) {
        report.outcome = Outcome::Failed;
        report.findings.push(lacking(ability.slug()));
        return report;
    }
    let setting = Setting {
        dialect: dialect.clone(),
        server: server.clone(),
        client: client.clone(),
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
                Ok(finished) => close(plan, dialect, &mut report, finished),
                Err(_) => report.outcome = Outcome::Error("the harness panicked".into()),
            }
        }
        Err(stop) => report.outcome = outcome(Some(stop), false),
    }
    report.seconds = started.elapsed().as_secs_f64();
    report
}

/// Writes the logs of a cell and clears its work away.
fn close(plan: &Plan, dialect: &Dialect, report: &mut CellReport, finished: Finished) {
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
    let logs = wire_log::write(
        &report.folder,
        dialect,
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
        Some(Stop::Ours(reason)) => Outcome::Error(reason),
        Some(Stop::NotStarted(reason)) => Outcome::NotStarted(reason),
        Some(Stop::Failed) => Outcome::Failed,
        None if failed => Outcome::Failed,
        None => Outcome::Passed,
    }
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
