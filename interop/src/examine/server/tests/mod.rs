//! The cases are examined: each is seen failing by a played server with the fault that it is there for, and a played
//! server without a fault passes them all.

mod kills;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kills::KILLS;

use super::{ServerBench, Setting, TABLE};
use crate::dialect::Dialect;
use crate::examine::case::Case;
use crate::examine::event::{CaseLevel, Verdict};
use crate::examine::run::{Bench, verdict_of};
use crate::examine::subject::{Launch, Launched, Source};
use crate::play::server::{Running, ServerFault};

/// Deadlines, in the unit of the real ones: a server of this process answers soon, even on a machine that has other
/// things to do.
const SLOW: f64 = 0.6;
/// Where nothing is waited for in vain, there is time.
const SLOWER: f64 = 4.0;

struct Played {
    dialect: Dialect,
    fault: Option<ServerFault>,
}

impl Launch for Played {
    fn launch(&self, work: &Path, _: &Path, _: Instant) -> Result<Box<dyn Launched>, String> {
        let running = Running::start(self.dialect.clone(), self.fault, work.to_owned());
        Ok(Box::new(running.map_err(|error| error.to_string())?))
    }
}

impl Launched for Running {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn stop(&self, _: Instant) -> bool {
        Self::stop(self, true);
        true
    }

    fn kill(&self) {
        Self::stop(self, false);
    }

    fn ended(&self) -> Option<String> {
        Self::ended(self).then(|| "it has ended".into())
    }
}

/// Runs a check for each row, some at a time; they wait more than they work. Tells which rows failed.
fn in_parallel<T: Sync>(rows: &[T], check: impl Fn(&T) -> Result<(), String> + Sync) {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if let Err(reason) = check(row) {
                        failed
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(reason);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(
        failed.is_empty(),
        "{} rows:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

fn bench(dialect: &str, fault: Option<&str>, folder: &Path) -> (ServerBench, Dialect) {
    let slow = if fault.is_some() { SLOW } else { SLOWER };
    let dialect = Dialect::find(dialect).expect("a dialect");
    let fault = fault.map(|fault| fault.parse().expect("a fault"));
    let played = Played {
        dialect: dialect.clone(),
        fault,
    };
    let source = Arc::new(Source::Program(Box::new(played)));
    let bench = ServerBench::new(
        source,
        Arc::new(dialect.clone()),
        folder.to_owned(),
        slow,
        false,
    );
    (bench, dialect)
}

/// Runs a case and says how it ended, with what was found.
fn verdict(bench: &ServerBench, case: &Case<Setting>, folder: &Path) -> (Verdict, String) {
    let folder = folder.join(case.about.id.replace('/', "-"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let finished = match bench.setting(&case.about, &folder) {
        Ok(mut setting) => {
            let stop = (case.run)(&mut setting).err();
            bench.finish(setting, &case.about, stop)
        }
        Err(stop) => panic!("no setting: {stop:?}"),
    };
    let verdict = verdict_of(&finished, &case.about);
    let told = finished.findings.iter().map(|found| {
        format!(
            "{}: expected {}, got {}",
            found.field, found.expected, found.got
        )
    });
    let mut told = told.collect::<Vec<_>>().join("; ");
    if let Some(stop) = &finished.stop {
        told.push_str(&format!(" [{stop:?}]"));
    }
    (verdict, told)
}

fn case(id: &str) -> &'static Case<Setting> {
    match TABLE.cases().find(|case| case.about.id == id) {
        Some(case) => case,
        None => {
            let frame = id == TABLE.first.about.id || id == TABLE.last.id;
            assert!(frame, "no case is called {id}");
            &TABLE.first
        }
    }
}

#[test]
fn every_case_is_seen_failing() {
    in_parallel(KILLS, |(id, fault, dialect)| {
        let folder = tempfile::tempdir().expect("a folder");
        let (bench, parameters) = bench(dialect, Some(fault), folder.path());
        let case = case(id);
        assert!((case.applies)(&parameters), "{id} in {dialect}");
        if *id == TABLE.last.id {
            // What broke since then.
            verdict(&bench, case, folder.path());
        }
        let (verdict, told) = verdict(&bench, case, folder.path());
        let wanted = match case.about.level {
            CaseLevel::Must => Verdict::Fail,
            _ => Verdict::Warn,
        };
        match verdict == wanted {
            true => Ok(()),
            false => Err(format!(
                "{id} with {fault} in {dialect}: {verdict:?} {told}"
            )),
        }
    });
}

#[test]
fn a_server_without_a_fault_passes_every_case() {
    let dialects = [
        "seed",
        "readme",
        "2022c",
        "2023a",
        "2023c",
        "2024a",
        "2024c",
        "seed,key=160+162",
    ];
    in_parallel(&dialects, |name| {
        let folder = tempfile::tempdir().expect("a folder");
        let (bench, dialect) = bench(name, None, folder.path());
        let mut failed = Vec::new();
        for case in TABLE.cases().filter(|case| (case.applies)(&dialect)) {
            let (verdict, told) = verdict(&bench, case, folder.path());
            if verdict != Verdict::Pass {
                failed.push(format!("{} in {name}: {verdict:?} {told}", case.about.id));
            }
        }
        match failed.is_empty() {
            true => Ok(()),
            false => Err(failed.join("\n")),
        }
    });
}

#[test]
fn every_case_has_its_own_fault() {
    let mut of_case = BTreeMap::new();
    let mut faults = BTreeSet::new();
    for (id, fault, _) in KILLS {
        assert!(of_case.insert(*id, *fault).is_none(), "{id} stands twice");
        assert!(faults.insert(*fault), "{fault} stands twice");
    }
    let ids: BTreeSet<_> = TABLE.abouts().map(|about| about.id).collect();
    let known: BTreeSet<_> = of_case.into_keys().collect();
    assert_eq!(ids, known, "cases, and cases with a fault");
    assert_eq!(ids.len(), TABLE.abouts().count(), "an id stands twice");
}

#[test]
fn every_case_says_what_it_does_and_expects() {
    for about in TABLE.abouts() {
        let parts: Vec<_> = about.id.split('/').collect();
        assert!(parts.len() == 3 && parts[0] == "server", "{}", about.id);
        for text in [about.section, about.does, about.expects] {
            assert!(
                !text.is_empty() && !text.ends_with('.'),
                "{}: {text}",
                about.id
            );
        }
    }
}
