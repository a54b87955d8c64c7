//! What an operator does with a store: the program's commands, most of them beside a server that runs.

#[path = "../common/mod.rs"]
mod common;

mod clients;
mod commands;
mod copy;
mod doctor;
mod prune;
mod restore;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::assert::Assert;
use backup_protocol::Dialect;
use backup_protocol::wire::{
    ClientId, Name, Refused, Register, Request, Response, SendPublicKey, VerdictKind,
};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;
use tempfile::TempDir;

use common::{Client, Data, PROGRAM, Server, bytes};

fn seed() -> &'static Dialect {
    &Dialect::all()[0]
}

/// A store, a server that works on it, and a folder for an operator.
struct Site {
    data: Data,
    server: Server,
    desk: TempDir,
}

impl Site {
    fn new() -> Self {
        let data = Data::new();
        let server = Server::start(data.path(), seed(), &[]);
        let desk = tempfile::tempdir().expect("a folder");
        Self { data, server, desk }
    }

    /// With a client `alice`, and so many versions of her file `a.txt`: `version 1`, `version 2`...
    fn with_versions(count: usize) -> (Self, Client) {
        let site = Self::new();
        let mut alice = Client::ready(&site.server, "alice");
        for number in 1..=count {
            alice.send_file("a.txt", format!("version {number}").as_bytes());
            alice.right("a.txt");
        }
        (site, alice)
    }

    fn run(&self, args: &[&str]) -> Assert {
        run(self.desk.path(), self.data.path(), args)
    }

    fn json(&self, args: &[&str]) -> Value {
        let done = self.run(&[args, &["--json"]].concat()).success();
        parse(&done)
    }

    /// Numbers of the versions of `a.txt`, the newest first.
    fn numbers(&self) -> Vec<String> {
        let listed = self.json(&["files", "ls", "--all", "alice", "a.txt"]);
        let files = listed["files"].as_array().expect("a list");
        files
            .iter()
            .map(|file| file["version"].to_string())
            .collect()
    }

    /// Where the content of a version of `a.txt` is, by its place among them, the newest first.
    fn content(&self, index: usize) -> PathBuf {
        let rows = rusqlite::Connection::open(self.data.path().join("backup.db")).expect("rows");
        let name: String = rows
            .query_row(
                "SELECT stored_as FROM versions ORDER BY number DESC LIMIT 1 OFFSET ?",
                [i64::try_from(index).expect("small")],
                |row| row.get(0),
            )
            .expect("a version");
        self.data.path().join("versions").join(name)
    }

    /// What has the name in the client's folder.
    fn named(&self) -> Vec<(String, Vec<u8>)> {
        self.data.verified()
    }

    fn healthy(&self) {
        self.run(&["doctor"])
            .success()
            .stdout(contains("nothing is wrong"));
    }
}

fn run(desk: &Path, data: &Path, args: &[&str]) -> Assert {
    assert_cmd::Command::new(PROGRAM)
        .current_dir(desk)
        .args(args)
        .env("BACKUP_SERVER_DATA", data)
        .timeout(common::DEADLINE)
        .assert()
}

fn parse(done: &Assert) -> Value {
    serde_json::from_slice(&done.get_output().stdout).expect("JSON")
}

fn names(site: &Site) -> Vec<String> {
    let listed = site.json(&["clients", "ls"]);
    let clients = listed["clients"].as_array().expect("a list");
    let name = |client: &Value| client["name"].as_str().expect("a name").to_owned();
    clients.iter().map(name).collect()
}

fn is_refused(answer: &Response) -> bool {
    matches!(answer, Response::Refused(Refused { .. }))
}
