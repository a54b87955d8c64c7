//! `--flip`: the tap changes one byte of one field, as if its sender had sent it so. The run has to
//! fail then and to name that field; this is how the examiner itself is examined.

use std::str::FromStr;

use crate::dialect::{ByteOrder, Dialect};
use crate::frame;
use crate::message::{Direction, Field, Kind};
use crate::tap::tracker::{Piece, Tracker};

/// Which byte is flipped: `FIELD`, or `MESSAGE.FIELD` with the message's number or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flip {
    /// By default the first response in which a wrong field can be told from a right one.
    message: Option<Message>,
    pub(crate) field: Field,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    /// A number in the dialect.
    Code(u16),
    Kind(Kind),
}

/// The fields that can be flipped, and the message that is taken when none is named.
const FIELDS: [(Field, Kind); 21] = [
    (Field::Version, Kind::AesKey),
    (Field::Alignment, Kind::AesKey),
    (Field::Code, Kind::AesKey),
    (Field::PayloadSize, Kind::AesKey),
    (Field::ClientId, Kind::AesKey),
    (Field::WrappedKey, Kind::AesKey),
    (Field::MessagePadding, Kind::AesKey),
    (Field::ContentSize, Kind::FileReceived),
    (Field::FileName, Kind::FileReceived),
    (Field::Nul, Kind::FileReceived),
    (Field::Padding, Kind::FileReceived),
    (Field::Cksum, Kind::FileReceived),
    (Field::Zeros, Kind::FileReceived),
    (Field::ClientName, Kind::Register),
    (Field::PublicKey, Kind::SendPublicKey),
    (Field::PayloadClientId, Kind::SendFile),
    (Field::OriginalSize, Kind::SendFile),
    (Field::PacketNumber, Kind::SendFile),
    (Field::TotalPackets, Kind::SendFile),
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
        match self.message {
            Some(Message::Kind(kind)) => Some(kind),
            Some(Message::Code(code)) => dialect
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
        let header = frame::header(dialect, kind.direction(), head)?;
        let places = frame::places(dialect, kind.direction(), &header);
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
            Field::MessagePadding => range(Field::MessagePadding)?.end - 1,
            // The byte that counts least.
            field if field.is_number() && self.order(dialect) == ByteOrder::Big => {
                range(field)?.end - 1
            }
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

    fn order(&self, dialect: &Dialect) -> ByteOrder {
        match self.field {
            Field::PacketNumber | Field::TotalPackets => dialect.packet_byte_order,
            _ => dialect.byte_order,
        }
    }
}

impl FromStr for Flip {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (message, name) = match text.split_once('.') {
            Some((message, name)) => (Some(message.parse()?), name),
            None => (None, text),
        };
        let (field, _) = FIELDS
            .iter()
            .find(|(field, _)| field.slug() == name)
            .ok_or_else(|| format!("'{name}' is none of {}", Self::fields()))?;
        Ok(Self {
            message,
            field: *field,
        })
    }
}

impl FromStr for Message {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(code) = text.parse() {
            return Ok(Self::Code(code));
        }
        let directions = [Direction::Request, Direction::Response];
        let all = || directions.iter().flat_map(|direction| direction.kinds());
        match all().find(|kind| kind.slug() == text) {
            Some(kind) => Ok(Self::Kind(*kind)),
            None => {
                let names: Vec<_> = all().map(|kind| kind.slug()).collect();
                let names = names.join(", ");
                Err(format!("'{text}' is neither a code nor one of {names}"))
            }
        }
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
        flipped_in("seed", flip, kind, payload)
    }

    fn flipped_in(dialect: &str, flip: &str, kind: Kind, payload: &[u8]) -> Vec<usize> {
        let dialect = &Dialect::find(dialect).expect("a dialect");
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
        let mut name = b"abc".to_vec();
        name.resize(255, 0);
        received.extend(name);
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
    fn flips_the_byte_that_counts_least_wherever_the_dialect_has_it() {
        let key = [1; 144];
        let natural = "seed,align=natural,pad=1024,order=big";
        let of = |flip| flipped_in(natural, flip, Kind::AesKey, &key);
        assert_eq!(of("alignment"), [1]);
        assert_eq!(of("code"), [3]);
        assert_eq!(of("size"), [7]);
        assert_eq!(of("message-padding"), [1023]);
        let mut file = vec![1; 267];
        file.extend([7; 16]);
        let of = |dialect, flip| flipped_in(dialect, flip, Kind::SendFile, &file);
        assert_eq!(of("2024a", "original-size"), [27]);
        assert_eq!(of("2024a", "packet-number"), [31]);
        assert_eq!(of("2024a,packet-order=big", "total-packets"), [34]);
        assert_eq!(of("2024a", "send-file.file-name"), [35]);
        assert_eq!(of("2024a", "1028.client-id"), [0]);
    }

    #[test]
    fn a_flipped_code_is_none_of_any_dialect() {
        for dialect in Dialect::built_in() {
            for direction in [Direction::Request, Direction::Response] {
                for kind in direction.kinds() {
                    let code = dialect.code(*kind).unwrap_or_default() ^ 0x40;
                    for other in Dialect::built_in() {
                        assert_eq!(other.kind(direction, code), None, "{dialect} {kind:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn refuses_a_field_that_cannot_be_flipped() {
        assert!(
            "clientid"
                .parse::<Flip>()
                .is_err_and(|e| e.contains("client-id"))
        );
        assert!(
            "x.version"
                .parse::<Flip>()
                .is_err_and(|e| e.contains("send-public-key"))
        );
    }
}
