//! The words of the specification: directions, messages, and the names of fields.

use std::fmt;

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    Request,
    Response,
}

/// The messages, whatever number a dialect gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Register,
    SendPublicKey,
    Reconnect,
    SendFile,
    CksumRight,
    CksumWrong,
    GiveUp,
    Registered,
    Refused,
    AesKey,
    FileReceived,
    Acknowledged,
    Reconnected,
    ReconnectRefused,
    GeneralError,
}

/// What a finding can be about: a field of a message, a part of one, or a rule about the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    /// In a request the one of the header, in a response the one of the payload.
    ClientId,
    Version,
    /// The zero byte behind the version of a naturally aligned header.
    Alignment,
    Code,
    PayloadSize,
    ClientName,
    PublicKey,
    /// The client ID that a request repeats in its payload.
    PayloadClientId,
    ContentSize,
    /// Size of the whole plaintext, where a 1103 has packet fields.
    OriginalSize,
    PacketNumber,
    TotalPackets,
    FileName,
    Content,
    WrappedKey,
    Cksum,
    Zeros,
    /// The NUL that ends the text of a name field.
    Nul,
    /// What follows that NUL.
    Padding,
    /// The zeros behind a payload, where the dialect pads messages.
    MessagePadding,
    /// A message that may not stand where it stands, or is missing.
    Order,
    /// How and when a side ends its stream.
    EndOfStream,
    /// Bytes that belong to no message.
    TrailingData,
    /// Header and fixed fields of a message in one write (1.4).
    OneWrite,
    /// The identity that a client keeps (8.3).
    MeInfo,
    /// The files in the server's folder (7).
    StoredFile,
    /// How a program ended.
    Exit,
    /// A step that the scenario is about and that did not happen.
    Scenario,
}

impl Direction {
    pub(crate) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Request => &[
                Kind::Register,
                Kind::SendPublicKey,
                Kind::Reconnect,
                Kind::SendFile,
                Kind::CksumRight,
                Kind::CksumWrong,
                Kind::GiveUp,
            ],
            Self::Response => &[
                Kind::Registered,
                Kind::Refused,
                Kind::AesKey,
                Kind::FileReceived,
                Kind::Acknowledged,
                Kind::Reconnected,
                Kind::ReconnectRefused,
                Kind::GeneralError,
            ],
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

impl Kind {
    pub(crate) fn direction(self) -> Direction {
        if Direction::Request.kinds().contains(&self) {
            Direction::Request
        } else {
            Direction::Response
        }
    }

    pub(crate) fn is_verdict(self) -> bool {
        matches!(self, Self::CksumRight | Self::CksumWrong | Self::GiveUp)
    }

    /// Whether it says no.
    pub(crate) fn is_negative(self) -> bool {
        matches!(self, Self::Refused | Self::GeneralError)
    }

    /// The name in `--flip`: the one in the tables, in one word.
    pub(crate) fn slug(self) -> String {
        let name = self.name().replace(", ", "-");
        name.replace(' ', "-").to_lowercase()
    }

    /// The name in the tables of PROTOCOL.md 2.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::SendPublicKey => "send public key",
            Self::Reconnect => "reconnect",
            Self::SendFile => "send file",
            Self::CksumRight => "cksum right",
            Self::CksumWrong => "cksum wrong, sending again",
            Self::GiveUp => "cksum wrong, giving up",
            Self::Registered => "registered",
            Self::Refused => "refused",
            Self::AesKey => "AES key",
            Self::FileReceived => "file received",
            Self::Acknowledged => "acknowledged",
            Self::Reconnected => "reconnected",
            Self::ReconnectRefused => "reconnect refused",
            Self::GeneralError => "general error",
        }
    }
}

impl Field {
    /// Whether it holds an integer.
    pub(crate) fn is_number(self) -> bool {
        matches!(
            self,
            Self::Code
                | Self::PayloadSize
                | Self::ContentSize
                | Self::OriginalSize
                | Self::PacketNumber
                | Self::TotalPackets
                | Self::Cksum
        )
    }

    /// The name in reports and in `--flip`.
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::ClientId => "client-id",
            Self::Version => "version",
            Self::Alignment => "alignment",
            Self::Code => "code",
            Self::PayloadSize => "size",
            Self::ClientName => "client-name",
            Self::PublicKey => "public-key",
            Self::PayloadClientId => "payload-client-id",
            Self::ContentSize => "content-size",
            Self::OriginalSize => "original-size",
            Self::PacketNumber => "packet-number",
            Self::TotalPackets => "total-packets",
            Self::FileName => "file-name",
            Self::Content => "content",
            Self::WrappedKey => "wrapped-key",
            Self::Cksum => "cksum",
            Self::Zeros => "zeros",
            Self::Nul => "nul",
            Self::Padding => "padding",
            Self::MessagePadding => "message-padding",
            Self::Order => "order",
            Self::EndOfStream => "end-of-stream",
            Self::TrailingData => "trailing-data",
            Self::OneWrite => "one-write",
            Self::MeInfo => "me-info",
            Self::StoredFile => "stored-file",
            Self::Exit => "exit",
            Self::Scenario => "scenario",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}
