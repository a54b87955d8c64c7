//! The library, where a process could not be caught in the act.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use backup_client::source::{FileError, SourceFile};
use backup_client::{Client, ClientError, ClientOptions, Event, Exit, Name, Sent};

use super::Place;
use super::server::Fault;

const LARGE: u64 = 4 << 20;

/// Sends `files` and lets `tamper` loose on the folder at every event.
fn send(
    place: &Place,
    files: &[&str],
    mut tamper: impl FnMut(&Event<'_>, &Path),
) -> Vec<Result<Sent, ClientError>> {
    let server = place.server.address().parse().unwrap();
    let options = ClientOptions::new(server, Name::new("alice").unwrap(), place.path("id"));
    let mut client = Client::open(options).unwrap();
    let files: Vec<_> = files
        .iter()
        .map(|name| SourceFile::check(&place.path(name), None).unwrap())
        .collect();
    client.send(&files, &mut |event| tamper(&event, place.folder.path()))
}

fn large(place: &Place) {
    place.write("large", vec![7; LARGE as usize]);
}

#[test]
fn a_file_that_shrinks_or_grows_under_the_client_is_stored_nowhere() {
    for dialect in ["seed", "readme"] {
        for size in [LARGE - 1, LARGE + 1] {
            let place = Place::new(dialect, Fault::None);
            large(&place);
            place.write("next", "1");
            let results = send(&place, &["large", "next"], |event, folder| {
                if let Event::Progress { total: LARGE, .. } = event {
                    let file = OpenOptions::new()
                        .write(true)
                        .open(folder.join("large"))
                        .unwrap();
                    file.set_len(size).unwrap();
                }
            });
            assert!(
                matches!(
                    &results[0],
                    Err(ClientError::File(FileError::Changed { .. }))
                ),
                "{results:?}"
            );
            results[1].as_ref().unwrap();
            assert_eq!(place.server.uploads().len(), 1);
        }
    }
}

#[test]
fn a_file_that_is_gone_by_its_turn_fails_alone() {
    for dialect in ["seed", "readme"] {
        let place = Place::new(dialect, Fault::None);
        for name in ["a", "b", "c"] {
            place.write(name, name);
        }
        let results = send(&place, &["a", "b", "c"], |event, folder| {
            if let Event::Connected(_) = event {
                let _ = fs::remove_file(folder.join("b"));
            }
        });
        assert!(
            matches!(
                &results[1],
                Err(ClientError::File(FileError::Unreadable { .. }))
            ),
            "{results:?}"
        );
        assert!(results[0].is_ok() && results[2].is_ok());
        assert_eq!(place.server.uploads().len(), 2);
    }
}

#[test]
fn every_transmission_has_a_cksum_of_its_own() {
    let place = Place::new("seed", Fault::WrongCksum(1));
    place.write("a", "old bytes");
    let results = send(&place, &["a"], |event, folder| {
        if let Event::Transmission { number: 2, .. } = event {
            fs::write(folder.join("a"), "new bytes").unwrap();
        }
    });
    let sent = results[0].as_ref().unwrap();
    assert_eq!(
        (sent.transmissions, sent.cksum),
        (2, backup_protocol::Cksum::of(b"new bytes"))
    );
    assert_eq!(place.server.uploads()[0].plain, b"new bytes");
}

#[test]
fn a_file_that_changed_its_size_between_transmissions_is_not_sent() {
    let place = Place::new("seed", Fault::WrongCksum(1));
    place.write("a", "old bytes");
    let results = send(&place, &["a"], |event, folder| {
        if let Event::Transmission { number: 2, .. } = event {
            let mut file = OpenOptions::new()
                .append(true)
                .open(folder.join("a"))
                .unwrap();
            file.write_all(b"!").unwrap();
        }
    });
    let expected = |error: &ClientError| {
        matches!(
            error,
            ClientError::File(FileError::Changed {
                announced: 9,
                read: 10,
                ..
            })
        )
    };
    assert!(results[0].as_ref().is_err_and(expected), "{results:?}");
    assert!(place.server.uploads().iter().all(|upload| !upload.verified));
}

#[test]
fn the_identity_is_on_the_disk_before_the_key_is_sent() {
    // The key is refused, so that whatever comes after it never happens.
    let place = Place::new("seed", Fault::RefuseKey);
    place.write("a", "1");
    let mut seen = false;
    let results = send(&place, &["a"], |event, folder| {
        if let Event::Registered = event {
            assert_eq!(place.server.requests(), ["register"]);
            seen = folder.join("id/me.info").exists();
        }
    });
    assert!(seen);
    assert_eq!(results[0].as_ref().unwrap_err().exit(), Exit::Refused);
}

#[test]
fn progress_ends_at_the_size_and_results_are_told_in_order() {
    let place = Place::new("readme", Fault::None);
    large(&place);
    place.write("next", "1");
    let (mut bytes, mut told) = (0, Vec::new());
    let results = send(&place, &["large", "next"], |event, _| match event {
        Event::Progress {
            bytes: now,
            total: LARGE,
        } => {
            assert!(*now > bytes);
            bytes = *now;
        }
        Event::Finished { index, result, .. } => told.push((*index, result.is_ok())),
        _ => {}
    });
    assert_eq!((bytes, results.len()), (LARGE, 2));
    assert_eq!(told, [(0, true), (1, true)]);
}

#[test]
fn keys_can_be_exchanged_without_a_file_as_often_as_one_likes() {
    for dialect in ["seed", "readme"] {
        let place = Place::new(dialect, Fault::None);
        let server = place.server.address().parse().unwrap();
        let options = ClientOptions::new(server, Name::new("alice").unwrap(), place.path("id"));
        let mut client = Client::open(options).unwrap();
        assert!(!client.is_registered());
        client.exchange_keys(&mut |_| {}).unwrap();
        client.exchange_keys(&mut |_| {}).unwrap();
        let requests = ["register", "send public key", "send public key"];
        assert_eq!(place.server.requests(), requests);
        assert_eq!(client.dialect().unwrap().to_string(), dialect);
    }
}
