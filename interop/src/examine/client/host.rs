//! The played server on its port: reads whole requests, writes answers, and records every byte.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::dialect::Dialect;
use crate::examine::client::book::Book;
use crate::examine::client::large::Zeros;
use crate::examine::client::reply::{Pieces, Reply, Then};
use crate::frame::{self, Frame};
use crate::message::{Direction, Field, Kind};
use crate::record::{Connection, End, Ended, Recording};

/// Requests that are larger are not kept, and may be of zeros alone.
const KEPT: usize = 64 << 20;
/// A read of so many bytes shows that the reader lags behind: where it ends says nothing of the sender's writes.
const BEHIND: usize = 16 << 10;
/// Between two pieces of an answer: long enough that a reader which waits for one sees it alone.
const PACE: Duration = Duration::from_millis(5);
/// The same where every byte is a piece.
const BYTE_PACE: Duration = Duration::from_micros(200);

/// What a script sees of a request.
pub(crate) struct Asked {
    pub(crate) kind: Option<Kind>,
    /// How many requests of this kind this run has sent, this one included.
    pub(crate) nth: usize,
}

impl Asked {
    pub(crate) fn is(&self, kind: Kind) -> bool {
        self.kind == Some(kind)
    }

    pub(crate) fn is_nth(&self, kind: Kind, nth: usize) -> bool {
        self.kind == Some(kind) && self.nth == nth
    }
}

/// What a case makes of the answers.
pub(crate) type Script = Box<dyn FnMut(&Asked, &mut Reply) + Send>;

/// A server in this process, on a port of its own.
pub(super) struct Host {
    shared: Arc<Shared>,
    pub(super) address: SocketAddr,
}

struct Shared {
    dialect: Arc<Dialect>,
    /// One read deadline.
    patience: Duration,
    state: Mutex<State>,
    recording: Mutex<Recording>,
    order: AtomicU64,
    /// The run that connections belong to now.
    run: AtomicUsize,
    busy: Mutex<usize>,
    idle: Condvar,
    closed: AtomicBool,
}

pub(super) struct State {
    pub(super) book: Book,
    pub(super) script: Option<Script>,
    /// The requests of each run, packets of a file counted once.
    pub(super) courses: Vec<Vec<Kind>>,
    /// What the server itself found wrong: what was due, and what came.
    pub(super) faults: Vec<(String, String)>,
    /// Requests of more bytes are refused by their header, and the connection is reset.
    pub(super) most: usize,
    /// The other ends of open connections, by number: to end them with the case.
    open: Vec<(usize, TcpStream)>,
}

impl Host {
    pub(super) fn start(dialect: &Arc<Dialect>, patience: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            dialect: Arc::clone(dialect),
            patience,
            state: Mutex::new(State {
                book: Book::new(dialect),
                script: None,
                courses: Vec::new(),
                faults: Vec::new(),
                most: usize::MAX,
                open: Vec::new(),
            }),
            recording: Mutex::default(),
            order: AtomicU64::new(0),
            run: AtomicUsize::new(0),
            busy: Mutex::new(0),
            idle: Condvar::new(),
            closed: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("played server".into())
            .spawn(move || accept(&of_thread, &listener))?;
        Ok(Self { shared, address })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }

    /// Connections belong to this run from now on.
    pub(super) fn begin_run(&self, run: usize) {
        self.shared.run.store(run, Ordering::SeqCst);
        self.state().courses.resize(run + 1, Vec::new());
    }

    /// Ends what is open, by nobody's fault: the client was killed.
    pub(super) fn excuse(&self) {
        for connection in &mut lock(&self.shared.recording).connections {
            connection.excused |= !connection.over;
        }
        for (_, stream) in self.state().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Waits until no connection moves any more, and takes what was recorded.
    pub(super) fn settle(&self, deadline: Instant) {
        let mut busy = lock(&self.shared.busy);
        while *busy > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            busy = self
                .shared
                .idle
                .wait_timeout(busy, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    pub(super) fn take_recording(&self) -> Recording {
        std::mem::take(&mut *lock(&self.shared.recording))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        // Wakes the accept; it sees that the server is closed.
        drop(TcpStream::connect(self.address));
        for (_, stream) in self.state().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for stream in listener.incoming() {
        if shared.closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let number = {
            let mut recording = lock(&shared.recording);
            recording.connections.push(Connection {
                door: shared.run.load(Ordering::SeqCst),
                ..Connection::default()
            });
            recording.connections.len() - 1
        };
        if let Ok(stream) = stream.try_clone() {
            lock(&shared.state).open.push((number, stream));
        }
        *lock(&shared.busy) += 1;
        let of_thread = Arc::clone(shared);
        let started = thread::Builder::new()
            .name(format!("connection {number}"))
            .spawn(move || {
                let mut line = Line {
                    shared: &of_thread,
                    number,
                    stream,
                    waiting: VecDeque::new(),
                };
                // A client that goes away is the judge's affair.
                let _ = line.serve();
                line.over();
                drop(line);
                of_thread.done();
            });
        if started.is_err() {
            shared.done();
        }
    }
}

impl Shared {
    fn done(&self) {
        *lock(&self.busy) -= 1;
        self.idle.notify_all();
    }

    fn record(&self, number: usize, change: impl FnOnce(&mut Connection, u64)) {
        let mut recording = lock(&self.recording);
        let order = self.order.fetch_add(1, Ordering::SeqCst);
        if let Some(connection) = recording.connections.get_mut(number) {
            change(connection, order);
        }
    }
}

/// One connection.
struct Line<'a> {
    shared: &'a Shared,
    number: usize,
    stream: TcpStream,
    /// Bytes that were read and belong to the next request.
    waiting: VecDeque<u8>,
}

/// What came of reading a request.
enum Request {
    Whole(Vec<u8>),
    /// Header and fixed fields of a 1103 that is too large to keep.
    Large(Vec<u8>, u64),
    /// Not read: it is larger than the case allows.
    Refused,
    End,
}

impl Line<'_> {
    fn serve(&mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        self.stream
            .set_write_timeout(Some(self.shared.patience * 5))?;
        loop {
            let (bytes, large) = match self.request()? {
                Request::Whole(bytes) => (bytes, None),
                Request::Large(bytes, size) => (bytes, Some(size)),
                Request::Refused => {
                    let mut reply = Reply::new(&self.shared.dialect);
                    reply.refuse(Kind::SendFile);
                    self.deliver(&reply)?;
                    return self.reset();
                }
                Request::End => return Ok(()),
            };
            if let Some(size) = large {
                self.swallow(&bytes, size)?;
            }
            let Some(reply) = self.answer(&bytes) else {
                return Ok(());
            };
            self.deliver(&reply)?;
            match reply.then {
                Then::Stay => {}
                Then::Close => return self.close(),
                Then::Reset => return self.reset(),
                Then::AwaitEnd => {
                    let ended = self.drain(self.shared.patience)?;
                    if !ended {
                        let due = "the client ends its sending side after its last verdict";
                        self.fault(due, "nothing within one read deadline");
                    }
                    return self.close();
                }
            }
        }
    }

    fn answer(&self, bytes: &[u8]) -> Option<Reply> {
        let frame = frame_of(&self.shared.dialect, bytes)?;
        let run = self.shared.run.load(Ordering::SeqCst);
        let mut state = lock(&self.shared.state);
        let mut nth = 1;
        if let Some(course) = state.courses.get_mut(run)
            && let Some(kind) = frame.kind
        {
            if !frame.is_further_packet() {
                course.push(kind);
            }
            nth = course.iter().filter(|other| **other == kind).count();
        }
        let mut reply = state.book.answer(self.number, &frame);
        let asked = Asked {
            kind: frame.kind,
            nth,
        };
        let unfinished = frame.kind == Some(Kind::SendFile) && reply.bytes.is_empty();
        if let Some(script) = state.script.as_mut()
            && !unfinished
        {
            script(&asked, &mut reply);
        }
        Some(reply)
    }

    fn deliver(&mut self, reply: &Reply) -> io::Result<()> {
        if reply.held {
            self.hold()?;
        }
        match reply.pieces {
            Pieces::One => self.write(&reply.bytes),
            Pieces::Two(at) => {
                let at = at.min(reply.bytes.len());
                let (first, rest) = reply.bytes.split_at(at);
                self.write(first)?;
                thread::sleep(PACE);
                self.write(rest)
            }
            Pieces::EachByte => {
                for byte in &reply.bytes {
                    self.write(std::slice::from_ref(byte))?;
                    thread::sleep(BYTE_PACE);
                }
                Ok(())
            }
        }
    }

    /// Lets one read deadline pass in which nothing may come.
    fn hold(&mut self) -> io::Result<()> {
        if self.read_some(Some(self.shared.patience))? != Came::Nothing {
            let got = "something came before it, or the stream ended";
            self.fault("the response is waited for", got);
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        // Before it leaves: what it brings about comes after it.
        self.shared.record(self.number, |connection, order| {
            connection.responses.sent.push(bytes, order, false);
        });
        self.stream.write_all(bytes)
    }

    /// The connection ends with a reset once nobody has it any more.
    fn reset(&self) -> io::Result<()> {
        self.end_of_responses(Ended::Reset);
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }

    /// Ends the sending side, and throws away what still comes.
    fn close(&mut self) -> io::Result<()> {
        self.end_of_responses(Ended::Finished);
        self.stream.shutdown(Shutdown::Write)?;
        let drained = self.drain(self.shared.patience);
        self.count_unanswered();
        drained.map(|_| ())
    }

    /// What came behind the end of the responses belongs to the course all the same.
    fn count_unanswered(&mut self) {
        let bytes = self.waiting.make_contiguous();
        let (frames, _) = frame::split(&self.shared.dialect, Direction::Request, bytes);
        let run = self.shared.run.load(Ordering::SeqCst);
        if let Some(course) = lock(&self.shared.state).courses.get_mut(run) {
            let whole = frames.iter().filter(|frame| !frame.is_further_packet());
            course.extend(whole.filter_map(|frame| frame.kind));
        }
    }

    /// Reads on to the end of the stream, and keeps what a few messages are; `false` if a deadline passes without a
    /// byte.
    fn drain(&mut self, patience: Duration) -> io::Result<bool> {
        loop {
            match self.read_some(Some(patience))? {
                Came::Bytes if self.waiting.len() > KEPT => self.waiting.clear(),
                Came::Bytes => {}
                Came::End => return Ok(true),
                Came::Nothing => return Ok(false),
            }
        }
    }

    fn request(&mut self) -> io::Result<Request> {
        let dialect = &self.shared.dialect;
        let header_size = frame::header_size(dialect, Direction::Request);
        if !self.gather(header_size)? {
            return Ok(Request::End);
        }
        let bytes = self.waiting.make_contiguous();
        let Some(header) = frame::header(dialect, Direction::Request, bytes) else {
            return Ok(Request::End);
        };
        let total = match dialect.kind(Direction::Request, header.code) {
            // What follows an unknown code is no message.
            None => header_size,
            Some(_) => frame::extent(dialect, Direction::Request, &header).total,
        };
        if total > lock(&self.shared.state).most {
            return Ok(Request::Refused);
        }
        if total <= KEPT {
            let whole = self.gather(total)?;
            return Ok(match whole {
                true => Request::Whole(self.waiting.drain(..total).collect()),
                false => Request::End,
            });
        }
        let head = header_size + frame::fixed_payload_size(dialect, Kind::SendFile);
        if dialect.kind(Direction::Request, header.code) != Some(Kind::SendFile)
            || !self.gather(head)?
        {
            return Ok(Request::End);
        }
        let bytes = self.waiting.drain(..head).collect();
        Ok(Request::Large(bytes, (total - head) as u64))
    }

    /// Takes in a content that is too large to keep: it has to be the zeros of the file.
    fn swallow(&mut self, head: &[u8], size: u64) -> io::Result<()> {
        let (key, zeros) = {
            let state = lock(&self.shared.state);
            let frame = frame_of(&self.shared.dialect, head);
            let name = frame.map(|frame| frame.get(Field::FileName).to_vec());
            let name = name.unwrap_or_default();
            let text = frame::name_text(&name).unwrap_or_default();
            (state.book.last_key(), state.book.zeros_of(text))
        };
        let (Some(key), Some(zeros)) = (key, zeros) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let mut check = Zeros::new(key, zeros);
        let first: Vec<u8> = self.waiting.drain(..).collect();
        let mut left = size.saturating_sub(first.len() as u64);
        check.take(&first);
        self.stream
            .set_read_timeout(Some(self.shared.patience * 5))?;
        let mut buffer = vec![0; 1 << 20];
        while left > 0 {
            let most = usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let part = buffer.get_mut(..most).unwrap_or_default();
            let got = self.stream.read(part)?;
            if got == 0 {
                self.fault("the whole content", "the end of the stream in it");
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            check.take(buffer.get(..got).unwrap_or_default());
            left -= got as u64;
        }
        if let Some((due, came)) = check.fault() {
            self.fault(&due, &came);
        }
        Ok(())
    }

    /// Waits until so many bytes are there. Between two requests a client may take its time; in the middle of
    /// one it has one read deadline.
    fn gather(&mut self, size: usize) -> io::Result<bool> {
        while self.waiting.len() < size {
            let patience = (!self.waiting.is_empty()).then_some(self.shared.patience);
            match self.read_some(patience)? {
                Came::Bytes => {}
                Came::End => return Ok(false),
                Came::Nothing => {
                    self.close()?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn read_some(&mut self, patience: Option<Duration>) -> io::Result<Came> {
        self.stream.set_read_timeout(patience)?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.end_of_requests(Ended::Finished);
                    return Ok(Came::End);
                }
                Ok(size) => {
                    let bytes = buffer.get(..size).unwrap_or_default();
                    let full = size >= BEHIND;
                    self.shared.record(self.number, |connection, order| {
                        connection.requests.sent.push(bytes, order, full);
                    });
                    self.waiting.extend(bytes);
                    return Ok(Came::Bytes);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                        return Ok(Came::Nothing);
                    }
                    _ => {
                        self.end_of_requests(Ended::Reset);
                        return Err(error);
                    }
                },
            }
        }
    }

    fn end_of_requests(&self, how: Ended) {
        self.shared.record(self.number, |connection, order| {
            let end = &mut connection.requests.sent.end;
            end.get_or_insert(End { how, order });
        });
    }

    fn end_of_responses(&self, how: Ended) {
        self.shared.record(self.number, |connection, order| {
            let end = &mut connection.responses.sent.end;
            end.get_or_insert(End { how, order });
        });
    }

    fn over(&self) {
        self.end_of_responses(Ended::Finished);
        // As long as a copy of it is kept, the connection does not end.
        let number = self.number;
        lock(&self.shared.state)
            .open
            .retain(|(other, _)| *other != number);
        self.shared
            .record(self.number, |connection, _| connection.over = true);
    }

    fn fault(&self, due: &str, came: &str) {
        let mut state = lock(&self.shared.state);
        state.faults.push((due.to_owned(), came.to_owned()));
    }
}

/// What a read brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Bytes,
    End,
    /// Nothing within the deadline.
    Nothing,
}

/// The request of these bytes, of which the content may be missing.
fn frame_of<'a>(dialect: &Dialect, bytes: &'a [u8]) -> Option<Frame<'a>> {
    let header = frame::header(dialect, Direction::Request, bytes)?;
    Some(Frame::cut(dialect, Direction::Request, header, bytes, 0))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
