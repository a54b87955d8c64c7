//! The client's side of a backup: any number of files, over as many connections as it takes.
//!
//! Carry out the action, report the event, take the next action:
//!
//! | action | event that answers it |
//! |---|---|
//! | [`Action::NextFile`] | [`Event::File`], [`Event::KeysOnly`], [`Event::NoMoreFiles`] |
//! | [`Action::Connect`] | [`Event::Connected`] |
//! | [`Action::MakeKey`] | [`Event::KeyMade`] |
//! | [`Action::KeepIdentity`] | [`Event::IdentityKept`] |
//! | [`Action::Send`] | [`Event::Sent`], [`Event::SendFailed`] |
//! | [`Action::SendContent`] | [`Event::ContentSent`], [`Event::SendFailed`] |
//! | [`Action::Read`] | [`Event::Received`], [`Event::Ended`], [`Event::Reset`], [`Event::TimedOut`] |
//! | [`Action::EndSending`] | [`Event::SendingEnded`] |
//! | [`Action::Done`], [`Action::Failed`] | none: the session is over |
//!
//! What the owner itself fails at, such as connecting or reading a file, it reports to its own caller
//! and drops the session.

mod error;
mod machine;
mod packets;
mod search;
mod sums;

use rsa::rand_core::CryptoRng;

pub use error::{ClientError, PeerError};
pub use packets::{Packets, Transmission};
pub use sums::ContentSums;

use crate::crypto::KeyPair;
use crate::dialect::Dialect;
use crate::wire::{ClientId, Name, RequestKind};
use machine::Machine;

/// How often a refused request is sent in all (PROTOCOL.md 6.3).
pub const TRIES: u8 = 3;

/// What a client session does next is for its owner to carry out.
#[derive(Clone, Debug)]
#[must_use = "a session goes on only when its action is carried out"]
pub enum Action {
    /// Say which file comes next. The previous one, if any, is now in [`ClientSession::outcomes`].
    NextFile,
    /// Open a new connection to the server. If there is one it is of no more use.
    Connect,
    /// The server knows this client no more, and it registers anew: make a new key pair, and sure that
    /// an identity can be stored. What is stored now stays until [`Action::KeepIdentity`]
    /// (PROTOCOL.md 10.4).
    MakeKey,
    /// Make the client ID, and with it the private key of the options or of [`Event::KeyMade`], outlive
    /// this process (`me.info`): it is what the public key that goes out next belongs to.
    KeepIdentity {
        /// The ID that the server gave.
        client_id: ClientId,
    },
    /// Write these bytes, in one write.
    Send(Vec<u8>),
    /// Write `prefix` in one write, then the file, encrypted, from its start.
    SendContent(Transmission),
    /// Read at least one and at most `max` bytes, by the read deadline.
    Read {
        /// Never more than [`MAX_READ`].
        max: usize,
        /// How long the read deadline is.
        patience: Patience,
    },
    /// End the sending side of the connection, and keep its other side open.
    EndSending,
    /// All files have an outcome. The connection is of no more use.
    Done,
    /// The session is over. Outcomes so far stand.
    Failed(ClientError),
}

/// The most that is read at once.
pub const MAX_READ: usize = 2048;

/// How long to wait for bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Patience {
    /// As long as an answer may take that is due.
    Answer,
    /// As long as a working server takes for it: a server that does not speak the dialect may never
    /// answer, and others are left to try. Some seconds.
    Guess,
    /// As long as a server takes that closes at once, or says something that need not be said. A second
    /// or so.
    Glance,
}

/// What the owner of a client session reports.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The next file.
    File(File),
    /// No file: register if there is no ID yet, exchange keys, and ask again.
    KeysOnly,
    /// There are no more files.
    NoMoreFiles,
    /// There is a new connection.
    Connected,
    /// The new key pair.
    KeyMade(Box<KeyPair>),
    /// The identity is stored.
    IdentityKept,
    /// The bytes are written.
    Sent,
    /// Prefix and content are written.
    ContentSent {
        /// Those of the [`Transmission`], fed with all that was sent.
        sums: ContentSums,
    },
    /// The connection broke while writing. What the server may have said before is read next.
    SendFailed,
    /// Bytes that came.
    Received(&'a [u8]),
    /// The stream ended.
    Ended,
    /// The connection was reset.
    Reset,
    /// Nothing came within the read deadline.
    TimedOut,
    /// The sending side is ended. Also if that failed: reading tells.
    SendingEnded,
}

/// A file to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    /// The name that goes over the wire.
    pub name: Name,
    /// Bytes of its plaintext.
    pub plain_size: u64,
}

/// What became of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileOutcome {
    /// The file.
    pub file: File,
    /// The cksum that was taken here, last.
    pub cksum: u32,
    /// The cksum that the server answered with, last.
    pub server_cksum: u32,
    /// How often the file was sent.
    pub transmissions: u8,
    /// Whether the server has the file as it is here. Otherwise the client gave up.
    pub verified: bool,
    /// Whether the server knows what it should think of it.
    pub confirmation: Confirmation,
}

impl FileOutcome {
    /// Whether the server has the file as it is here. Otherwise the client gave up.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.verified
    }
}

/// How the last verdict on a file was taken in (PROTOCOL.md 2.12).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Confirmation {
    /// It is sent, and no sign of it has come yet.
    Outstanding,
    /// It was taken in.
    Confirmed,
    /// The connection broke or stayed silent: warn that the verdict is not confirmed.
    Unconfirmed,
    /// The server refused it.
    Refused,
}

/// How well a client knows the dialect of its server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Knowledge {
    /// It is the one that was asked for: no other is tried.
    Fixed,
    /// It is what was found out before. Others are tried if the first request shows that it is wrong.
    Learned,
    /// It is a guess, and others are tried (PROTOCOL.md 10.11).
    Guess,
}

/// Who a client is and how it wants to speak.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientOptions {
    /// The name of the client.
    pub name: Name,
    /// Its key pair, which the owner stores with the ID.
    pub key: KeyPair,
    /// The ID from an earlier run.
    pub identity: Option<ClientId>,
    /// The server's dialect, or the one to begin with.
    pub dialect: Dialect,
    /// How well it is known.
    pub knowledge: Knowledge,
    /// Use a new connection for every request and its response, whatever the dialect says.
    pub connection_per_request: bool,
    /// Send the public key again before each further file, so that no AES key serves two files
    /// (PROTOCOL.md 4.4). On unless switched off.
    pub key_per_file: bool,
    /// Register although there is an identity, as some programs do; the server then refuses and the
    /// session goes on with the identity (PROTOCOL.md 2.9).
    pub register_anyway: bool,
    /// Say of the first so many transmissions of each file that the cksum is wrong, whatever it is: for
    /// tests of servers. Zero unless set.
    pub wrong_verdicts: u8,
}

impl ClientOptions {
    /// A client without an ID, for a server whose dialect is known.
    #[must_use]
    pub const fn new(name: Name, key: KeyPair, dialect: Dialect) -> Self {
        Self {
            name,
            key,
            identity: None,
            dialect,
            knowledge: Knowledge::Fixed,
            connection_per_request: false,
            key_per_file: true,
            register_anyway: false,
            wrong_verdicts: 0,
        }
    }
}

/// The client's side of a backup.
#[derive(Debug)]
pub struct ClientSession {
    machine: Machine,
}

impl ClientSession {
    /// Prepares a session; [`ClientSession::start`] gives the first action.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        Self {
            machine: Machine::new(options),
        }
    }

    /// The first action, which is [`Action::NextFile`]: a file that is too large has to be refused
    /// before anything is sent.
    pub fn start(&mut self) -> Action {
        self.machine.start()
    }

    /// Takes an event and says what to do next.
    ///
    /// The random numbers blind the private RSA operation.
    pub fn handle<R: CryptoRng + ?Sized>(&mut self, event: Event<'_>, rng: &mut R) -> Action {
        self.machine.handle(event, rng)
    }

    /// The files that were judged, in the order in which they were sent.
    #[must_use]
    pub fn outcomes(&self) -> &[FileOutcome] {
        self.machine.outcomes()
    }

    /// The client's ID, once there is one.
    #[must_use]
    pub const fn client_id(&self) -> Option<ClientId> {
        self.machine.client_id()
    }

    /// The server's dialect as far as it is known, once the server was understood. What has had no
    /// effect yet may still turn out to be otherwise.
    #[must_use]
    pub const fn dialect(&self) -> Option<&Dialect> {
        self.machine.dialect()
    }

    /// The request under way, if it was refused, and how often: PROTOCOL.md 8.5 has a client say so each
    /// time, and not only when it gives up. Verdicts are not among them.
    #[must_use]
    pub const fn refusal(&self) -> Option<(RequestKind, u8)> {
        self.machine.refusal()
    }

    /// The version in the server's last response; it should be 3, and any is accepted.
    #[must_use]
    pub const fn server_version(&self) -> Option<u8> {
        self.machine.server_version()
    }
}
