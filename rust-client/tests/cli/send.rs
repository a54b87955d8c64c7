//! Files that arrive, in either dialect.

use super::server::{Fault, Upload};
use super::{ONE_FILE, Place, stderr, stdout};

fn verified(name: &str, plain: &[u8]) -> Upload {
    Upload {
        name: name.to_owned(),
        plain: plain.to_owned(),
        verified: true,
    }
}

fn large() -> Vec<u8> {
    (0..=250).cycle().take(1_000_003).collect()
}

#[test]
fn registers_and_sends_and_goes_on_with_the_identity() {
    for dialect in ["seed", "readme"] {
        let place = Place::new(dialect, Fault::None);
        place.write("a.txt", "123456789");
        let run = place.run(&["send", "a.txt"]).success();
        assert_eq!(stdout(&run), "a.txt: 9 bytes, cksum 930766865, verified\n");
        assert_eq!(stderr(&run), format!("server speaks {dialect}\n"));
        assert_eq!(place.server.uploads(), [verified("a.txt", b"123456789")]);
        let run = place.run(&["send", "a.txt"]).success();
        assert_eq!(stderr(&run), "");
        let requests = [&["register"][..], &ONE_FILE, &ONE_FILE].concat();
        assert_eq!(place.server.requests(), requests, "{dialect}");
    }
}

#[test]
fn sends_several_files_over_as_few_connections_as_the_dialect_has_them() {
    for (dialect, connections) in [
        ("seed", [1, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
        ("readme", [1; 10]),
    ] {
        let place = Place::new(dialect, Fault::None);
        place.write("a", "");
        place.write("b", "123456789");
        place.write("c", large());
        let run = place.run(&["send", "a", "b", "c"]).success();
        let text = stdout(&run);
        assert!(
            text.starts_with("a: 0 bytes, cksum 4294967295, verified\nb: 9 bytes"),
            "{text}"
        );
        let expected = [
            verified("a", b""),
            verified("b", b"123456789"),
            verified("c", &large()),
        ];
        assert_eq!(place.server.uploads(), expected);
        assert_eq!(place.server.connections(), connections, "{dialect}");
        // A key for each file.
        let requests = [&["register"][..], &ONE_FILE, &ONE_FILE, &ONE_FILE].concat();
        assert_eq!(place.server.requests(), requests);
    }
}

#[test]
fn a_key_per_connection_is_asked_for_once_on_each() {
    for (dialect, requests) in [
        ("seed", [&["register"][..], &ONE_FILE, &ONE_FILE].concat()),
        (
            "readme",
            [&["register"][..], &ONE_FILE, &ONE_FILE[1..]].concat(),
        ),
    ] {
        let place = Place::new(dialect, Fault::None);
        place.write("a", "1");
        place.write("b", "2");
        place
            .run(&["send", "a", "b", "--key-per", "connection"])
            .success();
        assert_eq!(place.server.requests(), requests);
        assert_eq!(
            place.server.uploads(),
            [verified("a", b"1"), verified("b", b"2")]
        );
    }
}

#[test]
fn a_connection_per_request_carries_one_request() {
    for dialect in ["seed", "readme"] {
        let place = Place::new(dialect, Fault::WrongCksum(1));
        place.write("a", "123456789");
        let run = place
            .run(&["send", "a", "--connection-per-request"])
            .success();
        assert!(stdout(&run).ends_with(", verified\n"));
        assert_eq!(place.server.connections(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(place.server.uploads(), [verified("a", b"123456789")]);
    }
}

#[test]
fn a_dialect_that_is_named_is_not_found_out() {
    for (dialect, other) in [("seed", "readme"), ("readme", "seed")] {
        let place = Place::new(dialect, Fault::None);
        place.write("a", "1");
        place.run(&["send", "a", "--dialect", dialect]).success();
        place.run(&["send", "a", "--dialect", other]).code(6);
        // What was learned, or said, does not keep auto from hearing what the server speaks.
        place.run(&["send", "a"]).success();
    }
}

#[test]
fn sends_under_another_name_and_by_base_name() {
    let place = Place::new("seed", Fault::None);
    std::fs::create_dir(place.path("folder")).unwrap();
    place.write("folder/a", "1");
    place.run(&["send", "folder/a"]).success();
    place
        .run(&["send", "folder/a", "--send-as", "x\\b"])
        .success();
    assert_eq!(
        place.server.uploads(),
        [verified("a", b"1"), verified("x\\b", b"1")]
    );
    place
        .run(&["send", "folder/a", "a", "--send-as", "c"])
        .code(2);
}

#[test]
fn a_file_that_fails_does_not_hold_up_the_others() {
    let place = Place::new("seed", Fault::None);
    place.write("a", "1");
    std::fs::create_dir(place.path("folder")).unwrap();
    let run = place.run(&["send", "missing", "a", "folder"]).code(1);
    assert_eq!(stdout(&run), "a: 1 bytes, cksum 433426081, verified\n");
    let errors = stderr(&run);
    assert!(
        errors.contains("fatal: missing: cannot read missing: No such file"),
        "{errors}"
    );
    assert!(
        errors.contains("folder is a folder, not a file"),
        "{errors}"
    );
}

#[test]
fn two_files_of_one_name_are_refused_before_anything_is_sent() {
    let place = Place::new("seed", Fault::None);
    place.write("a", "1");
    std::fs::create_dir(place.path("folder")).unwrap();
    place.write("folder/a", "2");
    let run = place.run(&["send", "a", "folder/a"]).code(2);
    assert!(stderr(&run).contains("a and folder/a would both be sent as \"a\""));
    assert_eq!(place.server.requests(), [""; 0]);

    let run = place.run(&["send", "a", "./a"]).success();
    assert!(stderr(&run).contains("warning: ./a is named twice and sent once"));
    assert_eq!(place.server.uploads(), [verified("a", b"1")]);
}

#[test]
fn a_file_that_is_too_large_is_refused_with_the_limit_before_anything_is_sent() {
    let place = Place::new("seed", Fault::None);
    let file = std::fs::File::create(place.path("sparse")).unwrap();
    file.set_len(4_294_967_008).unwrap();
    let run = place.run(&["send", "sparse"]).code(1);
    assert!(
        stderr(&run).contains("sparse has 4294967008 bytes; 4294967007 is the most"),
        "{}",
        stderr(&run)
    );
    assert_eq!(place.server.requests(), [""; 0]);
    assert!(!place.path("id").exists());
}
