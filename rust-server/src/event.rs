//! What a server does, for whoever runs one in a test.

use std::net::SocketAddr;

use backup_protocol::session::Refusal;
use backup_protocol::wire::{ClientId, RequestKind, VerdictKind};

/// Something that a server did. It is told once it is durable, and before the client has its answer:
/// whoever waits for a client finds the event already there.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A connection was accepted.
    Connected {
        /// The client's end.
        peer: SocketAddr,
    },
    /// A connection is over, and what was not complete of it is gone.
    Closed {
        /// The client's end.
        peer: SocketAddr,
    },
    /// A client was given an ID.
    Registered {
        /// The ID.
        client: ClientId,
        /// The name that is taken now.
        name: String,
    },
    /// A file waits for its verdict.
    Received {
        /// Whose it is.
        client: ClientId,
        /// Its name as sent.
        file_name: String,
        /// Bytes of plaintext.
        size: u64,
        /// As it was answered.
        cksum: u32,
    },
    /// A verdict was honoured.
    Judged {
        /// Whose file it is.
        client: ClientId,
        /// Its name as sent.
        file_name: String,
        /// What was said of it.
        kind: VerdictKind,
    },
    /// A request was refused.
    Refused {
        /// Who says that it asked.
        client: Option<ClientId>,
        /// What was asked, if that is known.
        request: Option<RequestKind>,
        /// Why.
        reason: Refusal,
    },
}

/// What events are told to, from any thread of the server: it must be quick.
pub(crate) type Observer = Box<dyn Fn(Event) + Send + Sync>;
