//! A store of its own, made while the other is served.

use super::*;

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
