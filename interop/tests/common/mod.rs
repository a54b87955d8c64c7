//! Scripted peers for the tests: folders of TOML files that let the examiner play against itself.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// The dialects in which the played client has to be told its dialect.
const NOT_SEED: [&str; 2] = ["readme", "2022c"];

/// A run of `backup-interop matrix` on scripted peers, and what it said.
pub(crate) struct Run {
    /// Its exit code.
    pub(crate) code: i32,
    /// Its report.
    pub(crate) report: Value,
    /// What it printed, for messages of failed tests.
    pub(crate) text: String,
}

/// Folder of peers that do everything right but for these faults.
pub(crate) fn peers(server_fault: Option<&str>, client_fault: Option<&str>) -> TempDir {
    folder(
        [server_fault, client_fault].map(|fault| match fault {
            Some(fault) => format!(", \"--fault\", \"{fault}\""),
            None => String::new(),
        }),
        [None, None],
    )
}

/// Folder of peers of which one speaks a dialect of its own, whatever it is told.
pub(crate) fn peers_speaking(server: Option<&str>, client: Option<&str>) -> TempDir {
    folder([String::new(), String::new()], [server, client])
}

fn folder([server_fault, client_fault]: [String; 2], spoken: [Option<&str>; 2]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let [server_dialect, client_dialect] = spoken;
    let server_dialect = server_dialect.unwrap_or("{dialect}");
    // One side is told by a file where the dialect is modified, the other by an expression.
    let client_dialect = client_dialect.unwrap_or("{dialect_modified}");
    let server = format!(
        r#"
name = "played-server"
role = "server"
language = "none"
build = "cargo build -p backup-interop"
command = ["{{bin}}/backup-interop", "play", "server", "--data", "{{data}}", "--dialect", "{server_dialect}"{server_fault}]
"#
    );
    let client = format!(
        r#"
name = "played-client"
role = "client"
language = "none"
build = "cargo build -p backup-interop"
command = ["{{bin}}/backup-interop", "play", "client", "--server", "{{host}}:{{port}}", "--name", "{{name}}", "--identity", "{{work}}/identity", "{{files}}"{client_fault}]
untold-dialects = ["seed"]

[abilities]
dialect = ["--dialect", "{client_dialect}"]
known-client = []
many-files = []
connection-per-request = ["--connection-per-request"]
send-as = ["--send-as", "{{send_as}}"]
any-segmentation = []
set-up-files = ["--dialect", "{{dialect}}"]

[exit]
done = 0
refused = 3
gave-up = 4
"#
    );
    let impossible: String = NOT_SEED
        .iter()
        .map(|dialect| {
            format!(
                "[[cell]]\nscenario = \"matrix/dialect-not-told\"\nclient = \"played-client\"\n\
                 dialect = \"{dialect}\"\nreason = \"it is played in one dialect\"\n"
            )
        })
        .collect();
    write(folder.path(), "played-server.toml", &server);
    write(folder.path(), "played-client.toml", &client);
    write(folder.path(), "impossible.toml", &impossible);
    folder
}

/// Runs the matrix on a folder of peers.
pub(crate) fn matrix(peers: &Path, arguments: &[&str]) -> Run {
    let work = tempfile::tempdir().expect("a folder");
    let output = command()
        .args(["matrix", "--json", "-", "--peers"])
        .arg(peers)
        .arg("--keep")
        .arg(work.path())
        .args(arguments)
        .output()
        .expect("the examiner");
    run(&output)
}

/// The examiner's program.
pub(crate) fn command() -> Command {
    Command::new(assert_cmd::cargo::cargo_bin!("backup-interop"))
}

fn run(output: &Output) -> Run {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Run {
        code: output.status.code().unwrap_or(-1),
        report: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
        text,
    }
}

impl Run {
    /// Field and side of every finding of the run, in order.
    pub(crate) fn findings(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let cells = self.report["cells"].as_array().cloned().unwrap_or_default();
        cells
            .iter()
            .flat_map(|cell| cell["findings"].as_array().cloned().unwrap_or_default())
            .map(|finding| (text(&finding["whose"]), text(&finding["field"])))
            .collect()
    }

    /// Likely causes of the findings, in order.
    pub(crate) fn causes(&self) -> Vec<String> {
        let cells = self.report["cells"].as_array().cloned().unwrap_or_default();
        cells
            .iter()
            .flat_map(|cell| cell["findings"].as_array().cloned().unwrap_or_default())
            .filter_map(|finding| finding["cause"].as_str().map(str::to_owned))
            .collect()
    }

    /// How many cells ended so.
    pub(crate) fn count(&self, outcome: &str) -> u64 {
        self.report["counts"][outcome].as_u64().unwrap_or_default()
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("written");
}
