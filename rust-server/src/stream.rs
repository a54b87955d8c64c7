//! A connection whose reads and writes have deadlines.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// Holds headers, fixed fields and small packets; larger reads go past it.
const BUFFER: usize = 4096;

/// What still arrives before a close is thrown away for so long (PROTOCOL.md 2.10).
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// And for so many bytes.
const DRAIN_SIZE: u64 = 1 << 20;

/// One connection.
pub(crate) struct Stream {
    inner: BufReader<TcpStream>,
    idle: Duration,
}

impl Stream {
    /// Every single read and write may take `idle`.
    pub(crate) fn new(stream: TcpStream, idle: Duration) -> Self {
        // A response is one write, and the peer waits for it.
        let _ = stream.set_nodelay(true);
        Self {
            inner: BufReader::with_capacity(BUFFER, stream),
            idle,
        }
    }

    /// Waits for the first byte of a message; `false` at the end of the stream. Takes nothing from
    /// the stream, and can be dropped at any time.
    pub(crate) async fn begins(&mut self) -> io::Result<bool> {
        let bytes = timeout(self.idle, self.inner.fill_buf()).await??;
        Ok(!bytes.is_empty())
    }

    /// Fills `buffer`.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the stream ends first, `TimedOut` if it is silent for too long.
    pub(crate) async fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut rest = buffer;
        while !rest.is_empty() {
            match timeout(self.idle, self.inner.read(rest)).await?? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => rest = &mut rest[read..],
            }
        }
        Ok(())
    }

    /// Reads `size` bytes and throws them away.
    ///
    /// # Errors
    ///
    /// As [`read_exact`](Self::read_exact).
    pub(crate) async fn discard(&mut self, mut size: u64) -> io::Result<()> {
        while size > 0 {
            let bytes = timeout(self.idle, self.inner.fill_buf()).await??;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let taken = bytes.len().min(usize::try_from(size).unwrap_or(usize::MAX));
            self.inner.consume(taken);
            size -= taken as u64;
        }
        Ok(())
    }

    /// Sends a whole message.
    ///
    /// # Errors
    ///
    /// The peer is gone, or does not take it.
    pub(crate) async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        timeout(self.idle, self.inner.write_all(message)).await?
    }

    /// Ends the sending side, and closes once the peer has done so too or the patience for it is
    /// over: a close while data arrives would be a reset, and take the last answer with it.
    pub(crate) async fn close(mut self) {
        if self.inner.shutdown().await.is_err() {
            return;
        }
        let deadline = Instant::now() + DRAIN_TIME;
        let mut left = DRAIN_SIZE;
        while left > 0 {
            let Ok(Ok(bytes)) = timeout_at(deadline, self.inner.fill_buf()).await else {
                return;
            };
            let taken = bytes.len();
            if taken == 0 {
                return;
            }
            self.inner.consume(taken);
            left = left.saturating_sub(taken as u64);
        }
    }
}
