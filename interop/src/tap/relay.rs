//! One connection on its way through the tap: two threads, one a direction.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::dialect::Dialect;
use crate::message::Direction;
use crate::record::{End, Ended, Stream};
use crate::tap::flip::Flipper;
use crate::tap::meddle::{Fate, Meddle};
use crate::tap::tracker::{Piece, Tracker};
use crate::tap::{Observe, Shared, lock};

/// Larger than any message but a 1103, so that a whole message written at once is read at once.
const BUFFER: usize = 256 * 1024;

/// The plan of a run, as its connections share it.
#[derive(Clone)]
pub(super) struct Treatment {
    pub(super) dialect: Arc<Dialect>,
    pub(super) meddle: Option<Arc<Mutex<Box<dyn Meddle>>>>,
    pub(super) bytewise: bool,
    pub(super) split: Option<usize>,
    pub(super) delay: Option<Duration>,
    pub(super) observe: Option<Arc<dyn Observe>>,
    pub(super) one_at_a_time: bool,
}

/// One direction of a connection.
struct Lane<'a> {
    shared: &'a Shared,
    treatment: &'a Treatment,
    number: usize,
    direction: Direction,
    from: &'a TcpStream,
    /// Set by whoever saw a reset: the other direction ends without a word.
    aborted: &'a AtomicBool,
    /// Set where a scenario has ended this direction early; its sender is listened to no less.
    ended: &'a AtomicBool,
    other_ended: &'a AtomicBool,
}

/// Moves a connection until both sides have ended it.
pub(super) fn run(shared: &Shared, number: usize, client: &TcpStream, treatment: &Treatment) {
    let _turn = treatment.one_at_a_time.then(|| lock(&shared.turn));
    if ready(client).is_err() {
        return;
    }
    let aborted = AtomicBool::new(false);
    let ended = [AtomicBool::new(false), AtomicBool::new(false)];
    let lane = |direction, from, mine: usize| Lane {
        shared,
        treatment,
        number,
        direction,
        from,
        aborted: &aborted,
        ended: ended.get(mine).unwrap_or(&aborted),
        other_ended: ended.get(1 - mine).unwrap_or(&aborted),
    };
    if treatment.meddle.is_none() {
        // At once, as a client that waits for the server's first word would see.
        let Some(server) = connect(shared, number, client, treatment) else {
            return;
        };
        thread::scope(|scope| {
            scope.spawn(|| lane(Direction::Response, &server, 1).pump(client));
            lane(Direction::Request, client, 0).pump(&server);
        });
        return;
    }
    shared.record(number, |connection| {
        connection.requests.delivered = Some(Stream::default());
        connection.responses.delivered = Some(Stream::default());
    });
    // With the first byte that goes on, so that a scenario can exchange the server before it.
    let mut requests = Moving::new(lane(Direction::Request, client, 0));
    let mut first = Vec::new();
    while first.is_empty() {
        match requests.read() {
            Ok(Some(steps)) => first = steps,
            Ok(None) | Err(_) => return,
        }
    }
    if let Some(Step::Hold(gate)) = first.first()
        && !gate.pass(shared.deadline)
    {
        return;
    }
    let Some(server) = connect(shared, number, client, treatment) else {
        return;
    };
    thread::scope(|scope| {
        let _told = AbortOnPanic(&aborted);
        scope.spawn(|| lane(Direction::Response, &server, 1).pump(client));
        requests.perform(first, &server);
        requests.pump(&server);
    });
}

fn connect(
    shared: &Shared,
    number: usize,
    client: &TcpStream,
    treatment: &Treatment,
) -> Option<TcpStream> {
    let target = *lock(&shared.target);
    let server = target.and_then(|target| TcpStream::connect(target).ok());
    if let (Some(observe), Ok(peer)) = (&treatment.observe, client.peer_addr()) {
        observe.opened(number, peer, server.as_ref().and(target));
    }
    match server {
        Some(server) if ready(&server).is_ok() => Some(server),
        _ => {
            // As if nobody listened: the client sees a reset.
            let _ = SockRef::from(client).set_linger(Some(Duration::ZERO));
            None
        }
    }
}

fn ready(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // Wakes a thread whose deadline has come.
    stream.set_read_timeout(Some(Duration::from_millis(500)))
}

/// What is to be done with a read, in order.
enum Step {
    Write(Vec<u8>),
    Hold(Arc<crate::tap::Gate>),
    Cut,
    EndOther,
}

/// A lane with what it has to remember between reads.
struct Moving<'a> {
    lane: Lane<'a>,
    flipper: Option<Flipper>,
    tracker: Tracker,
    /// What waits for the next piece, to go on in one write with it.
    waiting: Vec<u8>,
    buffer: Vec<u8>,
    finished: bool,
}

/// Where a direction panics, the other one is not listened to any more either.
struct AbortOnPanic<'a>(&'a AtomicBool);

impl Drop for AbortOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

impl<'a> Lane<'a> {
    fn pump(self, to: &TcpStream) {
        Moving::new(self).pump(to);
    }
}

impl<'a> Moving<'a> {
    fn new(lane: Lane<'a>) -> Self {
        let shared = lane.shared;
        let flipper = shared
            .flip
            .as_ref()
            .and_then(|flip| Flipper::new(flip, &lane.treatment.dialect, lane.direction));
        Self {
            tracker: Tracker::new(lane.direction),
            flipper,
            waiting: Vec::new(),
            buffer: vec![0; BUFFER],
            finished: false,
            lane,
        }
    }

    fn pump(&mut self, to: &TcpStream) {
        let _told = AbortOnPanic(self.lane.aborted);
        loop {
            match self.read() {
                Ok(Some(steps)) => {
                    self.perform(steps, to);
                    if self.lane.aborted.load(Ordering::SeqCst) {
                        return;
                    }
                }
                Ok(None) => {
                    if self.lane.aborted.load(Ordering::SeqCst) {
                        return;
                    }
                    self.end_delivery(to);
                    return;
                }
                Err(_) => {
                    self.record_delivered_end(self.lane.direction, Ended::Reset);
                    // A reset goes on as a reset: no end may reach the other side before it. The
                    // end of reading wakes the other direction and sends nothing.
                    self.lane.aborted.store(true, Ordering::SeqCst);
                    let _ = SockRef::from(to).set_linger(Some(Duration::ZERO));
                    let _ = to.shutdown(Shutdown::Read);
                    return;
                }
            }
        }
    }

    /// Reads once and writes it down; `None` at the end of the stream.
    fn read(&mut self) -> io::Result<Option<Vec<Step>>> {
        if self.finished {
            return Ok(None);
        }
        let size = match self.read_before_deadline() {
            Ok(size) => size,
            Err(error) => {
                self.record_end(Ended::Reset);
                return Err(error);
            }
        };
        if self.lane.aborted.load(Ordering::SeqCst) {
            return Ok(None);
        }
        if size == 0 {
            let mut steps = self.at_end();
            steps.retain(|step| !matches!(step, Step::Write(bytes) if bytes.is_empty()));
            self.finished = true;
            return Ok(if steps.is_empty() { None } else { Some(steps) });
        }
        let full = size == self.buffer.len();
        let read = self.buffer.get(..size).unwrap_or_default().to_vec();
        let shared = self.lane.shared;
        if let Some(observe) = &self.lane.treatment.observe {
            observe.bytes(self.lane.number, self.lane.direction, &read);
        }
        let sent = match &mut self.flipper {
            Some(flipper) => {
                let dialect = &self.lane.treatment.dialect;
                flipper.feed(dialect, &read, &mut lock(&shared.flipped))
            }
            None => read,
        };
        if sent.is_empty() {
            return Ok(Some(Vec::new()));
        }
        self.record(&sent, full);
        Ok(Some(self.meddle(sent)))
    }

    fn read_before_deadline(&mut self) -> io::Result<usize> {
        loop {
            match (&mut &*self.lane.from).read(&mut self.buffer) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::Interrupted
                    ) =>
                {
                    if Instant::now() >= self.lane.shared.deadline {
                        // Nobody's end: the judge sees a stream without one.
                        self.lane.aborted.store(true, Ordering::SeqCst);
                        return Ok(0);
                    }
                    if self.lane.aborted.load(Ordering::SeqCst) {
                        return Ok(0);
                    }
                }
                other => return other,
            }
        }
    }

    fn meddle(&mut self, bytes: Vec<u8>) -> Vec<Step> {
        let Some(meddle) = &self.lane.treatment.meddle else {
            return vec![Step::Write(bytes)];
        };
        let direction = self.lane.direction;
        let mut steps = Vec::new();
        let mut join = false;
        for piece in self.tracker.feed(&self.lane.treatment.dialect, &bytes) {
            let mut meddle = lock(meddle);
            let (fate, bytes) = match piece {
                Piece::Head { kind, mut bytes } => {
                    (meddle.head(direction, kind, &mut bytes), bytes)
                }
                Piece::Content { offset, mut bytes } => {
                    (meddle.content(direction, offset, &mut bytes), bytes)
                }
            };
            drop(meddle);
            if let Fate::Hold(gate) | Fate::HoldAndCut(gate) = &fate {
                if !self.waiting.is_empty() {
                    steps.push(Step::Write(std::mem::take(&mut self.waiting)));
                }
                steps.push(Step::Hold(Arc::clone(gate)));
            }
            if matches!(fate, Fate::HoldAndCut(_)) {
                steps.push(Step::Cut);
                return steps;
            }
            self.waiting.extend(bytes);
            join = matches!(fate, Fate::JoinNext);
            if matches!(fate, Fate::PassAndEndOther) {
                steps.push(Step::Write(std::mem::take(&mut self.waiting)));
                steps.push(Step::EndOther);
            }
        }
        if !join && !self.waiting.is_empty() {
            steps.push(Step::Write(std::mem::take(&mut self.waiting)));
        }
        steps
    }

    fn at_end(&mut self) -> Vec<Step> {
        let mut rest = self.flipper.as_mut().map(Flipper::rest).unwrap_or_default();
        if !rest.is_empty() {
            self.record(&rest, false);
        }
        self.record_end(Ended::Finished);
        let Some(meddle) = &self.lane.treatment.meddle else {
            return vec![Step::Write(rest)];
        };
        let mut last = std::mem::take(&mut self.waiting);
        last.append(&mut self.tracker.rest());
        last.append(&mut rest);
        let mut steps = vec![Step::Write(last)];
        match lock(meddle).end(self.lane.direction) {
            Fate::Hold(gate) | Fate::HoldAndCut(gate) => steps.push(Step::Hold(gate)),
            Fate::PassAndEndOther => steps.push(Step::EndOther),
            Fate::Pass | Fate::JoinNext => {}
        }
        steps
    }

    fn perform(&mut self, steps: Vec<Step>, to: &TcpStream) {
        for step in steps {
            match step {
                Step::Write(bytes) => self.write(&bytes, to),
                Step::Hold(gate) => {
                    if !gate.pass(self.lane.shared.deadline) {
                        // Nothing may move at the deadline that did not move before it.
                        self.lane.aborted.store(true, Ordering::SeqCst);
                        return;
                    }
                }
                Step::Cut => self.end_delivery(to),
                Step::EndOther => {
                    // The sender of this direction sees the end of the other one.
                    if !self.lane.other_ended.swap(true, Ordering::SeqCst) {
                        let other = match self.lane.direction {
                            Direction::Request => Direction::Response,
                            Direction::Response => Direction::Request,
                        };
                        self.record_delivered_end(other, Ended::Finished);
                        let _ = self.lane.from.shutdown(Shutdown::Write);
                    }
                }
            }
        }
    }

    /// The receiver sees the end of the stream, once.
    fn end_delivery(&self, to: &TcpStream) {
        if !self.lane.ended.swap(true, Ordering::SeqCst) {
            if let Some(observe) = &self.lane.treatment.observe {
                observe.arrived_all(self.lane.number, self.lane.direction);
            }
            self.record_delivered_end(self.lane.direction, Ended::Finished);
            let _ = to.shutdown(Shutdown::Write);
        }
    }

    /// Passes bytes on. A receiver that is gone changes nothing: its own stream tells of it, and the
    /// sender is listened to until it ends.
    fn write(&self, bytes: &[u8], to: &TcpStream) {
        let lane = &self.lane;
        if lane.ended.load(Ordering::SeqCst) {
            return;
        }
        if let Some(observe) = &lane.treatment.observe {
            if lane.treatment.meddle.is_some() || self.flipper.is_some() {
                observe.arrived(lane.number, lane.direction, bytes);
            }
        } else if lane.treatment.meddle.is_some() {
            let order = lane.shared.next();
            let direction = lane.direction;
            lane.shared.record(lane.number, |connection| {
                let delivered = &mut connection.passage_mut(direction).delivered;
                delivered
                    .get_or_insert_with(Stream::default)
                    .push(bytes, order, false);
            });
        }
        let mut to = to;
        if lane.treatment.split.is_some() || lane.treatment.delay.is_some() {
            for piece in bytes.chunks(lane.treatment.split.unwrap_or(BUFFER).max(1)) {
                if let Some(delay) = lane.treatment.delay {
                    thread::sleep(delay);
                }
                if to.write_all(piece).is_err() {
                    return;
                }
                thread::yield_now();
            }
        } else if lane.treatment.bytewise {
            for byte in bytes {
                if to.write_all(std::slice::from_ref(byte)).is_err() {
                    return;
                }
                thread::yield_now();
            }
        } else {
            let _ = to.write_all(bytes);
        }
    }

    fn record(&self, bytes: &[u8], full: bool) {
        // Who looks has seen it, and nothing is kept.
        if self.lane.treatment.observe.is_some() {
            return;
        }
        let order = self.lane.shared.next();
        let direction = self.lane.direction;
        self.lane.shared.record(self.lane.number, |connection| {
            connection
                .passage_mut(direction)
                .sent
                .push(bytes, order, full);
        });
    }

    /// Only a meddled connection has a stream of its own for what arrived.
    fn record_delivered_end(&self, direction: Direction, how: Ended) {
        let order = self.lane.shared.next();
        self.lane.shared.record(self.lane.number, |connection| {
            if let Some(delivered) = &mut connection.passage_mut(direction).delivered {
                delivered.end = Some(End { how, order });
            }
        });
    }

    fn record_end(&self, how: Ended) {
        if let Some(observe) = &self.lane.treatment.observe {
            observe.ended(self.lane.number, self.lane.direction, how);
        }
        let order = self.lane.shared.next();
        let direction = self.lane.direction;
        self.lane.shared.record(self.lane.number, |connection| {
            connection.passage_mut(direction).sent.end = Some(End { how, order });
        });
    }
}
