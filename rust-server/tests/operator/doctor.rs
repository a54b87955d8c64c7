//! What is wrong with a store, and what can be done about it.

use super::*;

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
