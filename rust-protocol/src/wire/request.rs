//! What a client asks (PROTOCOL.md 2).

use core::fmt;

use super::{ClientId, DecodeError, Name, Reader, RequestCode, RequestHeader, SendFile};
use crate::dialect::Dialect;

/// Bytes of a public key: an X.509 SubjectPublicKeyInfo in DER (PROTOCOL.md 4.1). Some dialects take
/// longer ones as well (10.8).
pub const PUBLIC_KEY_SIZE: usize = 160;

/// Which request; the code of each is for the dialect to say.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RequestKind {
    /// 1100 in the text.
    Register,
    /// 1101 in the text.
    SendPublicKey,
    /// 1102 in the later generations; the text has none.
    Reconnect,
    /// 1103 in the text.
    SendFile,
    /// 1104 to 1106 in the text.
    Verdict(VerdictKind),
}

/// What a client thinks of the cksum that a server answered with.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum VerdictKind {
    /// The cksum is right: keep the file. 1104 in the text.
    Right,
    /// The cksum is wrong, the file comes again. 1105 in the text.
    Wrong,
    /// The cksum is wrong, once too often. 1106 in the text.
    GiveUp,
}

impl RequestKind {
    /// All kinds, in the order of the specification.
    pub const ALL: [Self; 7] = [
        Self::Register,
        Self::SendPublicKey,
        Self::Reconnect,
        Self::SendFile,
        Self::Verdict(VerdictKind::Right),
        Self::Verdict(VerdictKind::Wrong),
        Self::Verdict(VerdictKind::GiveUp),
    ];
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Register => "register",
            Self::SendPublicKey => "send public key",
            Self::Reconnect => "reconnect",
            Self::SendFile => "send file",
            Self::Verdict(VerdictKind::Right) => "cksum right",
            Self::Verdict(VerdictKind::Wrong) => "cksum wrong, sending again",
            Self::Verdict(VerdictKind::GiveUp) => "cksum wrong, giving up",
        })
    }
}

/// A request without the message content that follows a [`SendFile`].
///
/// The client ID is that of the [`RequestHeader`]; where a payload repeats it, encoding writes it and
/// decoding insists on it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// Asks for a client ID.
    Register(Register),
    /// Asks for an AES key.
    SendPublicKey(SendPublicKey),
    /// Asks for an AES key under the public key that the server has.
    Reconnect(Reconnect),
    /// Brings a file, or a packet of one.
    SendFile(SendFile),
    /// Closes an upload.
    Verdict(Verdict),
}

/// `client name 255`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Register {
    /// The name to register.
    pub name: Name,
}

/// `client name 255, public key 160 or 162 (D)`
///
/// The key is not looked into here: see [`PublicKey::parse`](crate::crypto::PublicKey::parse).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SendPublicKey {
    /// The name that the client is registered under.
    pub name: Name,
    /// The public key, as sent.
    pub public_key: Vec<u8>,
}

/// `client name 255`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reconnect {
    /// The name that the client is registered under.
    pub name: Name,
}

/// `client ID 16 (D), file name 255`
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// What is said of the upload.
    pub kind: VerdictKind,
    /// The file name as it was sent.
    pub file_name: Name,
}

impl Request {
    /// Which request this is.
    #[must_use]
    pub const fn kind(&self) -> RequestKind {
        match self {
            Self::Register(_) => RequestKind::Register,
            Self::SendPublicKey(_) => RequestKind::SendPublicKey,
            Self::Reconnect(_) => RequestKind::Reconnect,
            Self::SendFile(_) => RequestKind::SendFile,
            Self::Verdict(verdict) => RequestKind::Verdict(verdict.kind),
        }
    }

    /// Header, fixed fields and padding in one buffer, so that they go out in one write (PROTOCOL.md
    /// 1.4).
    ///
    /// The payload size of a [`SendFile`] counts the content that the caller sends next. Content
    /// sizes above [`Parameters::max_content_size`](crate::dialect::Parameters::max_content_size)
    /// cannot be said; the payload size then saturates. A reconnect in a dialect that has none gets
    /// code 0, which no server knows.
    #[must_use]
    pub fn encode(&self, dialect: &Dialect, client_id: ClientId, version: u8) -> Vec<u8> {
        let kind = self.kind();
        let mut payload_size = dialect.request_fixed_size(kind);
        match self {
            Self::SendFile(file) => payload_size = payload_size.saturating_add(file.size()),
            Self::SendPublicKey(SendPublicKey { public_key, .. }) => {
                let key_size = u32::try_from(public_key.len()).unwrap_or(u32::MAX);
                payload_size = (dialect.name_width as u32).saturating_add(key_size);
            }
            _ => {}
        }
        let mut out = Vec::with_capacity(512.max(dialect.request_padding.bytes()));
        RequestHeader {
            client_id,
            version,
            code: dialect.request_code(kind).unwrap_or(RequestCode(0)),
            payload_size,
        }
        .write(dialect, &mut out);

        let width = dialect.name_width;
        match self {
            Self::Register(Register { name }) | Self::Reconnect(Reconnect { name }) => {
                name.write(width, &mut out);
            }
            Self::SendPublicKey(SendPublicKey { name, public_key }) => {
                name.write(width, &mut out);
                out.extend_from_slice(public_key);
            }
            Self::SendFile(file) => {
                write_client_id(dialect, client_id, &mut out);
                file.write_fields(dialect, &mut out);
                return out;
            }
            Self::Verdict(Verdict { file_name, .. }) => {
                write_client_id(dialect, client_id, &mut out);
                file_name.write(width, &mut out);
            }
        }
        let padded = out
            .len()
            .saturating_add(dialect.request_padding_size(payload_size));
        out.resize(padded, 0);
        out
    }

    /// Reads what follows `header`: [`RequestHeader::rest_size`] bytes, without the content of a send
    /// file request.
    ///
    /// Of a packet this judges what can be judged without the packets before it.
    ///
    /// # Errors
    ///
    /// What [`RequestHeader::check`] finds, then whatever comes first in the bytes.
    pub fn decode(
        header: &RequestHeader,
        rest: &[u8],
        dialect: &Dialect,
    ) -> Result<Self, DecodeError> {
        let mut r = Reader::new(rest, dialect.request_header_size(), dialect.byte_order);
        let request = Self::read(header, &mut r, dialect)?;
        r.finish()?;
        Ok(request)
    }

    /// Reads everything after the header but the content of a send file request.
    pub(super) fn read(
        header: &RequestHeader,
        r: &mut Reader<'_>,
        dialect: &Dialect,
    ) -> Result<Self, DecodeError> {
        let kind = header.check(dialect)?;
        let width = dialect.name_width;
        let request = match kind {
            RequestKind::Register => Self::Register(Register {
                name: Name::read(r, "client name", width)?,
            }),
            RequestKind::SendPublicKey => {
                let name = Name::read(r, "client name", width)?;
                let key_size = header.payload_size.saturating_sub(width as u32);
                let key_size = usize::try_from(key_size).unwrap_or(usize::MAX);
                let public_key = r.bytes("public key", key_size)?.to_vec();
                Self::SendPublicKey(SendPublicKey { name, public_key })
            }
            RequestKind::Reconnect => Self::Reconnect(Reconnect {
                name: Name::read(r, "client name", width)?,
            }),
            RequestKind::SendFile => {
                read_client_id(r, header, dialect)?;
                let file = SendFile::read_fields(r, header, dialect)?;
                return Ok(Self::SendFile(file));
            }
            RequestKind::Verdict(kind) => {
                read_client_id(r, header, dialect)?;
                Self::Verdict(Verdict {
                    kind,
                    file_name: Name::read(r, "file name", width)?,
                })
            }
        };
        r.bytes("padding", dialect.request_padding_size(header.payload_size))?;
        Ok(request)
    }
}

fn write_client_id(dialect: &Dialect, client_id: ClientId, out: &mut Vec<u8>) {
    if dialect.client_id_in_payload {
        out.extend_from_slice(client_id.as_bytes());
    }
}

/// Reads the client ID that a payload repeats, and insists that it is the header's (PROTOCOL.md 2.2):
/// acting for the one and checking the other would let one client write into another's folder.
fn read_client_id(
    r: &mut Reader<'_>,
    header: &RequestHeader,
    dialect: &Dialect,
) -> Result<(), DecodeError> {
    if !dialect.client_id_in_payload {
        return Ok(());
    }
    let offset = r.offset();
    if r.array("client ID")? == header.client_id.as_bytes() {
        Ok(())
    } else {
        Err(DecodeError::ClientIdMismatch { offset })
    }
}
