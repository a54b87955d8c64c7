//! What is kept with a client, and the list of them.

use backup_protocol::Dialect;
use backup_protocol::crypto::KeyPair;
use backup_protocol::session::server::{Action, Answer, Ask, Auto, Event, ServerSession};
use backup_protocol::wire::{Register, Request, VERSION};

use super::*;

/// The tables of the first release.
const VERSION_1: &str = "
    CREATE TABLE clients (
        number        INTEGER PRIMARY KEY,
        id            BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
        name          TEXT NOT NULL UNIQUE,
        label         TEXT NOT NULL UNIQUE COLLATE NOCASE,
        public_key    BLOB,
        aes_key       BLOB,
        version       INTEGER NOT NULL,
        registered_at INTEGER NOT NULL,
        last_seen_at  INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE files (
        number        INTEGER PRIMARY KEY,
        client        INTEGER NOT NULL REFERENCES clients (number),
        name          TEXT NOT NULL,
        path          TEXT NOT NULL,
        path_key      TEXT NOT NULL,
        UNIQUE (client, name),
        UNIQUE (client, path_key)
    ) STRICT;
    CREATE TABLE versions (
        number        INTEGER PRIMARY KEY AUTOINCREMENT,
        file          INTEGER NOT NULL REFERENCES files (number),
        stored_as     TEXT NOT NULL UNIQUE,
        size          INTEGER NOT NULL,
        content_size  INTEGER NOT NULL,
        cksum         INTEGER NOT NULL,
        received_at   INTEGER NOT NULL,
        verified_at   INTEGER,
        placed        INTEGER NOT NULL DEFAULT 0 CHECK (placed IN (0, 1))
    ) STRICT;
    CREATE INDEX versions_of_file ON versions (file, number);
    CREATE INDEX versions_incoming ON versions (number) WHERE placed = 0;
    PRAGMA application_id = 1651209584;
    PRAGMA user_version = 1;
    INSERT INTO clients VALUES
        (1, CAST('alice''s own ID..' AS BLOB), 'alice', 'alice-0', NULL, CAST('in the clear 16B' AS BLOB), 3, 1000, 2000);
    INSERT INTO files VALUES (1, 1, 'a', 'a', 'a');
    INSERT INTO versions VALUES (1, 1, 'x', 1, 16, 7, 1000, 1000, 1);
    INSERT INTO versions VALUES (2, 1, 'y', 1, 16, 7, 1000, NULL, 0);
";

/// What a session learns of a client that registers in big-endian.
fn learned() -> Learned {
    let dialect = Dialect::parse("2023c,order=big").expect("a dialect");
    let name = backup_protocol::wire::Name::new("alice").expect("a name");
    let request = Request::Register(Register { name });
    let bytes = request.encode(&dialect, ClientId::ZERO, VERSION);
    let mut session = ServerSession::auto(&Auto::new(Vec::new()));
    let rng = &mut rand::rng();
    let (header, payload) = bytes.split_at(23);
    let _ = session.handle(Event::Header(header), rng);
    let asked = session.handle(Event::Payload(payload), rng);
    assert!(matches!(asked, Action::Ask(Ask::Register { .. })));
    let _ = session.handle(Event::Answer(Answer::Registered(ALICE)), rng);
    let (client, learned) = session.take_learned().expect("something");
    assert_eq!(client, ALICE);
    learned
}

#[tokio::test]
async fn what_was_learned_is_kept_over_a_restart() {
    let folder = Folder::new();
    let store = folder.open();
    assert!(!store.learn(ALICE, learned()).await.expect("a store"));
    register(&store, ALICE, "alice").await;
    register(&store, BOB, "bob").await;
    assert!(store.learn(ALICE, learned()).await.expect("a store"));
    drop(store);
    let store = folder.open();
    let client = |id| async move { store.client(id).await.expect("a store").expect("a client") };
    let alice = client(ALICE).await;
    assert_eq!(alice.learned.as_ref(), Some(&learned()));
    let dialect = alice.learned.expect("kept").dialect().to_owned();
    assert_eq!(dialect, "2023c,order=big");
}

#[tokio::test]
async fn a_new_aes_key_leaves_the_public_key() {
    let folder = Folder::new();
    let store = folder.open();
    let key = |byte| AesKey::from_bytes(&[byte; 32]).expect("a key");
    let set = |id| store.set_aes_key(id, key(2), 3);
    assert!(!set(ALICE).await.expect("a store"));
    register(&store, ALICE, "alice").await;
    let pair = KeyPair::generate(&mut rand::rng()).expect("a pair");
    let public_key = pair.public_key().as_bytes().to_vec();
    let keys = NewKeys {
        name: "alice".into(),
        public_key: public_key.clone(),
        aes_key: key(1),
        version: 3,
    };
    assert_eq!(
        store.set_keys(ALICE, keys).await.expect("a store"),
        KeysSet::Done
    );
    assert!(set(ALICE).await.expect("a store"));
    let alice = store.seen(ALICE, 3).await.expect("a store");
    let alice = alice.expect("a client");
    assert_eq!(alice.public_key, Some(public_key));
    assert!(alice.aes_key == Some(key(2)));
    assert!(store.seen(BOB, 3).await.expect("a store").is_none());
}

#[tokio::test]
async fn keys_do_not_open_with_another_key_file_and_nothing_else_is_lost() {
    let folder = Folder::new();
    let store = folder.open();
    register(&store, ALICE, "alice").await;
    upload(&store, ALICE, "a", "kept").await;
    verify(&store, "a", None).await;
    let key = AesKey::from_bytes(&[7; 16]).expect("a key");
    let set = store.set_aes_key(ALICE, key.clone(), 3).await;
    assert!(set.expect("a store"));
    drop(store);
    let database = fs::read(folder.root.path().join("backup.db")).expect("readable");
    assert!(!database.windows(16).any(|part| part == key.as_bytes()));

    let key_of = |store: DiskStore| async move {
        let alice = store.client(ALICE).await.expect("a store");
        alice.expect("a client").aes_key
    };
    assert!(key_of(folder.open()).await == Some(key.clone()));
    let path = folder.root.path().join("seal.key");
    let right = fs::read(&path).expect("readable");
    fs::remove_file(&path).expect("removed");
    let store = folder.open();
    // Not this one either: what does not open is never forgotten by its value.
    assert!(
        !store
            .forget_aes_key(ALICE, key.clone())
            .await
            .expect("a store")
    );
    assert!(key_of(store).await.is_none());
    assert_eq!(folder.verified(), pairs([("a", "kept")]));
    fs::write(&path, right).expect("written");
    assert!(key_of(folder.open()).await == Some(key));
}

#[tokio::test]
async fn a_database_of_the_first_release_is_taken_over() {
    let folder = Folder::new();
    let path = folder.root.path().join("backup.db");
    let rows = rusqlite::Connection::open(&path).expect("rows");
    rows.execute_batch(VERSION_1).expect("the old tables");
    drop(rows);
    let old = clients(folder.root.path()).expect("a list");
    assert_eq!((old[0].name.as_str(), old[0].files), ("alice", 1));
    // In its folder, what is verified has one name, at its path; what waits is in `incoming`.
    for (below, name, plain) in [
        ("clients/alice-0", "a", "judged"),
        ("incoming", "y", "waits"),
    ] {
        let below = folder.root.path().join(below);
        fs::create_dir_all(&below).expect("a folder");
        fs::write(below.join(name), plain).expect("written");
    }

    let store = folder.open();
    // Her AES key is what it was, and nowhere to be read any more.
    let alice = store.client(ALICE).await.expect("a store");
    let key = alice.and_then(|alice| alice.aes_key).expect("a key");
    assert_eq!(key.as_bytes(), b"in the clear 16B");
    for name in ["backup.db", "backup.db-wal"] {
        let bytes = fs::read(folder.root.path().join(name)).expect("readable");
        assert!(
            !bytes.windows(16).any(|part| part == key.as_bytes()),
            "{name}"
        );
    }
    assert!(store.learn(ALICE, learned()).await.expect("a store"));
    assert!(!register(&store, BOB, "alice").await, "the name is held");
    assert_eq!(folder.incoming(), ["waits"]);
    assert_eq!(verify(&store, "a", None).await, Judged::Honoured);
    drop(store);
    assert_eq!(folder.verified(), pairs([("a", "waits")]));
    assert_eq!(
        files(&folder.root.path().join("versions")).len(),
        2,
        "both versions"
    );
    let new = clients(folder.root.path()).expect("a list");
    assert_eq!(new[0].dialect.as_deref(), Some("2023c,order=big"));
    let version = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let rows = rusqlite::Connection::open(&path).expect("rows");
    let version = rows.query_row("PRAGMA user_version", [], version);
    assert_eq!(version.expect("a version"), schema::KNOWN);
    drop(rows);
    drop(folder.open());
}

#[tokio::test]
async fn lists_clients_beside_a_store_that_is_open_and_without_one() {
    let folder = Folder::new();
    let store = folder.open();
    assert_eq!(clients(folder.root.path()).expect("a list"), []);
    register(&store, BOB, "bob").await;
    register(&store, ALICE, "alice").await;
    store.learn(BOB, learned()).await.expect("a store");
    for (name, judged) in [("a", true), ("b", true), ("b", false), ("c", false)] {
        upload(&store, ALICE, name, name).await;
        if judged {
            verify(&store, name, None).await;
        }
    }
    let open = clients(folder.root.path()).expect("a list");
    drop(store);
    let names = || {
        let entries = fs::read_dir(folder.root.path()).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|it| it.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    let before = names();
    let closed = clients(folder.root.path()).expect("a list");
    assert_eq!(open, closed);
    assert_eq!(names(), before, "nothing is left beside the database");
    let [alice, bob] = open.as_slice() else {
        panic!("{open:?}")
    };
    assert_eq!((alice.name.as_str(), bob.name.as_str()), ("alice", "bob"));
    assert_eq!(alice.short_id, "616c6963");
    assert!(alice.label.starts_with("alice-"));
    assert_eq!((alice.files, alice.waiting), (2, 2));
    assert_eq!((bob.files, bob.waiting), (0, 0));
    assert_eq!(alice.dialect, None);
    assert_eq!(bob.dialect.as_deref(), Some("2023c,order=big"));
    let age = alice.last_seen.elapsed().expect("in the past");
    assert!(age < std::time::Duration::from_secs(60));
}

#[test]
fn a_folder_without_a_database_has_no_list() {
    let folder = Folder::new();
    let error = clients(folder.root.path()).expect_err("no database");
    assert!(matches!(error, StoreError::NoDatabase { .. }), "{error}");
    assert_eq!(
        fs::read_dir(folder.root.path()).expect("a folder").count(),
        0
    );
}
