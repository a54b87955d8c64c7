//! One connection to the played server: requests come, answers go, and every byte is written down.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::dialect::Dialect;
use crate::examine::client::host::{Asked, Shared, lock};
use crate::examine::client::large::Zeros;
use crate::examine::client::reply::{Pieces, Reply, Then};
use crate::frame::{self, Frame};
use crate::message::{Direction, Field, Kind};
use crate::record::{End, Ended};

/// Requests that are larger are not kept, and may be of zeros alone.
const KEPT: usize = 64 << 20;
/// A read of so many bytes shows that the reader lags behind: where it ends says nothing of the sender's writes.
const BEHIND: usize = 16 << 10;
/// Between two pieces of an answer: long enough that a reader which waits for one sees it alone.
const PACE: Duration = Duration::from_millis(5);
/// The same where every byte is a piece.
const BYTE_PACE: Duration = Duration::from_micros(200);

/// One connection.
pub(super) struct Line<'a> {
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

impl<'a> Line<'a> {
    pub(super) fn new(shared: &'a Shared, number: usize, stream: TcpStream) -> Self {
        Self {
            shared,
            number,
            stream,
            waiting: VecDeque::new(),
        }
    }

    /// Answers until one side has ended it.
    pub(super) fn serve(&mut self) -> io::Result<()> {
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
            match large {
                Some(size) => self.swallow(&bytes, size)?,
                None => self.look_at(&bytes),
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

    /// What compares the content of a 1103, where its file is one of zeros.
    fn zeros(&self, request: &Frame<'_>) -> Option<Zeros> {
        let state = lock(&self.shared.state);
        let text = frame::name_text(request.get(Field::FileName)).unwrap_or_default();
        let size = state.book.zeros_of(text)?;
        Some(Zeros::new(state.book.last_key()?, size))
    }

    /// Compares the content of a request that is smaller than a file of zeros should make it.
    fn look_at(&self, bytes: &[u8]) {
        let frame = frame_of(&self.shared.dialect, bytes);
        let file = frame.filter(|frame| frame.kind == Some(Kind::SendFile));
        if let Some(file) = file
            && let Some(mut check) = self.zeros(&file)
        {
            check.take(file.get(Field::Content));
            self.judge(&check);
        }
    }

    fn judge(&self, check: &Zeros) {
        if let Some((due, came)) = check.fault() {
            self.fault(&due, &came);
        }
    }

    /// Takes in a content that is too large to keep: it has to be the zeros of the file.
    fn swallow(&mut self, head: &[u8], size: u64) -> io::Result<()> {
        let frame = frame_of(&self.shared.dialect, head);
        let Some(mut check) = frame.and_then(|frame| self.zeros(&frame)) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
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
        self.judge(&check);
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

    fn fault(&self, due: &str, came: &str) {
        let mut state = lock(&self.shared.state);
        state.faults.push((due.to_owned(), came.to_owned()));
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.end_of_responses(Ended::Finished);
        // As long as a copy of it is kept, the connection does not end.
        let number = self.number;
        lock(&self.shared.state)
            .open
            .retain(|(other, _)| *other != number);
        self.shared
            .record(self.number, |connection, _| connection.over = true);
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
