//! `backup-interop client` as a program: a client that knows nothing but the files in its folder, and exit codes.

use std::process::{Command, Output};

/// Examines the scripted client, started by a command as a stranger's would be, with these arguments for the
/// examiner.
fn examine(fault: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let program = assert_cmd::cargo::cargo_bin!("backup-interop");
    let program = program.to_string_lossy();
    let mut command = format!("'{program}' play client --set-up {{work}}");
    if !fault.is_empty() {
        command.push_str(&format!(" --fault {fault}"));
    }
    run(&[&["--cmd", &command], arguments].concat())
}

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let output: Output = Command::new(assert_cmd::cargo::cargo_bin!("backup-interop"))
        .arg("client")
        .args(arguments)
        .arg("--keep")
        .arg(folder.path())
        .output()
        .expect("the examiner");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.code(), text)
}

#[test]
fn a_right_client_passes() {
    let (code, text) = examine("", &["--case", "fields/*", "--case", "set-up/me-info"]);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn a_fault_is_told_once_by_the_case_that_is_about_it() {
    let (code, text) = examine(
        "uncleared",
        &["--case", "fields/*", "--case", "files/empty"],
    );
    assert_eq!(code, Some(1), "{text}");
    let failed = text.lines().filter(|line| line.starts_with("FAIL"));
    let failed: Vec<_> = failed
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    // The messages in which there are names; no case that is about something else.
    let due = ["client-name", "file-name", "verdict-name"].map(|id| format!("client/fields/{id}"));
    assert_eq!(failed, due, "{text}");
}

#[test]
fn a_client_that_does_nothing_is_not_examined() {
    let (code, text) = run(&["--cmd", "sh -c 'exit 0'", "--case", "fields/version"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("not examined"), "{text}");
}

#[test]
fn what_cannot_be_understood_is_said_before_anything_runs() {
    for (arguments, reason) in [
        (&["--cmd", "./no-such-program"][..], "no program"),
        (&["--cmd", "sh -c 'x"], "quote"),
        (&["--cmd", "sh", "--case", "no/such"], "no case matches"),
        (&["--peer", "nobody"], "nobody"),
    ] {
        let (code, text) = run(arguments);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(reason), "{text}");
    }
}
