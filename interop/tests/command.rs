//! The command line of `backup-interop`: exit codes, selections, and what it prints.

mod common;

use common::{command, matrix, peers};
use predicates::prelude::*;
use serde_json::Value;

fn backup_interop() -> assert_cmd::Command {
    assert_cmd::Command::from_std(command())
}

#[test]
fn tells_its_exit_codes() {
    for arguments in [&["--help"][..], &["matrix", "--help"]] {
        backup_interop()
            .args(arguments)
            .assert()
            .code(0)
            .stdout(predicate::str::contains("130  interrupted"));
    }
}

#[test]
fn refuses_what_it_does_not_understand_before_it_starts_anything() {
    let peers = peers(None, None);
    for arguments in [
        &["--scenario", "no-such"][..],
        &["--server", "nobody"],
        &["--client", "nobody"],
        &["--dialect", "sead"],
        &["--dialect", "seed,crc=md5"],
        &["--dialect", "seed,packet=16"],
        &["--except", "no-such"],
        &["--flip", "checksum"],
        &["--slow", "0"],
        &["--what"],
    ] {
        backup_interop()
            .args(["matrix", "--peers"])
            .arg(peers.path())
            .args(arguments)
            .assert()
            .code(2)
            .stdout("");
    }
}

#[test]
fn a_peer_that_is_not_there_is_an_error_with_the_way_to_build_it() {
    let peers = peers(None, None);
    backup_interop()
        .args(["matrix", "--bin", "/nonexistent", "--peers"])
        .arg(peers.path())
        .assert()
        .code(3)
        .stderr(predicate::str::contains("cargo build -p backup-interop"));
}

#[test]
fn a_server_that_does_not_come_up_is_an_error_and_no_failure() {
    let peers = peers(None, None);
    let path = peers.path().join("played-server.toml");
    let text = std::fs::read_to_string(&path).expect("read");
    let broken = text.replace("\"play\", \"server\"", "\"play\", \"nothing\"");
    std::fs::write(&path, broken).expect("written");
    let run = matrix(peers.path(), &["--scenario", "first-backup"]);
    assert_eq!(run.code, 3, "{}", run.text);
    // One cell a dialect.
    assert_eq!(run.count("not_started"), 7);
}

#[test]
fn a_run_in_which_no_cell_can_exist_is_no_success() {
    let peers = peers(None, None);
    let run = matrix(
        peers.path(),
        &["--scenario", "dialect-not-told", "--dialect", "readme"],
    );
    assert_eq!(run.code, 4, "{}", run.text);
}

#[test]
fn an_entry_whose_reason_is_gone_fails_the_run() {
    let peers = peers(None, None);
    let path = peers.path().join("impossible.toml");
    let text = std::fs::read_to_string(&path).expect("read");
    std::fs::write(&path, text.replace("\"readme\"", "\"seed\"")).expect("written");
    let arguments = ["--scenario", "dialect-not-told", "--dialect", "seed"];
    let run = matrix(peers.path(), &arguments);
    assert_eq!(run.code, 1, "{}", run.text);
    // Without the entry the cell in the other dialect is missing, and is no silence either.
    let arguments = ["--scenario", "dialect-not-told", "--dialect", "readme"];
    let run = matrix(peers.path(), &arguments);
    assert_eq!(run.code, 1, "{}", run.text);
    assert_eq!(run.count("failed"), 1);
}

#[test]
fn prints_the_matrix_and_what_is_wrong_with_a_cell() {
    let peers = peers(Some("zlib-cksum"), None);
    let work = tempfile::tempdir().expect("a folder");
    let output = backup_interop()
        .args([
            "matrix",
            "--scenario",
            "first-backup",
            "--dialect",
            "seed",
            "--peers",
        ])
        .arg(peers.path())
        .arg("--keep")
        .arg(work.path())
        .output()
        .expect("the examiner");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("text");
    for part in [
        "matrix/first-backup  F",
        "played-client -> played-server",
        "cksum of played-server (PROTOCOL.md 5)",
        "response 3, 2103 file received, of connection 1; offset 282",
        "likely    it is zlib's CRC-32 of the plaintext in its place: crc=zlib",
        "1 cell, 0 passed, 1 failed",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let wire = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("wire "))
        .map(str::trim)
        .expect("the path of a wire log");
    let log = std::fs::read_to_string(wire).expect("the wire log");
    assert!(log.contains("!!!! cksum at 282"), "{log}");
    assert!(log.contains("> 1103 send file"), "{log}");
}

#[test]
fn lists_what_there_is() {
    let peers = peers(None, None);
    backup_interop()
        .args(["list", "--peers"])
        .arg(peers.path())
        .assert()
        .code(0)
        .stdout(
            predicate::str::contains("matrix/first-backup")
                .and(predicate::str::contains("played-server"))
                .and(predicate::str::contains("readme"))
                .and(predicate::str::contains(
                    "crc-input=       plaintext, padded",
                ))
                .and(predicate::str::contains("wrapped-key")),
        );
}

#[test]
fn takes_a_dialect_from_a_file() {
    let peers = peers(None, None);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.json");
    let seed = include_str!("../../vectors/dialects/seed.json");
    let other = seed
        .replace("\"seed\"", "\"other\"")
        .replace("1103", "903")
        .replace("\"aes_key_size\": 16", "\"aes_key_size\": 32");
    std::fs::write(&path, other).expect("written");
    let path = path.to_string_lossy();
    let arguments = ["--scenario", "first-backup", "--dialect", &path];
    let run = matrix(peers.path(), &arguments);
    assert_eq!(run.code, 0, "{}", run.text);
    assert_eq!(run.report["cells"][0]["dialect"], "other");
}

#[test]
fn plays_the_core_alone_where_no_more_is_asked_for() {
    let peers = peers(None, None);
    let ids = |arguments: &[&str]| {
        let run = matrix(peers.path(), arguments);
        assert_eq!(run.code, 0, "{}", run.text);
        let cells = run.report["cells"].as_array().cloned().unwrap_or_default();
        let id = |cell: &Value| cell["scenario"].as_str().unwrap_or_default().to_owned();
        cells.iter().map(id).collect::<Vec<_>>()
    };
    let quick = [
        "--except", "size-*", "--except", "byte-*", "--except", "server-*",
    ];
    let core = ids(&[&["--dialect", "2023a"], &quick[..]].concat());
    assert!(
        core.contains(&"matrix/reconnect-refused".to_owned()),
        "{core:?}"
    );
    assert!(
        !core
            .iter()
            .any(|id| id.contains("habit") || id.contains("size-")),
        "{core:?}"
    );
    // What does not apply is in no table: 2023a has no packets.
    assert!(
        !core.contains(&"matrix/many-packets".to_owned()),
        "{core:?}"
    );
    let named = ids(&["--dialect", "2023a", "--scenario", "hebrew-name"]);
    assert_eq!(named, ["matrix/hebrew-name"]);
}

#[test]
fn plays_a_modified_dialect_that_one_side_is_told_by_a_file() {
    let peers = peers(None, None);
    let dialect = "2023a,crc=zlib,pad=1024";
    let run = matrix(
        peers.path(),
        &["--scenario", "mixed/told", "--dialect", dialect],
    );
    assert_eq!(run.code, 0, "{}", run.text);
    assert_eq!(run.report["cells"][0]["dialect"], dialect);
}

#[test]
fn an_interrupt_ends_every_program_and_says_so() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    // A server that is ready and then never answers, so that the run hangs in its client.
    let peers = peers(None, None);
    let folder = tempfile::tempdir().expect("a folder");
    let pid_file = folder.path().join("pid");
    let server = format!(
        "name = \"played-server\"\nrole = \"server\"\nlanguage = \"none\"\nbuild = \"none\"\n\
         command = [\"sh\", \"-c\", \"echo $$ > {pid}; echo listening on 127.0.0.1:9; exec sleep 600\"]\n",
        pid = pid_file.display()
    );
    std::fs::write(peers.path().join("played-server.toml"), server).expect("written");
    let client = std::fs::read_to_string(peers.path().join("played-client.toml")).expect("read");
    let client = client
        .lines()
        .map(|line| match line.starts_with("command") {
            true => "command = [\"sh\", \"-c\", \"echo up >&2; exec sleep 600\"]".to_owned(),
            false => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n");
    std::fs::write(peers.path().join("played-client.toml"), client).expect("written");
    let work = tempfile::tempdir().expect("a folder");
    let mut examiner = command()
        .args([
            "matrix",
            "--scenario",
            "first-backup",
            "--dialect",
            "seed",
            "--jobs",
            "1",
        ])
        .arg("--peers")
        .arg(peers.path())
        .arg("--keep")
        .arg(work.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the examiner");
    let log = work
        .path()
        .join("seed/played-server__played-client/first-backup/client-1-run-1.stderr");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("up")) {
        assert!(
            std::time::Instant::now() < deadline,
            "the client never came up"
        );
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&examiner);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("signalled");
    let lines = BufReader::new(examiner.stdout.take().expect("a pipe")).lines();
    let text: Vec<_> = lines.map_while(Result::ok).collect();
    assert_eq!(
        examiner.wait().expect("ended").code(),
        Some(130),
        "{text:?}"
    );
    let server = std::fs::read_to_string(&pid_file).expect("a pid");
    let stat = format!("/proc/{}/stat", server.trim());
    let runs = std::fs::read_to_string(stat).is_ok_and(|text| text.contains("(sleep)"));
    assert!(!runs, "the server still runs");
}

#[test]
fn a_matrix_is_saved_as_events_and_rendered_at_once_or_later() {
    let peers = peers(Some("zlib-cksum"), None);
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let asked = |format: &str, name: &str| format!("{format}={}", file(name).display());
    backup_interop()
        .args([
            "matrix",
            "--scenario",
            "first-backup",
            "--dialect",
            "seed",
            "--peers",
        ])
        .arg(peers.path())
        .args([
            "--report",
            &asked("html", "a.html"),
            "--report",
            &asked("junit", "a.xml"),
        ])
        .arg("--keep")
        .arg(file("run"))
        .assert()
        .code(1);
    let read = |name: &str| std::fs::read_to_string(file(name)).expect("a report");
    assert!(
        read("a.xml").contains("failures=\"1\""),
        "{}",
        read("a.xml")
    );
    let page = read("a.html");
    // The bytes, what was due, and the wire log are in the page.
    for part in [
        "class=\"due\"",
        "<mark>",
        "1100 register",
        "zlib&#39;s CRC-32",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    backup_interop()
        .arg("report")
        .arg(file("run"))
        .args(["--format", "html", "--output"])
        .arg(file("b.html"))
        .assert()
        .code(0);
    assert_eq!(read("b.html"), page);
    backup_interop()
        .arg("report")
        .arg(peers.path())
        .assert()
        .code(2)
        .stderr(predicate::str::contains("run.jsonl"));
}

#[test]
fn explains_a_case_and_refuses_one_that_is_none() {
    backup_interop()
        .args([
            "explain",
            "server/registration/name-taken",
            "matrix/first-backup",
        ])
        .assert()
        .code(0)
        .stdout(predicate::str::contains("  expects   "))
        .stdout(predicate::str::contains(
            "matrix --scenario matrix/first-backup",
        ));
    backup_interop()
        .args(["explain", "server/nothing"])
        .assert()
        .code(2);
}

#[test]
fn the_vectors_are_confirmed() {
    backup_interop()
        .args(["vectors", "--check", "--dialect", "seed"])
        .assert()
        .code(0)
        .stdout(predicate::str::contains("none contradicted"));
    for wrong in [&["vectors"][..], &["vectors", "--export", "/proc/none"]] {
        backup_interop().args(wrong).assert().code(2);
    }
    backup_interop()
        .args(["vectors", "--check", "--dialect", "nothing"])
        .assert()
        .code(4);
}

/// What it does where nobody reads its output any more: its exit code, and what it says of that.
fn unread(arguments: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = command()
        .args(arguments)
        .stdout(writer)
        .output()
        .expect("the examiner");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn ends_quietly_where_nobody_reads_its_output() {
    for arguments in [
        &["list"][..],
        &["list", "--markdown"],
        &["explain", "*"],
        &["vectors", "--check"],
    ] {
        assert_eq!(unread(arguments), (Some(0), String::new()), "{arguments:?}");
    }
    // What runs is ended: whether it passes is not known.
    let server = format!(
        "'{}' play server --data . --listen 127.0.0.1:{{port}}",
        assert_cmd::cargo::cargo_bin!("backup-interop").display()
    );
    let run = tempfile::tempdir().expect("a folder");
    let keep = run.path().to_string_lossy().into_owned();
    for arguments in [
        &[
            "server",
            "--dialect",
            "seed",
            "--cmd",
            &server,
            "--keep",
            &keep,
        ][..],
        &["proxy", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1"],
    ] {
        let (code, said) = unread(arguments);
        let due = if arguments[0] == "server" { 130 } else { 0 };
        assert_eq!((code, said.as_str()), (Some(due), ""), "{arguments:?}");
    }
}

#[test]
fn a_stranger_needs_nothing_but_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("backup-interop");
    std::fs::copy(assert_cmd::cargo::cargo_bin!("backup-interop"), &program).expect("copied");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    let of_stranger = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::new(&program);
        command.current_dir(&empty).args(arguments).assert()
    };
    of_stranger(&["list"])
        .code(0)
        .stdout(predicate::str::contains("server/registration/name-taken"))
        .stdout(predicate::str::contains("none: there is no interop/peers"));
    of_stranger(&["explain", "registration/name-taken"]).code(0);
    of_stranger(&["vectors", "--check", "--dialect", "seed"]).code(0);
    for arguments in [
        &["matrix"][..],
        &["list", "--peers", "peers"],
        &["server", "--peer", "backup-server"],
        &["client", "--peer", "backup-client"],
    ] {
        of_stranger(arguments)
            .code(2)
            .stderr(predicate::str::contains("peers"));
    }
}
