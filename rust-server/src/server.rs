//! Accepting connections until told to stop.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::config::Config;
use crate::connection::{Connection, Peer, Shared};
use crate::limits::{Quiet, Seats, Taken};
use crate::listen::{accept, listen};
use crate::platform;
use crate::socket::Socket;
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
        let store = tokio::task::spawn_blocking(move || DiskStore::open(&data))
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
        let most = limits.connections(platform::file_limit());
        let seats = Seats::new(most, limits.connections_per_address(most));
        debug!(connections = most, "at most");
        let too_many = Quiet::new();
        // Accepted, and without a seat so far.
        let mut pending = None;
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(ended) = connections.join_next(), if !connections.is_empty() => {
                    log_panic(ended);
                }
                accepted = accept(&listener), if pending.is_none() => pending = Some(accepted),
                taken = seat(&seats, &pending), if pending.is_some() => {
                    let Some((stream, peer)) = pending.take() else { continue };
                    let seat = match taken {
                        Taken::Seat(seat) => seat,
                        Taken::TooMany => {
                            if let Some(silent) = too_many.speak() {
                                let address = peer.ip();
                                warn!(%address, silent, "closed: too many connections from this address");
                            }
                            continue;
                        }
                    };
                    // A response is one write, and the peer waits for it.
                    let _ = stream.set_nodelay(true);
                    let who = Peer { address: peer.ip(), seat };
                    let connection = Connection::new(Arc::clone(&shared), stopped.clone(), who);
                    let serve = connection.serve(Socket::Plain(stream));
                    connections.spawn(serve.instrument(info_span!("connection", %peer)));
                }
            }
        }
        drop(listener);
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

/// A seat for the connection that waits.
async fn seat(seats: &Arc<Seats>, pending: &Option<(TcpStream, SocketAddr)>) -> Taken {
    match pending {
        Some((_, peer)) => seats.take(peer.ip()).await,
        None => std::future::pending().await,
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a connection ended in an error of this program");
    }
}
