//! `backup-interop server` and `probe` from outside: what is started, what is printed, and the exit codes.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use predicates::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_backup-interop");

/// A command that plays a server with this fault; it finds its port where the family's servers do.
fn played(fault: Option<&str>) -> String {
    let fault = fault.map_or_else(String::new, |fault| format!("--fault {fault}"));
    format!(
        "sh -c 'exec {PROGRAM} play server --data . --listen 127.0.0.1:$(cat port.info) {fault}'"
    )
}

fn examine(keep: &Path, arguments: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(PROGRAM);
    command.current_dir(keep);
    command
        .arg("server")
        .arg("--keep")
        .arg(keep)
        .args(["--slow", "0.5"]);
    command.args(arguments);
    command
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The verdicts of a run, by case.
fn verdicts(folder: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(folder.join("run.jsonl")).expect("the events");
    let events = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("an event"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    events
        .filter(|event| event["event"] == "case-ended")
        .map(|event| (text(&event["case"]), text(&event["verdict"])))
        .collect()
}

fn last_event(folder: &Path) -> Value {
    let text = fs::read_to_string(folder.join("run.jsonl")).expect("the events");
    serde_json::from_str(text.lines().last().expect("a line")).expect("an event")
}

#[test]
fn a_server_that_knows_nothing_but_port_info_is_examined() {
    let folder = folder();
    examine(
        folder.path(),
        &[
            "--cmd",
            &played(None),
            "--case",
            "keys/answer",
            "--case",
            "keys/after-restart",
        ],
    )
    .assert()
    .code(0);
    let verdicts = verdicts(folder.path());
    let passed = verdicts.iter().filter(|(_, verdict)| verdict == "pass");
    assert_eq!(passed.count(), 4, "{verdicts:?}");
    assert!(folder.path().join("server-output/work/port.info").is_file());
    assert!(
        folder
            .path()
            .join("server/keys/answer/wire-1.txt")
            .is_file()
    );
}

#[test]
fn what_a_probe_finds_is_told_once() {
    let folder = folder();
    let command = played(None).replace("play server", "play server --dialect seed,crc=zlib");
    let arguments = [
        "--cmd",
        &command,
        "--case",
        "dialect/*",
        "--case",
        "content/nine-digits",
    ];
    examine(folder.path(), &arguments)
        .assert()
        .code(1)
        .stdout(predicate::str::contains("crc=zlib"));
    let verdicts = verdicts(folder.path());
    let failed: Vec<_> = verdicts
        .iter()
        .filter(|(_, verdict)| verdict == "fail")
        .collect();
    assert_eq!(
        failed,
        [&("server/dialect/crc".to_owned(), "fail".to_owned())]
    );
}

#[test]
fn a_probe_writes_the_dialect_that_it_found() {
    let folder = folder();
    let file = folder.path().join("found.json");
    let command = played(None).replace("play server", "play server --dialect 2023a,pad=1024");
    assert_cmd::Command::new(PROGRAM)
        .args(["probe", "--cmd", &command, "--write"])
        .arg(&file)
        .arg("--keep")
        .arg(folder.path().join("run"))
        .assert()
        .code(0)
        .stdout(predicate::str::contains("dialect 2023a,pad=1024\n"));
    let found: Value =
        serde_json::from_str(&fs::read_to_string(&file).expect("a file")).expect("JSON");
    assert_eq!(found["response_padding"], 1024);
}

#[test]
fn a_failure_and_a_warning_have_their_exit_codes() {
    let seed = ["--dialect", "seed", "--cmd"];
    for (fault, case, strict, code) in [
        ("oaep-sha256", "keys/answer", false, 1),
        (
            "one-key-per-client",
            "keys/key-of-its-own-connection",
            false,
            0,
        ),
        (
            "one-key-per-client",
            "keys/key-of-its-own-connection",
            true,
            1,
        ),
        (
            "dies-of-cut-header",
            "resilience/vanishes-in-a-header",
            false,
            1,
        ),
        ("oaep-sha256", "reconnect/*", false, 4),
    ] {
        let folder = folder();
        let command = played(Some(fault));
        let mut arguments = [&seed[..], &[&command, "--case", case]].concat();
        if strict {
            arguments.push("--strict");
        }
        examine(folder.path(), &arguments).assert().code(code);
    }
}

#[test]
fn a_crash_is_a_failed_case_and_the_others_run() {
    let folder = folder();
    let command = played(Some("dies-of-cut-header"));
    let cases = [
        "--case",
        "resilience/vanishes-in-a-header",
        "--case",
        "resilience/vanishes-in-a-name",
    ];
    let arguments = [&["--dialect", "seed", "--cmd", &command][..], &cases].concat();
    examine(folder.path(), &arguments)
        .assert()
        .code(1)
        .stdout(predicate::str::contains("exit code 9"));
    let verdicts: Vec<_> = verdicts(folder.path())
        .into_iter()
        .map(|(_, verdict)| verdict)
        .collect();
    assert_eq!(verdicts, ["pass", "fail", "pass", "pass"]);
}

#[test]
fn a_server_that_works_no_more_is_told_with_the_case_after_which_it_broke() {
    let folder = folder();
    let command = played(Some("registers-once"));
    examine(
        folder.path(),
        &[
            "--dialect",
            "seed",
            "--cmd",
            &command,
            "--case",
            "keys/answer",
        ],
    )
    .assert()
    .code(1);
    assert_eq!(
        last_event(folder.path())["broke_after"],
        "server/keys/answer"
    );
}

#[test]
fn a_usage_error_is_told_before_anything_is_started() {
    let folder = folder();
    let seed = ["--dialect", "seed"];
    for arguments in [
        &["--cmd", "touch started", "--case", "no/such"][..],
        &["--cmd", "touch started", "--skip", "no/such"],
        &["--cmd", "touch 'started"],
        &["--cmd", "touch started", "--addr", "127.0.0.1:1"],
        &["--cmd", "touch started", "--expected-failures", "none.toml"],
        &["--addr", "no-port"],
        &["--peer", "nobody"],
        &["--cmd", "touch started", "--jobs", "0"],
        &[],
    ] {
        let all = [&seed[..], arguments].concat();
        examine(folder.path(), &all).assert().code(2).stdout("");
    }
    assert!(!folder.path().join("run.jsonl").exists());
}

#[test]
fn a_server_that_is_not_there_is_not_examined() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    for arguments in [
        ["--addr", &address],
        ["--cmd", "false"],
        ["--cmd", "/no/such/program"],
    ] {
        for dialect in [&[][..], &["--dialect", "seed"]] {
            let folder = folder();
            examine(folder.path(), &[&arguments[..], dialect].concat())
                .assert()
                .code(3);
        }
    }
}

#[test]
fn failures_that_are_written_down_have_to_go_on() {
    let case = "server/keys/answer";
    let entry = |case: &str, text: &str| {
        format!("[[failure]]\ncase = \"{case}\"\nreason = \"it is known\"\n{text}")
    };
    for (fault, text, code, wanted) in [
        (Some("oaep-sha256"), entry(case, ""), 0, "xfail"),
        (
            Some("oaep-sha256"),
            entry(case, "text = \"SHA256\""),
            0,
            "xfail",
        ),
        (
            Some("oaep-sha256"),
            entry(case, "text = \"zlib\""),
            1,
            "fail",
        ),
        (None, entry(case, ""), 6, "xpass"),
        (None, entry("server/keys/gone", ""), 1, "pass"),
    ] {
        let folder = folder();
        let file = folder.path().join("known.toml");
        fs::write(&file, &text).expect("written");
        let command = played(fault);
        let path = file.to_string_lossy().into_owned();
        let arguments = [
            "--dialect",
            "seed",
            "--cmd",
            &command,
            "--case",
            "keys/answer",
            "--expected-failures",
            &path,
        ];
        examine(folder.path(), &arguments).assert().code(code);
        let verdicts = verdicts(folder.path());
        let found = verdicts
            .iter()
            .find(|(id, _)| id == case)
            .map(|(_, verdict)| verdict.as_str());
        assert_eq!(found, Some(wanted), "{text}");
    }
}
