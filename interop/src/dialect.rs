//! Dialects as the examiner reads them (PROTOCOL.md 10): its own reader of the same data.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::message::{Direction, Kind};

/// One consistent set of layout choices. Every choice marked (D) in PROTOCOL.md is a field of this.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dialect {
    pub(crate) name: String,
    pub(crate) title: String,
    request_codes: RequestCodes,
    response_codes: ResponseCodes,
    /// Bytes of the payload size in a response header: 2 or 4.
    pub(crate) response_size_width: usize,
    /// Whether 1103 to 1106 begin with the client ID.
    pub(crate) client_id_in_payload: bool,
    pub(crate) refused_payload: RefusedPayload,
    /// Bytes of the cksum field in 2103: 4, or 16 of which the last 12 are zero.
    pub(crate) cksum_width: usize,
    /// Bytes of the AES key that a server makes.
    pub(crate) aes_key_size: usize,
    /// How often a client sends a file before it gives up.
    pub(crate) transmissions: u32,
    after_right: After,
    after_wrong: After,
    after_give_up: After,
    /// The port when nothing names one; the harness always names one.
    #[serde(rename = "default_port")]
    _default_port: u16,
    /// What a program's `--dialect` is given: the name, or the path of the file it came from.
    #[serde(skip)]
    pub(crate) argument: String,
}

/// What follows an honoured verdict (PROTOCOL.md 2.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct After {
    pub(crate) answer: AfterAnswer,
    /// Whether the server ends the connection.
    pub(crate) close: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AfterAnswer {
    None,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RefusedPayload {
    Empty,
    ClientId,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestCodes {
    register: u16,
    send_public_key: u16,
    send_file: u16,
    cksum_right: u16,
    cksum_wrong: u16,
    give_up: u16,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseCodes {
    registered: u16,
    refused: u16,
    aes_key: u16,
    file_received: u16,
    acknowledged: u16,
}

/// A dialect that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialectError {
    #[error("no dialect is named '{0}' and no such file exists; known are {1}")]
    Unknown(String, String),
    #[error("dialect file '{path}': {reason}")]
    File { path: String, reason: String },
}

const BUILT_IN: [&str; 2] = [
    include_str!("../../vectors/dialects/seed.json"),
    include_str!("../../vectors/dialects/readme.json"),
];

impl Dialect {
    /// The dialects of this repository, in the order in which reports list them.
    pub(crate) fn built_in() -> Vec<Self> {
        BUILT_IN
            .iter()
            .filter_map(|text| Self::parse(text).ok())
            .collect()
    }

    /// The built-in dialect of that name, or the one that the file of that name describes.
    pub(crate) fn find(argument: &str) -> Result<Self, DialectError> {
        if let Some(found) = Self::built_in().into_iter().find(|d| d.name == argument) {
            return Ok(found);
        }
        if !Path::new(argument).is_file() {
            let known: Vec<String> = Self::built_in().into_iter().map(|d| d.name).collect();
            return Err(DialectError::Unknown(argument.into(), known.join(", ")));
        }
        let fault = |reason: String| DialectError::File {
            path: argument.into(),
            reason,
        };
        let path = std::fs::canonicalize(argument).map_err(|e| fault(e.to_string()))?;
        let text = std::fs::read_to_string(&path).map_err(|e| fault(e.to_string()))?;
        let mut dialect = Self::parse(&text).map_err(fault)?;
        dialect.argument = path.to_string_lossy().into_owned();
        Ok(dialect)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut dialect: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if ![2, 4].contains(&dialect.response_size_width) {
            return Err("response_size_width is neither 2 nor 4".into());
        }
        if ![4, 16].contains(&dialect.cksum_width) {
            return Err("cksum_width is neither 4 nor 16".into());
        }
        if ![16, 32].contains(&dialect.aes_key_size) {
            return Err("aes_key_size is neither 16 nor 32".into());
        }
        if dialect.transmissions == 0 {
            return Err("transmissions is 0".into());
        }
        dialect.argument.clone_from(&dialect.name);
        Ok(dialect)
    }

    /// The number by which this dialect calls a message.
    pub(crate) fn code(&self, kind: Kind) -> u16 {
        match kind {
            Kind::Register => self.request_codes.register,
            Kind::SendPublicKey => self.request_codes.send_public_key,
            Kind::SendFile => self.request_codes.send_file,
            Kind::CksumRight => self.request_codes.cksum_right,
            Kind::CksumWrong => self.request_codes.cksum_wrong,
            Kind::GiveUp => self.request_codes.give_up,
            Kind::Registered => self.response_codes.registered,
            Kind::Refused => self.response_codes.refused,
            Kind::AesKey => self.response_codes.aes_key,
            Kind::FileReceived => self.response_codes.file_received,
            Kind::Acknowledged => self.response_codes.acknowledged,
        }
    }

    /// The message that goes by this number in this direction.
    pub(crate) fn kind(&self, direction: Direction, code: u16) -> Option<Kind> {
        direction
            .kinds()
            .iter()
            .copied()
            .find(|kind| self.code(*kind) == code)
    }

    /// What follows this verdict; nothing follows any other request by this rule.
    pub(crate) fn after(&self, verdict: Kind) -> Option<After> {
        match verdict {
            Kind::CksumRight => Some(self.after_right),
            Kind::CksumWrong => Some(self.after_wrong),
            Kind::GiveUp => Some(self.after_give_up),
            _ => None,
        }
    }

    /// A message with its number, as reports name it: `2103 file received`.
    pub(crate) fn title_of(&self, kind: Kind) -> String {
        format!("{} {}", self.code(kind), kind.name())
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_dialect_can_be_read() {
        assert_eq!(Dialect::built_in().len(), BUILT_IN.len());
    }

    #[test]
    fn every_dialect_of_the_vectors_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/dialects");
        let files = std::fs::read_dir(folder).expect("vectors/dialects").count();
        assert_eq!(files, BUILT_IN.len());
    }

    #[test]
    fn refuses_a_name_that_is_neither_known_nor_a_file() {
        let error = Dialect::find("sead").expect_err("unknown");
        assert!(
            error.to_string().contains("known are seed, readme"),
            "{error}"
        );
    }

    #[test]
    fn refuses_a_file_with_a_parameter_that_it_does_not_know() {
        let text = BUILT_IN[0].replacen('{', "{ \"endian\": \"big\",", 1);
        assert!(Dialect::parse(&text).is_err());
    }
}
