//! Accepting connections until told to stop.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::config::Config;
use crate::connection::{Connection, Shared};
use crate::listen::{accept, listen};
use crate::store::{DiskStore, StoreError};

/// A server that is ready to accept.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared<DiskStore>>,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// As configured.
        address: String,
        /// Why not.
        source: io::Error,
    },
    /// The data folder cannot be had.
    #[error("cannot use the data folder")]
    Store(#[from] StoreError),
}

impl Server {
    /// Takes possession of address and data folder. Clients can connect from here on; they are
    /// answered once [`run`](Self::run) is polled.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if one of the two cannot be had. A busy port is found before the data folder is
    /// touched.
    pub async fn bind(config: Config) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen {
            address: config.listen.clone(),
            source,
        };
        let listener = listen(&config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let data = config.data.clone();
        let durability = config.store.durability;
        let store = tokio::task::spawn_blocking(move || DiskStore::open(&data, durability))
            .await
            .map_err(|_| StoreError::Closed)??;
        Ok(Self {
            listener,
            address,
            shared: Arc::new(Shared::new(config, store)),
        })
    }

    /// Where clients connect to: the real port, also if the system chose it.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes, then lets requests under way finish within the grace of
    /// the limits. When this returns, everything that was answered is on disk and the data folder
    /// is free.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            listener, shared, ..
        } = self;
        let limits = shared.config.limits.clone();
        let slots = Arc::new(Semaphore::new(limits.max_connections));
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let pruning = tokio::spawn(prune(Arc::clone(&shared)));
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(ended) = connections.join_next(), if !connections.is_empty() => {
                    log_panic(ended);
                }
                (slot, (stream, peer)) = next(&listener, &slots) => {
                    let connection = Connection::new(Arc::clone(&shared), stopped.clone());
                    let serve = async move {
                        connection.serve(stream).await;
                        drop(slot);
                    };
                    connections.spawn(serve.instrument(info_span!("connection", %peer)));
                }
            }
        }
        drop(listener);
        pruning.abort();
        // It ends at once, and with it its hold on the store.
        let _ = pruning.await;
        info!(connections = connections.len(), "stopping");
        let _ = stop.send(true);
        let finish = async {
            while let Some(ended) = connections.join_next().await {
                log_panic(ended);
            }
        };
        if tokio::time::timeout(limits.grace, finish).await.is_err() {
            warn!(
                connections = connections.len(),
                "requests were cut off at the end of the grace"
            );
            connections.shutdown().await;
        }
        // Waits for the thread of the store, and frees the folder.
        if tokio::task::spawn_blocking(move || drop(shared))
            .await
            .is_err()
        {
            error!("the store did not close in order");
        }
        debug!("stopped");
    }
}

/// How often it is looked for versions that nobody has judged.
const PRUNING: Duration = Duration::from_secs(3600);

/// Removes versions that were never judged once they are old, at start and then every hour.
async fn prune(shared: Arc<Shared<DiskStore>>) {
    let Some(age) = shared.config.store.keep_unverified else {
        return;
    };
    let mut hours = tokio::time::interval(PRUNING);
    loop {
        hours.tick().await;
        let Some(older_than) = SystemTime::now().checked_sub(age) else {
            continue;
        };
        match shared.store().prune_unverified(older_than).await {
            Ok(0) => {}
            Ok(removed) => info!(removed, "removed versions that nobody has judged"),
            Err(error) => warn!(%error, "cannot remove versions that nobody has judged"),
        }
    }
}

/// The next connection, once there is a slot for it.
async fn next(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, (TcpStream, SocketAddr)) {
    // The semaphore is never closed.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    (slot, accept(listener).await)
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a connection ended in an error of this program");
    }
}
