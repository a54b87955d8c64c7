//! Out of the store: one version, or all files.

use super::*;

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
