//! What an operator decides about the store.

use std::path::PathBuf;
use std::time::Duration;

/// What is on disk when a client is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// Content, names and rows are synced before the answer: a power cut loses nothing that was
    /// answered, as far as disk and file system keep what they say is synced.
    #[default]
    Full,
    /// Nothing is synced. A kill of the server loses nothing; a power cut, or a crash of the system, can
    /// lose or damage what was answered in the minute before it. The database stays sound.
    Relaxed,
}

/// How a [`DiskStore`](super::DiskStore) keeps things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// What is on disk when a client is answered.
    pub durability: Durability,
    /// How long a version waits for a verdict before it is removed; for ever if `None`.
    pub keep_unverified: Option<Duration>,
    /// The file under whose key the AES keys of clients are encrypted in the database; `seal.key` in the
    /// data folder if `None`. It is made if it is not there.
    pub key_file: Option<PathBuf>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            keep_unverified: Some(Duration::from_secs(30 * 24 * 3600)),
            key_file: None,
        }
    }
}
