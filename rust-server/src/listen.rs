//! From an address to a socket that accepts.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tracing::warn;

/// Connections that wait for `accept`, as far as the system allows.
const BACKLOG: u32 = 4096;

/// Listens on the first address behind `HOST:PORT` that can be had.
pub(crate) async fn listen(address: &str) -> io::Result<TcpListener> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut addresses: Vec<_> = lookup_host(address).await?.collect();
    // `localhost` has two; programs of the family know only IPv4.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    for address in addresses {
        let bound = (|| {
            let socket = if address.is_ipv6() {
                TcpSocket::new_v6()
            } else {
                TcpSocket::new_v4()
            }?;
            // Elsewhere the option would let a second server take the port from the first.
            socket.set_reuseaddr(cfg!(unix))?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        })();
        match bound {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The next connection. Errors of `accept` end nothing: those of one connection are its own, and
/// those of the process (no descriptors left) pass when other connections end.
pub(crate) async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut pause = Duration::from_millis(10);
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted
    )
}
