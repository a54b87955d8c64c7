//! The examiner is examined: every field that can be flipped is named, every fault of a scripted peer
//! fails the scenario that is about it, and without a fault nothing fails.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{matrix, peers, peers_speaking};

/// The two that run in full, and the one that is furthest from them.
const DIALECTS: [&str; 3] = ["seed", "readme", "2024c"];

/// What `--flip` takes, the side that is blamed, and the field that is named where it is not the
/// flipped one.
const FLIPS: &[(&str, &str)] = &[
    ("version", "server"),
    ("code", "server"),
    ("size", "server"),
    ("client-id", "server"),
    ("wrapped-key", "server"),
    ("content-size", "server"),
    ("file-name", "server"),
    ("nul", "server"),
    ("padding", "server"),
    ("cksum", "server"),
    ("zeros", "server"),
    ("trailing-data", "server"),
    ("registered.version", "server"),
    ("registered.code", "server"),
    ("registered.size", "server"),
    ("file-received.version", "server"),
    ("file-received.code", "server"),
    ("file-received.size", "server"),
    ("file-received.client-id", "server"),
    ("client-name", "client"),
    ("public-key", "client"),
    ("payload-client-id", "client"),
    ("content", "client"),
    ("register.version", "client"),
    ("register.code", "client"),
    ("register.size", "client"),
    ("register.nul", "client"),
    ("register.padding", "client"),
    ("send-public-key.version", "client"),
    ("send-public-key.code", "client"),
    ("send-public-key.size", "client"),
    ("send-public-key.client-id", "client"),
    ("send-public-key.client-name", "client"),
    ("send-public-key.nul", "client"),
    ("send-public-key.padding", "client"),
    ("send-file.version", "client"),
    ("send-file.code", "client"),
    ("send-file.size", "client"),
    ("send-file.client-id", "client"),
    ("send-file.content-size", "client"),
    ("send-file.file-name", "client"),
    ("send-file.nul", "client"),
    ("send-file.padding", "client"),
    ("cksum-right.version", "client"),
    ("cksum-right.code", "client"),
    ("cksum-right.size", "client"),
    ("cksum-right.client-id", "client"),
    ("cksum-right.payload-client-id", "client"),
    ("cksum-right.file-name", "client"),
    ("cksum-right.nul", "client"),
    ("cksum-right.padding", "client"),
];

/// The same where only some dialects have the field: flip, side, dialect, scenario.
const FLIPS_OF_DIALECTS: &[(&str, &str, &str, &str)] = &[
    ("1103.file-name", "client", "seed", "first-backup"),
    ("2103.cksum", "server", "seed", "first-backup"),
    ("alignment", "server", "seed,align=natural", "first-backup"),
    (
        "send-file.alignment",
        "client",
        "seed,align=natural",
        "first-backup",
    ),
    ("message-padding", "server", "seed,pad=1024", "first-backup"),
    (
        "file-received.message-padding",
        "server",
        "seed,pad=2048,size=padded",
        "first-backup",
    ),
    (
        "size",
        "server",
        "seed,pad=1024,size=padded",
        "first-backup",
    ),
    ("size", "server", "seed,size=message", "first-backup"),
    ("size", "server", "seed,order=big", "first-backup"),
    ("code", "server", "seed,order=big", "first-backup"),
    (
        "send-file.content-size",
        "client",
        "seed,order=big",
        "first-backup",
    ),
    (
        "register.message-padding",
        "client",
        "seed,request-pad=1024",
        "first-backup",
    ),
    (
        "cksum-right.message-padding",
        "client",
        "seed,request-pad=1024",
        "first-backup",
    ),
    ("original-size", "client", "2024a", "first-backup"),
    ("packet-number", "client", "2024a", "first-backup"),
    ("total-packets", "client", "2024a", "first-backup"),
    (
        "packet-number",
        "client",
        "2024a,packet-order=big",
        "first-backup",
    ),
    ("packet-number", "client", "2024a", "many-packets"),
    ("total-packets", "client", "2024a", "many-packets"),
    ("reconnect.version", "client", "2023a", "known-client"),
    ("reconnect.client-id", "client", "2023a", "known-client"),
    ("reconnect.client-name", "client", "2024c", "known-client"),
    ("reconnect.padding", "client", "2023c", "known-client"),
    ("reconnected.code", "server", "2023a", "known-client"),
    ("reconnected.client-id", "server", "2024a", "known-client"),
    ("reconnected.wrapped-key", "server", "2024c", "known-client"),
    (
        "reconnect-refused.client-id",
        "server",
        "2023a",
        "reconnect-refused",
    ),
    (
        "reconnect-refused.size",
        "server",
        "2023a",
        "reconnect-refused",
    ),
    ("acknowledged.version", "server", "2022c", "first-backup"),
    ("acknowledged.code", "server", "2022c", "first-backup"),
    ("acknowledged.client-id", "server", "2023a", "first-backup"),
    ("acknowledged.size", "server", "2024c", "first-backup"),
    (
        "send-public-key.public-key",
        "client",
        "seed,key=160+162",
        "first-backup",
    ),
];

/// A server that speaks another dialect than the cell's, the first field that is wrong then, and the
/// likely cause.
const OTHER_SERVERS: &[(&str, &str, &str, &str)] = &[
    ("readme", "seed", "size", "dialect 'readme'"),
    ("seed", "readme", "client-id", "dialect 'seed'"),
    ("seed,pad=1024", "seed", "trailing-data", "pad="),
    ("seed,size=message", "seed", "size", "'seed,size=message'"),
    ("seed,crc=zlib", "seed", "cksum", "crc=zlib"),
    (
        "2023a,crc-input=content",
        "2023a",
        "cksum",
        "crc-input=content",
    ),
    (
        "2024a,crc=crc8,crc-input=padded",
        "2024a",
        "cksum",
        "crc=crc8,crc-input=padded",
    ),
    ("seed,echo=plain", "seed", "content-size", "echo=plain"),
    ("seed,aes=32", "seed", "wrapped-key", "aes=32"),
    ("2024c,aes=16", "2024c", "wrapped-key", "aes=16"),
    (
        "seed,received=client_id+file_name+cksum",
        "seed",
        "size",
        "'seed,received=client_id+file_name+cksum'",
    ),
    (
        "readme,cksum-width=4",
        "readme",
        "size",
        "'readme,cksum-width=4'",
    ),
    ("2022c", "seed", "order", "right="),
];

/// The same for clients.
const OTHER_CLIENTS: &[(&str, &str, &str, &str)] = &[
    ("2023c", "seed", "code", "dialect '2023c'"),
    ("2024c", "2023a", "code", "dialect '2024c'"),
    ("seed,align=natural", "seed", "code", "'seed,align=natural'"),
    ("seed,order=big", "seed", "code", "'seed,order=big'"),
    ("seed,name=256", "seed", "size", "'seed,name=256'"),
    ("2023a", "seed", "size", "'seed,id=no'"),
    ("seed,key=160+162", "seed", "", ""),
];

/// Server fault, scenario in which it has to be caught, dialect, field.
const SERVER_FAULTS: &[(&str, &str, &str, &str)] = &[
    ("zlib-cksum", "first-backup", "seed", "cksum"),
    ("cksum-of-content", "first-backup", "readme", "cksum"),
    ("plain-content-size", "first-backup", "seed", "content-size"),
    ("two-writes", "first-backup", "seed", "one-write"),
    ("answers-1105", "wrong-once", "seed", "order"),
    ("answers-1105", "wrong-once", "readme", "order"),
    (
        "contrary-after-right",
        "habit-waits-after-1104",
        "seed",
        "end-of-stream",
    ),
    (
        "contrary-after-right",
        "three-files",
        "readme",
        "end-of-stream",
    ),
    ("reset-after-right", "first-backup", "seed", "end-of-stream"),
    ("keeps-given-up", "wrong-to-the-end", "seed", "stored-file"),
    (
        "keeps-given-up",
        "wrong-to-the-end",
        "readme",
        "stored-file",
    ),
    ("keeps-dropped", "wrong-once", "readme", "stored-file"),
    (
        "overwrites-verified",
        "verified-version-stays",
        "seed",
        "stored-file",
    ),
    (
        "forgets-waiting",
        "server-killed-before-verdict",
        "seed",
        "stored-file",
    ),
    ("same-key", "known-client", "seed", "wrapped-key"),
    ("oaep-sha256", "first-backup", "seed", "wrapped-key"),
    (
        "key-in-connection",
        "connection-per-request",
        "seed",
        "code",
    ),
    (
        "key-in-connection",
        "server-stopped-before-file",
        "readme",
        "code",
    ),
    ("registers-twice", "name-taken", "seed", "code"),
    ("received-nothing", "habit-received-nothing", "seed", "code"),
    ("dies-of-cut", "client-killed-in-upload", "seed", "exit"),
    ("one-read", "byte-by-byte", "seed", "end-of-stream"),
    ("pads-responses", "first-backup", "seed", "trailing-data"),
    ("no-empty-files", "empty-file", "readme", "stored-file"),
    (
        "echoes-behind-backslash",
        "habit-whole-path",
        "seed",
        "file-name",
    ),
    (
        "no-acknowledgement",
        "first-backup",
        "2023a",
        "end-of-stream",
    ),
    ("other-acknowledgement", "first-backup", "2022c", "size"),
    ("other-acknowledgement", "first-backup", "2024c", "size"),
    (
        "no-general-error",
        "habit-received-nothing",
        "2023c",
        "code",
    ),
    (
        "other-reconnect-key",
        "known-client",
        "2023a",
        "wrapped-key",
    ),
    (
        "other-reconnect-key",
        "known-client",
        "2024a,reconnect-key=same",
        "wrapped-key",
    ),
    ("no-reconnect-refused", "reconnect-refused", "2024a", "code"),
    (
        "keeps-connection",
        "habit-waits-after-1104",
        "2023a,connection=request",
        "end-of-stream",
    ),
    ("answers-each-packet", "many-packets", "2024a", "order"),
    ("last-packet-only", "many-packets", "2024c", "cksum"),
    (
        "pads-with-noise",
        "first-backup",
        "seed,pad=1024",
        "message-padding",
    ),
];

/// The same for clients.
const CLIENT_FAULTS: &[(&str, &str, &str, &str)] = &[
    ("always-right", "wrong-once", "seed", "code"),
    ("one-more", "wrong-to-the-end", "seed", "code"),
    ("one-less", "wrong-to-the-end", "readme", "code"),
    ("apart", "again-in-one-write", "seed", "one-write"),
    ("resets", "first-backup", "readme", "end-of-stream"),
    ("uncleared", "first-backup", "seed", "padding"),
    ("iv", "size-17", "seed", "content"),
    ("plain", "size-17", "readme", "content"),
    ("text-mode", "first-backup", "seed", "content"),
    ("exponent", "first-backup", "seed", "public-key"),
    ("other-key", "first-backup", "seed", "public-key"),
    ("open-info", "first-backup", "seed", "me-info"),
    ("registers-again", "known-client", "seed", "scenario"),
    ("goes-on", "name-taken", "seed", "code"),
    ("one-read", "byte-by-byte", "seed", "exit"),
    ("silent", "first-backup", "readme", "order"),
    ("exits-well", "name-taken", "seed", "exit"),
    ("exits-well", "wrong-to-the-end", "readme", "exit"),
    ("two-writes", "first-backup", "seed", "one-write"),
    ("no-verdict-between", "wrong-once", "seed", "code"),
    ("plain-content-size", "first-backup", "seed", "content-size"),
    ("no-reconnect", "known-client", "2023a", "code"),
    ("keeps-pair", "reconnect-refused", "2023c", "public-key"),
    (
        "discards",
        "reconnect-refused-name-taken",
        "2024a",
        "me-info",
    ),
    ("packets-from-0", "first-backup", "2024a", "packet-number"),
    ("packets-alone", "many-packets", "2024a", "content"),
    ("large-packets", "many-packets", "2024c", "size"),
    (
        "packet-content-size",
        "many-packets",
        "2024a",
        "content-size",
    ),
    (
        "keeps-connection",
        "first-backup",
        "seed,connection=request",
        "order",
    ),
];

#[test]
fn names_every_flipped_field() {
    let peers = peers(None, None);
    in_parallel(FLIPS, |(flip, whose)| {
        for dialect in DIALECTS {
            // A 2103 has zeros behind its cksum in `readme` alone; from 2023 on no payload has an ID.
            let of_readme = *flip == "zeros" && dialect != "readme";
            if of_readme || (flip.ends_with("payload-client-id") && dialect == "2024c") {
                continue;
            }
            check_flip(peers.path(), flip, whose, dialect, "first-backup");
        }
    });
}

#[test]
fn names_every_flipped_field_that_only_some_dialects_have() {
    let peers = peers(None, None);
    in_parallel(FLIPS_OF_DIALECTS, |(flip, whose, dialect, scenario)| {
        check_flip(peers.path(), flip, whose, dialect, scenario);
    });
}

fn check_flip(peers: &Path, flip: &str, whose: &str, dialect: &str, scenario: &str) {
    let arguments = [
        "--scenario",
        scenario,
        "--dialect",
        dialect,
        "--flip",
        flip,
        "--slow",
        "0.2",
    ];
    let run = matrix(peers, &arguments);
    let field = flip.split('.').next_back().unwrap_or_default();
    let first = run.findings().into_iter().next();
    let expected = Some((whose.to_owned(), field.to_owned()));
    let told = format!("{flip} in {dialect}, {scenario}: {}", run.text);
    assert_eq!(first, expected, "{told}");
    assert_eq!(run.code, 1, "{told}");
}

#[test]
fn a_flip_that_finds_no_field_is_no_success() {
    let peers = peers(None, None);
    let arguments = [
        "--scenario",
        "first-backup",
        "--dialect",
        "seed",
        "--flip",
        "zeros",
    ];
    let run = matrix(peers.path(), &arguments);
    assert_eq!(run.code, 5, "{}", run.text);
}

#[test]
fn every_server_fault_fails_the_scenario_that_is_about_it() {
    in_parallel(SERVER_FAULTS, |(fault, scenario, dialect, field)| {
        check_fault(Some(fault), None, scenario, dialect, "server", field);
    });
}

#[test]
fn every_client_fault_fails_the_scenario_that_is_about_it() {
    in_parallel(CLIENT_FAULTS, |(fault, scenario, dialect, field)| {
        check_fault(None, Some(fault), scenario, dialect, "client", field);
    });
}

fn check_fault(
    server: Option<&str>,
    client: Option<&str>,
    scenario: &str,
    dialect: &str,
    whose: &str,
    field: &str,
) {
    let peers = peers(server, client);
    let arguments = [
        "--scenario",
        scenario,
        "--dialect",
        dialect,
        "--slow",
        "0.2",
    ];
    let run = matrix(peers.path(), &arguments);
    let told = format!(
        "{server:?} {client:?} in {scenario}, {dialect}: {}",
        run.text
    );
    assert_eq!(run.code, 1, "{told}");
    assert_eq!(run.count("failed"), 1, "{told}");
    assert!(
        run.findings()
            .contains(&(whose.to_owned(), field.to_owned())),
        "{told}"
    );
}

#[test]
fn tells_what_another_dialect_a_server_speaks() {
    in_parallel(OTHER_SERVERS, |(spoken, dialect, field, cause)| {
        let peers = peers_speaking(Some(spoken), None);
        check_cause(peers.path(), dialect, "server", field, cause);
    });
}

#[test]
fn tells_what_another_dialect_a_client_speaks() {
    in_parallel(OTHER_CLIENTS, |(spoken, dialect, field, cause)| {
        let peers = peers_speaking(None, Some(spoken));
        check_cause(peers.path(), dialect, "client", field, cause);
    });
}

fn check_cause(peers: &Path, dialect: &str, whose: &str, field: &str, cause: &str) {
    let arguments = [
        "--scenario",
        "first-backup",
        "--dialect",
        dialect,
        "--slow",
        "0.1",
    ];
    let run = matrix(peers, &arguments);
    let told = format!("{whose} in {dialect}: {}", run.text);
    if field.is_empty() {
        // It speaks what the dialect allows.
        assert_eq!(run.code, 0, "{told}");
        return;
    }
    assert_eq!(run.code, 1, "{told}");
    let (of, named) = run.findings().into_iter().next().unwrap_or_default();
    assert_eq!((of.as_str(), named.as_str()), (whose, field), "{told}");
    let causes = run.causes();
    assert!(
        causes.iter().any(|told| told.contains(cause)),
        "{cause}: {told}"
    );
}

#[test]
fn what_is_only_recommended_warns_and_does_not_fail() {
    let peers = peers(None, Some("one-key"));
    let run = matrix(peers.path(), &["--scenario", "three-files"]);
    assert_eq!(run.code, 0, "{}", run.text);
    // Two a dialect: for the second file and for the third.
    assert_eq!(run.count("warnings"), 2 * 7, "{}", run.text);
}

#[test]
fn scripted_peers_without_a_fault_pass_everything() {
    let peers = peers(None, None);
    // The 64 MiB take long in an unoptimised build and go the way of the 1 MiB.
    let run = matrix(peers.path(), &["--all", "--except", "size-64-mib"]);
    assert_eq!(run.code, 0, "{}", run.text);
    let cells = run.count("cells");
    assert!(cells > 7 * 34 + 38, "{}", run.text);
    assert_eq!(run.count("passed"), cells - 2);
    assert_eq!(run.count("impossible"), 2);
    assert_eq!(run.count("warnings"), 0, "{}", run.text);
}

/// Runs a check for each row, some at a time; each of them waits for processes more than it works.
/// Every row is run, whatever becomes of the others.
fn in_parallel<T: Sync>(rows: &[T], check: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some(row) = rows.get(at) else { return };
                    if catch_unwind(AssertUnwindSafe(|| check(row))).is_err() {
                        failed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(failed.into_inner(), 0, "rows that failed");
}
