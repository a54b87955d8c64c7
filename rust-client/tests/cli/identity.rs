//! The identity folder as a run leaves and finds it.

use std::fs;
use std::fs::File;

use super::server::Fault;
use super::{Place, stderr, stdout};

#[test]
fn register_is_done_once() {
    for dialect in ["seed", "readme"] {
        let place = Place::new(dialect, Fault::None);
        let first = stdout(&place.run(&["register"]).success());
        assert!(first.contains("name         alice\n"), "{first}");
        assert_eq!(place.server.requests(), ["register", "send public key"]);
        assert_eq!(stdout(&place.run(&["register"]).success()), first);
        assert_eq!(place.server.requests(), ["register", "send public key"]);
    }
}

#[test]
fn name_and_server_are_known_from_the_identity() {
    let place = Place::new("seed", Fault::None);
    place.write("a", "1");
    place.run(&["register"]).success();
    place
        .bare()
        .args(["send", "a", "--identity", "id"])
        .assert()
        .success();
    let run = place.run(&["send", "a", "--name", "bob"]).code(1);
    assert!(stderr(&run).contains("the identity in id is that of \"alice\", not of \"bob\""));
}

#[test]
fn a_damaged_me_info_is_named_with_its_line_and_left_alone() {
    let place = Place::new("seed", Fault::None);
    place.write("a", "1");
    place.run(&["register"]).success();
    let good = fs::read_to_string(place.path("id/me.info")).unwrap();
    let requests = place.server.requests();
    for (bad, message) in [
        (
            good[..good.len() - 8].to_owned(),
            "me.info, line 3: the private key is cut short",
        ),
        (
            good.replacen('\n', "\nx", 1),
            "me.info, line 2: the client ID is not 32 hex digits",
        ),
        (
            good[..39].to_owned(),
            "me.info, line 3: the private key is missing",
        ),
        (
            good[..39].to_owned() + "AAAA\n",
            "me.info, line 3: not the PKCS#8 form",
        ),
        (String::new(), "me.info, line 1: the client name is missing"),
    ] {
        place.write("id/me.info", &bad);
        let run = place.run(&["send", "a"]).code(1);
        assert!(stderr(&run).contains(message), "{}", stderr(&run));
        assert!(stderr(&run).contains("put the file back from a copy"));
        assert_eq!(fs::read_to_string(place.path("id/me.info")).unwrap(), bad);
        place.run(&["info"]).code(1);
    }
    assert_eq!(place.server.requests(), requests);
}

#[test]
fn a_run_waits_for_nobody_who_has_the_folder() {
    let place = Place::new("seed", Fault::None);
    place.write("a", "1");
    place.run(&["register"]).success();
    let lock = File::open(place.path("id/client.lock")).unwrap();
    lock.try_lock().unwrap();
    let run = place.run(&["send", "a"]).code(1);
    assert!(stderr(&run).contains("the identity in id is in use by another run"));
    place.run(&["info"]).success();
    // A child that another test is just starting may have a copy of the handle.
    lock.unlock().unwrap();
    place.run(&["send", "a"]).success();
}

#[test]
fn another_server_is_warned_of_and_its_dialect_learned() {
    let place = Place::new("seed", Fault::None);
    place.run(&["register"]).success();
    let old = place.server.address();
    let moved = Place {
        server: super::TestServer::start("readme", Fault::None),
        ..place
    };
    moved.write("a", "1");
    let run = moved.run(&["send", "a"]).code(3);
    let warning = format!("warning: this identity was given by {old} and is now shown to");
    assert!(stderr(&run).contains(&warning), "{}", stderr(&run));
}

#[test]
fn a_server_that_forgot_the_client_refuses_its_key() {
    let place = Place::new("seed", Fault::None);
    place.write("a", "1");
    place.run(&["register"]).success();
    place.server.forget_clients();
    let run = place.run(&["send", "a"]).code(3);
    assert!(stderr(&run).contains("the server may not know this client any more"));
    assert!(place.path("id/me.info").exists());
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_hold_the_identity_costs_no_name() {
    use std::os::unix::fs::symlink;

    let place = Place::new("seed", Fault::None);
    // Works for root too, whom no mode keeps out.
    symlink("/dev/null/none", place.path("id")).unwrap();
    place.write("a", "1");
    place.run(&["send", "a"]).code(1);
    assert_eq!(place.server.requests(), [""; 0]);
}
