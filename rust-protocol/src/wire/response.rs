//! What a server answers (PROTOCOL.md 2).

use core::fmt;

use super::explain::FieldValue;
use super::{ClientId, DecodeError, Name, Reader, ResponseCode, ResponseHeader};
use crate::dialect::{CksumWidth, Dialect, RefusedPayload};

/// Bytes of an AES key under RSA with 1024 bits (PROTOCOL.md 4.2).
pub const WRAPPED_KEY_SIZE: usize = 128;

/// Which response; the code of each is for the dialect to say.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ResponseKind {
    /// 2100 in the text.
    Registered,
    /// 2101 in the text.
    Refused,
    /// 2102 in the text.
    AesKey,
    /// 2103 in the text.
    FileReceived,
    /// 2104; the text has none.
    Acknowledged,
    /// 2105; the text has none.
    Reconnected,
    /// 2106; the text has none.
    ReconnectRefused,
    /// 2107; the text has none.
    GeneralError,
}

impl ResponseKind {
    /// All kinds, in the order of the specification.
    pub const ALL: [Self; 8] = [
        Self::Registered,
        Self::Refused,
        Self::AesKey,
        Self::FileReceived,
        Self::Acknowledged,
        Self::Reconnected,
        Self::ReconnectRefused,
        Self::GeneralError,
    ];
}

impl fmt::Display for ResponseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Registered => "registered",
            Self::Refused => "refused",
            Self::AesKey => "AES key",
            Self::FileReceived => "file received",
            Self::Acknowledged => "acknowledged",
            Self::Reconnected => "reconnected",
            Self::ReconnectRefused => "reconnect refused",
            Self::GeneralError => "general error",
        })
    }
}

/// A response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Response {
    /// Brings the client ID.
    Registered(Registered),
    /// The negative answer, or that to a register request where there is a general error.
    Refused(Refused),
    /// Brings the AES key, wrapped.
    AesKey(WrappedKey),
    /// Brings the cksum of a file that is stored.
    FileReceived(FileReceived),
    /// Takes note of a verdict.
    Acknowledged(Acknowledged),
    /// Brings the AES key after a reconnect, wrapped.
    Reconnected(WrappedKey),
    /// The client has to register anew.
    ReconnectRefused(ReconnectRefused),
    /// The negative answer of the later generations; empty.
    GeneralError,
}

/// `client ID 16`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Registered {
    /// The ID of the client that asked.
    pub client_id: ClientId,
}

/// Empty, or `client ID 16` (D)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The client ID of the *request header*, never that of the client that holds a name
    /// (PROTOCOL.md 2.6). Not sent where the dialect's payload is empty; zeros where it is not and
    /// there is none.
    pub client_id: Option<ClientId>,
}

/// `client ID 16, wrapped key 128`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrappedKey {
    /// The ID of the client that asked.
    pub client_id: ClientId,
    /// The AES key under the client's public key: see
    /// [`KeyPair::unwrap`](crate::crypto::KeyPair::unwrap).
    pub wrapped: [u8; WRAPPED_KEY_SIZE],
}

/// `client ID 16 (D), content size 4 (D), file name 255, cksum 4 or 16 (D)`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileReceived {
    /// The ID of the client that asked; `None` if the dialect leaves it out.
    pub client_id: Option<ClientId>,
    /// The size that the dialect repeats: bytes of *encrypted* content as in the request, or bytes of
    /// plaintext (PROTOCOL.md 2.8). `None` if the dialect leaves it out.
    pub content_size: Option<u32>,
    /// The file name as sent.
    pub file_name: Name,
    /// The dialect's checksum (PROTOCOL.md 5).
    pub cksum: u32,
}

/// Empty, or `client ID 16`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Acknowledged {
    /// The ID of the client that asked, if it is repeated.
    pub client_id: Option<ClientId>,
}

/// `client ID 16`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReconnectRefused {
    /// The client ID of the request header.
    pub client_id: ClientId,
}

impl Response {
    /// Which response this is.
    #[must_use]
    pub const fn kind(&self) -> ResponseKind {
        match self {
            Self::Registered(_) => ResponseKind::Registered,
            Self::Refused(_) => ResponseKind::Refused,
            Self::AesKey(_) => ResponseKind::AesKey,
            Self::FileReceived(_) => ResponseKind::FileReceived,
            Self::Acknowledged(_) => ResponseKind::Acknowledged,
            Self::Reconnected(_) => ResponseKind::Reconnected,
            Self::ReconnectRefused(_) => ResponseKind::ReconnectRefused,
            Self::GeneralError => ResponseKind::GeneralError,
        }
    }

    /// The whole message, padding included, in one buffer, so that it goes out in one write
    /// (PROTOCOL.md 1.4).
    ///
    /// A field that the dialect leaves out is left out, and one that it has but is `None` here is
    /// zeros. A response that the dialect does not have gets code 0, which no client knows.
    #[must_use]
    pub fn encode(&self, dialect: &Dialect, version: u8) -> Vec<u8> {
        let kind = self.kind();
        let payload_size = match self {
            Self::Acknowledged(Acknowledged { client_id: None }) => 0,
            _ => dialect.response_size(kind),
        };
        let mut out = Vec::with_capacity(312.max(dialect.response_padding.bytes()));
        ResponseHeader {
            version,
            code: dialect.response_code(kind).unwrap_or(ResponseCode(0)),
            payload_size: dialect.claimed_response_size(payload_size),
        }
        .write(dialect, &mut out);

        match self {
            Self::Registered(Registered { client_id })
            | Self::ReconnectRefused(ReconnectRefused { client_id }) => {
                out.extend_from_slice(client_id.as_bytes());
            }
            Self::Refused(Refused { client_id }) => match dialect.refused_payload {
                RefusedPayload::Empty => {}
                RefusedPayload::ClientId => write_client_id(*client_id, &mut out),
            },
            Self::AesKey(WrappedKey { client_id, wrapped })
            | Self::Reconnected(WrappedKey { client_id, wrapped }) => {
                out.extend_from_slice(client_id.as_bytes());
                out.extend_from_slice(wrapped);
            }
            Self::FileReceived(received) => received.write(dialect, &mut out),
            Self::Acknowledged(Acknowledged { client_id }) => {
                if client_id.is_some() {
                    write_client_id(*client_id, &mut out);
                }
            }
            Self::GeneralError => {}
        }
        let padded = out
            .len()
            .saturating_add(dialect.response_padding_size(payload_size));
        out.resize(padded, 0);
        out
    }

    /// Reads what follows `header`: payload and padding, as many bytes as [`ResponseHeader::rest`]
    /// says.
    ///
    /// # Errors
    ///
    /// What [`ResponseHeader::check`] finds, then whatever comes first in the bytes.
    pub fn decode(
        header: &ResponseHeader,
        rest: &[u8],
        dialect: &Dialect,
    ) -> Result<Self, DecodeError> {
        let mut r = Reader::new(rest, dialect.response_header_size(), dialect.byte_order);
        let response = Self::read(header, &mut r, dialect)?;
        r.finish()?;
        Ok(response)
    }

    /// Reads everything after the header.
    pub(super) fn read(
        header: &ResponseHeader,
        r: &mut Reader<'_>,
        dialect: &Dialect,
    ) -> Result<Self, DecodeError> {
        let sizes = header.rest(dialect)?;
        let response = match sizes.kind {
            ResponseKind::Registered => Self::Registered(Registered {
                client_id: read_client_id(r)?,
            }),
            ResponseKind::Refused => Self::Refused(Refused {
                client_id: read_optional_client_id(r, sizes.payload, dialect)?,
            }),
            ResponseKind::AesKey => Self::AesKey(read_wrapped_key(r)?),
            ResponseKind::FileReceived => Self::FileReceived(FileReceived::read(r, dialect)?),
            ResponseKind::Acknowledged => Self::Acknowledged(Acknowledged {
                client_id: read_optional_client_id(r, sizes.payload, dialect)?,
            }),
            ResponseKind::Reconnected => Self::Reconnected(read_wrapped_key(r)?),
            ResponseKind::ReconnectRefused => Self::ReconnectRefused(ReconnectRefused {
                client_id: read_client_id(r)?,
            }),
            ResponseKind::GeneralError => Self::GeneralError,
        };
        r.bytes("padding", sizes.padding)?;
        Ok(response)
    }
}

impl FileReceived {
    fn write(&self, dialect: &Dialect, out: &mut Vec<u8>) {
        let fields = dialect.file_received_fields;
        if fields.has_client_id() {
            write_client_id(self.client_id, out);
        }
        if fields.has_content_size() {
            let size = self.content_size.unwrap_or_default();
            out.extend_from_slice(&dialect.byte_order.write_u32(size));
        }
        self.file_name.write(dialect.name_width, out);
        out.extend_from_slice(&dialect.byte_order.write_u32(self.cksum));
        match dialect.cksum_width {
            CksumWidth::Four => {}
            CksumWidth::Sixteen => out.extend_from_slice(&[0; 12]),
        }
    }

    fn read(r: &mut Reader<'_>, dialect: &Dialect) -> Result<Self, DecodeError> {
        let fields = dialect.file_received_fields;
        let client_id = match fields.has_client_id() {
            true => Some(read_client_id(r)?),
            false => None,
        };
        let content_size = match fields.has_content_size() {
            true => Some(r.u32("content size")?),
            false => None,
        };
        Ok(Self {
            client_id,
            content_size,
            file_name: Name::read(r, "file name", dialect.name_width)?,
            cksum: read_cksum(r, dialect)?,
        })
    }
}

fn write_client_id(client_id: Option<ClientId>, out: &mut Vec<u8>) {
    out.extend_from_slice(client_id.unwrap_or(ClientId::ZERO).as_bytes());
}

fn read_client_id(r: &mut Reader<'_>) -> Result<ClientId, DecodeError> {
    r.array("client ID").copied().map(ClientId::from_bytes)
}

/// The client ID of a payload that has it or not. Where a padded size does not tell which, zeros are
/// the beginning of the padding: no client has such an ID (PROTOCOL.md 1.9).
fn read_optional_client_id(
    r: &mut Reader<'_>,
    payload: usize,
    dialect: &Dialect,
) -> Result<Option<ClientId>, DecodeError> {
    if payload == 0 {
        return Ok(None);
    }
    let client_id = read_client_id(r)?;
    let is_there = ResponseHeader::tells_empty(dialect) || client_id != ClientId::ZERO;
    Ok(is_there.then_some(client_id))
}

fn read_wrapped_key(r: &mut Reader<'_>) -> Result<WrappedKey, DecodeError> {
    Ok(WrappedKey {
        client_id: read_client_id(r)?,
        wrapped: *r.array("wrapped key")?,
    })
}

fn read_cksum(r: &mut Reader<'_>, dialect: &Dialect) -> Result<u32, DecodeError> {
    match dialect.cksum_width {
        CksumWidth::Four => r.u32("cksum"),
        CksumWidth::Sixteen => {
            let field_offset = r.offset();
            // One field of 16 bytes: cut off inside its zeros it is as truncated as inside its value.
            let &[a, b, c, d, ref zeros @ ..] = r.array::<16>("cksum")?;
            if zeros != &[0; 12] {
                return Err(DecodeError::CksumPadding {
                    offset: field_offset.saturating_add(4),
                });
            }
            let cksum = dialect.byte_order.read_u32([a, b, c, d]);
            r.note(|| FieldValue::Number(cksum));
            Ok(cksum)
        }
    }
}
