//! The judge: reads what the tap wrote down and compares every field with PROTOCOL.md.
//!
//! It knows no socket and no process, so that everything in it can be tested from bytes. Each side
//! is judged on its own: by what it sent, given what arrived at it. Where the tap changed something
//! on the way the two views differ, and neither side answers for the other's.

mod checks;
mod client;
mod model;
mod packets;
mod progress;
mod request;
mod response;
mod server;
mod suspect;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use model::{State, Upload};

use crate::dialect::Dialect;
use crate::frame::{self, Frame, Id};
use crate::message::{Direction, Field, Kind};
use crate::oracle::Keyring;
use crate::record::{Ended, Recording, Side};

/// What the judge has to know besides the bytes.
pub(crate) struct Case<'a> {
    /// The dialect of a run that has none of its own to be judged by.
    pub(crate) dialect: &'a Dialect,
    pub(crate) recording: &'a Recording,
    /// The private keys of the clients' info files.
    pub(crate) keys: &'a Keyring,
    /// One for each door of the tap.
    pub(crate) runs: &'a [Run],
}

impl<'a> Case<'a> {
    /// The dialect of what passes on a connection.
    pub(crate) fn dialect(&self, connection: usize) -> &'a Dialect {
        let record = self.recording.connections.get(connection);
        record
            .and_then(|record| self.runs.get(record.door))
            .map_or(self.dialect, |run| &run.dialect)
    }
}

/// One run of a client's program, as the harness started it.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// What it has to speak: other runs of the cell may speak otherwise.
    pub(crate) dialect: Arc<Dialect>,
    /// Nobody told it its dialect, and it has not found it out before: until it has, it may try (10.11).
    pub(crate) untold: bool,
    /// The client ID that the harness put into its info file.
    pub(crate) identity: Option<Id>,
    /// Number of the client; several runs may be of one client.
    pub(crate) client: usize,
    pub(crate) name: String,
    pub(crate) files: Vec<Source>,
    /// The harness killed it.
    pub(crate) killed: bool,
}

/// A file that a run was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// The text that its name field has to hold.
    pub(crate) sent_as: String,
}

/// One thing that is not as PROTOCOL.md has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) whose: Whose,
    pub(crate) level: Level,
    pub(crate) field: Field,
    pub(crate) place: Option<FramePlace>,
    pub(crate) expected: String,
    pub(crate) got: String,
    /// Section of PROTOCOL.md.
    pub(crate) section: &'static str,
    /// What it looks like, where the pattern is known.
    pub(crate) cause: Option<String>,
    /// Place in the order of events; findings without a frame come last.
    pub(crate) order: u64,
}

/// Where in the recording a finding is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FramePlace {
    /// Number of the connection, from 0.
    pub(crate) connection: usize,
    pub(crate) direction: Direction,
    /// Number of the message in its direction of the connection, from 0.
    pub(crate) frame: usize,
    /// The message, with its number in the dialect.
    pub(crate) title: String,
    /// Offset of the first wrong byte in the frame.
    pub(crate) offset: usize,
}

/// Whose fault a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    Server,
    Client,
}

/// How bad it is, in the words of RFC 2119. Only a `Must` fails a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Must,
    Should,
}

/// What the judge found out.
pub(crate) struct Judgement {
    /// In the order of events.
    pub(crate) findings: Vec<Finding>,
    /// What the server was given and what it said to it.
    pub(crate) uploads: Vec<Upload>,
    /// The client ID that each client was given.
    pub(crate) ids: BTreeMap<usize, Id>,
}

/// Judges both sides of a recording.
pub(crate) fn judge(case: &Case<'_>) -> Judgement {
    let (mut findings, uploads) = server::judge(case);
    let of_client = client::judge(case);
    // What a client sends that looks for its dialect is no request of any: how a server takes it is not
    // judged, as long as they find together.
    findings.retain(|finding| {
        let place = finding.place.as_ref();
        place.is_none_or(|place| of_client.is_held_to(case, place.connection, finding.order))
    });
    findings.extend(of_client.findings);
    findings.sort_by_key(|finding| finding.order);
    Judgement {
        findings,
        uploads,
        ids: of_client.ids,
    }
}

/// Judges the clients of a recording alone: their server is one of the examiner's own, and may say what it likes.
pub(crate) fn of_client(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = client::judge(case).findings;
    findings.sort_by_key(|finding| finding.order);
    findings
}

/// Judges the server alone, where the examiner itself is the client.
pub(crate) fn judge_server(case: &Case<'_>) -> (Vec<Finding>, Vec<Upload>) {
    server::judge(case)
}

/// The requests that a run has sent so far, by their codes alone; a file counts once, however many
/// packets it has.
pub(crate) fn course(case: &Case<'_>, run: usize) -> Vec<Kind> {
    let of_run = |event: &Event<'_>| {
        let connection = case.recording.connections.get(event.connection);
        connection.is_some_and(|connection| connection.door == run)
    };
    events(case, Side::Client)
        .iter()
        .filter(|event| of_run(event))
        .filter_map(|event| match &event.what {
            What::Message(Direction::Request, _, frame) if !frame.is_further_packet() => frame.kind,
            _ => None,
        })
        .collect()
}

/// Something that happened on a connection, as one side saw it.
struct Event<'a> {
    order: u64,
    connection: usize,
    what: What<'a>,
}

enum What<'a> {
    /// A whole message; the number counts within its direction of the connection.
    Message(Direction, usize, Frame<'a>),
    /// Bytes at the end of a stream that are no whole message.
    Rest(Direction, usize, &'a [u8]),
    End(Direction, Ended),
    /// The harness emptied the server's folder.
    DataLost,
}

/// All events of a recording in order. A message arrives with its last byte and is sent with its
/// first, so that an answer never seems to come before what it answers.
fn events<'a>(case: &Case<'a>, side: Side) -> Vec<Event<'a>> {
    let lost = case.recording.data_lost.iter();
    let mut events: Vec<_> = lost
        .map(|order| Event {
            order: *order,
            connection: usize::MAX,
            what: What::DataLost,
        })
        .collect();
    for (connection, record) in case.recording.connections.iter().enumerate() {
        let (requests, responses) = record.seen_by(side);
        for (direction, stream) in [
            (Direction::Request, requests),
            (Direction::Response, responses),
        ] {
            let arrives = (direction == Direction::Request) == (side == Side::Server);
            let (frames, rest) = frame::split(case.dialect(connection), direction, &stream.bytes);
            let count = frames.len();
            for (number, frame) in frames.into_iter().enumerate() {
                let at = if arrives {
                    frame.end() - 1
                } else {
                    frame.start
                };
                events.push(Event {
                    order: stream.order_at(at),
                    connection,
                    what: What::Message(direction, number, frame),
                });
            }
            if !rest.is_empty() {
                // What is due to a request is clear from its header; that no whole response comes of a
                // rest is clear with its last byte.
                let at = match direction {
                    Direction::Request => stream.bytes.len() - rest.len(),
                    Direction::Response => stream.bytes.len() - 1,
                };
                events.push(Event {
                    order: stream.order_at(at),
                    connection,
                    what: What::Rest(direction, count, rest),
                });
            }
            if let Some(end) = stream.end {
                events.push(Event {
                    order: end.order,
                    connection,
                    what: What::End(direction, end.how),
                });
            }
        }
    }
    events.sort_by_key(|event| event.order);
    events
}
