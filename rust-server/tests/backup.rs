//! Whole backups, over real connections to the real program.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use backup_protocol::Dialect;
use backup_protocol::wire::{Register, Request, Response, VerdictKind};

use common::{Client, Data, Server, bytes, name};

fn in_every_dialect(test: impl Fn(&Data, &Dialect)) {
    for dialect in Dialect::all() {
        test(&Data::new(), dialect);
    }
}

#[test]
fn keeps_files_of_every_size_whose_cksum_is_right() {
    in_every_dialect(|data, dialect| {
        let server = Server::start(data.path(), dialect, &[]);
        let client = Client::ready(&server, "alice");
        let sizes = [
            0, 1, 15, 16, 17, 16_383, 16_384, 16_400, 81_920, 300_000, 1_000_001,
        ];
        for size in sizes {
            let mut connection = client.again(&server);
            let (file, plain) = (format!("file {size:07}"), bytes(size, size as u64));
            connection.send_file(&file, &plain);
            connection.right(&file);
        }
        let expected: Vec<_> = sizes
            .iter()
            .map(|&size| (format!("file {size:07}"), bytes(size, size as u64)))
            .collect();
        assert!(data.verified() == expected, "{dialect:?}");
        assert!(data.incoming().is_empty());
    });
}

#[test]
fn a_file_judged_wrong_comes_again_in_the_same_write() {
    in_every_dialect(|data, dialect| {
        let server = Server::start(data.path(), dialect, &[]);
        let mut client = Client::ready(&server, "alice");
        client.send_file("a.txt", b"first transmission");
        for plain in [b"second transmission", b"third transmission!"] {
            let wrong = client.verdict(VerdictKind::Wrong, "a.txt");
            let again = client.file("a.txt", plain);
            client.write(&[wrong, again].concat());
            client.file_received("a.txt", plain);
            // What was judged wrong is gone.
            assert_eq!(data.incoming(), [plain.to_vec()]);
        }
        client.right("a.txt");
        assert_eq!(
            data.verified(),
            [("a.txt".into(), b"third transmission!".to_vec())]
        );
    });
}

#[test]
fn giving_up_deletes_the_upload_and_nothing_else() {
    in_every_dialect(|data, dialect| {
        let server = Server::start(data.path(), dialect, &[]);
        let mut client = Client::ready(&server, "alice");
        client.send_file("a.txt", b"good");
        client.right("a.txt");
        let mut client = client.again(&server);
        client.send_file("a.txt", b"bad");
        // The second one finds nothing waiting, and is honoured all the same.
        for _ in 0..2 {
            let give_up = client.verdict(VerdictKind::GiveUp, "a.txt");
            client.write(&give_up);
            client.honoured(VerdictKind::GiveUp);
            assert_eq!(data.verified(), [("a.txt".into(), b"good".to_vec())]);
            assert!(data.incoming().is_empty());
        }
    });
}

#[test]
fn a_verdict_may_come_on_a_connection_of_its_own_and_again() {
    in_every_dialect(|data, dialect| {
        let server = Server::start(data.path(), dialect, &[]);
        let mut client = Client::ready(&server, "alice");
        client.send_file("a.txt", b"plain");
        for _ in 0..2 {
            client.again(&server).right("a.txt");
            assert_eq!(data.verified(), [("a.txt".into(), b"plain".to_vec())]);
        }
    });
}

#[test]
fn answers_requests_that_arrive_in_one_segment_or_byte_by_byte() {
    in_every_dialect(|data, dialect| {
        let server = Server::start(data.path(), dialect, &[]);
        let mut client = Client::ready(&server, "alice");
        for byte in client.file("a", b"plain a") {
            client.stream.write_all(&[byte]).expect("sent");
        }
        client.file_received("a", b"plain a");
        let (b, c) = (client.file("b", b"plain b"), client.file("c", b"plain c"));
        let right = client.verdict(VerdictKind::Right, "b");
        client.write(&[b, c, right].concat());
        client.file_received("b", b"plain b");
        client.file_received("c", b"plain c");
        client.honoured(VerdictKind::Right);
        if !dialect.after_right.close {
            client.right("c");
        }
        let names: Vec<_> = data.verified().into_iter().map(|(name, _)| name).collect();
        let expected: &[&str] = if dialect.after_right.close {
            &["b"]
        } else {
            &["b", "c"]
        };
        assert_eq!(names, expected);
    });
}

#[test]
fn parallel_connections_of_one_client_have_keys_of_their_own() {
    in_every_dialect(|data, dialect| {
        let server = Server::start(data.path(), dialect, &[]);
        let mut first = Client::ready(&server, "alice");
        let mut second = first.again(&server);
        second.send_key();
        first.send_file("first", b"under the first key");
        second.send_file("second", b"under the second key");
        // A connection without a key exchange uses the last one of the client.
        second
            .again(&server)
            .send_file("third", b"under the stored key");
    });
}

#[test]
fn speaks_every_modifier() {
    for text in common::MODIFIED {
        let dialect = Dialect::parse(text).expect("a dialect");
        let data = Data::new();
        let server = Server::start(data.path(), &dialect, &[]);
        let mut client = Client::ready(&server, "alice");
        client.send_file("wrong", b"judged wrong, and sent again");
        let wrong = client.verdict(VerdictKind::Wrong, "wrong");
        client.write(&wrong);
        client.honoured(VerdictKind::Wrong);
        client.send_file("given up", b"judged wrong, and given up");
        let give_up = client.verdict(VerdictKind::GiveUp, "given up");
        client.write(&give_up);
        client.honoured(VerdictKind::GiveUp);
        for size in [0, 15, 16, 1000] {
            let (file, plain) = (format!("file {size:04}"), bytes(size, 1));
            client.send_file(&file, &plain);
            let right = client.verdict(VerdictKind::Right, &file);
            client.write(&right);
            client.honoured(VerdictKind::Right);
        }
        if dialect.has_reconnect() {
            client = client.again(&server);
            client.reconnect();
            client.send_file("file reconnected", b"under the key of a reconnect");
            let right = client.verdict(VerdictKind::Right, "file reconnected");
            client.write(&right);
            client.honoured(VerdictKind::Right);
        }
        // Where nothing follows a verdict, this comes after it.
        client.send_file("last", b"stays unverified");
        let names: Vec<_> = data.verified().into_iter().map(|(name, _)| name).collect();
        let mut expected = vec!["file 0000", "file 0015", "file 0016", "file 1000"];
        expected.extend(dialect.has_reconnect().then_some("file reconnected"));
        assert_eq!(names, expected, "{text}");
        assert_eq!(data.incoming(), [b"stays unverified"], "{text}");
    }
}

#[test]
fn a_taken_name_is_refused_and_its_holder_goes_on() {
    in_every_dialect(|data, dialect| {
        let server = Server::start(data.path(), dialect, &[]);
        let mut client = Client::ready(&server, "alice");
        let register = Request::Register(Register {
            name: name("alice"),
        });
        let refused = client.ask(&register);
        assert!(matches!(refused, Response::Refused(_)), "{refused:?}");
        client.send_key();
        client.send_file("a", b"plain");
    });
}

#[test]
fn serves_many_clients_at_once() {
    in_every_dialect(|data, dialect| {
        let server = Server::start(data.path(), dialect, &[]);
        // All of them are in the middle of an upload before any of them finishes it.
        let half_way = std::sync::Barrier::new(20);
        std::thread::scope(|threads| {
            for number in 0..20 {
                let (server, half_way) = (&server, &half_way);
                threads.spawn(move || {
                    let mut client = Client::ready(server, &format!("client {number}"));
                    let (file, plain) = (format!("file {number:02}"), bytes(200_000, number));
                    let message = client.file(&file, &plain);
                    let (start, end) = message.split_at(100_000);
                    client.write(start);
                    half_way.wait();
                    client.write(end);
                    client.file_received(&file, &plain);
                    client.right(&file);
                });
            }
        });
        let expected: Vec<_> = (0..20)
            .map(|number| (format!("file {number:02}"), bytes(200_000, number)))
            .collect();
        assert!(data.verified() == expected);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_file() {
    let data = Data::new();
    let server = Server::start(data.path(), &Dialect::all()[0], &[]);
    let mut client = Client::ready(&server, "alice");
    let plain = bytes(24 << 20, 1);
    client.send_file("large", &plain);
    assert!(
        server.peak_memory() < 32 << 20,
        "{} bytes",
        server.peak_memory()
    );
}

#[test]
fn a_stop_lets_requests_under_way_finish() {
    let data = Data::new();
    let server = Server::start(data.path(), &Dialect::all()[0], &[]);
    let mut busy = Client::ready(&server, "alice");
    let mut idle = Client::ready(&server, "bob");
    let plain = bytes(100_000, 1);
    let message = busy.file("a", &plain);
    let (start, end) = message.split_at(50_000);
    busy.write(start);
    // The server reads what it was sent before the signal: it has begun to write the upload.
    common::wait_for("an upload under way", || {
        (!data.incoming().is_empty()).then_some(())
    });
    server.terminate();
    idle.ends();
    busy.write(end);
    busy.file_received("a", &plain);
    busy.ends();
    let (status, log) = server.end();
    assert!(status.success(), "{log}");
    assert_eq!(data.incoming(), [plain]);
}

#[test]
fn a_silent_connection_is_closed() {
    let data = Data::new();
    let server = Server::start(data.path(), &Dialect::all()[0], &["--idle-timeout", "1"]);
    let mut idle = server.connect();
    let mut stuck = Client::ready(&server, "alice");
    let message = stuck.file("a", &bytes(50_000, 1));
    stuck.write(&message[..40_000]);
    idle.ends();
    let mut rest = [0];
    assert!(matches!(stuck.stream.read(&mut rest), Ok(0) | Err(_)));
    common::wait_for("the upload to be gone", || {
        data.incoming().is_empty().then_some(())
    });
}

#[test]
fn connections_over_the_limit_wait_while_nobody_is_idle() {
    let data = Data::new();
    let server = Server::start(data.path(), &Dialect::all()[0], &["--max-connections", "1"]);
    let mut first = Client::ready(&server, "alice");
    // Of the next request one byte has come.
    first.write(&[0]);
    let mut second = server.connect();
    let register = second.encode(&Request::Register(Register { name: name("bob") }));
    second.write(&register);
    second
        .stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .expect("set");
    let waits = second.stream.peek(&mut [0]).expect_err("no answer yet");
    assert!(
        matches!(waits.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{waits}"
    );
    drop(first);
    second
        .stream
        .set_read_timeout(Some(common::DEADLINE))
        .expect("set");
    assert!(matches!(second.read(), Response::Registered(_)));
}

/// The ID is a credential, names may hold what a terminal obeys.
#[test]
fn the_log_holds_no_credential_and_no_control_character() {
    let data = Data::new();
    let server = Server::start(data.path(), &Dialect::all()[0], &["--log", "trace"]);
    let mut client = Client::ready(&server, "alice\u{1b}[31m\nfake line");
    client.send_file("a\u{202e}b", b"plain");
    client.right("a\u{202e}b");
    let id = client.id.reveal_hex();
    let key = client.aes.as_ref().expect("a key").as_bytes().to_vec();
    server.terminate();
    let (_, log) = server.end();
    assert!(log.contains("verified") && log.contains(&id[..8]), "{log}");
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{key:?}");
    for secret in [
        &id[..12],
        &hex[..12],
        &list[1..20],
        "\u{1b}",
        "\u{202e}",
        "\nfake",
    ] {
        assert!(!log.contains(secret), "{secret:?} in {log}");
    }
}

/// The same as `memory_does_not_grow_with_the_file`, at a size that shows it beyond doubt.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs 3 GiB of disk, and a release build to be quick"]
#[allow(clippy::print_stdout)] // What it is run for.
fn a_file_of_3_gib_takes_no_more_memory_than_a_small_one() {
    let data = Data::new();
    let server = Server::start(data.path(), &Dialect::all()[0], &[]);
    let mut client = Client::ready(&server, "alice");
    let size = 3 << 30;
    let started = std::time::Instant::now();
    let expected = client.stream_file("large", size, |chunk, number| {
        chunk.clear();
        chunk.extend(std::iter::repeat_n(number as u8, 256 << 10));
    });
    assert_eq!(client.read_cksum(), expected);
    let (time, peak) = (started.elapsed(), server.peak_memory());
    println!("{size} bytes in {time:?}, at most {peak} bytes of memory");
    assert!(peak < 32 << 20, "{peak} bytes");
    client.right("large");
}
