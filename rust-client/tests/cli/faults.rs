//! Servers that refuse, lie, fall silent or go away: every exit code, and what is said.

use std::net::TcpListener;
use std::time::Duration;

use super::server::Fault;
use super::{ONE_FILE, Place, bare, stderr, stdout};

#[test]
fn a_name_that_is_taken_stops_the_client() {
    for (dialect, file_dialect) in [("seed", "auto"), ("readme", "auto"), ("readme", "readme")] {
        let place = Place::new(dialect, Fault::None);
        place.server.occupy("alice");
        place.write("a", "1");
        place.write("b", "2");
        let run = place
            .run(&["send", "a", "b", "--dialect", file_dialect])
            .code(3);
        let errors = stderr(&run);
        assert!(
            errors.starts_with("server responded with an error (register"),
            "{errors}"
        );
        assert!(
            errors.contains("fatal: a: the name \"alice\" is taken on 127.0.0.1:"),
            "{errors}"
        );
        assert!(
            errors.contains("choose another name with --name"),
            "{errors}"
        );
        assert!(errors.contains("fatal: b: not tried"), "{errors}");
        assert_eq!(place.server.requests(), ["register"]);
        assert!(!place.path("id/me.info").exists());
    }
}

#[test]
fn a_wrong_cksum_is_answered_with_another_transmission() {
    for dialect in ["seed", "readme"] {
        let place = Place::new(dialect, Fault::WrongCksum(1));
        place.write("a", "123456789");
        let run = place.run(&["send", "a"]).success();
        assert_eq!(stdout(&run), "a: 9 bytes, cksum 930766865, verified\n");
        assert!(stderr(&run).contains("cksum was wrong; transmission 2"));
        let requests = [
            "register",
            "send public key",
            "send file",
            "cksum wrong, sending again",
        ];
        assert_eq!(
            place.server.requests(),
            [&requests[..], &ONE_FILE[1..]].concat()
        );
    }
}

#[test]
fn a_server_whose_cksum_is_always_wrong_is_given_up() {
    for (dialect, transmissions) in [("seed", 3), ("readme", 4)] {
        let place = Place::new(dialect, Fault::WrongCksum(u32::MAX));
        place.write("a", "123456789");
        let run = place.run(&["send", "a"]).code(4);
        assert!(
            stderr(&run).contains(&format!(
                "stored something else each of {transmissions} times: cksum 930766864, not 930766865"
            )),
            "{}",
            stderr(&run)
        );
        let requests = place.server.requests();
        let sent = requests
            .iter()
            .filter(|request| *request == "send file")
            .count();
        assert_eq!(sent, transmissions);
        assert_eq!(requests.last().unwrap(), "cksum wrong, giving up");
        assert_eq!(place.server.uploads(), []);
    }
}

#[test]
fn a_file_that_is_given_up_does_not_hold_up_the_next() {
    for (dialect, transmissions) in [("seed", 3), ("readme", 4)] {
        let place = Place::new(dialect, Fault::WrongCksum(transmissions));
        place.write("a", "1");
        place.write("b", "2");
        let run = place.run(&["send", "a", "b"]).code(4);
        assert!(stdout(&run).starts_with("b: 1 bytes"));
    }
}

#[test]
fn a_refused_file_is_sent_three_times_in_all() {
    for dialect in ["seed", "readme"] {
        let place = Place::new(dialect, Fault::RefuseFile(2));
        place.write("a", "1");
        let run = place.run(&["send", "a"]).success();
        assert_eq!(
            stderr(&run),
            format!(
                "server responded with an error (send file, try 1 of 3)\n\
                 server responded with an error (send file, try 2 of 3)\n\
                 server speaks {dialect}\n"
            )
        );

        let place = Place::new(dialect, Fault::RefuseFile(3));
        place.write("a", "1");
        place.write("b", "2");
        let run = place.run(&["send", "a", "b"]).code(3);
        assert!(stderr(&run).contains("try 3 of 3"));
        assert!(
            stderr(&run).contains("refused \"send file\" 3 times"),
            "{}",
            stderr(&run)
        );
        assert!(stdout(&run).starts_with("b: 1 bytes"));
    }
}

#[test]
fn a_refused_key_ends_the_call() {
    for dialect in ["seed", "readme"] {
        for auto in ["auto", dialect] {
            let place = Place::new(dialect, Fault::RefuseKey);
            place.write("a", "1");
            place.write("b", "2");
            let run = place.run(&["send", "a", "b", "--dialect", auto]).code(3);
            assert!(stderr(&run).contains("refused \"send public key\" 3 times"));
            let keys = place
                .server
                .requests()
                .iter()
                .filter(|r| *r == "send public key")
                .count();
            assert_eq!(keys, 3);
        }
    }
}

#[test]
fn a_refusal_in_the_middle_of_a_file_is_reported_as_one() {
    for fault in [Fault::RefuseEarly, Fault::RefuseEarlyAndHold] {
        // Who does not know the dialect says the request in every way, and then thrice.
        for (dialect, asked, connections) in [
            ("seed", "seed", 3),
            ("readme", "readme", 3),
            ("seed", "auto", 6),
        ] {
            let place = Place::new(dialect, fault);
            let file = std::fs::File::create(place.path("large")).unwrap();
            file.set_len(64 << 20).unwrap();
            // Heard at once, and not when a write has waited for long enough.
            let run = place
                .client(&["send", "large", "--timeout", "3600", "--dialect", asked])
                .timeout(Duration::from_secs(60))
                .assert()
                .code(3);
            let errors = stderr(&run);
            assert!(errors.contains("refused \"send file\" 3 times"), "{errors}");
            assert!(
                !errors.contains("pipe") && !errors.contains("reset"),
                "{errors}"
            );
            // Each try on a connection of its own: the old one waits for the rest of the file.
            assert_eq!(place.server.connections().last(), Some(&connections));
        }
    }
}

#[test]
fn a_refused_verdict_is_a_refusal() {
    for dialect in ["seed", "readme"] {
        let place = Place::new(dialect, Fault::RefuseRight);
        place.write("a", "1");
        let run = place.run(&["send", "a"]).code(3);
        assert!(
            stderr(&run).contains("refused \"cksum right\""),
            "{}",
            stderr(&run)
        );
        assert_eq!(stdout(&run), "");
    }
}

#[test]
fn silence_after_the_verdict_is_a_warning() {
    for dialect in ["seed", "readme"] {
        let place = Place::new(dialect, Fault::SilentAfterVerdict);
        place.write("a", "123456789");
        let run = place.run(&["send", "a", "--timeout", "0.2"]);
        let run = run.success();
        assert_eq!(stdout(&run), "a: 9 bytes, cksum 930766865, unconfirmed\n");
        assert!(stderr(&run).contains("warning: verdict not confirmed"));
    }
}

#[test]
fn what_answers_something_else_is_a_violation() {
    for fault in [
        Fault::Garbage,
        Fault::Flip {
            code: 2102,
            offset: 9,
        },
        Fault::Flip {
            code: 2102,
            offset: 100,
        },
        Fault::Flip {
            code: 2103,
            offset: 0,
        },
        Fault::Flip {
            code: 2103,
            offset: 17,
        },
        Fault::Flip {
            code: 2103,
            offset: 20,
        },
    ] {
        for dialect in ["seed", "readme"] {
            let place = Place::new(dialect, fault);
            place.write("a", "1");
            let run = place.run(&["send", "a"]).code(6);
            assert!(
                stderr(&run).contains("violated the protocol"),
                "{fault:?} {}",
                stderr(&run)
            );
            assert!(place.server.uploads().iter().all(|upload| !upload.verified));
        }
    }
}

#[test]
fn a_violation_after_a_verdict_is_that_files() {
    for dialect in ["seed", "readme"] {
        let place = Place::new(dialect, Fault::StrangeAfterVerdict);
        place.write("a", "1");
        place.write("b", "2");
        let run = place.run(&["send", "a", "b"]).code(6);
        for file in ["a", "b"] {
            let blamed = format!("fatal: {file}: ");
            assert!(stderr(&run).contains(&blamed), "{dialect} {}", stderr(&run));
        }
        assert_eq!(stdout(&run), "");
        // Neither was taken for the other's: both were sent.
        assert_eq!(place.server.uploads().len(), 2);
    }
}

#[test]
fn a_header_of_another_width_gives_no_identity() {
    let place = Place::new("seed", Fault::None);
    place.write("a", "1");
    let run = place.run(&["send", "a", "--dialect", "readme"]).code(6);
    assert!(stderr(&run).contains("two zero bytes"), "{}", stderr(&run));
    assert!(!place.path("id").join("me.info").exists());
}

#[test]
fn an_address_where_nobody_answers_is_not_kept() {
    let place = Place::new("seed", Fault::None);
    place.write("a", "1");
    place.run(&["send", "a"]).success();
    let record = place.path("id").join("client.json");
    let before = std::fs::read_to_string(&record).unwrap();
    place.run(&["send", "a", "--server", "127.0.0.1:1"]).code(5);
    assert_eq!(std::fs::read_to_string(&record).unwrap(), before);
}

#[test]
fn a_damaged_record_of_the_server_is_done_without() {
    let place = Place::new("seed", Fault::None);
    place.write("a", "1");
    place.run(&["send", "a"]).success();
    let record = place.path("id").join("client.json");
    std::fs::write(&record, "{").unwrap();
    let untold: [&[&str]; 2] = [
        &["send", "a", "--identity", "id"],
        &["info", "--identity", "id"],
    ];
    for arguments in untold {
        let run = place.bare().args(arguments).assert().code(1);
        assert!(stderr(&run).contains("remove it and give --server once"));
    }
    // What the advice promises.
    std::fs::remove_file(&record).unwrap();
    place.run(&["send", "a"]).success();
    place.bare().args(untold[0]).assert().success();
}

#[test]
fn no_server_no_connection() {
    // Bound and closed again: nothing listens there.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a"), "1").unwrap();
    let run = bare(folder.path())
        .args([
            "send",
            "a",
            "--name",
            "alice",
            "--identity",
            "id",
            "--server",
            &address,
        ])
        .assert()
        .code(5);
    assert!(stderr(&run).contains(&format!("cannot connect to {address}: Connection refused")));
}

#[test]
fn a_connection_that_is_lost_or_silent_is_told_apart() {
    for dialect in ["seed", "readme"] {
        let place = Place::new(dialect, Fault::CloseBeforeReceived);
        place.write("a", "1");
        let run = place.run(&["send", "a"]).code(5);
        assert!(stderr(&run).contains("was lost while waiting for the answer to \"send file\""));

        let place = Place::new(dialect, Fault::SilentAfterKey);
        place.write("a", "1");
        let run = place.run(&["send", "a", "--timeout", "0.2"]).code(5);
        assert!(stderr(&run).contains("did not answer \"send public key\" in time"));
    }
}
