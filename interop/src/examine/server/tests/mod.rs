//! The cases are examined: each is seen failing on a played server with the fault that it is there for, which no case
//! before it sees, but where a table says which; and a played server without a fault passes them all.

mod kills;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kills::{EARLIER, KILLS};

use super::{ServerBench, Setting, TABLE};
use crate::dialect::Dialect;
use crate::examine::case::Case;
use crate::examine::event::{CaseLevel, Verdict};
use crate::examine::run::{Bench, verdict_of};
use crate::examine::server::probe::probe;
use crate::examine::subject::{Launch, Launched, Source};
use crate::play::server::{Running, ServerFault};
use crate::proxy::{Change, Changes};
use crate::tap::{Plan, Tap};

/// Deadlines, in the unit of the real ones: a server of this process answers soon, even on a machine that has other
/// things to do.
const SLOW: f64 = 0.6;
/// A server for each case of the chapter `dialect`, whose last modifier that case has to name.
const MODIFIED: &[&str] = &[
    "seed,order=big",
    "2024a,packet-order=big",
    "seed,align=natural",
    "seed,name=256",
    "seed,size-width=2",
    "seed,size=message",
    "seed,pad=1024",
    "seed,request-pad=1024",
    "seed,id=no",
    "seed,refused=client-id",
    "seed,received=client_id+file_name+cksum",
    "seed,echo=plain",
    "seed,crc=zlib",
    "seed,crc-input=content",
    "seed,cksum-width=16",
    "seed,aes=32",
    "seed,connection=request",
    "seed,packets=yes",
    "2023a,reconnect-key=same",
    "seed,right=none",
    "seed,wrong=acknowledged",
    "seed,give-up=none",
];
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

/// A played server that stumbles once in its life: it ends the stream where this message is due.
struct Stumbling(Played, &'static str);

struct Stumbled {
    running: Box<dyn Launched>,
    _tap: Tap,
    door: SocketAddr,
}

impl Launch for Stumbling {
    fn launch(
        &self,
        work: &Path,
        output: &Path,
        deadline: Instant,
    ) -> Result<Box<dyn Launched>, String> {
        let Self(played, message) = self;
        let dialect = Arc::new(played.dialect.clone());
        let running = played.launch(work, output, deadline)?;
        let change = message.parse::<Change>()?.ending();
        let changes = Changes::new(&dialect, &[change], Box::new(|_| ()))?;
        let plan = Plan {
            meddle: Some(Box::new(changes)),
            ..Plan::default()
        };
        let mut tap = Tap::new(None, deadline);
        tap.set_target(running.address());
        let door = tap.open_door(plan, &dialect);
        Ok(Box::new(Stumbled {
            running,
            door: door.map_err(|error| error.to_string())?,
            _tap: tap,
        }))
    }
}

impl Launched for Stumbled {
    fn address(&self) -> SocketAddr {
        self.door
    }

    fn stop(&self, deadline: Instant) -> bool {
        self.running.stop(deadline)
    }

    fn kill(&self) {
        self.running.kill();
    }

    fn ended(&self) -> Option<String> {
        self.running.ended()
    }

    fn ends_by(&self, deadline: Instant) -> Option<String> {
        self.running.ends_by(deadline)
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

    fn ends_by(&self, deadline: Instant) -> Option<String> {
        while !Self::ended(self) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        Launched::ended(self)
    }

    fn settles_by(&self, deadline: Instant) {
        while !self.is_settled() && Instant::now() < deadline {
            std::thread::yield_now();
        }
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
    bench_of(Box::new(played), dialect, slow, folder)
}

fn bench_of(
    server: Box<dyn Launch>,
    dialect: Dialect,
    slow: f64,
    folder: &Path,
) -> (ServerBench, Dialect) {
    let source = Arc::new(Source::Program(server));
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
fn each_case_is_the_first_to_catch_its_fault_or_another_is_known_to_be() {
    in_parallel(KILLS, |(id, fault, dialect)| {
        let folder = tempfile::tempdir().expect("a folder");
        let (bench, parameters) = bench(dialect, Some(fault), folder.path());
        let row = format!("{id} with {fault} in {dialect}");
        let own = case(id);
        assert!((own.applies)(&parameters), "{row}");
        let earlier = EARLIER.iter().find(|(known, _)| known == id);
        let due = earlier.map_or(*id, |(_, earlier)| *earlier);
        for about in TABLE.abouts().filter(|about| !of_a_probe(about.id)) {
            let case = case(about.id);
            if !(case.applies)(&parameters) {
                continue;
            }
            let (verdict, told) = verdict(&bench, case, folder.path());
            if verdict == Verdict::Pass {
                continue;
            }
            if about.id != due {
                return Err(format!("{row}: {} sees it: {told}", about.id));
            }
            return match earlier {
                Some(_) => seen_alone(own, &row, fault, dialect),
                None => wanted(own, verdict, &format!("{row}: {told}")),
            };
        }
        Err(format!("{row}: nothing sees it"))
    });
}

/// Runs a case alone on a server with the fault that another case sees before it.
fn seen_alone(case: &Case<Setting>, row: &str, fault: &str, dialect: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let (bench, _) = bench(dialect, Some(fault), folder.path());
    if row.starts_with(TABLE.last.id) {
        // What broke since then.
        verdict(&bench, case, folder.path());
    }
    let (verdict, told) = verdict(&bench, case, folder.path());
    wanted(case, verdict, &format!("{row}, alone: {told}"))
}

/// A case fails, or warns where PROTOCOL.md only recommends.
fn wanted(case: &Case<Setting>, verdict: Verdict, told: &str) -> Result<(), String> {
    let wanted = match case.about.level {
        CaseLevel::Must => Verdict::Fail,
        _ => Verdict::Warn,
    };
    match verdict == wanted {
        true => Ok(()),
        false => Err(format!("{verdict:?}: {told}")),
    }
}

/// The cases of a probe, which have a table of their own.
fn of_a_probe(id: &str) -> bool {
    id.starts_with("server/dialect/")
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
            // The cases of a probe have nothing to say without one.
            let wanted = match of_a_probe(case.about.id) {
                true => Verdict::Skip,
                false => Verdict::Pass,
            };
            if verdict != wanted {
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
    let ids = TABLE.abouts().map(|about| about.id);
    let ids: BTreeSet<_> = ids.filter(|id| !of_a_probe(id)).collect();
    let known: BTreeSet<_> = of_case.into_keys().collect();
    assert_eq!(ids, known, "cases, and cases with a fault");
    let all: BTreeSet<_> = TABLE.abouts().map(|about| about.id).collect();
    assert_eq!(all.len(), TABLE.abouts().count(), "an id stands twice");
}

#[test]
fn a_probe_finds_every_dialect_and_every_parameter() {
    let names = Dialect::built_in()
        .iter()
        .map(|dialect| (dialect.name.clone(), None));
    let modified = MODIFIED.iter().map(|text| {
        let (_, key) = text.rsplit_once(',').expect("a modifier");
        (String::from(*text), key.split('=').next())
    });
    let rows: Vec<_> = names.chain(modified).collect();
    in_parallel(&rows, |(name, key)| {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut bench, dialect) = bench(name, None, folder.path());
        let probed = probe(&bench, &folder.path().join("probe")).expect("a probe");
        let told = format!(
            "{name}: found {}\n{}",
            probed.dialect,
            probed.evidence.join("\n")
        );
        if !probed.fits || !probed.dialect.says_the_same_as(&dialect) {
            return Err(told);
        }
        bench.found(&probed);
        for case in TABLE.cases() {
            let Some(of) = case.about.id.strip_prefix("server/dialect/") else {
                continue;
            };
            let wanted = match Some(of) == *key {
                true => Verdict::Fail,
                false => Verdict::Pass,
            };
            let (verdict, _) = verdict(&bench, case, folder.path());
            if verdict != wanted {
                return Err(format!("{} {verdict:?} {told}", case.about.id));
            }
        }
        Ok(())
    });
}

#[test]
fn a_server_that_stumbles_once_needs_no_modifier() {
    // In the first conversation, at its first step and later.
    in_parallel(
        &["registered:1", "aes-key:2", "file-received:2"],
        |message| {
            let folder = tempfile::tempdir().expect("a folder");
            let dialect = Dialect::find("seed").expect("a dialect");
            let played = Played {
                dialect: dialect.clone(),
                fault: None,
            };
            let server = Box::new(Stumbling(played, message));
            let (bench, _) = bench_of(server, dialect, SLOWER, folder.path());
            let probed = probe(&bench, &folder.path().join("probe")).expect("a probe");
            let found = probed.dialect.to_string();
            match probed.fits && probed.departures.is_empty() && found == "seed" {
                true => Ok(()),
                false => Err(format!(
                    "{message}: found {found}\n{}",
                    probed.evidence.join("\n")
                )),
            }
        },
    );
}

#[test]
fn every_parameter_that_a_probe_looks_for_is_found_once() {
    let ids = TABLE
        .cases()
        .filter_map(|case| case.about.id.strip_prefix("server/dialect/"));
    let keys = MODIFIED
        .iter()
        .filter_map(|text| text.rsplit_once(',')?.1.split('=').next());
    assert_eq!(ids.collect::<BTreeSet<_>>(), keys.collect::<BTreeSet<_>>());
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
