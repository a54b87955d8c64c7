//! Accepting connections until told to stop.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::config::Config;
use crate::connection::{Connection, Peer, Shared};
use crate::event::Event;
use crate::limits::{Quiet, Seats, Taken};
use crate::listen::{accept, listen};
use crate::metrics;
use crate::platform;
use crate::socket::Socket;
use crate::store::{DiskStore, StoreError};
use crate::tls::{Tls, TlsError};

/// A server that is ready to accept.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<(TcpListener, SocketAddr, Tls)>,
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
    /// TLS cannot be spoken with what is given for it.
    #[error("cannot speak TLS")]
    Tls(#[from] TlsError),
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
        let (listener, address) = bound(&config.listen).await?;
        Self::on(listener, address, config).await
    }

    /// The same on a socket that listens already, such as one of a service manager; `listen` of the
    /// configuration is not used.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if the socket is of no use, or as for [`bind`](Self::bind).
    pub async fn bind_to(
        listener: std::net::TcpListener,
        config: Config,
    ) -> Result<Self, ServeError> {
        let taken = (|| {
            let address = listener.local_addr()?;
            listener.set_nonblocking(true)?;
            Ok((TcpListener::from_std(listener)?, address))
        })();
        let (listener, address) = taken.map_err(|source| ServeError::Listen {
            address: "the socket that was passed".to_owned(),
            source,
        })?;
        Self::on(listener, address, config).await
    }

    async fn on(
        listener: TcpListener,
        address: SocketAddr,
        config: Config,
    ) -> Result<Self, ServeError> {
        let tls = match &config.tls {
            None => None,
            Some(tls) => {
                let speaks = Tls::new(tls)?;
                let (listener, address) = bound(&tls.listen).await?;
                Some((listener, address, speaks))
            }
        };
        let data = config.data.clone();
        let options = config.store.clone();
        let store = tokio::task::spawn_blocking(move || DiskStore::open(&data, &options))
            .await
            .map_err(|_| StoreError::Closed)??;
        Ok(Self {
            listener,
            address,
            tls,
            shared: Arc::new(Shared::new(config, store)),
        })
    }

    /// Where clients connect to: the real port, also if the system chose it.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Tells `observer` what the server does, from any of its threads.
    ///
    /// It takes effect before [`run`](Self::run), and the first observer stays.
    #[must_use]
    pub fn observed(self, observer: impl Fn(Event) + Send + Sync + 'static) -> Self {
        // A second observer has nobody to take it back.
        let _ = self.shared.observer.set(Box::new(observer));
        self
    }

    /// Where clients connect to that speak TLS.
    #[must_use]
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls.as_ref().map(|&(_, address, _)| address)
    }

    /// Serves until `shutdown` completes, then lets requests under way finish within the grace of
    /// the limits. When this returns, everything that was answered is on disk and the data folder
    /// is free.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self {
            listener,
            tls,
            shared,
            ..
        } = self;
        let limits = shared.config.limits.clone();
        let most = limits.connections(platform::file_limit());
        let seats = Seats::new(most, limits.connections_per_address(most));
        debug!(connections = most, "at most");
        let too_many = Quiet::new();
        // Accepted, and without a seat so far.
        let mut waits: Option<Accepted> = None;
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
                accepted = accept(&listener), if waits.is_none() => {
                    waits = Some((accepted, None));
                }
                accepted = accept_tls(&tls), if waits.is_none() => waits = Some(accepted),
                taken = seat(&seats, &waits), if waits.is_some() => {
                    let Some(((stream, peer), tls)) = waits.take() else { continue };
                    let seat = match taken {
                        Taken::Seat(seat) => seat,
                        Taken::TooMany => {
                            metrics::turned_away();
                            if let Some(silent) = too_many.speak() {
                                let address = peer.ip();
                                warn!(%address, silent, "closed: too many connections from this address");
                            }
                            continue;
                        }
                    };
                    // A response is one write, and the peer waits for it.
                    let _ = stream.set_nodelay(true);
                    let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
                    let serve = async move {
                        let _open = metrics::Open::new(tls.is_some());
                        let patience = shared.config.limits.request_timeout;
                        let (socket, certified) = match handshake(stream, tls, patience).await {
                            Ok(ready) => ready,
                            Err(error) => return info!(reason = %error, "no TLS"),
                        };
                        let who = Peer { address: peer.ip(), seat, certified };
                        shared.tell(|| Event::Connected { peer });
                        Connection::new(Arc::clone(&shared), stopped, who).serve(socket).await;
                        shared.tell(|| Event::Closed { peer });
                    };
                    connections.spawn(serve.instrument(info_span!("connection", %peer)));
                }
            }
        }
        drop((listener, tls));
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

async fn bound(address: &str) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen {
        address: address.to_owned(),
        source,
    };
    let listener = listen(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// A connection, and what it has to speak first.
type Accepted = ((TcpStream, SocketAddr), Option<Tls>);

async fn accept_tls(tls: &Option<(TcpListener, SocketAddr, Tls)>) -> Accepted {
    match tls {
        Some((listener, _, tls)) => (accept(listener).await, Some(tls.clone())),
        None => pending().await,
    }
}

/// A seat for the connection that waits.
async fn seat(seats: &Arc<Seats>, waits: &Option<Accepted>) -> Taken {
    match waits {
        Some(((_, peer), _)) => seats.take(peer.ip()).await,
        None => pending().await,
    }
}

/// What the connection is read from, and whom its certificate names.
async fn handshake(
    stream: TcpStream,
    tls: Option<Tls>,
    patience: Duration,
) -> io::Result<(Socket, Option<String>)> {
    let Some(tls) = tls else {
        return Ok((Socket::Plain(stream), None));
    };
    let (stream, name) = tls.accept(stream, patience).await?;
    Ok((Socket::Tls(stream), name))
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        error!(%error, "a connection ended in an error of this program");
    }
}
