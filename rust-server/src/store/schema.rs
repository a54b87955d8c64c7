//! The tables, and which version of them a database has.

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// Version of the tables below, in `PRAGMA user_version`. Zero is an empty database.
pub(super) const KNOWN: i64 = 2;

/// What leads from each version to the next, from version 1 on.
const MIGRATIONS: [(i64, &str); 1] = [(1, "ALTER TABLE clients ADD COLUMN learned TEXT")];

/// In `PRAGMA application_id`, so that `file` and we can tell the database from others: "bkup".
const APPLICATION: i64 = 0x626b_7570;

/// A client's `id` is a credential; all other tables use `number`. `path_key` is what two paths have
/// in common that some file system takes for one. A version is waiting while `verified_at` is null,
/// and its content is in `incoming/stored_as` until `placed` is 1: then it is the client's `path`.
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
        learned       TEXT
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
";

/// Opens the database at `path`, with our tables in it. They are created in an empty database,
/// unless `is_new` knows better.
pub(super) fn open(
    path: &Path,
    is_new: impl FnOnce() -> Result<bool, StoreError>,
) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    let found = version(&connection, path)?;
    if found == 0 && !is_new()? {
        let path = path.to_owned();
        return Err(StoreError::DatabaseMissing { path });
    }
    // FULL, so that a commit is on disk when it returns: 2103 and the end after a verdict say so.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    if found < KNOWN {
        let transaction = connection.transaction()?;
        if found == 0 {
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
        } else {
            for (_, step) in MIGRATIONS.iter().filter(|(from, _)| *from >= found) {
                transaction.execute_batch(step)?;
            }
        }
        transaction.pragma_update(None, "user_version", KNOWN)?;
        transaction.commit()?;
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
