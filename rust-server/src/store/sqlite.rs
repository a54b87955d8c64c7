//! The store on one machine: SQLite for rows, a folder for content.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::SystemTime;

use backup_protocol::crypto::AesKey;
use backup_protocol::session::server::Learned;
use backup_protocol::wire::ClientId;
use rusqlite::Connection;
use tokio::sync::oneshot;
use tracing::error;

use super::files::{self, Files};
use super::incoming::IncomingFile;
use super::layout::Layout;
use super::recover::recover;
use super::seal::{self, Seal};
use super::writer::{Effect, Job, Writer};
use super::{
    Client, Judged, KeysSet, NewClient, NewKeys, Received, Registered, Store, StoreError,
    StoreOptions, VersionId, rows, schema, usage,
};

/// Versions that one transaction removes at most, so that no request waits long behind it.
const PRUNED_AT_ONCE: u32 = 256;

/// A data folder, open. Dropping it waits for what was asked before.
pub struct DiskStore {
    layout: Arc<Layout>,
    seal: Arc<Seal>,
    /// `None` only while dropping.
    requests: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl DiskStore {
    /// Opens the data folder, creating it if it is missing, and finishes what a killed server left
    /// half done. Blocks.
    ///
    /// # Errors
    ///
    /// [`StoreError`] says what the operator has to change.
    pub fn open(root: &Path, options: &StoreOptions) -> Result<Self, StoreError> {
        Self::open_on(root, options, files::of_this_machine())
    }

    pub(super) fn open_on(
        root: &Path,
        options: &StoreOptions,
        files: Arc<dyn Files>,
    ) -> Result<Self, StoreError> {
        let durability = options.durability;
        let layout = Arc::new(Layout::open(root, files, durability)?);
        let key_file = seal::path(root, options.key_file.as_deref());
        let seal = Arc::new(Seal::open_or_create(&key_file)?);
        let mut connection = schema::open(&layout, durability, &seal)?;
        seal::warn_if_unopened(&seal, &connection, &key_file)?;
        let finished = recover(&layout, &mut connection)?;
        let (requests, receiver) = mpsc::channel();
        let writer = Writer::new(connection, Arc::clone(&layout), !finished);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(|source| StoreError::Io {
                doing: "start a thread for",
                path: root.to_owned(),
                source,
            })?;
        Ok(Self {
            layout,
            seal,
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Removes the versions that came before `older_than` and that nobody has judged; how many there
    /// were. Verified ones are never touched. The work is in proportion to what it removes.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store itself fails. Some of them may be gone then.
    pub async fn prune_unverified(&self, older_than: SystemTime) -> Result<u64, StoreError> {
        let time = rows::milliseconds(older_than);
        let mut pruned = 0;
        loop {
            let removed = self
                .call(move |rows, effects| {
                    rows::prune_unverified(rows, effects, time, PRUNED_AT_ONCE)
                })
                .await?;
            pruned += removed as u64;
            if removed < PRUNED_AT_ONCE as usize {
                return Ok(pruned);
            }
        }
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &mut Vec<Effect>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or(StoreError::Closed)?;
        requests
            .send(Job::new(work, reply))
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            error!("the thread of the store panicked");
        }
    }
}

impl Store for DiskStore {
    type Incoming = IncomingFile;

    async fn register(&self, client: NewClient, most: u64) -> Result<Registered, StoreError> {
        self.call(move |rows, _| rows::register(rows, &client, most))
            .await
    }

    async fn stored(&self, id: Option<ClientId>) -> Result<u64, StoreError> {
        self.call(move |rows, _| usage::stored(rows, id)).await
    }

    async fn client(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        let seal = Arc::clone(&self.seal);
        self.call(move |rows, _| rows::client(rows, &seal, id))
            .await
    }

    async fn set_keys(&self, id: ClientId, keys: NewKeys) -> Result<KeysSet, StoreError> {
        let seal = Arc::clone(&self.seal);
        self.call(move |rows, _| rows::set_keys(rows, &seal, id, &keys))
            .await
    }

    async fn set_aes_key(
        &self,
        id: ClientId,
        aes_key: AesKey,
        version: u8,
    ) -> Result<bool, StoreError> {
        let seal = Arc::clone(&self.seal);
        self.call(move |rows, _| rows::set_aes_key(rows, &seal, id, &aes_key, version))
            .await
    }

    async fn forget_aes_key(&self, id: ClientId, aes_key: AesKey) -> Result<bool, StoreError> {
        let seal = Arc::clone(&self.seal);
        self.call(move |rows, _| rows::forget_aes_key(rows, &seal, id, &aes_key))
            .await
    }

    async fn seen(&self, id: ClientId, version: u8) -> Result<Option<Client>, StoreError> {
        let seal = Arc::clone(&self.seal);
        self.call(move |rows, _| rows::seen(rows, &seal, id, version))
            .await
    }

    async fn learn(&self, id: ClientId, learned: Learned) -> Result<bool, StoreError> {
        self.call(move |rows, _| rows::learn(rows, id, &learned))
            .await
    }

    fn incoming(&self) -> Result<IncomingFile, StoreError> {
        self.layout.incoming()
    }

    async fn received(
        &self,
        id: ClientId,
        upload: Received<IncomingFile>,
    ) -> Result<Option<VersionId>, StoreError> {
        self.call(move |rows, effects| rows::received(rows, effects, id, upload))
            .await
    }

    async fn verify(
        &self,
        id: ClientId,
        name: String,
        version: Option<VersionId>,
    ) -> Result<Judged, StoreError> {
        self.call(move |rows, effects| rows::verify(rows, effects, id, &name, version))
            .await
    }

    async fn remove_waiting(
        &self,
        id: ClientId,
        name: String,
        version: Option<VersionId>,
    ) -> Result<Judged, StoreError> {
        self.call(move |rows, effects| rows::remove_waiting(rows, effects, id, &name, version))
            .await
    }
}
