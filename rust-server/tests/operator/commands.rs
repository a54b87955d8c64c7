//! What all commands have in common.

use super::*;

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
