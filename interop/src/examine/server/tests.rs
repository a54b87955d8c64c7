//! The cases are examined: each is seen failing by a played server with the fault that it is there for, and a played
//! server without a fault passes them all.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

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

/// Case, the fault that it is there for, dialect.
const KILLS: &[(&str, &str, &str)] = &[
    ("server/sanity/first", "silent", "seed"),
    ("server/sanity/last", "registers-once", "seed"),
    ("server/registration/answer", "other-version", "seed"),
    ("server/registration/one-write", "two-writes", "seed"),
    ("server/registration/random-ids", "counted-ids", "seed"),
    ("server/registration/name-taken", "registers-twice", "seed"),
    (
        "server/registration/name-taken-on-another-connection",
        "names-per-connection",
        "seed",
    ),
    (
        "server/registration/name-taken-after-restart",
        "forgets-names",
        "seed",
    ),
    (
        "server/registration/refused-client-id",
        "leaks-id",
        "readme",
    ),
    (
        "server/registration/goes-on-after-refusal",
        "closes-after-three-refusals",
        "seed",
    ),
    (
        "server/registration/longest-name",
        "refuses-long-names",
        "seed",
    ),
    (
        "server/registration/unterminated-name",
        "takes-unterminated-client-name",
        "seed",
    ),
    (
        "server/registration/empty-name",
        "takes-empty-client-name",
        "seed",
    ),
    (
        "server/registration/name-not-utf8",
        "takes-client-name-not-utf8",
        "seed",
    ),
    (
        "server/registration/hebrew-name",
        "ascii-client-names",
        "seed",
    ),
    (
        "server/registration/bytes-behind-the-nul",
        "reads-behind-the-nul",
        "seed",
    ),
    (
        "server/registration/prefix-of-a-name",
        "takes-prefix-for-name",
        "seed",
    ),
    (
        "server/registration/client-id-in-header",
        "wants-zero-id",
        "seed",
    ),
    ("server/registration/any-version", "wants-version-3", "seed"),
    ("server/keys/answer", "oaep-sha256", "seed"),
    ("server/keys/new-key-each-time", "same-key", "seed"),
    (
        "server/keys/on-a-new-connection",
        "clients-per-connection",
        "seed",
    ),
    ("server/keys/after-restart", "forgets-clients", "seed"),
    ("server/keys/another-pair", "keeps-first-public-key", "seed"),
    (
        "server/keys/unknown-client",
        "takes-key-of-strangers",
        "seed",
    ),
    (
        "server/keys/name-of-another",
        "takes-name-of-another",
        "seed",
    ),
    ("server/keys/name-of-nobody", "takes-any-name", "seed"),
    (
        "server/keys/bytes-behind-the-nul",
        "compares-whole-name-field",
        "seed",
    ),
    ("server/keys/garbage", "takes-garbage-key", "seed"),
    ("server/keys/zeros", "takes-zero-key", "seed"),
    (
        "server/keys/other-algorithm",
        "takes-other-algorithm",
        "seed",
    ),
    ("server/keys/small-modulus", "takes-small-modulus", "seed"),
    ("server/keys/even-exponent", "takes-even-exponent", "seed"),
    ("server/keys/exponent-1", "takes-exponent-1", "seed"),
    ("server/keys/exponent-3", "refuses-exponent-3", "seed"),
    ("server/keys/exponent-127", "refuses-exponent-127", "seed"),
    (
        "server/keys/exponent-65537",
        "refuses-exponent-65537",
        "seed,key=160+162",
    ),
    (
        "server/keys/key-outlives-the-connection",
        "key-in-connection",
        "seed",
    ),
    (
        "server/keys/key-outlives-the-program",
        "forgets-keys",
        "seed",
    ),
    ("server/keys/last-key-counts", "first-key-counts", "seed"),
    (
        "server/keys/refused-key-changes-nothing",
        "forgets-key-on-refusal",
        "seed",
    ),
    (
        "server/keys/key-of-its-own-connection",
        "one-key-per-client",
        "seed",
    ),
    ("server/reconnect/granted", "other-reconnect-key", "2023a"),
    (
        "server/reconnect/unknown-client",
        "no-reconnect-refused",
        "2023a",
    ),
    (
        "server/reconnect/name-of-another",
        "reconnects-any-name",
        "2023c",
    ),
    (
        "server/reconnect/without-a-public-key",
        "reconnects-without-key",
        "2024c",
    ),
    (
        "server/reconnect/after-restart",
        "forgets-public-keys",
        "2023a",
    ),
    ("server/content/answer", "plain-content-size", "seed"),
    ("server/content/nine-digits", "zlib-cksum", "seed"),
    (
        "server/content/length-counts",
        "cksum-without-length",
        "seed",
    ),
    ("server/content/empty-file", "refuses-empty-files", "seed"),
    ("server/content/one-byte", "refuses-one-byte", "seed"),
    (
        "server/content/one-byte-less-than-a-block",
        "keeps-padding-of-1",
        "seed",
    ),
    ("server/content/whole-blocks", "keeps-whole-block", "seed"),
    (
        "server/content/one-byte-more-than-a-block",
        "loses-17th-byte",
        "seed",
    ),
    ("server/content/around-1024", "cuts-at-1024", "seed"),
    ("server/content/around-4096", "cuts-at-4096", "seed"),
    ("server/content/around-65536", "cuts-at-65536", "seed"),
    ("server/content/one-mebibyte", "cuts-at-1-mib", "seed"),
    ("server/content/newlines", "text-mode", "seed"),
    ("server/content/end-of-text", "stops-at-nul", "seed"),
    ("server/content/every-byte", "decodes-text", "seed"),
    ("server/content/trailing-zeros", "strips-zeros", "seed"),
    (
        "server/files/unknown-client",
        "receives-from-strangers",
        "seed",
    ),
    (
        "server/files/before-the-key",
        "receives-without-key",
        "seed",
    ),
    (
        "server/files/other-id-in-payload",
        "takes-other-payload-id",
        "seed",
    ),
    (
        "server/files/key-of-another-client",
        "any-key-opens",
        "seed",
    ),
    (
        "server/files/last-padding-byte-0",
        "takes-padding-0",
        "seed",
    ),
    (
        "server/files/last-padding-byte-17",
        "takes-padding-17",
        "seed",
    ),
    (
        "server/files/padding-bytes-that-differ",
        "checks-last-byte-alone",
        "seed",
    ),
    (
        "server/files/content-size-0",
        "takes-content-size-0",
        "seed",
    ),
    (
        "server/files/content-not-blocks",
        "takes-content-not-blocks",
        "seed",
    ),
    (
        "server/files/content-size-of-the-plaintext",
        "takes-plaintext-size",
        "seed",
    ),
    (
        "server/files/content-size-too-small",
        "takes-small-content-size",
        "seed",
    ),
    (
        "server/files/content-size-too-large",
        "takes-large-content-size",
        "seed",
    ),
    (
        "server/files/content-size-of-4-gib",
        "takes-content-size-of-4-gib",
        "seed",
    ),
    (
        "server/files/goes-on-after-a-refusal",
        "closes-after-large-refusal",
        "seed",
    ),
    ("server/files/second-version", "appends", "seed"),
    (
        "server/files/same-name-of-two-clients",
        "gives-up-by-name",
        "seed",
    ),
    ("server/files/three-in-a-row", "two-files-a-client", "seed"),
    ("server/names/echo", "echoes-in-capitals", "seed"),
    ("server/names/path-with-slashes", "echoes-base-name", "seed"),
    (
        "server/names/path-with-backslashes",
        "echoes-behind-backslash",
        "seed",
    ),
    (
        "server/names/absolute-path",
        "writes-absolute-paths",
        "seed",
    ),
    (
        "server/names/parent-folders",
        "writes-to-parent-folders",
        "seed",
    ),
    (
        "server/names/folder-of-the-same-name",
        "makes-folders",
        "seed",
    ),
    (
        "server/names/two-paths-to-one-base-name",
        "judges-by-base-name",
        "seed",
    ),
    ("server/names/upper-and-lower-case", "folds-case", "seed"),
    ("server/names/dot-dot", "takes-dot-dot", "seed"),
    ("server/names/dot", "takes-dot", "seed"),
    ("server/names/folder-alone", "takes-folder", "seed"),
    (
        "server/names/dot-dot-behind-a-backslash",
        "takes-dot-dot-behind-backslash",
        "seed",
    ),
    (
        "server/names/control-characters",
        "takes-control-characters",
        "seed",
    ),
    ("server/names/empty", "takes-empty-file-name", "seed"),
    (
        "server/names/unterminated",
        "takes-unterminated-file-name",
        "seed",
    ),
    ("server/names/not-utf8", "takes-file-name-not-utf8", "seed"),
    ("server/names/longest", "refuses-long-file-names", "seed"),
    ("server/names/hebrew", "ascii-file-names", "seed"),
    ("server/names/devices", "refuses-devices", "seed"),
    (
        "server/names/characters-of-shells",
        "refuses-shell-characters",
        "seed",
    ),
    ("server/names/bytes-behind-the-nul", "echoes-field", "seed"),
    ("server/packets/several", "answers-each-packet", "2024a"),
    ("server/packets/any-cut", "wants-whole-blocks", "2024a"),
    ("server/packets/number-0", "counts-from-0", "2024a"),
    (
        "server/packets/without-the-first",
        "begins-anywhere",
        "2024a",
    ),
    ("server/packets/missing", "takes-missing-packets", "2024a"),
    ("server/packets/repeated", "takes-repeated-packets", "2024a"),
    ("server/packets/begun-again", "never-begins-again", "2024c"),
    ("server/packets/total-0", "takes-total-0", "2024a"),
    (
        "server/packets/another-total",
        "takes-another-total",
        "2024a",
    ),
    ("server/packets/another-name", "takes-another-name", "2024c"),
    (
        "server/packets/another-content-size",
        "takes-another-content-size",
        "2024a",
    ),
    (
        "server/packets/original-size",
        "ignores-original-size",
        "2024a",
    ),
    ("server/packets/too-little", "takes-too-little", "2024c"),
    ("server/packets/too-much", "takes-too-much", "2024a"),
    ("server/verdicts/right", "contrary-after-right", "seed"),
    ("server/verdicts/right-again", "refuses-right-again", "seed"),
    (
        "server/verdicts/right-for-nothing",
        "honours-right-for-nothing",
        "seed",
    ),
    (
        "server/verdicts/right-for-another-name",
        "right-for-any-name",
        "seed",
    ),
    (
        "server/verdicts/right-of-another-client",
        "right-of-any-client",
        "seed",
    ),
    (
        "server/verdicts/right-of-an-unknown-client",
        "right-of-strangers",
        "seed",
    ),
    (
        "server/verdicts/right-with-another-id-in-payload",
        "right-with-other-payload-id",
        "seed",
    ),
    (
        "server/verdicts/right-with-an-unterminated-name",
        "right-with-unterminated-name",
        "seed",
    ),
    ("server/verdicts/wrong", "answers-1105", "seed"),
    ("server/verdicts/wrong-and-again", "sends-once", "seed"),
    ("server/verdicts/wrong-drops", "keeps-dropped", "seed"),
    (
        "server/verdicts/wrong-for-nothing",
        "answers-1105-for-nothing",
        "seed",
    ),
    (
        "server/verdicts/wrong-of-an-unknown-client",
        "answers-1105-of-strangers",
        "seed",
    ),
    (
        "server/verdicts/wrong-many-times",
        "counts-transmissions",
        "seed",
    ),
    ("server/verdicts/give-up", "contrary-after-give-up", "seed"),
    ("server/verdicts/give-up-drops", "keeps-given-up", "seed"),
    (
        "server/verdicts/give-up-for-nothing",
        "refuses-give-up-for-nothing",
        "seed",
    ),
    (
        "server/verdicts/give-up-of-an-unknown-client",
        "honours-give-up-of-strangers",
        "seed",
    ),
    (
        "server/verdicts/give-up-keeps-the-verified",
        "give-up-ends-verified",
        "seed",
    ),
    (
        "server/verdicts/on-another-connection",
        "verdict-needs-its-connection",
        "seed",
    ),
    ("server/verdicts/after-restart", "forgets-waiting", "seed"),
    (
        "server/verdicts/bytes-behind-the-last",
        "resets-over-more",
        "seed",
    ),
    (
        "server/refusals/unknown-code",
        "ignores-unknown-codes",
        "seed",
    ),
    ("server/refusals/code-0", "ignores-code-0", "seed"),
    (
        "server/refusals/code-of-a-response",
        "ignores-response-codes",
        "seed",
    ),
    (
        "server/refusals/swapped-code",
        "ignores-swapped-codes",
        "seed",
    ),
    (
        "server/refusals/register-too-short",
        "waits-for-short-register",
        "seed",
    ),
    (
        "server/refusals/register-too-long",
        "waits-for-long-register",
        "seed",
    ),
    (
        "server/refusals/register-without-payload",
        "ignores-empty-register",
        "seed",
    ),
    ("server/refusals/public-key-size", "waits-for-key", "seed"),
    (
        "server/refusals/file-shorter-than-its-fields",
        "waits-for-short-file",
        "seed",
    ),
    ("server/refusals/right-size", "waits-for-right", "seed"),
    (
        "server/refusals/wrong-size",
        "silent-about-wrong-size",
        "seed",
    ),
    ("server/refusals/give-up-size", "waits-for-give-up", "seed"),
    ("server/refusals/text", "closes-on-text", "seed"),
    (
        "server/framing/register-byte-by-byte",
        "one-read-register",
        "seed",
    ),
    (
        "server/framing/public-key-byte-by-byte",
        "one-read-key",
        "seed",
    ),
    ("server/framing/file-byte-by-byte", "one-read-file", "seed"),
    (
        "server/framing/verdict-byte-by-byte",
        "one-read-verdict",
        "seed",
    ),
    (
        "server/framing/header-in-two-pieces",
        "one-read-header",
        "seed",
    ),
    (
        "server/framing/content-on-its-own",
        "one-read-content",
        "seed",
    ),
    (
        "server/framing/two-in-one-write",
        "forgets-what-follows",
        "seed",
    ),
    (
        "server/framing/ten-in-one-write",
        "forgets-behind-three",
        "seed",
    ),
    (
        "server/framing/again-in-one-write",
        "forgets-behind-wrong",
        "seed",
    ),
    (
        "server/framing/connection-per-request",
        "refuses-file-first",
        "seed",
    ),
    (
        "server/framing/many-on-one-connection",
        "hundred-requests",
        "seed",
    ),
    (
        "server/framing/end-after-the-request",
        "no-answer-after-end",
        "seed",
    ),
    ("server/store/received", "writes-late", "seed"),
    ("server/store/verified", "removes-verified", "seed"),
    ("server/store/given-up", "leaves-given-up", "seed"),
    ("server/store/dropped", "leaves-dropped", "seed"),
    (
        "server/store/verified-version-stays",
        "overwrites-verified",
        "seed",
    ),
    ("server/store/two-clients", "shares-folder", "seed"),
    (
        "server/store/verdict-of-its-own-connection",
        "newest-verdict",
        "seed",
    ),
    ("server/store/cut-upload", "keeps-cut-uploads", "seed"),
    ("server/store/outlives-a-kill", "saves-at-stop", "seed"),
    (
        "server/resilience/vanishes-at-once",
        "dies-of-nothing",
        "seed",
    ),
    (
        "server/resilience/vanishes-in-a-header",
        "dies-of-cut-header",
        "seed",
    ),
    (
        "server/resilience/vanishes-in-a-name",
        "registers-cut-names",
        "seed",
    ),
    (
        "server/resilience/vanishes-in-a-key",
        "dies-of-cut-key",
        "seed",
    ),
    (
        "server/resilience/vanishes-before-the-content",
        "dies-of-reset",
        "seed",
    ),
    (
        "server/resilience/vanishes-in-the-content",
        "dies-of-cut-content",
        "seed",
    ),
    (
        "server/resilience/vanishes-before-the-answer",
        "dies-of-reset-later",
        "seed",
    ),
    (
        "server/resilience/vanishes-before-the-verdict",
        "drops-at-reset",
        "seed",
    ),
    ("server/resilience/announces-4-gib", "dies-of-4-gib", "seed"),
    ("server/resilience/idle-client", "one-at-a-time", "seed"),
    ("server/resilience/slow-client", "impatient", "seed"),
    (
        "server/resilience/fifty-clients-at-once",
        "twenty-connections",
        "seed",
    ),
    (
        "server/resilience/fifty-clients-in-turn",
        "sixty-connections",
        "seed",
    ),
];

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
