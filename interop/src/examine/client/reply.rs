//! One answer of the played server: right by default, and what a case makes of it.

use std::sync::Arc;

use crate::dialect::Dialect;
use crate::frame::{self, Values};
use crate::message::{Direction, Field, Kind};

/// An answer that is about to be sent, and what becomes of the connection then.
pub(crate) struct Reply {
    dialect: Arc<Dialect>,
    /// All messages of it; none where nothing is answered.
    pub(super) bytes: Vec<u8>,
    pub(super) pieces: Pieces,
    /// It is kept back for one read deadline, in which nothing may come.
    pub(super) held: bool,
    pub(super) then: Then,
}

/// In which pieces an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pieces {
    One,
    /// Cut once, at this offset.
    Two(usize),
    EachByte,
}

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The next request is read.
    Stay,
    /// The server ends its side and throws away what still comes.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing is answered any more; the connection is open until the client ends its side, which it
    /// has one read deadline for.
    AwaitEnd,
}

impl Reply {
    pub(super) fn new(dialect: &Arc<Dialect>) -> Self {
        Self {
            dialect: Arc::clone(dialect),
            bytes: Vec::new(),
            pieces: Pieces::One,
            held: false,
            then: Then::Stay,
        }
    }

    /// Makes it this message.
    pub(crate) fn be(&mut self, kind: Kind, values: &Values) {
        let payload = frame::payload(&self.dialect, kind, values);
        self.bytes = frame::response(&self.dialect, kind, &payload);
    }

    /// Makes it the answer that says no to a request of this kind (2.10, 10.6).
    pub(crate) fn refuse(&mut self, asked: Kind) {
        self.be(self.dialect.negative(Some(asked)), &Values::default());
        self.then = Then::Stay;
    }

    /// Nothing is answered.
    pub(crate) fn nothing(&mut self) {
        self.bytes.clear();
    }

    /// Puts other bytes into a field of the message.
    pub(crate) fn set(&mut self, field: Field, value: &[u8]) {
        for (byte, new) in self.field(field).iter_mut().zip(value) {
            *byte = *new;
        }
    }

    /// Puts another number into a field of the message.
    pub(crate) fn set_number(&mut self, field: Field, number: u32) {
        let width = self.field(field).len();
        let bytes = self.dialect.bytes_of(number, width);
        self.set(field, &bytes);
    }

    /// Turns over one bit of a field.
    pub(crate) fn spoil(&mut self, field: Field) {
        if let Some(first) = self.field(field).first_mut() {
            *first ^= 1;
        }
    }

    /// The bytes of a field; none where the message has no such field.
    pub(crate) fn field(&mut self, field: Field) -> &mut [u8] {
        let header = frame::header(&self.dialect, Direction::Response, &self.bytes);
        let places =
            header.map(|header| frame::places(&self.dialect, Direction::Response, &header));
        let place = places
            .unwrap_or_default()
            .into_iter()
            .find(|place| place.field == field);
        place
            .and_then(|place| self.bytes.get_mut(place.range))
            .unwrap_or_default()
    }

    /// Gives it this message's bytes, whatever they are.
    pub(crate) fn raw(&mut self, kind: Kind, payload: &[u8]) {
        self.bytes = frame::response(&self.dialect, kind, payload);
    }

    /// Further bytes in front, in the same write.
    pub(crate) fn precede(&mut self, bytes: &[u8]) {
        self.bytes.splice(0..0, bytes.iter().copied());
    }

    /// Further bytes behind, in the same write.
    pub(crate) fn follow(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Nothing comes after so many bytes of it.
    pub(crate) fn cut(&mut self, size: usize) {
        self.bytes.truncate(size);
        self.then = Then::Close;
    }

    /// Written in two pieces.
    pub(crate) fn split_at(&mut self, offset: usize) {
        self.pieces = Pieces::Two(offset);
    }

    /// Written byte by byte.
    pub(crate) fn byte_by_byte(&mut self) {
        self.pieces = Pieces::EachByte;
    }

    /// Kept back for one read deadline.
    pub(crate) fn hold(&mut self) {
        self.held = true;
    }

    pub(crate) fn then_close(&mut self) {
        self.then = Then::Close;
    }

    pub(crate) fn then_reset(&mut self) {
        self.then = Then::Reset;
    }

    pub(crate) fn then_await_end(&mut self) {
        self.then = Then::AwaitEnd;
    }
}
