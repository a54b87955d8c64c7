//! The store alone, without a server.

mod clients;
mod folder;
mod model;
mod power;
mod versions;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use backup_protocol::wire::ClientId;
use tempfile::TempDir;

use super::*;

const ALICE: ClientId = ClientId::from_bytes(*b"alice's own ID..");
const BOB: ClientId = ClientId::from_bytes(*b"bob's own ID....");

struct Folder {
    root: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    fn open(&self) -> DiskStore {
        self.try_open().expect("an open store")
    }

    fn try_open(&self) -> Result<DiskStore, StoreError> {
        DiskStore::open(self.root.path(), &StoreOptions::default())
    }

    fn rows(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.root.path().join("backup.db")).expect("rows")
    }

    /// Paths below `clients/LABEL/` and contents of all verified files.
    fn verified(&self) -> Vec<(String, String)> {
        files(&self.root.path().join("clients"))
            .into_iter()
            .map(|path| {
                let name = path
                    .file_name()
                    .expect("a name")
                    .to_str()
                    .expect("UTF-8")
                    .to_owned();
                (name, fs::read_to_string(path).expect("readable"))
            })
            .collect()
    }

    /// Contents of what waits for a verdict, or is on its way.
    fn incoming(&self) -> Vec<String> {
        let mut contents: Vec<_> = unverified(self.root.path())
            .into_iter()
            .map(|path| fs::read_to_string(path).expect("readable"))
            .collect();
        contents.sort();
        contents
    }
}

/// Paths of what waits for a verdict, or is on its way: the versions that are not verified, and what has
/// no row yet.
fn unverified(root: &Path) -> Vec<PathBuf> {
    let mut paths = BTreeMap::new();
    let rows = rusqlite::Connection::open(root.join("backup.db")).expect("rows");
    let mut select = rows
        .prepare("SELECT stored_as FROM versions WHERE verified_at IS NULL")
        .expect("our tables");
    let names = select.query_map([], |row| row.get::<_, String>(0));
    for name in names.expect("rows") {
        let name = name.expect("a name");
        paths.insert(name.clone(), root.join("versions").join(name));
    }
    for path in files(&root.join("incoming")) {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        paths.entry(name).or_insert(path);
    }
    paths.into_values().collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found.sort();
    found
}

async fn register(store: &DiskStore, id: ClientId, name: &str) -> bool {
    let new = NewClient {
        id,
        name: name.into(),
        version: 3,
    };
    let registered = store.register(new, 100).await.expect("a store");
    registered == Registered::Done
}

async fn upload(store: &DiskStore, id: ClientId, name: &str, plain: &str) -> VersionId {
    let mut incoming = store.incoming().expect("a file");
    incoming.write_all(plain.as_bytes()).expect("written");
    incoming.sync().expect("synced");
    let received = Received {
        incoming,
        name: name.into(),
        size: plain.len() as u64,
        content_size: 16,
        cksum: 7,
        digest: [0; 32],
        version: 3,
    };
    store
        .received(id, received)
        .await
        .expect("a store")
        .expect("a client")
}

async fn verify(store: &DiskStore, name: &str, version: Option<VersionId>) -> Judged {
    store
        .verify(ALICE, name.into(), version)
        .await
        .expect("a store")
}

async fn remove(store: &DiskStore, name: &str, version: Option<VersionId>) -> Judged {
    store
        .remove_waiting(ALICE, name.into(), version)
        .await
        .expect("a store")
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec()
}
