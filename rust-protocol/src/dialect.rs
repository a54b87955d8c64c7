//! A dialect: one consistent set of layout choices, as data (PROTOCOL.md 10).

use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use crate::wire::{
    ClientId, Name, PUBLIC_KEY_SIZE, RequestCode, RequestKind, ResponseCode, ResponseKind,
    VerdictKind, WRAPPED_KEY_SIZE,
};

/// One consistent set of layout choices. Cloning it is cheap.
///
/// The codecs and sessions ask it for every choice that PROTOCOL.md marks (D), and none asks for its
/// name: a dialect that is a new file needs no new code.
///
/// ```
/// use backup_protocol::Dialect;
///
/// let dialect = Dialect::named("seed").expect("is built in");
/// assert_eq!(dialect.response_header_size(), 7);
/// assert_eq!(dialect.max_plain_size(), 4_294_967_007);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dialect(Arc<Parameters>);

/// What a dialect file says. The table of PROTOCOL.md 10 explains each parameter.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
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
    /// Bytes of the payload size in a response header (1.6).
    pub response_size_width: SizeWidth,
    /// Whether the payloads of send file and of verdicts begin with the client ID (2).
    pub client_id_in_payload: bool,
    /// What a refusal carries (2.6).
    pub refused_payload: RefusedPayload,
    /// Bytes of the cksum field (2.7).
    pub cksum_width: CksumWidth,
    /// Bytes of the AES key that a server makes (4.3). A client accepts 16, 24 and 32.
    pub aes_key_size: AesKeySize,
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
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RequestCodes {
    pub register: RequestCode,
    pub send_public_key: RequestCode,
    pub send_file: RequestCode,
    pub cksum_right: RequestCode,
    pub cksum_wrong: RequestCode,
    pub give_up: RequestCode,
}

/// The code of each response.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ResponseCodes {
    pub registered: ResponseCode,
    pub refused: ResponseCode,
    pub aes_key: ResponseCode,
    pub file_received: ResponseCode,
    pub acknowledged: ResponseCode,
}

/// Bytes of the payload size in a response header.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "u8")]
#[allow(missing_docs)]
pub enum SizeWidth {
    Two,
    Four,
}

/// Bytes of the cksum field.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "u8")]
pub enum CksumWidth {
    /// The cksum.
    Four,
    /// The cksum and 12 zero bytes.
    Sixteen,
}

/// Bytes of the AES key that a server makes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "u8")]
#[allow(missing_docs)]
pub enum AesKeySize {
    Sixteen,
    ThirtyTwo,
}

/// What a refusal carries.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum RefusedPayload {
    /// Nothing.
    Empty,
    /// The client ID of the request header.
    ClientId,
}

/// What follows a verdict that is honoured.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// What the server answers.
    pub answer: VerdictAnswer,
    /// Whether it then closes the connection.
    pub close: bool,
}

/// What a server answers to a verdict that it honours.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictAnswer {
    /// Nothing.
    None,
    /// The response "refused", which here is the acknowledgement.
    Refused,
}

/// Why a text is not a dialect.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum DialectError {
    /// The text is not JSON, or not closed by the schema.
    #[error("not a dialect: {0}")]
    Json(#[from] serde_json::Error),
    /// Two messages that one side sends have the same code.
    #[error("{a} and {b} have the same code {code}")]
    SameCode {
        /// The first message.
        a: String,
        /// The second message.
        b: String,
        /// Their code.
        code: u16,
    },
    /// A number is 0 that cannot be.
    #[error("{parameter} cannot be 0")]
    Zero {
        /// The name of the parameter.
        parameter: &'static str,
    },
    /// The name is not made of lower-case letters, digits and inner hyphens, or the title is empty.
    #[error("{parameter} does not have the form that the schema asks for")]
    Form {
        /// The name of the parameter.
        parameter: &'static str,
    },
}

/// A file that does not fit a send file request (PROTOCOL.md 2.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a file of {size} bytes is too large for the protocol: {limit} is the most")]
pub struct FileTooLarge {
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of the largest file.
    pub limit: u64,
}

const BUILT_IN: [&str; 2] = [
    include_str!("../../vectors/dialects/seed.json"),
    include_str!("../../vectors/dialects/readme.json"),
];

// A built-in dialect that could not be read would fail a test here, and no input reaches this.
#[allow(clippy::expect_used)]
static ALL: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
    BUILT_IN
        .iter()
        .map(|json| Dialect::from_json(json).expect("built-in dialects are tested"))
        .collect()
});

impl Dialect {
    /// The built-in dialect of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().iter().find(|d| d.name == name).cloned()
    }

    /// All built-in dialects, the most usual first. A client that does not know its server's dialect
    /// starts with these (PROTOCOL.md 2.13).
    #[must_use]
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// The names of the built-in dialects, the most usual first.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::all().iter().map(|d| d.name.as_str())
    }

    /// Reads a dialect file.
    ///
    /// # Errors
    ///
    /// What the schema does not allow, and codes that are not distinct.
    pub fn from_json(json: &str) -> Result<Self, DialectError> {
        let parameters: Parameters = serde_json::from_str(json)?;
        parameters.validate()?;
        Ok(Self(Arc::new(parameters)))
    }
}

impl Deref for Dialect {
    type Target = Parameters;

    fn deref(&self) -> &Parameters {
        &self.0
    }
}

/// The layouts, all sizes in bytes.
impl Parameters {
    /// The request that a code stands for.
    #[must_use]
    pub fn request_kind(&self, code: RequestCode) -> Option<RequestKind> {
        RequestKind::ALL
            .into_iter()
            .find(|&kind| self.request_code(kind) == code)
    }

    /// The code of a request.
    #[must_use]
    pub const fn request_code(&self, kind: RequestKind) -> RequestCode {
        let codes = &self.request_codes;
        match kind {
            RequestKind::Register => codes.register,
            RequestKind::SendPublicKey => codes.send_public_key,
            RequestKind::SendFile => codes.send_file,
            RequestKind::Verdict(VerdictKind::Right) => codes.cksum_right,
            RequestKind::Verdict(VerdictKind::Wrong) => codes.cksum_wrong,
            RequestKind::Verdict(VerdictKind::GiveUp) => codes.give_up,
        }
    }

    /// The response that a code stands for.
    #[must_use]
    pub fn response_kind(&self, code: ResponseCode) -> Option<ResponseKind> {
        ResponseKind::ALL
            .into_iter()
            .find(|&kind| self.response_code(kind) == code)
    }

    /// The code of a response.
    #[must_use]
    pub const fn response_code(&self, kind: ResponseKind) -> ResponseCode {
        let codes = &self.response_codes;
        match kind {
            ResponseKind::Registered => codes.registered,
            ResponseKind::Refused => codes.refused,
            ResponseKind::AesKey => codes.aes_key,
            ResponseKind::FileReceived => codes.file_received,
            ResponseKind::Acknowledged => codes.acknowledged,
        }
    }

    /// Size of a request's payload, without the content of a send file request.
    #[must_use]
    pub const fn request_fixed_size(&self, kind: RequestKind) -> u32 {
        let client_id = if self.client_id_in_payload {
            CLIENT_ID
        } else {
            0
        };
        match kind {
            RequestKind::Register => NAME,
            RequestKind::SendPublicKey => NAME + PUBLIC_KEY,
            RequestKind::SendFile => client_id.saturating_add(4 + NAME),
            RequestKind::Verdict(_) => client_id.saturating_add(NAME),
        }
    }

    /// Size of a response header.
    #[must_use]
    pub const fn response_header_size(&self) -> usize {
        match self.response_size_width {
            SizeWidth::Two => 5,
            SizeWidth::Four => 7,
        }
    }

    /// Size of a response's payload; of an acknowledgement, the larger of the two it may have.
    #[must_use]
    pub const fn response_size(&self, kind: ResponseKind) -> u32 {
        match kind {
            ResponseKind::Registered | ResponseKind::Acknowledged => CLIENT_ID,
            ResponseKind::Refused => match self.refused_payload {
                RefusedPayload::Empty => 0,
                RefusedPayload::ClientId => CLIENT_ID,
            },
            ResponseKind::AesKey => CLIENT_ID + WRAPPED_KEY,
            ResponseKind::FileReceived => match self.cksum_width {
                CksumWidth::Four => CLIENT_ID + 4 + NAME + 4,
                CksumWidth::Sixteen => CLIENT_ID + 4 + NAME + 16,
            },
        }
    }

    /// What follows an honoured verdict.
    #[must_use]
    pub const fn after(&self, kind: VerdictKind) -> After {
        match kind {
            VerdictKind::Right => self.after_right,
            VerdictKind::Wrong => self.after_wrong,
            VerdictKind::GiveUp => self.after_give_up,
        }
    }

    /// The largest encrypted content that the payload size can count (2.3).
    #[must_use]
    pub const fn max_content_size(&self) -> u32 {
        u32::MAX.saturating_sub(self.request_fixed_size(RequestKind::SendFile)) & !15
    }

    /// The largest file that can be sent: at least one byte of its content is padding (2.3).
    #[must_use]
    pub const fn max_plain_size(&self) -> u64 {
        (self.max_content_size() as u64).saturating_sub(1)
    }

    /// Size of the encrypted content of a file of `plain_size` bytes: the next multiple of 16 above
    /// it (4.3).
    ///
    /// # Errors
    ///
    /// The file has more than [`Parameters::max_plain_size`] bytes.
    pub fn content_size(&self, plain_size: u64) -> Result<u32, FileTooLarge> {
        u32::try_from(crate::crypto::content_size(plain_size))
            .ok()
            .filter(|&size| size <= self.max_content_size())
            .ok_or_else(|| FileTooLarge {
                size: plain_size,
                limit: self.max_plain_size(),
            })
    }

    fn validate(&self) -> Result<(), DialectError> {
        let form = |parameter, ok: bool| ok.then_some(()).ok_or(DialectError::Form { parameter });
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        form(
            "name",
            self.name.starts_with(is_word) && self.name.chars().all(|c| is_word(c) || c == '-'),
        )?;
        form("title", !self.title.is_empty())?;

        let requests = RequestKind::ALL.map(|k| (k.to_string(), self.request_code(k).0));
        let responses = ResponseKind::ALL.map(|k| (k.to_string(), self.response_code(k).0));
        distinct(&requests)?;
        distinct(&responses)?;

        let zero = |parameter, ok: bool| ok.then_some(()).ok_or(DialectError::Zero { parameter });
        let codes = || requests.iter().chain(&responses);
        zero("a code", codes().all(|&(_, code)| code != 0))?;
        zero("transmissions", self.transmissions != 0)?;
        zero("default_port", self.default_port != 0)
    }
}

fn distinct(codes: &[(String, u16)]) -> Result<(), DialectError> {
    for (i, (a, code)) in codes.iter().enumerate() {
        for (b, other) in codes.iter().skip(i.saturating_add(1)) {
            if code == other {
                return Err(DialectError::SameCode {
                    a: a.clone(),
                    b: b.clone(),
                    code: *code,
                });
            }
        }
    }
    Ok(())
}

const CLIENT_ID: u32 = ClientId::SIZE as u32;
const NAME: u32 = Name::SIZE as u32;
const PUBLIC_KEY: u32 = PUBLIC_KEY_SIZE as u32;
const WRAPPED_KEY: u32 = WRAPPED_KEY_SIZE as u32;

impl AesKeySize {
    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Sixteen => 16,
            Self::ThirtyTwo => 32,
        }
    }
}

impl TryFrom<u8> for SizeWidth {
    type Error = String;

    fn try_from(width: u8) -> Result<Self, String> {
        match width {
            2 => Ok(Self::Two),
            4 => Ok(Self::Four),
            _ => Err(format!("a payload size of {width} bytes, expected 2 or 4")),
        }
    }
}

impl TryFrom<u8> for CksumWidth {
    type Error = String;

    fn try_from(width: u8) -> Result<Self, String> {
        match width {
            4 => Ok(Self::Four),
            16 => Ok(Self::Sixteen),
            _ => Err(format!("a cksum field of {width} bytes, expected 4 or 16")),
        }
    }
}

impl TryFrom<u8> for AesKeySize {
    type Error = String;

    fn try_from(size: u8) -> Result<Self, String> {
        match size {
            16 => Ok(Self::Sixteen),
            32 => Ok(Self::ThirtyTwo),
            _ => Err(format!("an AES key of {size} bytes, expected 16 or 32")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn seed() -> Dialect {
        Dialect::from_json(BUILT_IN[0]).unwrap()
    }

    #[test]
    fn every_built_in_dialect_is_valid_and_found_by_its_name() {
        for json in BUILT_IN {
            let dialect = Dialect::from_json(json).unwrap();
            assert_eq!(Dialect::named(&dialect.name), Some(dialect));
        }
        assert_eq!(Dialect::named("no-such-dialect"), None);
    }

    #[test]
    fn has_the_sizes_of_the_specification() {
        let readme = Dialect::from_json(BUILT_IN[1]).unwrap();
        for dialect in [seed(), readme.clone()] {
            let sizes = RequestKind::ALL.map(|kind| dialect.request_fixed_size(kind));
            assert_eq!(sizes, [255, 415, 275, 271, 271, 271]);
        }
        let sizes = |d: &Dialect| ResponseKind::ALL.map(|kind| d.response_size(kind));
        assert_eq!(sizes(&seed()), [16, 0, 144, 279, 16]);
        assert_eq!(sizes(&readme), [16, 16, 144, 291, 16]);
        assert_eq!(readme.response_header_size(), 5);
    }

    #[test]
    fn limits_files_to_what_the_payload_size_can_count() {
        let limit = 4_294_967_007;
        assert_eq!(seed().max_plain_size(), limit);
        assert_eq!(seed().content_size(limit), Ok(4_294_967_008));
        assert_eq!(
            seed().content_size(limit + 1),
            Err(FileTooLarge {
                size: limit + 1,
                limit
            })
        );
        assert!(seed().content_size(u64::MAX).is_err());
        assert_eq!(seed().content_size(0), Ok(16));
    }

    #[test]
    fn refuses_what_the_schema_does_not_allow() {
        let replace = |from: &str, to: &str| {
            assert!(BUILT_IN[0].contains(from), "{from}");
            Dialect::from_json(&BUILT_IN[0].replacen(from, to, 1))
        };
        for (from, to) in [
            ("1103", "1101"),
            ("2103", "2100"),
            ("1103", "0"),
            ("1103", "65536"),
            ("\"seed\"", "\"Seed\""),
            ("\"seed\"", "\"-seed\""),
            ("\"title\"", "\"titel\""),
            ("\"transmissions\": 3", "\"transmissions\": 0"),
            ("\"transmissions\": 3", "\"transmissions\": 256"),
            ("\"response_size_width\": 4", "\"response_size_width\": 3"),
            ("\"cksum_width\": 4", "\"cksum_width\": 8"),
            ("\"aes_key_size\": 16", "\"aes_key_size\": 24"),
            ("\"empty\"", "\"nothing\""),
            ("\"default_port\": 1234", "\"default_port\": 0"),
            ("\"name\"", "\"extra\": 1, \"name\""),
        ] {
            assert!(replace(from, to).is_err(), "{from} -> {to}");
        }
    }
}
