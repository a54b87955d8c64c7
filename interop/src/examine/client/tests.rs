//! The cases are examined: each is seen failing on a client with the fault that it is about, which no case before it
//! notices; and a client without a fault passes them all.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{ClientBench, Examination, Program, Setting, TABLE};
use crate::cell::Stop;
use crate::dialect::Dialect;
use crate::examine::case::Case;
use crate::examine::run::{Bench, Finished};
use crate::play::ClientFault;

/// Deadlines are short: nothing here waits for another program.
const SLOW: f64 = 0.4;

/// Case, the fault that it is the first to catch, dialect.
const KILLS: &[(&str, &str, &str)] = &[
    ("sanity/first-backup", "silent", "seed"),
    ("fields/version", "version-2", "seed"),
    ("fields/register-id", "id-in-register", "seed"),
    ("fields/client-name", "uncleared", "seed"),
    ("fields/client-name", "other-name-in-key", "readme"),
    ("fields/public-key", "exponent", "seed"),
    ("fields/key-exchange-id", "other-id-in-key", "seed"),
    ("fields/file-id", "other-id-in-file", "seed"),
    ("fields/file-name", "uncleared-file-name", "seed"),
    ("fields/file-name", "other-file-name", "seed"),
    ("fields/content-size", "plain-content-size", "seed"),
    ("fields/packets", "packets-from-0", "2024a"),
    ("fields/content", "iv", "seed"),
    ("fields/content", "plain", "readme"),
    ("fields/content", "packets-alone", "2024a,packet=64"),
    ("fields/verdict-id", "other-id-in-verdict", "seed"),
    ("fields/verdict-name", "other-name-in-verdict", "seed"),
    ("fields/one-write", "two-writes", "seed"),
    ("fields/nothing-behind", "trailing", "seed"),
    ("fields/end-of-stream", "resets", "readme"),
    ("pieces/header-and-payload", "one-read", "seed"),
    ("pieces/header-at-each-offset", "header-one-read", "seed"),
    ("pieces/registered-byte-by-byte", "id-one-read", "seed"),
    ("pieces/aes-key-byte-by-byte", "key-one-read", "seed"),
    (
        "pieces/file-received-byte-by-byte",
        "received-one-read",
        "readme",
    ),
    ("pieces/acknowledgement-joined", "loses-joined", "seed"),
    ("cksums/wrong-once", "always-right", "seed"),
    ("cksums/wrong-once", "no-verdict-between", "seed"),
    ("cksums/sends-all-again", "resends-nothing", "seed"),
    ("cksums/wrong-twice", "one-less", "seed"),
    ("cksums/wrong-three-times", "one-less", "readme"),
    ("cksums/wrong-to-the-end", "one-more", "seed"),
    ("cksums/tells-that-it-gave-up", "gives-up-well", "seed"),
    ("cksums/right-refused", "refused-is-done", "seed"),
    ("cksums/reset-after-right", "reset-is-failure", "seed"),
    ("cksums/ends-its-side", "waits-for-close", "seed"),
    ("refusals/name-taken", "goes-on", "seed"),
    ("refusals/name-taken-once", "registers-thrice", "seed"),
    ("refusals/key-once", "no-retry-of-key", "seed"),
    ("refusals/key-always", "four-tries-of-key", "seed"),
    ("refusals/file-once", "no-retry-of-file", "2023a"),
    ("refusals/file-always", "four-tries-of-file", "seed"),
    ("refusals/no-transmission", "counts-refusals", "seed"),
    ("refusals/other-size", "one-size-of-refusal", "seed"),
    ("refusals/reset-in-upload", "dies-of-reset", "seed"),
    ("refusals/unknown-code", "ignores-code", "seed"),
    ("answers/other-version", "wants-version-3", "seed"),
    ("answers/noise-behind-name", "compares-padding", "seed"),
    ("answers/aes-key-of-16", "key-32-only", "2024a"),
    ("answers/aes-key-of-24", "no-key-24", "seed"),
    ("answers/aes-key-of-32", "key-16-only", "seed"),
    ("answers/aes-key-of-5", "fills-key", "seed"),
    ("answers/wrapped-key-spoilt", "any-key", "seed"),
    ("answers/key-for-another-id", "ignores-id-in-key", "seed"),
    (
        "answers/received-from-another-id",
        "ignores-id-in-received",
        "seed",
    ),
    (
        "answers/received-of-another-size",
        "ignores-content-size",
        "seed",
    ),
    (
        "answers/received-of-another-name",
        "ignores-file-name",
        "seed",
    ),
    ("answers/zeros-behind-cksum", "ignores-zeros", "readme"),
    ("answers/id-too-long", "ignores-size", "seed"),
    ("answers/huge-size", "trusts-size", "seed"),
    ("answers/bytes-behind", "skips-stray", "seed"),
    ("answers/before-the-request", "skips-unexpected", "seed"),
    (
        "answers/acknowledgement-of-16",
        "acknowledgement-empty-only",
        "seed",
    ),
    (
        "answers/acknowledgement-of-0",
        "acknowledgement-with-id-only",
        "2023a",
    ),
    ("ends/in-place-of-registered", "end-is-registered", "seed"),
    ("ends/in-a-header", "dies-of-cut", "seed"),
    ("ends/in-the-aes-key", "cut-is-key", "seed"),
    ("ends/in-place-of-received", "end-is-received", "seed"),
    ("ends/before-the-cksum", "no-cksum-is-right", "seed"),
    ("silence/before-the-aes-key", "impatient", "seed"),
    ("silence/before-received", "verdict-at-once", "seed"),
    ("identity/kept", "other-key", "seed"),
    ("identity/secret", "open-info", "seed"),
    ("identity/second-run", "forgets-itself", "seed"),
    (
        "identity/does-not-register-again",
        "registers-again",
        "seed",
    ),
    ("identity/reconnects", "no-reconnect", "2023a"),
    ("identity/new-pair-after-refusal", "keeps-pair", "2023c"),
    ("identity/stays-until-there-is-another", "discards", "2024a"),
    ("identity/new-key-for-each-file", "one-key", "seed"),
    ("set-up/transfer-info-crlf", "lf-only", "seed"),
    (
        "set-up/transfer-info-without-end",
        "needs-last-line-end",
        "seed",
    ),
    ("set-up/me-info", "no-key-on-one-line", "seed"),
    ("set-up/me-info-wrapped", "key-on-one-line", "seed"),
    ("set-up/me-info-crlf", "info-lf-only", "seed"),
    ("set-up/me-info-other-name", "me-info-only", "seed"),
    ("set-up/priv-key", "no-priv-key", "seed"),
    ("files/empty", "no-empty-file", "seed"),
    ("files/one-block", "no-padding-block", "seed"),
    ("files/line-ends", "text-mode", "seed"),
    ("files/nul-bytes", "stops-at-nul", "seed"),
    ("files/around-1024", "buffers-1024", "seed"),
    ("files/around-4096", "buffers-4096", "seed"),
    ("files/around-65536", "buffers-65536", "readme"),
    ("files/larger-than-buffers", "most-200000", "seed"),
    ("files/missing", "missing-is-empty", "seed"),
    ("files/one-byte-too-many", "late-limit", "seed"),
    ("files/largest", "most-2-gib", "seed"),
    ("names/client-of-254", "name-253", "seed"),
    ("names/client-of-255", "cuts-name", "seed"),
    ("names/client-in-hebrew", "ascii-name", "seed"),
    ("names/file-of-254", "file-name-100", "seed"),
    ("names/file-in-hebrew", "ascii-file-name", "seed"),
];

/// A client with a fault, or none, and the cases in order.
struct Examined {
    bench: ClientBench,
    folder: tempfile::TempDir,
}

impl Examined {
    fn new(fault: Option<ClientFault>, dialect: &str, slow_cases: bool) -> Self {
        Self {
            bench: ClientBench {
                examination: Arc::new(Examination {
                    program: Program::Played(fault),
                    dialect: Arc::new(Dialect::find(dialect).expect("a dialect")),
                    slow: SLOW,
                    slow_cases,
                    known: Mutex::new(HashSet::new()),
                }),
                keep: false,
            },
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// What is wrong with the client in the eyes of this case.
    fn run(&self, case: &Case<Setting>) -> Option<String> {
        if !(case.applies)(&self.bench.examination.dialect) {
            return None;
        }
        let folder = self.folder.path().join(case.about.id.replace('/', "-"));
        let finished = self.finished(case, &folder);
        let told = said(&finished, &folder);
        match finished.stop {
            Some(Stop::Ours(reason) | Stop::NotStarted(reason)) => panic!("{reason}"),
            Some(Stop::Skip(_)) => None,
            Some(Stop::Failed) => Some(told),
            None => (!finished.findings.is_empty()).then_some(told),
        }
    }

    fn finished(&self, case: &Case<Setting>, folder: &Path) -> Finished {
        std::fs::create_dir_all(folder).expect("a folder");
        match self.bench.setting(&case.about, folder) {
            Ok(mut setting) => {
                let stop = (case.run)(&mut setting).err();
                self.bench.finish(setting, &case.about, stop)
            }
            Err(stop) => panic!("{stop:?}"),
        }
    }
}

fn said(finished: &Finished, folder: &Path) -> String {
    let findings = finished.findings.iter().map(|finding| {
        let (field, expected, got) = (&finding.field, &finding.expected, &finding.got);
        format!("{field}: expected {expected}, got {got}")
    });
    let findings: Vec<_> = findings.collect();
    format!("{}: {}", folder.display(), findings.join("; "))
}

fn all() -> impl Iterator<Item = &'static Case<Setting>> {
    [&TABLE.first].into_iter().chain(TABLE.cases())
}

#[test]
fn each_case_is_the_first_to_catch_its_fault() {
    in_parallel(KILLS, |(id, fault, dialect)| {
        let fault: ClientFault = fault.parse().expect("a fault");
        let examined = Examined::new(Some(fault), dialect, *id == "files/largest");
        let first = all().find_map(|case| Some((case.about.id, examined.run(case)?)));
        let (by, told) = first.unwrap_or_else(|| panic!("nothing sees {fault} in {dialect}"));
        assert_eq!(
            by,
            format!("client/{id}"),
            "first to see {fault} in {dialect}: {told}"
        );
    });
}

#[test]
fn a_response_that_was_not_read_to_its_end_is_told_with_its_cause_first() {
    let of_one_read = |row: &&(&str, &str, &str)| row.1.ends_with("one-read");
    let rows: Vec<_> = KILLS.iter().filter(of_one_read).collect();
    assert!(rows.len() >= 5);
    in_parallel(&rows, |(id, fault, dialect)| {
        let fault = fault.parse().expect("a fault");
        let examined = Examined::new(Some(fault), dialect, false);
        let case = all().find(|case| case.about.id == format!("client/{id}"));
        let finished = examined.finished(case.expect("a case"), examined.folder.path());
        let first = finished.findings.first().expect("a finding");
        let cause = first.cause.as_deref().unwrap_or_default();
        assert!(
            cause.contains("read on until all of it is there"),
            "{id}: {first:?}"
        );
        let causes = finished
            .findings
            .iter()
            .filter(|found| found.cause.is_some());
        assert_eq!(causes.count(), 1, "{id}");
    });
}

#[test]
fn every_case_has_a_fault() {
    let killed: HashSet<_> = KILLS
        .iter()
        .map(|(id, ..)| format!("client/{id}"))
        .collect();
    let blank: Vec<_> = all()
        .map(|case| case.about.id)
        .filter(|id| !killed.contains(*id))
        .collect();
    assert_eq!(blank, [""; 0]);
    let ids: HashSet<_> = all().map(|case| case.about.id).collect();
    assert_eq!(ids.len(), all().count(), "an id twice");
    assert!(ids.len() >= 45);
}

#[test]
fn a_client_without_a_fault_passes_every_case() {
    let dialects = [
        "seed",
        "readme",
        "2022c",
        "2023a",
        "2023c",
        "2024a",
        "2024c",
        "2024a,packet=64",
        "seed,pad=1024,request-pad=1024",
        "2023a,connection=request",
        "seed,order=big,align=natural",
        "seed,crc=zlib,crc-input=content,echo=plain",
    ];
    in_parallel(&dialects, |dialect| {
        let examined = Examined::new(None, dialect, false);
        for case in all() {
            let found = examined.run(case);
            assert_eq!(found, None, "{} in {dialect}", case.about.id);
        }
    });
}

/// Runs a check for each row, some at a time; each of them waits more than it works.
fn in_parallel<T: Sync>(rows: &[T], check: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::SeqCst)) {
                    if catch_unwind(AssertUnwindSafe(|| check(row))).is_err() {
                        failed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(failed.into_inner(), 0, "rows that failed");
}
