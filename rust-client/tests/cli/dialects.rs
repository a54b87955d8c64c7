//! Servers of every dialect, and a client that is told which or finds out.

use std::fs;

use backup_client::Dialect;

use super::server::Fault;
use super::{Place, stderr, stdout};

/// What a client cannot tell from a working server is left out: it stays as the base has it.
const MODIFIED: [&str; 9] = [
    "seed,align=natural,pad=1024,crc=zlib,crc-input=content",
    "seed,connection=request",
    "2022c,order=big",
    "2023a,pad=1024,crc=zlib",
    "2023c,received=content_size+file_name+cksum",
    "2023a,size=message,echo=plain",
    "2024a,packet-order=big",
    "2024a,cksum-width=16,aes=16",
    "2024c,connection=request,crc=crc8",
];

fn drop_in(dialect: &str, fault: Fault) -> Place {
    let place = Place::new(dialect, fault);
    let transfer_info = format!("{}\nalice\na.txt\n", place.server.address());
    place.write("transfer.info", transfer_info);
    place.write("a.txt", "123456789");
    place
}

#[test]
fn runs_twice_in_a_folder_with_nothing_but_transfer_info() {
    for name in Dialect::names().chain(MODIFIED) {
        let place = drop_in(name, Fault::None);
        let dialect = Dialect::parse(name).unwrap();
        let run = place.bare().assert().success();
        assert!(stdout(&run).ends_with(", verified\n"), "{name}");
        assert_eq!(stderr(&run), format!("server speaks {dialect}\n"));

        let before = place.server.requests().len();
        let me_info = fs::read(place.path("me.info")).unwrap();
        let run = place.bare().assert().success();
        assert!(stdout(&run).ends_with(", verified\n"), "{name}");
        assert_eq!(stderr(&run), "", "{name}");
        let first = match dialect.has_reconnect() {
            true => "reconnect",
            false => "send public key",
        };
        let second = [first, "send file", "cksum right"];
        assert_eq!(place.server.requests()[before..], second, "{name}");
        assert_eq!(fs::read(place.path("me.info")).unwrap(), me_info);
        // Two versions of one file, registered once.
        assert_eq!(place.server.uploads().len(), 2, "{name}");
        let requests = place.server.requests();
        let registered = requests.iter().filter(|what| *what == "register").count();
        assert_eq!(registered, 1, "{name}");

        let info = stdout(&place.bare().arg("info").assert().success());
        assert!(
            info.contains(&format!("dialect      {dialect}\n")),
            "{info}"
        );
    }
}

#[test]
fn a_dialect_may_be_a_name_with_modifiers_or_a_file() {
    let name = "2023a,crc=zlib,pad=1024";
    let place = Place::new(name, Fault::None);
    place.write("a", "123456789");
    let run = place.run(&["send", "a", "--dialect", name]).success();
    assert_eq!(stdout(&run), "a: 9 bytes, cksum 3421780262, verified\n");
    assert_eq!(stderr(&run), "");
    assert_eq!(place.server.connections(), [1, 1, 1, 1]);

    let dialect = Dialect::parse(name).unwrap();
    let json = dialect.to_json().replace("\"2023a\"", "\"mine\"");
    place.write("mine.json", json);
    let run = place
        .run(&["send", "a", "--dialect", "mine.json"])
        .success();
    assert_eq!(stdout(&run), "a: 9 bytes, cksum 3421780262, verified\n");
    place
        .run(&["send", "a", "--dialect", "mine.json,crc=posix"])
        .code(4);
    place.write("mine.json", "{}");
    let run = place.run(&["send", "a", "--dialect", "mine.json"]).code(2);
    assert!(stderr(&run).contains("not a dialect: missing field"));
}

#[test]
fn a_server_that_forgot_the_client_gets_a_new_key_and_gives_a_new_identity() {
    for name in ["2023a", "2023c", "2024a", "2024c"] {
        let place = drop_in(name, Fault::None);
        place.bare().assert().success();
        let old = fs::read_to_string(place.path("me.info")).unwrap();
        place.server.forget_clients();
        let before = place.server.requests().len();
        let run = place.bare().assert().success();
        assert!(stderr(&run).contains("registering again with a new key"));
        let requests = place.server.requests();
        let expected = [
            "reconnect",
            "register",
            "send public key",
            "send file",
            "cksum right",
        ];
        assert_eq!(requests[before..], expected, "{name}");
        let new = fs::read_to_string(place.path("me.info")).unwrap();
        for (old, new) in old.lines().zip(new.lines()).skip(1) {
            assert_ne!(old, new);
        }
    }
}

#[test]
fn an_identity_is_not_given_up_before_there_is_another() {
    let place = drop_in("2023a", Fault::None);
    place.bare().assert().success();
    let old = fs::read_to_string(place.path("me.info")).unwrap();
    place.server.forget_clients();
    // Somebody else was faster.
    place.server.occupy("alice");
    let before = place.server.requests().len();
    let run = place.bare().assert().code(3);
    assert!(
        stderr(&run).contains("refused \"send public key\" 3 times"),
        "{}",
        stderr(&run)
    );
    let requests = place.server.requests();
    assert_eq!(
        requests[before..before + 3],
        ["reconnect", "register", "send public key"]
    );
    assert_eq!(fs::read_to_string(place.path("me.info")).unwrap(), old);
}

#[test]
fn a_file_goes_in_packets_where_the_dialect_has_them() {
    for fault in [Fault::Limit(1024), Fault::LimitAndClose(1024)] {
        let place = Place::new("2024a", fault);
        let plain = vec![b'x'; 5000];
        place.write("large", &plain);
        place.write("small", "1");
        place.run(&["send", "small"]).success();

        let run = place.run(&["send", "large", "--timeout", "0.5"]).code(5);
        let errors = stderr(&run);
        assert!(errors.contains(", a request of 5298 bytes"), "{errors}");
        assert!(errors.contains("--dialect 2024a,packet=1024"), "{errors}");

        let run = place
            .run(&["send", "large", "--dialect", "2024a,packet=1024"])
            .success();
        assert!(stdout(&run).contains("5000 bytes"));
        let uploads = place.server.uploads();
        assert!(
            uploads
                .iter()
                .any(|upload| upload.plain == plain && upload.verified)
        );
    }
}

#[test]
fn a_server_that_takes_no_large_request_is_explained() {
    for (name, auto) in [("seed", "auto"), ("seed", "seed"), ("2023a", "2023a")] {
        let place = Place::new(name, Fault::LimitAndClose(1024));
        place.write("large", vec![b'x'; 200_000]);
        let run = place.run(&["send", "large", "--dialect", auto]).code(5);
        let errors = stderr(&run);
        assert!(errors.contains(", a request of 200"), "{errors}");
        assert!(
            errors.contains("see whether a smaller file goes through"),
            "{errors}"
        );
    }
}

#[test]
fn a_slow_server_costs_a_stranger_no_more_than_the_timeout_for_each_try() {
    // The dialect is unknown, and the server reads on for padding that never comes.
    let place = Place::new("seed,request-pad=1024", Fault::None);
    place.write("a", "1");
    let run = place.run(&["send", "a", "--timeout", "0.5"]).success();
    assert_eq!(stderr(&run), "server speaks seed,request-pad=1024\n");
}

#[test]
fn help_lists_the_dialects_and_what_changes_them() {
    let folder = tempfile::tempdir().unwrap();
    let help = stdout(&super::bare(folder.path()).arg("--help").assert().success());
    for dialect in Dialect::all() {
        let line = format!("  {:<8}{}\n", dialect.name, dialect.title);
        assert!(help.contains(&line), "{help}");
    }
    assert!(
        help.contains("  crc=           posix, zlib, crc8\n"),
        "{help}"
    );
}
