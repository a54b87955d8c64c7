//! The content of one file: from the connection to durable plaintext.
//!
//! While the disk takes one buffer, the next one fills from the connection, and then they are
//! swapped: an upload never holds more than two buffers, whatever its size. Content is decrypted and
//! summed where it is, while it is in the cache, and written from there. Each
//! buffer is a blocking job of its own, so that a client that sends slowly holds no thread. Packets
//! fill the buffers as if they were one message.

use std::io;
use std::sync::Arc;

use backup_protocol::cksum::FileCksum;
use backup_protocol::crypto::{AesKey, CryptoError, Decryptor, HEADROOM};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::store::{Incoming, Store, StoreError};
use crate::stream::Stream;

/// Bytes of a full buffer. Smaller ones cost more switches, larger ones gain nothing.
const BUFFER: usize = 256 << 10;

/// Bytes of the first buffer. A header can claim 4 GiB and nothing follow; memory grows with what
/// arrives instead.
const FIRST_BUFFER: usize = 16 << 10;

/// Plaintext that is complete and durable, but has no row yet.
pub(crate) struct Plaintext<I> {
    pub(crate) incoming: I,
    /// Bytes of it.
    pub(crate) size: u64,
    pub(crate) cksum: u32,
    /// BLAKE3 of it: what a cksum does not see, an operator's examination does.
    pub(crate) digest: [u8; 32],
}

/// Nothing of the content is kept, but the connection is as good as before.
pub(crate) struct Spoilt {
    pub(crate) cause: Cause,
    /// Bytes of content that are still to come.
    pub(crate) unread: u64,
}

/// Why content is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error(transparent)]
    Content(#[from] CryptoError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot write the content: {0}")]
    Write(#[from] io::Error),
    #[error("a job of this program panicked")]
    Panic,
}

/// A file on its way in, in one packet or many.
pub(crate) struct Upload<S: Store> {
    /// Content that the disk has not taken yet: `filled` bytes, behind the headroom that decryption in place wants.
    filling: Vec<u8>,
    filled: usize,
    capacity: usize,
    worker: Worker<S>,
}

impl<S: Store> Upload<S> {
    pub(crate) fn new(store: &Arc<S>, key: &AesKey, cksum: FileCksum) -> Self {
        let job = Job::new(Arc::clone(store), key, cksum);
        Self {
            filling: Vec::new(),
            filled: 0,
            capacity: FIRST_BUFFER,
            worker: Worker::Idle((Box::new(job), Vec::new())),
        }
    }

    /// Receives the next `size` bytes of content.
    ///
    /// # Errors
    ///
    /// The connection failed, or ended early.
    pub(crate) async fn receive(
        &mut self,
        stream: &mut Stream,
        size: u32,
    ) -> io::Result<Result<(), Spoilt>> {
        let mut unread = u64::from(size);
        while unread > 0 {
            if self.filled == self.capacity
                && let Err(cause) = self.hand_over().await
            {
                return Ok(Err(Spoilt { cause, unread }));
            }
            let room = self.capacity - self.filled;
            let next = usize::try_from(unread).unwrap_or(usize::MAX).min(room);
            let start = HEADROOM + self.filled;
            let end = start + next;
            if self.filling.len() < end {
                self.filling.resize(end, 0);
            }
            stream.read_exact(&mut self.filling[start..end]).await?;
            self.filled += next;
            unread -= next as u64;
        }
        Ok(Ok(()))
    }

    /// Gives the full buffer to a thread that works, once the one before is done with.
    async fn hand_over(&mut self) -> Result<(), Cause> {
        let (mut job, spare) = self.worker.finish().await?;
        let mut full = std::mem::replace(&mut self.filling, spare);
        let filled = std::mem::take(&mut self.filled);
        self.capacity = BUFFER.min(self.capacity * 4);
        self.worker = Worker::Busy(spawn_blocking(move || {
            job.take(&mut full, filled)?;
            Ok((job, full))
        }));
        Ok(())
    }

    /// All content was received.
    pub(crate) async fn finish(mut self) -> Result<Plaintext<S::Incoming>, Cause> {
        let (mut job, _) = self.worker.finish().await?;
        let done = spawn_blocking(move || {
            job.take(&mut self.filling, self.filled)?;
            job.finish()
        });
        done.await.unwrap_or(Err(Cause::Panic))
    }

    /// Nothing more will come: when this returns, nothing of the file is left.
    pub(crate) async fn abandon(mut self) {
        let rested = self.worker.finish().await;
        let _ = spawn_blocking(move || drop(rested)).await;
    }
}

/// The blocking part of an upload, and the buffer that it has taken.
type Rested<S> = (Box<Job<S>>, Vec<u8>);

/// Whoever has them: us, or a thread that works.
enum Worker<S: Store> {
    Idle(Rested<S>),
    Busy(JoinHandle<Result<Rested<S>, Cause>>),
    /// It failed, and said so.
    Gone,
}

impl<S: Store> Worker<S> {
    async fn finish(&mut self) -> Result<Rested<S>, Cause> {
        match std::mem::replace(self, Self::Gone) {
            Self::Idle(rested) => Ok(rested),
            Self::Busy(work) => work.await.unwrap_or(Err(Cause::Panic)),
            Self::Gone => Err(Cause::Panic),
        }
    }
}

struct Job<S: Store> {
    store: Arc<S>,
    /// Created with the first plaintext.
    incoming: Option<S::Incoming>,
    decryptor: Decryptor,
    cksum: FileCksum,
    digest: blake3::Hasher,
}

impl<S: Store> Job<S> {
    fn new(store: Arc<S>, key: &AesKey, cksum: FileCksum) -> Self {
        Self {
            store,
            incoming: None,
            decryptor: Decryptor::new(key),
            cksum,
            digest: blake3::Hasher::new(),
        }
    }

    /// Takes the first `filled` bytes of content in `buffer`: whole blocks, since that is what buffers hold and content is.
    fn take(&mut self, buffer: &mut Vec<u8>, filled: usize) -> Result<(), Cause> {
        buffer.resize(HEADROOM + filled, 0);
        self.cksum.content(&buffer[HEADROOM..]);
        let plain = self.decryptor.update_in_place(buffer);
        let incoming = match &mut self.incoming {
            Some(incoming) => incoming,
            none => none.insert(self.store.incoming()?),
        };
        append(incoming, plain, &mut self.cksum, &mut self.digest)
    }

    fn finish(mut self) -> Result<Plaintext<S::Incoming>, Cause> {
        let mut last = Vec::new();
        self.decryptor.finish(&mut last)?;
        let mut incoming = match self.incoming {
            Some(incoming) => incoming,
            None => self.store.incoming()?,
        };
        append(&mut incoming, &last, &mut self.cksum, &mut self.digest)?;
        incoming.sync()?;
        let size = self.cksum.plain_size();
        Ok(Plaintext {
            incoming,
            size,
            cksum: self.cksum.finish(),
            digest: self.digest.finalize().into(),
        })
    }
}

fn append(
    incoming: &mut impl Incoming,
    plain: &[u8],
    cksum: &mut FileCksum,
    digest: &mut blake3::Hasher,
) -> Result<(), Cause> {
    cksum.plain(plain);
    digest.update(plain);
    Ok(incoming.write_all(plain)?)
}
