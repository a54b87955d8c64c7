//! Versions that go, and those that stay.

use super::*;

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
