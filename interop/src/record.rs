//! What the tap writes down and the judge reads: every byte of both directions, as it was sent and
//! as it arrived, with the order of things across all connections of a cell.

use crate::message::Direction;

/// Everything that passed the tap of one cell.
#[derive(Debug, Default, Clone)]
pub(crate) struct Recording {
    pub(crate) connections: Vec<Connection>,
    /// When the harness emptied the server's folder, in the order of events.
    pub(crate) data_lost: Vec<u64>,
}

/// One TCP connection through the tap.
#[derive(Debug, Default, Clone)]
pub(crate) struct Connection {
    /// The door by which it came in: one for each run of a client.
    pub(crate) door: usize,
    pub(crate) requests: Passage,
    pub(crate) responses: Passage,
    /// The harness itself killed one end of it, so that its end is nobody's fault.
    pub(crate) excused: bool,
    /// Nothing moves on it any more.
    pub(crate) over: bool,
}

/// One direction of a connection: what went into the tap and what came out of it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Passage {
    pub(crate) sent: Stream,
    /// `None` where the tap passed every byte on as it came.
    pub(crate) delivered: Option<Stream>,
}

/// Bytes with marks of when they passed.
#[derive(Debug, Default, Clone)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    /// One a read, in order.
    pub(crate) marks: Vec<Mark>,
    pub(crate) end: Option<End>,
}

/// One read of the tap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    /// Offset behind the last byte of the read.
    pub(crate) end: usize,
    /// Place in the order of all events of the cell.
    pub(crate) order: u64,
    /// The read filled the buffer, so that its end says nothing about the sender's writes.
    pub(crate) full: bool,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) how: Ended,
    pub(crate) order: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The sender ended its side.
    Finished,
    /// The connection was reset.
    Reset,
}

/// Who is judged: each side by what it sent and by what arrived at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

impl Connection {
    /// The requests and responses of this connection as this side saw them.
    pub(crate) fn seen_by(&self, side: Side) -> (&Stream, &Stream) {
        match side {
            Side::Server => (self.requests.delivered(), &self.responses.sent),
            Side::Client => (&self.requests.sent, self.responses.delivered()),
        }
    }

    pub(crate) fn passage(&self, direction: Direction) -> &Passage {
        match direction {
            Direction::Request => &self.requests,
            Direction::Response => &self.responses,
        }
    }

    pub(crate) fn passage_mut(&mut self, direction: Direction) -> &mut Passage {
        match direction {
            Direction::Request => &mut self.requests,
            Direction::Response => &mut self.responses,
        }
    }
}

impl Passage {
    pub(crate) fn delivered(&self) -> &Stream {
        self.delivered.as_ref().unwrap_or(&self.sent)
    }
}

impl Stream {
    pub(crate) fn push(&mut self, bytes: &[u8], order: u64, full: bool) {
        self.bytes.extend_from_slice(bytes);
        self.marks.push(Mark {
            end: self.bytes.len(),
            order,
            full,
        });
    }

    /// Place in the order of events of the byte at this offset.
    pub(crate) fn order_at(&self, offset: usize) -> u64 {
        self.mark_at(offset)
            .map_or(u64::MAX, |(_, mark)| mark.order)
    }

    /// Whether the bytes from `start` up to `end` came in one read, as far as a reader can tell.
    pub(crate) fn in_one_read(&self, start: usize, end: usize) -> bool {
        let first = self.marks.partition_point(|mark| mark.end <= start);
        self.marks
            .iter()
            .skip(first)
            .take_while(|mark| mark.end < end)
            .all(|mark| mark.full)
    }

    fn mark_at(&self, offset: usize) -> Option<(usize, &Mark)> {
        let at = self.marks.partition_point(|mark| mark.end <= offset);
        self.marks.get(at).map(|mark| (at, mark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_which_bytes_came_together() {
        let mut stream = Stream::default();
        stream.push(b"abc", 1, false);
        stream.push(b"de", 2, false);
        assert_eq!(stream.order_at(2), 1);
        assert_eq!(stream.order_at(3), 2);
        assert_eq!(stream.order_at(5), u64::MAX);
        assert!(stream.in_one_read(0, 3));
        assert!(stream.in_one_read(3, 5));
        assert!(!stream.in_one_read(2, 4));
    }

    #[test]
    fn a_full_read_proves_nothing() {
        let mut stream = Stream::default();
        stream.push(b"abc", 1, true);
        stream.push(b"de", 2, false);
        assert!(stream.in_one_read(0, 5));
    }
}
