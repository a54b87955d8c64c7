//! One connection: carries out what the session of `backup_protocol` decides.

use std::io;
use std::sync::Arc;

use backup_protocol::crypto::AesKey;
use backup_protocol::session::Refusal;
use backup_protocol::session::server::{
    Action, Answer, Ask, Content, Event, ServerSession, UploadId,
};
use backup_protocol::wire::{ClientId, Name, RequestHeader, VerdictKind};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use crate::config::Config;
use crate::store::{Judged, KeysSet, NewClient, NewKeys, Received, Store, StoreError, VersionId};
use crate::stream::Stream;
use crate::text::Shown;
use crate::upload::{self, Cause};

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
}

/// One connection, before it is served.
pub(crate) struct Connection<S> {
    shared: Arc<Shared<S>>,
    /// Becomes true when the server stops: no further request is begun.
    stopped: watch::Receiver<bool>,
    session: ServerSession,
    /// The client holds a 2103 that it has not judged yet.
    verdict_due: bool,
}

impl<S: Store> Connection<S> {
    pub(crate) fn new(shared: Arc<Shared<S>>, stopped: watch::Receiver<bool>) -> Self {
        let session = ServerSession::new(shared.config.dialect.clone())
            .with_discard_limit(shared.config.limits.discard);
        Self {
            shared,
            stopped,
            session,
            verdict_due: false,
        }
    }

    /// Serves requests until one of the sides ends the connection, or the server stops.
    pub(crate) async fn serve(mut self, stream: TcpStream) {
        debug!("connected");
        let stream = Stream::new(stream, self.shared.config.limits.idle_timeout);
        match self.requests(stream).await {
            Ok(()) => debug!("closed"),
            // A peer that vanishes is its own business; what it had not finished is gone.
            Err(error) => info!(reason = %error, "connection lost"),
        }
    }

    async fn requests(&mut self, mut stream: Stream) -> io::Result<()> {
        let mut payload = Vec::new();
        let mut action = Action::ReadHeader;
        loop {
            action = match action {
                Action::ReadHeader => {
                    let begins = tokio::select! {
                        biased;
                        // A close in place of the verdict would look obeyed (PROTOCOL.md 2.12): it is awaited,
                        // for as long as the server grants.
                        _ = self.stopped.wait_for(|stopped| *stopped), if !self.verdict_due => None,
                        begins = stream.begins() => Some(begins?),
                    };
                    match begins {
                        Some(true) => {}
                        Some(false) => return Ok(()),
                        // Stopped. The last answer may still be on its way.
                        None => {
                            stream.close().await;
                            return Ok(());
                        }
                    }
                    let mut header = [0; RequestHeader::SIZE];
                    stream.read_exact(&mut header).await?;
                    self.handle(Event::Header(&header))
                }
                Action::ReadPayload { size } => {
                    payload.resize(size, 0);
                    stream.read_exact(&mut payload).await?;
                    self.handle(Event::Payload(&payload))
                }
                Action::Ask(ask) => {
                    self.verdict_due &= !matches!(ask, Ask::Verdict { .. });
                    let answer = self.ask(ask).await;
                    self.handle(Event::Answer(answer))
                }
                Action::ReceiveContent {
                    client,
                    file_name,
                    size,
                    key,
                } => {
                    let content = self
                        .receive(&mut stream, client, file_name, size, key)
                        .await?;
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
                Action::Close => {
                    stream.close().await;
                    return Ok(());
                }
            };
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

    async fn may_come(&self, client: ClientId, content_size: u32) -> Result<Answer, StoreError> {
        let Some(client) = self.shared.store.client(client).await? else {
            return Ok(Answer::Refused(Refusal::UnknownClient));
        };
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

    async fn receive(
        &self,
        stream: &mut Stream,
        client: ClientId,
        file_name: Name,
        content_size: u32,
        key: AesKey,
    ) -> io::Result<Content> {
        let store = &self.shared.store;
        let plaintext = match upload::receive(stream, store, content_size, &key).await? {
            Ok(plaintext) => plaintext,
            Err(spoilt) => {
                let refusal = match spoilt.cause {
                    Cause::Content(error) => Refusal::Crypto(error),
                    cause => failed(&cause),
                };
                return Ok(Content::Refused {
                    refusal,
                    unread: spoilt.unread,
                });
            }
        };
        let (size, cksum) = (plaintext.size, plaintext.cksum);
        let upload = Received {
            incoming: plaintext.incoming,
            name: file_name.as_str().to_owned(),
            size,
            content_size,
            cksum,
            version: self.version(),
        };
        let refusal = match store.received(client, upload).await {
            Ok(Some(VersionId(number))) => {
                let file = Shown(file_name.as_str());
                info!(%client, %file, size, cksum, "file received");
                return Ok(Content::Stored {
                    upload: UploadId(number),
                    cksum,
                });
            }
            Ok(None) => Refusal::UnknownClient,
            Err(StoreError::FileName) => Refusal::FileName,
            Err(error) => failed(&error),
        };
        Ok(Content::Refused { refusal, unread: 0 })
    }

    /// The version byte of the request under way.
    fn version(&self) -> u8 {
        self.session.header().map_or(0, |header| header.version)
    }
}

/// The peer learns that it is refused, the operator why.
fn failed(error: &dyn std::error::Error) -> Refusal {
    let cause = error.source().map(tracing::field::display);
    error!(%error, cause, "this server failed");
    Refusal::Failed
}
