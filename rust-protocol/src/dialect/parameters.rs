//! What a dialect file says, parameter by parameter (PROTOCOL.md 10.2).

use serde::{Deserialize, Serialize};

use super::value::{numbers, words};
use crate::wire::{RequestCode, ResponseCode};

/// What a dialect file says. The table of PROTOCOL.md 10.2 explains each parameter.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Parameters {
    /// What the command line calls it.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The codes of the requests.
    pub request_codes: RequestCodes,
    /// The codes of the responses.
    pub response_codes: ResponseCodes,
    /// Of every integer but those of `packet_byte_order` (1.2).
    pub byte_order: ByteOrder,
    /// Of packet number and total (10.7).
    pub packet_byte_order: ByteOrder,
    /// Of the two headers (1.5, 1.6).
    pub alignment: Alignment,
    /// Bytes of a name field (1.8).
    pub name_width: NameWidth,
    /// Bytes of the payload size in a response header (1.6).
    pub response_size_width: SizeWidth,
    /// What the payload size of a response counts (1.6).
    pub size_counts: SizeCounts,
    /// Zero bytes are added to a response until it has so many (10.3).
    pub response_padding: ResponsePadding,
    /// Zero bytes are added to a request without content until it has so many (10.3).
    pub request_padding: RequestPadding,
    /// Whether the payloads of send file and of verdicts begin with the client ID (2).
    pub client_id_in_payload: bool,
    /// What a refusal carries (2.6).
    pub refused_payload: RefusedPayload,
    /// The fields of "file received", in order (2).
    pub file_received_fields: FileReceivedFields,
    /// Which size "file received" repeats (2.8).
    pub echoed_size: EchoedSize,
    /// How a checksum is computed (5).
    pub checksum: Checksum,
    /// What a checksum is computed over (5).
    pub checksum_input: ChecksumInput,
    /// Bytes of the cksum field (2.7).
    pub cksum_width: CksumWidth,
    /// Bytes of the AES key that a server makes (4.3). A client accepts 16, 24 and 32.
    pub aes_key_size: AesKeySize,
    /// Sizes of the public keys that are accepted (10.8).
    pub public_key_sizes: PublicKeySizes,
    /// What a connection carries (10.9).
    pub connection: Connection,
    /// Whether send file has packet fields (10.7).
    pub packets: bool,
    /// The most bytes of content that a sender puts into one packet, a multiple of 16; 0 for all of
    /// it (10.7).
    pub packet_size: PacketSize,
    /// Which AES key a reconnect hands out (10.4).
    pub reconnect_key: ReconnectKey,
    /// How often a file is sent before the client gives up (6.1).
    pub transmissions: u8,
    /// What follows an honoured "cksum right" (2.11).
    pub after_right: After,
    /// What follows an honoured "cksum wrong, sending again" (2.11).
    pub after_wrong: After,
    /// What follows an honoured "cksum wrong, giving up" (2.11).
    pub after_give_up: After,
    /// The port when nothing names one (8.1).
    pub default_port: u16,
}

/// The code of each request.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RequestCodes {
    pub register: RequestCode,
    pub send_public_key: RequestCode,
    /// `None` where the dialect has no such request. It has to be said all the same.
    #[serde(deserialize_with = "Option::deserialize")]
    pub reconnect: Option<RequestCode>,
    pub send_file: RequestCode,
    pub cksum_right: RequestCode,
    pub cksum_wrong: RequestCode,
    pub give_up: RequestCode,
}

/// The code of each response; `None` for one that the dialect does not have.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ResponseCodes {
    pub registered: ResponseCode,
    pub refused: ResponseCode,
    pub aes_key: ResponseCode,
    pub file_received: ResponseCode,
    pub acknowledged: ResponseCode,
    #[serde(deserialize_with = "Option::deserialize")]
    pub reconnected: Option<ResponseCode>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub reconnect_refused: Option<ResponseCode>,
    #[serde(deserialize_with = "Option::deserialize")]
    pub general_error: Option<ResponseCode>,
}

words! {
    /// Of integers.
    ByteOrder {
        /// Least significant byte first.
        Little = "little",
        /// Most significant byte first.
        Big = "big",
    }
}

words! {
    /// Of the two headers.
    Alignment {
        /// Field follows field.
        Packed = "packed",
        /// Each integer stands at a multiple of its size: a byte is left out after the version.
        Natural = "natural",
    }
}

words! {
    /// What the payload size of a response counts.
    SizeCounts {
        /// The payload.
        Payload = "payload",
        /// Header and payload.
        Message = "message",
        /// The payload and the padding after it.
        Padded = "padded",
    }
}

words! {
    /// What a refusal carries.
    RefusedPayload {
        /// Nothing.
        Empty = "empty",
        /// The client ID of the request header.
        ClientId = "client-id",
    }
}

words! {
    /// Which size "file received" repeats.
    EchoedSize {
        /// That of the encrypted content.
        Content = "content",
        /// That of the plaintext.
        Plain = "plain",
    }
}

words! {
    /// How a checksum is computed.
    Checksum {
        /// As the POSIX utility `cksum` does.
        Posix = "posix",
        /// CRC-32 as in zlib.
        Zlib = "zlib",
        /// CRC-8: polynomial 0x07, initial value 0, not reflected.
        Crc8 = "crc8",
    }
}

words! {
    /// What a checksum is computed over.
    ChecksumInput {
        /// The file.
        Plaintext = "plaintext",
        /// The file and its PKCS#7 padding.
        Padded = "padded",
        /// The encrypted content.
        Content = "content",
    }
}

words! {
    /// What a connection carries.
    Connection {
        /// Any number of requests.
        Session = "session",
        /// One request, or the packets of one file.
        Request = "request",
    }
}

words! {
    /// Which AES key a reconnect hands out.
    ReconnectKey {
        /// One that is made for it.
        New = "new",
        /// The one that is stored.
        Same = "same",
    }
}

words! {
    /// What a server answers to a verdict that it honours.
    VerdictAnswer {
        /// Nothing.
        None = "none",
        /// The response "refused", which here is an acknowledgement.
        Refused = "refused",
        /// An acknowledgement without payload.
        Acknowledged = "acknowledged",
        /// An acknowledgement that carries the client ID.
        AcknowledgedWithId = "acknowledged-with-id",
        /// The response "general error", which here is an acknowledgement.
        GeneralError = "general-error",
    }
}

numbers! {
    /// Bytes of the payload size in a response header.
    SizeWidth { Two = 2, Four = 4 }
}

numbers! {
    /// Bytes of the cksum field: those of the cksum, and zeros up to so many.
    CksumWidth { Four = 4, Sixteen = 16 }
}

numbers! {
    /// Bytes of the AES key that a server makes.
    AesKeySize { Sixteen = 16, ThirtyTwo = 32 }
}

numbers! {
    /// Bytes of a name field.
    NameWidth { Name255 = 255, Name256 = 256 }
}

numbers! {
    /// Bytes that a response has at least.
    ResponsePadding { None = 0, To1024 = 1024, To2048 = 2048 }
}

numbers! {
    /// Bytes that a request without content has at least.
    RequestPadding { None = 0, To1024 = 1024 }
}

/// The fields of "file received", in order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub enum FileReceivedFields {
    /// Client ID, content size, file name, cksum.
    All,
    /// Client ID, file name, cksum.
    NoContentSize,
    /// Content size, file name, cksum.
    NoClientId,
}

/// Sizes of the public keys that are accepted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Vec<u16>", into = "Vec<u16>")]
pub enum PublicKeySizes {
    /// 160 bytes alone.
    Short,
    /// 160 and 162 bytes.
    ShortAndLong,
}

/// The most bytes of content in one packet: 0 for all of it, or a multiple of 16.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct PacketSize(u32);

/// What follows a verdict that is honoured.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// What the server answers.
    pub answer: VerdictAnswer,
    /// Whether it then closes the connection.
    pub close: bool,
}

impl FileReceivedFields {
    /// Whether the client ID is among them.
    #[must_use]
    pub const fn has_client_id(self) -> bool {
        !matches!(self, Self::NoClientId)
    }

    /// Whether the content size is among them.
    #[must_use]
    pub const fn has_content_size(self) -> bool {
        !matches!(self, Self::NoContentSize)
    }
}

impl PublicKeySizes {
    /// Whether a public key of so many bytes can be one.
    #[must_use]
    pub const fn accept(self, size: usize) -> bool {
        matches!(
            (self, size),
            (_, SHORT_PUBLIC_KEY) | (Self::ShortAndLong, LONG_PUBLIC_KEY)
        )
    }
}

/// Bytes of a public key with an exponent of one byte.
pub(crate) const SHORT_PUBLIC_KEY: usize = 160;

/// Bytes of a public key with an exponent of three bytes, such as 65537.
pub(crate) const LONG_PUBLIC_KEY: usize = 162;

impl PacketSize {
    /// All content in one packet.
    pub const WHOLE: Self = Self(0);

    /// At most `bytes` of content in one packet, or 0 for all of it; `None` if it is no multiple of
    /// 16.
    #[must_use]
    pub const fn new(bytes: u32) -> Option<Self> {
        if bytes.is_multiple_of(16) {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// The most bytes of content in one packet, or 0 for all of it.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self.0
    }
}
