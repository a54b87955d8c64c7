//! The one thread that writes: it owns the database and the names in the data folder.
//!
//! Whatever waits when it is free becomes one transaction, so that a commit, which costs a
//! flush of the disk, is shared. Moves and removals of files happen after the commit and in its
//! order: no later verdict can be overtaken by an earlier one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::layout::{IncomingFile, Layout};
use super::{StoreError, VersionId};

/// Requests in one transaction at most, so that the first of them does not wait for ever.
const BATCH: usize = 256;

/// Moves that are done but not known to be durable. More of them, or a pause, and they are synced.
const UNSETTLED: usize = 1024;

/// How long a pause is.
const PAUSE: Duration = Duration::from_millis(20);

/// What happens in the data folder once a transaction is durable.
pub(super) enum Effect {
    /// A row names the file now.
    Keep(IncomingFile),
    /// Verified content goes to its place.
    Place {
        version: VersionId,
        stored_as: String,
        label: String,
        path: String,
    },
    /// No row names the file any more.
    Discard { stored_as: String },
}

/// One request: run in a transaction, answered after its commit.
pub(super) struct Job(Box<Work>);

type Work = dyn FnOnce(&mut Transaction<'_>, &mut Vec<Effect>) -> Answer + Send;

/// Told whether the transaction of the request is durable.
type Answer = Box<dyn FnOnce(Result<(), Arc<StoreError>>)>;

impl Job {
    /// `work` runs in a savepoint: if it fails, its changes and effects are undone, and those of
    /// other requests in the transaction stay.
    pub(super) fn new<T: Send + 'static>(
        work: impl FnOnce(&Connection, &mut Vec<Effect>) -> Result<T, StoreError> + Send + 'static,
        reply: oneshot::Sender<Result<T, StoreError>>,
    ) -> Self {
        Self(Box::new(move |transaction, effects| {
            let before = effects.len();
            let result = transaction
                .savepoint()
                .map_err(StoreError::from)
                .and_then(|savepoint| {
                    let value = work(&savepoint, effects)?;
                    savepoint.commit()?;
                    Ok(value)
                });
            if result.is_err() {
                effects.truncate(before);
            }
            Box::new(move |committed: Result<(), Arc<StoreError>>| {
                // A receiver that is gone belongs to a connection that is gone.
                let _ = reply.send(match committed {
                    Ok(()) => result,
                    Err(error) => Err(StoreError::Transaction(error)),
                });
            })
        }))
    }
}

/// State of the thread.
pub(super) struct Writer {
    connection: Connection,
    layout: Arc<Layout>,
    /// Versions that were moved to a client's folder which is not synced yet.
    unsettled: Vec<(VersionId, String)>,
}

impl Writer {
    pub(super) fn new(connection: Connection, layout: Arc<Layout>) -> Self {
        Self {
            connection,
            layout,
            unsettled: Vec::new(),
        }
    }

    /// Serves requests until all senders are gone.
    pub(super) fn run(mut self, requests: &Receiver<Job>) {
        loop {
            let first = if self.unsettled.is_empty() {
                requests.recv().map_err(RecvTimeoutError::from)
            } else {
                requests.recv_timeout(PAUSE)
            };
            match first {
                Ok(first) => self.batch(first, requests),
                Err(RecvTimeoutError::Timeout) => self.settle(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.unsettled.len() >= UNSETTLED {
                self.settle();
            }
        }
        self.settle();
    }

    /// One transaction for `first` and everything that waits behind it.
    fn batch(&mut self, first: Job, requests: &Receiver<Job>) {
        let mut effects = Vec::new();
        let mut answers = Vec::new();
        let jobs = std::iter::once(first).chain(requests.try_iter().take(BATCH - 1));
        match self.transaction(jobs, &mut effects, &mut answers) {
            Ok(()) => {
                for effect in effects {
                    if let Err(error) = self.apply(effect) {
                        // Rows are right; the next start finds what has to be done again.
                        error!(%error, "the data folder lags behind the database");
                    }
                }
                answers.into_iter().for_each(|answer| answer(Ok(())));
            }
            Err(error) => {
                error!(%error, "a transaction failed");
                let error = Arc::new(error);
                answers
                    .into_iter()
                    .for_each(|answer| answer(Err(Arc::clone(&error))));
            }
        }
    }

    fn transaction(
        &mut self,
        jobs: impl Iterator<Item = Job>,
        effects: &mut Vec<Effect>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.connection.transaction()?;
        for Job(job) in jobs {
            answers.push(job(&mut transaction, effects));
        }
        if effects
            .iter()
            .any(|effect| matches!(effect, Effect::Keep(_)))
        {
            // Rows must not outlive, in a power failure, the files that they name.
            self.layout.sync_incoming()?;
        }
        Ok(transaction.commit()?)
    }

    fn apply(&mut self, effect: Effect) -> Result<(), StoreError> {
        match effect {
            Effect::Keep(incoming) => incoming.keep(),
            Effect::Discard { stored_as } => self.layout.discard(&stored_as),
            Effect::Place {
                version,
                stored_as,
                label,
                path,
            } => {
                self.layout.place(&stored_as, &label, &path)?;
                self.unsettled.push((version, label));
                Ok(())
            }
        }
    }

    /// Makes moves durable, and then says so in the database.
    fn settle(&mut self) {
        let moved = std::mem::take(&mut self.unsettled);
        let labels: BTreeSet<&str> = moved.iter().map(|(_, label)| label.as_str()).collect();
        let result = labels
            .iter()
            .try_for_each(|label| self.layout.sync_client(label))
            .and_then(|()| mark_placed(&mut self.connection, moved.iter().map(|(id, _)| *id)));
        if let Err(error) = result {
            warn!(%error, "moved files are checked again at the next start");
        }
    }
}

/// Says that versions are at their place, durably.
pub(super) fn mark_placed(
    connection: &mut Connection,
    versions: impl Iterator<Item = VersionId>,
) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    {
        let mut update =
            transaction.prepare_cached("UPDATE versions SET placed = 1 WHERE number = ?")?;
        for VersionId(number) in versions {
            update.execute([number])?;
        }
    }
    Ok(transaction.commit()?)
}
