//! Many at once.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use super::{a_good_client_is_served, connect_from, is_ended, seed};
use crate::common::{Client, DEADLINE, Data, Server, bytes};

#[test]
fn for_one_more_connection_the_one_that_is_idle_longest_is_closed() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--max-connections", "3"]);
    let mut waiting = Client::ready(&server, "waiting");
    waiting.send_file("a", b"plain");
    let mut busy = Client::ready(&server, "busy");
    let file = busy.file("b", &bytes(100_000, 1));
    busy.write(&file[..50_000]);
    let idle = Client::ready(&server, "idle");
    a_good_client_is_served(&server, "good");
    assert!(is_ended(&idle.stream, DEADLINE));
    // A file that has begun, and one whose verdict is due, are not idle.
    busy.write(&file[50_000..]);
    busy.file_received("b", &bytes(100_000, 1));
    waiting.right("a");
}

/// Connections from several addresses: `idle` that say nothing, `slow` that stop in a request or in content.
fn crowd(server: &Server, idle: usize, slow: usize) -> Vec<TcpStream> {
    let file = {
        let client = Client::ready(server, "slow");
        client.file("slow.txt", &bytes(100_000, 1))
    };
    let mut crowd = Vec::new();
    for number in 0..idle + slow {
        let mut stream = connect_from(2 + (number % 50) as u8, server);
        if number % (idle + slow).div_ceil(slow) == 0 {
            let begin = if number % 2 == 0 { 20 } else { 10_000 };
            // The server may have closed it already, in favour of another one.
            let _ = stream.write_all(&file[..begin]);
        }
        crowd.push(stream);
    }
    crowd
}

#[test]
fn a_crowd_of_idle_and_slow_ones_does_not_keep_the_next_good_one_out() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--max-connections", "200"]);
    let crowd = crowd(&server, 500, 50);
    for number in 0..5 {
        a_good_client_is_served(&server, &format!("good {number}"));
    }
    drop(crowd);
}

/// Wants 11,100 descriptors, here and in the server: `make crowd`.
#[test]
#[ignore = "needs many descriptors"]
#[allow(clippy::print_stdout)] // What it is run for.
fn ten_thousand_idle_and_a_thousand_slow_ones_do_not_keep_the_next_good_one_out() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &[]);
    let start = std::time::Instant::now();
    let crowd = crowd(&server, 10_000, 1_000);
    let connected = start.elapsed();
    let mut slowest = Duration::ZERO;
    for number in 0..20 {
        let start = std::time::Instant::now();
        a_good_client_is_served(&server, &format!("good {number}"));
        slowest = slowest.max(start.elapsed());
    }
    let open = crowd
        .iter()
        .filter(|stream| !is_ended(stream, Duration::from_micros(1)))
        .count();
    println!(
        "{} connections in {connected:?}, {open} still open; slowest of 20 backups {slowest:?}; memory {} MiB",
        crowd.len(),
        server.peak_memory() >> 20
    );
    assert!(slowest < DEADLINE);
}

/// Connections that are gone before they are served, and such as say goodbye at once.
#[test]
fn a_flood_of_connections_that_come_to_nothing_leaves_nothing() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--max-connections", "50"]);
    for number in 0..2000 {
        let stream = connect_from(2 + (number % 100) as u8, &server);
        match number % 3 {
            // A reset.
            0 => socket2::SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .expect("set"),
            // Half open: nothing will ever come, and an answer would still be read.
            1 => stream
                .shutdown(std::net::Shutdown::Write)
                .expect("shut down"),
            _ => {}
        }
    }
    a_good_client_is_served(&server, "good");
}

#[test]
fn sizes_that_never_come_cost_neither_memory_nor_disk() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--max-connections", "300"]);
    let alice = Client::ready(&server, "alice");
    let before = server.peak_memory();
    let mut claim = alice.file("huge", b"");
    let content_size = u32::MAX - 275 - 12;
    claim[19..23].copy_from_slice(&(content_size + 275).to_le_bytes());
    claim[39..43].copy_from_slice(&content_size.to_le_bytes());
    let claims: Vec<_> = (0..200)
        .map(|number| {
            let mut stream = connect_from(2 + number, &server);
            stream.write_all(&claim[..298 + 16]).expect("sent");
            stream
        })
        .collect();
    // 200 times 4 GiB are not kept free for them either.
    a_good_client_is_served(&server, "good");
    assert!(
        claims
            .iter()
            .all(|stream| !is_ended(stream, Duration::from_micros(1)))
    );
    assert!(
        data.incoming().is_empty(),
        "files for content that did not come"
    );
    let grown = server.peak_memory() - before;
    assert!(grown < 30 << 20, "{grown} bytes for nothing");
}
