//! Every limit: what is over it does not come in, and nobody else is disturbed.

use std::io::Write;
use std::time::Duration;

use backup_protocol::wire::{Register, Request, Response, VerdictKind};

use super::{connect_from, is_ended, seed};
use crate::common::{Client, Data, Server, bytes, name, wait_for};

/// Sends a file; whether it was received.
fn send(client: &mut Client, file: &str, size: usize) -> bool {
    let message = client.file(file, &bytes(size, 1));
    match client.try_ask(&message) {
        Some(Response::FileReceived(_)) => true,
        Some(Response::Refused(_)) => false,
        other => panic!("{other:?}"),
    }
}

fn register(server: &Server, client: &str) -> bool {
    let mut connection = server.connect();
    let message = connection.encode(&Request::Register(Register { name: name(client) }));
    match connection.try_ask(&message) {
        Some(Response::Registered(_)) => true,
        Some(Response::Refused(_)) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_gets_no_further_than_its_quota() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--client-quota", "64KiB"]);
    let mut alice = Client::ready(&server, "alice");
    assert!(send(&mut alice, "a", 40_000));
    assert!(!send(&mut alice, "b", 40_000));
    assert_eq!(data.incoming().len(), 1);
    // Neither the rest of the quota is lost to it, nor is anybody else's.
    assert!(send(&mut alice, "c", 20_000));
    assert!(send(&mut Client::ready(&server, "bob"), "b", 40_000));
    // What is judged wrong takes no room.
    let wrong = alice.verdict(VerdictKind::Wrong, "a");
    alice.write(&wrong);
    assert!(send(&mut alice, "b", 40_000));
    let log = server.kill();
    assert_eq!(log.matches("--client-quota is 65536").count(), 1, "{log}");
}

#[test]
fn files_of_one_byte_are_not_free() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--client-quota", "12KiB"]);
    let mut alice = Client::ready(&server, "alice");
    assert!(send(&mut alice, "a", 1));
    assert!(send(&mut alice, "b", 0));
    assert!(send(&mut alice, "c", 1));
    assert!(!send(&mut alice, "d", 1));
}

#[test]
fn uploads_side_by_side_do_not_get_past_a_quota_together() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--client-quota", "64KiB"]);
    let mut alice = Client::ready(&server, "alice");
    let mut other = alice.again(&server);
    let file = other.file("a", &bytes(40_000, 1));
    other.stream.write_all(&file[..39_000]).expect("sent");
    wait_for("the first upload", || {
        (!data.incoming().is_empty()).then_some(())
    });
    assert!(!send(&mut alice, "b", 40_000));
    drop(other);
    wait_for("room again", || send(&mut alice, "b", 40_000).then_some(()));
}

#[test]
fn all_clients_together_get_no_further_than_the_total() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--total-quota", "100KiB"]);
    assert!(send(&mut Client::ready(&server, "alice"), "a", 60_000));
    let mut bob = Client::ready(&server, "bob");
    assert!(!send(&mut bob, "b", 60_000));
    assert!(send(&mut bob, "c", 30_000));
    let log = server.kill();
    assert!(log.contains("--total-quota is 102400"), "{log}");
}

#[test]
fn a_disk_is_not_filled_below_the_floor() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--min-free", "1000PiB"]);
    let mut alice = Client::ready(&server, "alice");
    assert!(!send(&mut alice, "a", 100));
    assert!(data.incoming().is_empty());
    let log = server.kill();
    assert!(log.contains("would be left on the disk"), "{log}");
}

#[test]
fn names_end_with_the_number_of_clients() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--max-clients", "2"]);
    assert!(register(&server, "alice"));
    let mut bob = Client::ready(&server, "bob");
    for number in 0..20 {
        assert!(!register(&server, &format!("flood {number}")));
    }
    // Those who are there are served.
    assert!(send(&mut bob, "b", 100));
    let log = server.kill();
    assert!(log.contains("2 clients are registered"), "{log}");
}

#[test]
fn a_flood_of_registrations_does_not_take_the_names() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--registrations-per-minute", "5"]);
    let mut taken = 0;
    for number in 0..100 {
        taken += u32::from(register(&server, &format!("flood {number}")));
    }
    // One comes back every 12 seconds.
    assert!((5..50).contains(&taken), "{taken} of 100");
    // From elsewhere a name is still to be had.
    super::a_good_client_is_served(&server, "alice");
    let log = server.kill();
    assert!(log.contains("--registrations-per-minute"), "{log}");
}

#[test]
fn one_address_does_not_take_all_connections() {
    let data = Data::new();
    let limit = ["--max-connections-per-address", "3"];
    let server = Server::start(data.path(), seed(), &limit);
    let mut crowd: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut crowd {
        client.register(&format!(
            "client {}",
            client.stream.local_addr().expect("one")
        ));
    }
    for _ in 0..20 {
        assert!(is_ended(&connect_from(1, &server), crate::common::DEADLINE));
    }
    super::a_good_client_is_served(&server, "good");
    // Those who were there have lost nothing, and a place that is left can be taken.
    crowd[0].send_key();
    drop(crowd);
    wait_for("a place", || {
        let stream = connect_from(1, &server);
        (!is_ended(&stream, Duration::from_millis(50))).then_some(())
    });
    let log = server.kill();
    assert!(
        log.contains("too many connections from this address"),
        "{log}"
    );
    assert!(log.matches("too many connections").count() < 20, "{log}");
}

#[test]
fn a_file_that_is_too_large_sets_nothing_aside() {
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &["--max-file", "1KiB"]);
    let mut alice = Client::ready(&server, "alice");
    assert!(!send(&mut alice, "a", 1024));
    assert!(send(&mut alice, "a", 1000));
    let log = server.kill();
    assert!(log.contains("--max-file is 1024"), "{log}");
}
