//! Finds messages in a stream while it passes, in whatever pieces it comes.

use crate::dialect::Dialect;
use crate::frame;
use crate::message::{Direction, Kind};

/// A part of a message that is complete enough to be looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Header and fixed fields, with the padding behind them where there is no content.
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
        match frame::header(dialect, self.direction, &self.head) {
            Some(header) => frame::head_size(dialect, self.direction, &header),
            None => frame::header_size(dialect, self.direction),
        }
    }

    fn finish(&mut self, dialect: &Dialect) -> Option<Piece> {
        let header = frame::header(dialect, self.direction, &self.head)?;
        let total = frame::extent(dialect, self.direction, &header).total;
        self.left = total.saturating_sub(self.head.len());
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

    fn dialects() -> Vec<Dialect> {
        let mut all = Dialect::built_in().to_vec();
        for modified in ["seed,align=natural,order=big", "2024a,request-pad=1024"] {
            all.push(Dialect::find(modified).expect("a dialect"));
        }
        all
    }

    #[test]
    fn finds_the_same_messages_however_the_stream_is_cut() {
        for dialect in &dialects() {
            let fixed = frame::fixed_payload_size(dialect, Kind::SendFile);
            let verdict = frame::fixed_payload_size(dialect, Kind::CksumRight);
            let header = frame::header_size(dialect, Direction::Request);
            let mut payload = vec![1; fixed];
            payload.extend([2; 48]);
            let mut stream = frame::request(dialect, Kind::SendFile, &[3; 16], &payload);
            stream.extend(frame::request(
                dialect,
                Kind::CksumRight,
                &[4; 16],
                &vec![5; verdict],
            ));
            for size in [1, 2, 23, 24, 100, stream.len()] {
                let mut tracker = Tracker::new(Direction::Request);
                let mut heads = Vec::new();
                let mut content = Vec::new();
                for piece in stream
                    .chunks(size)
                    .flat_map(|part| tracker.feed(dialect, part))
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
                    (Some(Kind::SendFile), header + fixed),
                    (
                        Some(Kind::CksumRight),
                        (header + verdict).max(dialect.request_padding),
                    ),
                ];
                assert_eq!(heads, expected, "{size}");
                assert_eq!(content, [2; 48]);
                assert!(tracker.rest().is_empty());
            }
        }
    }

    #[test]
    fn passes_on_a_message_that_it_does_not_know() {
        let dialect = &Dialect::find("seed").expect("a dialect");
        let mut stream = frame::response(dialect, Kind::Registered, &[1; 16]);
        stream[1] = 0xee;
        let mut tracker = Tracker::new(Direction::Response);
        let pieces = tracker.feed(dialect, &stream);
        assert!(matches!(&pieces[0], Piece::Head { kind: None, bytes } if bytes.len() == 7));
        assert!(matches!(&pieces[1], Piece::Content { bytes, .. } if bytes.len() == 16));
    }
}
