//! What a server answers (PROTOCOL.md 2).

use core::fmt;

use super::{ClientId, DecodeError, Name, Reader, ResponseHeader};
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
}

impl ResponseKind {
    /// All kinds, in the order of the specification.
    pub const ALL: [Self; 5] = [
        Self::Registered,
        Self::Refused,
        Self::AesKey,
        Self::FileReceived,
        Self::Acknowledged,
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
        })
    }
}

/// A response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Response {
    /// Brings the client ID.
    Registered(Registered),
    /// The only negative answer.
    Refused(Refused),
    /// Brings the AES key, wrapped.
    AesKey(WrappedKey),
    /// Brings the cksum of a file that is stored.
    FileReceived(FileReceived),
    /// Takes note of a verdict. No server of the dialects here sends it.
    Acknowledged(Acknowledged),
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

/// `client ID 16, content size 4, file name 255, cksum 4 or 16 (D)`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileReceived {
    /// The ID of the client that asked.
    pub client_id: ClientId,
    /// Bytes of *encrypted* content, as in the request (PROTOCOL.md 2.8).
    pub content_size: u32,
    /// The file name as sent.
    pub file_name: Name,
    /// The cksum of the plaintext (PROTOCOL.md 5).
    pub cksum: u32,
}

/// Empty, or `client ID 16`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Acknowledged {
    /// The ID of the client that asked, if it is repeated.
    pub client_id: Option<ClientId>,
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
        }
    }

    /// The whole message in one buffer, so that it goes out in one write (PROTOCOL.md 1.4).
    #[must_use]
    pub fn encode(&self, dialect: &Dialect, version: u8) -> Vec<u8> {
        let kind = self.kind();
        let payload_size = match self {
            Self::Acknowledged(Acknowledged { client_id: None }) => 0,
            _ => dialect.response_size(kind),
        };
        let mut out = Vec::with_capacity(300);
        ResponseHeader {
            version,
            code: dialect.response_code(kind),
            payload_size,
        }
        .write(dialect, &mut out);

        match self {
            Self::Registered(Registered { client_id }) => {
                out.extend_from_slice(client_id.as_bytes());
            }
            Self::Refused(Refused { client_id }) => match dialect.refused_payload {
                RefusedPayload::Empty => {}
                RefusedPayload::ClientId => {
                    let client_id = client_id.unwrap_or(ClientId::ZERO);
                    out.extend_from_slice(client_id.as_bytes());
                }
            },
            Self::AesKey(WrappedKey { client_id, wrapped }) => {
                out.extend_from_slice(client_id.as_bytes());
                out.extend_from_slice(wrapped);
            }
            Self::FileReceived(FileReceived {
                client_id,
                content_size,
                file_name,
                cksum,
            }) => {
                out.extend_from_slice(client_id.as_bytes());
                out.extend_from_slice(&content_size.to_le_bytes());
                file_name.write(&mut out);
                out.extend_from_slice(&cksum.to_le_bytes());
                match dialect.cksum_width {
                    CksumWidth::Four => {}
                    CksumWidth::Sixteen => out.extend_from_slice(&[0; 12]),
                }
            }
            Self::Acknowledged(Acknowledged { client_id }) => {
                if let Some(client_id) = client_id {
                    out.extend_from_slice(client_id.as_bytes());
                }
            }
        }
        out
    }

    /// Reads the payload that follows `header`.
    ///
    /// # Errors
    ///
    /// What [`ResponseHeader::check`] finds, then whatever comes first in the bytes.
    pub fn decode(
        header: &ResponseHeader,
        payload: &[u8],
        dialect: &Dialect,
    ) -> Result<Self, DecodeError> {
        let kind = header.check(dialect)?;
        let mut r = Reader::new(payload, dialect.response_header_size());
        let response = match kind {
            ResponseKind::Registered => Self::Registered(Registered {
                client_id: read_client_id(&mut r)?,
            }),
            ResponseKind::Refused => Self::Refused(Refused {
                client_id: read_optional_client_id(&mut r, header)?,
            }),
            ResponseKind::AesKey => Self::AesKey(WrappedKey {
                client_id: read_client_id(&mut r)?,
                wrapped: *r.array("wrapped key")?,
            }),
            ResponseKind::FileReceived => Self::FileReceived(FileReceived {
                client_id: read_client_id(&mut r)?,
                content_size: r.u32("content size")?,
                file_name: Name::read(&mut r, "file name")?,
                cksum: read_cksum(&mut r, dialect)?,
            }),
            ResponseKind::Acknowledged => Self::Acknowledged(Acknowledged {
                client_id: read_optional_client_id(&mut r, header)?,
            }),
        };
        r.finish()?;
        Ok(response)
    }
}

fn read_client_id(r: &mut Reader<'_>) -> Result<ClientId, DecodeError> {
    r.array("client ID").copied().map(ClientId::from_bytes)
}

fn read_optional_client_id(
    r: &mut Reader<'_>,
    header: &ResponseHeader,
) -> Result<Option<ClientId>, DecodeError> {
    match header.payload_size {
        0 => Ok(None),
        _ => read_client_id(r).map(Some),
    }
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
            Ok(u32::from_le_bytes([a, b, c, d]))
        }
    }
}
