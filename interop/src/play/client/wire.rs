//! How the played client writes and reads.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::frame::{self, Id};
use crate::message::{Direction, Field, Kind};
use crate::play::client::{Client, End, Fault, Step};

/// Larger responses are no messages of the protocol.
const LARGEST_RESPONSE: usize = 4096;

/// Why a run ends early.
#[derive(Debug)]
pub(super) enum Broken {
    /// The connection is gone, or a file.
    Io(io::Error),
    /// It has to end so.
    End(End),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A response as it came.
pub(super) struct Raw {
    pub(super) kind: Option<Kind>,
    bytes: Vec<u8>,
}

/// A response that was due.
pub(super) struct Response {
    pub(super) kind: Kind,
    fields: Vec<(Field, Vec<u8>)>,
}

impl Response {
    /// The bytes of a field; none where it has no such field.
    pub(super) fn get(&self, field: Field) -> Vec<u8> {
        let found = self.fields.iter().find(|(known, _)| *known == field);
        found.map(|(_, bytes)| bytes.clone()).unwrap_or_default()
    }
}

impl Client {
    /// The response to a request: one of these, or one that says no. Acknowledgements before it are not
    /// waited for (2.12).
    pub(super) fn answer(&mut self, due: &[Kind]) -> Step<Response> {
        // More than any server sends; a case that never ends is the examiner's.
        for _ in 0..16 {
            let raw = self.read()?;
            let wanted = raw
                .kind
                .filter(|kind| kind.is_negative() || due.contains(kind));
            let kind = match (wanted, raw.kind) {
                (Some(kind), _) => kind,
                (None, Some(Kind::Acknowledged)) if self.skips(&raw) => {
                    if self.is(Fault::LosesJoined) {
                        self.throw_away()?;
                    }
                    continue;
                }
                (None, Some(_)) if self.is(Fault::SkipsUnexpected) => continue,
                (None, _) if self.is(Fault::IgnoresCode) => {
                    due.first().copied().ok_or(Broken::End(End::Violation))?
                }
                (None, _) => return Err(Broken::End(End::Violation)),
            };
            return self.response(kind, raw);
        }
        Err(Broken::End(End::Violation))
    }

    /// Whether an acknowledgement that is not due is skipped.
    fn skips(&self, acknowledged: &Raw) -> bool {
        let header = frame::header_size(self.dialect(), Direction::Response);
        let size = acknowledged.bytes.len() - header;
        match self.job.fault {
            Some(Fault::AcknowledgementEmptyOnly) => size == 0,
            Some(Fault::AcknowledgementWithIdOnly) => size > 0,
            _ => true,
        }
    }

    /// Takes a response apart.
    fn response(&self, kind: Kind, mut raw: Raw) -> Step<Response> {
        let dialect = self.dialect();
        if self.is(Fault::IgnoresCode)
            && let Some(code) = dialect.code(kind)
        {
            let order = dialect.byte_order;
            for place in self.places(&raw.bytes) {
                if place.field == Field::Code
                    && let Some(field) = raw.bytes.get_mut(place.range)
                {
                    field.copy_from_slice(&order.bytes_of(code.into(), field.len()));
                }
            }
        }
        let header = frame::header(dialect, Direction::Response, &raw.bytes);
        let header = header.ok_or(Broken::End(End::Violation))?;
        let payload = frame::extent(dialect, Direction::Response, &header).payload;
        let sizes = match kind {
            kind if kind.is_negative() => vec![0, 16],
            kind => vec![frame::fixed_payload_size(dialect, kind)],
        };
        let other_size = match self.is(Fault::OneSizeOfRefusal) {
            true => payload != frame::fixed_payload_size(dialect, kind),
            false => !sizes.contains(&payload) && !self.is(Fault::IgnoresSize),
        };
        if other_size || (self.is(Fault::WantsVersion3) && header.version != 3) {
            return Err(Broken::End(End::Violation));
        }
        let fields = self
            .places(&raw.bytes)
            .into_iter()
            .map(|place| {
                let bytes = raw.bytes.get(place.range).unwrap_or_default();
                (place.field, bytes.to_vec())
            })
            .collect();
        Ok(Response { kind, fields })
    }

    fn places(&self, bytes: &[u8]) -> Vec<frame::Place> {
        let direction = Direction::Response;
        frame::header(self.dialect(), direction, bytes)
            .map(|header| frame::places(self.dialect(), direction, &header))
            .unwrap_or_default()
    }

    /// Whether a response is to this client.
    pub(super) fn is_own(&self, response: &Response, id: &Id, unless: Fault) -> Step<()> {
        let found = response.get(Field::ClientId);
        let lenient =
            self.is(unless) || self.is(Fault::OtherIdInKey) || self.is(Fault::OtherIdInFile);
        match found.is_empty() || found == id || lenient {
            true => Ok(()),
            false => Err(Broken::End(End::Violation)),
        }
    }

    pub(super) fn request(&self, kind: Kind, id: &Id, payload: &[u8]) -> Vec<u8> {
        let mut bytes = frame::request(self.dialect(), kind, id, payload);
        if self.is(Fault::Version2)
            && let Some(version) = bytes.get_mut(frame::ID_SIZE)
        {
            *version = 2;
        }
        bytes
    }

    pub(super) fn write(
        &mut self,
        kind: Kind,
        id: &Id,
        payload: &[u8],
        before: Vec<u8>,
    ) -> Step<()> {
        if self.is(Fault::SkipsStray) {
            self.throw_away()?;
        }
        let mut bytes = before;
        bytes.extend(self.request(kind, id, payload));
        if self.is(Fault::TwoWrites) {
            let size = frame::header_size(self.dialect(), Direction::Request);
            let (header, payload) = bytes.split_at(size);
            self.put(header)?;
            thread::sleep(Duration::from_millis(30));
            return self.put(payload);
        }
        self.put(&bytes)?;
        let small = matches!(kind, Kind::SendPublicKey | Kind::Reconnect);
        if self.is(Fault::Impatient) && small && self.is_slow_to_answer()? {
            self.put(&bytes)?;
        }
        Ok(())
    }

    pub(super) fn is_slow_to_answer(&mut self) -> Step<bool> {
        let Some(stream) = &self.stream else {
            return Ok(false);
        };
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        let slow = stream.peek(&mut [0]).is_err();
        stream.set_read_timeout(None)?;
        Ok(slow)
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Step<()> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => TcpStream::connect(&self.job.server)?,
        };
        stream.set_nodelay(true)?;
        let written = self.stream.insert(stream).write_all(bytes);
        match written {
            Err(_) if self.is(Fault::DiesOfReset) => Err(Broken::End(End::Crashed)),
            // A server that refuses before it has read everything may have answered (2.10).
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }

    /// Throws away what has come and was not read.
    fn throw_away(&mut self) -> Step<()> {
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        stream.set_nonblocking(true)?;
        let _ = stream.read(&mut [0; LARGEST_RESPONSE]);
        Ok(stream.set_nonblocking(false)?)
    }

    pub(super) fn read(&mut self) -> Step<Raw> {
        let read = self.read_bytes();
        let bytes = match read {
            Err(Broken::Io(_)) if self.is(Fault::DiesOfReset) => {
                return Err(Broken::End(End::Crashed));
            }
            read => read?,
        };
        let kind = frame::header(self.dialect(), Direction::Response, &bytes)
            .and_then(|header| self.dialect().kind(Direction::Response, header.code));
        if self.per_request() {
            self.finish()?;
        }
        Ok(Raw { kind, bytes })
    }

    fn read_bytes(&mut self) -> Step<Vec<u8>> {
        let fault = self.job.fault;
        let dialect = &self.job.dialect;
        let direction = Direction::Response;
        let stream = self.stream.as_mut().ok_or_else(not_connected)?;
        if fault == Some(Fault::OneRead) {
            let mut bytes = vec![0; 512];
            let size = stream.read(&mut bytes)?;
            bytes.truncate(size);
            return Ok(bytes);
        }
        let mut bytes = vec![0; frame::header_size(dialect, direction)];
        let begun = fault == Some(Fault::DiesOfCut) && stream.peek(&mut [0])? > 0;
        if fault == Some(Fault::HeaderOneRead) {
            let size = stream.read(&mut bytes)?;
            bytes.truncate(size);
        } else if let Err(error) = stream.read_exact(&mut bytes) {
            return Err(match fault {
                Some(Fault::DiesOfCut) if begun => Broken::End(End::Crashed),
                _ => error.into(),
            });
        }
        let header = frame::header(dialect, direction, &bytes);
        let header = header.ok_or(Broken::End(End::Violation))?;
        let total = frame::extent(dialect, direction, &header).total;
        if total > LARGEST_RESPONSE {
            return Err(Broken::End(match fault {
                Some(Fault::TrustsSize) => End::Crashed,
                _ => End::Violation,
            }));
        }
        let mut payload = vec![0; total.saturating_sub(bytes.len())];
        let once = match dialect.kind(direction, header.code) {
            Some(Kind::Registered) => Some(Fault::IdOneRead),
            Some(Kind::AesKey) => Some(Fault::KeyOneRead),
            Some(Kind::FileReceived) => Some(Fault::ReceivedOneRead),
            _ => None,
        };
        if fault.is_some() && fault == once {
            let size = stream.read(&mut payload)?;
            payload.truncate(size);
        } else if let Err(error) = stream.read_exact(&mut payload)
            && !matches!(fault, Some(Fault::CutIsKey | Fault::NoCksumIsRight))
        {
            return Err(error.into());
        }
        bytes.append(&mut payload);
        Ok(bytes)
    }

    /// Ends the connection and waits for the server's end; whether a refusal came before it.
    pub(super) fn finish(&mut self) -> Step<bool> {
        let Some(mut stream) = self.stream.take() else {
            return Ok(false);
        };
        if self.is(Fault::Resets) {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            return Ok(false);
        }
        if !self.is(Fault::WaitsForClose) {
            // Where the server has ended the connection already, there is nothing to end.
            let _ = stream.shutdown(Shutdown::Write);
        }
        let mut rest = Vec::new();
        // A reset of the server's is the server's.
        let read = stream.read_to_end(&mut rest);
        if read.is_err() && self.is(Fault::ResetIsFailure) {
            return Err(Broken::End(End::Lost));
        }
        let (frames, _) = frame::split(self.dialect(), Direction::Response, &rest);
        Ok(frames
            .iter()
            .any(|frame| frame.kind.is_some_and(Kind::is_negative)))
    }
}

fn not_connected() -> Broken {
    Broken::Io(io::ErrorKind::NotConnected.into())
}
