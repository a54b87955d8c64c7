//! The padding oracle that the protocol has by design (PROTOCOL.md 4.3), bounded.

use std::io::{Read, Write};

use backup_protocol::Dialect;
use backup_protocol::wire::{ClientId, Response, VerdictKind};

use super::seed;
use crate::common::{Client, Data, Server};

/// After so many contents that do not decrypt a key is dropped.
const TRIES: usize = 8;

/// A file under the client's key whose last block was altered, so that it decrypts only if the guess is right.
fn altered(client: &Client, guess: u8) -> Vec<u8> {
    let mut file = client.file("recorded", b"the content of a file");
    let last = file.len() - 17;
    // Of the padding, 11 bytes of 11: any change is a wrong byte.
    file[last] ^= guess;
    file
}

/// All bytes of the answer.
fn raw_answer(client: &mut Client, message: &[u8]) -> Vec<u8> {
    client.stream.write_all(message).expect("sent");
    let mut answer = vec![0; 7];
    client.stream.read_exact(&mut answer).expect("an answer");
    answer
}

#[test]
fn a_key_is_tried_eight_times_in_vain_and_no_more() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &[]);
    let alice = Client::ready(&server, "alice");
    // Who has read one request knows the ID, and needs no key to alter a recorded file.
    let mut refusals = Vec::new();
    for guess in 1..=50 {
        let mut thief = alice.again(&server);
        let message = altered(&thief, guess);
        refusals.push(raw_answer(&mut thief, &message));
    }
    // What would have decrypted is refused as well: the thief cannot tell.
    let mut thief = alice.again(&server);
    let right = thief.file("recorded", b"the content of a file");
    refusals.push(raw_answer(&mut thief, &right));
    // The connection that the key was made on has lost it too.
    let mut same = alice;
    refusals.push(raw_answer(&mut same, &right));
    // A client that is not there, for comparison.
    thief.id = ClientId::from_bytes([0xAB; 16]);
    let nobody = thief.file("recorded", b"the content of a file");
    refusals.push(raw_answer(&mut thief, &nobody));
    for refusal in &refusals {
        assert_eq!(refusal, &refusals[0], "refusals differ");
    }
    assert!(data.incoming().is_empty());
    // A new key is all that the client needs.
    same.send_key();
    same.send_file("good", b"good");
    same.right("good");
    let log = server.kill();
    let tries = log.matches("does not end in padding").count();
    assert_eq!(tries, TRIES, "decrypted in vain:\n{log}");
    assert_eq!(log.matches("the key is dropped").count(), 1, "{log}");
}

#[test]
fn a_restart_does_not_bring_the_key_back() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &[]);
    let alice = Client::ready(&server, "alice");
    for guess in 1..=8 {
        let mut thief = alice.again(&server);
        let message = altered(&thief, guess);
        raw_answer(&mut thief, &message);
    }
    server.kill();
    let server = Server::start(data.path(), seed(), &[]);
    let mut thief = alice.again(&server);
    for guess in 0..10 {
        let message = altered(&thief, guess);
        raw_answer(&mut thief, &message);
    }
    assert!(data.incoming().is_empty());
    assert!(!server.kill().contains("does not end in padding"));
}

/// A client of the later generations begins with a reconnect: were it refused, its name would be lost.
#[test]
fn a_client_whose_key_was_dropped_can_reconnect() {
    for dialect in ["2023a", "2023a,reconnect-key=same"] {
        let dialect = Dialect::parse_or_load(dialect, |path| std::fs::read_to_string(path))
            .expect("a dialect");
        let data = Data::new();
        let server = Server::start(data.path(), &dialect, &[]);
        let mut alice = Client::ready(&server, "alice");
        for guess in 1..=8 {
            let message = altered(&alice, guess);
            alice.write(&message);
            assert_eq!(alice.read(), Response::GeneralError);
        }
        let mut again = alice.again(&server);
        again.reconnect();
        assert_ne!(
            again.aes.as_ref().map(|key| key.as_bytes().to_vec()),
            alice.aes.as_ref().map(|key| key.as_bytes().to_vec())
        );
        again.send_file("good", b"good");
        let right = again.verdict(VerdictKind::Right, "good");
        again.write(&right);
        again.honoured(VerdictKind::Right);
        assert_eq!(data.verified().len(), 1);
    }
}
