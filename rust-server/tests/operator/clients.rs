//! Who backs up here.

use super::*;

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
