//! Why a server refuses a request.

use crate::crypto::CryptoError;
use crate::wire::DecodeError;

/// Why a request is refused (PROTOCOL.md 2.10). It is for the log: on the wire all refusals are alike.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The bytes are not a request.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The public key cannot be used, or the content does not decrypt.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// No client has this ID.
    #[error("unknown client ID")]
    UnknownClient,
    /// Another client holds the name.
    #[error("the name is taken")]
    NameTaken,
    /// The name is not that of the client whose ID it is.
    #[error("the name is not this client's")]
    NameDiffers,
    /// A file before any key exchange.
    #[error("a file before any key")]
    NoKey,
    /// No upload of the client waits under this name for a verdict.
    #[error("nothing waits for a verdict under this name")]
    NothingWaiting,
    /// No file can be stored under this name.
    #[error("a file name that cannot be stored")]
    FileName,
    /// A limit that the operator set.
    #[error("over a limit of this server")]
    Limit,
    /// The operator does not want the client.
    #[error("the operator disabled this client")]
    Disabled,
    /// The server's own fault, such as a full disk.
    #[error("this server failed")]
    Failed,
}

impl Refusal {
    /// The name of the reason in all languages, where PROTOCOL.md 11 gives it one.
    #[must_use]
    pub const fn slug(&self) -> Option<&'static str> {
        match self {
            Self::Decode(error) => Some(error.slug()),
            Self::Crypto(error) => error.slug(),
            _ => None,
        }
    }

    /// The section of PROTOCOL.md that asks for the refusal.
    #[must_use]
    pub const fn section(&self) -> &'static str {
        match self {
            Self::Decode(error) => error.section(),
            Self::Crypto(error) => error.section(),
            Self::NameTaken => "2.9",
            Self::NameDiffers => "2.2",
            Self::NothingWaiting => "2.11",
            Self::FileName => "7.4",
            Self::UnknownClient | Self::NoKey | Self::Limit | Self::Disabled | Self::Failed => {
                "2.10"
            }
        }
    }
}
