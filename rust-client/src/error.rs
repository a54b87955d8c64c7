//! Why a client could not do what it was asked.

use std::io;

use backup_protocol::session::client::{ClientError as SessionError, PeerError};
use backup_protocol::wire::{Name, RequestKind};
use thiserror::Error;

use crate::exit::Exit;
use crate::identity::IdentityError;
use crate::server::ServerAddress;
use crate::source::FileError;

/// Why a client could not do what it was asked. [`ClientError::exit`] says whose fault it is.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The file to send.
    #[error(transparent)]
    File(#[from] FileError),
    /// The identity folder.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// There is no identity, and the name is held by a client of the server (PROTOCOL.md 2.9).
    #[error("the name {name:?} is taken on {server}", name = .name.as_str())]
    NameTaken {
        /// The name.
        name: Name,
        /// The server.
        server: ServerAddress,
    },
    /// The server answered 2101, every time that PROTOCOL.md 6.3 allows.
    #[error("{server} refused \"{request}\"{}", times(*.tries))]
    Refused {
        /// The server.
        server: ServerAddress,
        /// What it refused.
        request: RequestKind,
        /// How often.
        tries: u32,
    },
    /// The cksum was wrong after every transmission; the server was told so (1106).
    #[error(
        "{server} stored something else each of {transmissions} times: cksum {theirs}, not {ours}"
    )]
    GaveUp {
        /// The server.
        server: ServerAddress,
        /// Times the file was sent.
        transmissions: u32,
        /// The cksum of what was sent last.
        ours: u32,
        /// The server's last one.
        theirs: u32,
    },
    /// No address of the server takes a connection.
    #[error("cannot connect to {server}")]
    Connect {
        /// The server.
        server: ServerAddress,
        /// What the system says.
        source: io::Error,
    },
    /// The connection ended or failed where an answer was due.
    #[error(
        "the connection to {server} was lost while waiting for the answer to \"{request}\"{}",
        of_size(*.request_size)
    )]
    Lost {
        /// The server.
        server: ServerAddress,
        /// What was not answered.
        request: RequestKind,
        /// Bytes of the largest request that a file was sent in, if it was about a file.
        request_size: Option<u64>,
        /// What the system says, if it was more than an end of the stream.
        source: Option<io::Error>,
    },
    /// Nothing came within the deadline.
    #[error("{server} did not answer \"{request}\"{} in time", of_size(*.request_size))]
    TimedOut {
        /// The server.
        server: ServerAddress,
        /// What was not answered.
        request: RequestKind,
        /// Bytes of the largest request that a file was sent in, if it was about a file.
        request_size: Option<u64>,
    },
    /// What came is not what PROTOCOL.md allows.
    #[error("{server} violated the protocol: {problem}")]
    Violation {
        /// The server.
        server: ServerAddress,
        /// What came.
        problem: PeerError,
    },
    /// An earlier file failed in a way that leaves this one no chance.
    #[error("not tried after the failure before it")]
    NotTried {
        /// The kind of that failure.
        because: Exit,
    },
    /// The session failed in a way that this crate knows no better word for.
    #[error(transparent)]
    Session(SessionError),
    /// The caller ended it with an [`Interrupt`](crate::Interrupt).
    #[error("interrupted")]
    Interrupted,
    /// The system gave no key pair.
    #[error("cannot make a key pair")]
    KeyPair,
}

impl ClientError {
    /// The exit code for it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::File(_)
            | Self::Identity(_)
            | Self::Session(_)
            | Self::Interrupted
            | Self::KeyPair => Exit::Failure,
            Self::NameTaken { .. } | Self::Refused { .. } => Exit::Refused,
            Self::GaveUp { .. } => Exit::GaveUp,
            Self::Connect { .. } | Self::Lost { .. } | Self::TimedOut { .. } => Exit::Connection,
            Self::Violation { .. } => Exit::Violation,
            Self::NotTried { because } => *because,
        }
    }

    /// Whether other files of the same call would only fail in the same way.
    pub(crate) fn ends_the_call(&self) -> bool {
        match self {
            Self::Identity(_)
            | Self::NameTaken { .. }
            | Self::Connect { .. }
            | Self::Interrupted
            | Self::KeyPair => true,
            Self::Refused { request, .. } => *request != RequestKind::SendFile,
            _ => false,
        }
    }
}

/// What limit a server may have met: half of the family's fail at a request that does not come in one
/// read.
fn of_size(bytes: Option<u64>) -> String {
    bytes.map_or_else(String::new, |bytes| format!(", a request of {bytes} bytes"))
}

fn times(tries: u32) -> String {
    if tries > 1 {
        format!(" {tries} times")
    } else {
        String::new()
    }
}
