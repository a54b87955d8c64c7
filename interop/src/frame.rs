//! Frames as raw bytes (PROTOCOL.md 1 and 2): where each field of a message lies, and nothing about
//! what may stand in it. That is the judge's business.

use std::ops::Range;

use crate::dialect::{Dialect, RefusedPayload};
use crate::message::{Direction, Field, Kind};

/// Size of a client ID in bytes.
pub(crate) const ID_SIZE: usize = 16;
/// Size of a name field in bytes (1.8).
pub(crate) const NAME_SIZE: usize = 255;
/// Size of a public key in bytes (4.1).
pub(crate) const PUBLIC_KEY_SIZE: usize = 160;
/// Size of a wrapped AES key in bytes (4.2).
pub(crate) const WRAPPED_KEY_SIZE: usize = 128;
/// The version that both sides send (1.7).
pub(crate) const VERSION: u8 = 3;
/// Size of a request header in bytes (1.5).
pub(crate) const REQUEST_HEADER_SIZE: usize = 23;

pub(crate) type Id = [u8; ID_SIZE];

/// The place of one field in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) field: Field,
    /// Offsets from the first byte of the frame.
    pub(crate) range: Range<usize>,
}

/// A header as it stands in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// Only requests have one.
    pub(crate) client_id: Option<Id>,
    pub(crate) version: u8,
    pub(crate) code: u16,
    pub(crate) payload_size: u32,
}

/// One message cut out of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Frame<'a> {
    /// `None` where the dialect knows no message of this code.
    pub(crate) kind: Option<Kind>,
    pub(crate) header: Header,
    /// Header and payload.
    pub(crate) bytes: &'a [u8],
    /// Offset of the first byte in the stream.
    pub(crate) start: usize,
    places: Vec<Place>,
}

impl<'a> Frame<'a> {
    /// The bytes of a field, as far as they are there.
    pub(crate) fn get(&self, field: Field) -> &'a [u8] {
        let Some(place) = self.place(field) else {
            return &[];
        };
        let end = place.range.end.min(self.bytes.len());
        self.bytes.get(place.range.start..end).unwrap_or_default()
    }

    pub(crate) fn place(&self, field: Field) -> Option<&Place> {
        self.places.iter().find(|place| place.field == field)
    }

    /// A 4-byte field as number; 0 where it is not there.
    pub(crate) fn number(&self, field: Field) -> u32 {
        number(self.get(field))
    }

    pub(crate) fn id(&self, field: Field) -> Option<Id> {
        self.get(field).try_into().ok()
    }

    /// What follows the fixed fields: the content of a 1103.
    pub(crate) fn content(&self) -> &'a [u8] {
        self.get(Field::Content)
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(crate) fn end(&self) -> usize {
        self.start + self.bytes.len()
    }

    /// Offset in the stream where header and fixed fields end.
    pub(crate) fn fixed_end(&self) -> usize {
        let fixed = self
            .place(Field::Content)
            .map_or(self.bytes.len(), |p| p.range.start);
        self.start + fixed.min(self.bytes.len())
    }
}

/// Cuts a stream into frames; the second value is what is left over at its end.
pub(crate) fn split<'a>(
    dialect: &Dialect,
    direction: Direction,
    stream: &'a [u8],
) -> (Vec<Frame<'a>>, &'a [u8]) {
    let mut frames = Vec::new();
    let mut start = 0;
    loop {
        let rest = stream.get(start..).unwrap_or_default();
        let Some(header) = header(dialect, direction, rest) else {
            return (frames, rest);
        };
        let size = header_size(dialect, direction).saturating_add(header.payload_size as usize);
        let Some(bytes) = rest.get(..size) else {
            return (frames, rest);
        };
        let kind = dialect.kind(direction, header.code);
        frames.push(Frame {
            kind,
            header,
            bytes,
            start,
            places: places(dialect, direction, kind, size),
        });
        start += size;
    }
}

/// Reads the header at the start of `bytes`, if all of it is there.
pub(crate) fn header(dialect: &Dialect, direction: Direction, bytes: &[u8]) -> Option<Header> {
    let whole = bytes.get(..header_size(dialect, direction))?;
    let (client_id, rest) = match direction {
        Direction::Request => {
            let (id, rest) = whole.split_first_chunk::<ID_SIZE>()?;
            (Some(*id), rest)
        }
        Direction::Response => (None, whole),
    };
    let (version, rest) = rest.split_first()?;
    let (code, size) = rest.split_first_chunk::<2>()?;
    Some(Header {
        client_id,
        version: *version,
        code: u16::from_le_bytes(*code),
        payload_size: number(size),
    })
}

/// Size of a header in bytes.
pub(crate) fn header_size(dialect: &Dialect, direction: Direction) -> usize {
    match direction {
        Direction::Request => REQUEST_HEADER_SIZE,
        Direction::Response => 3 + dialect.response_size_width,
    }
}

/// Size of the payload of a message without the content that may follow.
pub(crate) fn fixed_payload_size(dialect: &Dialect, kind: Kind) -> usize {
    payload_fields(dialect, kind)
        .iter()
        .map(|(_, size)| size)
        .sum()
}

/// Where the fields of a message of `size` bytes lie. A field that the frame is too short for has a
/// place all the same; it ends behind the frame.
pub(crate) fn places(
    dialect: &Dialect,
    direction: Direction,
    kind: Option<Kind>,
    size: usize,
) -> Vec<Place> {
    let mut fields = match direction {
        Direction::Request => vec![(Field::ClientId, ID_SIZE)],
        Direction::Response => Vec::new(),
    };
    let size_width =
        header_size(dialect, direction) - fields.iter().map(|f| f.1).sum::<usize>() - 3;
    fields.extend([
        (Field::Version, 1),
        (Field::Code, 2),
        (Field::PayloadSize, size_width),
    ]);
    if let Some(kind) = kind {
        fields.extend(payload_fields(dialect, kind));
    }
    let mut start = 0;
    let mut places = Vec::with_capacity(fields.len() + 1);
    for (field, width) in fields {
        places.push(Place {
            field,
            range: start..start + width,
        });
        start += width;
    }
    if size > start {
        let field = match kind {
            Some(Kind::SendFile) => Field::Content,
            _ => Field::TrailingData,
        };
        places.push(Place {
            field,
            range: start..size,
        });
    }
    places
}

fn payload_fields(dialect: &Dialect, kind: Kind) -> Vec<(Field, usize)> {
    let id = (Field::ClientId, ID_SIZE);
    let repeated = dialect
        .client_id_in_payload
        .then_some((Field::PayloadClientId, ID_SIZE));
    let name = (Field::FileName, NAME_SIZE);
    let mut fields = Vec::new();
    match kind {
        Kind::Register => fields.push((Field::ClientName, NAME_SIZE)),
        Kind::SendPublicKey => fields.extend([
            (Field::ClientName, NAME_SIZE),
            (Field::PublicKey, PUBLIC_KEY_SIZE),
        ]),
        Kind::SendFile => {
            fields.extend(repeated);
            fields.extend([(Field::ContentSize, 4), name]);
        }
        Kind::CksumRight | Kind::CksumWrong | Kind::GiveUp => {
            fields.extend(repeated);
            fields.push(name);
        }
        Kind::Registered => fields.push(id),
        Kind::Refused => {
            fields.extend((dialect.refused_payload == RefusedPayload::ClientId).then_some(id));
        }
        Kind::AesKey => {
            fields.extend([id, (Field::WrappedKey, WRAPPED_KEY_SIZE)]);
        }
        Kind::FileReceived => {
            fields.extend([id, (Field::ContentSize, 4), name, (Field::Cksum, 4)]);
            if dialect.cksum_width > 4 {
                fields.push((Field::Zeros, dialect.cksum_width - 4));
            }
        }
        // No dialect read here sends one; a client accepts 0 or 16 bytes (2.12).
        Kind::Acknowledged => {}
    }
    fields
}

/// Writes a request.
pub(crate) fn request(dialect: &Dialect, kind: Kind, id: &Id, payload: &[u8]) -> Vec<u8> {
    let mut bytes = id.to_vec();
    bytes.push(VERSION);
    bytes.extend(dialect.code(kind).to_le_bytes());
    bytes.extend(
        u32::try_from(payload.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    bytes.extend(payload);
    bytes
}

/// Writes a response.
pub(crate) fn response(dialect: &Dialect, kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend(dialect.code(kind).to_le_bytes());
    let size = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    bytes.extend(size.iter().take(dialect.response_size_width));
    bytes.extend(payload);
    bytes
}

/// Writes a 2103 (2.8).
pub(crate) fn file_received(
    dialect: &Dialect,
    id: &Id,
    content_size: u32,
    name: &[u8],
    cksum: u32,
) -> Vec<u8> {
    let mut payload = id.to_vec();
    payload.extend(content_size.to_le_bytes());
    payload.extend(name_field(name));
    payload.extend(cksum.to_le_bytes());
    payload.resize(fixed_payload_size(dialect, Kind::FileReceived), 0);
    response(dialect, Kind::FileReceived, &payload)
}

/// A name field with this text, padded with zeros; text beyond 255 bytes is cut off.
pub(crate) fn name_field(text: &[u8]) -> Vec<u8> {
    let mut field = text.to_vec();
    field.resize(NAME_SIZE, 0);
    field
}

/// The text of a name field: what stands before the first NUL, or `None` where there is no NUL.
pub(crate) fn name_text(field: &[u8]) -> Option<&[u8]> {
    let end = field.iter().position(|byte| *byte == 0)?;
    field.get(..end)
}

/// A little-endian integer of at most 4 bytes.
pub(crate) fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .take(4)
        .rev()
        .fold(0, |value, byte| value << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialects() -> Vec<Dialect> {
        Dialect::built_in()
    }

    #[test]
    fn payload_sizes_are_those_of_the_table() {
        for dialect in dialects() {
            let sizes = Direction::Request
                .kinds()
                .iter()
                .map(|kind| fixed_payload_size(&dialect, *kind))
                .collect::<Vec<_>>();
            assert_eq!(sizes, [255, 415, 275, 271, 271, 271]);
        }
    }

    #[test]
    fn cuts_a_stream_and_says_what_is_left() {
        for dialect in dialects() {
            let mut stream = response(&dialect, Kind::Registered, &[7; 16]);
            stream.extend(response(&dialect, Kind::Refused, &[]));
            stream.extend([3, 0x36]);
            let (frames, rest) = split(&dialect, Direction::Response, &stream);
            assert_eq!(frames.len(), 2);
            assert_eq!(frames[0].get(Field::ClientId), [7; 16]);
            assert_eq!(frames[1].kind, Some(Kind::Refused));
            assert_eq!(rest, [3, 0x36]);
        }
    }

    #[test]
    fn a_claimed_size_sets_no_memory_aside() {
        let dialect = &dialects()[0];
        let mut stream = request(dialect, Kind::SendFile, &[0; 16], &[]);
        stream[19..23].fill(0xff);
        let (frames, rest) = split(dialect, Direction::Request, &stream);
        assert!(frames.is_empty());
        assert_eq!(rest.len(), 23);
    }

    #[test]
    fn places_cover_every_byte_once() {
        for dialect in dialects() {
            for direction in [Direction::Request, Direction::Response] {
                for kind in direction.kinds() {
                    let size =
                        header_size(&dialect, direction) + fixed_payload_size(&dialect, *kind);
                    let mut at = 0;
                    for place in places(&dialect, direction, Some(*kind), size) {
                        assert_eq!(place.range.start, at, "{kind:?}");
                        at = place.range.end;
                    }
                    assert_eq!(at, size, "{kind:?}");
                }
            }
        }
    }
}
