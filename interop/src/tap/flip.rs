//! `--flip`: the tap changes one byte of one field, as if its sender had sent it so. The run has to
//! fail then and to name that field; this is how the examiner itself is examined.

use std::str::FromStr;

use crate::dialect::Dialect;
use crate::frame;
use crate::message::{Direction, Field, Kind};
use crate::tap::tracker::{Piece, Tracker};

/// Which byte is flipped: `FIELD`, or `MESSAGE.FIELD` with the message's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flip {
    /// The message's number in the dialect; by default that of the first response in which a wrong
    /// field can be told from a right one.
    code: Option<u16>,
    pub(crate) field: Field,
}

/// The fields that can be flipped, and the message that is taken when none is named.
const FIELDS: [(Field, Kind); 16] = [
    (Field::Version, Kind::AesKey),
    (Field::Code, Kind::AesKey),
    (Field::PayloadSize, Kind::AesKey),
    (Field::ClientId, Kind::AesKey),
    (Field::WrappedKey, Kind::AesKey),
    (Field::ContentSize, Kind::FileReceived),
    (Field::FileName, Kind::FileReceived),
    (Field::Nul, Kind::FileReceived),
    (Field::Padding, Kind::FileReceived),
    (Field::Cksum, Kind::FileReceived),
    (Field::Zeros, Kind::FileReceived),
    (Field::ClientName, Kind::Register),
    (Field::PublicKey, Kind::SendPublicKey),
    (Field::PayloadClientId, Kind::SendFile),
    (Field::Content, Kind::SendFile),
    (Field::TrailingData, Kind::Registered),
];

impl Flip {
    /// What `--flip` takes, for its help.
    pub(crate) fn fields() -> String {
        let names: Vec<_> = FIELDS.iter().map(|(field, _)| field.slug()).collect();
        names.join(", ")
    }

    /// The message in which this dialect's field is flipped.
    pub(crate) fn kind(&self, dialect: &Dialect) -> Option<Kind> {
        match self.code {
            Some(code) => dialect
                .kind(Direction::Request, code)
                .or_else(|| dialect.kind(Direction::Response, code)),
            None => FIELDS
                .iter()
                .find(|(field, _)| *field == self.field)
                .map(|(_, kind)| *kind),
        }
    }

    /// The byte of a head that is flipped, and with what; `None` where the field is not in it.
    fn place(&self, dialect: &Dialect, kind: Kind, head: &[u8]) -> Option<(usize, u8)> {
        let places = frame::places(dialect, kind.direction(), Some(kind), head.len());
        let range = |field: Field| {
            let place = places.iter().find(|place| place.field == field)?;
            Some(place.range.clone())
        };
        let name = || range(Field::FileName).or_else(|| range(Field::ClientName));
        let nul = || {
            let name = name()?;
            let text = frame::name_text(head.get(name.clone())?)?;
            Some(name.start + text.len())
        };
        let at = match self.field {
            Field::Nul => nul()?,
            Field::Padding => (nul()? + 1..name()?.end).last()?,
            // The last byte: an encoding error rather than a change of the structure's lengths.
            Field::PublicKey => range(Field::PublicKey)?.end - 1,
            field => range(field)?.start,
        };
        let byte = *head.get(at)?;
        let mask = match self.field {
            // A smaller size is noticed at once, a greater one only when the rest stays away.
            Field::PayloadSize if byte != 0 => byte & byte.wrapping_neg(),
            // Another kind of message, but none of the protocol.
            Field::Code => 0x40,
            _ => 1,
        };
        Some((at, mask))
    }
}

impl FromStr for Flip {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (code, name) = match text.split_once('.') {
            Some((code, name)) => {
                let code = code
                    .parse()
                    .map_err(|_| format!("'{code}' is not a code"))?;
                (Some(code), name)
            }
            None => (None, text),
        };
        let (field, _) = FIELDS
            .iter()
            .find(|(field, _)| field.slug() == name)
            .ok_or_else(|| format!("'{name}' is none of {}", Self::fields()))?;
        Ok(Self {
            code,
            field: *field,
        })
    }
}

/// Carries out a [`Flip`] in one direction of one connection.
pub(crate) struct Flipper {
    flip: Flip,
    kind: Kind,
    tracker: Tracker,
    current: Option<Kind>,
}

impl Flipper {
    /// `None` where the flip is about the other direction.
    pub(crate) fn new(flip: &Flip, dialect: &Dialect, direction: Direction) -> Option<Self> {
        let kind = flip.kind(dialect)?;
        (kind.direction() == direction).then(|| Self {
            flip: flip.clone(),
            kind,
            tracker: Tracker::new(direction),
            current: None,
        })
    }

    /// The bytes as they go on; `done` is set at the first flip of a cell, which is also its last.
    pub(crate) fn feed(&mut self, dialect: &Dialect, bytes: &[u8], done: &mut bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        for piece in self.tracker.feed(dialect, bytes) {
            let (mut bytes, at) = match piece {
                Piece::Head { kind, bytes } => {
                    self.current = kind;
                    let mut at = None;
                    if kind == Some(self.kind) && self.flip.field != Field::Content {
                        at = self.flip.place(dialect, self.kind, &bytes);
                    }
                    (bytes, at)
                }
                Piece::Content { offset: 0, bytes }
                    if self.current == Some(self.kind) && self.flip.field == Field::Content =>
                {
                    (bytes, Some((0, 1)))
                }
                Piece::Content { bytes, .. } => (bytes, None),
            };
            let ends_message = self.current == Some(self.kind);
            if let Some((at, mask)) = at
                && !*done
                && let Some(byte) = bytes.get_mut(at)
            {
                *byte ^= mask;
                *done = true;
            }
            out.extend(bytes);
            // A byte too many, after a whole response.
            if self.flip.field == Field::TrailingData && ends_message && !*done {
                out.push(0);
                *done = true;
            }
        }
        out
    }

    pub(crate) fn rest(&mut self) -> Vec<u8> {
        self.tracker.rest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flipped(flip: &str, kind: Kind, payload: &[u8]) -> Vec<usize> {
        let dialect = &Dialect::built_in()[0];
        let bytes = match kind.direction() {
            Direction::Request => frame::request(dialect, kind, &[9; 16], payload),
            Direction::Response => frame::response(dialect, kind, payload),
        };
        let flip = flip.parse().expect("a flip");
        let mut flipper = Flipper::new(&flip, dialect, kind.direction()).expect("this direction");
        let mut done = false;
        let out = flipper.feed(dialect, &bytes, &mut done);
        let differs = |(at, (a, b)): (usize, (&u8, &u8))| (a != b).then_some(at);
        bytes
            .iter()
            .zip(&out)
            .enumerate()
            .filter_map(differs)
            .collect()
    }

    #[test]
    fn flips_the_byte_that_is_named_and_no_other() {
        let mut key = vec![1; 16];
        key.extend([2; 128]);
        assert_eq!(flipped("version", Kind::AesKey, &key), [0]);
        assert_eq!(flipped("code", Kind::AesKey, &key), [1]);
        assert_eq!(flipped("size", Kind::AesKey, &key), [3]);
        assert_eq!(flipped("client-id", Kind::AesKey, &key), [7]);
        assert_eq!(flipped("wrapped-key", Kind::AesKey, &key), [23]);
        let mut received = vec![1; 20];
        received.extend(frame::name_field(b"abc"));
        received.extend([4; 4]);
        assert_eq!(flipped("nul", Kind::FileReceived, &received), [30]);
        assert_eq!(flipped("padding", Kind::FileReceived, &received), [281]);
        assert_eq!(flipped("cksum", Kind::FileReceived, &received), [282]);
        let mut file = vec![1; 275];
        file.extend([7; 16]);
        assert_eq!(flipped("content", Kind::SendFile, &file), [298]);
        assert_eq!(flipped("1103.client-id", Kind::SendFile, &file), [0]);
        assert_eq!(
            flipped("1103.payload-client-id", Kind::SendFile, &file),
            [23]
        );
    }

    #[test]
    fn refuses_a_field_that_cannot_be_flipped() {
        assert!(
            "clientid"
                .parse::<Flip>()
                .is_err_and(|e| e.contains("client-id"))
        );
        assert!("x.version".parse::<Flip>().is_err());
    }
}
