//! The bytes that a finding is about, field by field: the annotated hex diff.

use std::ops::Range;

use crate::dialect::Dialect;
use crate::examine::event::{FindingEvent, PlaceEvent};
use crate::frame;
use crate::message::{Direction, Field};

/// Bytes in a line.
const WIDTH: usize = 16;

/// One line of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// From the start of the message.
    pub(super) offset: usize,
    /// The field's slug, on its first line only.
    pub(super) field: String,
    /// Hex, a byte each.
    pub(super) bytes: Vec<String>,
    /// The same as characters.
    pub(super) text: String,
    /// Which of them is the first wrong one, if it is on this line.
    pub(super) wrong: Option<usize>,
    /// What was due in the place of this line, where that is known.
    pub(super) due: Option<String>,
    /// What stands in place of bytes that are not shown.
    pub(super) instead: Option<String>,
}

impl Line {
    /// Each byte, and whether it is the first wrong one.
    pub(super) fn marked(&self) -> impl Iterator<Item = (&str, bool)> {
        let bytes = self.bytes.iter().enumerate();
        bytes.map(|(at, byte)| (byte.as_str(), self.wrong == Some(at)))
    }
}

/// The message of a finding, line by line; nothing where its bytes are not known.
pub(super) fn lines(found: &FindingEvent, dialect: Option<&Dialect>) -> Vec<Line> {
    let Some(place) = &found.place else {
        return Vec::new();
    };
    let (first, last) = match place.bytes.split_once("..") {
        Some((first, last)) => (first, Some(last)),
        None => (place.bytes.as_str(), None),
    };
    let (Some(first), Some(last)) = (from_hex(first), from_hex(last.unwrap_or_default())) else {
        return Vec::new();
    };
    let direction = match place.direction.as_str() {
        "request" => Direction::Request,
        _ => Direction::Response,
    };
    let layout = dialect.and_then(|dialect| Layout::of(dialect, direction, &first));
    let due = due(found, place, dialect, layout.as_ref());
    let (fields, total) = match &layout {
        Some(layout) => (&layout.fields[..], layout.total),
        None => (&[][..], first.len() + last.len()),
    };
    let mut all = Vec::new();
    let mut at = 0;
    for (field, range) in fields {
        let end = range.end.min(first.len());
        at = at.max(end);
        let part = first.get(range.start..end).unwrap_or_default();
        if !part.is_empty() {
            all.extend(lines_of(field.slug(), range.start, part, place.offset));
        }
    }
    let rest = first.get(at..).unwrap_or_default();
    if !rest.is_empty() {
        all.extend(lines_of("", at, rest, place.offset));
    }
    if !last.is_empty() {
        let start = total.saturating_sub(last.len()).max(first.len());
        all.push(instead(
            first.len(),
            format!("{} bytes", start - first.len()),
        ));
        all.extend(lines_of("", start, &last, place.offset));
    }
    if let Some(due) = due
        && let Some(line) = all.iter_mut().find(|line| line.wrong.is_some())
    {
        line.due = Some(due);
    }
    all
}

struct Layout {
    fields: Vec<(Field, Range<usize>)>,
    total: usize,
}

impl Layout {
    fn of(dialect: &Dialect, direction: Direction, bytes: &[u8]) -> Option<Self> {
        let header = frame::header(dialect, direction, bytes)?;
        let places = frame::places(dialect, direction, &header);
        Some(Self {
            fields: places
                .into_iter()
                .map(|place| (place.field, place.range))
                .collect(),
            total: frame::extent(dialect, direction, &header).total,
        })
    }
}

/// The bytes that were due: as the finding says, or as the expected number comes to.
fn due(
    found: &FindingEvent,
    place: &PlaceEvent,
    dialect: Option<&Dialect>,
    layout: Option<&Layout>,
) -> Option<String> {
    if let Some(due) = &place.due {
        return from_hex(due).map(|bytes| spaced(&bytes));
    }
    let number: u32 = found.expected.parse().ok()?;
    let (field, range) = layout?
        .fields
        .iter()
        .find(|(field, range)| field.slug() == found.field && range.contains(&place.offset))?;
    if !field.is_number() && !matches!(field, Field::Code | Field::Version | Field::PayloadSize) {
        return None;
    }
    let order = match field {
        Field::PacketNumber | Field::TotalPackets => dialect?.packet_byte_order,
        _ => dialect?.byte_order,
    };
    Some(spaced(&order.bytes_of(number, range.len())))
}

fn lines_of(field: &str, start: usize, bytes: &[u8], wrong: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut zeros: Option<(usize, usize)> = None;
    for (number, chunk) in bytes.chunks(WIDTH).enumerate() {
        let offset = start + number * WIDTH;
        let at = wrong.checked_sub(offset).filter(|at| *at < chunk.len());
        // Zeros behind a name say nothing more than that they are zeros.
        if number > 0 && at.is_none() && chunk.iter().all(|byte| *byte == 0) {
            let (first, count) = zeros.unwrap_or((offset, 0));
            zeros = Some((first, count + chunk.len()));
            continue;
        }
        if let Some((first, count)) = zeros.take() {
            lines.push(instead(first, format!("{count} zeros")));
        }
        let shown = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        lines.push(Line {
            offset,
            field: if number == 0 {
                field.into()
            } else {
                String::new()
            },
            bytes: chunk.iter().map(|byte| format!("{byte:02x}")).collect(),
            text: chunk.iter().map(shown).collect(),
            wrong: at,
            due: None,
            instead: None,
        });
    }
    if let Some((first, count)) = zeros {
        lines.push(instead(first, format!("{count} zeros")));
    }
    lines
}

fn instead(offset: usize, text: String) -> Line {
    Line {
        offset,
        field: String::new(),
        bytes: Vec::new(),
        text: String::new(),
        wrong: None,
        due: None,
        instead: Some(text),
    }
}

/// The lines around the wrong byte, for where there is room for few.
pub(super) fn around(lines: &[Line]) -> &[Line] {
    let Some(at) = lines.iter().position(|line| line.wrong.is_some()) else {
        return &[];
    };
    let end = lines.len().min(at + 2);
    lines.get(at.saturating_sub(1)..end).unwrap_or_default()
}

fn spaced(bytes: &[u8]) -> String {
    let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.join(" ")
}

/// Bytes of a string of hex digits; `None` where it is none.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examine::event::CaseLevel;
    use crate::message::Kind;

    fn found(bytes: &[u8], offset: usize, field: &str, expected: &str) -> FindingEvent {
        FindingEvent {
            level: CaseLevel::Must,
            field: field.into(),
            expected: expected.into(),
            got: String::new(),
            section: "5".into(),
            cause: None,
            place: Some(PlaceEvent {
                connection: 1,
                direction: "response".into(),
                frame: 1,
                message: "2103 file received".into(),
                offset,
                bytes: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
                due: None,
            }),
        }
    }

    fn received(dialect: &Dialect) -> Vec<u8> {
        let values = frame::Values::default()
            .bytes(Field::FileName, b"a.txt")
            .number(dialect, Field::Cksum, 0x0102_0304);
        let payload = frame::payload(dialect, Kind::FileReceived, &values);
        frame::response(dialect, Kind::FileReceived, &payload)
    }

    #[test]
    fn points_at_the_wrong_byte_and_says_what_was_due() {
        let dialect = Dialect::find("seed").expect("a dialect");
        let bytes = received(&dialect);
        let at = bytes.len() - 4;
        let all = lines(&found(&bytes, at, "cksum", "258"), Some(&dialect));
        let line = all
            .iter()
            .find(|line| line.wrong.is_some())
            .expect("a wrong line");
        assert_eq!(
            (line.offset, line.field.as_str(), line.wrong),
            (at, "cksum", Some(0))
        );
        assert_eq!(line.bytes, ["04", "03", "02", "01"]);
        assert_eq!(line.due.as_deref(), Some("02 01 00 00"));
        let zeros = all
            .iter()
            .filter_map(|line| line.instead.as_deref())
            .collect::<Vec<_>>();
        assert_eq!(zeros, ["239 zeros"]);
    }

    #[test]
    fn a_saved_run_with_anything_for_bytes_is_shown_all_the_same() {
        let dialect = Dialect::find("seed").expect("a dialect");
        for bytes in [
            "",
            "0",
            "zz",
            "00..",
            "..00",
            "ff..ff..ff",
            "03ffffffffffffffff..0011",
            "é0",
        ] {
            let mut finding = found(&[], usize::MAX, "cksum", "258");
            finding.place.as_mut().expect("a place").bytes = bytes.into();
            let all = lines(&finding, Some(&dialect));
            assert!(around(&all).is_empty(), "{bytes}");
            lines(&finding, None);
        }
    }
}
