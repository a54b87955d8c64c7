//! What the scenarios do to traffic: each a small [`Meddle`].

use std::sync::Arc;

use crate::dialect::{ConnectionUse, Dialect, EchoedSize};
use crate::frame;
use crate::message::{Direction, Field, Kind};
use crate::oracle;
use crate::tap::{Fate, Gate, Meddle};

/// Changes a byte of a content on its way to the server, in the first `times` uploads. Of an upload in
/// packets it is a byte of the first one.
pub(super) struct Damage {
    times: u32,
    /// Offset of the byte in the content.
    at: usize,
    mask: u8,
    /// A 1103 has begun that no other one was directly before.
    begun: bool,
    sending: bool,
}

impl Damage {
    pub(super) fn new(times: u32, at: usize, mask: u8) -> Self {
        Self {
            times,
            at,
            mask,
            begun: false,
            sending: false,
        }
    }
}

impl Meddle for Damage {
    fn head(&mut self, _: Direction, kind: Option<Kind>, _: &mut Vec<u8>) -> Fate {
        let sending = kind == Some(Kind::SendFile);
        self.begun = sending && !self.sending;
        self.sending = sending;
        Fate::Pass
    }

    fn content(&mut self, _: Direction, offset: usize, bytes: &mut Vec<u8>) -> Fate {
        if self.times > 0
            && self.begun
            && let Some(byte) = self.at.checked_sub(offset).and_then(|at| bytes.get_mut(at))
        {
            *byte ^= self.mask;
            self.times -= 1;
            self.begun = false;
        }
        Fate::Pass
    }
}

/// Damages the padding of the first content, and turns the 2101 that follows into what some servers
/// answer: a 2103 with the checksum of nothing (PROTOCOL.md 3.1).
pub(super) struct ReceivedNothing {
    pub(super) dialect: Dialect,
    pub(super) damage: Damage,
    /// Head of the 1103 that is out.
    asked: Option<Vec<u8>>,
}

impl ReceivedNothing {
    pub(super) fn new(dialect: &Dialect, damage: Damage) -> Self {
        Self {
            dialect: dialect.clone(),
            damage,
            asked: None,
        }
    }
}

impl Meddle for ReceivedNothing {
    fn head(&mut self, direction: Direction, kind: Option<Kind>, head: &mut Vec<u8>) -> Fate {
        self.damage.head(direction, kind, head);
        match (direction, kind) {
            (Direction::Request, Some(Kind::SendFile)) => self.asked = Some(head.clone()),
            (Direction::Response, Some(kind)) if kind.is_negative() => {
                if let Some(asked) = self.asked.take() {
                    *head = received_nothing(&self.dialect, &asked);
                }
            }
            _ => {}
        }
        Fate::Pass
    }

    fn content(&mut self, direction: Direction, offset: usize, bytes: &mut Vec<u8>) -> Fate {
        self.damage.content(direction, offset, bytes)
    }
}

fn received_nothing(dialect: &Dialect, asked: &[u8]) -> Vec<u8> {
    let Some(header) = frame::header(dialect, Direction::Request, asked) else {
        return Vec::new();
    };
    let places = frame::places(dialect, Direction::Request, &header);
    let get = |field| {
        let place = places.iter().find(|place| place.field == field);
        place
            .and_then(|place| asked.get(place.range.clone()))
            .unwrap_or_default()
    };
    let size = match dialect.echoed_size {
        EchoedSize::Content => dialect.byte_order.number(get(Field::ContentSize)),
        EchoedSize::Plain => 0,
    };
    let name = frame::name_text(get(Field::FileName)).unwrap_or_default();
    let values = frame::Values::default()
        .bytes(Field::ClientId, get(Field::ClientId))
        .number(dialect, Field::ContentSize, size)
        .bytes(Field::FileName, name)
        .number(dialect, Field::Cksum, oracle::checksum(dialect, b"", b""));
    let payload = frame::payload(dialect, Kind::FileReceived, &values);
    frame::response(dialect, Kind::FileReceived, &payload)
}

/// Lets a message wait for the one that follows, so that both arrive in one segment.
pub(super) struct Join {
    pub(super) kind: Kind,
}

impl Meddle for Join {
    fn head(&mut self, _: Direction, kind: Option<Kind>, _: &mut Vec<u8>) -> Fate {
        if kind == Some(self.kind) {
            Fate::JoinNext
        } else {
            Fate::Pass
        }
    }
}

/// Stops the first message of a kind until a gate is opened.
pub(super) struct HoldMessage {
    pub(super) kind: Kind,
    pub(super) gate: Arc<Gate>,
}

impl Meddle for HoldMessage {
    fn head(&mut self, _: Direction, kind: Option<Kind>, _: &mut Vec<u8>) -> Fate {
        if kind == Some(self.kind) {
            Fate::Hold(Arc::clone(&self.gate))
        } else {
            Fate::Pass
        }
    }
}

/// Lets this much of a content pass, holds the connection until a gate is opened, and ends it there:
/// what a killed client left in the buffers of the system does not reach the server.
pub(super) struct CutContent {
    pub(super) after: usize,
    pub(super) gate: Arc<Gate>,
}

impl Meddle for CutContent {
    fn content(&mut self, _: Direction, offset: usize, _: &mut Vec<u8>) -> Fate {
        if offset >= self.after {
            Fate::HoldAndCut(Arc::clone(&self.gate))
        } else {
            Fate::Pass
        }
    }
}

/// Keeps the client's end of each stream from the server until the server has ended its own: only a
/// server that closes by itself gets on then. It is for clients that have one connection at a time.
#[derive(Default)]
pub(super) struct HoldEnd {
    /// One for each connection whose client has ended its side first.
    gates: Vec<Arc<Gate>>,
    clients_ended: usize,
    servers_ended: usize,
}

impl Meddle for HoldEnd {
    fn end(&mut self, direction: Direction) -> Fate {
        match direction {
            Direction::Request => {
                let gate = Gate::new();
                self.gates.push(Arc::clone(&gate));
                self.clients_ended += 1;
                if self.servers_ended >= self.clients_ended {
                    return Fate::Pass;
                }
                Fate::Hold(gate)
            }
            Direction::Response => {
                if let Some(gate) = self.gates.get(self.servers_ended) {
                    gate.open();
                }
                self.servers_ended += 1;
                Fate::Pass
            }
        }
    }
}

/// Whether the server ends every connection of a first backup by itself.
pub(super) fn server_closes(dialect: &Dialect) -> bool {
    dialect.connection == ConnectionUse::Request
        || dialect
            .after(Kind::CksumRight)
            .is_some_and(|after| after.close)
}

/// Ends the server's side towards the client once a message has passed, as servers do that close
/// where their dialect does not ask for it.
pub(super) struct EndAfter {
    pub(super) kind: Kind,
}

impl Meddle for EndAfter {
    fn head(&mut self, _: Direction, kind: Option<Kind>, _: &mut Vec<u8>) -> Fate {
        if kind == Some(self.kind) {
            Fate::PassAndEndOther
        } else {
            Fate::Pass
        }
    }
}

/// Puts a 1100 before the first 1101 and keeps the answer from the client: what a server hears from
/// a program that registers each time it runs (PROTOCOL.md 3.1).
pub(super) struct RegisterBefore {
    dialect: Dialect,
    name: Vec<u8>,
    done: bool,
    waiting: bool,
}

impl RegisterBefore {
    pub(super) fn new(dialect: &Dialect, name: &str) -> Self {
        Self {
            dialect: dialect.clone(),
            name: name.as_bytes().to_vec(),
            done: false,
            waiting: false,
        }
    }
}

impl Meddle for RegisterBefore {
    fn head(&mut self, direction: Direction, kind: Option<Kind>, head: &mut Vec<u8>) -> Fate {
        if kind == Some(Kind::SendPublicKey) && !self.done {
            self.done = true;
            self.waiting = true;
            let payload = frame::name_field(&self.dialect, &self.name);
            let mut both = frame::request(&self.dialect, Kind::Register, &[0; 16], &payload);
            both.append(head);
            *head = both;
        } else if direction == Direction::Response && self.waiting {
            self.waiting = false;
            head.clear();
        }
        Fate::Pass
    }
}
