//! Reading a request, in any segmentation.

use std::io::{self, ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::frame::{self, Frame, Header};
use crate::message::{Direction, Kind};
use crate::play::server::{Fault, Memory, Server};

/// The largest payload that it takes in: the matrix sends nothing larger than 64 MiB.
const LARGEST: usize = 128 << 20;

/// What came on a connection.
pub(super) enum Read {
    Request(Vec<u8>),
    /// The header alone makes it impossible (2.10).
    Impossible(Header),
    /// Of no concern, as a fault has it.
    PassOver,
    /// The connection is at its end.
    Close,
}

impl Server {
    pub(super) fn read(&self, mut stream: &TcpStream, memory: &Memory) -> io::Result<Read> {
        if self.is(Fault::OneRead) {
            let mut bytes = vec![0; 1 << 20];
            let size = stream.read(&mut bytes)?;
            bytes.truncate(size);
            return Ok(if size > 0 {
                Read::Request(bytes)
            } else {
                Read::Close
            });
        }
        let Some(mut bytes) = self.read_header(stream, memory)? else {
            return Ok(Read::Close);
        };
        let direction = Direction::Request;
        let Some(header) = frame::header(&self.dialect, direction, &bytes) else {
            return Ok(Read::Close);
        };
        if let Some(read) = self.impossible(&header) {
            return Ok(read);
        }
        let total = frame::extent(&self.dialect, direction, &header).total;
        if total > LARGEST {
            if self.is(Fault::DiesOf4Gib) {
                self.die();
            }
            // Thrown away until the client has enough of it.
            io::copy(&mut stream, &mut io::sink())?;
            return Ok(Read::Close);
        }
        let kind = self.dialect.kind(direction, header.code);
        let mut payload = vec![0; total.saturating_sub(bytes.len())];
        if let Err(error) = self.read_payload(stream, kind, &mut payload) {
            self.cut(&error, kind, &bytes, payload, memory);
            return Err(error);
        }
        bytes.append(&mut payload);
        Ok(Read::Request(bytes))
    }

    /// A whole header; `None` at the end of the stream.
    fn read_header(&self, mut stream: &TcpStream, memory: &Memory) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; frame::header_size(&self.dialect, Direction::Request)];
        if self.is(Fault::OneReadHeader) {
            let size = stream.read(&mut bytes)?;
            return Ok((size == bytes.len()).then_some(bytes));
        }
        let (first, rest) = bytes.split_at_mut(1);
        match stream.read(first) {
            Ok(0) => {
                if memory.requests == 0 && self.is(Fault::DiesOfNothing) {
                    self.die();
                }
                return Ok(None);
            }
            Ok(_) => {}
            Err(error) => {
                let reset = error.kind() == ErrorKind::ConnectionReset;
                if reset && memory.requests > 0 && self.is(Fault::DiesOfResetLater) {
                    self.die();
                }
                return Err(error);
            }
        }
        if let Err(error) = self.read_exact(stream, rest) {
            if self.is(Fault::DiesOfCut) || self.is(Fault::DiesOfCutHeader) {
                self.die();
            }
            return Err(error);
        }
        Ok(Some(bytes))
    }

    fn read_payload(
        &self,
        mut stream: &TcpStream,
        kind: Option<Kind>,
        payload: &mut [u8],
    ) -> io::Result<()> {
        let fixed = match kind {
            Some(Kind::SendFile) => frame::fixed_payload_size(&self.dialect, Kind::SendFile),
            _ => payload.len(),
        };
        let (head, content) = payload.split_at_mut(fixed.min(payload.len()));
        let once = match kind {
            Some(Kind::Register) => self.is(Fault::OneReadRegister),
            Some(Kind::SendPublicKey) => self.is(Fault::OneReadKey),
            Some(Kind::SendFile) => self.is(Fault::OneReadFile),
            _ => self.is(Fault::OneReadVerdict),
        };
        // What one read does not bring stays zero.
        if once {
            let _some = stream.read(head)?;
        } else {
            self.read_exact(stream, head)?;
        }
        if self.is(Fault::OneReadContent) && !content.is_empty() {
            let _some = stream.read(content)?;
        } else {
            self.read_exact(stream, content)?;
        }
        Ok(())
    }

    fn read_exact(&self, mut stream: &TcpStream, bytes: &mut [u8]) -> io::Result<()> {
        if self.is(Fault::Impatient) {
            stream.set_read_timeout(Some(Duration::from_millis(160)))?;
        }
        let read = stream.read_exact(bytes);
        stream.set_read_timeout(None)?;
        read
    }

    /// A client has vanished in a payload. `there` has what came of it, and zeros.
    fn cut(
        &self,
        error: &io::Error,
        kind: Option<Kind>,
        header: &[u8],
        there: Vec<u8>,
        memory: &Memory,
    ) {
        let reset = error.kind() == ErrorKind::ConnectionReset;
        let dies = match kind {
            _ if self.is(Fault::DiesOfCut) => true,
            _ if reset => self.is(Fault::DiesOfReset),
            Some(Kind::SendPublicKey) => self.is(Fault::DiesOfCutKey),
            Some(Kind::SendFile) => self.is(Fault::DiesOfCutContent),
            _ => false,
        };
        if dies {
            self.die();
        }
        let bytes = [header, &there].concat();
        let (frames, _) = frame::split(&self.dialect, Direction::Request, &bytes);
        match (frames.first(), kind) {
            (Some(request), Some(Kind::Register)) if self.is(Fault::RegistersCutNames) => {
                self.register(request, memory);
            }
            (Some(request), Some(Kind::SendFile)) if self.is(Fault::KeepsCutUploads) => {
                self.keep_cut_upload(request, memory);
            }
            _ => {}
        }
    }

    /// What the header alone makes impossible, and what a fault makes of it.
    fn impossible(&self, header: &Header) -> Option<Read> {
        let Some(kind) = self.dialect.kind(Direction::Request, header.code) else {
            return Some(self.unknown(header));
        };
        let size = header.size as usize;
        let fixed = frame::stated_payload(&self.dialect, kind, size);
        let possible = match kind {
            Kind::SendFile => size >= frame::fixed_payload_size(&self.dialect, kind),
            _ => size == fixed,
        };
        if possible {
            return None;
        }
        let waits = match kind {
            Kind::Register if size == 0 => {
                return Some(match self.is(Fault::IgnoresEmptyRegister) {
                    true => Read::PassOver,
                    false => Read::Impossible(*header),
                });
            }
            Kind::Register if size < fixed => self.is(Fault::WaitsForShortRegister),
            Kind::Register => self.is(Fault::WaitsForLongRegister),
            Kind::SendPublicKey => self.is(Fault::WaitsForKey),
            Kind::SendFile => self.is(Fault::WaitsForShortFile),
            Kind::CksumRight => self.is(Fault::WaitsForRight),
            Kind::CksumWrong if self.is(Fault::SilentAboutWrongSize) => return Some(Read::Close),
            Kind::GiveUp => self.is(Fault::WaitsForGiveUp),
            _ => false,
        };
        (!waits).then_some(Read::Impossible(*header))
    }

    fn unknown(&self, header: &Header) -> Read {
        let code = header.code;
        let swapped = self.dialect.kind(Direction::Request, code.swap_bytes());
        let response = self.dialect.kind(Direction::Response, code);
        let passes = match code {
            0 => self.is(Fault::IgnoresCode0),
            _ if response.is_some() => self.is(Fault::IgnoresResponseCodes),
            _ if swapped.is_some() => self.is(Fault::IgnoresSwappedCodes),
            // "TT" of "HTTP".
            0x5454 if self.is(Fault::ClosesOnText) => return Read::Close,
            _ => self.is(Fault::IgnoresUnknownCodes),
        };
        match passes {
            true => Read::PassOver,
            false => Read::Impossible(*header),
        }
    }

    /// Throws away what has come behind a request, as a fault has it.
    pub(super) fn throw_away(
        &self,
        stream: &TcpStream,
        request: &Frame<'_>,
        memory: &Memory,
    ) -> io::Result<()> {
        let does = match self.fault {
            Some(Fault::ForgetsWhatFollows) => request.kind == Some(Kind::Register),
            Some(Fault::ForgetsBehindThree) => memory.requests == 3,
            Some(Fault::ForgetsBehindWrong) => request.kind == Some(Kind::CksumWrong),
            _ => false,
        };
        if does && has_more(stream)? {
            let mut stream = stream;
            let _some = stream.read(&mut vec![0; 64 << 10])?;
        }
        Ok(())
    }
}

/// Whether more has come already.
pub(super) fn has_more(stream: &TcpStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    Ok(peeked.is_ok_and(|size| size > 0))
}
