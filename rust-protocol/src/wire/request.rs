//! What a client asks (PROTOCOL.md 2).

use core::fmt;

use super::{ClientId, DecodeError, Name, Reader, RequestHeader};
use crate::dialect::Dialect;

/// Bytes of the public key field: an X.509 SubjectPublicKeyInfo in DER (PROTOCOL.md 4.1).
pub const PUBLIC_KEY_SIZE: usize = 160;

/// Which request; the code of each is for the dialect to say.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RequestKind {
    /// 1100 in the text.
    Register,
    /// 1101 in the text.
    SendPublicKey,
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
    pub const ALL: [Self; 6] = [
        Self::Register,
        Self::SendPublicKey,
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
    /// Brings a file.
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

/// `client name 255, public key 160`
///
/// The key is not looked into here: see [`PublicKey::parse`](crate::crypto::PublicKey::parse).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SendPublicKey {
    /// The name that the client is registered under.
    pub name: Name,
    /// The public key, as sent.
    pub public_key: [u8; PUBLIC_KEY_SIZE],
}

/// `client ID 16 (D), content size 4, file name 255`, and then the content, which is not held here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SendFile {
    /// Bytes of *encrypted* content that follow: a positive multiple of 16
    /// ([`Parameters::content_size`](crate::dialect::Parameters::content_size)).
    pub content_size: u32,
    /// The file name as sent.
    pub file_name: Name,
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
            Self::SendFile(_) => RequestKind::SendFile,
            Self::Verdict(verdict) => RequestKind::Verdict(verdict.kind),
        }
    }

    /// Header and fixed fields in one buffer, so that they go out in one write (PROTOCOL.md 1.4).
    ///
    /// The payload size of a [`SendFile`] counts the content that the caller sends next. Content
    /// sizes above [`Parameters::max_content_size`](crate::dialect::Parameters::max_content_size) cannot be said; the payload size then saturates.
    #[must_use]
    pub fn encode(&self, dialect: &Dialect, client_id: ClientId, version: u8) -> Vec<u8> {
        let kind = self.kind();
        let content_size = match self {
            Self::SendFile(SendFile { content_size, .. }) => *content_size,
            _ => 0,
        };
        let mut out = Vec::with_capacity(512);
        RequestHeader {
            client_id,
            version,
            code: dialect.request_code(kind),
            payload_size: dialect
                .request_fixed_size(kind)
                .saturating_add(content_size),
        }
        .write(&mut out);

        match self {
            Self::Register(Register { name }) => name.write(&mut out),
            Self::SendPublicKey(SendPublicKey { name, public_key }) => {
                name.write(&mut out);
                out.extend_from_slice(public_key);
            }
            Self::SendFile(SendFile {
                content_size,
                file_name,
            }) => {
                write_client_id(dialect, client_id, &mut out);
                out.extend_from_slice(&content_size.to_le_bytes());
                file_name.write(&mut out);
            }
            Self::Verdict(Verdict { file_name, .. }) => {
                write_client_id(dialect, client_id, &mut out);
                file_name.write(&mut out);
            }
        }
        out
    }

    /// Reads the fixed fields that follow `header`: [`Parameters::request_fixed_size`](crate::dialect::Parameters::request_fixed_size) bytes, without
    /// the content of a send file request.
    ///
    /// # Errors
    ///
    /// What [`RequestHeader::check`] finds, then whatever comes first in the bytes.
    pub fn decode(
        header: &RequestHeader,
        fixed: &[u8],
        dialect: &Dialect,
    ) -> Result<Self, DecodeError> {
        let kind = header.check(dialect)?;
        let mut r = Reader::new(fixed, RequestHeader::SIZE);
        let request = match kind {
            RequestKind::Register => Self::Register(Register {
                name: Name::read(&mut r, "client name")?,
            }),
            RequestKind::SendPublicKey => Self::SendPublicKey(SendPublicKey {
                name: Name::read(&mut r, "client name")?,
                public_key: *r.array("public key")?,
            }),
            RequestKind::SendFile => {
                read_client_id(&mut r, header, dialect)?;
                let offset = r.offset();
                let got = r.u32("content size")?;
                let expected = header
                    .payload_size
                    .saturating_sub(dialect.request_fixed_size(kind));
                if got != expected {
                    return Err(DecodeError::ContentSizeMismatch {
                        offset,
                        expected,
                        got,
                    });
                }
                if got == 0 || !got.is_multiple_of(16) {
                    return Err(DecodeError::ContentNotBlocks { offset, got });
                }
                Self::SendFile(SendFile {
                    content_size: got,
                    file_name: Name::read(&mut r, "file name")?,
                })
            }
            RequestKind::Verdict(kind) => {
                read_client_id(&mut r, header, dialect)?;
                Self::Verdict(Verdict {
                    kind,
                    file_name: Name::read(&mut r, "file name")?,
                })
            }
        };
        r.finish()?;
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
