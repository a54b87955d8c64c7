//! What the server keeps, behind one trait.
//!
//! A *file* is a client and a name as sent; a *version* is one upload of it. A version is *waiting*
//! from the moment its plaintext is durable until it is judged: a right cksum makes it verified, a
//! wrong one removes it. Verified versions stay until the operator prunes them, waiting ones until a newer
//! one is verified (PROTOCOL.md 7.3).

mod clients;
mod files;
mod incoming;
mod layout;
mod migrate;
pub mod operator;
mod options;
mod path;
mod recover;
mod rows;
mod schema;
mod seal;
mod sqlite;
mod usage;
mod writer;

use std::future::Future;
use std::io;
use std::path::PathBuf;

use backup_protocol::crypto::AesKey;
use backup_protocol::session::server::Learned;
use backup_protocol::wire::ClientId;

pub use clients::{ClientRow, clients};
pub use incoming::IncomingFile;
pub use options::{Durability, StoreOptions};
pub use sqlite::DiskStore;

/// A client as the store knows it.
#[derive(Clone)]
pub struct Client {
    /// The name it registered.
    pub name: String,
    /// What the server calls it in logs, and the name of its folder.
    pub label: String,
    /// Its public key in DER, if it ever sent one.
    pub public_key: Option<Vec<u8>>,
    /// The AES key that was made last, if it ever sent a public key.
    pub aes_key: Option<AesKey>,
    /// What was learned of its dialect.
    pub learned: Option<Learned>,
    /// The operator wants it to be refused.
    pub disabled: bool,
}

/// A client that registers.
pub struct NewClient {
    /// Chosen at random by the caller.
    pub id: ClientId,
    /// Unique among all clients.
    pub name: String,
    /// The version byte of its request.
    pub version: u8,
}

/// What comes with a 1101.
pub struct NewKeys {
    /// The name that the client says it has.
    pub name: String,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// The key that the server made.
    pub aes_key: AesKey,
    /// The version byte of the request.
    pub version: u8,
}

/// An upload whose plaintext is on disk, but not known to the database yet.
pub struct Received<I> {
    /// Where it is.
    pub incoming: I,
    /// File name as sent.
    pub name: String,
    /// Bytes of plaintext.
    pub size: u64,
    /// Bytes of encrypted content.
    pub content_size: u32,
    /// cksum of the plaintext.
    pub cksum: u32,
    /// BLAKE3 of the plaintext, for the operator.
    pub digest: [u8; 32],
    /// The version byte of the request.
    pub version: u8,
}

/// Names one version of one file. Greater ones became durable later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionId(pub i64);

/// Bytes of a block of a disk. Content is counted in whole ones: a million files of one byte are no
/// small matter.
pub const BLOCK: u64 = 4096;

/// What became of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// The client is there.
    Done,
    /// Another client has the name.
    NameTaken,
    /// There are as many clients as there may be.
    Full,
}

/// What became of new keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeysSet {
    /// They replace the old ones.
    Done,
    /// There is no such client.
    UnknownClient,
    /// The client has another name.
    NameDiffers,
}

/// Whether a verdict found what it judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The verdict counts.
    Honoured,
    /// Nothing waits under that name.
    NothingWaiting,
    /// There is no such client.
    UnknownClient,
}

/// Plaintext on its way in, gone when dropped.
pub trait Incoming: io::Write + Send + 'static {
    /// Makes what was written durable. Blocks.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the disk is full or fails: then nothing is known of the content.
    fn sync(&self) -> Result<(), StoreError>;
}

/// Clients, keys and versions, kept so that a kill at any moment loses nothing that was answered.
///
/// Every future resolves once its change is durable. A call whose future is dropped may or may not
/// have happened.
pub trait Store: Send + Sync + 'static {
    /// Where an upload goes while it is on its way.
    type Incoming: Incoming;

    /// Adds a client, if there are less than `most`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store itself fails, as for all methods.
    fn register(
        &self,
        client: NewClient,
        most: u64,
    ) -> impl Future<Output = Result<Registered, StoreError>> + Send;

    /// Bytes of all versions of a client, or of all clients, each in whole blocks.
    fn stored(&self, id: Option<ClientId>) -> impl Future<Output = Result<u64, StoreError>> + Send;

    /// The client with this ID, if there is one.
    fn client(
        &self,
        id: ClientId,
    ) -> impl Future<Output = Result<Option<Client>, StoreError>> + Send;

    /// Replaces the keys of a client.
    fn set_keys(
        &self,
        id: ClientId,
        keys: NewKeys,
    ) -> impl Future<Output = Result<KeysSet, StoreError>> + Send;

    /// Replaces the AES key of a client; `false` if there is no such client.
    fn set_aes_key(
        &self,
        id: ClientId,
        aes_key: AesKey,
        version: u8,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Forgets the AES key of a client, if it still is this one. Whether it was.
    fn forget_aes_key(
        &self,
        id: ClientId,
        aes_key: AesKey,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// The client with this ID, which asks for something that changes nothing else.
    fn seen(
        &self,
        id: ClientId,
        version: u8,
    ) -> impl Future<Output = Result<Option<Client>, StoreError>> + Send;

    /// Keeps what was learned of a client's dialect; `false` if there is no such client.
    fn learn(
        &self,
        id: ClientId,
        learned: Learned,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Room for the plaintext of one upload. Dropped, it is gone. Blocks.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if no file can be created.
    fn incoming(&self) -> Result<Self::Incoming, StoreError>;

    /// Makes a version of what was written; `None` if there is no such client any more. The
    /// content must be durable: [`Incoming::sync`].
    fn received(
        &self,
        id: ClientId,
        upload: Received<Self::Incoming>,
    ) -> impl Future<Output = Result<Option<VersionId>, StoreError>> + Send;

    /// A right cksum, for `version` or else for the newest waiting version of `name`. It ends the
    /// waiting versions of the file that are older. Honoured again for a file that is verified already.
    fn verify(
        &self,
        id: ClientId,
        name: String,
        version: Option<VersionId>,
    ) -> impl Future<Output = Result<Judged, StoreError>> + Send;

    /// A wrong cksum, for `version` or else for the newest waiting version of `name`, which is
    /// removed. Never touches a verified version.
    fn remove_waiting(
        &self,
        id: ClientId,
        name: String,
        version: Option<VersionId>,
    ) -> impl Future<Output = Result<Judged, StoreError>> + Send;
}

/// The store failed: ours to mend, not the peer's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system said no.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another server works on this folder.
    #[error("{} is used by another server", path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// What should be the key file is none. Written anew, it would make every stored key useless.
    #[error("{} has {size} bytes, and a key file has 32; put the right one back, or move this one aside: clients then exchange keys once more", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: usize,
    },
    /// A key could not be encrypted for the database.
    #[error("cannot seal a key for the database")]
    Sealing,
    /// The database was written by a later release.
    #[error("{} has schema version {found}, this program knows {known}", path.display())]
    NewerDatabase {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest one that this program reads.
        known: i64,
    },
    /// The file is a database, but not ours.
    #[error("{} is the database of another program", path.display())]
    ForeignDatabase {
        /// The database.
        path: PathBuf,
    },
    /// There are files, but no rows for them. To go on would mean to take them for leftovers.
    #[error("{} is missing or empty, but there are stored files beside it", path.display())]
    DatabaseMissing {
        /// The database.
        path: PathBuf,
    },
    /// There is no database to be read.
    #[error("there is no database {}", path.display())]
    NoDatabase {
        /// The database.
        path: PathBuf,
    },
    /// SQLite said no.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// A transaction was given up; the requests in it share the reason.
    #[error("database: the transaction failed: {0}")]
    Transaction(std::sync::Arc<Self>),
    /// The operator wants the client to be refused.
    #[error("the operator disabled this client")]
    Disabled,
    /// A file name that cannot be stored.
    #[error("no file can have this name")]
    FileName,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

#[cfg(test)]
mod tests;
