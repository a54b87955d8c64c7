//! Why a client session ends without having done its work.

use crate::crypto::CryptoError;
use crate::dialect::FileTooLarge;
use crate::wire::{DecodeError, Name, RequestKind, ResponseKind};

/// Why a client session failed.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// The file does not fit a request. Nothing of it was sent.
    #[error(transparent)]
    FileTooLarge(#[from] FileTooLarge),
    /// The name is held by a client whose ID is not known here (PROTOCOL.md 2.9): choose another
    /// name, or have the operator remove or rename that client.
    #[error("the name {name} is taken")]
    NameTaken {
        /// The name.
        name: Name,
    },
    /// The server refused the same request again and again (PROTOCOL.md 6.3).
    #[error("the server refused the request \"{request}\" {tries} times")]
    Refused {
        /// The request.
        request: RequestKind,
        /// How often it was sent.
        tries: u8,
    },
    /// The server broke the protocol.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The connection ended or was reset where an answer was due.
    #[error("the connection was lost before the answer to the request \"{request}\"")]
    ConnectionLost {
        /// The request.
        request: RequestKind,
    },
    /// Nothing came within the read deadline where an answer was due.
    #[error("no answer to the request \"{request}\" in time")]
    TimedOut {
        /// The request.
        request: RequestKind,
    },
    /// The owner of the session reported an event that does not answer the last action.
    #[error("an event that was not due")]
    OutOfOrder,
}

/// What a server did that the protocol does not allow.
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PeerError {
    /// The bytes are not a response.
    #[error("not a response: {0}")]
    Decode(#[from] DecodeError),
    /// The AES key could not be unwrapped.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A response that does not answer the request.
    #[error("the response \"{got}\" to the request \"{request}\", expected \"{expected}\"")]
    UnexpectedResponse {
        /// The request.
        request: RequestKind,
        /// What answers it.
        expected: ResponseKind,
        /// What came.
        got: ResponseKind,
    },
    /// A response that follows a verdict and says nothing of it.
    #[error("the response \"{got}\" after a verdict")]
    ResponseAfterVerdict {
        /// What came.
        got: ResponseKind,
    },
    /// A response that is for another client. Neither ID is shown: they are credentials.
    #[error("the response \"{response}\" has the ID of another client")]
    WrongClientId {
        /// What came.
        response: ResponseKind,
    },
    /// A client ID that begins with two zero bytes: very likely the payload size of the header is
    /// wider than the dialect has it.
    #[error("the client ID starts with two zero bytes, as if the response header were longer")]
    ReservedClientId,
    /// A content size that does not repeat the request's.
    #[error("the response repeats a content size of {got}, sent was {expected}")]
    WrongContentSize {
        /// As sent.
        expected: u32,
        /// As repeated.
        got: u32,
    },
    /// A file name that does not repeat the request's.
    #[error("the response repeats the file name {got}, sent was {expected}")]
    WrongFileName {
        /// As sent.
        expected: Name,
        /// As repeated.
        got: Name,
    },
    /// The file was acknowledged before all of it was sent.
    #[error("the file was received before it was sent")]
    ReceivedTooSoon,
    /// More acknowledgements than there were verdicts.
    #[error("acknowledgements without end")]
    TooManyAcknowledgements,
}

impl PeerError {
    /// The name of the reason in all languages, where PROTOCOL.md 11 gives it one.
    #[must_use]
    pub const fn slug(&self) -> Option<&'static str> {
        match self {
            Self::Decode(error) => Some(error.slug()),
            Self::Crypto(error) => error.slug(),
            _ => None,
        }
    }

    /// The section of PROTOCOL.md that is broken.
    #[must_use]
    pub const fn section(&self) -> &'static str {
        match self {
            Self::Decode(error) => error.section(),
            Self::Crypto(error) => error.section(),
            Self::UnexpectedResponse { .. } | Self::ReceivedTooSoon => "6",
            Self::ReservedClientId => "1.9",
            Self::WrongClientId { .. }
            | Self::WrongContentSize { .. }
            | Self::WrongFileName { .. } => "6.2",
            Self::ResponseAfterVerdict { .. } | Self::TooManyAcknowledgements => "2.12",
        }
    }
}
