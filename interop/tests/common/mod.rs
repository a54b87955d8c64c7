//! Scripted peers for the tests: folders of TOML files that let the examiner play against itself.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

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
    let folder = tempfile::tempdir().expect("a folder");
    let fault = |fault: Option<&str>| match fault {
        Some(fault) => format!(", \"--fault\", \"{fault}\""),
        None => String::new(),
    };
    let server = format!(
        r#"
name = "played-server"
role = "server"
language = "none"
build = "cargo build -p backup-interop"
command = ["{{bin}}/backup-interop", "play", "server", "--data", "{{data}}", "--dialect", "{{dialect}}"{}]
"#,
        fault(server_fault)
    );
    let client = format!(
        r#"
name = "played-client"
role = "client"
language = "none"
build = "cargo build -p backup-interop"
command = ["{{bin}}/backup-interop", "play", "client", "--server", "{{host}}:{{port}}", "--name", "{{name}}", "--identity", "{{work}}/identity", "{{files}}"{}]
untold-dialects = ["seed"]

[abilities]
dialect = ["--dialect", "{{dialect}}"]
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
"#,
        fault(client_fault)
    );
    let impossible = r#"
[[cell]]
scenario = "matrix/dialect-not-told"
client = "played-client"
dialect = "readme"
reason = "it is played in one dialect"
"#;
    write(folder.path(), "played-server.toml", &server);
    write(folder.path(), "played-client.toml", &client);
    write(folder.path(), "impossible.toml", impossible);
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

    /// How many cells ended so.
    pub(crate) fn count(&self, outcome: &str) -> u64 {
        self.report["counts"][outcome].as_u64().unwrap_or_default()
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("written");
}
