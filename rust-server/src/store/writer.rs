//! The one thread that writes: it owns the database and the names in the data folder.
//!
//! Whatever waits when it is free becomes one transaction, so that a commit, which costs a
//! flush of the disk, is shared. Content has its place before the commit; names in clients' folders and
//! removals come after it and in its order: no later verdict can be overtaken by an earlier one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::files::Step;
use super::incoming::IncomingFile;
use super::layout::Layout;
use super::recover::finish;
use super::{StoreError, VersionId};

/// Requests in one transaction at most, so that the first of them does not wait for ever.
const BATCH: usize = 256;

/// Names that are made but not known to be durable. More of them, or a pause, and they are synced.
const UNSETTLED: usize = 1024;

/// How long a pause is.
const PAUSE: Duration = Duration::from_millis(20);

/// When what failed after a commit is tried again: soon, and then less and less often.
const RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// What happens in the data folder once a transaction is durable.
pub(super) enum Effect {
    /// A row names the file now.
    Keep(IncomingFile),
    /// Verified content gets its name in the client's folder.
    Show {
        version: VersionId,
        stored_as: String,
        label: String,
        path: String,
    },
    /// No row names the content any more.
    Remove { stored_as: String },
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
    /// Versions with a name in a client's folder which is not synced yet.
    unsettled: Vec<(VersionId, String)>,
    /// Content that was removed, but is on the list of what is to be removed.
    removed: Vec<String>,
    /// Content of rows whose commit failed. Until another one has taken its place in the log of the
    /// database, a kill can bring them back.
    doubtful: Vec<Effect>,
    /// What failed after a commit: when it is tried again, and how long after that.
    lag: Option<(Instant, Duration)>,
}

impl Writer {
    /// `lags` if the start could not finish everything.
    pub(super) fn new(connection: Connection, layout: Arc<Layout>, lags: bool) -> Self {
        let mut writer = Self {
            connection,
            layout,
            unsettled: Vec::new(),
            removed: Vec::new(),
            doubtful: Vec::new(),
            lag: None,
        };
        if lags {
            writer.lags();
        }
        writer
    }

    /// Serves requests until all senders are gone.
    pub(super) fn run(mut self, requests: &Receiver<Job>) {
        loop {
            let until_retry = self
                .lag
                .map(|(due, _)| due.saturating_duration_since(Instant::now()));
            let pause = (self.unsettled_count() > 0).then_some(PAUSE);
            let first = match pause.into_iter().chain(until_retry).min() {
                Some(timeout) => requests.recv_timeout(timeout),
                None => requests.recv().map_err(RecvTimeoutError::from),
            };
            match first {
                Ok(first) => self.batch(first, requests),
                Err(RecvTimeoutError::Timeout) if self.unsettled_count() > 0 => self.settle(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.unsettled_count() >= UNSETTLED {
                self.settle();
            }
            if self.lag.is_some_and(|(due, _)| due <= Instant::now()) {
                self.catch_up();
            }
        }
        if self.unsettled_count() > 0 {
            self.settle();
        }
        if self.lag.is_some() {
            self.catch_up();
        }
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
                        // Rows are right, and content is where it stays.
                        error!(%error, "the data folder lags behind the database");
                        self.lags();
                    }
                }
                answers.into_iter().for_each(|answer| answer(Ok(())));
            }
            Err(error) => {
                error!(%error, "a transaction failed");
                let kept = |effect: &Effect| matches!(effect, Effect::Keep(_));
                self.doubtful.extend(effects.into_iter().filter(kept));
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
        let changes = self.connection.total_changes();
        let mut transaction = self.connection.transaction()?;
        for Job(job) in jobs {
            answers.push(job(&mut transaction, effects));
        }
        if effects
            .iter()
            .any(|effect| matches!(effect, Effect::Keep(_)))
        {
            // Rows must not outlive, in a power failure, the files that they name.
            self.layout.sync_versions()?;
        }
        commit(&self.layout, transaction)?;
        if self.connection.total_changes() > changes {
            self.doubtful.clear();
        }
        Ok(())
    }

    fn apply(&mut self, effect: Effect) -> Result<(), StoreError> {
        match effect {
            Effect::Keep(incoming) => incoming.keep(),
            Effect::Remove { stored_as } => {
                self.layout.remove_version(&stored_as)?;
                self.removed.push(stored_as);
                Ok(())
            }
            Effect::Show {
                version,
                stored_as,
                label,
                path,
            } => {
                self.layout.show(&stored_as, &label, &path)?;
                self.unsettled.push((version, label));
                Ok(())
            }
        }
    }

    fn unsettled_count(&self) -> usize {
        self.unsettled.len() + self.removed.len()
    }

    /// Makes names and removals durable, and then says so in the database.
    fn settle(&mut self) {
        let shown = std::mem::take(&mut self.unsettled);
        let removed = std::mem::take(&mut self.removed);
        let labels: BTreeSet<&str> = shown.iter().map(|(_, label)| label.as_str()).collect();
        let result = labels
            .iter()
            .try_for_each(|label| self.layout.sync_client(label))
            .and_then(|()| match removed.is_empty() {
                true => Ok(()),
                false => self.layout.sync_versions(),
            })
            .and_then(|()| {
                let versions = shown.iter().map(|(version, _)| *version);
                let removed = removed.iter().map(String::as_str);
                settle(&self.layout, &mut self.connection, versions, removed)
            });
        if let Err(error) = result {
            warn!(%error, "what was done in the data folder will be looked at again");
            self.lags();
        }
    }

    /// Something is to be tried again.
    fn lags(&mut self) {
        self.lag
            .get_or_insert_with(|| (Instant::now() + RETRY, RETRY));
    }

    fn catch_up(&mut self) {
        let retry = self.lag.map_or(RETRY, |(_, retry)| retry * 2);
        let retry = retry.min(LONGEST_RETRY);
        match finish(&self.layout, &mut self.connection) {
            Ok(true) => self.lag = None,
            Ok(false) => self.lag = Some((Instant::now() + retry, retry)),
            Err(error) => {
                warn!(%error, "cannot look for what is to be done in the data folder");
                self.lag = Some((Instant::now() + retry, retry));
            }
        }
    }
}

/// Says, durably, that nothing is left to be done for the names of versions, and for content of rows that
/// are gone.
pub(super) fn settle<'a>(
    layout: &Layout,
    connection: &mut Connection,
    shown: impl Iterator<Item = VersionId>,
    removed: impl Iterator<Item = &'a str>,
) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    {
        let mut update =
            transaction.prepare_cached("UPDATE versions SET placed = 1 WHERE number = ?")?;
        for VersionId(number) in shown {
            update.execute([number])?;
        }
        let mut delete = transaction.prepare_cached("DELETE FROM removed WHERE stored_as = ?")?;
        for stored_as in removed {
            delete.execute([stored_as])?;
        }
    }
    commit(layout, transaction)
}

fn commit(layout: &Layout, transaction: Transaction<'_>) -> Result<(), StoreError> {
    layout.step(Step::Commit)?;
    transaction.commit()?;
    // What is done is done.
    let _ = layout.step(Step::Committed);
    Ok(())
}
