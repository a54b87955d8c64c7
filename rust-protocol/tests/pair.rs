//! Client session against server session, in memory.

#![allow(clippy::unwrap_used)]

mod support;

use backup_protocol::Dialect;
use backup_protocol::cksum::FileCksum;
use backup_protocol::dialect::ChecksumInput;
use backup_protocol::session::client::{Confirmation, FileOutcome};
use backup_protocol::session::{ClientError, Refusal};
use backup_protocol::wire::{RequestKind, VerdictKind};
use support::{World, dialect, every_dialect, name, options};

const FILE: &str = "report.txt";

fn text(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i % 251) as u8).collect()
}

fn only(outcomes: Result<Vec<FileOutcome>, ClientError>) -> FileOutcome {
    let outcomes = outcomes.unwrap();
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes.into_iter().next().unwrap()
}

/// What was asked and refused, over whatever connections.
fn requests_of(world: &World) -> Vec<&str> {
    let all = world.log.iter().map(String::as_str);
    all.filter(|what| !["connect", "close"].contains(what))
        .collect()
}

#[test]
fn backs_up_a_first_file_in_any_segmentation() {
    for dialect in &every_dialect() {
        for chunk in [1, 7, 16, usize::MAX] {
            let mut world = World::new(dialect);
            world.chunk = chunk;
            let plain = text(1000);
            let (session, outcomes) = world.backup(options(dialect), &[(FILE, plain.clone())]);

            let outcome = only(outcomes);
            assert!(outcome.is_verified());
            if dialect.checksum_input != ChecksumInput::Content {
                let mut cksum = FileCksum::new(dialect);
                cksum.plain(&plain);
                assert_eq!(outcome.cksum, cksum.finish());
            }
            assert_eq!(outcome.transmissions, 1);
            assert_eq!(outcome.confirmation, Confirmation::Confirmed);
            assert_eq!(session.server_version(), Some(3));

            let requests = ["register", "send public key", "send file", "cksum right"];
            assert_eq!(requests_of(&world), requests);
            let connections = world.log.iter().filter(|what| *what == "connect").count();
            let each = dialect.closes_after_each();
            assert_eq!(connections, if each { 4 } else { 1 });
            let closes = dialect.after_right.close || each;
            assert_eq!(world.log.last().unwrap() == "close", closes);
            let [version] = world.store.versions.as_slice() else {
                panic!("{:?}", world.store.versions)
            };
            assert!(version.verified);
            assert_eq!(version.plain, plain);
            assert_eq!(Some(version.client), session.client_id());
        }
    }
}

#[test]
fn backs_up_files_of_every_size_around_a_block() {
    let dialect = dialect("readme");
    let mut world = World::new(&dialect);
    let files: Vec<_> = [0, 1, 15, 16, 17, 31, 32, 33, 5000]
        .map(|size| (size.to_string(), text(size)))
        .into();
    let files: Vec<_> = files.iter().map(|(n, p)| (n.as_str(), p.clone())).collect();
    let (_, outcomes) = world.backup(options(&dialect), &files);
    assert_eq!(outcomes.unwrap().len(), files.len());
    for ((file_name, plain), version) in files.iter().zip(&world.store.versions) {
        assert_eq!(version.file_name.as_str(), *file_name);
        assert_eq!(version.plain, *plain);
        assert!(version.verified);
    }
}

#[test]
fn a_known_client_begins_with_a_reconnect_or_its_key() {
    for dialect in &every_dialect() {
        let mut world = World::new(dialect);
        let mut options = options(dialect);
        let (session, outcomes) = world.backup(options.clone(), &[(FILE, text(10))]);
        outcomes.unwrap();
        options.identity = session.client_id();
        world.log.clear();

        let (session, outcomes) = world.backup(options.clone(), &[(FILE, text(20))]);
        assert!(only(outcomes).is_verified());
        assert_eq!(session.client_id(), options.identity);
        let log = requests_of(&world);
        let first = match dialect.has_reconnect() {
            true => "reconnect",
            false => "send public key",
        };
        assert_eq!(log, [first, "send file", "cksum right"]);
    }
}

#[test]
fn a_client_that_registers_anyway_goes_on_with_its_identity() {
    for dialect in &every_dialect() {
        let mut world = World::new(dialect);
        let mut options = options(dialect);
        let (session, _) = world.backup(options.clone(), &[(FILE, text(10))]);
        options.identity = session.client_id();
        options.register_anyway = true;
        world.log.clear();

        let (session, outcomes) = world.backup(options.clone(), &[(FILE, text(20))]);
        assert!(only(outcomes).is_verified());
        assert_eq!(session.client_id(), options.identity);
        let requests = requests_of(&world);
        assert_eq!(requests[..3], ["register", "refused", "send public key"]);
    }
}

#[test]
fn a_name_that_is_taken_is_lost_to_a_client_without_identity() {
    for dialect in &every_dialect() {
        let mut world = World::new(dialect);
        world
            .backup(options(dialect), &[(FILE, text(10))])
            .1
            .unwrap();
        let (session, outcomes) = world.backup(options(dialect), &[(FILE, text(10))]);
        let taken = ClientError::NameTaken {
            name: name("alice"),
        };
        assert_eq!(outcomes, Err(taken));
        assert_eq!(session.client_id(), None);
    }
}

#[test]
fn a_wrong_cksum_brings_the_file_again_in_one_write() {
    for dialect in Dialect::all() {
        for chunk in [1, usize::MAX] {
            let mut world = World::new(dialect);
            world.chunk = chunk;
            world.wrong_cksums = 1;
            let outcome = only(world.backup(options(dialect), &[(FILE, text(100))]).1);
            assert!(outcome.is_verified());
            assert_eq!(outcome.transmissions, 2);
            let sent = ["send file", "cksum wrong, sending again", "send file"];
            assert_eq!(world.log[3..6], sent);
            let size = |kind| 23 + dialect.request_fixed_size(kind) as usize;
            let both = size(RequestKind::Verdict(VerdictKind::Wrong)) + size(RequestKind::SendFile);
            let sizes = world.writes.iter().map(Vec::len);
            assert_eq!(sizes.filter(|&size| size == both).count(), 1);
            assert_eq!(world.store.versions.len(), 1, "the wrong one is dropped");
        }
    }
}

#[test]
fn gives_up_after_the_transmissions_of_the_dialect() {
    for dialect in &every_dialect() {
        for per_request in [false, true] {
            let mut world = World::new(dialect);
            world.wrong_cksums = u32::MAX;
            let mut options = options(dialect);
            options.connection_per_request = per_request;
            let outcome = only(world.backup(options, &[(FILE, text(100))]).1);
            assert!(!outcome.is_verified());
            assert_eq!(outcome.transmissions, dialect.transmissions);
            assert_eq!(outcome.confirmation, Confirmation::Confirmed);
            let count = |what: &str| world.log.iter().filter(|entry| *entry == what).count();
            assert_eq!(count("send file"), usize::from(dialect.transmissions));
            assert_eq!(count("cksum wrong, giving up"), 1);
            let again = usize::from(dialect.transmissions) - 1;
            assert_eq!(count("cksum wrong, sending again"), again);
            assert!(world.store.versions.is_empty());
        }
    }
}

#[test]
fn goes_on_with_the_next_file_after_giving_up() {
    for dialect in &every_dialect() {
        let mut world = World::new(dialect);
        world.wrong_cksums = u32::from(dialect.transmissions);
        let files = [("bad", text(10)), ("good", text(20))];
        let outcomes = world.backup(options(dialect), &files).1.unwrap();
        let verified: Vec<_> = outcomes.iter().map(FileOutcome::is_verified).collect();
        assert_eq!(verified, [false, true]);
        assert!(
            outcomes
                .iter()
                .all(|o| o.confirmation == Confirmation::Confirmed)
        );
    }
}

#[test]
fn every_request_can_have_a_connection_of_its_own() {
    for dialect in &every_dialect() {
        let mut world = World::new(dialect);
        world.wrong_cksums = 1;
        let mut options = options(dialect);
        options.connection_per_request = true;
        let outcome = only(world.backup(options, &[(FILE, text(100))]).1);
        assert!(outcome.is_verified());
        assert_eq!(outcome.confirmation, Confirmation::Confirmed);
        let requests: Vec<_> = world.log.iter().filter(|entry| *entry != "close").collect();
        let expected = [
            "register",
            "send public key",
            "send file",
            "cksum wrong, sending again",
            "send file",
            "cksum right",
        ];
        let expected: Vec<_> = expected.iter().flat_map(|r| ["connect", r]).collect();
        assert_eq!(requests, expected);
        assert_eq!(world.store.versions.len(), 1);
    }
}

#[test]
fn no_key_serves_two_files_unless_asked_to() {
    for dialect in Dialect::all() {
        let files = [("a", text(10)), ("b", text(20)), ("c", text(30))];
        let mut world = World::new(dialect);
        world.backup(options(dialect), &files).1.unwrap();
        let [a, b, c] = world.content_keys.as_slice() else {
            panic!("{:?}", world.content_keys)
        };
        assert!(a != b && b != c && a != c);
        let connections = world.log.iter().filter(|entry| *entry == "connect").count();
        assert_eq!(connections, if dialect.after_right.close { 3 } else { 1 });

        let mut world = World::new(dialect);
        let mut options = options(dialect);
        options.key_per_file = false;
        world.backup(options, &files).1.unwrap();
        let [a, b, c] = world.content_keys.as_slice() else {
            panic!("{:?}", world.content_keys)
        };
        let one_connection = !dialect.after_right.close;
        assert_eq!(a == b && b == c, one_connection);
    }
}

#[test]
fn a_refused_request_is_tried_three_times() {
    for dialect in &every_dialect() {
        for (what, request) in [
            ("send public key", RequestKind::SendPublicKey),
            ("send file", RequestKind::SendFile),
        ] {
            let mut world = World::new(dialect);
            world.store.refuse = Some((what, Refusal::Limit, 2));
            let outcome = only(world.backup(options(dialect), &[(FILE, text(100))]).1);
            assert!(outcome.is_verified());
            assert_eq!(outcome.transmissions, 1, "a refused try is none");

            let mut world = World::new(dialect);
            world.store.refuse = Some((what, Refusal::Limit, 3));
            let (_, outcomes) = world.backup(options(dialect), &[(FILE, text(100))]);
            assert_eq!(outcomes, Err(ClientError::Refused { request, tries: 3 }));
            let count = world.log.iter().filter(|entry| *entry == what).count();
            assert_eq!(count, 3);
            let again = "cksum wrong, sending again";
            assert!(!world.log.iter().any(|entry| entry == again));
        }
    }
}

#[test]
fn a_server_that_refuses_and_closes_is_tried_three_times() {
    for dialect in &every_dialect() {
        let mut world = World::new(dialect);
        world.discard_limit = 1000;
        world.store.refuse = Some(("send file", Refusal::Limit, 2));
        let outcome = only(world.backup(options(dialect), &[(FILE, text(5000))]).1);
        assert!(outcome.is_verified());

        let mut world = World::new(dialect);
        world.discard_limit = 1000;
        world.store.refuse = Some(("send file", Refusal::Limit, 3));
        let (_, outcomes) = world.backup(options(dialect), &[(FILE, text(5000))]);
        let request = RequestKind::SendFile;
        assert_eq!(outcomes, Err(ClientError::Refused { request, tries: 3 }));
    }
}

#[test]
fn tells_a_refused_verdict_from_a_refused_request() {
    for dialect in &every_dialect() {
        let files = [("a", text(10)), ("b", text(20))];
        let mut world = World::new(dialect);
        world.store.refuse = Some(("verdict", Refusal::NothingWaiting, 1));
        let outcomes = world.backup(options(dialect), &files).1.unwrap();
        let confirmations: Vec<_> = outcomes.iter().map(|o| o.confirmation).collect();
        let expected = [Confirmation::Refused, Confirmation::Confirmed];
        assert_eq!(confirmations, expected, "{:?}", world.log);
        assert!(!world.store.versions[0].verified);

        // The last verdict of all.
        let mut world = World::new(dialect);
        world.store.refuse = Some(("verdict", Refusal::NothingWaiting, 1));
        let outcome = only(world.backup(options(dialect), &files[..1]).1);
        assert_eq!(outcome.confirmation, Confirmation::Refused);
    }
}

#[test]
fn a_refused_request_after_a_verdict_does_not_spoil_it() {
    let dialect = dialect("readme");
    let mut world = World::new(&dialect);
    // The verdict on the first file is outstanding when the key for the second is refused.
    world.store.refuse_after = 1;
    world.store.refuse = Some(("send public key", Refusal::Limit, 1));
    let files = [("a", text(10)), ("b", text(20))];
    let outcomes = world.backup(options(&dialect), &files).1.unwrap();
    for outcome in &outcomes {
        assert_eq!(outcome.confirmation, Confirmation::Confirmed);
    }
    let refused: Vec<_> = world.log.iter().map(String::as_str).collect();
    let around = [
        "cksum right",
        "send public key",
        "refused",
        "send public key",
    ];
    assert!(refused.windows(4).any(|w| w == around), "{refused:?}");
    assert!(world.store.versions.iter().all(|version| version.verified));
}

#[test]
fn keys_can_be_exchanged_without_a_file() {
    for dialect in &every_dialect() {
        let mut world = World::new(dialect);
        let (session, outcomes) = world.exchange_keys(options(dialect));
        assert_eq!(outcomes, Ok(vec![]));
        assert!(session.client_id().is_some());
        assert_eq!(requests_of(&world), ["register", "send public key"]);
    }
}
