//! The tables, and which version of them a database has.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::layout::Layout;
use super::seal::Seal;
use super::{Durability, StoreError, migrate};

/// Version of the tables below, in `PRAGMA user_version`. Zero is an empty database.
pub(super) const KNOWN: i64 = 5;

/// What leads from each version to the next, from version 1 on. From 4 to 5 the AES keys are sealed.
const MIGRATIONS: [(i64, &str); 3] = [
    (1, "ALTER TABLE clients ADD COLUMN learned TEXT"),
    (
        2,
        "DROP INDEX versions_incoming;
         CREATE INDEX versions_waiting ON versions (received_at) WHERE verified_at IS NULL;
         CREATE INDEX versions_to_show ON versions (number)
             WHERE placed = 0 AND verified_at IS NOT NULL;
         CREATE TABLE removed (stored_as TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
         CREATE TRIGGER versions_removed AFTER DELETE ON versions
             BEGIN INSERT INTO removed VALUES (OLD.stored_as); END;",
    ),
    (
        3,
        "ALTER TABLE clients ADD COLUMN disabled_at INTEGER;
         ALTER TABLE versions ADD COLUMN digest BLOB CHECK (length(digest) = 32);
         ALTER TABLE versions ADD COLUMN pinned_at INTEGER;",
    ),
];

/// In `PRAGMA application_id`, so that `file` and we can tell the database from others: "bkup".
const APPLICATION: i64 = 0x626b_7570;

/// A client's `id` is a credential; all other tables use `number`. `path_key` is what two paths have
/// in common that some file system takes for one. A version is waiting while `verified_at` is null.
/// Its content is `versions/stored_as`. `placed` is 1 once nothing is left to be done about the client's
/// `path`, which is a second name of the newest verified version. `removed` has the content of rows that
/// are gone, until it is gone too: whoever deletes a row leaves the rest to the server, or to its next start.
/// `aes_key` is sealed under the key file. `digest` is BLAKE3 of the content. What is `disabled` or `pinned` is so by the operator's will.
/// `learned` is what is known of a client's dialect, in JSON. Times are milliseconds since 1970. Versions are numbered in the order they became durable.
const TABLES: &str = "
    CREATE TABLE clients (
        number        INTEGER PRIMARY KEY,
        id            BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
        name          TEXT NOT NULL UNIQUE,
        label         TEXT NOT NULL UNIQUE COLLATE NOCASE,
        public_key    BLOB,
        aes_key       BLOB,
        version       INTEGER NOT NULL,
        registered_at INTEGER NOT NULL,
        last_seen_at  INTEGER NOT NULL,
        learned       TEXT,
        disabled_at   INTEGER
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
        placed        INTEGER NOT NULL DEFAULT 0 CHECK (placed IN (0, 1)),
        digest        BLOB CHECK (length(digest) = 32),
        pinned_at     INTEGER
    ) STRICT;
    CREATE INDEX versions_of_file ON versions (file, number);
    CREATE INDEX versions_waiting ON versions (received_at) WHERE verified_at IS NULL;
    CREATE INDEX versions_to_show ON versions (number)
        WHERE placed = 0 AND verified_at IS NOT NULL;
    CREATE TABLE removed (stored_as TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TRIGGER versions_removed AFTER DELETE ON versions
        BEGIN INSERT INTO removed VALUES (OLD.stored_as); END;
";

/// Opens the database of a data folder, with our tables in it. They are created in an empty database,
/// unless there are files that had rows once.
pub(super) fn open(
    layout: &Layout,
    durability: Durability,
    seal: &Seal,
) -> Result<Connection, StoreError> {
    let path = layout.database();
    let mut connection = Connection::open(&path)?;
    let found = version(&connection, &path)?;
    if found == 0 && !layout.is_empty()? {
        return Err(StoreError::DatabaseMissing { path });
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        // A commit is on disk when it returns: 2103 and the end after a verdict say so.
        Durability::Full => "FULL",
        Durability::Relaxed => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The operator's commands write too: a transaction that only became one for writing after it had read
    // would be refused, and not wait.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    if found < KNOWN {
        // Keys that were stored in the clear are not to stay in what is free of the file.
        connection.pragma_update(None, "secure_delete", true)?;
        if (1..3).contains(&found) {
            migrate::give_versions_their_names(layout, &connection)?;
        }
        let transaction = connection.transaction()?;
        if found == 0 {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
        } else {
            for (_, step) in MIGRATIONS.iter().filter(|(from, _)| *from >= found) {
                transaction.execute_batch(step)?;
            }
            seal.seal_all(&transaction)?;
        }
        transaction.pragma_update(None, "user_version", KNOWN)?;
        transaction.commit()?;
        connection.pragma_update(None, "secure_delete", false)?;
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    Ok(connection)
}

/// Which version of our tables a database has; 0 if it has none at all.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<i64, StoreError> {
    let found = pragma(connection, "user_version")?;
    let application = pragma(connection, "application_id")?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let path = || path.to_owned();
    match found {
        0 if tables == 0 => Ok(0),
        _ if found > KNOWN => Err(StoreError::NewerDatabase {
            path: path(),
            found,
            known: KNOWN,
        }),
        _ if application != APPLICATION => Err(StoreError::ForeignDatabase { path: path() }),
        _ => Ok(found),
    }
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
}
