//! What clients were told, to be compared with what a store has after the worst.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;

use super::files::Disk;
use super::*;

/// How far a client got with one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// It sent the content, or the verdict, and knows no more.
    Sent,
    /// It was told.
    Told,
}

/// One upload, as its client knows it.
#[derive(Clone, Debug)]
struct Upload {
    client: &'static str,
    name: &'static str,
    plain: Vec<u8>,
    received: Known,
    /// The number that it was told.
    version: Option<VersionId>,
    right: Option<Known>,
    wrong: Option<Known>,
}

/// All uploads so far, in their order.
#[derive(Clone, Default)]
pub(super) struct Model {
    uploads: Vec<Upload>,
}

impl Model {
    fn key(&self, index: usize) -> (&'static str, &'static str) {
        (self.uploads[index].client, self.uploads[index].name)
    }

    /// Whether a newer upload of the same name was called right.
    fn is_ended(&self, index: usize) -> bool {
        self.uploads[index + 1..]
            .iter()
            .any(|newer| newer.right.is_some() && (newer.client, newer.name) == self.key(index))
    }

    pub(super) fn told_received(&self) -> usize {
        let told = |it: &&Upload| it.received == Known::Told;
        self.uploads.iter().filter(told).count()
    }

    pub(super) fn told_verified(&self) -> usize {
        let told = |it: &&Upload| it.right == Some(Known::Told);
        self.uploads.iter().filter(told).count()
    }

    /// What a store must have after all of this, whatever happened to it: `database` has its rows,
    /// `disk` its files. How many contents it has without a row.
    pub(super) fn compare(&self, database: &Path, disk: &Disk, after: &str) -> usize {
        let stored = stored(database);
        for row in &stored {
            let content = disk.read(&Path::new("versions").join(&row.stored_as));
            let upload = self.uploads.iter().any(|it| {
                Some(&*it.plain) == content && it.name == row.name && it.client == row.client
            });
            assert!(
                upload,
                "{after}: mixed: a row of {} has no content of it",
                row.name
            );
        }
        for (index, upload) in self.uploads.iter().enumerate() {
            let what = format!(
                "{after}: upload {index} of {} {:?}",
                upload.name, upload.version
            );
            let row = stored.iter().find(|row| {
                let path = Path::new("versions").join(&row.stored_as);
                disk.read(&path) == Some(&*upload.plain)
            });
            let verified = row.is_some_and(|row| row.verified);
            let ended = self.is_ended(index);
            if upload.right == Some(Known::Told) {
                assert!(verified, "{what}: lost, and was verified");
            } else if upload.received == Known::Told && upload.wrong.is_none() && !ended {
                assert!(row.is_some(), "{what}: lost, and was received");
            }
            if verified {
                assert!(upload.right.is_some(), "{what}: verified by nobody");
            }
            if upload.wrong == Some(Known::Told) {
                assert!(row.is_none(), "{what}: there, and was given up");
            }
        }
        let mut newest = BTreeMap::new();
        for row in stored.iter().filter(|row| row.verified) {
            newest.insert(row.shown_as.clone(), row);
        }
        for (shown_as, row) in newest {
            let content = disk.read(&Path::new("versions").join(&row.stored_as));
            let shown = disk.read(&shown_as);
            assert!(
                shown == content,
                "{after}: {} shows something else",
                shown_as.display()
            );
        }
        assert_eq!(
            disk.names(Path::new("incoming")),
            [""; 0],
            "{after}: left over"
        );
        disk.names(Path::new("versions")).len() - stored.len()
    }
}

struct Stored {
    client: String,
    name: String,
    stored_as: String,
    verified: bool,
    shown_as: PathBuf,
}

fn stored(database: &Path) -> Vec<Stored> {
    let rows = Connection::open(database).expect("a database");
    let mut select = rows
        .prepare(
            "SELECT clients.name, files.name, stored_as, verified_at IS NOT NULL, label, path
             FROM versions JOIN files ON file = files.number JOIN clients ON client = clients.number
             ORDER BY versions.number",
        )
        .expect("our tables");
    let stored = select.query_map([], |row| {
        let (label, path): (String, String) = (row.get(4)?, row.get(5)?);
        Ok(Stored {
            client: row.get(0)?,
            name: row.get(1)?,
            stored_as: row.get(2)?,
            verified: row.get(3)?,
            shown_as: Path::new("clients").join(label).join(path),
        })
    });
    stored
        .expect("rows")
        .map(|row| row.expect("a row"))
        .collect()
}

/// Clients of a store that may fail, and all that they are told.
pub(super) struct Clients {
    pub(super) model: Arc<Mutex<Model>>,
    count: u8,
}

impl Clients {
    pub(super) fn new() -> Self {
        Self {
            model: Arc::default(),
            count: 0,
        }
    }

    fn is_ended(&self, index: usize) -> bool {
        self.model.lock().expect("no panic").is_ended(index)
    }

    fn edit(&self, index: usize, edit: impl FnOnce(&mut Upload)) {
        edit(&mut self.model.lock().expect("no panic").uploads[index]);
    }

    /// Sends a content of its own; the index of the upload.
    pub(super) async fn send(
        &mut self,
        store: &DiskStore,
        id: ClientId,
        name: &'static str,
    ) -> usize {
        self.count += 1;
        let plain: Vec<u8> = (0..3000_u32)
            .map(|it| (it as u8).wrapping_mul(self.count) ^ self.count)
            .collect();
        let index = {
            let mut model = self.model.lock().expect("no panic");
            model.uploads.push(Upload {
                client: if id == ALICE { "alice" } else { "bob" },
                name,
                plain: plain.clone(),
                received: Known::Sent,
                version: None,
                right: None,
                wrong: None,
            });
            model.uploads.len() - 1
        };
        if let Ok(Some(version)) = receive(store, id, name, &plain).await {
            self.edit(index, |upload| {
                upload.received = Known::Told;
                upload.version = Some(version);
            });
        }
        index
    }

    pub(super) async fn right(&self, store: &DiskStore, id: ClientId, index: usize) -> bool {
        let (_, name) = self.model.lock().expect("no panic").key(index);
        self.edit(index, |upload| upload.right = Some(Known::Sent));
        let version = self.model.lock().expect("no panic").uploads[index].version;
        let Some(version) = version else { return false };
        let told = store.verify(id, name.into(), Some(version)).await;
        let told = matches!(told, Ok(Judged::Honoured));
        // A late verdict may be honoured although a newer one has ended its version (PROTOCOL.md 7.3).
        if told && !self.is_ended(index) {
            self.edit(index, |upload| upload.right = Some(Known::Told));
        }
        told
    }

    pub(super) async fn wrong(&self, store: &DiskStore, id: ClientId, index: usize) {
        let (_, name) = self.model.lock().expect("no panic").key(index);
        self.edit(index, |upload| upload.wrong = Some(Known::Sent));
        let version = self.model.lock().expect("no panic").uploads[index].version;
        let Some(version) = version else { return };
        let told = store.remove_waiting(id, name.into(), Some(version)).await;
        if matches!(told, Ok(Judged::Honoured)) {
            self.edit(index, |upload| upload.wrong = Some(Known::Told));
        }
    }

    /// All that clients do: upload, repeat, overwrite, give up, leave unjudged, in each other's way.
    pub(super) async fn first_day(&mut self, store: &DiskStore) {
        let one = self.send(store, ALICE, "a").await;
        self.right(store, ALICE, one).await;
        let two = self.send(store, ALICE, "a").await;
        self.wrong(store, ALICE, two).await;
        let again = self.send(store, ALICE, "a").await;
        self.right(store, ALICE, again).await;
        self.send(store, ALICE, "never judged").await;
        let hers = self.send(store, ALICE, "shared").await;
        let his = self.send(store, BOB, "shared").await;
        self.right(store, BOB, his).await;
        self.wrong(store, ALICE, hers).await;
    }

    pub(super) async fn second_day(&mut self, store: &DiskStore) {
        let old = self.send(store, BOB, "b").await;
        let new = self.send(store, BOB, "b").await;
        self.right(store, BOB, new).await;
        let over = self.send(store, ALICE, "a").await;
        self.right(store, ALICE, over).await;
        let late = self.send(store, ALICE, "never judged").await;
        self.wrong(store, ALICE, late).await;
        self.right(store, BOB, old).await;
    }
}

/// An upload that may fail at each step.
async fn receive(
    store: &DiskStore,
    id: ClientId,
    name: &str,
    plain: &[u8],
) -> Result<Option<VersionId>, StoreError> {
    let mut incoming = store.incoming()?;
    let failed = |source| StoreError::Io {
        doing: "write",
        path: PathBuf::new(),
        source,
    };
    for part in plain.chunks(1000) {
        incoming.write_all(part).map_err(failed)?;
    }
    incoming.sync()?;
    let upload = Received {
        incoming,
        name: name.into(),
        size: plain.len() as u64,
        content_size: 16,
        cksum: 7,
        digest: [0; 32],
        version: 3,
    };
    store.received(id, upload).await
}
