//! The server's side of one connection.
//!
//! Carry out the action, report the event, take the next action:
//!
//! | action | event that answers it |
//! |---|---|
//! | [`Action::ReadHeader`] | [`Event::Header`] |
//! | [`Action::ReadPayload`] | [`Event::Payload`] |
//! | [`Action::Ask`] | [`Event::Answer`] |
//! | [`Action::ReceiveContent`] | [`Event::Content`] |
//! | [`Action::Discard`], [`Action::Send`] | [`Event::Done`] |
//! | [`Action::Close`] | none: the session is over |
//!
//! A connection that ends or fails anywhere is dropped along with its session; a request that was not
//! received in full then changes nothing.

use rsa::rand_core::CryptoRng;

use super::Refusal;
use crate::crypto::{AesKey, PublicKey};
use crate::dialect::{Dialect, VerdictAnswer};
use crate::wire::{
    ClientId, FileReceived, Name, Refused, Registered, Request, RequestHeader, RequestKind,
    Response, SendFile, SendPublicKey, VERSION, Verdict, VerdictKind, WRAPPED_KEY_SIZE, WrappedKey,
};

/// Bytes that a server throws away to keep a connection whose request it refuses, unless it is told
/// otherwise (PROTOCOL.md 2.10).
pub const DEFAULT_DISCARD_LIMIT: u64 = 16 * 1024 * 1024;

/// How many uploads of a connection are remembered for their verdicts. An older one is still found by
/// the store as the newest of its name that nobody judged.
const REMEMBERED_UPLOADS: usize = 256;

/// What the owner of the session does next.
#[derive(Clone, Debug)]
#[must_use = "a session goes on only when its action is carried out"]
pub enum Action {
    /// Read the 23 bytes of a request header. The stream may end *before* them: the client is done.
    ReadHeader,
    /// Read exactly so many bytes: the fixed fields of the request.
    ReadPayload {
        /// At most 415.
        size: usize,
    },
    /// Ask the store.
    Ask(Ask),
    /// Read the content, decrypt it, make the plaintext durable and take its cksum.
    ReceiveContent {
        /// Whose file.
        client: ClientId,
        /// Its name as sent.
        file_name: Name,
        /// Bytes of encrypted content that follow, a positive multiple of 16.
        size: u32,
        /// What it is encrypted with.
        key: AesKey,
    },
    /// Read so many bytes and throw them away.
    Discard {
        /// At most the discard limit.
        size: u64,
    },
    /// Write these bytes, in one write.
    Send(Vec<u8>),
    /// End the sending side, read and discard for at most 1 second or 1 MiB, and close, so that the
    /// client sees an end and not a reset.
    Close,
}

/// What the owner of the session reports.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The header was read.
    Header(&'a [u8; RequestHeader::SIZE]),
    /// The fixed fields were read, exactly as many bytes as were asked for.
    Payload(&'a [u8]),
    /// The store answers.
    Answer(Answer),
    /// What became of the content.
    Content(Content),
    /// The bytes were sent, or thrown away.
    Done,
}

/// A question for the store. Every change that it asks for has to be durable when it is answered.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Register a client: [`Answer::Registered`], or a refusal with [`Refusal::NameTaken`].
    Register {
        /// The name.
        name: Name,
    },
    /// Store the client's public key and its new AES key: [`Answer::KeyStored`], or a refusal with
    /// [`Refusal::UnknownClient`] or [`Refusal::NameDiffers`].
    SendPublicKey {
        /// Whose keys.
        client: ClientId,
        /// The name, which has to be the client's.
        name: Name,
        /// The public key.
        public_key: PublicKey,
        /// The AES key.
        aes_key: AesKey,
    },
    /// May this file come? [`Answer::Accepted`], or a refusal with [`Refusal::UnknownClient`],
    /// [`Refusal::FileName`] or [`Refusal::Limit`].
    SendFile {
        /// Whose file.
        client: ClientId,
        /// Its name as sent. [`Name::base_name`] is not `None`.
        file_name: Name,
        /// Bytes of its encrypted content.
        content_size: u32,
    },
    /// Judge an upload: [`Answer::VerdictTaken`], or a refusal with [`Refusal::UnknownClient`] or
    /// [`Refusal::NothingWaiting`].
    Verdict {
        /// Whose upload.
        client: ClientId,
        /// What is said of it.
        kind: VerdictKind,
        /// The file name as sent.
        file_name: Name,
        /// The last upload of that name on this connection. Without one the verdict counts for the
        /// newest version of the name that nobody judged (PROTOCOL.md 6.5).
        upload: Option<UploadId>,
    },
}

/// What the store calls one version of a file.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UploadId(pub i64);

/// What the store answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The client is registered, under an ID like [`ClientId::generate`] makes them.
    Registered(ClientId),
    /// Both keys are stored.
    KeyStored,
    /// The file may come.
    Accepted {
        /// The AES key of the client's last key exchange on any connection.
        stored_key: Option<AesKey>,
    },
    /// The verdict is durable.
    VerdictTaken,
    /// No.
    Refused(Refusal),
}

/// What became of the content of a file.
#[derive(Clone, Debug)]
pub enum Content {
    /// All of it was received, and its plaintext is durable.
    Stored {
        /// What the store calls it.
        upload: UploadId,
        /// The cksum of the plaintext.
        cksum: u32,
    },
    /// Nothing of it is kept.
    Refused {
        /// Why: [`Refusal::Crypto`] if it did not decrypt, [`Refusal::Limit`] or [`Refusal::Failed`].
        refusal: Refusal,
        /// Bytes of content that were not read from the connection.
        unread: u64,
    },
}

/// The server's side of one connection.
#[derive(Debug)]
pub struct ServerSession {
    dialect: Dialect,
    discard_limit: u64,
    /// The key of the last key exchange on this connection, and whose it is (PROTOCOL.md 2.4).
    key: Option<(ClientId, AesKey)>,
    /// The last upload of each name on this connection, oldest first.
    uploads: Vec<(ClientId, Name, UploadId)>,
    header: Option<RequestHeader>,
    refusal: Option<Refusal>,
    state: State,
}

#[derive(Debug)]
enum State {
    Header,
    Payload(RequestHeader, RequestKind),
    Registering,
    StoringKey(ClientId, AesKey, Box<[u8; WRAPPED_KEY_SIZE]>),
    AskingForFile(ClientId, SendFile),
    ReceivingContent(ClientId, SendFile),
    Judging(VerdictKind),
    Discarding,
    Sending { close: bool },
    Closed,
}

impl ServerSession {
    /// Starts a connection; its first action is [`Action::ReadHeader`].
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            discard_limit: DEFAULT_DISCARD_LIMIT,
            key: None,
            uploads: Vec::new(),
            header: None,
            refusal: None,
            state: State::Header,
        }
    }

    /// Sets how many bytes are thrown away to keep the connection of a refused request.
    #[must_use]
    pub const fn with_discard_limit(mut self, bytes: u64) -> Self {
        self.discard_limit = bytes;
        self
    }

    /// The header of the request under way, or of the last one.
    #[must_use]
    pub const fn header(&self) -> Option<&RequestHeader> {
        self.header.as_ref()
    }

    /// Which request is under way, or was the last one; `None` if its code is unknown.
    #[must_use]
    pub fn request(&self) -> Option<RequestKind> {
        self.dialect.request_kind(self.header?.code)
    }

    /// Why this request is refused, for the log. A verdict "cksum wrong" is refused in silence.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// Takes an event and says what to do next.
    ///
    /// The random numbers make AES keys and pad them when they are wrapped. An event that does not
    /// answer the last action is a fault of the owner, and closes the session.
    pub fn handle<R: CryptoRng + ?Sized>(&mut self, event: Event<'_>, rng: &mut R) -> Action {
        match (std::mem::replace(&mut self.state, State::Closed), event) {
            (State::Header, Event::Header(bytes)) => self.on_header(bytes),
            (State::Payload(header, kind), Event::Payload(bytes)) => {
                self.on_payload(&header, kind, bytes, rng)
            }
            (State::Registering, Event::Answer(Answer::Registered(client_id))) => {
                self.send(&Response::Registered(Registered { client_id }), false)
            }
            (State::StoringKey(client_id, aes_key, wrapped), Event::Answer(Answer::KeyStored)) => {
                self.key = Some((client_id, aes_key));
                let wrapped = *wrapped;
                self.send(&Response::AesKey(WrappedKey { client_id, wrapped }), false)
            }
            (
                State::AskingForFile(client, file),
                Event::Answer(Answer::Accepted { stored_key }),
            ) => self.receive(client, file, stored_key),
            (State::AskingForFile(_, file), Event::Answer(Answer::Refused(refusal))) => {
                self.refuse(refusal, file.content_size.into())
            }
            (State::ReceivingContent(client, file), Event::Content(content)) => {
                self.on_content(client, file, content)
            }
            (State::Judging(kind), Event::Answer(Answer::VerdictTaken)) => self.honour(kind),
            (State::Judging(kind), Event::Answer(Answer::Refused(refusal))) => {
                self.refuse_verdict(kind, refusal)
            }
            (
                State::Registering | State::StoringKey(..),
                Event::Answer(Answer::Refused(refusal)),
            ) => self.refuse(refusal, 0),
            (State::Discarding, Event::Done) => self.send_refused(false),
            (State::Sending { close: false }, Event::Done) => self.next_request(),
            (State::Sending { close: true }, Event::Done) => self.close(),
            _ => self.close(),
        }
    }

    fn on_header(&mut self, bytes: &[u8; RequestHeader::SIZE]) -> Action {
        self.refusal = None;
        let checked = RequestHeader::decode(bytes).and_then(|header| {
            self.header = Some(header);
            Ok((header, header.check(&self.dialect)?))
        });
        match checked {
            Ok((header, kind)) => {
                self.state = State::Payload(header, kind);
                let size = self.dialect.request_fixed_size(kind);
                Action::ReadPayload {
                    size: usize::try_from(size).unwrap_or(usize::MAX),
                }
            }
            // Where the next request would begin cannot be known: the connection is lost.
            Err(error) => {
                self.refusal = Some(error.into());
                self.send_refused(true)
            }
        }
    }

    fn on_payload<R: CryptoRng + ?Sized>(
        &mut self,
        header: &RequestHeader,
        kind: RequestKind,
        bytes: &[u8],
        rng: &mut R,
    ) -> Action {
        let client = header.client_id;
        let unread = header
            .payload_size
            .saturating_sub(self.dialect.request_fixed_size(kind));
        match Request::decode(header, bytes, &self.dialect) {
            Err(error) => match kind {
                RequestKind::Verdict(kind) => self.refuse_verdict(kind, error.into()),
                _ => self.refuse(error.into(), unread.into()),
            },
            Ok(Request::Register(register)) => {
                self.state = State::Registering;
                let name = register.name;
                Action::Ask(Ask::Register { name })
            }
            Ok(Request::SendPublicKey(request)) => match self.new_key(client, request, rng) {
                Ok(ask) => Action::Ask(ask),
                Err(refusal) => self.refuse(refusal, 0),
            },
            Ok(Request::SendFile(file)) => {
                if file.file_name.base_name().is_none() {
                    return self.refuse(Refusal::FileName, unread.into());
                }
                let ask = Ask::SendFile {
                    client,
                    file_name: file.file_name.clone(),
                    content_size: file.content_size,
                };
                self.state = State::AskingForFile(client, file);
                Action::Ask(ask)
            }
            Ok(Request::Verdict(Verdict { kind, file_name })) => {
                self.state = State::Judging(kind);
                let upload = self.upload(client, &file_name);
                Action::Ask(Ask::Verdict {
                    client,
                    kind,
                    file_name,
                    upload,
                })
            }
        }
    }

    fn new_key<R: CryptoRng + ?Sized>(
        &mut self,
        client: ClientId,
        request: SendPublicKey,
        rng: &mut R,
    ) -> Result<Ask, Refusal> {
        let public_key = PublicKey::parse(&request.public_key)?;
        let aes_key = AesKey::generate(self.dialect.aes_key_size, rng);
        let wrapped = public_key.wrap(&aes_key, rng)?;
        self.state = State::StoringKey(client, aes_key.clone(), Box::new(wrapped));
        Ok(Ask::SendPublicKey {
            client,
            name: request.name,
            public_key,
            aes_key,
        })
    }

    /// Parallel connections of one client each made a key of their own, and the store has the last of
    /// them: the key of this connection is the one that the client encrypts with here.
    fn receive(&mut self, client: ClientId, file: SendFile, stored_key: Option<AesKey>) -> Action {
        let own_key = self.key.as_ref().filter(|(owner, _)| *owner == client);
        let Some(key) = own_key.map(|(_, key)| key.clone()).or(stored_key) else {
            return self.refuse(Refusal::NoKey, file.content_size.into());
        };
        let action = Action::ReceiveContent {
            client,
            file_name: file.file_name.clone(),
            size: file.content_size,
            key,
        };
        self.state = State::ReceivingContent(client, file);
        action
    }

    fn on_content(&mut self, client_id: ClientId, file: SendFile, content: Content) -> Action {
        match content {
            Content::Refused { refusal, unread } => self.refuse(refusal, unread),
            Content::Stored { upload, cksum } => {
                self.remember(client_id, &file.file_name, upload);
                let response = Response::FileReceived(FileReceived {
                    client_id,
                    content_size: file.content_size,
                    file_name: file.file_name,
                    cksum,
                });
                self.send(&response, false)
            }
        }
    }

    fn honour(&mut self, kind: VerdictKind) -> Action {
        let after = self.dialect.after(kind);
        match after.answer {
            VerdictAnswer::Refused => self.send_refused(after.close),
            VerdictAnswer::None if after.close => self.close(),
            VerdictAnswer::None => self.next_request(),
        }
    }

    /// A verdict that cannot be honoured (PROTOCOL.md 2.11).
    fn refuse_verdict(&mut self, kind: VerdictKind, refusal: Refusal) -> Action {
        if (kind, refusal) == (VerdictKind::GiveUp, Refusal::NothingWaiting) {
            return self.honour(kind);
        }
        self.refusal = Some(refusal);
        match kind {
            VerdictKind::Right => self.send_refused(true),
            // The client does not read here, and would take an answer for that to its next request.
            VerdictKind::Wrong => self.next_request(),
            VerdictKind::GiveUp => self.send_refused(self.dialect.after(kind).close),
        }
    }

    /// Refuses a request of which `unread` bytes are still to come.
    fn refuse(&mut self, refusal: Refusal, unread: u64) -> Action {
        self.refusal = Some(refusal);
        if unread > self.discard_limit {
            self.send_refused(true)
        } else if unread > 0 {
            self.state = State::Discarding;
            Action::Discard { size: unread }
        } else {
            self.send_refused(false)
        }
    }

    fn send_refused(&mut self, close: bool) -> Action {
        let client_id = self.header.map(|header| header.client_id);
        self.send(&Response::Refused(Refused { client_id }), close)
    }

    fn send(&mut self, response: &Response, close: bool) -> Action {
        self.state = State::Sending { close };
        Action::Send(response.encode(&self.dialect, VERSION))
    }

    fn next_request(&mut self) -> Action {
        self.state = State::Header;
        Action::ReadHeader
    }

    fn close(&mut self) -> Action {
        self.state = State::Closed;
        Action::Close
    }

    /// Remembers an upload even once it is judged: a verdict that is repeated must not fall on the
    /// upload of another connection.
    fn remember(&mut self, client: ClientId, file_name: &Name, upload: UploadId) {
        self.uploads
            .retain(|(owner, name, _)| (*owner, name) != (client, file_name));
        if self.uploads.len() >= REMEMBERED_UPLOADS {
            self.uploads.remove(0);
        }
        self.uploads.push((client, file_name.clone(), upload));
    }

    fn upload(&self, client: ClientId, file_name: &Name) -> Option<UploadId> {
        let mut found = self.uploads.iter();
        found
            .find(|(owner, name, _)| (*owner, name) == (client, file_name))
            .map(|&(_, _, upload)| upload)
    }
}
