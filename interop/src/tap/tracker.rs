//! Finds messages in a stream while it passes, in whatever pieces it comes.

use crate::dialect::Dialect;
use crate::frame;
use crate::message::{Direction, Kind};

/// A part of a message that is complete enough to be looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Header and fixed fields.
    Head { kind: Option<Kind>, bytes: Vec<u8> },
    /// What follows them, as it comes.
    Content { offset: usize, bytes: Vec<u8> },
}

/// Cuts a stream into [`Piece`]s. It holds back no more than a head.
#[derive(Debug)]
pub(crate) struct Tracker {
    direction: Direction,
    head: Vec<u8>,
    /// Bytes of the present message that are still to come after its head.
    left: usize,
    offset: usize,
}

impl Tracker {
    pub(crate) fn new(direction: Direction) -> Self {
        Self {
            direction,
            head: Vec::new(),
            left: 0,
            offset: 0,
        }
    }

    pub(crate) fn feed(&mut self, dialect: &Dialect, mut bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            if self.left > 0 {
                let (now, later) = bytes.split_at(self.left.min(bytes.len()));
                pieces.push(Piece::Content {
                    offset: self.offset,
                    bytes: now.to_vec(),
                });
                self.left -= now.len();
                self.offset += now.len();
                bytes = later;
                continue;
            }
            let wanted = self.wanted(dialect);
            let (now, later) = bytes.split_at((wanted - self.head.len()).min(bytes.len()));
            self.head.extend_from_slice(now);
            bytes = later;
            if self.head.len() == wanted && wanted == self.wanted(dialect) {
                pieces.extend(self.finish(dialect));
            }
        }
        pieces
    }

    /// A head that the end of the stream left unfinished.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.head)
    }

    /// How long the head is, as far as can be told by now.
    fn wanted(&self, dialect: &Dialect) -> usize {
        let header_size = frame::header_size(dialect, self.direction);
        let Some(header) = frame::header(dialect, self.direction, &self.head) else {
            return header_size;
        };
        let fixed = dialect
            .kind(self.direction, header.code)
            .map_or(0, |kind| frame::fixed_payload_size(dialect, kind));
        header_size + fixed.min(header.payload_size as usize)
    }

    fn finish(&mut self, dialect: &Dialect) -> Option<Piece> {
        let header = frame::header(dialect, self.direction, &self.head)?;
        let header_size = frame::header_size(dialect, self.direction);
        self.left = (header.payload_size as usize + header_size).saturating_sub(self.head.len());
        self.offset = 0;
        Some(Piece::Head {
            kind: dialect.kind(self.direction, header.code),
            bytes: self.rest(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_same_messages_however_the_stream_is_cut() {
        for dialect in Dialect::built_in() {
            let fixed = frame::fixed_payload_size(&dialect, Kind::SendFile);
            let mut payload = vec![1; fixed];
            payload.extend([2; 48]);
            let mut stream = frame::request(&dialect, Kind::SendFile, &[3; 16], &payload);
            stream.extend(frame::request(
                &dialect,
                Kind::CksumRight,
                &[4; 16],
                &[5; 271],
            ));
            for size in [1, 2, 23, 24, 100, stream.len()] {
                let mut tracker = Tracker::new(Direction::Request);
                let mut heads = Vec::new();
                let mut content = Vec::new();
                for piece in stream
                    .chunks(size)
                    .flat_map(|part| tracker.feed(&dialect, part))
                {
                    match piece {
                        Piece::Head { kind, bytes } => heads.push((kind, bytes.len())),
                        Piece::Content { offset, bytes } => {
                            assert_eq!(offset, content.len());
                            content.extend(bytes);
                        }
                    }
                }
                let expected = [
                    (Some(Kind::SendFile), 23 + fixed),
                    (Some(Kind::CksumRight), 23 + 271),
                ];
                assert_eq!(heads, expected, "{size}");
                assert_eq!(content, [2; 48]);
                assert!(tracker.rest().is_empty());
            }
        }
    }

    #[test]
    fn passes_on_a_message_that_it_does_not_know() {
        let dialect = &Dialect::built_in()[0];
        let mut stream = frame::response(dialect, Kind::Registered, &[1; 16]);
        stream[1] = 0xee;
        let mut tracker = Tracker::new(Direction::Response);
        let pieces = tracker.feed(dialect, &stream);
        assert!(matches!(&pieces[0], Piece::Head { kind: None, bytes } if bytes.len() == 7));
        assert!(matches!(&pieces[1], Piece::Content { bytes, .. } if bytes.len() == 16));
    }
}
