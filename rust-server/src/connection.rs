//! One connection: carries out what the session of `backup_protocol` decides.

mod answers;

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use backup_protocol::session::Refusal;
use backup_protocol::session::server::{
    Action, Ask, Content, Event, NewFile, ServerSession, UploadId,
};
use backup_protocol::wire::ClientId;
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use crate::config::Config;
use crate::dialect::DialectChoice;
use crate::event::{Event as Told, Observer};
use crate::limits::{Exceeded, Ledger, Registrations, Reservation, Seat, SpentKeys, TRIES};
use crate::metrics;
use crate::socket::Socket;
use crate::store::{Received, Store, StoreError, VersionId};
use crate::stream::Stream;
use crate::text::Shown;
use crate::upload::{Cause, Plaintext, Upload};

/// What all connections of a server have in common.
pub(crate) struct Shared<S> {
    pub(crate) config: Config,
    pub(crate) observer: OnceLock<Observer>,
    store: Arc<S>,
    ledger: Arc<Ledger>,
    registrations: Registrations,
    spent_keys: SpentKeys,
}

impl<S: Store> Shared<S> {
    pub(crate) fn new(config: Config, store: S) -> Self {
        Self {
            ledger: Ledger::new(config.data.clone()),
            registrations: Registrations::new(config.limits.registrations_per_minute),
            spent_keys: SpentKeys::default(),
            config,
            observer: OnceLock::new(),
            store: Arc::new(store),
        }
    }

    pub(crate) fn tell(&self, event: impl FnOnce() -> Told) {
        if let Some(observer) = self.observer.get() {
            observer(event());
        }
    }

    pub(crate) fn store(&self) -> &S {
        &self.store
    }
}

/// One connection, before it is served.
pub(crate) struct Connection<S: Store> {
    shared: Arc<Shared<S>>,
    /// Becomes true when the server stops: no further request is begun.
    stopped: watch::Receiver<bool>,
    session: ServerSession,
    peer: Peer,
    /// Room for the file that was let in last.
    room: Option<Reservation>,
    /// The file that is not complete.
    file: Option<File<S>>,
    /// Why there is none, though its content comes.
    denied: Option<Refusal>,
    /// The client holds a 2103 that it has not judged yet.
    verdict_due: bool,
}

/// A file on its way, and the room that is set aside for it.
type File<S> = (Box<NewFile>, Upload<S>, Option<Reservation>);

/// Who is connected.
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) seat: Seat,
    /// The only name that it may act for, if its certificate says one.
    pub(crate) certified: Option<String>,
}

/// Who ended a connection.
enum End {
    Peers,
    /// The peer is to see an end and not a reset.
    Ours,
    /// Nothing is under way, and the seat is needed: there is no time to see the peer off.
    Idle,
}

impl<S: Store> Connection<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>, stopped: watch::Receiver<bool>, peer: Peer) -> Self {
        let session = match &shared.config.dialect {
            DialectChoice::Fixed(dialect) => ServerSession::new(dialect.clone()),
            DialectChoice::Auto(auto) => ServerSession::auto(auto),
        };
        Self {
            session: session.with_discard_limit(shared.config.limits.discard),
            shared,
            stopped,
            peer,
            room: None,
            file: None,
            denied: None,
            verdict_due: false,
        }
    }

    /// Serves requests until one of the sides ends the connection, or the server stops.
    pub(crate) async fn serve(mut self, socket: Socket) {
        debug!("connected");
        let mut stream = Stream::new(socket, &self.shared.config.limits);
        let end = self.requests(&mut stream).await;
        // First the file, then the connection: whoever sees it end finds nothing left over.
        self.abandon_file().await;
        match end {
            Ok(End::Peers) => debug!("closed"),
            Ok(End::Idle) => {
                debug!("closed while it was idle, to make room for another connection")
            }
            Ok(End::Ours) => {
                stream.close().await;
                debug!("closed");
            }
            // A peer that vanishes is its own business; what it had not finished is gone.
            Err(error) => info!(reason = %error, "connection lost"),
        }
    }

    async fn requests(&mut self, stream: &mut Stream) -> io::Result<End> {
        let mut bytes = Vec::new();
        let mut action = self.session.start();
        loop {
            if let Some((client, learned)) = self.session.take_learned() {
                self.learn(client, &learned).await;
            }
            if !matches!(
                action,
                Action::ReadHeader { .. }
                    | Action::ReadPayload { .. }
                    | Action::ReceiveContent { .. }
            ) {
                self.abandon_file().await;
            }
            action = match action {
                Action::ReadHeader { size } => {
                    match self.begins(stream).await? {
                        Some(true) => {}
                        Some(false) => return Ok(End::Peers),
                        // Stopped, or somebody else is in need of the seat. The last answer may still be on its way.
                        None if *self.stopped.borrow() => return Ok(End::Ours),
                        None => return Ok(End::Idle),
                    }
                    bytes.resize(size, 0);
                    stream.read_message(&mut bytes).await?;
                    self.handle(Event::Header(&bytes))
                }
                Action::ReadPayload { size } => {
                    bytes.resize(size, 0);
                    stream.read_message(&mut bytes).await?;
                    self.handle(Event::Payload(&bytes))
                }
                Action::Ask(ask) => {
                    self.verdict_due &= !matches!(ask, Ask::Verdict { .. });
                    let answer = self.ask(ask).await;
                    self.handle(Event::Answer(answer))
                }
                Action::BeginFile(new) => {
                    self.begin_file(new);
                    self.handle(Event::Done)
                }
                Action::ReceiveContent { size, last } => {
                    let content = self.receive(stream, size, last).await?;
                    self.verdict_due |= matches!(content, Content::Stored { .. });
                    self.handle(Event::Content(content))
                }
                Action::Discard { size } => {
                    stream.discard(size).await?;
                    self.handle(Event::Done)
                }
                Action::Send(message) => {
                    // That of a file which was let in and refused after all.
                    self.room = None;
                    stream.send(&message).await?;
                    self.handle(Event::Done)
                }
                Action::Close => return Ok(End::Ours),
            };
        }
    }

    /// Whether another message begins; `None` if the server stops first, or has to make room. A file
    /// that has begun is let come to its end.
    async fn begins(&mut self, stream: &mut Stream) -> io::Result<Option<bool>> {
        // A close in place of a verdict would look obeyed (PROTOCOL.md 2.12): it is awaited, for as long as the
        // server grants, and so is the rest of a file.
        if self.file.is_some() || self.verdict_due {
            return stream.begins().await.map(Some);
        }
        tokio::select! {
            biased;
            _ = self.stopped.wait_for(|stopped| *stopped) => Ok(None),
            begins = self.peer.seat.idle(stream.begins()) => begins.transpose(),
        }
    }

    /// Makes ready for content, or for throwing it away where it would try a key once more.
    fn begin_file(&mut self, new: Box<NewFile>) {
        if self.shared.spent_keys.is_spent(new.client, &new.key) {
            self.denied = Some(exceeded(new.client, &Exceeded::Tries { tries: TRIES }));
            return;
        }
        let upload = Upload::new(&self.shared.store, &new.key, new.cksum.clone());
        self.file = Some((new, upload, self.room.take()));
    }

    async fn abandon_file(&mut self) {
        self.denied = None;
        if let Some((_, upload, _)) = self.file.take() {
            upload.abandon().await;
        }
    }

    fn handle(&mut self, event: Event<'_>) -> Action {
        let before = self.session.refusal().copied();
        let action = self.session.handle(event, &mut rand::rng());
        if let Some(refusal) = self
            .session
            .refusal()
            .filter(|now| before.as_ref() != Some(*now))
        {
            let request = self.session.request().map(tracing::field::display);
            let client = self
                .session
                .header()
                .map(|header| tracing::field::display(header.client_id));
            warn!(client, request, reason = %refusal, "refused");
            self.shared.tell(|| Told::Refused {
                client: self.session.header().map(|header| header.client_id),
                request: self.session.request(),
                reason: *refusal,
            });
            metrics::refused(refusal);
        }
        action
    }

    async fn receive(&mut self, stream: &mut Stream, size: u32, last: bool) -> io::Result<Content> {
        let Some((new, mut upload, room)) = self.file.take() else {
            let refusal = self.denied.take().unwrap_or(Refusal::Failed);
            let unread = size.into();
            return Ok(Content::Refused { refusal, unread });
        };
        let received = match upload.receive(stream, size).await {
            Ok(received) => received,
            Err(error) => {
                self.file = Some((new, upload, room));
                return Err(error);
            }
        };
        if let Err(spoilt) = received {
            return Ok(self.spoilt(&new, spoilt.cause, spoilt.unread).await);
        }
        if !last {
            self.file = Some((new, upload, room));
            return Ok(Content::Received);
        }
        Ok(match upload.finish().await {
            Ok(plaintext) => self.keep(&new, plaintext).await,
            Err(cause) => self.spoilt(&new, cause, 0).await,
        })
    }

    /// Nothing is kept. Content that did not decrypt counts against its key.
    async fn spoilt(&self, new: &NewFile, cause: Cause, unread: u64) -> Content {
        let refusal = match cause {
            Cause::Content(error) => {
                if self.shared.spent_keys.failed(new.client, &new.key) {
                    self.drop_key(new).await;
                }
                Refusal::Crypto(error)
            }
            cause => failed(&cause),
        };
        Content::Refused { refusal, unread }
    }

    /// The key is known to be spent; a restart must not forget that.
    async fn drop_key(&self, new: &NewFile) {
        let client = new.client;
        warn!(%client, tries = TRIES, "content did not decrypt again and again: the key is dropped");
        let forgotten = self.shared.store.forget_aes_key(client, new.key.clone());
        if let Err(error) = forgotten.await {
            let _ = failed(&error);
        }
    }

    /// Makes a version of plaintext that is complete and durable.
    async fn keep(&self, new: &NewFile, plaintext: Plaintext<S::Incoming>) -> Content {
        let (client, size, cksum) = (new.client, plaintext.size, plaintext.cksum);
        let upload = Received {
            incoming: plaintext.incoming,
            name: new.file_name.as_str().to_owned(),
            size,
            content_size: new.content_size,
            cksum,
            digest: plaintext.digest,
            version: self.version(),
        };
        let start = Instant::now();
        let refusal = match self.shared.store.received(client, upload).await {
            Ok(Some(VersionId(number))) => {
                metrics::received(size, start.elapsed());
                let file = Shown(new.file_name.as_str());
                info!(%client, %file, size, cksum, "file received");
                self.shared.tell(|| Told::Received {
                    client,
                    file_name: new.file_name.as_str().to_owned(),
                    size,
                    cksum,
                });
                return Content::Stored {
                    upload: UploadId(number),
                    plain_size: size,
                    cksum,
                };
            }
            Ok(None) => Refusal::UnknownClient,
            Err(StoreError::FileName) => Refusal::FileName,
            Err(error) => failed(&error),
        };
        Content::Refused { refusal, unread: 0 }
    }

    /// The version byte of the request under way.
    fn version(&self) -> u8 {
        self.session.header().map_or(0, |header| header.version)
    }
}

/// The peer learns that it is refused, the operator which limit it was.
fn over(limit: &Exceeded) -> Refusal {
    warn!(limit = limit.slug(), "over a limit: {limit}");
    metrics::over_limit(limit.slug());
    Refusal::Limit
}

fn exceeded(client: ClientId, limit: &Exceeded) -> Refusal {
    warn!(%client, limit = limit.slug(), "over a limit: {limit}");
    metrics::over_limit(limit.slug());
    Refusal::Limit
}

/// The peer learns that it is refused, the operator why.
fn failed(error: &(dyn std::error::Error + 'static)) -> Refusal {
    if let Some(StoreError::Disabled) = error.downcast_ref() {
        return Refusal::Disabled;
    }
    let cause = error.source().map(tracing::field::display);
    error!(%error, cause, "this server failed");
    Refusal::Failed
}
