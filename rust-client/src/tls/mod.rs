//! TLS around the protocol, for this client and, by [`Tunnel`], for any other.
//!
//! The protocol goes through a socket on this machine to a thread that puts it into TLS: not a byte of
//! it is different, and whoever speaks it need not know. An end of either side is carried as
//! close_notify.

mod pins;
mod trust;
mod tunnel;

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio_rustls::client::TlsStream;

use crate::connection;
use crate::server::ServerAddress;

pub use pins::PinError;
use trust::Handshake;
pub use trust::{TlsError, is_distrust};
pub use tunnel::Tunnel;

/// How a server is known, and who the client is. The setters may be chained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    pub(crate) trust: Trust,
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    Pinned(PathBuf),
    Authority(PathBuf),
}

impl TlsOptions {
    /// Takes a server's key for good when it is met first, keeps it in `file`, and takes no other one
    /// afterwards. Names and dates of certificates are of no account.
    pub fn pinned(file: impl Into<PathBuf>) -> Self {
        Self {
            trust: Trust::Pinned(file.into()),
            certificate: None,
        }
    }

    /// Takes servers whose certificate is for their host and signed by one in this PEM file.
    pub fn signed_by(file: impl Into<PathBuf>) -> Self {
        Self {
            trust: Trust::Authority(file.into()),
            certificate: None,
        }
    }

    /// The client's own certificate and its private key, PEM files both.
    #[must_use]
    pub fn certificate(mut self, certificate: PathBuf, key: PathBuf) -> Self {
        self.certificate = Some((certificate, key));
        self
    }
}

/// Connects, and hands out the near end of what is TLS from there on.
pub(crate) fn connect(
    server: &ServerAddress,
    timeout: Duration,
    options: &TlsOptions,
) -> io::Result<TcpStream> {
    let handshake = Handshake::new(server, options).map_err(io::Error::other)?;
    let far = connection::connect(server, timeout)?;
    let (near, inner) = pair()?;
    let (done, ready) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("tls".to_owned())
        .spawn(move || {
            let carried = carry(&handshake, far, inner, timeout, &done);
            // Of an error after the handshake the near end learns by its end.
            let _ = done.try_send(carried);
        })?;
    ready
        .recv()
        .unwrap_or_else(|_| Err(io::Error::other("the thread for TLS ended")))?;
    Ok(near)
}

fn carry(
    handshake: &Handshake,
    far: TcpStream,
    inner: TcpStream,
    timeout: Duration,
    done: &mpsc::SyncSender<io::Result<()>>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut far = handshake.shake(far, timeout).await?;
        let _ = done.send(Ok(()));
        inner.set_nonblocking(true)?;
        let mut inner = tokio::net::TcpStream::from_std(inner)?;
        both_ways(&mut inner, &mut far).await
    })
}

/// Carries bytes and ends both ways, until both have ended.
async fn both_ways(
    plain: &mut tokio::net::TcpStream,
    tls: &mut TlsStream<tokio::net::TcpStream>,
) -> io::Result<()> {
    copy_bidirectional(plain, tls).await.map(drop)
}

/// Two ends of a connection on this machine, which nobody else can be one of.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let own = near.local_addr()?;
    loop {
        let (inner, peer) = listener.accept()?;
        // Whoever else connects to the port in this moment is let go.
        if peer == own {
            near.set_nodelay(true)?;
            inner.set_nodelay(true)?;
            return Ok((near, inner));
        }
    }
}
