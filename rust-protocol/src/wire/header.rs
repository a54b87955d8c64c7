//! The headers of requests and responses (PROTOCOL.md 1.5, 1.6).

use core::fmt;

use super::{ClientId, DecodeError, Reader, RequestKind, ResponseKind};
use crate::dialect::{Dialect, SizeWidth};

/// The version that both sides send. Every version is accepted (PROTOCOL.md 1.7).
pub const VERSION: u8 = 3;

/// The code of a request, known or not. What it means is for the dialect to say.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Deserialize)]
#[serde(transparent)]
pub struct RequestCode(pub u16);

/// The code of a response, known or not. What it means is for the dialect to say.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, serde::Deserialize)]
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

/// The first 23 bytes of every request.
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
    /// Bytes that follow the header.
    pub payload_size: u32,
}

impl RequestHeader {
    /// Bytes that the header takes on the wire, in every dialect.
    pub const SIZE: usize = 23;

    const CODE_OFFSET: usize = 17;
    const SIZE_OFFSET: usize = 19;

    /// Reads a header. Every value is a header: code and size are judged by [`RequestHeader::check`].
    ///
    /// # Errors
    ///
    /// `truncated` or `trailing-data` if there are not exactly 23 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, 0);
        let header = Self {
            client_id: ClientId::from_bytes(*r.array("client ID")?),
            version: r.u8("version")?,
            code: RequestCode(r.u16("code")?),
            payload_size: r.u32("payload size")?,
        };
        r.finish()?;
        Ok(header)
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
                offset: Self::CODE_OFFSET,
            });
        };
        let expected = dialect.request_fixed_size(kind);
        let fits = match kind {
            RequestKind::SendFile => self.payload_size >= expected,
            _ => self.payload_size == expected,
        };
        if fits {
            Ok(kind)
        } else {
            Err(DecodeError::PayloadSize {
                code: self.code.0,
                offset: Self::SIZE_OFFSET,
                expected,
                got: self.payload_size,
            })
        }
    }

    /// Appends the header to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.client_id.as_bytes());
        out.push(self.version);
        out.extend_from_slice(&self.code.0.to_le_bytes());
        out.extend_from_slice(&self.payload_size.to_le_bytes());
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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ResponseHeader {
    /// 3, but any value is accepted.
    pub version: u8,
    /// What is answered.
    pub code: ResponseCode,
    /// Bytes that follow the header.
    pub payload_size: u32,
}

impl ResponseHeader {
    pub(crate) const CODE_OFFSET: usize = 1;
    pub(crate) const SIZE_OFFSET: usize = 3;

    /// Reads a header. Every value is a header: code and size are judged by
    /// [`ResponseHeader::check`].
    ///
    /// # Errors
    ///
    /// `truncated` or `trailing-data` if there are not exactly
    /// [`Parameters::response_header_size`](crate::dialect::Parameters::response_header_size) bytes.
    pub fn decode(bytes: &[u8], dialect: &Dialect) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes, 0);
        let header = Self {
            version: r.u8("version")?,
            code: ResponseCode(r.u16("code")?),
            payload_size: match dialect.response_size_width {
                SizeWidth::Two => r.u16("payload size")?.into(),
                SizeWidth::Four => r.u32("payload size")?,
            },
        };
        r.finish()?;
        Ok(header)
    }

    /// Judges code and payload size, before memory is set aside for the payload.
    ///
    /// An acknowledgement may be empty or carry the client ID, in every dialect (PROTOCOL.md 2.12). A
    /// refusal may carry it even where the dialect has it empty: some servers do that are otherwise
    /// like it (PROTOCOL.md 2.13).
    ///
    /// # Errors
    ///
    /// `unknown-code`, or `payload-size` if no response with this code can have this size.
    pub fn check(&self, dialect: &Dialect) -> Result<ResponseKind, DecodeError> {
        let Some(kind) = dialect.response_kind(self.code) else {
            return Err(DecodeError::UnknownCode {
                code: self.code.0,
                offset: Self::CODE_OFFSET,
            });
        };
        let expected = dialect.response_size(kind);
        let got = self.payload_size;
        let fits = match kind {
            ResponseKind::Acknowledged => got == 0 || got == expected,
            ResponseKind::Refused => got == expected || got == ClientId::SIZE as u32,
            _ => got == expected,
        };
        if fits {
            Ok(kind)
        } else {
            Err(DecodeError::PayloadSize {
                code: self.code.0,
                offset: Self::SIZE_OFFSET,
                expected,
                got: self.payload_size,
            })
        }
    }

    /// Appends the header to `out`, in the dialect's width of the payload size.
    pub fn write(&self, dialect: &Dialect, out: &mut Vec<u8>) {
        out.push(self.version);
        out.extend_from_slice(&self.code.0.to_le_bytes());
        match dialect.response_size_width {
            // No response of any dialect is larger than 291 bytes.
            SizeWidth::Two => {
                let size = u16::try_from(self.payload_size).unwrap_or(u16::MAX);
                out.extend_from_slice(&size.to_le_bytes());
            }
            SizeWidth::Four => out.extend_from_slice(&self.payload_size.to_le_bytes()),
        }
    }
}
