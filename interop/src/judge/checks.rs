//! Comparing one field with what has to stand there.

use crate::dialect::Dialect;
use crate::frame::{self, Frame, VERSION};
use crate::judge::{Case, Finding, FramePlace, Level, Whose, suspect};
use crate::message::{Direction, Field, Kind};
use crate::record::Side;

/// A message under examination: collects what is found in it.
pub(super) struct Examination<'a> {
    pub(super) case: &'a Case<'a>,
    pub(super) whose: Whose,
    pub(super) connection: usize,
    /// Number of the message in its direction.
    pub(super) number: usize,
    pub(super) frame: &'a Frame<'a>,
    pub(super) direction: Direction,
    pub(super) order: u64,
    pub(super) findings: &'a mut Vec<Finding>,
}

/// A difference between a field and what it should be.
pub(super) struct Difference {
    pub(super) field: Field,
    /// Offset in the frame.
    pub(super) offset: usize,
    pub(super) expected: String,
    pub(super) got: String,
}

impl<'a> Examination<'a> {
    pub(super) fn dialect(&self) -> &'a Dialect {
        self.case.dialect(self.connection)
    }

    /// Puts down a finding about this message.
    pub(super) fn report(
        &mut self,
        difference: Difference,
        section: &'static str,
        cause: Option<String>,
    ) {
        let place = self.place(difference.offset);
        self.report_at(place, difference, section, cause);
    }

    /// A place in this message.
    pub(super) fn place(&self, offset: usize) -> FramePlace {
        FramePlace {
            connection: self.connection,
            direction: self.direction,
            frame: self.number,
            title: title(self.dialect(), self.direction, self.frame.header.code),
            offset,
        }
    }

    /// Puts down a finding about an earlier message that only this one shows.
    pub(super) fn report_at(
        &mut self,
        place: FramePlace,
        difference: Difference,
        section: &'static str,
        cause: Option<String>,
    ) {
        self.findings.push(Finding {
            whose: self.whose,
            level: Level::Must,
            field: difference.field,
            place: Some(place),
            expected: difference.expected,
            got: difference.got,
            section,
            cause,
            order: self.order,
        });
    }

    /// Version 3, and the zero behind it where headers are aligned (1.7, 10.2).
    pub(super) fn version(&mut self) {
        let version = self.frame.header.version;
        if version != VERSION {
            let difference =
                self.difference(Field::Version, VERSION.to_string(), version.to_string());
            self.report(difference, "1.7", None);
        }
        if self.frame.place(Field::Alignment).is_some() {
            self.bytes(Field::Alignment, &[0], "10.2");
        }
    }

    /// The zeros behind the payload of a padded message (10.3).
    pub(super) fn padding(&mut self) {
        let padding = self.frame.get(Field::MessagePadding);
        if padding.iter().any(|byte| *byte != 0) {
            self.bytes(Field::MessagePadding, &vec![0; padding.len()], "10.3");
        }
    }

    /// Header and fixed fields in one write, as far as the tap's reads can tell (1.4).
    pub(super) fn one_write(&mut self) {
        let side = match self.whose {
            Whose::Server => Side::Server,
            Whose::Client => Side::Client,
        };
        let Some(connection) = self.case.recording.connections.get(self.connection) else {
            return;
        };
        let (requests, responses) = connection.seen_by(side);
        let stream = match self.direction {
            Direction::Request => requests,
            Direction::Response => responses,
        };
        if !stream.in_one_read(self.frame.start, self.frame.fixed_end()) {
            let difference = Difference {
                field: Field::OneWrite,
                offset: 0,
                expected: "header and fixed fields in one write".into(),
                got: "they came in pieces".into(),
            };
            self.report(difference, "1.4", None);
        }
    }

    /// A key that served another file before (4.4).
    pub(super) fn one_key_one_file(&mut self, used: &[u8]) {
        let difference = Difference {
            field: Field::Order,
            offset: 0,
            expected: "a key exchange before each further file".into(),
            got: format!("the key of {:?} once more", String::from_utf8_lossy(used)),
        };
        self.report(difference, "4.4", None);
        if let Some(last) = self.findings.last_mut() {
            last.level = Level::Should;
        }
    }

    /// What the size field has to say of a payload of so many bytes; `false` where it does not.
    pub(super) fn size(&mut self, payload: usize, section: &'static str) -> bool {
        let dialect = self.dialect();
        let expected = match self.frame.kind {
            Some(kind) => frame::size_field(dialect, kind, payload),
            None => payload,
        };
        let got = self.frame.header.size as usize;
        if got == expected {
            return true;
        }
        let cause = suspect::size(dialect, self.direction, self.frame.bytes, expected);
        let difference = self.difference(Field::PayloadSize, expected.to_string(), got.to_string());
        self.report(difference, section, cause);
        false
    }

    /// A field that has to hold exactly these bytes.
    pub(super) fn bytes(&mut self, field: Field, expected: &[u8], section: &'static str) -> bool {
        let got = self.frame.get(field);
        let Some(at) = first_difference(got, expected) else {
            return true;
        };
        let difference = Difference {
            field,
            offset: self.offset(field) + at,
            expected: hex(expected),
            got: hex(got),
        };
        self.report(difference, section, None);
        false
    }

    /// The same for what is only recommended.
    pub(super) fn recommended_bytes(
        &mut self,
        field: Field,
        expected: &[u8],
        section: &'static str,
    ) {
        if !self.bytes(field, expected, section)
            && let Some(last) = self.findings.last_mut()
        {
            last.level = Level::Should;
        }
    }

    /// A number.
    pub(super) fn number(
        &mut self,
        field: Field,
        expected: u32,
        section: &'static str,
        cause: impl FnOnce(u32) -> Option<String>,
    ) -> bool {
        let got = self.frame.number(field);
        if got == expected {
            return true;
        }
        let difference = self.difference(field, expected.to_string(), got.to_string());
        self.report(difference, section, cause(got));
        false
    }

    /// A name field with this text, its NUL and its padding (1.8).
    pub(super) fn name(&mut self, field: Field, text: &[u8], section: &'static str) -> bool {
        let got = self.frame.get(field);
        let dialect = self.dialect();
        let Some(at) = first_difference(got, &frame::name_field(dialect, text)) else {
            return true;
        };
        let shown = |field: &[u8]| match frame::name_text(field) {
            Some(text) => format!("{:?}", String::from_utf8_lossy(text)),
            None => format!("no NUL in {} bytes", field.len()),
        };
        let byte = got
            .get(at)
            .map_or_else(|| "nothing".into(), |byte| format!("{byte:02x}"));
        let (part, expected, got_text) = if at < text.len() {
            (
                field,
                format!("{:?}", String::from_utf8_lossy(text)),
                shown(got),
            )
        } else if at == text.len() {
            (Field::Nul, "00".into(), format!("{byte} in {}", shown(got)))
        } else {
            (Field::Padding, "zeros".into(), byte)
        };
        let cause = suspect::name(got, text);
        let difference = Difference {
            field: part,
            offset: self.offset(field) + at,
            expected,
            got: got_text,
        };
        self.report(difference, section, cause);
        false
    }

    pub(super) fn difference(&self, field: Field, expected: String, got: String) -> Difference {
        Difference {
            field,
            offset: self.offset(field),
            expected,
            got,
        }
    }

    pub(super) fn offset(&self, field: Field) -> usize {
        self.frame.place(field).map_or(0, |place| place.range.start)
    }
}

/// Where a field of the header begins; 0 for every other one.
pub(super) fn offset_in_header(dialect: &Dialect, direction: Direction, field: Field) -> usize {
    let nothing = frame::Header {
        client_id: None,
        version: 0,
        code: 0,
        size: 0,
    };
    frame::places(dialect, direction, &nothing)
        .iter()
        .find(|place| place.field == field)
        .map_or(0, |place| place.range.start)
}

/// How reports name a message of this code.
pub(super) fn title(dialect: &Dialect, direction: Direction, code: u16) -> String {
    dialect
        .kind(direction, code)
        .map_or_else(|| format!("{code} unknown"), |kind| dialect.title_of(kind))
}

/// How reports name one of several messages.
pub(super) fn titles(dialect: &Dialect, kinds: &[Kind]) -> String {
    let titles: Vec<_> = kinds.iter().map(|kind| dialect.title_of(*kind)).collect();
    titles.join(" or ")
}

/// Where two byte strings first differ, if they do.
pub(super) fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    let differs = a.iter().zip(b).position(|(a, b)| a != b);
    differs.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}

/// Bytes for a report: all of a short field, the start of a long one.
pub(super) fn hex(bytes: &[u8]) -> String {
    const SHOWN: usize = 24;
    let mut text: String = bytes
        .iter()
        .take(SHOWN)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if bytes.len() > SHOWN {
        text.push_str(&format!(".. ({} bytes)", bytes.len()));
    }
    if bytes.is_empty() {
        text.push_str("nothing");
    }
    text
}

/// What is wrong with bytes at the end of a stream that are no whole message.
pub(super) fn unfinished(
    dialect: &Dialect,
    direction: Direction,
    rest: &[u8],
    due: Option<Kind>,
) -> (Field, String, String) {
    let Some(header) = frame::header(dialect, direction, rest) else {
        let got = format!(
            "{} bytes at the end of the stream: {}",
            rest.len(),
            hex(rest)
        );
        let expected = match due {
            Some(kind) => format!("a whole {}", dialect.title_of(kind)),
            None => "the end of the stream".into(),
        };
        return (Field::TrailingData, expected, got);
    };
    let got = title(dialect, direction, header.code);
    let Some(kind) = dialect.kind(direction, header.code) else {
        let expected = due.map_or_else(
            || "a message of the protocol".into(),
            |kind| dialect.title_of(kind),
        );
        return (Field::Code, expected, got);
    };
    let payload = frame::extent(dialect, direction, &header).payload;
    let fixed = frame::stated_payload(dialect, kind, payload);
    let there = rest.len() - frame::header_size(dialect, direction).min(rest.len());
    if header.size as usize == frame::size_field(dialect, kind, fixed) && kind != Kind::SendFile {
        // The header is right, the rest of the message never came.
        let expected = format!("a whole {}", dialect.title_of(kind));
        return (
            Field::TrailingData,
            expected,
            format!("its first {} bytes", rest.len()),
        );
    }
    (
        Field::PayloadSize,
        match kind {
            Kind::SendFile => format!("at least {fixed}, and as much as follows"),
            _ => frame::size_field(dialect, kind, fixed).to_string(),
        },
        format!("{} in {got}, of which {there} bytes came", header.size),
    )
}
