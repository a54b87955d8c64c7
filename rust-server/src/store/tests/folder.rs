//! The data folder: what a kill leaves, whose it is, what is not followed.

use std::fs;
use std::path::Path;

use super::*;

#[tokio::test]
async fn start_removes_what_was_in_flight_and_finishes_what_was_decided() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    upload(&store, ALICE, "waits", "waits").await;
    upload(&store, ALICE, "judged", "judged").await;
    verify(&store, "judged", None).await;
    drop(store);

    // As after a kill with an upload on its way, another one before the commit of its row, a third one
    // after that, and a verdict between its commit and the name.
    let root = folder.root.path();
    let incoming = root.join("incoming");
    fs::write(incoming.join("halfWritten"), "hal").expect("written");
    fs::write(incoming.join("noRow"), "no row").expect("written");
    fs::hard_link(incoming.join("noRow"), root.join("versions/noRow")).expect("linked");
    let waits: String = folder
        .rows()
        .query_row(
            "SELECT stored_as FROM versions WHERE verified_at IS NULL",
            [],
            |row| row.get(0),
        )
        .expect("one version waits");
    fs::hard_link(root.join("versions").join(&waits), incoming.join(&waits)).expect("linked");
    fs::remove_file(files(&root.join("clients")).remove(0)).expect("removed");
    folder
        .rows()
        .execute("UPDATE versions SET placed = 0", [])
        .expect("a row");

    let store = folder.open();
    assert_eq!(files(&incoming), [] as [PathBuf; 0]);
    assert_eq!(files(&root.join("versions")).len(), 2);
    assert_eq!(folder.incoming(), ["waits"]);
    assert_eq!(folder.verified(), pairs([("judged", "judged")]));
    assert_eq!(verify(&store, "waits", None).await, Judged::Honoured);
}

#[tokio::test]
async fn a_start_marks_names_that_were_made_before_a_kill() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    for plain in ["one", "two"] {
        upload(&store, ALICE, "a", plain).await;
        verify(&store, "a", None).await;
    }
    drop(store);
    folder
        .rows()
        .execute("UPDATE versions SET placed = 0", [])
        .expect("rows");
    drop(folder.open());
    let unplaced = "SELECT count(*) FROM versions WHERE placed = 0";
    let unplaced: i64 = folder
        .rows()
        .query_row(unplaced, [], |row| row.get(0))
        .expect("a number");
    assert_eq!(unplaced, 0);
    assert_eq!(folder.verified(), pairs([("a", "two")]));
    assert_eq!(
        files(&folder.root.path().join("incoming")),
        [] as [PathBuf; 0]
    );
}

/// What is looked at at start is what was in flight: not what waits, and not what is verified.
#[tokio::test]
async fn a_start_does_not_look_at_what_is_stored() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    for (name, judged) in [("a", true), ("b", false)] {
        upload(&store, ALICE, name, name).await;
        if judged {
            verify(&store, name, None).await;
        }
    }
    drop(store);
    // A start that looked would complain, and drop the row that waits.
    for path in files(&folder.root.path().join("versions")) {
        fs::remove_file(path).expect("removed");
    }
    let store = folder.open();
    let rows: i64 = folder
        .rows()
        .query_row("SELECT count(*) FROM versions", [], |row| row.get(0))
        .expect("a number");
    assert_eq!(rows, 2);
    drop(store);
}

#[test]
fn one_folder_serves_one_store() {
    let folder = Folder::new();
    let store = folder.open();
    let second = folder.try_open();
    assert!(matches!(second, Err(StoreError::InUse { .. })));
    drop(store);
    drop(folder.open());
}

#[test]
fn refuses_databases_that_are_not_ours() {
    let folder = Folder::new();
    drop(folder.open());
    let path = folder.root.path().join("backup.db");
    let rows = rusqlite::Connection::open(&path).expect("rows");
    let newer = schema::KNOWN + 1;
    rows.pragma_update(None, "user_version", newer)
        .expect("written");
    drop(rows);
    let refused = folder.try_open();
    assert!(matches!(
        refused,
        Err(StoreError::NewerDatabase { found, known: schema::KNOWN, .. }) if found == newer
    ));
    let refused = clients(folder.root.path());
    assert!(matches!(refused, Err(StoreError::NewerDatabase { .. })));

    fs::remove_file(&path).expect("removed");
    let rows = rusqlite::Connection::open(&path).expect("rows");
    rows.execute_batch("CREATE TABLE other (x)")
        .expect("a table");
    drop(rows);
    let foreign = folder.try_open();
    assert!(matches!(foreign, Err(StoreError::ForeignDatabase { .. })));

    fs::write(
        &path,
        "certainly not a database, but long enough to be looked at",
    )
    .expect("written");
    assert!(matches!(folder.try_open(), Err(StoreError::Database(_))));
}

#[cfg(unix)]
#[tokio::test]
async fn symbolic_links_are_not_followed_out_of_the_store() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new();
    let outside = folder.root.path().join("outside");
    fs::write(&outside, "untouched").expect("written");
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    upload(&store, ALICE, "a", "one").await;
    verify(&store, "a", None).await;
    let placed = files(&folder.root.path().join("clients")).remove(0);
    fs::remove_file(&placed).expect("removed");
    symlink(&outside, &placed).expect("linked");
    upload(&store, ALICE, "a", "two").await;
    verify(&store, "a", None).await;
    assert_eq!(fs::read_to_string(&outside).expect("readable"), "untouched");
    assert!(fs::symlink_metadata(&placed).expect("there").is_file());

    // Nor in the place of a client's folder: the content is where it stays, and gets its name later.
    let client = placed.parent().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let aside = folder.root.path().join("aside");
    fs::rename(client, &aside).expect("moved away");
    symlink(elsewhere.path(), client).expect("linked");
    upload(&store, ALICE, "a", "three").await;
    assert_eq!(verify(&store, "a", None).await, Judged::Honoured);
    assert!(files(elsewhere.path()).is_empty());
    fs::remove_file(client).expect("removed");
    fs::rename(&aside, client).expect("moved back");
    drop(store);
    assert_eq!(folder.verified(), pairs([("a", "three")]));

    // What clients back up is nobody else's business.
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&placed), 0o600);
    assert_eq!(mode(placed.parent().expect("a folder")), 0o700);
    assert_eq!(mode(&folder.root.path().join("backup.db")), 0o600);
}

/// A database that was lost must not make a start throw the files away.
#[tokio::test]
async fn files_without_a_database_are_left_alone() {
    for verified in [false, true] {
        let folder = Folder::new();
        let store = folder.open();
        register(&store, ALICE, "alice").await;
        upload(&store, ALICE, "a", "one").await;
        if verified {
            verify(&store, "a", None).await;
        }
        drop(store);
        let database = folder.root.path().join("backup.db");
        fs::remove_file(&database).expect("removed");
        // Not even the second time, when the first one has created an empty file.
        for _ in 0..2 {
            let opened = folder.try_open();
            assert!(matches!(opened, Err(StoreError::DatabaseMissing { .. })));
        }
        assert_eq!(files(&folder.root.path().join("versions")).len(), 1);
        assert_eq!(folder.verified().len(), usize::from(verified));
    }
}
