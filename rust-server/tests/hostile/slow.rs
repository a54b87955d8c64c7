//! Those who never come to an end.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use backup_protocol::wire::{ClientId, Register, Request};

use super::{a_good_client_is_served, is_ended, seed};
use crate::common::{Client, DEADLINE, Data, Server, bytes, name};

/// Sends a byte now and then until the server has enough of it. How many it took.
fn drip(stream: &mut TcpStream, byte: u8) -> u32 {
    let start = Instant::now();
    let mut sent = 0;
    while !is_ended(stream, Duration::from_millis(50)) {
        assert!(start.elapsed() < DEADLINE, "the server waits for ever");
        if stream.write_all(&[byte]).is_err() {
            break;
        }
        sent += 1;
    }
    sent
}

/// What begins a request, and ends in each state of a session.
fn states(client: &Client) -> Vec<(&'static str, Vec<u8>)> {
    let register = client.encode(&Request::Register(Register { name: name("slow") }));
    let file = client.file("slow.txt", &bytes(2 << 20, 1));
    let mut nobodys = file.clone();
    nobodys[..16].copy_from_slice(ClientId::from_bytes([9; 16]).as_bytes());
    nobodys[23..39].copy_from_slice(ClientId::from_bytes([9; 16]).as_bytes());
    vec![
        ("in a header", register[..1].to_vec()),
        ("in the last byte of a header", register[..22].to_vec()),
        ("before a payload", register[..23].to_vec()),
        ("in a payload", register[..100].to_vec()),
        ("in the fixed fields of a file", file[..60].to_vec()),
        ("before content", file[..298].to_vec()),
        ("in the first buffer of content", file[..4000].to_vec()),
        ("in later content", file[..500_000].to_vec()),
        (
            "in content that is thrown away",
            nobodys[..100_000].to_vec(),
        ),
    ]
}

#[test]
fn a_byte_now_and_then_extends_nothing() {
    let data = Data::new();
    // 64 KiB are far more than this test drips in a second.
    let options = ["--request-timeout", "1", "--min-rate", "64KiB"];
    let server = Server::start(data.path(), seed(), &options);
    let client = Client::ready(&server, "alice");
    let states = states(&client);
    std::thread::scope(|scope| {
        for (state, begin) in &states {
            let mut slow = client.again(&server);
            scope.spawn(move || {
                slow.write(begin);
                let sent = drip(&mut slow.stream, 0);
                // It was let go on for a moment, so it was the time that ended it and not a byte.
                assert!(sent > 0, "{state}: ended before anything was slow");
            });
        }
    });
    assert!(data.incoming().is_empty(), "something is left of a file");
    a_good_client_is_served(&server, "good");
    let log = server.kill();
    let count = |reason: &str| log.matches(reason).count();
    assert_eq!(count("longer than --request-timeout"), 5, "{log}");
    assert_eq!(count("slower than --min-rate"), 4, "{log}");
}

#[test]
fn whoever_is_fast_enough_may_take_his_time() {
    let data = Data::new();
    let options = ["--request-timeout", "1", "--min-rate", "1"];
    let server = Server::start(data.path(), seed(), &options);
    let mut client = Client::ready(&server, "alice");
    let plain = bytes(1000, 1);
    let file = client.file("a", &plain);
    let (fixed, content) = file.split_at(298);
    client.write(fixed);
    let start = Instant::now();
    // Longer than the span in which the pace is looked at, and more than once.
    let mut rest = content;
    while start.elapsed() < Duration::from_millis(2500) {
        let (piece, after) = rest.split_at(4);
        rest = after;
        client.write(piece);
        assert!(
            !is_ended(&client.stream, Duration::from_millis(20)),
            "closed after {:?}",
            start.elapsed()
        );
    }
    client.stream.set_read_timeout(Some(DEADLINE)).expect("set");
    client.write(rest);
    client.file_received("a", &plain);
}

#[test]
fn silence_ends_in_every_state() {
    let data = Data::new();
    let options = ["--request-timeout", "1", "--idle-timeout", "1"];
    let server = Server::start(data.path(), seed(), &options);
    let mut client = Client::ready(&server, "alice");
    // A verdict that is due is waited for no longer either.
    client.send_file("unjudged", b"plain");
    let mut silent: Vec<_> = states(&client)
        .into_iter()
        .map(|(state, begin)| {
            let mut slow = client.again(&server);
            slow.write(&begin);
            (state, slow.stream)
        })
        .collect();
    silent.push(("before anything", client.again(&server).stream));
    silent.push(("before a verdict", client.stream));
    for (state, stream) in silent {
        assert!(
            is_ended(&stream, DEADLINE),
            "{state}: the server waits for ever"
        );
    }
    // What was answered stays.
    assert_eq!(data.incoming(), [b"plain"]);
}
