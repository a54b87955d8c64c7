//! The judge's findings as events: with the bytes that they are about.

use crate::dialect::Dialect;
use crate::examine::event::{CaseLevel, FindingEvent, PlaceEvent};
use crate::frame;
use crate::judge::{Finding, FramePlace, Level};
use crate::message::{Direction, Field};
use crate::record::{Recording, Side};

/// How much of a long message is shown at its start and at its end.
const SHOWN: usize = 64;
/// Every message without content is shorter than this, padded ones apart.
const WHOLE: usize = 600;

/// A finding of the judge's about the program of this side. It asks no more than its case does.
pub(crate) fn event_of(
    finding: &Finding,
    level: CaseLevel,
    dialect: &Dialect,
    recording: &Recording,
    side: Side,
) -> FindingEvent {
    let of_finding = match finding.level {
        Level::Must => CaseLevel::Must,
        Level::Should => CaseLevel::Should,
    };
    let place = finding.place.as_ref();
    FindingEvent {
        level: of_finding.max(level),
        field: finding.field.slug().into(),
        expected: finding.expected.clone(),
        got: finding.got.clone(),
        section: finding.section.into(),
        cause: finding.cause.clone(),
        place: place.map(|place| place_of(place, dialect, recording, side)),
    }
}

/// A finding that no byte shows.
pub(crate) fn without_place(
    field: Field,
    level: CaseLevel,
    section: &str,
    expected: impl Into<String>,
    got: impl Into<String>,
) -> FindingEvent {
    FindingEvent {
        level,
        field: field.slug().into(),
        expected: expected.into(),
        got: got.into(),
        section: section.into(),
        cause: None,
        place: None,
    }
}

fn place_of(
    place: &FramePlace,
    dialect: &Dialect,
    recording: &Recording,
    side: Side,
) -> PlaceEvent {
    let connection = recording.connections.get(place.connection);
    let bytes = connection.map(|connection| {
        let (requests, responses) = connection.seen_by(side);
        let stream = match place.direction {
            Direction::Request => requests,
            Direction::Response => responses,
        };
        let (frames, rest) = frame::split(dialect, place.direction, &stream.bytes);
        match frames.get(place.frame) {
            Some(frame) => shown(frame.bytes),
            None if frames.len() == place.frame => shown(rest),
            None => String::new(),
        }
    });
    PlaceEvent {
        connection: place.connection + 1,
        direction: place.direction.name().into(),
        frame: place.frame + 1,
        message: place.title.clone(),
        offset: place.offset,
        bytes: bytes.unwrap_or_default(),
        due: None,
    }
}

/// Bytes as hex, a long message as its first and last ones with `..` between.
fn shown(bytes: &[u8]) -> String {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    match (bytes.first_chunk::<WHOLE>(), bytes.last_chunk::<SHOWN>()) {
        (Some(_), Some(last)) if bytes.len() > WHOLE => {
            let first = bytes.get(..WHOLE - SHOWN).unwrap_or_default();
            format!("{}..{}", hex(first), hex(last))
        }
        _ => hex(bytes),
    }
}
