//! What an operator does with a store: the program's commands, most of them beside a server that runs.

mod common;

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

#[test]
fn restores_the_newest_version_an_older_one_and_the_one_of_a_time() {
    let (site, _) = Site::with_versions(3);
    let restored = |args: &[&str]| {
        let get = ["files", "get", "alice", "a.txt", "--output", "-"];
        let done = site.run(&[&get[..], args].concat()).success();
        String::from_utf8_lossy(&done.get_output().stdout).into_owned()
    };
    let numbers = site.numbers();
    assert_eq!(numbers.len(), 3);
    assert_eq!(restored(&[]), "version 3");
    assert_eq!(restored(&["--version", &numbers[1]]), "version 2");
    // As if they had been verified in other years.
    let rows = rusqlite::Connection::open(site.data.path().join("backup.db")).expect("rows");
    rows.execute_batch(
        "UPDATE versions SET verified_at = 1600000000000 WHERE number = (SELECT min(number) FROM versions);
         UPDATE versions SET verified_at = 1700000000000 WHERE number = (SELECT min(number) + 1 FROM versions);",
    )
    .expect("written");
    drop(rows);
    // 2020-09-13T12:26:40Z and 2023-11-14T22:13:20Z
    assert_eq!(restored(&["--at", "2020-09-13T12:26:40Z"]), "version 1");
    assert_eq!(restored(&["--at", "2023-11-14T22:13:19Z"]), "version 1");
    assert_eq!(restored(&["--at", "2023-11-14T22:13:20Z"]), "version 2");
    site.run(&[
        "files",
        "get",
        "alice",
        "a.txt",
        "--at",
        "2020-09-13T12:26:39Z",
    ])
    .code(5)
    .stderr(contains("had no verified version at 2020-09-13T12:26:39Z"));
}

#[test]
fn never_writes_over_a_file_unless_told_to() {
    let (site, _) = Site::with_versions(1);
    let get = ["files", "get", "alice", "a.txt"];
    let path = site.desk.path().join("a.txt");
    fs::write(&path, "mine").expect("written");
    site.run(&get)
        .code(1)
        .stderr(contains("exists").and(contains("--force")));
    assert_eq!(fs::read(&path).expect("there"), b"mine");
    site.run(&[&get[..], &["--force"]].concat()).success();
    assert_eq!(fs::read(&path).expect("there"), b"version 1");
    site.run(&[&get[..], &["-o", "new/place"]].concat())
        .success();
    let copy = site.desk.path().join("new/place");
    assert_eq!(fs::read(copy).expect("there"), b"version 1");
}

#[test]
fn nothing_is_restored_from_content_that_is_damaged() {
    let (site, _) = Site::with_versions(2);
    fs::write(site.content(0), "version X").expect("written");
    site.run(&["files", "get", "alice", "a.txt"])
        .code(6)
        .stderr(contains("the digest of the content is another one"));
    site.run(&["files", "get", "alice", "a.txt", "-o", "-"])
        .code(6)
        .stdout("");
    assert_eq!(fs::read_dir(site.desk.path()).expect("a folder").count(), 0);
    let verified = site.run(&["files", "verify", "--json"]).code(6);
    let verified = parse(&verified);
    assert_eq!(verified["checked"], 2);
    assert_eq!(verified["damaged"].as_array().map(Vec::len), Some(1));
    let older = site.numbers().remove(1);
    site.run(&["files", "get", "alice", "a.txt", "--version", &older])
        .success();
}

/// In stores of earlier releases there is no digest.
#[test]
fn a_cksum_of_any_dialect_stands_in_for_a_digest() {
    for dialect in [
        "seed",
        "seed,crc=zlib",
        "seed,crc=crc8",
        "seed,crc-input=padded",
    ] {
        let dialect = Dialect::parse(dialect).expect("a dialect");
        let data = Data::new();
        let desk = tempfile::tempdir().expect("a folder");
        let server = Server::start(data.path(), &dialect, &[]);
        let mut alice = Client::ready(&server, "alice");
        alice.send_file("a.txt", b"plain text of some length");
        alice.right("a.txt");
        let rows = rusqlite::Connection::open(data.path().join("backup.db")).expect("rows");
        rows.execute("UPDATE versions SET digest = NULL", [])
            .expect("written");
        run(desk.path(), data.path(), &["files", "verify"])
            .success()
            .stdout(contains("1 version checked, 0 damaged"));
        let content: String = rows
            .query_row("SELECT stored_as FROM versions", [], |row| row.get(0))
            .expect("a version");
        let content = data.path().join("versions").join(content);
        fs::write(&content, b"plain text of same length").expect("written");
        run(desk.path(), data.path(), &["files", "verify"])
            .code(6)
            .stdout(contains("the cksum of the content is"));
        fs::write(&content, b"plain").expect("written");
        run(desk.path(), data.path(), &["files", "verify"])
            .code(6)
            .stdout(contains("has 5 bytes, not 25"));
    }
}

#[test]
fn exports_every_file_into_a_folder_for_each_client() {
    let (site, _) = Site::with_versions(2);
    let mut bob = Client::ready(&site.server, "bob");
    bob.send_file("/home/bob/b.txt", b"of bob");
    bob.right("/home/bob/b.txt");
    bob.send_file("waits.txt", b"nobody judged it");
    let exported = site.json(&["files", "export", "all"]);
    assert_eq!(exported["files"].as_array().map(Vec::len), Some(2));
    let mut contents: Vec<_> = exported["files"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|file| {
            fs::read_to_string(
                site.desk
                    .path()
                    .join(file["path"].as_str().expect("a path")),
            )
            .expect("there")
        })
        .collect();
    contents.sort();
    assert_eq!(contents, ["of bob", "version 2"]);
    // A second time nothing is written over, and the exit code says so.
    site.run(&["files", "export", "all"])
        .code(1)
        .stderr(contains("exists"));
    let one = site.json(&["files", "export", "one", "--client", "bob"]);
    assert_eq!(one["files"].as_array().map(Vec::len), Some(1));
}

#[test]
fn prune_keeps_what_a_rule_or_a_pin_keeps_and_says_it_before() {
    let (site, _) = Site::with_versions(5);
    let numbers = site.numbers();
    site.run(&["prune"]).code(2).stderr(contains("--keep-last"));
    site.json(&["files", "pin", "alice", "a.txt", "--version", &numbers[4]]);
    let dry = site.json(&["prune", "--keep-last", "2", "--dry-run"]);
    assert_eq!(dry["removed"].as_array().map(Vec::len), Some(2));
    assert_eq!(site.numbers(), numbers);
    let pruned = site.json(&["prune", "--keep-last", "2"]);
    assert_eq!(pruned["removed"], dry["removed"]);
    assert_eq!(
        (&pruned["bytes"], &pruned["kept"]),
        (&Value::from(18), &Value::from(3))
    );
    assert_eq!(site.numbers(), [&numbers[..2], &numbers[4..]].concat());
    assert_eq!(
        fs::read_dir(site.data.path().join("versions"))
            .expect("a folder")
            .count(),
        3
    );
    site.json(&[
        "files",
        "pin",
        "alice",
        "a.txt",
        "--version",
        &numbers[4],
        "--off",
    ]);
    site.json(&["prune", "--keep-within", "0s"]);
    assert_eq!(site.numbers(), numbers[..1]);
    assert_eq!(site.named(), [("a.txt".to_owned(), b"version 5".to_vec())]);
    site.healthy();
}

#[test]
fn prune_ends_what_waits_only_when_told_to() {
    let site = Site::new();
    let mut alice = Client::ready(&site.server, "alice");
    alice.send_file("a.txt", b"never judged");
    site.json(&["prune", "--keep-last", "0"]);
    assert_eq!(site.numbers().len(), 1);
    site.json(&["prune", "--unverified-older", "1day"]);
    assert_eq!(site.numbers().len(), 1);
    let rows = rusqlite::Connection::open(site.data.path().join("backup.db")).expect("rows");
    rows.execute(
        "UPDATE versions SET received_at = received_at - 86500000",
        [],
    )
    .expect("written");
    drop(rows);
    site.json(&["prune", "--unverified-older", "1day"]);
    // Nothing is left that the verdict could be about.
    let verdict = alice.verdict(VerdictKind::Right, "a.txt");
    assert!(is_refused(&alice.try_ask(&verdict).expect("an answer")));
    site.healthy();
}

#[test]
fn when_the_newest_version_is_removed_the_next_older_one_has_the_name() {
    let (site, mut alice) = Site::with_versions(2);
    let get = ["files", "rm", "alice", "a.txt"];
    site.run(&get).code(2).stderr(contains("--all"));
    let newest = site.numbers().remove(0);
    site.run(&[&get[..], &["--version", &newest]].concat())
        .success();
    assert_eq!(site.named(), [("a.txt".to_owned(), b"version 1".to_vec())]);
    site.healthy();
    site.run(&[&get[..], &["--all"]].concat()).success();
    assert!(site.named().is_empty());
    site.run(&get).code(2);
    site.run(&["files", "get", "alice", "a.txt"])
        .code(5)
        .stderr(contains("has no file"));
    site.healthy();
    // The server goes on as if nothing had been.
    alice.send_file("a.txt", b"anew");
    alice.right("a.txt");
    assert_eq!(site.named(), [("a.txt".to_owned(), b"anew".to_vec())]);
    site.healthy();
}

/// A verdict is in its row before the version has the name: a kill in between leaves that to whoever comes next.
#[test]
fn a_name_that_a_kill_left_due_is_given_before_anything_is_removed() {
    let (site, _) = Site::with_versions(3);
    let numbers = site.numbers();
    let Site { data, server, desk } = site;
    server.kill();
    let rows = rusqlite::Connection::open(data.path().join("backup.db")).expect("rows");
    rows.execute(
        "UPDATE versions SET placed = 0 WHERE number = ?",
        [&numbers[0]],
    )
    .expect("written");
    drop(rows);
    let label = fs::read_dir(data.path().join("clients"))
        .expect("a folder")
        .next();
    let folder = label.expect("one").expect("an entry").path();
    fs::remove_file(folder.join("a.txt")).expect("removed");
    let remove = |number: &str| {
        let args = ["files", "rm", "alice", "a.txt", "--version", number];
        run(desk.path(), data.path(), &args).success();
    };
    remove(&numbers[2]);
    assert_eq!(
        data.verified(),
        [("a.txt".to_owned(), b"version 3".to_vec())]
    );
    remove(&numbers[0]);
    assert_eq!(
        data.verified(),
        [("a.txt".to_owned(), b"version 2".to_vec())]
    );
    run(desk.path(), data.path(), &["doctor"]).success();
}

#[test]
fn a_pinned_version_is_removed_only_by_force() {
    let (site, _) = Site::with_versions(1);
    site.run(&["files", "pin", "alice", "a.txt"])
        .success()
        .stdout(contains("is pinned"));
    let listed = site.run(&["files", "ls"]).success();
    listed.stdout(contains("newest, pinned"));
    site.run(&["files", "rm", "alice", "a.txt", "--all"])
        .code(1)
        .stderr(contains("is pinned"));
    assert_eq!(site.numbers().len(), 1);
    site.run(&["files", "rm", "alice", "a.txt", "--all", "--force"])
        .success();
}

#[test]
fn a_disabled_client_is_refused_whatever_it_asks_for() {
    let (site, mut alice) = Site::with_versions(1);
    alice.send_file("b.txt", b"before");
    site.run(&["clients", "disable", "alice"])
        .success()
        .stdout("alice is disabled\n");
    site.run(&["clients", "disable", "alice"])
        .success()
        .stdout("alice is already disabled\n");

    let file = alice.file("c.txt", b"after");
    assert!(is_refused(&alice.try_ask(&file).expect("an answer")));
    let key = Request::SendPublicKey(SendPublicKey {
        name: Name::new("alice").expect("a name"),
        public_key: alice.keys.public_key().as_bytes().to_vec(),
    });
    assert!(is_refused(&alice.ask(&key)));
    // Its name is not free.
    let register = Request::Register(Register {
        name: Name::new("alice").expect("a name"),
    });
    assert!(is_refused(&alice.ask(&register)));
    // Without an answer, and without an effect.
    let wrong = alice.verdict(VerdictKind::Wrong, "b.txt");
    alice.write(&wrong);
    let right = alice.verdict(VerdictKind::Right, "b.txt");
    assert!(is_refused(&alice.try_ask(&right).expect("an answer")));
    assert_eq!(site.named(), [("a.txt".to_owned(), b"version 1".to_vec())]);
    assert_eq!(site.data.incoming(), [b"before"]);

    site.run(&["clients", "enable", "alice"])
        .success()
        .stdout("alice is enabled\n");
    let mut alice = alice.again(&site.server);
    alice.right("b.txt");
    assert_eq!(site.named().len(), 2);
    let log = site.server.kill();
    assert!(log.contains("the operator disabled this client"), "{log}");
}

#[test]
fn a_renamed_client_keeps_its_folder_and_frees_its_name() {
    let (site, mut alice) = Site::with_versions(1);
    let before = site.json(&["clients", "show", "alice"])["client"]["label"].clone();
    site.run(&["clients", "rename", "alice", "alice of old"])
        .success();
    assert_eq!(names(&site), ["alice of old"]);
    assert_eq!(
        site.json(&["clients", "show", "alice of old"])["client"]["label"],
        before
    );
    let key = Request::SendPublicKey(SendPublicKey {
        name: Name::new("alice").expect("a name"),
        public_key: alice.keys.public_key().as_bytes().to_vec(),
    });
    assert!(is_refused(&alice.ask(&key)));
    Client::ready(&site.server, "alice");
    assert_eq!(names(&site), ["alice", "alice of old"]);
    site.run(&["clients", "rename", "alice", "alice of old"])
        .code(2)
        .stderr(contains("another client has the name"));
    for bad in ["", &"x".repeat(255)] {
        site.run(&["clients", "rename", "alice", bad])
            .code(2)
            .stderr(contains("1 to 254 bytes"));
    }
}

#[test]
fn a_removed_client_is_unknown_and_its_files_are_gone() {
    let (site, mut alice) = Site::with_versions(2);
    site.run(&["clients", "rm", "alice"])
        .code(1)
        .stderr(contains("has 2 versions in 1 file").and(contains("--force")));
    site.run(&["clients", "rm", "alice", "--force"])
        .success()
        .stdout(contains("alice is removed, with 2 versions"));
    assert!(names(&site).is_empty());
    assert_eq!(
        fs::read_dir(site.data.path().join("versions"))
            .expect("a folder")
            .count(),
        0
    );
    assert_eq!(
        fs::read_dir(site.data.path().join("clients"))
            .expect("a folder")
            .count(),
        0
    );
    let file = alice.file("c.txt", b"after");
    assert!(is_refused(&alice.try_ask(&file).expect("an answer")));
    Client::ready(&site.server, "alice");
    site.healthy();
}

#[test]
fn shows_a_whole_id_only_when_asked() {
    let (site, alice) = Site::with_versions(1);
    let id: String = alice
        .id
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for args in [
        &["clients", "ls"][..],
        &["clients", "show"],
        &["clients", "show", "alice"],
    ] {
        for form in [&[][..], &["--json"]] {
            let shown = site.run(&[args, form].concat()).success();
            let text = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
            assert!(text.contains(&id[..8]) && !text.contains(&id), "{text}");
        }
    }
    site.run(&["clients", "show", "alice", "--id"])
        .success()
        .stdout(contains(&id));
    assert_eq!(
        site.json(&["clients", "show", "alice", "--id"])["client"]["id"],
        *id
    );
    assert_ne!(alice.id, ClientId::ZERO);
}

#[test]
fn a_name_that_is_nearly_right_is_answered_with_the_right_one() {
    let (site, _) = Site::with_versions(1);
    site.run(&["clients", "show", "alise"])
        .code(5)
        .stderr(contains("there is no client \"alise\"").and(contains("did you mean \"alice\"?")));
    site.run(&["files", "get", "alice", "b.txt"])
        .code(5)
        .stderr(contains("files ls"));
    let label = site.json(&["clients", "show", "alice"])["client"]["label"].clone();
    let label = label.as_str().expect("a label");
    site.run(&["clients", "show", label])
        .success()
        .stdout(contains("alice"));
}

#[test]
fn doctor_finds_what_is_wrong_and_moves_it_aside() {
    let (site, _) = Site::with_versions(3);
    site.healthy();
    let named = site.named();
    assert_eq!(named, [("a.txt".to_owned(), b"version 3".to_vec())]);
    fs::write(site.content(0), "version X").expect("written");
    fs::remove_file(site.content(2)).expect("removed");
    let versions = site.data.path().join("versions");
    fs::write(versions.join("stray"), "of nobody").expect("written");

    let kinds = |findings: &Value| {
        let findings = findings["findings"].as_array().expect("a list");
        let kind = |finding: &Value| finding["kind"].as_str().expect("a text").to_owned();
        let mut kinds: Vec<_> = findings.iter().map(kind).collect();
        kinds.sort();
        kinds
    };
    let found = parse(&site.run(&["doctor", "--json"]).code(6));
    assert_eq!(kinds(&found), ["damaged", "missing", "no-row"]);
    // It only looked.
    let found = parse(&site.run(&["doctor", "--json"]).code(6));
    assert_eq!(kinds(&found), ["damaged", "missing", "no-row"]);

    let repaired = parse(&site.run(&["doctor", "--repair", "--json"]).code(6));
    assert_eq!(kinds(&repaired), ["damaged", "missing", "no-row"]);
    site.healthy();
    assert_eq!(site.numbers().len(), 1);
    assert_eq!(site.named(), [("a.txt".to_owned(), b"version 2".to_vec())]);
    let aside = fs::read_dir(site.data.path().join("aside")).expect("a folder");
    let aside = aside
        .map(|entry| entry.expect("an entry").path())
        .next()
        .expect("one");
    assert_eq!(
        fs::read(aside.join("versions/stray")).expect("there"),
        b"of nobody"
    );
    assert_eq!(
        fs::read_dir(aside.join("versions")).expect("there").count(),
        2
    );
    let rows = fs::read_to_string(aside.join("rows.jsonl")).expect("there");
    assert_eq!(rows.lines().count(), 2);
    assert!(rows.contains("the content is missing"), "{rows}");
}

#[test]
fn doctor_finds_names_that_are_wrong_and_gives_them_back() {
    let (site, _) = Site::with_versions(1);
    site.healthy();
    let label = site.json(&["clients", "show", "alice"])["client"]["label"].clone();
    let folder = site
        .data
        .path()
        .join("clients")
        .join(label.as_str().expect("a label"));
    fs::remove_file(folder.join("a.txt")).expect("removed");
    site.run(&["doctor"])
        .code(6)
        .stdout(contains("does not have its name"));
    fs::write(folder.join("a.txt"), "planted").expect("written");
    fs::write(folder.join("b.txt"), "planted too").expect("written");
    site.run(&["doctor"]).code(6).stdout(
        contains("is not the newest")
            .and(contains("no-row"))
            .and(contains("2 things wrong")),
    );
    site.run(&["doctor", "--repair"]).code(6);
    assert_eq!(site.named(), [("a.txt".to_owned(), b"version 1".to_vec())]);
    site.healthy();
}

#[cfg(unix)]
#[test]
fn doctor_looks_at_permissions_space_and_the_database() {
    use std::os::unix::fs::PermissionsExt;
    let (site, _) = Site::with_versions(1);
    let database = site.data.path().join("backup.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).expect("set");
    site.run(&["doctor"])
        .code(6)
        .stdout(contains("mode 644").and(contains("backup.db")));
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).expect("set");
    site.healthy();
    let key_file = site.data.path().join("seal.key");
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o640)).expect("set");
    site.run(&["doctor"])
        .code(6)
        .stdout(contains("mode 640").and(contains("seal.key")));
    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).expect("set");
    site.healthy();
    site.run(&["doctor", "--want-free", "1000PiB"])
        .code(6)
        .stdout(contains("space: "));
    let rows = rusqlite::Connection::open(&database).expect("rows");
    rows.execute_batch("PRAGMA foreign_keys = OFF; UPDATE files SET client = 4711;")
        .expect("written");
    drop(rows);
    site.run(&["doctor"])
        .code(6)
        .stdout(contains("database: a row of files"));
}

#[test]
fn doctor_finds_keys_that_do_not_open() {
    let (site, _) = Site::with_versions(1);
    let key_file = site.data.path().join("seal.key");
    let elsewhere = site.desk.path().join("other.key");
    fs::rename(&key_file, &elsewhere).expect("moved");
    site.run(&["doctor"])
        .code(6)
        .stdout(contains("key-file: ").and(contains("makes a new one")));
    let told = ["doctor", "--key-file", elsewhere.to_str().expect("a path")];
    site.run(&told).success();
    fs::write(&key_file, [0; 32]).expect("written");
    site.run(&["doctor", "--json"]).code(6).stdout(contains(
        "the keys of 1 clients were sealed with another file",
    ));
    fs::write(&key_file, "short").expect("written");
    site.run(&["doctor"])
        .code(6)
        .stdout(contains("has 5 bytes"));
    fs::rename(&elsewhere, &key_file).expect("moved back");
    site.healthy();
}

#[test]
fn what_is_on_its_way_or_waits_is_no_finding() {
    let (site, mut alice) = Site::with_versions(1);
    alice.send_file("waits", b"for its verdict");
    let mut bob = Client::ready(&site.server, "bob");
    let message = bob.file("large", &bytes(100_000, 1));
    bob.write(&message[..60_000]);
    common::wait_for("the upload to begin", || {
        (site.data.incoming().len() == 2).then_some(())
    });
    site.healthy();
    site.run(&["doctor", "--repair"]).success();
    bob.write(&message[60_000..]);
    bob.file_received("large", &bytes(100_000, 1));
    bob.right("large");
    alice.right("waits");
    assert_eq!(site.named().len(), 3);
}

#[test]
fn a_copy_made_while_files_come_is_a_store_that_can_be_served() {
    let (site, mut alice) = Site::with_versions(2);
    alice.send_file("waits", b"for its verdict");
    let busy = {
        let mut bob = Client::ready(&site.server, "bob");
        std::thread::spawn(move || {
            for number in 0..60 {
                bob.send_file("b.txt", &bytes(1000 + number, 1));
                bob.right("b.txt");
            }
        })
    };
    let copy = site.desk.path().join("copy");
    let to = copy.to_str().expect("a path");
    let copied = site.json(&["backup-copy", to]);
    assert!(
        copied["versions"].as_u64().expect("a number") >= 3,
        "{copied}"
    );
    assert_eq!(copied["damaged"], Value::Array(Vec::new()));
    site.run(&["backup-copy", to])
        .code(1)
        .stderr(contains("exists"));
    run(site.desk.path(), &copy, &["doctor"]).success();
    busy.join().expect("all sent");
    site.healthy();

    let server = Server::start(&copy, seed(), &[]);
    let mut alice = alice.again(&server);
    alice.right("waits");
    // Keys were not copied.
    alice.send_key();
    alice.send_file("a.txt", b"version 3");
    alice.right("a.txt");
    run(site.desk.path(), &copy, &["doctor"]).success();
    // The store itself has not heard of it.
    assert_eq!(site.numbers().len(), 2);
}

#[cfg(unix)]
#[test]
fn a_copy_is_as_private_as_the_store() {
    use std::os::unix::fs::PermissionsExt;
    let (site, _) = Site::with_versions(1);
    let copy = site.desk.path().join("copy");
    site.json(&["backup-copy", copy.to_str().expect("a path")]);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&copy), 0o700);
    assert_eq!(mode(&copy.join("backup.db")), 0o600);
    let content = fs::read_dir(copy.join("versions"))
        .expect("a folder")
        .next();
    assert_eq!(
        mode(&content.expect("one").expect("an entry").path()),
        0o600
    );
}

#[test]
fn a_copy_leaves_out_damaged_content_and_says_so() {
    let (site, _) = Site::with_versions(2);
    fs::write(site.content(0), "version X").expect("written");
    site.run(&["backup-copy", "copy"])
        .code(6)
        .stdout(contains("the digest"));
    let copy = site.desk.path().join("copy");
    assert_eq!(
        fs::read_dir(copy.join("versions"))
            .expect("a folder")
            .count(),
        1
    );
}

/// Rows and names are changed by two processes at once, and neither loses anything.
#[test]
fn pruning_beside_a_busy_server_loses_nothing() {
    let (site, _) = Site::with_versions(1);
    let clients: Vec<_> = (0..3)
        .map(|number| Client::ready(&site.server, &format!("busy-{number}")))
        .collect();
    let busy: Vec<_> = clients
        .into_iter()
        .map(|mut client| {
            std::thread::spawn(move || {
                for number in 0..40 {
                    client.send_file("b.txt", &bytes(2000 + number, 3));
                    client.right("b.txt");
                }
            })
        })
        .collect();
    while busy.iter().any(|thread| !thread.is_finished()) {
        site.json(&["prune", "--keep-last", "1"]);
    }
    busy.into_iter()
        .for_each(|thread| thread.join().expect("all sent"));
    site.json(&["prune", "--keep-last", "1"]);
    site.healthy();
    let last = bytes(2039, 3);
    let names = site.named();
    assert_eq!(names.len(), 4);
    assert_eq!(
        names.iter().filter(|(_, content)| *content == last).count(),
        3
    );
}

#[test]
fn stats_count_what_there_is() {
    let (site, mut alice) = Site::with_versions(2);
    alice.send_file("waits", b"1234");
    site.json(&["files", "pin", "alice", "a.txt"]);
    let stats = site.json(&["stats"]);
    for (key, expected) in [
        ("clients", 1),
        ("disabled", 0),
        ("files", 1),
        ("versions", 2),
        ("waiting", 1),
        ("pinned", 1),
        ("newest_bytes", 9),
        ("bytes", 22),
    ] {
        assert_eq!(stats[key], expected, "{key} in {stats}");
    }
    assert!(stats["free_bytes"].as_u64().is_some_and(|free| free > 0));
    site.run(&["stats"])
        .success()
        .stdout(contains("2 verified, 1 pinned, 1 waiting"));
}

#[test]
fn every_command_gives_its_errors_as_json_when_asked() {
    let folder = Data::new();
    let nowhere = folder.path().join("nowhere");
    for args in [
        &["clients", "ls"][..],
        &["clients", "show"],
        &["clients", "show", "alice"],
        &["clients", "rename", "alice", "bob"],
        &["clients", "disable", "alice"],
        &["clients", "enable", "alice"],
        &["clients", "rm", "alice"],
        &["files", "ls"],
        &["files", "get", "alice", "a"],
        &["files", "export", "out"],
        &["files", "verify"],
        &["files", "pin", "alice", "a"],
        &["files", "rm", "alice", "a", "--all"],
        &["prune", "--keep-last", "1"],
        &["stats"],
        &["doctor"],
        &["doctor", "--repair"],
        &["backup-copy", "copy"],
    ] {
        let done = run(folder.path(), &nowhere, &[args, &["--json"]].concat()).code(4);
        let error = &parse(&done)["error"];
        assert_eq!(
            (&error["kind"], &error["exit_code"]),
            (&Value::from("data"), &Value::from(4))
        );
        let message = error["message"].as_str().expect("a text");
        assert!(
            message.contains("there is no database"),
            "{args:?}: {message}"
        );
        assert!(
            error["advice"]
                .as_str()
                .is_some_and(|advice| advice.contains("--data"))
        );
        run(folder.path(), &nowhere, args)
            .code(4)
            .stdout("")
            .stderr(contains("there is no database"));
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_store_of_an_earlier_release_is_only_looked_at() {
    let (site, _) = Site::with_versions(1);
    site.server.kill();
    let database = site.data.path().join("backup.db");
    let rows = rusqlite::Connection::open(&database).expect("rows");
    rows.pragma_update(None, "user_version", 3)
        .expect("written");
    drop(rows);
    let run = |args: &[&str]| run(site.desk.path(), site.data.path(), args);
    run(&["clients", "ls"]).success().stdout(contains("alice"));
    run(&["files", "ls"]).code(4).stderr(
        contains("tables of an earlier release").and(contains("start `backup-server serve`")),
    );
}

#[test]
fn completions_and_manual_pages_have_every_command() {
    let folder = Data::new();
    let data = folder.path();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        run(data, data, &["completions", shell])
            .success()
            .stdout(contains("backup-copy"));
    }
    run(data, data, &["man"])
        .success()
        .stdout(contains(".TH backup-server 1"));
    run(data, data, &["man", "pages"]).success();
    let page = |name: &str| fs::read_to_string(data.join("pages").join(name)).expect("a page");
    assert!(page("backup-server-files-get.1").contains("\\-\\-force"));
    assert!(page("backup-server-serve.1").contains("BACKUP_SERVER_MAX_FILE"));
}
