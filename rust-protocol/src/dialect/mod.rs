//! A dialect: one consistent set of layout choices, as data (PROTOCOL.md 10).
//!
//! [`Parameters`] is what a dialect file says, [`Modifier`] how the command line changes it, and the
//! methods of [`Parameters`] are the codes and sizes that follow.

mod layout;
mod modifiers;
mod parameters;
mod value;

use std::io;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use crate::wire::{RequestKind, ResponseKind};

pub use modifiers::Modifier;
pub use parameters::{
    AesKeySize, After, Alignment, ByteOrder, Checksum, ChecksumInput, CksumWidth, Connection,
    EchoedSize, FileReceivedFields, NameWidth, PacketSize, Parameters, PublicKeySizes,
    ReconnectKey, RefusedPayload, RequestCodes, RequestPadding, ResponseCodes, ResponsePadding,
    SizeCounts, SizeWidth, VerdictAnswer,
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
    /// Two parameters contradict each other.
    #[error("{parameter} needs {needs}")]
    Combination {
        /// The name of the parameter.
        parameter: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// No built-in dialect has this name.
    #[error("{name:?} is no dialect and no file of one; possible are {}", names())]
    UnknownName {
        /// The name.
        name: String,
    },
    /// A dialect file cannot be read.
    #[error("cannot read the dialect file {path:?}")]
    Unreadable {
        /// Its path.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// No modifier has this key.
    #[error("{modifier:?} is no modifier; possible are {}", keys())]
    UnknownModifier {
        /// The modifier.
        modifier: String,
    },
    /// The parameter that a modifier sets does not have this value.
    #[error("{value:?} is no value of {key}=; possible are {possible}")]
    UnknownValue {
        /// What stands before the `=`.
        key: &'static str,
        /// What stands after it.
        value: String,
        /// What might stand there.
        possible: String,
    },
}

fn names() -> String {
    Dialect::names().collect::<Vec<_>>().join(", ")
}

fn keys() -> String {
    let keys: Vec<_> = Modifier::all()
        .iter()
        .map(|m| format!("{}=", m.key))
        .collect();
    keys.join(", ")
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

/// In the order of PROTOCOL.md 10.1, which `vectors/dialects/order.txt` repeats. Written by `build.rs`.
const BUILT_IN: &[&str] = include!(concat!(env!("OUT_DIR"), "/dialects.rs"));

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
        Self::new(serde_json::from_str(json)?)
    }

    /// Takes parameters that were put together by hand.
    ///
    /// # Errors
    ///
    /// Codes that are not distinct, parameters that contradict each other.
    pub fn new(parameters: Parameters) -> Result<Self, DialectError> {
        parameters.validate()?;
        Ok(Self(Arc::new(parameters)))
    }

    /// The dialect file that says this.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Numbers, words and two texts: there is nothing in it that JSON cannot say.
        serde_json::to_string_pretty(&**self).unwrap_or_default()
    }
}

impl Default for Dialect {
    /// The first of [`Dialect::all`].
    // A list without a first would fail every test, and no input reaches this.
    #[allow(clippy::expect_used)]
    fn default() -> Self {
        Self::all()
            .first()
            .expect("there are built-in dialects")
            .clone()
    }
}

impl Deref for Dialect {
    type Target = Parameters;

    fn deref(&self) -> &Parameters {
        &self.0
    }
}

impl Parameters {
    fn validate(&self) -> Result<(), DialectError> {
        let form = |parameter, ok: bool| ok.then_some(()).ok_or(DialectError::Form { parameter });
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        form(
            "name",
            self.name.starts_with(is_word) && self.name.chars().all(|c| is_word(c) || c == '-'),
        )?;
        form("title", !self.title.is_empty())?;

        let requests = RequestKind::ALL
            .into_iter()
            .filter_map(|kind| Some((kind.to_string(), self.request_code(kind)?.0)));
        let requests: Vec<_> = requests.collect();
        let responses = ResponseKind::ALL
            .into_iter()
            .filter_map(|kind| Some((kind.to_string(), self.response_code(kind)?.0)));
        let responses: Vec<_> = responses.collect();
        distinct(&requests)?;
        distinct(&responses)?;

        let zero = |parameter, ok: bool| ok.then_some(()).ok_or(DialectError::Zero { parameter });
        let mut codes = requests.iter().chain(&responses);
        zero("a code", codes.all(|&(_, code)| code != 0))?;
        zero("transmissions", self.transmissions != 0)?;
        zero("default_port", self.default_port != 0)?;
        self.validate_together()
    }

    fn validate_together(&self) -> Result<(), DialectError> {
        let together = |ok: bool, parameter, needs| {
            ok.then_some(())
                .ok_or(DialectError::Combination { parameter, needs })
        };
        together(
            self.packet_size == PacketSize::WHOLE || self.packets,
            "packet_size",
            "packet fields (packets=yes)",
        )?;
        let codes = &self.response_codes;
        together(
            !self.has_reconnect()
                || codes.reconnected.is_some() && codes.reconnect_refused.is_some(),
            "the code of reconnect",
            "codes of reconnected and reconnect_refused",
        )?;
        let general = |after: After| after.answer == VerdictAnswer::GeneralError;
        let answers = [self.after_right, self.after_wrong, self.after_give_up];
        together(
            codes.general_error.is_some() || !answers.into_iter().any(general),
            "the answer general-error",
            "a code of general_error",
        )
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SEED: &str = BUILT_IN[0];

    #[test]
    fn every_built_in_dialect_is_valid_and_found_by_its_name() {
        for json in BUILT_IN {
            let dialect = Dialect::from_json(json).unwrap();
            assert_eq!(Dialect::named(&dialect.name), Some(dialect));
        }
        assert_eq!(Dialect::named("no-such-dialect"), None);
        assert!(BUILT_IN.len() >= 7);
    }

    #[test]
    fn writes_the_file_that_it_reads() {
        for json in BUILT_IN {
            let dialect = Dialect::from_json(json).unwrap();
            assert_eq!(dialect.to_json(), json.trim_end());
        }
    }

    #[test]
    fn refuses_what_the_schema_does_not_allow() {
        let replace = |from: &str, to: &str| {
            assert!(SEED.contains(from), "{from}");
            Dialect::from_json(&SEED.replacen(from, to, 1))
        };
        for (from, to) in [
            ("1103", "1101"),
            ("2103", "2100"),
            ("1103", "0"),
            ("1103", "65536"),
            ("1103", "null"),
            ("\"reconnect\": null", "\"reconnect\": 1103"),
            ("\"reconnect\": null", "\"reconnect\": 1102"),
            ("\"reconnect\": null,", ""),
            ("\"general_error\": null", "\"general_error\": 2104"),
            ("\"seed\"", "\"Seed\""),
            ("\"seed\"", "\"-seed\""),
            ("\"title\"", "\"titel\""),
            ("\"transmissions\": 3", "\"transmissions\": 0"),
            ("\"transmissions\": 3", "\"transmissions\": 256"),
            ("\"response_size_width\": 4", "\"response_size_width\": 3"),
            ("\"cksum_width\": 4", "\"cksum_width\": 8"),
            ("\"aes_key_size\": 16", "\"aes_key_size\": 24"),
            ("\"name_width\": 255", "\"name_width\": 254"),
            ("\"packet_size\": 0", "\"packet_size\": 16"),
            ("\"packet_size\": 0", "\"packet_size\": 1"),
            ("\"packets\": false", "\"packets\": 0"),
            ("\"byte_order\": \"little\"", "\"byte_order\": \"middle\""),
            ("\"empty\"", "\"nothing\""),
            ("\"none\"", "\"general-error\""),
            ("\"default_port\": 1234", "\"default_port\": 0"),
            ("\"name\"", "\"extra\": 1, \"name\""),
        ] {
            assert!(replace(from, to).is_err(), "{from} -> {to}");
        }
    }
}
