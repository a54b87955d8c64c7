//! The annotated hex dump of a connection: what a reader of a failure opens.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::dialect::Dialect;
use crate::frame::{self, Frame};
use crate::judge::{Finding, FramePlace};
use crate::message::{Direction, Field};
use crate::record::{Ended, Recording, Stream};

/// How much of a content is shown at its start and at its end.
const SHOWN: usize = 64;

/// The name of a connection's log in the cell's folder.
pub(crate) fn file_name(connection: usize) -> String {
    format!("wire-{}.txt", connection + 1)
}

/// Writes a log for each connection, read in the dialect of its run.
pub(crate) fn write(
    folder: &Path,
    dialect_of: impl Fn(usize) -> Arc<Dialect>,
    recording: &Recording,
    findings: &[Finding],
) -> io::Result<()> {
    for (number, connection) in recording.connections.iter().enumerate() {
        let dialect = &*dialect_of(connection.door);
        let mut parts = Vec::new();
        for direction in [Direction::Request, Direction::Response] {
            let passage = connection.passage(direction);
            let about =
                |place: &&FramePlace| place.connection == number && place.direction == direction;
            let places: Vec<_> = findings
                .iter()
                .filter_map(|finding| Some((finding.place.as_ref().filter(about)?, finding)))
                .collect();
            parts.extend(stream(dialect, direction, &passage.sent, "", &places));
            if let Some(delivered) = &passage.delivered
                && delivered.bytes != passage.sent.bytes
            {
                parts.extend(stream(
                    dialect,
                    direction,
                    delivered,
                    " as it arrived",
                    &places,
                ));
            }
        }
        parts.sort_by_key(|(order, _)| *order);
        let mut text = format!(
            "connection {}, run {}, dialect {dialect}\n\
             > from the client, < from the server; offsets count from the start of the message\n\n",
            number + 1,
            connection.door + 1,
        );
        for (_, part) in parts {
            text.push_str(&part);
            text.push('\n');
        }
        fs::write(folder.join(file_name(number)), text)?;
    }
    Ok(())
}

fn stream(
    dialect: &Dialect,
    direction: Direction,
    stream: &Stream,
    remark: &str,
    findings: &[(&FramePlace, &Finding)],
) -> Vec<(u64, String)> {
    let arrow = match direction {
        Direction::Request => '>',
        Direction::Response => '<',
    };
    let (frames, rest) = frame::split(dialect, direction, &stream.bytes);
    let mut parts = Vec::new();
    for (number, frame) in frames.iter().enumerate() {
        let name = frame.kind.map_or("unknown", |kind| kind.name());
        let mut text = format!(
            "{arrow} {} {name}, {} bytes{remark}\n",
            frame.header.code,
            frame.bytes.len(),
        );
        fields(&mut text, frame);
        for (place, finding) in findings {
            if place.frame == number {
                let _ = writeln!(
                    text,
                    "  !!!! {} at {}: expected {}, got {}",
                    finding.field, place.offset, finding.expected, finding.got
                );
            }
        }
        parts.push((stream.order_at(frame.start), text));
    }
    if !rest.is_empty() {
        let mut text = format!(
            "{arrow} {} bytes that are no whole message{remark}\n",
            rest.len()
        );
        dump(&mut text, 0, rest);
        parts.push((stream.order_at(stream.bytes.len() - rest.len()), text));
    }
    if let Some(end) = stream.end {
        let how = match end.how {
            Ended::Finished => "end of the stream",
            Ended::Reset => "reset",
        };
        parts.push((end.order, format!("{arrow} {how}{remark}\n")));
    }
    parts
}

/// The fields of a message, each with its value and its bytes.
pub(crate) fn fields(text: &mut String, frame: &Frame<'_>) {
    for place in frame.places() {
        let bytes = frame.get(place.field);
        let value = value(frame, place.field);
        let _ = writeln!(text, "  {} = {value}", place.field);
        if place.field == Field::MessagePadding && bytes.iter().all(|byte| *byte == 0) {
            continue;
        }
        // Zeros behind a name say nothing more than that they are zeros.
        let is_name = matches!(place.field, Field::ClientName | Field::FileName);
        let used = if is_name {
            bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |last| last + 2)
        } else {
            bytes.len()
        };
        dump(
            text,
            place.range.start,
            bytes.get(..used.min(bytes.len())).unwrap_or_default(),
        );
        if used < bytes.len() {
            let _ = writeln!(text, "         {} zeros", bytes.len() - used);
        }
    }
}

/// The value of a field in a word.
pub(crate) fn value(frame: &Frame<'_>, field: Field) -> String {
    let bytes = frame.get(field);
    match field {
        Field::Version => frame.header.version.to_string(),
        field if field.is_number() => frame.number(field).to_string(),
        Field::ClientName | Field::FileName => match frame::name_text(bytes) {
            Some(name) => format!("{:?}", String::from_utf8_lossy(name)),
            None => "no NUL".into(),
        },
        _ => format!("{} bytes", bytes.len()),
    }
}

/// Bytes in lines of 16, the middle of many left out.
pub(crate) fn dump(text: &mut String, start: usize, bytes: &[u8]) {
    if bytes.len() > 4 * SHOWN {
        let (first, rest) = bytes.split_at(SHOWN);
        let (left_out, last) = rest.split_at(rest.len() - SHOWN);
        lines(text, start, first);
        let _ = writeln!(text, "         .. {} bytes", left_out.len());
        lines(text, start + SHOWN + left_out.len(), last);
    } else {
        lines(text, start, bytes);
    }
}

fn lines(text: &mut String, start: usize, bytes: &[u8]) {
    for (number, line) in bytes.chunks(16).enumerate() {
        let hex: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        let characters: String = line.iter().map(shown).collect();
        let _ = writeln!(
            text,
            "  {:>6}  {:<47}  {characters}",
            start + 16 * number,
            hex.join(" ")
        );
    }
}
