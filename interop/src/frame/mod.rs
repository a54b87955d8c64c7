//! Frames as raw bytes (PROTOCOL.md 1, 2 and 10): where each field of a message lies, and nothing about
//! what may stand in it. That is the judge's business.

mod layout;
mod write;

use std::ops::Range;

pub(crate) use layout::{extent, fixed_payload_size, header_size, size_field, stated_payload};
pub(crate) use write::{Values, name_field, payload, request, response, set_request_size};

use crate::dialect::{ByteOrder, Dialect};
use crate::message::{Direction, Field, Kind};

/// Size of a client ID in bytes.
pub(crate) const ID_SIZE: usize = 16;
/// Size of a wrapped AES key in bytes (4.2).
pub(crate) const WRAPPED_KEY_SIZE: usize = 128;
/// The version that both sides send (1.7).
pub(crate) const VERSION: u8 = 3;

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
    /// What stands in the size field; what it counts is the dialect's.
    pub(crate) size: u32,
}

/// One message cut out of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Frame<'a> {
    /// `None` where the dialect knows no message of this code.
    pub(crate) kind: Option<Kind>,
    pub(crate) header: Header,
    /// Header, payload, and the padding behind it.
    pub(crate) bytes: &'a [u8],
    /// Offset of the first byte in the stream.
    pub(crate) start: usize,
    places: Vec<Place>,
    byte_order: ByteOrder,
    packet_byte_order: ByteOrder,
}

impl<'a> Frame<'a> {
    /// The message of this header at this offset of its stream; its content may be missing from the bytes.
    pub(crate) fn cut(
        dialect: &Dialect,
        direction: Direction,
        header: Header,
        bytes: &'a [u8],
        start: usize,
    ) -> Self {
        Self {
            kind: dialect.kind(direction, header.code),
            header,
            bytes,
            start,
            places: places(dialect, direction, &header),
            byte_order: dialect.byte_order,
            packet_byte_order: dialect.packet_byte_order,
        }
    }

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

    /// A field as number; 0 where it is not there.
    pub(crate) fn number(&self, field: Field) -> u32 {
        let order = match field {
            Field::PacketNumber | Field::TotalPackets => self.packet_byte_order,
            _ => self.byte_order,
        };
        order.number(self.get(field))
    }

    pub(crate) fn id(&self, field: Field) -> Option<Id> {
        self.get(field).try_into().ok()
    }

    /// What follows the fixed fields: the content of a 1103.
    pub(crate) fn content(&self) -> &'a [u8] {
        self.get(Field::Content)
    }

    /// Whether it is a packet of a file that another packet began (10.7).
    pub(crate) fn is_further_packet(&self) -> bool {
        self.place(Field::PacketNumber).is_some() && self.number(Field::PacketNumber) > 1
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
        let extent = extent(dialect, direction, &header);
        let Some(bytes) = rest.get(..extent.total) else {
            return (frames, rest);
        };
        frames.push(Frame::cut(dialect, direction, header, bytes, start));
        start += extent.total;
    }
}

/// The message that begins with these bytes, with no more of it than they are.
pub(crate) fn head_of<'a>(
    dialect: &Dialect,
    direction: Direction,
    bytes: &'a [u8],
) -> Option<Frame<'a>> {
    let header = header(dialect, direction, bytes)?;
    Some(Frame::cut(dialect, direction, header, bytes, 0))
}

/// Reads the header at the start of `bytes`, if all of it is there.
pub(crate) fn header(dialect: &Dialect, direction: Direction, bytes: &[u8]) -> Option<Header> {
    let mut rest = bytes.get(..header_size(dialect, direction))?;
    let mut found = Header {
        client_id: None,
        version: 0,
        code: 0,
        size: 0,
    };
    for (field, width) in layout::header_fields(dialect, direction) {
        let (value, behind) = rest.split_at_checked(width)?;
        match field {
            Field::ClientId => found.client_id = value.try_into().ok(),
            Field::Version => found.version = value.first().copied()?,
            Field::Code => found.code = u16::try_from(dialect.byte_order.number(value)).ok()?,
            Field::PayloadSize => found.size = dialect.byte_order.number(value),
            _ => {}
        }
        rest = behind;
    }
    Some(found)
}

/// How long header and fixed fields of a message are, with the padding behind a message that has no
/// content.
pub(crate) fn head_size(dialect: &Dialect, direction: Direction, header: &Header) -> usize {
    /// The longest response is padded to 2048 bytes; what is longer is no message of the protocol.
    const LONGEST: usize = 4096;
    let size = header_size(dialect, direction);
    let extent = extent(dialect, direction, header);
    match dialect.kind(direction, header.code) {
        Some(Kind::SendFile) => {
            let fixed = fixed_payload_size(dialect, Kind::SendFile);
            size + fixed.min(extent.payload)
        }
        Some(_) if extent.total <= LONGEST => extent.total,
        _ => size,
    }
}

/// Where the fields of the message of this header lie. A field that the message is too short for has
/// a place all the same; it ends behind the message.
pub(crate) fn places(dialect: &Dialect, direction: Direction, header: &Header) -> Vec<Place> {
    let kind = dialect.kind(direction, header.code);
    let extent = extent(dialect, direction, header);
    let mut fields = layout::header_fields(dialect, direction);
    if let Some(kind) = kind {
        fields.extend(layout::payload_fields(dialect, kind, Some(extent.payload)));
    }
    let mut start = 0;
    let mut places = Vec::with_capacity(fields.len() + 2);
    for (field, width) in fields {
        places.push(Place {
            field,
            range: start..start + width,
        });
        start += width;
    }
    let payload_end = header_size(dialect, direction).saturating_add(extent.payload);
    let behind = match kind {
        Some(Kind::SendFile) => Field::Content,
        _ => Field::TrailingData,
    };
    for (field, end) in [(behind, payload_end), (Field::MessagePadding, extent.total)] {
        if end > start {
            places.push(Place {
                field,
                range: start..end,
            });
            start = end;
        }
    }
    places
}

/// The text of a name field: what stands before the first NUL, or `None` where there is no NUL.
pub(crate) fn name_text(field: &[u8]) -> Option<&[u8]> {
    let end = field.iter().position(|byte| *byte == 0)?;
    field.get(..end)
}

#[cfg(test)]
mod tests;
