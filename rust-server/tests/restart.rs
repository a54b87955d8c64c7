//! What a kill leaves, and what a restart makes of it.

mod common;

use backup_protocol::Dialect;
use backup_protocol::wire::{Response, VerdictKind};

use common::{Client, Data, Server, bytes};

fn seed() -> &'static Dialect {
    &Dialect::all()[0]
}

#[test]
fn a_client_goes_on_with_its_key_after_a_kill() {
    for dialect in Dialect::all() {
        let data = Data::new();
        let server = Server::start(data.path(), dialect, &[]);
        let client = Client::ready(&server, "alice");
        server.kill();

        let server = Server::start(data.path(), dialect, &[]);
        let mut client = client.again(&server);
        client.send_file("a.txt", b"under the key of before");
        client.right("a.txt");
        assert_eq!(
            data.verified(),
            [("a.txt".into(), b"under the key of before".to_vec())]
        );
    }
}

#[test]
fn an_unjudged_version_outlives_a_kill_and_takes_its_verdict() {
    for kind in [VerdictKind::Right, VerdictKind::GiveUp] {
        let data = Data::new();
        let server = Server::start(data.path(), seed(), &[]);
        let mut client = Client::ready(&server, "alice");
        client.send_file("a.txt", b"one");
        client.right("a.txt");
        let mut client = client.again(&server);
        client.send_file("a.txt", b"two");
        server.kill();

        let server = Server::start(data.path(), seed(), &[]);
        assert_eq!(data.incoming(), [b"two"]);
        assert_eq!(data.verified(), [("a.txt".into(), b"one".to_vec())]);
        let mut client = client.again(&server);
        let verdict = client.verdict(kind, "a.txt");
        client.write(&verdict);
        client.ends();
        let kept: &[u8] = if kind == VerdictKind::Right {
            b"two"
        } else {
            b"one"
        };
        assert_eq!(data.verified(), [("a.txt".into(), kept.to_vec())]);
        assert!(data.incoming().is_empty());
    }
}

#[test]
fn half_an_upload_does_not_outlive_a_restart() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &[]);
    let mut client = Client::ready(&server, "alice");
    let message = client.file("a.txt", &bytes(100_000, 1));
    client.write(&message[..60_000]);
    common::wait_for("the upload to begin", || {
        (!data.incoming().is_empty()).then_some(())
    });
    server.kill();
    assert_eq!(data.incoming().len(), 1);
    let _server = Server::start(data.path(), seed(), &[]);
    assert!(data.incoming().is_empty());
    assert!(data.verified().is_empty());
}

#[test]
fn unjudged_versions_end_after_the_time_that_is_set() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &[]);
    let mut client = Client::ready(&server, "alice");
    client.send_file("judged.txt", b"judged");
    client.right("judged.txt");
    let mut client = client.again(&server);
    client.send_file("old.txt", b"old");
    let mut other = Client::ready(&server, "bob");
    other.send_file("new.txt", b"new");
    server.kill();
    let rows = rusqlite::Connection::open(data.path().join("backup.db")).expect("rows");
    // Two days ago, as far as the database knows.
    let aged = "UPDATE versions SET received_at = received_at - 172800000 WHERE number < 3";
    assert_eq!(rows.execute(aged, []).expect("rows"), 2);
    drop(rows);

    // Neither the default nor `never` ends them.
    for options in [&[][..], &["--keep-unverified", "never"]] {
        let server = Server::start(data.path(), seed(), options);
        server.terminate();
        server.end();
        assert_eq!(data.incoming().len(), 2);
    }
    let server = Server::start(data.path(), seed(), &["--keep-unverified", "1day"]);
    common::wait_for("the old one to end", || {
        (data.incoming().len() == 1).then_some(())
    });
    assert_eq!(data.incoming(), [b"new"]);
    assert_eq!(data.verified(), [("judged.txt".into(), b"judged".to_vec())]);
    server.terminate();
    server.end();
}

/// Kills the server in the middle of a stream of uploads, over and over, and compares what is on
/// disk with what was answered.
#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_answered() {
    // This dialect answers after a verdict, on the same connection.
    let dialect = Dialect::all()
        .iter()
        .find(|it| !it.after_right.close)
        .expect("readme");
    let data = Data::new();
    let mut server = Server::start(data.path(), dialect, &[]);
    let client = Client::ready(&server, "alice");
    let plain =
        |round: usize, number: usize| bytes(1 + number * 997, (round * 1000 + number) as u64);
    for round in 0..12 {
        let mut connection = client.again(&server);
        let sender = std::thread::spawn(move || {
            // Numbers of files that were answered with 2103, and whose verdict is known to be durable.
            let (mut received, mut verified) = (0, 0);
            for number in 0.. {
                let file = format!("{round}-{number}");
                let message = connection.file(&file, &plain(round, number));
                let right = connection.verdict(VerdictKind::Right, &file);
                if connection.try_ask(&message).is_none() {
                    break;
                }
                received = number + 1;
                // A repeated 1106 is answered once the 1104 before it is durable.
                let done = connection.verdict(VerdictKind::GiveUp, &file);
                match connection.try_ask(&[right, done].concat()) {
                    Some(Response::Refused(_)) => verified = number + 1,
                    _ => break,
                }
            }
            (received, verified)
        });
        // Another moment each time, early and late.
        std::thread::sleep(std::time::Duration::from_millis(3 + round as u64 * 7));
        server.kill();
        let (received, verified) = sender.join().expect("no panic");
        server = Server::start(data.path(), dialect, &[]);

        let on_disk = data.verified();
        for number in 0..verified {
            let expected = (format!("{round}-{number}"), plain(round, number));
            assert!(
                on_disk.contains(&expected),
                "verified file {} is lost",
                expected.0
            );
        }
        let waiting = data.incoming();
        for number in verified..received {
            let expected = plain(round, number);
            let there = waiting.contains(&expected)
                || on_disk.iter().any(|(_, content)| *content == expected);
            assert!(there, "received file {round}-{number} is lost");
        }
        let whole = |content: &Vec<u8>| (0..=received).any(|n| plain(round, n) == *content);
        for (name, content) in on_disk
            .iter()
            .filter(|(name, _)| name.starts_with(&format!("{round}-")))
        {
            assert!(whole(content), "half a file: {name}");
        }
        assert!(waiting.iter().all(whole), "half a file waits");
        // For the next round: whatever waits is judged.
        for number in 0..=received {
            let mut connection = client.again(&server);
            let give_up = connection.verdict(VerdictKind::GiveUp, &format!("{round}-{number}"));
            connection.write(&give_up);
            connection.honoured(VerdictKind::GiveUp);
        }
        assert!(data.incoming().is_empty());
    }
}
