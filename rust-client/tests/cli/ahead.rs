//! Small files that are encrypted before their turn.

use std::fs;
use std::path::Path;

use backup_client::source::SourceFile;
use backup_client::{Client, ClientError, ClientOptions, Event, KeyPer, Name, Sent};

use super::Place;
use super::server::Fault;

/// Sends `files` under one key a connection, and lets `tamper` loose on the folder at every event.
fn send(
    place: &Place,
    files: &[&str],
    mut tamper: impl FnMut(&Event<'_>, &Path),
) -> Vec<Result<Sent, ClientError>> {
    let server = place.server.address().parse().unwrap();
    let options = ClientOptions::new(server, Name::new("alice").unwrap(), place.path("id"));
    let mut client = Client::open(options.key_per(KeyPer::Connection)).unwrap();
    let files: Vec<_> = files
        .iter()
        .map(|name| SourceFile::check(&place.path(name), None).unwrap())
        .collect();
    client.send(&files, &mut |event| tamper(&event, place.folder.path()))
}

/// It is the turn of `name`.
fn turn(event: &Event<'_>, name: &str) -> bool {
    matches!(event, Event::Transmission { file, .. } if file.wire_name().as_str() == name)
}

#[test]
fn files_of_every_size_arrive_in_every_dialect() {
    let sizes = [
        0,
        1,
        15,
        16,
        17,
        1000,
        70_000,
        (1 << 20) + 1,
        5,
        1 << 20,
        3,
        300_000,
    ];
    for dialect in [
        "seed",
        "readme",
        "2024a,packet=1024",
        "readme,crc-input=content",
    ] {
        let place = Place::new(dialect, Fault::None);
        let names: Vec<String> = (10..10 + sizes.len()).map(|i| i.to_string()).collect();
        for (name, size) in names.iter().zip(sizes) {
            let seed = name.as_bytes()[1];
            let plain: Vec<u8> = (0..size).map(|i| (i % 251) as u8 ^ seed).collect();
            place.write(name, plain);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for result in send(&place, &names, |_, _| {}) {
            result.unwrap();
        }
        for (upload, name) in place.server.uploads().iter().zip(&names) {
            assert_eq!((&*upload.name, upload.verified), (*name, true), "{dialect}");
            assert!(
                upload.plain == fs::read(place.path(name)).unwrap(),
                "{dialect} {name}"
            );
        }
        assert_eq!(place.server.uploads().len(), names.len());
    }
}

#[test]
fn what_was_read_ahead_is_what_is_sent_and_summed() {
    let place = Place::new("readme", Fault::None);
    for name in ["a", "b", "c", "d"] {
        place.write(name, "old bytes");
    }
    let results = send(&place, &["a", "b", "c", "d"], |event, folder| {
        if turn(event, "c") {
            fs::write(folder.join("d"), "new bytes").unwrap();
        }
    });
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    // With its own turn it would have been the new ones.
    assert_eq!(place.server.uploads()[3].plain, b"old bytes");
}

#[test]
fn a_file_that_changed_its_size_since_is_read_again() {
    let place = Place::new("readme", Fault::None);
    for name in ["a", "b", "c", "d"] {
        place.write(name, "old bytes");
    }
    let results = send(&place, &["a", "b", "c", "d"], |event, folder| {
        if turn(event, "c") {
            fs::write(folder.join("d"), "more bytes").unwrap();
        }
    });
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(place.server.uploads()[3].plain, b"more bytes");
}

#[test]
fn a_file_that_is_gone_by_then_fails_alone() {
    let place = Place::new("readme", Fault::None);
    for name in ["a", "b", "c", "d"] {
        place.write(name, name);
    }
    let results = send(&place, &["a", "b", "c", "d"], |event, folder| {
        if turn(event, "b") {
            let _ = fs::remove_file(folder.join("c"));
        }
    });
    let failed: Vec<_> = results.iter().map(Result::is_err).collect();
    assert_eq!(failed, [false, false, true, false], "{results:?}");
}

#[test]
fn a_second_transmission_reads_the_file_again() {
    let place = Place::new("readme", Fault::WrongCksum(3));
    for name in ["a", "b", "c"] {
        place.write(name, "old bytes");
    }
    let results = send(&place, &["a", "b", "c"], |event, folder| {
        if let Event::Transmission { number: 2.., file } = event {
            fs::write(folder.join(file.wire_name().as_str()), "new bytes").unwrap();
        }
    });
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(place.server.uploads()[0].plain, b"new bytes");
}
