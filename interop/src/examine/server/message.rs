//! Requests as a case writes them: right at first, and then with any field changed.

use crate::dialect::Dialect;
use crate::frame::{self, Id, Values};
use crate::message::{Direction, Field, Kind};

/// A request. It is right until something in it is set.
#[derive(Clone)]
pub(crate) struct Message {
    bytes: Vec<u8>,
    places: Vec<frame::Place>,
}

impl Message {
    pub(super) fn new(dialect: &Dialect, kind: Kind, id: &Id, values: &Values) -> Self {
        let payload = frame::payload(dialect, kind, values);
        let bytes = frame::request(dialect, kind, id, &payload);
        let header = frame::header(dialect, Direction::Request, &bytes);
        let places = header.map(|header| frame::places(dialect, Direction::Request, &header));
        Self {
            bytes,
            places: places.unwrap_or_default(),
        }
    }

    /// Overwrites a field from its start; what it is too long for is left out.
    pub(crate) fn with(mut self, field: Field, value: &[u8]) -> Self {
        let place = self.places.iter().find(|place| place.field == field);
        if let Some(place) = place {
            let range = place.range.clone();
            let there = self.bytes.get_mut(range).unwrap_or_default();
            for (byte, value) in there.iter_mut().zip(value) {
                *byte = *value;
            }
        }
        self
    }

    /// Overwrites an integer.
    pub(crate) fn with_number(self, dialect: &Dialect, field: Field, number: u32) -> Self {
        let place = self.places.iter().find(|place| place.field == field);
        let width = place.map_or(4, |place| place.range.len());
        let order = match field {
            Field::PacketNumber | Field::TotalPackets => dialect.packet_byte_order,
            _ => dialect.byte_order,
        };
        let bytes = order.bytes_of(number, width);
        self.with(field, &bytes)
    }

    /// Fills a whole field with one byte.
    pub(crate) fn filled(self, field: Field, byte: u8) -> Self {
        let place = self.places.iter().find(|place| place.field == field);
        let width = place.map_or(0, |place| place.range.len());
        self.with(field, &vec![byte; width])
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Offset of a field; the length of the message where it has no such field.
    pub(crate) fn offset(&self, field: Field) -> usize {
        let place = self.places.iter().find(|place| place.field == field);
        place.map_or(self.bytes.len(), |place| place.range.start)
    }
}
