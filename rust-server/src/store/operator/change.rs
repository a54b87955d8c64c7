//! What an operator changes.

use std::thread;
use std::time::{Duration, Instant};

use backup_protocol::wire::Name;
use rusqlite::{OptionalExtension, Transaction, params};

use super::folder::{self, Folder};
use super::{ClientInfo, Operator, OperatorError, PATIENCE, Result, VersionInfo, now};

/// Versions that one transaction removes at most, so that no request of a client waits long.
const AT_ONCE: usize = 64;

/// Between two looks whether the server is done with a file.
const PAUSE: Duration = Duration::from_millis(20);

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many versions.
    pub versions: u64,
    /// Bytes of their content.
    pub bytes: u64,
}

impl Operator {
    /// Gives a client another name; its ID, its keys and its folder stay. The old name can be registered
    /// again. What the client sends next under its old name is refused (PROTOCOL.md 2.2).
    ///
    /// # Errors
    ///
    /// [`OperatorError::BadName`] if no name field holds it, or another client has it.
    pub fn rename(&mut self, client: &ClientInfo, name: &str) -> Result<()> {
        let bad = |reason| OperatorError::BadName {
            name: name.to_owned(),
            reason,
        };
        if Name::new(name).is_err() {
            return Err(bad("it has to have 1 to 254 bytes, none of them zero"));
        }
        let transaction = self.transaction()?;
        let taken = transaction
            .prepare("SELECT 1 FROM clients WHERE name = ? AND number <> ?")?
            .exists(params![name, client.number])?;
        if taken {
            return Err(bad("another client has the name"));
        }
        transaction.execute(
            "UPDATE clients SET name = ? WHERE number = ?",
            params![name, client.number],
        )?;
        Ok(transaction.commit()?)
    }

    /// Lets the server refuse a client, or serve it again. Whether anything changed.
    ///
    /// # Errors
    ///
    /// [`OperatorError`] if the database fails.
    pub fn disable(&mut self, client: &ClientInfo, disabled: bool) -> Result<bool> {
        let transaction = self.transaction()?;
        let changed = transaction.execute(
            "UPDATE clients SET disabled_at = ?1 WHERE number = ?2 AND (disabled_at IS NULL) = (?1 IS NOT NULL)",
            params![disabled.then(now), client.number],
        )?;
        transaction.commit()?;
        Ok(changed == 1)
    }

    /// Removes a client with all its versions. It is disabled first, so that nothing comes in between.
    ///
    /// # Errors
    ///
    /// [`OperatorError`] if database or folder fail; what was not removed is then still there.
    pub fn remove_client(&mut self, client: &ClientInfo) -> Result<Removed> {
        self.disable(client, true)?;
        let mut removed = Removed::default();
        loop {
            let versions = self.versions(Some(client), None)?;
            let these = self.remove(&versions)?;
            removed.versions += these.versions;
            removed.bytes += these.bytes;
            let transaction = self.transaction()?;
            let left = transaction
                .prepare("SELECT 1 FROM files WHERE client = ?")?
                .exists([client.number])?;
            if !left {
                transaction.execute("DELETE FROM clients WHERE number = ?", [client.number])?;
                transaction.commit()?;
                return Ok(removed);
            }
        }
    }

    /// Says of versions that they stay whatever is pruned, or takes that back. How many changed.
    ///
    /// # Errors
    ///
    /// [`OperatorError`] if the database fails.
    pub fn pin(&mut self, versions: &[VersionInfo], pinned: bool) -> Result<usize> {
        let transaction = self.transaction()?;
        let mut changed = 0;
        for version in versions {
            changed += transaction.execute(
                "UPDATE versions SET pinned_at = ?1 WHERE number = ?2 AND (pinned_at IS NULL) = (?1 IS NOT NULL)",
                params![pinned.then(now), version.version.0],
            )?;
        }
        transaction.commit()?;
        Ok(changed)
    }

    /// Removes versions, whatever they are. A file whose newest verified version goes is the next older
    /// one from then on.
    ///
    /// # Errors
    ///
    /// [`OperatorError::Busy`] if the server does not finish with one of the files; otherwise those of
    /// database and folder. What was not removed is still there.
    pub fn remove(&mut self, versions: &[VersionInfo]) -> Result<Removed> {
        let mut removed = Removed::default();
        for some in versions.chunks(AT_ONCE) {
            let taken = self.take(some)?;
            for version in &taken {
                removed.versions += 1;
                removed.bytes += version.size;
                self.folder.remove(&version.stored_as)?;
            }
            if !taken.is_empty() {
                folder::sync(&self.folder.versions())?;
            }
            let transaction = self.transaction()?;
            for version in taken {
                forget_content(&transaction, version)?;
            }
            transaction.commit()?;
        }
        Ok(removed)
    }

    /// Takes the row of a version away for good: nobody removes its content.
    pub(super) fn take_for_good(&mut self, version: &VersionInfo) -> Result<()> {
        self.take_and(std::slice::from_ref(version), forget_content)?;
        Ok(())
    }

    /// Takes the rows of versions away; those that had one. Their content is to be removed, by us or by the
    /// next start of the server.
    fn take<'a>(&mut self, versions: &'a [VersionInfo]) -> Result<Vec<&'a VersionInfo>> {
        self.take_and(versions, |_, _| Ok(()))
    }

    fn take_and<'a>(
        &mut self,
        versions: &'a [VersionInfo],
        and: impl Fn(&Transaction<'_>, &VersionInfo) -> Result<()>,
    ) -> Result<Vec<&'a VersionInfo>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let folder = Folder::new(self.folder.root());
            let transaction = self.transaction()?;
            if let Some(version) = unsettled(&transaction, versions)? {
                let newest = newest(&transaction, version.file)?;
                if folder.is_served() {
                    drop(transaction);
                    if Instant::now() > deadline {
                        let name = version.name.clone();
                        return Err(OperatorError::Busy { name });
                    }
                    thread::sleep(PAUSE);
                    continue;
                }
                // A kill left it. What a start would do is done here.
                if let Some((number, stored_as)) = newest {
                    if folder.content(&stored_as).exists() {
                        folder.show(&stored_as, &version.label, &version.path)?;
                    }
                    transaction.execute(
                        "UPDATE versions SET placed = 1 WHERE file = ? AND number <= ? AND verified_at IS NOT NULL",
                        [version.file, number],
                    )?;
                }
                transaction.commit()?;
                continue;
            }
            let mut taken = Vec::new();
            for version in versions {
                if take_one(&transaction, &folder, version)? {
                    and(&transaction, version)?;
                    taken.push(version);
                }
            }
            transaction.commit()?;
            return Ok(taken);
        }
    }
}

/// Nothing is left to be done about the content of a row that is gone.
fn forget_content(rows: &Transaction<'_>, version: &VersionInfo) -> Result<()> {
    rows.prepare_cached("DELETE FROM removed WHERE stored_as = ?")?
        .execute([&version.stored_as])?;
    Ok(())
}

/// A version whose file has a name that is due.
fn unsettled<'a>(
    rows: &Transaction<'_>,
    versions: &'a [VersionInfo],
) -> Result<Option<&'a VersionInfo>> {
    let mut select = rows.prepare_cached(
        "SELECT 1 FROM versions WHERE file = ? AND placed = 0 AND verified_at IS NOT NULL",
    )?;
    for version in versions {
        if select.exists([version.file])? {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

/// The newest verified version of a file.
fn newest(rows: &Transaction<'_>, file: i64) -> Result<Option<(i64, String)>> {
    let mut select = rows.prepare_cached(
        "SELECT number, stored_as FROM versions WHERE file = ? AND verified_at IS NOT NULL
         ORDER BY number DESC LIMIT 1",
    )?;
    let newest = select.query_row([file], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(newest.optional()?)
}

/// Whether there was a row.
fn take_one(rows: &Transaction<'_>, folder: &Folder, version: &VersionInfo) -> Result<bool> {
    let before = newest(rows, version.file)?;
    let taken = rows
        .prepare_cached("DELETE FROM versions WHERE number = ? AND file = ?")?
        .execute([version.version.0, version.file])?;
    if taken == 0 {
        return Ok(false);
    }
    let after = newest(rows, version.file)?;
    match &after {
        _ if before == after => {}
        Some((_, stored_as)) => folder.show(stored_as, &version.label, &version.path)?,
        None => folder.hide(&version.label, &version.path)?,
    }
    // A name that holds nothing holds no path either.
    rows.prepare_cached(
        "DELETE FROM files WHERE number = ?1
         AND NOT EXISTS (SELECT 1 FROM versions WHERE file = ?1)",
    )?
    .execute([version.file])?;
    Ok(true)
}
