//! A connection whose reads and writes have deadlines.

use std::io;
use std::time::Duration;

use crate::limits::Limits;
use crate::socket::Socket;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::{Instant, timeout, timeout_at};

/// Holds headers, fixed fields and small packets; larger reads go past it.
const BUFFER: usize = 4096;

/// What still arrives before a close is thrown away for so long (PROTOCOL.md 2.10).
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// And for so many bytes.
const DRAIN_SIZE: u64 = 1 << 20;

/// One connection.
pub(crate) struct Stream {
    inner: BufReader<Socket>,
    /// Every single read and write may take so long.
    idle: Duration,
    /// And a small message as a whole.
    message: Duration,
    pace: Pace,
}

/// How fast content comes.
struct Pace {
    /// Content is looked at once so much time was spent waiting for it: that the server itself is slow
    /// is no fault of the peer.
    span: Duration,
    /// Bytes that it must have brought by then.
    least: u64,
    waited: Duration,
    brought: u64,
}

impl Stream {
    pub(crate) fn new(socket: Socket, limits: &Limits) -> Self {
        let seconds = limits.request_timeout.as_secs();
        Self {
            inner: BufReader::with_capacity(BUFFER, socket),
            idle: limits.idle_timeout,
            message: limits.request_timeout,
            pace: Pace {
                span: limits.request_timeout,
                least: limits.min_rate.saturating_mul(seconds),
                waited: Duration::ZERO,
                brought: 0,
            },
        }
    }

    /// Waits for the first byte of a message; `false` at the end of the stream. Takes nothing from
    /// the stream, and can be dropped at any time.
    pub(crate) async fn begins(&mut self) -> io::Result<bool> {
        let bytes = timeout(self.idle, self.inner.fill_buf()).await??;
        Ok(!bytes.is_empty())
    }

    /// Fills `buffer` with a header, or with the fixed fields of a request, which have to come as one:
    /// a byte now and then does not extend the time.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the stream ends first, `TimedOut` if it takes too long.
    pub(crate) async fn read_message(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        match timeout(self.message, self.inner.read_exact(buffer)).await {
            Ok(read) => read.map(drop),
            Err(_) => Err(too_slow("a request took longer than --request-timeout")),
        }
    }

    /// Fills `buffer` with content.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the stream ends first, `TimedOut` if it is silent for too long, or slower than
    /// a peer may be.
    pub(crate) async fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut rest = buffer;
        while !rest.is_empty() {
            let reading = self.inner.read(rest);
            match self.pace.awaits(self.idle, reading, |read| *read).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => rest = rest.get_mut(read..).unwrap_or_default(),
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
            let filling = self.inner.fill_buf();
            let bytes = self
                .pace
                .awaits(self.idle, filling, |bytes| bytes.len())
                .await?;
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
        let sent = async {
            self.inner.write_all(message).await?;
            // What TLS has made of it, too.
            self.inner.flush().await
        };
        timeout(self.idle, sent).await?
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

impl Pace {
    /// What `reading` reads, unless the peer is too slow.
    async fn awaits<T>(
        &mut self,
        idle: Duration,
        reading: impl Future<Output = io::Result<T>>,
        size: impl FnOnce(&T) -> usize,
    ) -> io::Result<T> {
        if self.least == 0 {
            return timeout(idle, reading).await?;
        }
        let start = Instant::now();
        let left = self.span.saturating_sub(self.waited);
        // A silence that is longer than the rest of the span is a rate of nothing.
        let late = self.brought < self.least;
        let patience = if late { left.min(idle) } else { idle };
        let Ok(read) = timeout(patience, reading).await else {
            return Err(too_slow("content came slower than --min-rate"));
        };
        let read = read?;
        self.waited = self.waited.saturating_add(start.elapsed());
        self.brought = self.brought.saturating_add(size(&read) as u64);
        if self.waited >= self.span {
            if self.brought < self.least {
                return Err(too_slow("content came slower than --min-rate"));
            }
            (self.waited, self.brought) = (Duration::ZERO, 0);
        }
        Ok(read)
    }
}

fn too_slow(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
