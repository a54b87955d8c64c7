//! What each request does to the rows. All of it runs in a transaction of the writer.

use std::time::SystemTime;

use backup_protocol::crypto::AesKey;
use backup_protocol::session::server::Learned;
use backup_protocol::wire::ClientId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::incoming::IncomingFile;
use super::path::{path_for, path_key};
use super::seal::Seal;
use super::writer::Effect;
use super::{
    Client, Judged, KeysSet, NewClient, NewKeys, Received, Registered, StoreError, VersionId, usage,
};

pub(super) fn register(
    rows: &Connection,
    client: &NewClient,
    most: u64,
) -> Result<Registered, StoreError> {
    let taken = rows
        .prepare_cached("SELECT 1 FROM clients WHERE name = ?")?
        .exists([&client.name])?;
    if taken {
        return Ok(Registered::NameTaken);
    }
    if !usage::has_room(rows, most)? {
        return Ok(Registered::Full);
    }
    let mut insert = rows.prepare_cached(
        "INSERT INTO clients (id, name, label, version, registered_at, last_seen_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (label) DO NOTHING",
    )?;
    loop {
        let label = new_label(&client.name);
        if insert.execute(params![
            client.id.as_bytes(),
            client.name,
            label,
            client.version,
            now()
        ])? == 1
        {
            return Ok(Registered::Done);
        }
    }
}

pub(super) fn client(
    rows: &Connection,
    seal: &Seal,
    id: ClientId,
) -> Result<Option<Client>, StoreError> {
    let mut select = rows.prepare_cached(
        "SELECT name, label, public_key, aes_key, learned, disabled_at IS NOT NULL
         FROM clients WHERE id = ?",
    )?;
    let client = select.query_row([id.as_bytes()], |row| {
        let aes_key = row
            .get_ref(3)?
            .as_blob_or_null()?
            .and_then(|sealed| seal.open(id, sealed));
        let learned = row
            .get_ref(4)?
            .as_str_or_null()?
            .and_then(Learned::from_json);
        Ok(Client {
            name: row.get(0)?,
            label: row.get(1)?,
            public_key: row.get(2)?,
            aes_key,
            learned,
            disabled: row.get(5)?,
        })
    });
    Ok(client.optional()?)
}

/// Nothing that a disabled client asks for is done.
fn refuse_disabled(rows: &Connection, id: ClientId) -> Result<(), StoreError> {
    let mut select =
        rows.prepare_cached("SELECT 1 FROM clients WHERE id = ? AND disabled_at IS NOT NULL")?;
    match select.exists([id.as_bytes()])? {
        true => Err(StoreError::Disabled),
        false => Ok(()),
    }
}

pub(super) fn seen(
    rows: &Connection,
    seal: &Seal,
    id: ClientId,
    version: u8,
) -> Result<Option<Client>, StoreError> {
    refuse_disabled(rows, id)?;
    rows.prepare_cached("UPDATE clients SET version = ?, last_seen_at = ? WHERE id = ?")?
        .execute(params![version, now(), id.as_bytes()])?;
    client(rows, seal, id)
}

pub(super) fn learn(
    rows: &Connection,
    id: ClientId,
    learned: &Learned,
) -> Result<bool, StoreError> {
    let mut update = rows.prepare_cached("UPDATE clients SET learned = ? WHERE id = ?")?;
    Ok(update.execute(params![learned.to_json(), id.as_bytes()])? == 1)
}

pub(super) fn set_aes_key(
    rows: &Connection,
    seal: &Seal,
    id: ClientId,
    aes_key: &AesKey,
    version: u8,
) -> Result<bool, StoreError> {
    refuse_disabled(rows, id)?;
    let mut update = rows.prepare_cached(
        "UPDATE clients SET aes_key = ?, version = ?, last_seen_at = ? WHERE id = ?",
    )?;
    let aes_key = seal.seal(id, aes_key)?;
    Ok(update.execute(params![aes_key, version, now(), id.as_bytes()])? == 1)
}

pub(super) fn forget_aes_key(
    rows: &Connection,
    seal: &Seal,
    id: ClientId,
    aes_key: &AesKey,
) -> Result<bool, StoreError> {
    if client(rows, seal, id)?
        .and_then(|client| client.aes_key)
        .as_ref()
        != Some(aes_key)
    {
        return Ok(false);
    }
    let mut update = rows.prepare_cached("UPDATE clients SET aes_key = NULL WHERE id = ?")?;
    Ok(update.execute([id.as_bytes()])? == 1)
}

pub(super) fn set_keys(
    rows: &Connection,
    seal: &Seal,
    id: ClientId,
    keys: &NewKeys,
) -> Result<KeysSet, StoreError> {
    refuse_disabled(rows, id)?;
    let mut select = rows.prepare_cached("SELECT name FROM clients WHERE id = ?")?;
    let name: Option<String> = select
        .query_row([id.as_bytes()], |row| row.get(0))
        .optional()?;
    match name {
        None => return Ok(KeysSet::UnknownClient),
        Some(name) if name != keys.name => return Ok(KeysSet::NameDiffers),
        Some(_) => {}
    }
    let mut update = rows.prepare_cached(
        "UPDATE clients SET public_key = ?, aes_key = ?, version = ?, last_seen_at = ?
         WHERE id = ?",
    )?;
    let (public, aes) = (keys.public_key.as_slice(), seal.seal(id, &keys.aes_key)?);
    update.execute(params![public, aes, keys.version, now(), id.as_bytes()])?;
    Ok(KeysSet::Done)
}

/// PROTOCOL.md 7.1: the safe characters of the name, at most 32, and 8 random hex digits.
fn new_label(name: &str) -> String {
    let safe = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let mut label: String = name.chars().filter(safe).take(32).collect();
    if label.is_empty() {
        label.push_str("client");
    }
    format!("{label}-{:08x}", rand::random::<u32>())
}

pub(super) fn received(
    rows: &Connection,
    effects: &mut Vec<Effect>,
    id: ClientId,
    upload: Received<IncomingFile>,
) -> Result<Option<VersionId>, StoreError> {
    refuse_disabled(rows, id)?;
    let now = now();
    let client: Option<i64> = rows
        .prepare_cached(
            "UPDATE clients SET version = ?, last_seen_at = ? WHERE id = ? RETURNING number",
        )?
        .query_row(params![upload.version, now, id.as_bytes()], |row| {
            row.get(0)
        })
        .optional()?;
    let Some(client) = client else {
        return Ok(None);
    };
    let file = match file(rows, id, &upload.name)? {
        Some(file) => file.number,
        None => new_file(rows, client, &upload.name)?,
    };
    upload.incoming.publish()?;
    let number = rows
        .prepare_cached(
            "INSERT INTO versions
                (file, stored_as, size, content_size, cksum, digest, received_at)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .insert(params![
            file,
            upload.incoming.stored_as(),
            // At most what a 4-byte content size can hold.
            upload.size.cast_signed(),
            upload.content_size,
            upload.cksum,
            upload.digest,
            now
        ])?;
    effects.push(Effect::Keep(upload.incoming));
    Ok(Some(VersionId(number)))
}

fn new_file(rows: &Connection, client: i64, name: &str) -> Result<i64, StoreError> {
    let mut select =
        rows.prepare_cached("SELECT 1 FROM files WHERE client = ? AND path_key = ?")?;
    let path = path_for(name, |key| select.exists(params![client, key]))?;
    let Some(path) = path else {
        return Err(StoreError::FileName);
    };
    let mut insert = rows
        .prepare_cached("INSERT INTO files (client, name, path, path_key) VALUES (?, ?, ?, ?)")?;
    Ok(insert.insert(params![client, name, path, path_key(&path)])?)
}

pub(super) fn verify(
    rows: &Connection,
    effects: &mut Vec<Effect>,
    id: ClientId,
    name: &str,
    version: Option<VersionId>,
) -> Result<Judged, StoreError> {
    refuse_disabled(rows, id)?;
    let Some(file) = file(rows, id, name)? else {
        return nothing_waiting(rows, id);
    };
    let Some(waiting) = waiting(rows, file.number, version)? else {
        // A verdict that names a version is honoured by that version, or by a newer one that took its place:
        // an older one says nothing of content that is gone.
        let repeated = rows
            .prepare_cached(
                "SELECT 1 FROM versions
                 WHERE file = ? AND verified_at IS NOT NULL AND number >= ?",
            )?
            .exists(params![file.number, version.map_or(0, |named| named.0)])?;
        return Ok(if repeated {
            Judged::Honoured
        } else {
            Judged::NothingWaiting
        });
    };
    // What is older and waits ends here, so a verdict on it that comes late finds nothing to put over this.
    let mut older = rows.prepare_cached(
        "DELETE FROM versions WHERE file = ? AND number < ? AND verified_at IS NULL
         RETURNING stored_as",
    )?;
    for ended in older.query_map([file.number, waiting.number], |row| row.get(0))? {
        effects.push(Effect::Remove { stored_as: ended? });
    }
    rows.prepare_cached("UPDATE versions SET verified_at = ? WHERE number = ?")?
        .execute(params![now(), waiting.number])?;
    effects.push(Effect::Show {
        version: VersionId(waiting.number),
        stored_as: waiting.stored_as,
        label: file.label,
        path: file.path,
    });
    Ok(Judged::Honoured)
}

pub(super) fn remove_waiting(
    rows: &Connection,
    effects: &mut Vec<Effect>,
    id: ClientId,
    name: &str,
    version: Option<VersionId>,
) -> Result<Judged, StoreError> {
    refuse_disabled(rows, id)?;
    let Some(file) = file(rows, id, name)? else {
        return nothing_waiting(rows, id);
    };
    let Some(waiting) = waiting(rows, file.number, version)? else {
        return Ok(Judged::NothingWaiting);
    };
    rows.prepare_cached("DELETE FROM versions WHERE number = ?")?
        .execute([waiting.number])?;
    effects.push(Effect::Remove {
        stored_as: waiting.stored_as,
    });
    forget_if_empty(rows, file.number)?;
    Ok(Judged::Honoured)
}

/// Removes at most `at_most` versions that came before `time` (milliseconds since 1970) and that nobody
/// has judged; how many there were.
pub(super) fn prune_unverified(
    rows: &Connection,
    effects: &mut Vec<Effect>,
    time: i64,
    at_most: u32,
) -> Result<usize, StoreError> {
    let mut old = rows.prepare_cached(
        "DELETE FROM versions WHERE number IN
            (SELECT number FROM versions WHERE verified_at IS NULL AND received_at < ? LIMIT ?)
         RETURNING stored_as, file",
    )?;
    let ended = old.query_map(params![time, at_most], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?))
    })?;
    let ended = ended.collect::<Result<Vec<(String, i64)>, _>>()?;
    let count = ended.len();
    for (stored_as, file) in ended {
        effects.push(Effect::Remove { stored_as });
        forget_if_empty(rows, file)?;
    }
    Ok(count)
}

/// A name that holds nothing holds no path either.
fn forget_if_empty(rows: &Connection, file: i64) -> Result<(), StoreError> {
    rows.prepare_cached(
        "DELETE FROM files WHERE number = ?1
         AND NOT EXISTS (SELECT 1 FROM versions WHERE file = ?1)",
    )?
    .execute([file])?;
    Ok(())
}

/// The answer where there is no file, and perhaps no client either.
fn nothing_waiting(rows: &Connection, id: ClientId) -> Result<Judged, StoreError> {
    let mut select = rows.prepare_cached("SELECT 1 FROM clients WHERE id = ?")?;
    let known = select.exists([id.as_bytes()])?;
    Ok(if known {
        Judged::NothingWaiting
    } else {
        Judged::UnknownClient
    })
}

struct File {
    number: i64,
    label: String,
    path: String,
}

fn file(rows: &Connection, id: ClientId, name: &str) -> Result<Option<File>, StoreError> {
    let mut select = rows.prepare_cached(
        "SELECT files.number, label, path FROM files JOIN clients ON client = clients.number
         WHERE clients.id = ? AND files.name = ?",
    )?;
    let file = select.query_row(params![id.as_bytes(), name], |row| {
        Ok(File {
            number: row.get(0)?,
            label: row.get(1)?,
            path: row.get(2)?,
        })
    });
    Ok(file.optional()?)
}

struct Waiting {
    number: i64,
    stored_as: String,
}

/// The version that a verdict means, if it is waiting.
fn waiting(
    rows: &Connection,
    file: i64,
    version: Option<VersionId>,
) -> Result<Option<Waiting>, StoreError> {
    let mut select = rows.prepare_cached(
        "SELECT number, stored_as FROM versions
         WHERE file = ?1 AND verified_at IS NULL AND (?2 IS NULL OR number = ?2)
         ORDER BY number DESC LIMIT 1",
    )?;
    let waiting = select.query_row(params![file, version.map(|id| id.0)], |row: &Row<'_>| {
        Ok(Waiting {
            number: row.get(0)?,
            stored_as: row.get(1)?,
        })
    });
    Ok(waiting.optional()?)
}

fn now() -> i64 {
    milliseconds(SystemTime::now())
}

/// Milliseconds since 1970.
pub(super) fn milliseconds(time: SystemTime) -> i64 {
    let since = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
