//! The bare command: a drop-in for a client of the family.

use std::fs;

use super::server::Fault;
use super::{ONE_FILE, Place, bare, stderr, stdout};

fn transfer_info(place: &Place, end: &str) -> String {
    format!(
        "{}{end}alice{end}data/report.txt{end}",
        place.server.address()
    )
}

fn drop_in(dialect: &str, end: &str) -> Place {
    let place = Place::new(dialect, Fault::None);
    place.write("transfer.info", transfer_info(&place, end));
    fs::create_dir(place.path("data")).unwrap();
    place.write("data/report.txt", "123456789");
    place
}

#[test]
fn does_what_transfer_info_says_and_the_second_run_goes_on() {
    for dialect in ["seed", "readme"] {
        let place = drop_in(dialect, "\r\n");
        let run = place.bare().assert().success();
        assert_eq!(
            stdout(&run),
            "report.txt: 9 bytes, cksum 930766865, verified\n"
        );
        let me_info = fs::read_to_string(place.path("me.info")).unwrap();
        let lines: Vec<_> = me_info.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            (lines[0], lines[1].len(), lines[2].len()),
            ("alice", 32, 844)
        );

        place.bare().assert().success();
        let requests = [&["register"][..], &ONE_FILE, &ONE_FILE].concat();
        assert_eq!(place.server.requests(), requests);
        assert_eq!(fs::read_to_string(place.path("me.info")).unwrap(), me_info);
    }
}

#[test]
fn goes_on_with_a_wrapped_me_info_of_another_client() {
    let place = drop_in("seed", "\n");
    place.bare().assert().success();
    let ours = fs::read_to_string(place.path("me.info")).unwrap();
    fs::remove_file(place.path("me.info")).unwrap();
    fs::remove_file(place.path("client.json")).unwrap();
    let mut lines = ours.lines();
    let mut theirs = format!("{}\r\n{}\r\n", lines.next().unwrap(), lines.next().unwrap());
    for part in lines.next().unwrap().as_bytes().chunks(72) {
        theirs += &format!("{}\r\n", std::str::from_utf8(part).unwrap());
    }
    place.write("Me.info", &theirs);

    place.bare().assert().success();
    let requests = [&["register"][..], &ONE_FILE, &ONE_FILE].concat();
    assert_eq!(place.server.requests(), requests);
    assert_eq!(fs::read_to_string(place.path("Me.info")).unwrap(), theirs);
    assert!(!place.path("me.info").exists());
}

#[test]
fn options_win_over_transfer_info_and_the_environment_does_not_count() {
    let place = drop_in("seed", "\n");
    place
        .bare()
        .env("BACKUP_SERVER", "127.0.0.1:1")
        .env("BACKUP_NAME", "mallory")
        .env("BACKUP_IDENTITY", "elsewhere")
        .args([
            "--send-as",
            "other.txt",
            "--name",
            "bob",
            "--identity",
            "bob",
        ])
        .assert()
        .success();
    assert_eq!(place.server.uploads()[0].name, "other.txt");
    assert!(
        fs::read_to_string(place.path("bob/me.info"))
            .unwrap()
            .starts_with("bob\n")
    );
    assert!(!place.path("elsewhere").exists());
}

#[test]
fn says_which_line_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let run = bare(folder.path()).assert().code(2);
    assert!(
        stderr(&run).starts_with("fatal: no transfer.info in . or /"),
        "{}",
        stderr(&run)
    );
    fs::write(
        folder.path().join("transfer.info"),
        "localhost:1234\r\n\r\n",
    )
    .unwrap();
    let run = bare(folder.path()).assert().code(2);
    assert!(stderr(&run).contains("transfer.info, line 2: the client name is missing"));
}

#[test]
fn the_environment_completes_a_command_line() {
    let place = Place::new("seed", Fault::None);
    place.write("a", "1");
    place
        .bare()
        .env("BACKUP_SERVER", place.server.address())
        .env("BACKUP_NAME", "alice")
        .env("XDG_DATA_HOME", place.path("data"))
        .args(["send", "a"])
        .assert()
        .success();
    let server = place.server.address().replace(':', "_");
    assert!(
        place
            .path("data/backup-client")
            .join(server)
            .join("alice/me.info")
            .exists()
    );
}

#[test]
fn says_what_a_command_line_lacks() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "1").unwrap();
    for (arguments, message) in [
        (&["send", "a"][..], "the server is not known"),
        (
            &["send", "a", "--server", "h:1"],
            "the client name is not known",
        ),
        (
            &["send", "a", "--server", "h:1", "--identity", "id"],
            "the client name is not known",
        ),
        (&["send"], "required arguments were not provided"),
        (
            &["send", "a", "--dialect", "klingon"],
            "possible are seed, readme, 2022c, 2023a,",
        ),
        (
            &["send", "a", "--dialect", "seed,crc=md5"],
            "\"md5\" is no value of crc=; possible are posix, zlib, crc8",
        ),
        (
            &["send", "a", "--timeout", "0"],
            "not a number of seconds above 0",
        ),
        (&["info"], "the identity to show is not known"),
    ] {
        let run = bare(folder.path()).args(arguments).assert().code(2);
        assert!(
            stderr(&run).contains(message),
            "{arguments:?}: {}",
            stderr(&run)
        );
    }
}
