//! Dialects as the examiner reads them (PROTOCOL.md 10): its own reader of the same data.

mod modifiers;
mod parameters;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock, OnceLock};

use serde::Deserialize;
use serde_json::Value;

pub(crate) use parameters::{
    After, AfterAnswer, Alignment, ByteOrder, Checksum, ChecksumInput, ConnectionUse, EchoedSize,
    ReceivedField, ReconnectKey, RefusedPayload, SizeCounts,
};
use parameters::{RequestCodes, ResponseCodes};

use crate::message::{Direction, Kind};

/// One consistent set of layout choices. Every choice marked (D) in PROTOCOL.md is a field of this.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dialect {
    /// The name in the file; that of a modified dialect tells its modifiers.
    pub(crate) name: String,
    pub(crate) title: String,
    request_codes: RequestCodes,
    response_codes: ResponseCodes,
    /// Of every integer but the two of the next parameter.
    pub(crate) byte_order: ByteOrder,
    /// Of packet number and total.
    pub(crate) packet_byte_order: ByteOrder,
    pub(crate) alignment: Alignment,
    /// Bytes of a name field.
    pub(crate) name_width: usize,
    /// Bytes of the payload size in a response header: 2 or 4.
    pub(crate) response_size_width: usize,
    pub(crate) size_counts: SizeCounts,
    /// Bytes that a response has at least; 0 for no padding.
    pub(crate) response_padding: usize,
    /// The same for a request other than 1103.
    pub(crate) request_padding: usize,
    /// Whether 1103 to 1106 begin with the client ID.
    pub(crate) client_id_in_payload: bool,
    pub(crate) refused_payload: RefusedPayload,
    pub(crate) file_received_fields: Vec<ReceivedField>,
    pub(crate) echoed_size: EchoedSize,
    pub(crate) checksum: Checksum,
    pub(crate) checksum_input: ChecksumInput,
    /// Bytes of the cksum field in 2103: 4, or 16 of which the last 12 are zero.
    pub(crate) cksum_width: usize,
    /// Bytes of the AES key that a server makes.
    pub(crate) aes_key_size: usize,
    pub(crate) public_key_sizes: Vec<usize>,
    pub(crate) connection: ConnectionUse,
    /// Whether 1103 has packet fields.
    pub(crate) packets: bool,
    /// The most bytes of content that a sender puts in a packet; 0 for the whole content in one.
    pub(crate) packet_size: u32,
    pub(crate) reconnect_key: ReconnectKey,
    /// How often a client sends a file before it gives up.
    pub(crate) transmissions: u32,
    after_right: After,
    after_wrong: After,
    after_give_up: After,
    /// The port when nothing names one; the harness always names one.
    #[serde(rename = "default_port")]
    _default_port: u16,
    /// What it was read from: a name, or the absolute path of a file.
    #[serde(skip)]
    base: String,
    #[serde(skip)]
    built_in: bool,
    #[serde(skip)]
    modifiers: Vec<String>,
    #[serde(skip)]
    json: Value,
    /// Made once, since every finding tries them on the bytes.
    #[serde(skip)]
    neighbours: Arc<OnceLock<Vec<(String, Self)>>>,
}

/// A dialect that cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialectError {
    #[error("no dialect is named '{0}' and no such file exists; known are {1}")]
    Unknown(String, String),
    #[error("dialect file '{path}': {reason}")]
    File { path: String, reason: String },
    #[error("dialect '{dialect}': {reason}")]
    Modified { dialect: String, reason: String },
}

/// Every file of `vectors/dialects`, taken in by the build.
const BUILT_IN: &[&str] = include!(concat!(env!("OUT_DIR"), "/dialects.rs"));

static KNOWN: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
    let mut known: Vec<_> = BUILT_IN
        .iter()
        .filter_map(|text| Dialect::parse(text).ok())
        .collect();
    known.iter_mut().for_each(|dialect| dialect.built_in = true);
    // The older ones, which have no reconnect and close or stay silent, before the later ones.
    known.sort_by_key(|dialect| {
        let full = crate::matrix::full_dialects();
        full.iter()
            .position(|name| *name == dialect.name)
            .unwrap_or(full.len())
    });
    known
});

impl Dialect {
    /// The dialects of this repository, in the order in which reports list them: those that the matrix
    /// runs in full, then the others by name.
    pub(crate) fn built_in() -> &'static [Self] {
        &KNOWN
    }

    /// The dialect that `--dialect` names: `NAME` or `FILE`, perhaps with modifiers.
    pub(crate) fn find(argument: &str) -> Result<Self, DialectError> {
        if let Ok(found) = Self::base(argument) {
            return Ok(found);
        }
        let mut parts = argument.split(',');
        let base = Self::base(parts.next().unwrap_or_default())?;
        let modifiers: Vec<_> = parts.map(str::to_owned).collect();
        base.with(&modifiers)
    }

    fn base(argument: &str) -> Result<Self, DialectError> {
        if let Some(found) = Self::built_in().iter().find(|d| d.name == argument) {
            return Ok(found.clone());
        }
        if !Path::new(argument).is_file() {
            let known: Vec<_> = Self::built_in().iter().map(|d| d.name.as_str()).collect();
            return Err(DialectError::Unknown(argument.into(), known.join(", ")));
        }
        let fault = |reason: String| DialectError::File {
            path: argument.into(),
            reason,
        };
        let path = std::fs::canonicalize(argument).map_err(|e| fault(e.to_string()))?;
        let text = std::fs::read_to_string(&path).map_err(|e| fault(e.to_string()))?;
        let mut dialect = Self::parse(&text).map_err(fault)?;
        dialect.base = path.to_string_lossy().into_owned();
        Ok(dialect)
    }

    /// The same with further modifiers.
    pub(crate) fn with(&self, modifiers: &[impl AsRef<str>]) -> Result<Self, DialectError> {
        let mut all = self.modifiers.clone();
        all.extend(modifiers.iter().map(|text| text.as_ref().to_owned()));
        let fault = |reason: String| DialectError::Modified {
            dialect: format!("{},{}", self.base, all.join(",")),
            reason,
        };
        let mut json = self.json.clone();
        let mut name = self.name.clone();
        for modifier in modifiers {
            let modifier = modifier.as_ref();
            modifiers::apply(&mut json, modifier).map_err(fault)?;
            name.push('-');
            let allowed = |c: char| match c {
                'a'..='z' | '0'..='9' => c,
                _ => '-',
            };
            name.extend(modifier.chars().map(allowed));
        }
        if let Some(members) = json.as_object_mut() {
            members.insert("name".into(), name.into());
        }
        let mut changed = Self::of(json).map_err(fault)?;
        changed.base.clone_from(&self.base);
        changed.built_in = self.built_in;
        changed.modifiers = all;
        Ok(changed)
    }

    /// Every dialect that differs from this one in a single parameter and in what is said, with the modifier that
    /// makes it.
    pub(crate) fn neighbours(&self) -> &[(String, Self)] {
        self.neighbours.get_or_init(|| {
            modifiers::neighbours(&self.json)
                .into_iter()
                .filter_map(|modifier| {
                    let changed = self.with(std::slice::from_ref(&modifier)).ok()?;
                    changed.is_heard_from(self).then_some((modifier, changed))
                })
                .collect()
        })
    }

    /// Whether the parameter in which it differs from `other` is about anything that they say: some are about fields and
    /// messages that not every dialect has.
    fn is_heard_from(&self, other: &Self) -> bool {
        let sizes = [self.size_counts, other.size_counts];
        let echoes = self
            .file_received_fields
            .contains(&ReceivedField::ContentSize);
        // A parameter, and whether it is about anything.
        let parameters = [
            (
                self.packet_byte_order == other.packet_byte_order,
                self.packets,
            ),
            (
                self.size_counts == other.size_counts,
                self.response_padding > 0 || sizes.contains(&SizeCounts::Message),
            ),
            (self.echoed_size == other.echoed_size, echoes),
            (self.reconnect_key == other.reconnect_key, self.reconnects()),
        ];
        parameters.iter().all(|(same, heard)| *same || *heard)
    }

    /// Every modifier and its values, for people.
    pub(crate) fn modifiers() -> impl Iterator<Item = (&'static str, String)> {
        modifiers::list()
    }

    /// Whether it has the same parameters, whatever it is called.
    pub(crate) fn says_the_same_as(&self, other: &Self) -> bool {
        let parameters = |dialect: &Self| {
            let mut members = dialect.json.as_object().cloned().unwrap_or_default();
            for name in ["name", "title"] {
                members.remove(name);
            }
            members
        };
        parameters(self) == parameters(other)
    }

    /// What is given to a program that knows names, files and modifiers.
    pub(crate) fn expression(&self) -> String {
        let mut parts = vec![self.base.clone()];
        parts.extend(self.modifiers.iter().cloned());
        parts.join(",")
    }

    /// What is given to a program that knows names and files alone; `None` where a file has to be
    /// written for it.
    pub(crate) fn argument(&self) -> Option<&str> {
        self.modifiers.is_empty().then_some(self.base.as_str())
    }

    /// A complete file that describes it.
    pub(crate) fn to_file(&self) -> String {
        format!("{:#}\n", self.json)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let json = serde_json::from_str(text).map_err(|e| e.to_string())?;
        Self::of(json)
    }

    fn of(json: Value) -> Result<Self, String> {
        let mut dialect: Self = Self::deserialize(&json).map_err(|e| e.to_string())?;
        dialect.json = json;
        dialect.base.clone_from(&dialect.name);
        match dialect.fault() {
            Some(fault) => Err(fault),
            None => Ok(dialect),
        }
    }

    /// A value that a parameter cannot have, or a combination that cannot be.
    fn fault(&self) -> Option<String> {
        let slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.name.is_empty() || self.name.starts_with('-') || !self.name.chars().all(slug) {
            return Some("name is not of a-z, 0-9 and -".into());
        }
        let number = |name: &str, value: usize, values: &[usize]| {
            (!values.contains(&value)).then(|| format!("{name} is none of {values:?}"))
        };
        let fault = number("name_width", self.name_width, &[255, 256])
            .or_else(|| number("response_size_width", self.response_size_width, &[2, 4]))
            .or_else(|| number("response_padding", self.response_padding, &[0, 1024, 2048]))
            .or_else(|| number("request_padding", self.request_padding, &[0, 1024]))
            .or_else(|| number("cksum_width", self.cksum_width, &[4, 16]))
            .or_else(|| number("aes_key_size", self.aes_key_size, &[16, 32]));
        if fault.is_some() {
            return fault;
        }
        if ![&[160][..], &[160, 162]].contains(&&self.public_key_sizes[..]) {
            return Some("public_key_sizes is neither [160] nor [160, 162]".into());
        }
        use ReceivedField::{Cksum, ClientId, ContentSize, FileName};
        let layouts = [
            &[ClientId, ContentSize, FileName, Cksum][..],
            &[ClientId, FileName, Cksum],
            &[ContentSize, FileName, Cksum],
        ];
        if !layouts.contains(&&self.file_received_fields[..]) {
            return Some("file_received_fields is no known layout".into());
        }
        if !(1..=255).contains(&self.transmissions) {
            return Some("transmissions is not within 1 to 255".into());
        }
        if !self.packet_size.is_multiple_of(16) {
            return Some("packet_size is no multiple of 16".into());
        }
        if self.packet_size > 0 && !self.packets {
            return Some("packet_size goes with packets alone".into());
        }
        let reconnects = [
            self.code(Kind::Reconnect),
            self.code(Kind::Reconnected),
            self.code(Kind::ReconnectRefused),
        ];
        if reconnects.iter().any(Option::is_some) && reconnects.contains(&None) {
            return Some("reconnect, reconnected and reconnect_refused go together".into());
        }
        let afters = [self.after_right, self.after_wrong, self.after_give_up];
        let error = |after: &After| after.answer == AfterAnswer::GeneralError;
        if afters.iter().any(error) && self.code(Kind::GeneralError).is_none() {
            return Some("a verdict is answered by a general error that has no code".into());
        }
        for direction in [Direction::Request, Direction::Response] {
            let kinds = direction.kinds();
            let mut codes: Vec<_> = kinds.iter().filter_map(|kind| self.code(*kind)).collect();
            codes.sort_unstable();
            let twice = codes.windows(2).find(|pair| pair.first() == pair.last());
            if let Some([code, ..]) = twice {
                return Some(format!("two {}s have the code {code}", direction.name()));
            }
            if codes.first() == Some(&0) {
                return Some("a code is 0".into());
            }
        }
        None
    }

    /// The number by which this dialect calls a message, if it has it.
    pub(crate) fn code(&self, kind: Kind) -> Option<u16> {
        let (request, response) = (&self.request_codes, &self.response_codes);
        match kind {
            Kind::Register => Some(request.register),
            Kind::SendPublicKey => Some(request.send_public_key),
            Kind::Reconnect => request.reconnect,
            Kind::SendFile => Some(request.send_file),
            Kind::CksumRight => Some(request.cksum_right),
            Kind::CksumWrong => Some(request.cksum_wrong),
            Kind::GiveUp => Some(request.give_up),
            Kind::Registered => Some(response.registered),
            Kind::Refused => Some(response.refused),
            Kind::AesKey => Some(response.aes_key),
            Kind::FileReceived => Some(response.file_received),
            Kind::Acknowledged => Some(response.acknowledged),
            Kind::Reconnected => response.reconnected,
            Kind::ReconnectRefused => response.reconnect_refused,
            Kind::GeneralError => response.general_error,
        }
    }

    /// The message that goes by this number in this direction.
    pub(crate) fn kind(&self, direction: Direction, code: u16) -> Option<Kind> {
        direction
            .kinds()
            .iter()
            .copied()
            .find(|kind| self.code(*kind) == Some(code))
    }

    /// Whether a client that has an identity begins with a reconnect (10.4).
    pub(crate) fn reconnects(&self) -> bool {
        self.code(Kind::Reconnect).is_some()
    }

    /// How this dialect says no to a request (10.6).
    pub(crate) fn negative(&self, request: Option<Kind>) -> Kind {
        match self.code(Kind::GeneralError) {
            Some(_) if request != Some(Kind::Register) => Kind::GeneralError,
            _ => Kind::Refused,
        }
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

    /// Whether the acknowledgements of this dialect have the client ID.
    pub(crate) fn acknowledges_with_id(&self) -> bool {
        [self.after_right, self.after_wrong, self.after_give_up]
            .iter()
            .any(|after| after.answer == AfterAnswer::AcknowledgedWithId)
    }

    /// A message with its number, as reports name it: `2103 file received`.
    pub(crate) fn title_of(&self, kind: Kind) -> String {
        match self.code(kind) {
            Some(code) => format!("{code} {}", kind.name()),
            None => kind.name().into(),
        }
    }

    /// An integer of `width` bytes, 2 or 4, as this dialect writes it.
    pub(crate) fn bytes_of(&self, number: u32, width: usize) -> Vec<u8> {
        self.byte_order.bytes_of(number, width)
    }
}

impl ByteOrder {
    /// An integer of at most 4 bytes.
    pub(crate) fn number(self, bytes: &[u8]) -> u32 {
        let add = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
        let bytes = bytes.get(..4).unwrap_or(bytes);
        match self {
            Self::Little => bytes.iter().rev().fold(0, add),
            Self::Big => bytes.iter().fold(0, add),
        }
    }

    /// The low `width` bytes of a number, at most 4.
    pub(crate) fn bytes_of(self, number: u32, width: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = number.to_le_bytes().into_iter().take(width).collect();
        if self == Self::Big {
            bytes.reverse();
        }
        bytes
    }
}

impl fmt::Display for Dialect {
    /// The name, with the modifiers behind it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unmodified = match self.built_in {
            true => &self.base,
            // The path of a file is no name for a table.
            false => return f.write_str(&self.name),
        };
        f.write_str(unmodified)?;
        self.modifiers
            .iter()
            .try_for_each(|modifier| write!(f, ",{modifier}"))
    }
}

#[cfg(test)]
mod tests;
