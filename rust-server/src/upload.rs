//! The content of one 1103: from the connection to durable plaintext.
//!
//! While the disk takes one buffer, the next one fills from the connection, and then they are
//! swapped: an upload never holds more than two buffers and their plaintext, whatever its size. Each
//! buffer is a blocking job of its own, so that a client that sends slowly holds no thread.

use std::io;
use std::sync::Arc;

use backup_protocol::Cksum;
use backup_protocol::crypto::{AesKey, CryptoError, Decryptor};
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

/// Receives `size` bytes of content.
///
/// # Errors
///
/// The connection failed, or ended early: what was written is gone.
pub(crate) async fn receive<S: Store>(
    stream: &mut Stream,
    store: &Arc<S>,
    size: u32,
    key: &AesKey,
) -> io::Result<Result<Plaintext<S::Incoming>, Spoilt>> {
    let mut unread = u64::from(size);
    let mut filling = Vec::new();
    let mut capacity = FIRST_BUFFER;
    let mut worker = Worker::Idle((Box::new(Job::new(Arc::clone(store), key)), Vec::new()));
    loop {
        // A multiple of 16 as long as it is not the last one.
        let next = usize::try_from(unread).unwrap_or(usize::MAX).min(capacity);
        filling.resize(next, 0);
        if let Err(error) = stream.read_exact(&mut filling).await {
            // First the file, then the connection: whoever sees it end finds nothing left over.
            let rested = worker.finish().await;
            let _ = spawn_blocking(move || drop(rested)).await;
            return Err(error);
        }
        unread -= next as u64;
        capacity = BUFFER.min(capacity * 4);

        let (mut job, spare) = match worker.finish().await {
            Ok(rested) => rested,
            Err(cause) => return Ok(Err(Spoilt { cause, unread })),
        };
        let full = std::mem::replace(&mut filling, spare);
        if unread == 0 {
            let done = spawn_blocking(move || {
                job.take(&full)?;
                job.finish()
            });
            let done = done.await.unwrap_or(Err(Cause::Panic));
            return Ok(done.map_err(|cause| Spoilt { cause, unread }));
        }
        worker = Worker::Busy(spawn_blocking(move || {
            job.take(&full)?;
            Ok((job, full))
        }));
    }
}

/// The blocking part of an upload, and the buffer that it has taken.
type Rested<S> = (Box<Job<S>>, Vec<u8>);

/// Whoever has them: us, or a thread that works.
enum Worker<S: Store> {
    Idle(Rested<S>),
    Busy(JoinHandle<Result<Rested<S>, Cause>>),
}

impl<S: Store> Worker<S> {
    async fn finish(self) -> Result<Rested<S>, Cause> {
        match self {
            Self::Idle(rested) => Ok(rested),
            Self::Busy(work) => work.await.unwrap_or(Err(Cause::Panic)),
        }
    }
}

struct Job<S: Store> {
    store: Arc<S>,
    /// Created with the first plaintext.
    incoming: Option<S::Incoming>,
    decryptor: Decryptor,
    plain: Vec<u8>,
    cksum: Cksum,
}

impl<S: Store> Job<S> {
    fn new(store: Arc<S>, key: &AesKey) -> Self {
        let (decryptor, cksum) = (Decryptor::new(key), Cksum::new());
        Self {
            store,
            incoming: None,
            decryptor,
            plain: Vec::new(),
            cksum,
        }
    }

    fn take(&mut self, content: &[u8]) -> Result<(), Cause> {
        self.plain.clear();
        self.decryptor.update(content, &mut self.plain);
        let incoming = match &mut self.incoming {
            Some(incoming) => incoming,
            none => none.insert(self.store.incoming()?),
        };
        append(incoming, &self.plain, &mut self.cksum)
    }

    fn finish(mut self) -> Result<Plaintext<S::Incoming>, Cause> {
        self.plain.clear();
        self.decryptor.finish(&mut self.plain)?;
        let mut incoming = match self.incoming {
            Some(incoming) => incoming,
            None => self.store.incoming()?,
        };
        append(&mut incoming, &self.plain, &mut self.cksum)?;
        incoming.sync()?;
        let size = self.cksum.size();
        Ok(Plaintext {
            incoming,
            size,
            cksum: self.cksum.finish(),
        })
    }
}

fn append(incoming: &mut impl Incoming, plain: &[u8], cksum: &mut Cksum) -> Result<(), Cause> {
    cksum.update(plain);
    Ok(incoming.write_all(plain)?)
}
