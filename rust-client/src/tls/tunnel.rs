//! For programs that know nothing of TLS.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::TlsOptions;
use crate::server::ServerAddress;

/// Takes connections in the clear, and carries each to a server inside TLS.
#[derive(Debug)]
pub struct Tunnel {
    listener: TcpListener,
    server: ServerAddress,
    options: TlsOptions,
    timeout: Duration,
}

impl Tunnel {
    /// Listens; port 0 lets the system choose. `timeout` is for connecting to the server, and for the
    /// handshake.
    ///
    /// # Errors
    ///
    /// The address cannot be had.
    pub fn listen(
        address: &str,
        server: ServerAddress,
        options: TlsOptions,
        timeout: Duration,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(address)?,
            server,
            options,
            timeout,
        })
    }

    /// Where programs connect to.
    ///
    /// # Errors
    ///
    /// The system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Carries connections, each in a thread of its own, until the process ends. `failed` is told why one
    /// came to nothing; its program sees an end.
    pub fn run(self, failed: impl Fn(&io::Error) + Send + Sync + 'static) -> ! {
        let failed = std::sync::Arc::new(failed);
        loop {
            let accepted = self.listener.accept();
            let told = std::sync::Arc::clone(&failed);
            let (server, options, timeout) =
                (self.server.clone(), self.options.clone(), self.timeout);
            let started = accepted.and_then(|(plain, _)| {
                let carry = move || {
                    if let Err(error) = carry(plain, &server, &options, timeout) {
                        told(&error);
                    }
                };
                std::thread::Builder::new().spawn(carry)
            });
            if let Err(error) = started {
                failed(&error);
                // No descriptor or thread is left: that passes when others end.
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn carry(
    plain: TcpStream,
    server: &ServerAddress,
    options: &TlsOptions,
    timeout: Duration,
) -> io::Result<()> {
    plain.set_nodelay(true)?;
    let handshake = super::Handshake::new(server, options).map_err(io::Error::other)?;
    let far = crate::connection::connect(server, timeout)?;
    let (done, _ready) = std::sync::mpsc::sync_channel(1);
    super::carry(&handshake, far, plain, timeout, &done)
}
