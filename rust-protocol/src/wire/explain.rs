//! Bytes with the names of their fields, for whoever has to find out what is wrong with them.

use core::cell::RefCell;
use core::fmt;

use super::{DecodeError, Name, Reader, Request, RequestHeader, Response, ResponseHeader};
use crate::dialect::Dialect;

/// A message, field by field, up to the first thing that is wrong with it.
///
/// `Display` draws it as a table. Of a client ID, which is a credential, the table shows four bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation<'a> {
    /// The message that was looked at.
    pub bytes: &'a [u8],
    /// Whether a client sends it.
    pub is_request: bool,
    /// Its code and its name, `2103 file received`, as far as they are known.
    pub title: String,
    /// The fields that could be read, in order and without a gap between them.
    pub fields: Vec<Field>,
    /// What is wrong first. It may be about the last of the fields, or about what follows it.
    pub error: Option<DecodeError>,
}

/// Where a field stands, and what it says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Field {
    /// What the specification calls it; as in [`DecodeError`].
    pub name: &'static str,
    /// Bytes before it, from the first of the message.
    pub offset: usize,
    /// Its bytes.
    pub size: usize,
    /// What they say.
    pub value: FieldValue,
}

/// What the bytes of a field say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FieldValue {
    /// A number, in the byte order of the dialect.
    Number(u32),
    /// The text of a name field up to its NUL; what is not UTF-8 in it is replaced.
    Text(String),
    /// Nothing but bytes.
    Bytes,
}

impl<'a> Explanation<'a> {
    /// Reads one whole request: header, payload, and content or padding.
    #[must_use]
    pub fn request(bytes: &'a [u8], dialect: &Dialect) -> Self {
        let trace = Trace::default();
        let mut title = "request".to_owned();
        let mut r = Reader::new(bytes, 0, dialect.byte_order).traced(Some(&trace));
        let result = RequestHeader::read(&mut r, dialect.alignment).and_then(|header| {
            title = format!("{} unknown request", header.code);
            if let Some(kind) = dialect.request_kind(header.code) {
                title = format!("{} {kind}", header.code);
            }
            let request = Request::read(&header, &mut r, dialect)?;
            if let Request::SendFile(file) = request {
                r.bytes("message content", file.size() as usize)?;
            }
            r.finish()
        });
        Self::new(bytes, true, title, trace, result)
    }

    /// Reads one whole response: header, payload and padding.
    #[must_use]
    pub fn response(bytes: &'a [u8], dialect: &Dialect) -> Self {
        let trace = Trace::default();
        let mut title = "response".to_owned();
        let mut r = Reader::new(bytes, 0, dialect.byte_order).traced(Some(&trace));
        let result = ResponseHeader::read(&mut r, dialect).and_then(|header| {
            title = format!("{} unknown response", header.code);
            if let Some(kind) = dialect.response_kind(header.code) {
                title = format!("{} {kind}", header.code);
            }
            Response::read(&header, &mut r, dialect)?;
            r.finish()
        });
        Self::new(bytes, false, title, trace, result)
    }

    fn new(
        bytes: &'a [u8],
        is_request: bool,
        title: String,
        trace: Trace,
        result: Result<(), DecodeError>,
    ) -> Self {
        let mut fields = trace.0.into_inner();
        // A message without padding has no such field.
        fields.retain(|field| field.size > 0);
        Self {
            bytes,
            is_request,
            title,
            fields,
            error: result.err(),
        }
    }

    /// Bytes after the last field that could be read.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.bytes.len().saturating_sub(self.end())
    }

    /// The bytes of a field.
    #[must_use]
    pub fn bytes_of(&self, field: &Field) -> &'a [u8] {
        let end = field.offset.saturating_add(field.size);
        self.bytes.get(field.offset..end).unwrap_or_default()
    }

    fn end(&self) -> usize {
        let last = self.fields.last();
        last.map_or(0, |field| field.offset.saturating_add(field.size))
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, {} bytes", self.title, self.bytes.len())?;
        for field in &self.fields {
            let shown = if field.name == "client ID" { 4 } else { 8 };
            let value = match &field.value {
                FieldValue::Number(number) => number.to_string(),
                // A peer chose it, and it goes to a terminal.
                FieldValue::Text(text) => {
                    Name::new(text).map_or_else(|_| "-".to_owned(), |name| name.to_string())
                }
                FieldValue::Bytes => "-".to_owned(),
            };
            let Field {
                name, offset, size, ..
            } = field;
            let hex = hex(self.bytes_of(field), shown);
            writeln!(f, "{offset:6} {size:6}  {name:15}  {value:14}  {hex}")?;
        }
        let (offset, size) = (self.end(), self.unread());
        if size > 0 {
            let hex = hex(self.bytes.get(offset..).unwrap_or_default(), 8);
            writeln!(
                f,
                "{offset:6} {size:6}  not read                         {hex}"
            )?;
        }
        if let Some(error) = &self.error {
            let (offset, section) = (error.offset(), error.section());
            writeln!(f, "wrong at {offset}: {error} (PROTOCOL.md {section})")?;
        }
        Ok(())
    }
}

fn hex(bytes: &[u8], shown: usize) -> String {
    let pairs: Vec<_> = bytes
        .iter()
        .take(shown)
        .map(|b| format!("{b:02x}"))
        .collect();
    let more = if bytes.len() > shown { " \u{2026}" } else { "" };
    pairs.join(" ") + more
}

/// What a [`Reader`] has read.
#[derive(Debug, Default)]
pub(crate) struct Trace(RefCell<Vec<Field>>);

impl Trace {
    pub(super) fn push(&self, name: &'static str, offset: usize, size: usize) {
        self.0.borrow_mut().push(Field {
            name,
            offset,
            size,
            value: FieldValue::Bytes,
        });
    }

    pub(super) fn note(&self, value: FieldValue) {
        if let Some(last) = self.0.borrow_mut().last_mut() {
            last.value = value;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::wire::{ClientId, FileReceived};

    fn received(dialect: &Dialect) -> Vec<u8> {
        Response::FileReceived(FileReceived {
            client_id: Some(ClientId::from_bytes([0xAB; 16])),
            content_size: Some(32),
            file_name: Name::new("a.txt").unwrap(),
            cksum: 7,
        })
        .encode(dialect, 3)
    }

    #[test]
    fn names_every_byte_of_a_message_in_every_dialect() {
        for dialect in Dialect::all() {
            let bytes = received(dialect);
            let explained = Explanation::response(&bytes, dialect);
            assert_eq!(
                (explained.error, explained.unread()),
                (None, 0),
                "{dialect}"
            );
            let mut end = 0;
            for field in &explained.fields {
                assert_eq!(field.offset, end);
                end += field.size;
            }
            let value = |name| {
                let mut fields = explained.fields.iter();
                fields
                    .find(|field| field.name == name)
                    .map(|field| &field.value)
            };
            assert_eq!(value("cksum"), Some(&FieldValue::Number(7)), "{dialect}");
            assert_eq!(value("file name"), Some(&FieldValue::Text("a.txt".into())));
        }
    }

    #[test]
    fn stops_at_the_first_thing_that_is_wrong_and_hides_credentials() {
        let dialect = Dialect::default();
        let mut bytes = received(&dialect);
        bytes.truncate(100);
        let explained = Explanation::response(&bytes, &dialect);
        let error = explained.error.unwrap();
        assert_eq!((error.slug(), error.offset()), ("truncated", 27));
        assert_eq!(explained.unread(), 73);
        let text = explained.to_string();
        assert!(
            text.contains("client ID        -               ab ab ab ab \u{2026}\n"),
            "{text}"
        );
        assert!(text.contains("wrong at 27: file name"), "{text}");
    }
}
