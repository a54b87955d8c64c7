//! Running a table of cases: order, retries, verdicts, exit code, and the events of it all.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::cell::{Step, Stop};
use crate::cli::Exit;
use crate::dialect::Dialect;
use crate::examine::case::{About, Case, Table};
use crate::examine::event::{
    CaseEnded, CaseLevel, Event, FORMAT, FindingEvent, RunEnded, RunStarted, Verdict,
};
use crate::examine::expected::Expected;
use crate::examine::finding::without_place;
use crate::examine::folder;
use crate::examine::options::Options;
use crate::examine::select::Selection;
use crate::message::Field;
use crate::process;

/// Where events go.
pub(crate) type Sink<'a> = Box<dyn FnMut(&Event) -> io::Result<()> + Send + 'a>;

/// What the cases of a table are run on: a program under examination, and all that a case needs besides.
pub(crate) trait Bench: Sync {
    /// What one case works on.
    type Setting: 'static;

    /// Makes one for a case. `folder` is the case's own, made and empty.
    fn setting(&self, about: &About, folder: &Path) -> Step<Self::Setting>;

    /// Judges what happened, writes the wire logs into the case's folder, and clears up.
    fn finish(&self, setting: Self::Setting, about: &About, stop: Option<Stop>) -> Finished;

    /// Brings a program that broke back, as if nothing had happened; `false` where nobody can.
    fn renew(&self) -> bool {
        false
    }
}

/// What a case leaves.
#[derive(Default)]
pub(crate) struct Finished {
    pub(crate) findings: Vec<FindingEvent>,
    /// Relative to the case's folder, like the next.
    pub(crate) wire_logs: Vec<PathBuf>,
    pub(crate) output: Vec<PathBuf>,
    pub(crate) stop: Option<Stop>,
}

/// What is to be run.
pub(crate) struct Plan<'a, S: 'static> {
    /// `server` or `client`.
    pub(crate) role: &'static str,
    pub(crate) table: &'static Table<S>,
    pub(crate) selection: Selection,
    pub(crate) options: &'a Options,
    pub(crate) expected: Expected,
    /// The command or the address of the program.
    pub(crate) peer: String,
    pub(crate) dialect: Arc<Dialect>,
    /// The nearest dialect that has a name.
    pub(crate) nearest: String,
    pub(crate) evidence: Vec<String>,
    /// Of the run; it exists.
    pub(crate) folder: PathBuf,
    /// The command up to `--case`.
    pub(crate) again: String,
}

/// Runs what is selected; every event goes to every sink.
pub(crate) fn run<B: Bench>(
    bench: &B,
    plan: &Plan<'_, B::Setting>,
    sinks: Vec<Sink<'_>>,
) -> io::Result<Exit> {
    let started = Instant::now();
    let table = plan.table;
    let takes = |about: &About| plan.selection.takes(about.id);
    // The first and the last belong to every run, unless they are left out by name.
    let frame = |about: &About| !plan.selection.skips(about.id);
    let cases: Vec<_> = table.cases().filter(|case| takes(&case.about)).collect();
    let runner = Runner {
        bench,
        plan,
        first_wanted: frame(&table.first.about),
        state: Mutex::new(State {
            sinks,
            fault: None,
            counts: Counts::default(),
            broken: None,
            broke_after: None,
        }),
    };
    let frames = [frame(&table.first.about), frame(&table.last)];
    runner.emit(&Event::RunStarted(RunStarted {
        format: FORMAT,
        role: plan.role.into(),
        peer: plan.peer.clone(),
        dialect: plan.dialect.expression(),
        nearest: plan.nearest.clone(),
        evidence: plan.evidence.clone(),
        cases: cases.len() + frames.iter().filter(|wanted| **wanted).count(),
        version: env!("CARGO_PKG_VERSION").into(),
        started: folder::seconds_since_1970(),
    }));
    let mut unreachable = false;
    if runner.first_wanted {
        let first = runner.case(&table.first, table.first.about);
        unreachable = matches!(first, Outcome::Unreachable);
        if first != Outcome::Passed {
            runner.lock().broken = Some(format!(
                "not examined: the program does not pass {}",
                table.first.about.id
            ));
        }
    }
    let queue: Mutex<VecDeque<_>> = Mutex::new(cases.into());
    thread::scope(|scope| {
        for _ in 0..plan.options.jobs.max(1) {
            scope.spawn(|| {
                let mut before: Option<&'static str> = None;
                loop {
                    let next = lock(&queue).pop_front();
                    let Some(case) = next else { return };
                    runner.case_and_after(case, before);
                    before = Some(case.about.id);
                }
            });
        }
    });
    if frame(&table.last) {
        runner.case(&table.first, table.last);
    }
    runner.end(started, unreachable)
}

struct Runner<'a, B: Bench> {
    bench: &'a B,
    plan: &'a Plan<'a, B::Setting>,
    first_wanted: bool,
    state: Mutex<State<'a>>,
}

struct State<'a> {
    sinks: Vec<Sink<'a>>,
    /// The first fault of a sink.
    fault: Option<io::Error>,
    counts: Counts,
    /// Why no case can be run any more.
    broken: Option<String>,
    broke_after: Option<String>,
}

#[derive(Default)]
struct Counts {
    /// Cases that ran, without the first and the last.
    ran: usize,
    failed: usize,
    errors: usize,
    unexpected: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// No connection, or the program did not start.
    Unreachable,
}

/// A case that was run, perhaps several times.
struct Tried {
    finished: Finished,
    verdict: Verdict,
    tries: u32,
}

impl<'a, B: Bench> Runner<'a, B> {
    /// Runs a case, and looks after a failed one whether the program still works at all.
    fn case_and_after(&self, case: &'static Case<B::Setting>, before: Option<&str>) {
        if self.case(case, case.about) == Outcome::Passed || !self.first_wanted {
            return;
        }
        if self.lock().broken.is_some() || process::interrupted() || self.still_works() {
            return;
        }
        let id = case.about.id;
        let mut after = id;
        let renewed = self.bench.renew() && self.still_works();
        if renewed && let Some(before) = before.filter(|_| self.plan.options.jobs <= 1) {
            // Whether the case broke it, or found it broken.
            let again = self.attempt(case, &case.about, "alone");
            if verdict_of(&again, &case.about) == Verdict::Pass || !self.still_works() {
                let innocent = verdict_of(&again, &case.about) == Verdict::Pass;
                after = if innocent { before } else { id };
                if !innocent {
                    self.bench.renew();
                }
            }
        }
        let mut state = self.lock();
        state.broke_after.get_or_insert_with(|| after.to_owned());
        if !renewed {
            state.broken = Some(format!("the program does not work any more after {after}"));
        }
    }

    /// Runs the first case of the table without telling of it.
    fn still_works(&self) -> bool {
        let first = &self.plan.table.first;
        let finished = self.attempt(first, &first.about, "check");
        verdict_of(&finished, &first.about) == Verdict::Pass
    }

    /// Runs a case and tells of it.
    fn case(&self, case: &Case<B::Setting>, about: About) -> Outcome {
        let started = Instant::now();
        self.emit(&Event::CaseStarted {
            case: about.id.into(),
        });
        let tried = match self.reason_to_skip(case) {
            Some(reason) => Tried {
                finished: Finished {
                    stop: Some(Stop::Skip(reason)),
                    ..Finished::default()
                },
                verdict: Verdict::Skip,
                tries: 0,
            },
            None => self.tries(case, &about),
        };
        let reason = match &tried.finished.stop {
            Some(Stop::Skip(reason) | Stop::Ours(reason) | Stop::NotStarted(reason)) => {
                Some(reason.clone())
            }
            _ => None,
        };
        let unreachable = matches!(tried.finished.stop, Some(Stop::NotStarted(_)));
        let case_folder = folder::of_case(about.id);
        let in_run = |path: &PathBuf| {
            let path = case_folder.join(path);
            let inside = path.strip_prefix(&self.plan.folder).map(Path::to_owned);
            inside.unwrap_or(path)
        };
        let relative = |paths: &[PathBuf]| paths.iter().map(in_run).collect();
        let mut ended = CaseEnded {
            case: about.id.into(),
            section: about.section.into(),
            level: about.level,
            does: about.does.into(),
            expects: about.expects.into(),
            verdict: tried.verdict,
            reason,
            seconds: started.elapsed().as_secs_f64(),
            tries: tried.tries,
            wire_logs: relative(&tried.finished.wire_logs),
            output: relative(&tried.finished.output),
            findings: tried.finished.findings,
            again: format!("{} --case {}", self.plan.again, about.id),
            pair: None,
        };
        self.plan
            .expected
            .apply(&mut ended, self.plan.options.strict);
        let outcome = match tried.verdict {
            _ if unreachable => Outcome::Unreachable,
            Verdict::Fail | Verdict::Error => Outcome::Failed,
            Verdict::Skip if self.is_frame(&about) => Outcome::Failed,
            _ => Outcome::Passed,
        };
        self.count(&ended, &about);
        self.emit(&Event::CaseEnded(Box::new(ended)));
        outcome
    }

    fn is_frame(&self, about: &About) -> bool {
        about.id == self.plan.table.first.about.id || about.id == self.plan.table.last.id
    }

    fn reason_to_skip(&self, case: &Case<B::Setting>) -> Option<String> {
        if process::interrupted() {
            return Some("interrupted".into());
        }
        if !(case.applies)(&self.plan.dialect) {
            return Some(format!(
                "it has no meaning in the dialect {}",
                self.plan.dialect.expression()
            ));
        }
        self.lock().broken.clone()
    }

    fn tries(&self, case: &Case<B::Setting>, about: &About) -> Tried {
        let mut tries = 1;
        let mut first = self.attempt(case, about, "");
        let mut verdict = verdict_of(&first, about);
        while verdict == Verdict::Fail && tries <= self.plan.options.retries {
            tries += 1;
            let again = self.attempt(case, about, &format!("try-{tries}"));
            match verdict_of(&again, about) {
                // What is told is how it failed.
                Verdict::Pass | Verdict::Warn => verdict = Verdict::Flaky,
                _ => first = again,
            }
        }
        if process::interrupted() {
            first.stop = Some(Stop::Skip("interrupted".into()));
            verdict = Verdict::Skip;
        }
        Tried {
            finished: first,
            verdict,
            tries,
        }
    }

    /// Runs a case once, in a folder below its own if `below` is not empty.
    fn attempt(&self, case: &Case<B::Setting>, about: &About, below: &str) -> Finished {
        let own = folder::of_case(about.id).join(below);
        let folder = self.plan.folder.join(&own);
        let made = match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => std::fs::create_dir_all(&folder),
        };
        let ours = |reason: String| Finished {
            stop: Some(Stop::Ours(reason)),
            ..Finished::default()
        };
        if let Err(error) = made {
            return ours(format!("{}: {error}", folder.display()));
        }
        // A panic is the examiner's own fault, and no reason to lose the other cases.
        let run = AssertUnwindSafe(|| {
            let mut setting = match self.bench.setting(about, &folder) {
                Ok(setting) => setting,
                Err(stop) => {
                    return Finished {
                        stop: Some(stop),
                        ..Finished::default()
                    };
                }
            };
            let stop = (case.run)(&mut setting).err();
            self.bench.finish(setting, about, stop)
        });
        let mut finished = catch_unwind(run)
            .unwrap_or_else(|_| ours(format!("the examiner panicked in {}", about.id)));
        for path in finished.wire_logs.iter_mut().chain(&mut finished.output) {
            *path = Path::new(below).join(&path);
        }
        finished
    }

    fn count(&self, ended: &CaseEnded, about: &About) {
        let frame = self.is_frame(about);
        let mut state = self.lock();
        let counts = &mut state.counts;
        if ended.verdict != Verdict::Skip && !frame {
            counts.ran += 1;
        }
        match ended.verdict {
            Verdict::Fail => counts.failed += 1,
            Verdict::Warn if self.plan.options.strict => counts.failed += 1,
            Verdict::Error => counts.errors += 1,
            Verdict::Xpass => counts.unexpected += 1,
            _ => {}
        }
        if about.id == self.plan.table.last.id && ended.verdict == Verdict::Fail {
            let after = "a case that it passed itself".to_owned();
            state.broke_after.get_or_insert(after);
        }
    }

    fn emit(&self, event: &Event) {
        let state = &mut *self.lock();
        for sink in &mut state.sinks {
            if let Err(error) = sink(event) {
                state.fault.get_or_insert(error);
            }
        }
    }

    fn end(&self, started: Instant, unreachable: bool) -> io::Result<Exit> {
        let ids = self.plan.table.abouts().map(|about| about.id);
        let ids: Vec<_> = ids.collect();
        let stale = self.plan.expected.stale(ids.iter().copied());
        let exit = {
            let state = self.lock();
            let counts = &state.counts;
            if process::interrupted() {
                Exit::Interrupted
            } else if counts.errors > 0 {
                Exit::Ours
            } else if unreachable {
                Exit::NotStarted
            } else if counts.failed > 0 || !stale.is_empty() || state.broke_after.is_some() {
                Exit::Failed
            } else if counts.unexpected > 0 {
                Exit::UnexpectedPass
            } else if counts.ran == 0 {
                Exit::NothingRan
            } else {
                Exit::Passed
            }
        };
        let broke_after = self.lock().broke_after.clone();
        self.emit(&Event::RunEnded(RunEnded {
            seconds: started.elapsed().as_secs_f64(),
            broke_after,
            stale,
            exit: exit as u8,
        }));
        match self.lock().fault.take() {
            Some(error) => Err(error),
            None => Ok(exit),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        lock(&self.state)
    }
}

/// What the findings of a case make of it.
pub(crate) fn verdict_of(finished: &Finished, about: &About) -> Verdict {
    let worst = finished.findings.iter().map(|finding| finding.level).min();
    match (&finished.stop, worst) {
        (Some(Stop::Skip(_)), _) => Verdict::Skip,
        (Some(Stop::Ours(_)), _) => Verdict::Error,
        (Some(Stop::NotStarted(_)), _) | (_, Some(CaseLevel::Must)) => Verdict::Fail,
        (_, Some(CaseLevel::Should)) => Verdict::Warn,
        (Some(Stop::Failed), _) if about.level == CaseLevel::Must => Verdict::Fail,
        (Some(Stop::Failed), _) if about.level == CaseLevel::Should => Verdict::Warn,
        _ => Verdict::Pass,
    }
}

/// The finding of a case that could not go on and whose judge has nothing to say of it.
pub(crate) fn went_no_further(about: &About) -> FindingEvent {
    without_place(
        Field::Scenario,
        about.level,
        about.section,
        about.expects,
        "the case could not go on",
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
