//! The headers of requests and responses (PROTOCOL.md 1.5, 1.6).

use core::fmt;

use super::{ClientId, DecodeError, Reader, RequestKind, ResponseKind};
use crate::dialect::{Alignment, ByteOrder, Dialect, SizeCounts, SizeWidth};

/// The version that both sides send. Every version is accepted (PROTOCOL.md 1.7).
pub const VERSION: u8 = 3;

/// The code of a request, known or not. What it means is for the dialect to say.
#[derive(
    Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Deserialize, serde::Serialize,
)]
#[serde(transparent)]
pub struct RequestCode(pub u16);

/// The code of a response, known or not. What it means is for the dialect to say.
#[derive(
    Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Deserialize, serde::Serialize,
)]
#[serde(transparent)]
pub struct ResponseCode(pub u16);

impl fmt::Display for RequestCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The first 23 bytes of every request; 24 where the dialect aligns them.
///
/// ```text
///  0               16     17       19            23
///  +---------------+------+--------+-------------+
///  | client ID     | ver- | code   | payload     |
///  | 16            | sion | 2      | size 4      |
///  +---------------+------+--------+-------------+
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RequestHeader {
    /// Who asks. Ignored in a register request (PROTOCOL.md 2.1).
    pub client_id: ClientId,
    /// 3, but any value is accepted.
    pub version: u8,
    /// What is asked.
    pub code: RequestCode,
    /// Bytes that follow the header, padding not counted.
    pub payload_size: u32,
}

impl RequestHeader {
    /// Bytes of the largest header of all dialects.
    pub const MAX: usize = 24;

    /// Reads a header. Every value is a header: code and size are judged by [`RequestHeader::check`].
    ///
    /// # Errors
    ///
    /// `truncated` or `trailing-data` if there are not exactly
    /// [`Parameters::request_header_size`](crate::dialect::Parameters::request_header_size) bytes.
    pub fn decode(bytes: &[u8], dialect: &Dialect) -> Result<Self, DecodeError> {
        Self::decode_in(bytes, dialect.byte_order, dialect.alignment)
    }

    /// Reads a header by the two parameters that matter for it.
    pub(crate) fn decode_in(
        bytes: &[u8],
        order: ByteOrder,
        alignment: Alignment,
    ) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, 0, order);
        let header = Self::read(&mut r, alignment)?;
        r.finish()?;
        Ok(header)
    }

    #[inline]
    pub(super) fn read(r: &mut Reader<'_>, alignment: Alignment) -> Result<Self, DecodeError> {
        let client_id = ClientId::from_bytes(*r.array("client ID")?);
        let version = r.u8("version")?;
        skip_gap(r, alignment)?;
        Ok(Self {
            client_id,
            version,
            code: RequestCode(r.u16("code")?),
            payload_size: r.u32("payload size")?,
        })
    }

    /// Judges code and payload size, before a byte of the payload is read (PROTOCOL.md 2.10).
    ///
    /// # Errors
    ///
    /// `unknown-code`, or `payload-size` if no request with this code can have this size.
    pub fn check(&self, dialect: &Dialect) -> Result<RequestKind, DecodeError> {
        let Some(kind) = dialect.request_kind(self.code) else {
            return Err(DecodeError::UnknownCode {
                code: self.code.0,
                offset: dialect.request_header_size().saturating_sub(6),
            });
        };
        if dialect.request_size_fits(kind, self.payload_size) {
            Ok(kind)
        } else {
            Err(DecodeError::PayloadSize {
                code: self.code.0,
                offset: dialect.request_header_size().saturating_sub(4),
                expected: dialect.request_fixed_size(kind),
                got: self.payload_size,
            })
        }
    }

    /// Bytes to read after the header: the payload without the content of a send file request, and
    /// the padding of every other one. At most 1024.
    ///
    /// # Errors
    ///
    /// As [`RequestHeader::check`].
    pub fn rest_size(&self, dialect: &Dialect) -> Result<usize, DecodeError> {
        let size = |bytes: u32| usize::try_from(bytes).unwrap_or(usize::MAX);
        Ok(match self.check(dialect)? {
            RequestKind::SendFile => size(dialect.request_fixed_size(RequestKind::SendFile)),
            _ => size(self.payload_size)
                .saturating_add(dialect.request_padding_size(self.payload_size)),
        })
    }

    /// Appends the header to `out`.
    pub fn write(&self, dialect: &Dialect, out: &mut Vec<u8>) {
        let order = dialect.byte_order;
        out.extend_from_slice(self.client_id.as_bytes());
        out.push(self.version);
        write_gap(dialect.alignment, out);
        out.extend_from_slice(&order.write_u16(self.code.0));
        out.extend_from_slice(&order.write_u32(self.payload_size));
    }
}

/// The first bytes of every response; how many is for the dialect to say.
///
/// ```text
///  0      1        3             5 or 7
///  +------+--------+-------------+
///  | ver- | code   | payload     |
///  | sion | 2      | size 2 or 4 |
///  +------+--------+-------------+
/// ```
///
/// Where the dialect aligns them, a byte is left out after the version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResponseHeader {
    /// 3, but any value is accepted.
    pub version: u8,
    /// What is answered.
    pub code: ResponseCode,
    /// The number in the header: bytes of the payload, and of what else the dialect counts.
    pub payload_size: u32,
}

/// What follows a response header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResponseRest {
    /// Which response it is.
    pub kind: ResponseKind,
    /// Bytes of the payload. Where the header does not tell an acknowledgement or a refusal with the
    /// client ID from one without, those with it.
    pub payload: usize,
    /// Bytes of padding after it.
    pub padding: usize,
}

impl ResponseRest {
    /// Bytes to read after the header.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.payload.saturating_add(self.padding)
    }
}

impl ResponseHeader {
    /// Bytes of the largest header of all dialects.
    pub const MAX: usize = 8;

    /// Reads a header. Every value is a header: code and size are judged by
    /// [`ResponseHeader::check`].
    ///
    /// # Errors
    ///
    /// `truncated` or `trailing-data` if there are not exactly
    /// [`Parameters::response_header_size`](crate::dialect::Parameters::response_header_size) bytes.
    pub fn decode(bytes: &[u8], dialect: &Dialect) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, 0, dialect.byte_order);
        let header = Self::read(&mut r, dialect)?;
        r.finish()?;
        Ok(header)
    }

    #[inline]
    pub(super) fn read(r: &mut Reader<'_>, dialect: &Dialect) -> Result<Self, DecodeError> {
        let version = r.u8("version")?;
        skip_gap(r, dialect.alignment)?;
        Ok(Self {
            version,
            code: ResponseCode(r.u16("code")?),
            payload_size: match dialect.response_size_width {
                SizeWidth::Two => r.u16("payload size")?.into(),
                SizeWidth::Four => r.u32("payload size")?,
            },
        })
    }

    /// Judges code and payload size, before memory is set aside for the payload.
    ///
    /// # Errors
    ///
    /// As [`ResponseHeader::rest`].
    pub fn check(&self, dialect: &Dialect) -> Result<ResponseKind, DecodeError> {
        self.rest(dialect).map(|rest| rest.kind)
    }

    /// Judges code and payload size, and says what follows.
    ///
    /// An acknowledgement may be empty or carry the client ID, in every dialect (PROTOCOL.md 2.12). A
    /// refusal may carry it even where the dialect has it empty, and the other way round: some servers
    /// do that are otherwise like it (PROTOCOL.md 2.6, 2.13).
    ///
    /// # Errors
    ///
    /// `unknown-code`, or `payload-size` if no response with this code can have this size.
    pub fn rest(&self, dialect: &Dialect) -> Result<ResponseRest, DecodeError> {
        let header_size = dialect.response_header_size();
        let size_offset = header_size.saturating_sub(dialect.response_size_width.bytes());
        let Some(kind) = dialect.response_kind(self.code) else {
            return Err(DecodeError::UnknownCode {
                code: self.code.0,
                offset: size_offset.saturating_sub(2),
            });
        };
        const CLIENT_ID: u32 = ClientId::SIZE as u32;
        let own = dialect.response_size(kind);
        let payload_sizes = match kind {
            ResponseKind::Acknowledged | ResponseKind::Refused => [CLIENT_ID, 0],
            _ => [own, own],
        };
        let claimed = |payload: &u32| dialect.claimed_response_size(*payload) == self.payload_size;
        match payload_sizes.into_iter().find(claimed) {
            Some(payload) => Ok(ResponseRest {
                kind,
                payload: usize::try_from(payload).unwrap_or(usize::MAX),
                padding: dialect.response_padding_size(payload),
            }),
            None => Err(DecodeError::PayloadSize {
                code: self.code.0,
                offset: size_offset,
                expected: dialect.claimed_response_size(own),
                got: self.payload_size,
            }),
        }
    }

    /// Whether the size in the header tells an empty payload from one with a client ID.
    pub(crate) fn tells_empty(dialect: &Dialect) -> bool {
        dialect.size_counts != SizeCounts::Padded
            || dialect.response_padding_size(0) == dialect.response_padding_size(16)
    }

    /// Appends the header to `out`, in the dialect's width of the payload size.
    pub fn write(&self, dialect: &Dialect, out: &mut Vec<u8>) {
        let order = dialect.byte_order;
        out.push(self.version);
        write_gap(dialect.alignment, out);
        out.extend_from_slice(&order.write_u16(self.code.0));
        match dialect.response_size_width {
            // No response of any dialect counts more than 2048 bytes.
            SizeWidth::Two => {
                let size = u16::try_from(self.payload_size).unwrap_or(u16::MAX);
                out.extend_from_slice(&order.write_u16(size));
            }
            SizeWidth::Four => out.extend_from_slice(&order.write_u32(self.payload_size)),
        }
    }
}

/// The byte that aligns the code. What stands there is not looked at: a peer that fills in a structure
/// leaves in it what the memory held before.
fn skip_gap(r: &mut Reader<'_>, alignment: Alignment) -> Result<(), DecodeError> {
    match alignment {
        Alignment::Packed => Ok(()),
        Alignment::Natural => r.u8("gap").map(drop),
    }
}

fn write_gap(alignment: Alignment, out: &mut Vec<u8>) {
    match alignment {
        Alignment::Packed => {}
        Alignment::Natural => out.push(0),
    }
}
