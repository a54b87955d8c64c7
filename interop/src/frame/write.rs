//! Writing messages, for the scripted peers and for what a scenario puts in another's place.

use crate::dialect::Dialect;
use crate::frame::{Id, VERSION, extent, header, header_size, layout, size_field};
use crate::message::{Direction, Field, Kind};

/// The fields of a payload that a writer sets; those that are left out are zeros.
#[derive(Debug, Default, Clone)]
pub(crate) struct Values(Vec<(Field, Vec<u8>)>);

impl Values {
    /// Bytes for a field; what is too short is filled with zeros, as a name field is.
    pub(crate) fn bytes(mut self, field: Field, bytes: &[u8]) -> Self {
        self.0.push((field, bytes.to_vec()));
        self
    }

    /// An integer of 4 bytes, of 2 for packet number and total.
    pub(crate) fn number(self, dialect: &Dialect, field: Field, number: u32) -> Self {
        let bytes = match field {
            Field::PacketNumber | Field::TotalPackets => {
                dialect.packet_byte_order.bytes_of(number, 2)
            }
            _ => dialect.bytes_of(number, 4),
        };
        self.bytes(field, &bytes)
    }

    fn get(&self, field: Field) -> &[u8] {
        let found = self.0.iter().find(|(known, _)| *known == field);
        found.map(|(_, bytes)| &bytes[..]).unwrap_or_default()
    }
}

/// Writes a payload: the fields that this dialect has, in its order, and the content behind them.
pub(crate) fn payload(dialect: &Dialect, kind: Kind, values: &Values) -> Vec<u8> {
    let stated = match kind {
        Kind::SendPublicKey => Some(dialect.name_width + values.get(Field::PublicKey).len()),
        Kind::Acknowledged => Some(values.get(Field::ClientId).len()),
        _ => None,
    };
    let mut payload = Vec::new();
    for (field, width) in layout::payload_fields(dialect, kind, stated) {
        let end = payload.len() + width;
        payload.extend(values.get(field));
        payload.resize(end, 0);
    }
    payload.extend(values.get(Field::Content));
    payload
}

/// Writes a request.
pub(crate) fn request(dialect: &Dialect, kind: Kind, id: &Id, payload: &[u8]) -> Vec<u8> {
    message(dialect, kind, id, payload)
}

/// Puts another payload size into the header of the last request in these bytes, of which no content is there yet.
pub(crate) fn set_request_size(dialect: &Dialect, bytes: &mut [u8], size: u32) {
    let mut offset = 0;
    let mut place = None;
    for (field, width) in layout::header_fields(dialect, Direction::Request) {
        if field == Field::PayloadSize {
            place = Some(offset..offset + width);
        }
        offset += width;
    }
    let fixed = layout::fixed_payload_size(dialect, Kind::SendFile);
    let start = bytes.len().checked_sub(offset + fixed);
    if let (Some(start), Some(place)) = (start, place)
        && let Some(field) = bytes.get_mut(start + place.start..start + place.end)
    {
        field.copy_from_slice(&dialect.bytes_of(size, field.len()));
    }
}

/// Writes a response.
pub(crate) fn response(dialect: &Dialect, kind: Kind, payload: &[u8]) -> Vec<u8> {
    message(dialect, kind, &[0; 16], payload)
}

fn message(dialect: &Dialect, kind: Kind, id: &Id, payload: &[u8]) -> Vec<u8> {
    let direction = kind.direction();
    let mut bytes = Vec::with_capacity(header_size(dialect, direction) + payload.len());
    for (field, width) in layout::header_fields(dialect, direction) {
        match field {
            Field::ClientId => bytes.extend(id),
            Field::Version => bytes.push(VERSION),
            Field::Code => {
                let code = dialect.code(kind).unwrap_or_default();
                bytes.extend(dialect.bytes_of(code.into(), width));
            }
            Field::PayloadSize => {
                let size = size_field(dialect, kind, payload.len());
                let size = u32::try_from(size).unwrap_or(u32::MAX);
                bytes.extend(dialect.bytes_of(size, width));
            }
            _ => bytes.resize(bytes.len() + width, 0),
        }
    }
    let total = match header(dialect, direction, &bytes) {
        Some(header) if direction == Direction::Response || kind != Kind::SendFile => {
            extent(dialect, direction, &header).total
        }
        _ => 0,
    };
    bytes.extend(payload);
    if bytes.len() < total {
        bytes.resize(total, 0);
    }
    bytes
}

/// A name field with this text, padded with zeros; text beyond its width is cut off.
pub(crate) fn name_field(dialect: &Dialect, text: &[u8]) -> Vec<u8> {
    let mut field = text.to_vec();
    field.resize(dialect.name_width, 0);
    field
}
