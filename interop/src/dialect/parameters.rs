//! The parameters of a dialect and their values (PROTOCOL.md 10.2).

use serde::Deserialize;

use crate::message::Field;

/// What follows an honoured verdict (2.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    pub(crate) answer: AfterAnswer,
    /// Whether the server ends the connection.
    pub(crate) close: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AfterAnswer {
    None,
    Refused,
    Acknowledged,
    AcknowledgedWithId,
    GeneralError,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RefusedPayload {
    Empty,
    ClientId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ByteOrder {
    Little,
    Big,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Alignment {
    Packed,
    /// Each integer of a header at a multiple of its size.
    Natural,
}

/// What the payload size of a response counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SizeCounts {
    Payload,
    /// The header too.
    Message,
    /// The payload and the padding behind it.
    Padded,
}

/// A field of 2103.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReceivedField {
    ClientId,
    ContentSize,
    FileName,
    Cksum,
}

impl ReceivedField {
    pub(crate) fn field(self) -> Field {
        match self {
            Self::ClientId => Field::ClientId,
            Self::ContentSize => Field::ContentSize,
            Self::FileName => Field::FileName,
            Self::Cksum => Field::Cksum,
        }
    }
}

/// Which size 2103 repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EchoedSize {
    Content,
    Plain,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Checksum {
    Posix,
    Zlib,
    Crc8,
}

/// What the checksum is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ChecksumInput {
    Plaintext,
    /// With its PKCS#7 padding.
    Padded,
    /// The ciphertext.
    Content,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConnectionUse {
    Session,
    /// A connection carries one request.
    Request,
}

/// Which AES key a reconnect hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ReconnectKey {
    New,
    /// The stored one.
    Same,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestCodes {
    pub(super) register: u16,
    pub(super) send_public_key: u16,
    pub(super) reconnect: Option<u16>,
    pub(super) send_file: u16,
    pub(super) cksum_right: u16,
    pub(super) cksum_wrong: u16,
    pub(super) give_up: u16,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ResponseCodes {
    pub(super) registered: u16,
    pub(super) refused: u16,
    pub(super) aes_key: u16,
    pub(super) file_received: u16,
    pub(super) acknowledged: u16,
    pub(super) reconnected: Option<u16>,
    pub(super) reconnect_refused: Option<u16>,
    pub(super) general_error: Option<u16>,
}
