//! One connection: carries out what the session of `backup_protocol` decides.

use std::io;
use std::sync::Arc;

use backup_protocol::crypto::PublicKey;
use backup_protocol::dialect::PublicKeySizes;
use backup_protocol::session::Refusal;
use backup_protocol::session::server::{
    Action, Answer, Ask, Content, Event, Learned, NewFile, ServerSession, UploadId,
};
use backup_protocol::wire::{ClientId, Name, VerdictKind};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use crate::config::Config;
use crate::dialect::DialectChoice;
use crate::store::{Judged, KeysSet, NewClient, NewKeys, Received, Store, StoreError, VersionId};
use crate::stream::Stream;
use crate::text::Shown;
use crate::upload::{Cause, Plaintext, Upload};

/// What all connections of a server have in common.
pub(crate) struct Shared<S> {
    pub(crate) config: Config,
    store: Arc<S>,
}

impl<S: Store> Shared<S> {
    pub(crate) fn new(config: Config, store: S) -> Self {
        Self {
            config,
            store: Arc::new(store),
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
    /// The file that is not complete.
    file: Option<(Box<NewFile>, Upload<S>)>,
    /// The client holds a 2103 that it has not judged yet.
    verdict_due: bool,
}

/// Who ended a connection.
enum End {
    Peers,
    /// The peer is to see an end and not a reset.
    Ours,
}

impl<S: Store> Connection<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>, stopped: watch::Receiver<bool>) -> Self {
        let session = match &shared.config.dialect {
            DialectChoice::Fixed(dialect) => ServerSession::new(dialect.clone()),
            DialectChoice::Auto(auto) => ServerSession::auto(auto),
        };
        Self {
            session: session.with_discard_limit(shared.config.limits.discard),
            shared,
            stopped,
            file: None,
            verdict_due: false,
        }
    }

    /// Serves requests until one of the sides ends the connection, or the server stops.
    pub(crate) async fn serve(mut self, stream: TcpStream) {
        debug!("connected");
        let mut stream = Stream::new(stream, self.shared.config.limits.idle_timeout);
        let end = self.requests(&mut stream).await;
        // First the file, then the connection: whoever sees it end finds nothing left over.
        self.abandon_file().await;
        match end {
            Ok(End::Peers) => debug!("closed"),
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
                        // Stopped. The last answer may still be on its way.
                        None => return Ok(End::Ours),
                    }
                    bytes.resize(size, 0);
                    stream.read_exact(&mut bytes).await?;
                    self.handle(Event::Header(&bytes))
                }
                Action::ReadPayload { size } => {
                    bytes.resize(size, 0);
                    stream.read_exact(&mut bytes).await?;
                    self.handle(Event::Payload(&bytes))
                }
                Action::Ask(ask) => {
                    self.verdict_due &= !matches!(ask, Ask::Verdict { .. });
                    let answer = self.ask(ask).await;
                    self.handle(Event::Answer(answer))
                }
                Action::BeginFile(new) => {
                    let store = &self.shared.store;
                    let upload = Upload::new(store, &new.key, new.cksum.clone());
                    self.file = Some((new, upload));
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
                    stream.send(&message).await?;
                    self.handle(Event::Done)
                }
                Action::Close => return Ok(End::Ours),
            };
        }
    }

    /// Whether another message begins; `None` if the server stops first. A file that has begun is let
    /// come to its end.
    async fn begins(&mut self, stream: &mut Stream) -> io::Result<Option<bool>> {
        // A close in place of a verdict would look obeyed (PROTOCOL.md 2.12): it is awaited, for as long as the
        // server grants, and so is the rest of a file.
        if self.file.is_some() || self.verdict_due {
            return stream.begins().await.map(Some);
        }
        tokio::select! {
            biased;
            _ = self.stopped.wait_for(|stopped| *stopped) => Ok(None),
            begins = stream.begins() => begins.map(Some),
        }
    }

    async fn abandon_file(&mut self) {
        if let Some((_, upload)) = self.file.take() {
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
        }
        action
    }

    async fn ask(&self, ask: Ask) -> Answer {
        let answer = match ask {
            Ask::Register { name } => self.register(name).await,
            Ask::SendPublicKey {
                client,
                name,
                public_key,
                aes_key,
            } => {
                let public_key = public_key.as_bytes().to_vec();
                let name = name.as_str().to_owned();
                let keys = NewKeys {
                    name,
                    public_key,
                    aes_key,
                    version: self.version(),
                };
                self.shared
                    .store
                    .set_keys(client, keys)
                    .await
                    .map(|set| match set {
                        KeysSet::Done => Answer::KeyStored,
                        KeysSet::UnknownClient => Answer::Refused(Refusal::UnknownClient),
                        KeysSet::NameDiffers => Answer::Refused(Refusal::NameDiffers),
                    })
            }
            Ask::Reconnect { client, name } => self.reconnect(client, &name).await,
            Ask::StoreAesKey { client, aes_key } => {
                let version = self.version();
                let stored = self.shared.store.set_aes_key(client, aes_key, version);
                stored.await.map(|known| match known {
                    true => Answer::KeyStored,
                    false => Answer::Refused(Refusal::UnknownClient),
                })
            }
            Ask::Recall { client } => {
                let client = self.shared.store.client(client).await;
                client.map(|client| Answer::Recalled(client.and_then(|client| client.learned)))
            }
            Ask::SendFile {
                client,
                content_size,
                ..
            } => self.may_come(client, content_size).await,
            Ask::Verdict {
                client,
                kind,
                file_name,
                upload,
            } => self.judge(client, kind, &file_name, upload).await,
        };
        answer.unwrap_or_else(|error| Answer::Refused(failed(&error)))
    }

    async fn register(&self, name: Name) -> Result<Answer, StoreError> {
        let id = ClientId::generate(&mut rand::rng());
        let new = NewClient {
            id,
            name: name.as_str().to_owned(),
            version: self.version(),
        };
        if !self.shared.store.register(new).await? {
            return Ok(Answer::Refused(Refusal::NameTaken));
        }
        info!(client = %id, name = %Shown(name.as_str()), "registered");
        Ok(Answer::Registered(id))
    }

    async fn reconnect(&self, client: ClientId, name: &Name) -> Result<Answer, StoreError> {
        let version = self.version();
        let Some(known) = self.shared.store.seen(client, version).await? else {
            return Ok(Answer::Refused(Refusal::UnknownClient));
        };
        if known.name != name.as_str() {
            return Ok(Answer::Refused(Refusal::NameDiffers));
        }
        // Of any size: what is stored was looked into when it came.
        let parse = |key: Vec<u8>| PublicKey::parse(&key, PublicKeySizes::ShortAndLong).ok();
        match (known.public_key.and_then(parse), known.aes_key) {
            (Some(public_key), Some(aes_key)) => Ok(Answer::Keys {
                public_key,
                aes_key,
            }),
            _ => Ok(Answer::Refused(Refusal::NoKey)),
        }
    }

    /// A client is served all the same if this cannot be kept; it is learned again then.
    async fn learn(&self, client: ClientId, learned: &Learned) {
        match self.shared.store.learn(client, learned.clone()).await {
            Ok(true) => info!(%client, dialect = learned.dialect(), "dialect learned"),
            Ok(false) => {}
            Err(error) => drop(failed(&error)),
        }
    }

    async fn may_come(&self, client: ClientId, content_size: u32) -> Result<Answer, StoreError> {
        let Some(client) = self.shared.store.client(client).await? else {
            return Ok(Answer::Refused(Refusal::UnknownClient));
        };
        if client.disabled {
            return Err(StoreError::Disabled);
        }
        if u64::from(content_size) > self.shared.config.limits.max_file {
            return Ok(Answer::Refused(Refusal::Limit));
        }
        Ok(Answer::Accepted {
            stored_key: client.aes_key,
        })
    }

    async fn judge(
        &self,
        client: ClientId,
        kind: VerdictKind,
        file_name: &Name,
        upload: Option<UploadId>,
    ) -> Result<Answer, StoreError> {
        let version = upload.map(|UploadId(number)| VersionId(number));
        let name = file_name.as_str().to_owned();
        let store = &self.shared.store;
        let judged = match kind {
            VerdictKind::Right => store.verify(client, name, version).await?,
            VerdictKind::Wrong | VerdictKind::GiveUp => {
                store.remove_waiting(client, name, version).await?
            }
        };
        match judged {
            Judged::NothingWaiting => return Ok(Answer::Refused(Refusal::NothingWaiting)),
            Judged::UnknownClient => return Ok(Answer::Refused(Refusal::UnknownClient)),
            Judged::Honoured => {}
        }
        let file = Shown(file_name.as_str());
        match kind {
            VerdictKind::Right => info!(%client, %file, "verified"),
            VerdictKind::Wrong => warn!(%client, %file, "cksum wrong, the file comes again"),
            VerdictKind::GiveUp => warn!(%client, %file, "cksum wrong, the client gave up"),
        }
        Ok(Answer::VerdictTaken)
    }

    async fn receive(&mut self, stream: &mut Stream, size: u32, last: bool) -> io::Result<Content> {
        let Some((new, mut upload)) = self.file.take() else {
            let refusal = Refusal::Failed;
            let unread = size.into();
            return Ok(Content::Refused { refusal, unread });
        };
        let received = match upload.receive(stream, size).await {
            Ok(received) => received,
            Err(error) => {
                self.file = Some((new, upload));
                return Err(error);
            }
        };
        if let Err(spoilt) = received {
            return Ok(refused(spoilt.cause, spoilt.unread));
        }
        if !last {
            self.file = Some((new, upload));
            return Ok(Content::Received);
        }
        Ok(match upload.finish().await {
            Ok(plaintext) => self.keep(&new, plaintext).await,
            Err(cause) => refused(cause, 0),
        })
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
        let refusal = match self.shared.store.received(client, upload).await {
            Ok(Some(VersionId(number))) => {
                let file = Shown(new.file_name.as_str());
                info!(%client, %file, size, cksum, "file received");
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

fn refused(cause: Cause, unread: u64) -> Content {
    let refusal = match cause {
        Cause::Content(error) => Refusal::Crypto(error),
        cause => failed(&cause),
    };
    Content::Refused { refusal, unread }
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
