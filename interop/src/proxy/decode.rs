//! What passes, message by message: a line on stdout, and an annotated log of each connection.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::dialect::Dialect;
use crate::frame::{self, Frame};
use crate::message::{Direction, Field};
use crate::proxy::Capture;
use crate::record::Ended;
use crate::tap::{Observe, Piece, Tracker};
use crate::wire_log;

/// How many messages of a direction are looked for among those that arrive.
const UNDER_WAY: usize = 64;
/// How much of a content is kept, at its start and at its end each.
const SHOWN: usize = 64;

/// Finds the messages of one direction of a connection and writes them down. No more of a message than its fixed fields
/// and the ends of its content is kept.
pub(crate) struct Decoder {
    dialect: Arc<Dialect>,
    direction: Direction,
    tracker: Tracker,
    open: Option<Open>,
}

/// A message whose end has not come.
struct Open {
    head: Vec<u8>,
    total: usize,
    seen: usize,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Decoder {
    pub(crate) fn new(dialect: &Arc<Dialect>, direction: Direction) -> Self {
        Self {
            dialect: Arc::clone(dialect),
            direction,
            tracker: Tracker::new(direction),
            open: None,
        }
    }

    /// Takes bytes; gives for each message that is complete with them a line and the text of the log.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<(String, String)> {
        let mut done = Vec::new();
        for piece in self.tracker.feed(&self.dialect, bytes) {
            match piece {
                Piece::Head { bytes, .. } => {
                    let header = frame::header(&self.dialect, self.direction, &bytes);
                    let extent =
                        header.map(|header| frame::extent(&self.dialect, self.direction, &header));
                    self.open = Some(Open {
                        total: extent.map_or(bytes.len(), |extent| extent.total),
                        seen: bytes.len(),
                        head: bytes,
                        first: Vec::new(),
                        last: Vec::new(),
                    });
                }
                Piece::Content { bytes, .. } => {
                    if let Some(open) = &mut self.open {
                        open.take(&bytes);
                    }
                }
            }
            if let Some(open) = self.open.take_if(|open| open.seen >= open.total) {
                done.extend(self.text(&open, ""));
            }
        }
        done
    }

    /// What the end of the stream left unfinished.
    pub(crate) fn rest(&mut self) -> Vec<(String, String)> {
        let arrow = arrow(self.direction);
        let mut done = Vec::new();
        if let Some(open) = self.open.take() {
            let note = format!(", of which {} came", open.seen);
            done.extend(self.text(&open, &note));
        }
        let rest = self.tracker.rest();
        if !rest.is_empty() {
            let line = format!("{arrow} {} bytes that are no whole message", rest.len());
            let mut log = format!("{line}\n");
            wire_log::dump(&mut log, 0, &rest);
            done.push((line, log));
        }
        done
    }

    fn text(&self, open: &Open, note: &str) -> Option<(String, String)> {
        let frame = frame::head_of(&self.dialect, self.direction, &open.head)?;
        let name = frame.kind.map_or("unknown", |kind| kind.name());
        let title = format!(
            "{} {} {name}, {} bytes{note}",
            arrow(self.direction),
            frame.header.code,
            open.total
        );
        let mut log = format!("{title}\n");
        wire_log::fields(&mut log, &frame);
        let content = open.seen - open.head.len();
        if content > 0 {
            let _ = writeln!(log, "  content = {content} bytes");
            wire_log::dump(&mut log, open.head.len(), &open.first);
            let left_out = content - open.first.len() - open.last.len();
            if left_out > 0 {
                let _ = writeln!(log, "         .. {left_out} bytes");
            }
            wire_log::dump(&mut log, open.seen - open.last.len(), &open.last);
        }
        Some((format!("{title}: {}", summary(&frame)), log))
    }
}

impl Open {
    fn take(&mut self, bytes: &[u8]) {
        self.seen += bytes.len();
        let room = SHOWN.saturating_sub(self.first.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.first.extend_from_slice(first);
        self.last.extend_from_slice(
            rest.get(rest.len().saturating_sub(SHOWN)..)
                .unwrap_or_default(),
        );
        self.last.drain(..self.last.len().saturating_sub(SHOWN));
    }
}

fn arrow(direction: Direction) -> char {
    match direction {
        Direction::Request => '>',
        Direction::Response => '<',
    }
}

/// The fields that tell one message from another of its kind.
fn summary(frame: &Frame<'_>) -> String {
    let mut parts = Vec::new();
    for place in frame.places() {
        let worth = place.field.is_number()
            || matches!(
                place.field,
                Field::ClientName | Field::FileName | Field::ClientId
            );
        let header = matches!(
            place.field,
            Field::Code | Field::PayloadSize | Field::Version
        );
        if !worth || header {
            continue;
        }
        let value = match place.field {
            Field::ClientId => frame
                .get(place.field)
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect(),
            field => wire_log::value(frame, field),
        };
        parts.push(format!("{} {value}", place.field));
    }
    parts.join(", ")
}

/// One direction of a connection.
struct Lane {
    sent: Decoder,
    /// What goes on, where a knob may change it.
    arrived: Decoder,
    /// Messages that were sent, and have not been seen arriving.
    under_way: VecDeque<(String, String)>,
}

impl Lane {
    fn new(dialect: &Arc<Dialect>, direction: Direction) -> Self {
        Self {
            sent: Decoder::new(dialect, direction),
            arrived: Decoder::new(dialect, direction),
            under_way: VecDeque::new(),
        }
    }

    fn sent(&mut self, bytes: &[u8]) -> Vec<(String, String)> {
        let messages = self.sent.feed(bytes);
        self.under_way.extend(messages.iter().cloned());
        let most = self.under_way.len().saturating_sub(UNDER_WAY);
        self.under_way.drain(..most);
        messages
    }

    /// What is not as it was sent.
    fn arrived(&mut self, bytes: &[u8]) -> Vec<(String, String)> {
        let messages = self.arrived.feed(bytes);
        self.changed(messages)
    }

    /// The same of what the end of the stream left unfinished.
    fn arrived_all(&mut self) -> Vec<(String, String)> {
        let rest = self.arrived.rest();
        self.changed(rest)
    }

    fn changed(&mut self, messages: Vec<(String, String)>) -> Vec<(String, String)> {
        let mut changed = Vec::new();
        for message in messages {
            match self.under_way.iter().position(|sent| *sent == message) {
                // What was sent before it will not come.
                Some(at) => drop(self.under_way.drain(..=at)),
                None => {
                    let (line, log) = message;
                    changed.push((arrives_as(&line), arrives_as(&log)));
                }
            }
        }
        changed
    }
}

/// Says behind the arrow of a message that it is what arrives.
fn arrives_as(text: &str) -> String {
    text.replacen(' ', " arrives as ", 1)
}

/// Watches all connections of a proxy.
pub(crate) struct Watch {
    dialect: Arc<Dialect>,
    state: Mutex<State>,
}

struct State {
    out: Box<dyn Write + Send>,
    /// The folder for the logs of the connections.
    logs: Option<PathBuf>,
    capture: Option<Capture>,
    lanes: BTreeMap<(usize, bool), Lane>,
    /// The first thing that could not be written.
    fault: Option<io::Error>,
}

impl Watch {
    pub(crate) fn new(
        dialect: &Arc<Dialect>,
        out: Box<dyn Write + Send>,
        logs: Option<PathBuf>,
        capture: Option<Capture>,
    ) -> Self {
        Self {
            dialect: Arc::clone(dialect),
            state: Mutex::new(State {
                out,
                logs,
                capture,
                lanes: BTreeMap::new(),
                fault: None,
            }),
        }
    }

    /// Says something that is in no byte.
    pub(crate) fn note(&self, text: &str) {
        self.with(|state| {
            writeln!(state.out, "{text}")?;
            state.out.flush()
        });
    }

    /// What could not be written, if anything.
    pub(crate) fn fault(&self) -> Option<io::Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fault.take()
    }

    fn with(&self, write: impl FnOnce(&mut State) -> io::Result<()>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = write(&mut state) {
            state.fault.get_or_insert(error);
        }
    }

    /// Says what a lane has to say.
    fn tell(
        &self,
        state: &mut State,
        connection: usize,
        direction: Direction,
        of: impl FnOnce(&mut Lane) -> Vec<(String, String)>,
    ) -> io::Result<()> {
        let key = (connection, direction == Direction::Request);
        let lane = state.lanes.entry(key);
        let done = of(lane.or_insert_with(|| Lane::new(&self.dialect, direction)));
        for (line, log) in done {
            state.say(connection, &line, &log)?;
        }
        Ok(())
    }
}

impl State {
    fn say(&mut self, connection: usize, line: &str, log: &str) -> io::Result<()> {
        writeln!(self.out, "{} {line}", connection + 1)?;
        self.out.flush()?;
        let Some(folder) = &self.logs else {
            return Ok(());
        };
        let file = folder.join(wire_log::file_name(connection));
        let mut file = OpenOptions::new().create(true).append(true).open(file)?;
        writeln!(file, "{log}")
    }
}

impl Observe for Watch {
    fn opened(&self, connection: usize, client: SocketAddr, server: Option<SocketAddr>) {
        let text = match server {
            Some(server) => format!("= {client} to {server}, dialect {}", self.dialect),
            None => format!("= {client}: nobody listens where --to says"),
        };
        self.with(|state| {
            if let (Some(capture), Some(server)) = (&mut state.capture, server) {
                capture.open(connection, client, server)?;
            }
            state.say(connection, &text, &format!("{text}\n"))
        });
    }

    fn bytes(&self, connection: usize, direction: Direction, bytes: &[u8]) {
        self.with(|state| {
            if let Some(capture) = &mut state.capture {
                capture.bytes(connection, direction, bytes)?;
            }
            self.tell(state, connection, direction, |lane| lane.sent(bytes))
        });
    }

    fn ended(&self, connection: usize, direction: Direction, how: Ended) {
        self.with(|state| {
            if let Some(capture) = &mut state.capture {
                capture.end(connection, direction, how)?;
            }
            self.tell(state, connection, direction, |lane| {
                let rest = lane.sent.rest();
                lane.under_way.extend(rest.iter().cloned());
                rest
            })?;
            let how = match how {
                Ended::Finished => "end of the stream",
                Ended::Reset => "reset",
            };
            let text = format!("{} {how}", arrow(direction));
            state.say(connection, &text, &format!("{text}\n"))
        });
    }

    fn arrived(&self, connection: usize, direction: Direction, bytes: &[u8]) {
        self.with(|state| self.tell(state, connection, direction, |lane| lane.arrived(bytes)));
    }

    fn arrived_all(&self, connection: usize, direction: Direction) {
        self.with(|state| self.tell(state, connection, direction, Lane::arrived_all));
    }

    fn closed(&self, connection: usize) {
        self.with(|state| {
            state.lanes.retain(|(number, _), _| *number != connection);
            Ok(())
        });
    }
}
