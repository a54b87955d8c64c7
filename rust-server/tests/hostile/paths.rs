//! File names that want out of the client's folder, or into another file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use backup_protocol::wire::Response;

use super::seed;
use crate::common::{Client, Data, Server};

/// Every name that some system, library or hurried programmer has taken for a path elsewhere.
fn tricks() -> Vec<String> {
    let targets = ["evil", "etc/passwd", "backup.db", "lock"];
    let mut tricks: Vec<String> = Vec::new();
    for up in [
        "../",
        "../../",
        "../../../../../../",
        "..\\",
        "..\\..\\",
        "./",
        ".\\",
        "/",
        "//",
        "\\",
        "\\\\",
        "..//",
        "....//",
        "..;/",
        "../\\",
        "a/../../",
        "clients/../",
        "~/",
        "C:\\",
        "C:",
        "\\\\?\\C:\\",
        "\\\\host\\share\\",
        "file:///",
        "%2e%2e%2f",
        "..%2f",
        "..%c0%af",
        "\u{2024}\u{2024}/",
        "\u{ff0e}\u{ff0e}\u{ff0f}",
        "\u{2215}..\u{2215}",
        "..\u{2044}",
        "incoming/",
        "../incoming/",
    ] {
        tricks.extend(targets.iter().map(|target| format!("{up}{target}")));
    }
    tricks.extend(
        [
            ".",
            "..",
            "...",
            "/",
            "\\",
            "a/..",
            "a\\..",
            "a/.",
            "../",
            "..\\",
            "-rf",
            "--",
            "~",
            "$HOME",
            "`id`",
            "$(id)",
            "a;b",
            "a|b",
            "*",
            "?",
            "CON",
            "NUL.txt",
            "aux",
            "COM1",
            "a:stream",
            "a::$DATA",
            "a.",
            "a ",
            " a",
            ".htaccess",
            ".ssh",
            "\u{202e}gpj.exe",
            "a\u{200b}b",
            "\u{feff}a",
        ]
        .map(str::to_owned),
    );
    tricks.push("x".repeat(254));
    tricks.push("../".repeat(84));
    tricks.push(format!("{}x", "../".repeat(84)));
    tricks
}

/// Everything under a folder that is no folder, without following links.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if fs::symlink_metadata(&path).expect("there").is_dir() {
            found.extend(everything(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn no_name_leads_out_of_the_clients_folder() {
    let tricks = tricks();
    assert!(tricks.len() >= 100, "{}", tricks.len());
    let outer = Data::new();
    let data = outer.path().join("one/two/data");
    let server = Server::start(&data, seed(), &[]);
    let mut stored = 0;
    let mut alice = Client::ready(&server, "alice");
    for trick in &tricks {
        let content = trick.as_bytes();
        let message = alice.file(trick, content);
        match alice.try_ask(&message) {
            Some(Response::FileReceived(received)) => {
                // The name comes back as it was sent: it is the path that is ours.
                assert_eq!(received.file_name.as_str(), trick);
                alice.right(trick);
                stored += 1;
            }
            Some(Response::Refused(_)) => {}
            other => panic!("{trick:?}: {other:?}"),
        }
        alice = alice.again(&server);
    }
    let clients: Vec<_> = fs::read_dir(data.join("clients"))
        .expect("a folder")
        .collect();
    assert_eq!(clients.len(), 1, "one client, one folder");
    let folder = clients[0].as_ref().expect("an entry").path();
    let own = [
        "backup.db",
        "backup.db-wal",
        "backup.db-shm",
        "lock",
        "seal.key",
    ]
    .map(|name| data.join(name));
    let mut contents = Vec::new();
    let mut versions = 0;
    for path in everything(outer.path()) {
        if path.parent() == Some(&folder) {
            contents.push(String::from_utf8(fs::read(&path).expect("readable")).expect("text"));
        } else if path.parent() == Some(&data.join("versions")) {
            // Under a name of the server's own choice.
            versions += 1;
        } else {
            assert!(own.contains(&path), "{} was not there", path.display());
        }
    }
    assert_eq!(versions, stored);
    // Each has a file of its own, with its own content: none has taken another's place.
    contents.sort();
    contents.dedup();
    assert_eq!(contents.len(), stored);
    assert!(stored > 50, "{stored} of {}", tricks.len());
}

#[test]
fn names_that_some_disk_takes_for_one_do_not_meet() {
    let names = [
        "readme.txt",
        "README.TXT",
        "Readme.txt",
        "readme.txt.",
        "readme.txt ",
        "caf\u{e9}",
        "cafe\u{301}",
        "CAF\u{c9}",
        "stra\u{df}e",
        "STRASSE",
        "strasse",
        "\u{212b}",
        "\u{c5}",
        "a\u{30a}",
        "\u{fb01}le",
        "file",
        "\u{130}x",
        "ix",
        "\u{131}x",
        "dir/readme.txt",
        "dir\\readme.txt",
        "\u{1e9e}",
        "ss",
        "SS",
    ];
    let data = Data::new();
    let server = Server::start(data.path(), seed(), &[]);
    let mut alice = Client::ready(&server, "alice");
    for name in names {
        alice.send_file(name, name.as_bytes());
        alice.right(name);
        alice = alice.again(&server);
    }
    let mut contents: Vec<_> = data
        .verified()
        .into_iter()
        .map(|(_, content)| content)
        .collect();
    contents.sort();
    let mut expected = names.map(|name| name.as_bytes().to_vec());
    expected.sort();
    assert_eq!(contents, expected);
    // And each answers to its own name afterwards.
    for name in names {
        alice.send_file(name, format!("{name} anew").as_bytes());
        alice.right(name);
        alice = alice.again(&server);
    }
    assert_eq!(data.verified().len(), names.len());
}

/// Whoever can write in the data folder has won already; what is tested is that no *client* can make use
/// of a link that stands there, by accident or not.
#[test]
fn links_in_the_store_are_not_followed() {
    let data = Data::new();
    let outside = Data::new();
    let victim = outside.path().join("victim");
    fs::write(&victim, "untouched").expect("written");
    let server = Server::start(data.path(), seed(), &[]);
    let mut alice = Client::ready(&server, "alice");
    alice.send_file("a", b"first");
    alice.right("a");
    let clients = data.path().join("clients");
    let folder = fs::read_dir(&clients)
        .expect("a folder")
        .next()
        .expect("one")
        .expect("one")
        .path();

    // A link in the place of a file is replaced.
    fs::remove_file(folder.join("a")).expect("removed");
    symlink(&victim, folder.join("a")).expect("linked");
    let mut alice = alice.again(&server);
    alice.send_file("a", b"second");
    alice.right("a");
    assert!(
        !fs::symlink_metadata(folder.join("a"))
            .expect("there")
            .is_symlink()
    );
    // And one under a name that is new, in the place where the file will be.
    symlink(&victim, folder.join("b")).expect("linked");
    let mut alice = alice.again(&server);
    alice.send_file("b", b"third");
    alice.right("b");
    // A dangling one does not become a file elsewhere.
    symlink(outside.path().join("new"), folder.join("c")).expect("linked");
    let mut alice = alice.again(&server);
    alice.send_file("c", b"fourth");
    alice.right("c");
    assert_eq!(fs::read_to_string(&victim).expect("there"), "untouched");

    // A link in the place of the client's folder leads nowhere.
    fs::rename(&folder, clients.join("aside")).expect("moved");
    symlink(outside.path(), &folder).expect("linked");
    let mut alice = alice.again(&server);
    let file = alice.file("d", b"fifth");
    alice.write(&file);
    alice.read();
    let right = alice.verdict(backup_protocol::wire::VerdictKind::Right, "d");
    alice.try_ask(&right);
    super::a_good_client_is_served(&server, "bob");
    assert_eq!(everything(outside.path()), std::slice::from_ref(&victim));
    assert_eq!(fs::read_to_string(&victim).expect("there"), "untouched");
}
