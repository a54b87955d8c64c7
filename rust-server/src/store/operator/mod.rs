//! What an operator does with a store, beside a server that runs or without one.
//!
//! Rows are changed under SQLite's own lock for writers, which the server takes for each of its
//! transactions too. Names in a client's folder are changed under that lock as well, and only where the
//! server has nothing left to do: a verified version whose name is still due belongs to it. Content in
//! `versions` is never written to again, so that whoever has read a row can read the content; it is
//! removed after its row.

mod change;
mod check;
mod copy;
mod doctor;
mod folder;
mod look;
mod retention;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::{StoreError, schema};
use folder::Folder;

pub use change::Removed;
pub use check::{Damage, Spoilt};
pub use copy::Copied;
pub use doctor::{Examination, Finding, FindingKind};
pub use look::{ClientInfo, Totals, VersionInfo};
pub use retention::{Retention, Verdict};

/// How long the operator's changes wait for the server's, and may keep them waiting.
const PATIENCE: Duration = Duration::from_secs(10);

/// A store, opened beside whoever else works on it.
pub struct Operator {
    folder: Folder,
    connection: Connection,
}

/// Why an operator's command cannot be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The store itself.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tables are those of an earlier release, and only the server changes them.
    #[error("{} has the tables of an earlier release", path.display())]
    OlderDatabase {
        /// The database.
        path: PathBuf,
    },
    /// No client has this name or label.
    #[error("there is no client {word:?}")]
    NoClient {
        /// As given.
        word: String,
        /// The one that was perhaps meant.
        nearest: Option<String>,
    },
    /// The name of one client is the label of another.
    #[error("{word:?} is the name of one client and the label of another")]
    Ambiguous {
        /// As given.
        word: String,
    },
    /// Another client holds the name, or no client can have it.
    #[error("no client can be called {name:?}: {reason}")]
    BadName {
        /// As given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The server is still busy with the file.
    #[error("the server has not finished with {name:?}")]
    Busy {
        /// The file's name.
        name: String,
    },
}

impl From<rusqlite::Error> for OperatorError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

type Result<T> = std::result::Result<T, OperatorError>;

impl Operator {
    /// Opens a store to look at it. Nothing is changed, and no server is kept from its work. Blocks, as
    /// everything here does.
    ///
    /// # Errors
    ///
    /// [`OperatorError`] if there is no database, or none of this release.
    pub fn look(root: &Path) -> Result<Self> {
        let path = database(root)?;
        Self::checked(root, super::clients::open(&path)?)
    }

    /// Opens a store to change it.
    ///
    /// # Errors
    ///
    /// As [`look`](Self::look).
    pub fn change(root: &Path) -> Result<Self> {
        let path = database(root)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Self::checked(root, connection)
    }

    fn checked(root: &Path, connection: Connection) -> Result<Self> {
        let path = root.join("backup.db");
        if schema::version(&connection, &path)? < schema::KNOWN {
            return Err(OperatorError::OlderDatabase { path });
        }
        Ok(Self {
            folder: Folder::new(root),
            connection,
        })
    }

    /// A transaction that nobody writes beside, from its begin on.
    fn transaction(&mut self) -> Result<Transaction<'_>> {
        let behavior = TransactionBehavior::Immediate;
        Ok(self.connection.transaction_with_behavior(behavior)?)
    }
}

fn database(root: &Path) -> Result<PathBuf> {
    let path = root.join("backup.db");
    if path.exists() {
        Ok(path)
    } else {
        Err(StoreError::NoDatabase { path }.into())
    }
}

fn time(milliseconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

/// Now, in milliseconds since 1970.
fn now() -> i64 {
    super::rows::milliseconds(SystemTime::now())
}
