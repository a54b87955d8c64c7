//! Messages out of a stream that comes in pieces of any size (PROTOCOL.md 1.4).
//!
//! The sessions read what they know to be due; this is for whoever only looks on.

use super::{DecodeError, Request, RequestHeader, Response, ResponseHeader};
use crate::dialect::Dialect;

/// What a client sent, in order.
#[derive(Clone, Debug)]
pub struct RequestStream {
    dialect: Dialect,
    buffer: Buffer,
    /// Of the content under way: where it begins in its message, its bytes in all, and those to come.
    content: Option<(usize, u32, u32)>,
    failed: Option<DecodeError>,
}

/// A part of what a client sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RequestPart {
    /// A request, for a send file without its content.
    Request(RequestHeader, Request),
    /// The next bytes of the content of the send file request before it.
    Content(Vec<u8>),
}

impl RequestStream {
    /// Begins at the first byte of a connection.
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            buffer: Buffer::new(),
            content: None,
            failed: None,
        }
    }

    /// Adds bytes in the order they came. They are kept until [`RequestStream::next_part`] has them.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.feed(bytes);
    }

    /// The next part; `None` until more bytes are fed.
    ///
    /// # Errors
    ///
    /// As [`Request::decode`]. Where the next message would begin is not known then: all further
    /// calls fail in the same way.
    pub fn next_part(&mut self) -> Result<Option<RequestPart>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let part = self.read();
        self.failed = part.as_ref().err().copied();
        part
    }

    fn read(&mut self) -> Result<Option<RequestPart>, DecodeError> {
        if let Some((begin, all, left)) = self.content {
            let size = (left as usize).min(self.buffer.len());
            let Some(content) = self.buffer.take(size).filter(|content| !content.is_empty()) else {
                return Ok(None);
            };
            let part = RequestPart::Content(content.to_vec());
            let left = left.saturating_sub(u32::try_from(size).unwrap_or(u32::MAX));
            self.content = (left > 0).then_some((begin, all, left));
            return Ok(Some(part));
        }
        let header_size = self.dialect.request_header_size();
        let Some(bytes) = self.buffer.peek(0, header_size) else {
            return Ok(None);
        };
        let header = RequestHeader::decode(bytes, &self.dialect)?;
        let rest_size = header.rest_size(&self.dialect)?;
        let Some(rest) = self.buffer.peek(header_size, rest_size) else {
            return Ok(None);
        };
        let request = Request::decode(&header, rest, &self.dialect)?;
        let size = header_size.saturating_add(rest_size);
        self.buffer.take(size);
        if let Request::SendFile(file) = &request {
            self.content = Some((size, file.size(), file.size())).filter(|(_, all, _)| *all > 0);
        }
        Ok(Some(RequestPart::Request(header, request)))
    }

    /// Bytes that are still to come of the content under way.
    #[must_use]
    pub fn content_left(&self) -> u32 {
        self.content.map_or(0, |(_, _, left)| left)
    }

    /// Bytes that were fed and that no part has yet.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.buffer.len()
    }

    /// Says that the stream ends here.
    ///
    /// # Errors
    ///
    /// `truncated` if that is in the middle of a request; or what was wrong before.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match (self.failed, self.content) {
            (Some(error), _) => Err(error),
            (None, Some((offset, all, left))) => Err(DecodeError::Truncated {
                field: "message content",
                offset,
                needed: all as usize,
                left: all.saturating_sub(left) as usize,
            }),
            (None, None) => self
                .buffer
                .end(self.dialect.request_header_size(), |header| {
                    RequestHeader::decode(header, &self.dialect)?.rest_size(&self.dialect)
                }),
        }
    }
}

/// What a server sent, in order.
#[derive(Clone, Debug)]
pub struct ResponseStream {
    dialect: Dialect,
    buffer: Buffer,
    failed: Option<DecodeError>,
}

impl ResponseStream {
    /// Begins at the first byte of a connection.
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            buffer: Buffer::new(),
            failed: None,
        }
    }

    /// Adds bytes in the order they came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.feed(bytes);
    }

    /// The next response; `None` until more bytes are fed.
    ///
    /// # Errors
    ///
    /// As [`Response::decode`]. Where the next message would begin is not known then: all further
    /// calls fail in the same way.
    pub fn next_response(&mut self) -> Result<Option<(ResponseHeader, Response)>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let response = self.read();
        self.failed = response.as_ref().err().copied();
        response
    }

    fn read(&mut self) -> Result<Option<(ResponseHeader, Response)>, DecodeError> {
        let header_size = self.dialect.response_header_size();
        let Some(bytes) = self.buffer.peek(0, header_size) else {
            return Ok(None);
        };
        let header = ResponseHeader::decode(bytes, &self.dialect)?;
        let rest_size = header.rest(&self.dialect)?.size();
        let Some(rest) = self.buffer.peek(header_size, rest_size) else {
            return Ok(None);
        };
        let response = Response::decode(&header, rest, &self.dialect)?;
        self.buffer.take(header_size.saturating_add(rest_size));
        Ok(Some((header, response)))
    }

    /// Bytes that were fed and that no part has yet.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.buffer.len()
    }

    /// Says that the stream ends here.
    ///
    /// # Errors
    ///
    /// `truncated` if that is in the middle of a response; or what was wrong before.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.buffer
            .end(self.dialect.response_header_size(), |header| {
                let header = ResponseHeader::decode(header, &self.dialect)?;
                Ok(header.rest(&self.dialect)?.size())
            })
    }
}

/// Bytes that have come and were not taken.
#[derive(Clone, Debug)]
struct Buffer {
    bytes: Vec<u8>,
    /// How many of the bytes are taken: to move the rest for every message would cost the square of
    /// what came at once.
    taken: usize,
}

impl Buffer {
    const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            taken: 0,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken.min(self.bytes.len()));
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.taken)
    }

    fn peek(&self, offset: usize, size: usize) -> Option<&[u8]> {
        let begin = self.taken.checked_add(offset)?;
        self.bytes.get(begin..begin.checked_add(size)?)
    }

    fn take(&mut self, size: usize) -> Option<&[u8]> {
        let begin = self.taken;
        let end = begin.checked_add(size)?;
        let taken = self.bytes.get(begin..end)?;
        self.taken = end;
        Some(taken)
    }

    /// What is wrong if nothing more comes.
    fn end(
        &self,
        header_size: usize,
        rest_size: impl FnOnce(&[u8]) -> Result<usize, DecodeError>,
    ) -> Result<(), DecodeError> {
        let left = self.len();
        let (field, offset, needed) = match self.peek(0, header_size) {
            None if left == 0 => return Ok(()),
            None => ("header", 0, header_size),
            Some(header) => ("payload", header_size, rest_size(header)?),
        };
        Err(DecodeError::Truncated {
            field,
            offset,
            needed,
            left: left.saturating_sub(offset),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::wire::{
        ClientId, Name, Refused, Register, Registered, SendFile, Verdict, VerdictKind,
    };

    fn requests(dialect: &Dialect) -> (Vec<u8>, Vec<RequestPart>) {
        let name = Name::new("a").unwrap();
        let kind = VerdictKind::Right;
        let mut requests = vec![Request::Register(Register { name: name.clone() })];
        requests.extend(
            SendFile::requests(dialect, 40, &name)
                .unwrap()
                .map(Request::SendFile),
        );
        requests.push(Request::Verdict(Verdict {
            kind,
            file_name: name,
        }));
        let (mut bytes, mut parts) = (Vec::new(), Vec::new());
        for request in requests {
            let message = request.encode(dialect, ClientId::ZERO, 3);
            let header = &message[..dialect.request_header_size()];
            let header = RequestHeader::decode(header, dialect).unwrap();
            bytes.extend(message);
            parts.push(RequestPart::Request(header, request.clone()));
            if let Request::SendFile(file) = request {
                let content = vec![0xCC; file.size() as usize];
                bytes.extend(&content);
                parts.push(RequestPart::Content(content));
            }
        }
        (bytes, parts)
    }

    /// Content comes as it was cut; what counts is what it is together.
    fn joined(parts: Vec<RequestPart>) -> Vec<RequestPart> {
        let mut joined: Vec<RequestPart> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (Some(RequestPart::Content(before)), RequestPart::Content(more)) => {
                    before.extend(more);
                }
                (_, part) => joined.push(part),
            }
        }
        joined
    }

    #[test]
    fn finds_the_same_requests_however_they_are_cut() {
        for text in ["seed", "readme", "2024a,packet=16", "seed,align=natural"] {
            let dialect = Dialect::parse(text).unwrap();
            let (bytes, expected) = requests(&dialect);
            for size in [1, 2, 22, 23, 24, 255, 278, 1000, bytes.len()] {
                let mut stream = RequestStream::new(dialect.clone());
                let mut parts = Vec::new();
                for chunk in bytes.chunks(size) {
                    stream.feed(chunk);
                    while let Some(part) = stream.next_part().unwrap() {
                        parts.push(part);
                    }
                }
                assert_eq!(joined(parts), expected, "{text} {size}");
                assert_eq!((stream.finish(), stream.content_left()), (Ok(()), 0));
            }
        }
    }

    #[test]
    fn says_what_an_early_end_cuts_off() {
        let dialect = Dialect::default();
        let (bytes, _) = requests(&dialect);
        let end = |size: usize| {
            let mut stream = RequestStream::new(dialect.clone());
            stream.feed(&bytes[..size]);
            while stream.next_part().unwrap().is_some() {}
            stream.finish().err().map(|error| error.to_string())
        };
        assert_eq!(end(0), None);
        assert_eq!(end(278), None);
        let text = "header at offset 0 needs 23 bytes, 22 are left";
        assert_eq!(end(22).as_deref(), Some(text));
        let text = "payload at offset 23 needs 255 bytes, 254 are left";
        assert_eq!(end(277).as_deref(), Some(text));
        let text = "message content at offset 298 needs 48 bytes, 1 are left";
        assert_eq!(end(278 + 298 + 1).as_deref(), Some(text));
    }

    #[test]
    fn fails_for_good_at_the_first_fault_and_keeps_what_came_before() {
        let dialect = Dialect::default();
        let id = ClientId::from_bytes([1; 16]);
        let registered = Response::Registered(Registered { client_id: id });
        let refused = Response::Refused(Refused { client_id: None });
        let mut bytes = registered.encode(&dialect, 3);
        bytes.extend(refused.encode(&dialect, 3));
        bytes.extend([3, 0xFF, 0xFF, 0, 0, 0, 0]);
        for size in [1, 3, bytes.len()] {
            let mut stream = ResponseStream::new(dialect.clone());
            let (mut found, mut error) = (Vec::new(), None);
            for chunk in bytes.chunks(size) {
                stream.feed(chunk);
                loop {
                    match stream.next_response() {
                        Ok(Some((_, response))) => found.push(response),
                        Ok(None) => break,
                        Err(why) => {
                            error = Some(why);
                            break;
                        }
                    }
                }
            }
            assert_eq!(found, [registered.clone(), refused.clone()]);
            assert_eq!(error.unwrap().slug(), "unknown-code");
            assert_eq!(stream.next_response().unwrap_err(), error.unwrap());
            assert_eq!(stream.unread(), 7);
            assert_eq!(stream.finish().unwrap_err(), error.unwrap());
        }
    }
}
