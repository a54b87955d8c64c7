//! What scripts read: `--json`, exit codes, and which stream things are on.

use backup_client::Exit;
use serde_json::json;

use super::server::Fault;
use super::{Place, bare, stderr, stdout};

#[test]
fn json_of_files() {
    let place = Place::new("seed", Fault::None);
    place.write("a", "123456789");
    let (lines, code) = place.json(&["send", "missing", "a"]);
    assert_eq!(code, 1);
    assert_eq!(
        lines,
        [
            json!({
                "type": "file", "path": "missing", "name": null, "bytes": null, "cksum": null,
                "transmissions": null, "verdict": null,
                "error": {
                    "kind": "failure", "exit_code": 1, "advice": null,
                    "message": "cannot read missing: No such file or directory (os error 2)",
                },
            }),
            json!({
                "type": "file", "path": "a", "name": "a", "bytes": 9, "cksum": 930766865_u32,
                "transmissions": 1, "verdict": "verified", "error": null,
            }),
        ]
    );
}

#[test]
fn json_of_verdicts() {
    let place = Place::new("seed", Fault::WrongCksum(u32::MAX));
    place.write("a", "1");
    let (lines, code) = place.json(&["send", "a"]);
    assert_eq!(
        (code, &lines[0]["verdict"], &lines[0]["transmissions"]),
        (4, &json!("gave-up"), &json!(3))
    );
    assert_eq!(
        (&lines[0]["error"]["kind"], lines.len()),
        (&json!("gave-up"), 1)
    );

    let place = Place::new("readme", Fault::SilentAfterVerdict);
    place.write("a", "1");
    let (lines, code) = place.json(&["send", "a", "--timeout", "0.2"]);
    assert_eq!((code, &lines[0]["verdict"]), (0, &json!("unconfirmed")));
}

#[test]
fn json_of_the_client_never_has_the_whole_id() {
    let place = Place::new("readme", Fault::None);
    let (registered, code) = place.json(&["register"]);
    assert_eq!(code, 0);
    let (info, code) = place.json(&["info"]);
    assert_eq!(code, 0);
    assert_eq!(registered, info);
    let me_info = std::fs::read_to_string(place.path("id/me.info")).unwrap();
    let id = me_info.lines().nth(1).unwrap();
    let fingerprint = info[0]["key_fingerprint"].as_str().unwrap();
    assert!(
        fingerprint.starts_with("SHA256:") && fingerprint.len() == 50,
        "{fingerprint}"
    );
    assert_eq!(
        info,
        [json!({
            "type": "client", "name": "alice", "server": place.server.address(),
            "dialect": "readme", "key_fingerprint": fingerprint, "client_id_prefix": id[..8],
            "identity": "id",
        })]
    );
    let people = stdout(&place.run(&["info"]).success());
    assert!(
        people.contains(&format!("client ID    {}\u{2026}\n", &id[..8])),
        "{people}"
    );
    assert!(!people.contains(id));
}

#[test]
fn json_of_errors_that_are_about_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, message) in [
        (
            &["--json", "register", "--name", "alice"][..],
            "the server is not known",
        ),
        (
            &["send", "--json"],
            "the following required arguments were not provided: <FILE>...",
        ),
        (
            &["--timeout", "x", "info", "--json"],
            "invalid value 'x' for '--timeout <SECS>': not a",
        ),
    ] {
        let output = bare(folder.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["type"], "error");
        assert!(
            line["error"]["message"]
                .as_str()
                .unwrap()
                .starts_with(message),
            "{line}"
        );
        assert_eq!(
            (&line["error"]["kind"], &line["error"]["exit_code"]),
            (&json!("usage"), &json!(2))
        );
    }
}

#[test]
fn help_lists_every_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let help = stdout(&bare(folder.path()).arg("--help").assert().success());
    for exit in Exit::ALL {
        assert!(
            help.contains(&format!("  {}  {}\n", exit.code(), exit.meaning())),
            "{help}"
        );
    }
}

#[test]
fn quiet_leaves_results_and_failures() {
    let place = Place::new("seed", Fault::WrongCksum(1));
    place.write("a", "1");
    let run = place.run(&["send", "a", "missing", "--quiet"]).code(1);
    assert_eq!(stdout(&run), "a: 1 bytes, cksum 433426081, verified\n");
    assert_eq!(stderr(&run).lines().count(), 1);
}

#[test]
fn verbose_says_what_is_done_on_stderr() {
    let place = Place::new("readme", Fault::None);
    place.write("a", "1");
    let run = place.run(&["send", "a", "-v"]).success();
    let address = place.server.address();
    assert_eq!(
        stderr(&run),
        format!(
            "connected to {address}\nregistered; the identity is stored\nsending a\n\
             server speaks readme\n"
        )
    );
}

#[test]
fn the_readme_shows_the_help_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let help = stdout(&bare(folder.path()).arg("-h").assert().success());
    let readme = include_str!("../../README.md").replace("\r\n", "\n");
    assert!(readme.contains(&format!("```text\n{help}```\n")), "{help}");
}
