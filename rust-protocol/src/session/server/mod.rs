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
//! | [`Action::BeginFile`], [`Action::Discard`], [`Action::Send`] | [`Event::Done`] |
//! | [`Action::Close`] | none: the session is over |
//!
//! A file may come in several packets, with [`Action::ReadHeader`] and [`Action::ReadPayload`] between
//! the [`Action::ReceiveContent`] of each. Any other action means that nothing more of it will come:
//! what was received of it is dropped.
//!
//! A connection that ends or fails anywhere is dropped along with its session; a request that was not
//! received in full then changes nothing.

mod auto;
mod machine;
mod packets;

use rsa::rand_core::CryptoRng;

use super::Refusal;
use crate::cksum::FileCksum;
use crate::crypto::{AesKey, PublicKey};
use crate::dialect::Dialect;
use crate::wire::{ClientId, Name, RequestHeader, RequestKind, VerdictKind};

pub use auto::{Auto, Learned};
use machine::Machine;

/// Bytes that a server throws away to keep a connection whose request it refuses, unless it is told
/// otherwise (PROTOCOL.md 2.10).
pub const DEFAULT_DISCARD_LIMIT: u64 = 16 * 1024 * 1024;

/// What the owner of the session does next.
#[derive(Clone, Debug)]
#[must_use = "a session goes on only when its action is carried out"]
pub enum Action {
    /// Read the bytes of a request header. The stream may end *before* them: the client is done.
    ReadHeader {
        /// 23 or 24.
        size: usize,
    },
    /// Read exactly so many bytes: more of the request.
    ReadPayload {
        /// At most 1024.
        size: usize,
    },
    /// Ask the store.
    Ask(Ask),
    /// Make ready for the content of a file. Nothing is to be read yet.
    BeginFile(Box<NewFile>),
    /// Read content of the file that was begun, and decrypt it as the continuation of what was read
    /// before. With the last of it, make the plaintext durable.
    ReceiveContent {
        /// Bytes of encrypted content that follow; any number, and 0 as well, if it is not all.
        size: u32,
        /// Whether that is all.
        last: bool,
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

/// A file whose content comes next.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Whose file.
    pub client: ClientId,
    /// Its name as sent.
    pub file_name: Name,
    /// Bytes of its encrypted content, a positive multiple of 16.
    pub content_size: u32,
    /// What it is encrypted with.
    pub key: AesKey,
    /// Takes its checksum. It wants to be told both sides of the cipher.
    pub cksum: FileCksum,
}

/// What the owner of the session reports.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The header was read, exactly as many bytes as were asked for.
    Header(&'a [u8]),
    /// More of the request was read, exactly as many bytes as were asked for.
    Payload(&'a [u8]),
    /// The store answers.
    Answer(Answer),
    /// What became of the content.
    Content(Content),
    /// The bytes were sent, or thrown away; or all is ready for a file.
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
    /// Which keys are stored? [`Answer::Keys`], or a refusal with [`Refusal::UnknownClient`],
    /// [`Refusal::NameDiffers`] or [`Refusal::NoKey`].
    Reconnect {
        /// Who asks.
        client: ClientId,
        /// The name, which has to be the client's.
        name: Name,
    },
    /// Store a new AES key beside the public key that is stored: [`Answer::KeyStored`], or a refusal
    /// with [`Refusal::UnknownClient`].
    StoreAesKey {
        /// Whose key.
        client: ClientId,
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
    /// What was learned of this client's dialect before? [`Answer::Recalled`]. Only a session that
    /// learns dialects asks.
    Recall {
        /// Whose dialect. There may be no such client.
        client: ClientId,
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
    /// The keys are stored.
    KeyStored,
    /// The keys that are stored.
    Keys {
        /// The public key.
        public_key: PublicKey,
        /// The AES key of the client's last key exchange on any connection.
        aes_key: AesKey,
    },
    /// The file may come.
    Accepted {
        /// The AES key of the client's last key exchange on any connection.
        stored_key: Option<AesKey>,
    },
    /// The verdict is durable.
    VerdictTaken,
    /// What was learned of the client, if anything was.
    Recalled(Option<Learned>),
    /// No.
    Refused(Refusal),
}

/// What became of the content of a file.
#[derive(Clone, Debug)]
pub enum Content {
    /// It was received, and is not the last of the file.
    Received,
    /// All of the file was received, and its plaintext is durable.
    Stored {
        /// What the store calls it.
        upload: UploadId,
        /// Bytes of plaintext.
        plain_size: u64,
        /// The checksum.
        cksum: u32,
    },
    /// Nothing of the file is kept.
    Refused {
        /// Why: [`Refusal::Crypto`] if it did not decrypt, [`Refusal::Limit`] or [`Refusal::Failed`].
        refusal: Refusal,
        /// Bytes of the content that was asked for last that were not read from the connection.
        unread: u64,
    },
}

/// The server's side of one connection.
#[derive(Debug)]
pub struct ServerSession(Machine);

impl ServerSession {
    /// Starts a connection with clients of one dialect.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self(Machine::new(dialect, None))
    }

    /// Starts a connection with a client whose dialect is to be learned (PROTOCOL.md 10.10).
    #[must_use]
    pub fn auto(auto: &Auto) -> Self {
        Self(Machine::new(auto.first(), Some(auto.clone())))
    }

    /// Sets how many bytes are thrown away to keep the connection of a refused request.
    #[must_use]
    pub fn with_discard_limit(mut self, bytes: u64) -> Self {
        self.0.set_discard_limit(bytes);
        self
    }

    /// The first action.
    pub fn start(&self) -> Action {
        self.0.start()
    }

    /// The dialect: the one that was given, or the one that the client is taken to speak so far.
    #[must_use]
    pub const fn dialect(&self) -> &Dialect {
        self.0.dialect()
    }

    /// The header of the request under way, or of the last one.
    #[must_use]
    pub const fn header(&self) -> Option<&RequestHeader> {
        self.0.header()
    }

    /// Which request is under way, or was the last one; `None` if its code is unknown.
    #[must_use]
    pub fn request(&self) -> Option<RequestKind> {
        self.0.request()
    }

    /// Why this request is refused, for the log. A verdict "cksum wrong" is refused in silence.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        self.0.refusal()
    }

    /// What is to be kept with a client for [`Ask::Recall`]: something new was learned of its dialect.
    /// It is said once. There may be no such client.
    pub fn take_learned(&mut self) -> Option<(ClientId, Learned)> {
        self.0.take_learned()
    }

    /// Takes an event and says what to do next.
    ///
    /// The random numbers make AES keys and pad them when they are wrapped. An event that does not
    /// answer the last action is a fault of the owner, and closes the session.
    pub fn handle<R: CryptoRng + ?Sized>(&mut self, event: Event<'_>, rng: &mut R) -> Action {
        self.0.handle(event, rng)
    }
}
