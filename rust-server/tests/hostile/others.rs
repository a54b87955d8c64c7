//! Another client's ID, and what was recorded of another's connection.

use std::io::Write;

use backup_protocol::wire::{Response, VerdictKind};

use super::seed;
use crate::common::{Client, Data, Server};

#[test]
fn who_has_stolen_an_id_cannot_destroy_what_is_verified() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &[]);
    let mut alice = Client::ready(&server, "alice");
    alice.send_file("a", b"precious");
    alice.right("a");
    let mut thief = alice.again(&server);
    for kind in [VerdictKind::Wrong, VerdictKind::GiveUp] {
        thief = thief.again(&server);
        let verdict = thief.verdict(kind, "a");
        thief.write(&verdict);
    }
    // A key of his own, a file that he gives up, one that he leaves.
    let mut thief = alice.again(&server);
    thief.send_key();
    thief.send_file("a", b"rubbish");
    let give_up = thief.verdict(VerdictKind::GiveUp, "a");
    thief.write(&give_up);
    thief.honoured(VerdictKind::GiveUp);
    let mut thief = alice.again(&server);
    thief.send_key();
    thief.send_file("a", b"more rubbish");
    drop(thief);
    assert_eq!(data.verified(), [("a".to_owned(), b"precious".to_vec())]);
}

#[test]
fn nobody_takes_a_key_in_another_clients_name() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &[]);
    let alice = Client::ready(&server, "alice");
    let mut bob = Client::ready(&server, "bob");
    let id = bob.id;
    // Alice's ID and Bob's name, Bob's ID and Alice's name.
    for (id, client) in [(alice.id, "bob"), (id, "alice")] {
        bob.id = id;
        bob.name = crate::common::name(client);
        let public_key = bob.keys.public_key().as_bytes().to_vec();
        let name = bob.name.clone();
        let request = backup_protocol::wire::SendPublicKey { name, public_key };
        let answer = bob.ask(&backup_protocol::wire::Request::SendPublicKey(request));
        assert!(matches!(answer, Response::Refused(_)), "{answer:?}");
    }
    // Alice's key is what it was.
    let mut alice = alice.again(&server);
    alice.send_file("a", b"hers");
}

#[test]
fn a_replay_brings_back_nothing_old() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &[]);
    let mut alice = Client::ready(&server, "alice");
    let recorded = [
        alice.file("a", b"old"),
        alice.verdict(VerdictKind::Right, "a"),
    ];
    alice.send_file("a", b"old");
    alice.right("a");
    // As our client does before each further file (PROTOCOL.md 4.4).
    let mut alice = alice.again(&server);
    alice.send_key();
    alice.send_file("a", b"new");
    alice.right("a");
    for _ in 0..20 {
        let mut replay = alice.again(&server);
        replay.stream.write_all(&recorded[0]).expect("sent");
        let answer = replay.read();
        assert!(matches!(answer, Response::Refused(_)), "{answer:?}");
        let mut replay = alice.again(&server);
        replay.stream.write_all(&recorded[1]).expect("sent");
        replay.ends();
    }
    assert_eq!(data.verified(), [("a".to_owned(), b"new".to_vec())]);
    assert!(data.incoming().is_empty());
}
