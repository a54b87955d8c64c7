//! Settings in their layers: command line, environment, configuration file, `port.info`.

mod common;

use std::fs;

use assert_cmd::assert::Assert;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;

use common::{Data, PROGRAM};

fn run(folder: &Data, variables: &[(&str, &str)], args: &[&str]) -> Assert {
    let mut command = assert_cmd::Command::new(PROGRAM);
    command
        .current_dir(folder.path())
        .args(args)
        .envs(variables.iter().copied())
        .timeout(common::DEADLINE)
        .assert()
}

fn shown(folder: &Data, variables: &[(&str, &str)], args: &[&str]) -> Value {
    let args = [&["config", "show", "--json"], args].concat();
    let shown = run(folder, variables, &args).success();
    serde_json::from_slice(&shown.get_output().stdout).expect("JSON")
}

/// Value and source of a setting.
fn setting(shown: &Value, key: &str) -> (String, String) {
    let settings = shown["settings"].as_array().expect("a list");
    let found = settings.iter().find(|setting| setting["key"] == key);
    let found = found.expect("the setting");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&found["values"][0]), text(&found["source"]))
}

fn pair(value: &str, source: &str) -> (String, String) {
    (value.to_owned(), source.to_owned())
}

#[test]
fn each_layer_covers_the_ones_below() {
    let folder = Data::new();
    fs::write(folder.path().join("port.info"), "4711\n").expect("written");
    fs::write(
        folder.path().join("ours.toml"),
        "# of this machine\nlisten = \"127.0.0.1:3\"\nmax-file = \"3GiB\"\nidle-timeout = 33\n",
    )
    .expect("written");
    let file = ["--config", "ours.toml"];
    let variables = [
        ("BACKUP_SERVER_LISTEN", "127.0.0.1:2"),
        ("BACKUP_SERVER_MAX_FILE", "2GiB"),
    ];

    let listen = |variables: &[(&str, &str)], args: &[&str]| {
        setting(&shown(&folder, variables, args), "listen")
    };
    assert_eq!(listen(&[], &[]), pair("127.0.0.1:4711", "port.info"));
    assert_eq!(listen(&[], &file), pair("127.0.0.1:3", "ours.toml:2"));
    let environment = pair("127.0.0.1:2", "environment, BACKUP_SERVER_LISTEN");
    assert_eq!(listen(&variables, &file), environment);
    let all = [&file[..], &["--listen", "127.0.0.1:1"]].concat();
    assert_eq!(
        listen(&variables, &all),
        pair("127.0.0.1:1", "command line")
    );

    let shown = shown(&folder, &variables, &all);
    let environment = pair("2GiB", "environment, BACKUP_SERVER_MAX_FILE");
    assert_eq!(setting(&shown, "max-file"), environment);
    assert_eq!(setting(&shown, "idle-timeout"), pair("33", "ours.toml:4"));
    assert_eq!(setting(&shown, "log"), pair("info", "default"));
}

#[test]
fn the_environment_can_name_the_file() {
    let folder = Data::new();
    fs::write(folder.path().join("ours.toml"), "log = \"debug\"").expect("written");
    let variables = [("BACKUP_SERVER_CONFIG", "ours.toml")];
    let shown = shown(&folder, &variables, &[]);
    assert_eq!(setting(&shown, "log"), pair("debug", "ours.toml:1"));
    let listen = pair("127.0.0.1:1234", "default port of the dialect");
    assert_eq!(setting(&shown, "listen"), listen);
}

#[test]
fn what_show_prints_is_a_file_that_says_the_same() {
    let folder = Data::new();
    let args = ["--dialect", "2023a,crc=zlib", "--idle-timeout", "7"];
    let first = run(&folder, &[], &[&["config", "show"], &args[..]].concat()).success();
    let text = String::from_utf8_lossy(&first.get_output().stdout).into_owned();
    assert!(text.contains("idle-timeout = 7"), "{text}");
    assert!(text.contains("# command line"), "{text}");
    fs::write(folder.path().join("same.toml"), &text).expect("written");
    let second = shown(&folder, &[], &["--config", "same.toml"]);
    assert_eq!(setting(&second, "dialect").0, "2023a,crc=zlib");
    assert_eq!(setting(&second, "idle-timeout").0, "7");
}

#[test]
fn every_command_that_needs_the_store_takes_its_place_from_the_file() {
    let folder = Data::new();
    fs::write(folder.path().join("ours.toml"), "data = \"elsewhere\"").expect("written");
    run(&folder, &[], &["clients", "show", "--config", "ours.toml"])
        .code(4)
        .stderr(contains("elsewhere/backup.db"));
    run(
        &folder,
        &[("BACKUP_SERVER_DATA", "there")],
        &["clients", "show"],
    )
    .code(4)
    .stderr(contains("there/backup.db"));
}

#[test]
fn everything_that_is_wrong_in_a_file_is_named_with_its_line() {
    let folder = Data::new();
    let text = "lisen = \"127.0.0.1:1\"\n\nmax-file = \"much\"\n";
    fs::write(folder.path().join("ours.toml"), text).expect("written");
    for command in [&["serve"][..], &["config", "check"], &["config", "show"]] {
        run(
            &folder,
            &[],
            &[command, &["--config", "ours.toml"]].concat(),
        )
        .code(2)
        .stdout("")
        .stderr(contains(
            "ours.toml:1: unknown key \"lisen\": did you mean \"listen\"?",
        ))
        .stderr(contains("ours.toml:3: max-file: invalid value 'much'"));
    }
    let json = run(
        &folder,
        &[],
        &["config", "check", "--config", "ours.toml", "--json"],
    )
    .code(2);
    let json: Value = serde_json::from_slice(&json.get_output().stdout).expect("JSON");
    assert_eq!(json["error"]["kind"], "usage");
    let message = json["error"]["message"].as_str().expect("a text");
    assert!(message.contains("ours.toml:1"), "{message}");
}

#[test]
fn check_says_whether_serve_could_work() {
    let folder = Data::new();
    let listen = ["config", "check", "--listen", "127.0.0.1:5"];
    run(&folder, &[], &listen)
        .success()
        .stdout(contains("ok: listens on 127.0.0.1:5"));
    fs::write(folder.path().join("port.info"), "none").expect("written");
    run(&folder, &[], &["config", "check"])
        .code(2)
        .stderr(contains("port.info does not hold a port"));
    run(&folder, &[], &["config", "check", "--config", "no.toml"])
        .code(2)
        .stderr(contains("cannot read the configuration file no.toml"));
    run(&folder, &[("BACKUP_SERVER_MAX_FILE", "much")], &listen)
        .code(2)
        .stderr(contains("much"));
    run(&folder, &[("BACKUP_SERVER_LISTENS", "x")], &listen)
        .success()
        .stderr(
            contains("BACKUP_SERVER_LISTENS").and(contains("did you mean BACKUP_SERVER_LISTEN?")),
        );
}

#[test]
fn json_takes_in_wrong_usage() {
    let folder = Data::new();
    let json = run(&folder, &[], &["clients", "show", "--json", "--dta", "x"]).code(2);
    let json: Value = serde_json::from_slice(&json.get_output().stdout).expect("JSON");
    assert_eq!(json["error"]["exit_code"], 2);
    let message = json["error"]["message"].as_str().expect("a text");
    assert!(message.contains("--dta"), "{message}");
}
