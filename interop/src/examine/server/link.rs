//! A raw connection to the server under examination: writes what it is told, and writes down every byte of both
//! directions for the judge.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::cell::{Step, Stop};
use crate::dialect::{ConnectionUse, Dialect};
use crate::frame;
use crate::message::{Direction, Field, Kind};
use crate::record::{Connection, End, Ended};

/// No response of any dialect is longer.
const LONGEST_RESPONSE: usize = 4096;

/// What all connections of a case share.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) dialect: Arc<Dialect>,
    /// Counts the events of the case.
    pub(super) order: Arc<AtomicU64>,
    /// For one read.
    pub(super) patience: Duration,
    /// For the whole case.
    pub(super) deadline: Instant,
}

/// A connection; clones are the same one.
#[derive(Clone)]
pub(crate) struct Link {
    terms: Terms,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    stream: Option<TcpStream>,
    record: Connection,
    /// Offset behind the last response that was taken.
    taken: usize,
    /// Connections before this one, where each serves one request (10.9).
    before: Vec<Connection>,
}

/// A whole response.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) kind: Option<Kind>,
    fields: Vec<(Field, Vec<u8>)>,
}

impl Response {
    pub(crate) fn field(&self, field: Field) -> &[u8] {
        let found = self.fields.iter().find(|(known, _)| *known == field);
        found.map_or(&[], |(_, bytes)| bytes)
    }
}

/// What a wait for bytes brought.
enum Came {
    Bytes,
    End,
    Nothing,
}

impl Link {
    pub(super) fn open(terms: Terms, address: SocketAddr) -> Step<Self> {
        let link = Self {
            terms,
            address,
            state: Arc::default(),
        };
        let stream = link.connect()?;
        link.lock().stream = Some(stream);
        Ok(link)
    }

    fn connect(&self) -> Step<TcpStream> {
        let unreachable = |error: io::Error| {
            Stop::NotStarted(format!("no connection to {}: {error}", self.address))
        };
        let stream =
            TcpStream::connect_timeout(&self.address, self.terms.patience).map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        stream
            .set_write_timeout(Some(self.terms.patience))
            .map_err(unreachable)?;
        Ok(stream)
    }

    /// Writes bytes in one write. That the server may have ended the connection shows in what it sent.
    pub(crate) fn send(&self, bytes: &[u8]) -> Step {
        let per_request = self.terms.dialect.connection == ConnectionUse::Request;
        let mut state = self.lock();
        if per_request && state.record.responses.sent.end.is_some() {
            let record = std::mem::take(&mut state.record);
            state.before.push(record);
            state.taken = 0;
            state.stream = Some(self.connect()?);
        }
        let state = &mut *state;
        // What is there already came before these bytes.
        self.take_what_is_there(state);
        state.record.requests.sent.push(bytes, self.next(), false);
        if let Some(stream) = &mut state.stream {
            let _ = stream.write_all(bytes);
        }
        Ok(())
    }

    /// Writes bytes in pieces of this size, with a pause that lets each arrive on its own.
    pub(crate) fn send_in_pieces(&self, bytes: &[u8], size: usize, pause: Duration) -> Step {
        for (number, piece) in bytes.chunks(size.max(1)).enumerate() {
            if number > 0 {
                thread::sleep(pause);
            }
            self.send(piece)?;
        }
        Ok(())
    }

    /// The next response, of this kind. The judge says what is wrong with any other.
    pub(crate) fn expect(&self, kind: Kind) -> Step<Response> {
        let response = self.response()?;
        match response.kind {
            Some(found) if found == kind => Ok(response),
            _ => Err(Stop::Failed),
        }
    }

    /// The next response, whatever it is.
    pub(crate) fn response(&self) -> Step<Response> {
        let mut state = self.lock();
        let state = &mut *state;
        let response = loop {
            match self.next_response(state) {
                Some(response) => break response,
                None => {
                    let patience = self.patience_for(state);
                    match self.wait(state, patience) {
                        Came::Bytes => {}
                        Came::End => return Err(Stop::Failed),
                        Came::Nothing => {
                            self.give_up(state);
                            return Err(Stop::Failed);
                        }
                    }
                }
            }
        };
        if self.terms.dialect.connection == ConnectionUse::Request {
            self.read_to_end(state)?;
        }
        Ok(response)
    }

    /// Waits for the end of the stream.
    pub(crate) fn closed(&self) -> Step {
        self.read_to_end(&mut self.lock())
    }

    /// Ends the sending side.
    pub(crate) fn end(&self) -> Step {
        let state = &mut *self.lock();
        self.take_what_is_there(state);
        self.end_requests(state, Ended::Finished);
        if let Some(stream) = &state.stream {
            let _ = stream.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    /// Vanishes: the connection is reset.
    pub(crate) fn reset(&self) {
        let state = &mut *self.lock();
        self.take_what_is_there(state);
        self.end_requests(state, Ended::Reset);
        if let Some(stream) = state.stream.take() {
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// Whatever becomes of the connection is right: the server was stopped, or may choose.
    pub(crate) fn excuse(&self) {
        self.lock().record.excused = true;
    }

    /// Ends what is still open, waits for the server's end, and hands over what was written down.
    pub(super) fn finish(self) -> Vec<Connection> {
        let _ = self.end();
        let _ = self.closed();
        let mut state = self.lock();
        let record = std::mem::take(&mut state.record);
        let mut all = std::mem::take(&mut state.before);
        all.push(record);
        all
    }

    fn read_to_end(&self, state: &mut State) -> Step {
        loop {
            match self.wait(state, self.terms.patience) {
                Came::Bytes if state.record.responses.sent.bytes.len() < 1 << 20 => {}
                Came::End => return Ok(()),
                Came::Bytes | Came::Nothing => {
                    self.give_up(state);
                    return Err(Stop::Failed);
                }
            }
        }
    }

    /// Takes the next whole response out of what has come.
    fn next_response(&self, state: &mut State) -> Option<Response> {
        let dialect = &self.terms.dialect;
        let bytes = state.record.responses.sent.bytes.get(state.taken..)?;
        let (frames, _) = frame::split(dialect, Direction::Response, bytes);
        let frame = frames.first()?;
        state.taken += frame.bytes.len();
        let fields = frame.places().iter();
        Some(Response {
            kind: frame.kind,
            fields: fields
                .map(|place| (place.field, frame.get(place.field).to_vec()))
                .collect(),
        })
    }

    /// How long to wait for more. Where a header says what no response can be, or a response stops in its middle, the
    /// rest is not worth a whole deadline.
    fn patience_for(&self, state: &State) -> Duration {
        let dialect = &self.terms.dialect;
        let bytes = state.record.responses.sent.bytes.get(state.taken..);
        let bytes = bytes.unwrap_or_default();
        let header = frame::header(dialect, Direction::Response, bytes);
        let impossible = header.is_some_and(|header| {
            frame::extent(dialect, Direction::Response, &header).total > LONGEST_RESPONSE
        });
        if impossible {
            self.terms.patience / 20
        } else if bytes.is_empty() {
            self.terms.patience
        } else {
            self.terms.patience / 4
        }
    }

    fn wait(&self, state: &mut State, patience: Duration) -> Came {
        if state.record.responses.sent.end.is_some() {
            return Came::End;
        }
        let left = self
            .terms
            .deadline
            .saturating_duration_since(Instant::now());
        let patience = patience.min(left);
        let Some(stream) = &mut state.stream else {
            return Came::Nothing;
        };
        if patience.is_zero() || stream.set_read_timeout(Some(patience)).is_err() {
            return Came::Nothing;
        }
        let mut buffer = vec![0; 64 * 1024];
        let size = loop {
            match stream.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        match size {
            Ok(0) => self.end_responses(state, Ended::Finished),
            Ok(size) => {
                let bytes = buffer.get(..size).unwrap_or_default();
                let order = self.next();
                state.record.responses.sent.push(bytes, order, false);
                Came::Bytes
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Came::Nothing,
                _ => self.end_responses(state, Ended::Reset),
            },
        }
    }

    fn end_responses(&self, state: &mut State, how: Ended) -> Came {
        let order = self.next();
        state.record.responses.sent.end = Some(End { how, order });
        Came::End
    }

    fn end_requests(&self, state: &mut State, how: Ended) {
        if state.record.requests.sent.end.is_none() && state.stream.is_some() {
            let order = self.next();
            state.record.requests.sent.end = Some(End { how, order });
        }
    }

    fn take_what_is_there(&self, state: &mut State) {
        let Some(stream) = &state.stream else { return };
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        let mut buffer = vec![0; 64 * 1024];
        while let Some(stream) = &mut state.stream {
            if state.record.responses.sent.end.is_some() {
                break;
            }
            match stream.read(&mut buffer) {
                Ok(0) => drop(self.end_responses(state, Ended::Finished)),
                Ok(size) => {
                    let bytes = buffer.get(..size).unwrap_or_default();
                    let order = self.next();
                    state.record.responses.sent.push(bytes, order, false);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => drop(self.end_responses(state, Ended::Reset)),
            }
        }
        if let Some(stream) = &state.stream {
            let _ = stream.set_nonblocking(false);
        }
    }

    /// Nothing more is waited for on this connection.
    fn give_up(&self, state: &mut State) {
        state.stream = None;
    }

    fn next(&self) -> u64 {
        self.terms.order.fetch_add(1, Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
