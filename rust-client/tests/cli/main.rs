//! The command `backup-client`, run as a process in a fresh folder against a server in a thread.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod ahead;
mod dialects;
mod faults;
mod identity;
mod library;
mod output;
mod send;
mod server;
mod setup;
mod tls;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use tempfile::TempDir;

use server::{Fault, TestServer};

/// A server and a folder that a client works in.
struct Place {
    server: TestServer,
    folder: TempDir,
}

impl Place {
    fn new(dialect: &str, fault: Fault) -> Self {
        Self {
            server: TestServer::start(dialect, fault),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The command in the folder, with nothing of this process's environment that it would read.
    fn bare(&self) -> Command {
        bare(self.folder.path())
    }

    /// `backup-client --server ... --name alice --identity id ARGUMENTS`, patient for 10 seconds.
    fn client(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare();
        command.args(["--server", &self.server.address(), "--name", "alice"]);
        command
            .args(["--identity", "id", "--timeout", "10"])
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Assert {
        self.client(arguments).assert()
    }

    /// A run with `--json`: its lines on stdout, its exit code.
    fn json(&self, arguments: &[&str]) -> (Vec<serde_json::Value>, i32) {
        let output = self.client(arguments).arg("--json").output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        (lines, output.status.code().unwrap())
    }
}

fn bare(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("backup-client").unwrap();
    command.current_dir(folder);
    for variable in [
        "BACKUP_SERVER",
        "BACKUP_NAME",
        "BACKUP_IDENTITY",
        "XDG_DATA_HOME",
    ] {
        command.env_remove(variable);
    }
    command.env("HOME", folder);
    command
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

/// Requests of one file that goes well.
const ONE_FILE: [&str; 3] = ["send public key", "send file", "cksum right"];
