//! What a client tells its caller while it works, and what it hands back.

use backup_protocol::Dialect;
use backup_protocol::wire::RequestKind;

use crate::error::ClientError;
use crate::identity::IdentityError;
use crate::server::ServerAddress;
use crate::source::SourceFile;

/// A file that the server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The file's size in bytes, as it was transmitted.
    pub bytes: u64,
    /// Its checksum in the server's dialect, computed by both sides (PROTOCOL.md 5).
    pub cksum: u32,
    /// Times it was transmitted, at least 1.
    pub transmissions: u32,
    /// Whether the server is known to have taken in that it has the right bytes.
    pub verdict: Verdict,
}

/// What became of 1104 (PROTOCOL.md 2.12). The checksums were equal in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The server took it in.
    Verified,
    /// Neither an end of the stream nor an answer came: the server may still hold the file for
    /// unverified.
    Unconfirmed,
}

impl Verdict {
    /// The word for it in results.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// A step of the work, in order. Nothing has to be done about any.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A connection stands.
    Connected(&'a ServerAddress),
    /// The server did not know the identity any more (PROTOCOL.md 10.4): the client registers anew, and
    /// keeps the old identity until it has another.
    Forgotten,
    /// The name is ours, and the identity is on the disk.
    Registered,
    /// What the server speaks, as far as it could be told (PROTOCOL.md 10.11), where that is news.
    DialectLearned(&'a Dialect),
    /// 1103 is about to be sent.
    Transmission {
        /// The file.
        file: &'a SourceFile,
        /// Counted from 1; above 1 the server's cksum was wrong before. Refused tries do not count
        /// (PROTOCOL.md 6.3).
        number: u32,
    },
    /// A part of the file was handed to the connection.
    Progress {
        /// Bytes of the file so far in this transmission.
        bytes: u64,
        /// Bytes of the file in all.
        total: u64,
    },
    /// The server answered 2101, or a general error, to something else than a verdict.
    Refused {
        /// What it refused.
        request: RequestKind,
        /// Counted from 1.
        attempt: u8,
        /// Tries in all (PROTOCOL.md 6.3).
        attempts: u8,
    },
    /// Something that the caller's user should hear of and that stops nothing.
    Warning(Warning<'a>),
    /// A file is done with: the result of `send`, as soon as it is known.
    Finished {
        /// The place of the file in the call.
        index: usize,
        /// The file.
        file: &'a SourceFile,
        /// What became of it.
        result: &'a Result<Sent, ClientError>,
    },
}

/// See [`Event::Warning`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Warning<'a> {
    /// The client ID, a credential, was given by another server than the one it goes to.
    OtherServer {
        /// The server that gave it.
        recorded: &'a str,
        /// The one in use.
        used: &'a ServerAddress,
    },
    /// `client.json` could not be read or written; the work goes on without it.
    Record(&'a IdentityError),
}
