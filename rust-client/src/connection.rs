//! One TCP connection, with a deadline on every wait.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::platform;
use crate::server::ServerAddress;
use crate::tls::{self, TlsOptions};

/// A connection to the server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Arc<TcpStream>,
    timeout: Duration,
}

impl Connection {
    /// Connects, inside TLS if there are options for it.
    pub(crate) fn open(
        server: &ServerAddress,
        timeout: Duration,
        tls: Option<&TlsOptions>,
    ) -> io::Result<Self> {
        let stream = match tls {
            None => connect(server, timeout)?,
            Some(options) => tls::connect(server, timeout, options)?,
        };
        stream.set_write_timeout(Some(timeout))?;
        let stream = Arc::new(stream);
        Ok(Self { stream, timeout })
    }

    /// What an [`Interrupt`](crate::Interrupt) ends.
    pub(crate) fn handle(&self) -> Weak<TcpStream> {
        Arc::downgrade(&self.stream)
    }

    /// Writes all of `bytes`; fails with [`io::ErrorKind::TimedOut`] when no byte is taken for the timeout.
    pub(crate) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        (&*self.stream).write_all(bytes).map_err(timed_out)
    }

    /// Reads up to `buffer.len()` bytes; 0 is the end of the stream.
    pub(crate) fn read(&self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
            match (&*self.stream).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map_err(timed_out),
            }
        }
    }

    /// The moment at which a wait that begins now has lasted too long: the timeout, or `most` if that is
    /// less, and `extra` for work that the server has to do first.
    pub(crate) fn deadline(&self, most: Duration, extra: Duration) -> Instant {
        let now = Instant::now();
        now.checked_add(self.timeout.min(most).saturating_add(extra))
            .unwrap_or(now + Duration::from_secs(1 << 30))
    }

    /// Whether the server has said something, or gone, without waiting for it.
    pub(crate) fn has_answered(&self) -> bool {
        platform::has_answered(&self.stream)
    }

    /// Ends the sending side: the server sees the end of the stream.
    pub(crate) fn end_sending(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// Ends both sides at once, so that a write in another thread fails.
    pub(crate) fn abort(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Tries the addresses of the host in the resolver's order, each for at most `timeout`.
pub(crate) fn connect(server: &ServerAddress, timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (server.host(), server.port()).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                // PROTOCOL.md 1.4: an answer must not wait for the next segment.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// An expired socket timeout is `WouldBlock` on Unix and `TimedOut` elsewhere.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair(timeout: Duration) -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().to_string().parse().unwrap();
        let connection = Connection::open(&server, timeout, None).unwrap();
        (connection, listener.accept().unwrap().0)
    }

    #[test]
    fn a_silent_server_costs_one_timeout_even_if_it_drips() {
        let (connection, _peer) = pair(Duration::from_millis(20));
        let deadline = connection.deadline(Duration::MAX, Duration::ZERO);
        let error = connection.read(&mut [0; 8], deadline).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let error = connection.read(&mut [0; 8], deadline).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_server_that_takes_nothing_is_given_up() {
        let (connection, _peer) = pair(Duration::from_millis(50));
        let chunk = vec![0; 1 << 20];
        let error = (0..1000)
            .find_map(|_| connection.write_all(&chunk).err())
            .unwrap();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[cfg(unix)]
    #[test]
    fn an_answer_and_an_end_are_seen_without_waiting() {
        let (connection, mut peer) = pair(Duration::from_secs(5));
        assert!(!connection.has_answered());
        peer.write_all(b"x").unwrap();
        let mut byte = [0];
        assert_eq!(connection.stream.peek(&mut byte).unwrap(), 1);
        assert!(connection.has_answered());
        let deadline = connection.deadline(Duration::MAX, Duration::ZERO);
        assert_eq!(connection.read(&mut byte, deadline).unwrap(), 1);
        assert!(!connection.has_answered());
        drop(peer);
        assert_eq!(connection.stream.peek(&mut byte).unwrap(), 0);
        assert!(connection.has_answered());
    }
}
