//! Judging a server: every response against what the model says is due.

use std::collections::VecDeque;

use crate::dialect::Dialect;
use crate::frame::{self, Frame, Id};
use crate::judge::checks::{self, Difference, Examination};
use crate::judge::model::{Answer, Close, Model, Reply, Upload, impossible, impossible_header};
use crate::judge::{
    Case, Event, Finding, FramePlace, Level, What, Whose, events, response, suspect,
};
use crate::message::{Direction, Field, Kind};
use crate::record::{Ended, Side};

/// Judges the server of a case and tells what it was given.
pub(super) fn judge(case: &Case<'_>) -> (Vec<Finding>, Vec<Upload>) {
    let mut judge = Judge {
        case,
        model: Model::default(),
        connections: Vec::new(),
        findings: Vec::new(),
    };
    judge
        .connections
        .resize_with(case.recording.connections.len(), Connection::default);
    for event in &events(case, Side::Server) {
        judge.event(event);
    }
    judge.at_rest();
    (judge.findings, judge.model.into_uploads())
}

struct Judge<'a> {
    case: &'a Case<'a>,
    model: Model,
    connections: Vec<Connection<'a>>,
    findings: Vec<Finding>,
}

/// What is due on one connection.
#[derive(Default)]
struct Connection<'a> {
    due: VecDeque<Due<'a>>,
    /// The server has to end the connection, and by which request.
    closing: Option<Closing>,
    /// The server may end it.
    may_close: bool,
    /// The client has ended its side.
    client_ended: bool,
    server_ended: bool,
    /// The frames are out of step; nothing after this can be judged.
    lost: bool,
}

struct Due<'a> {
    reply: Reply<'a>,
    /// Client ID in the header of the request.
    id: Id,
    /// The request, with its number in the dialect.
    request: String,
}

#[derive(Clone)]
struct Closing {
    request: String,
    /// After a refusal that is more than the server will throw away, a reset is no fault (2.10).
    reset_allowed: bool,
}

impl<'a> Judge<'a> {
    fn event(&mut self, event: &Event<'a>) {
        if let What::DataLost = event.what {
            self.model.forget();
        }
        let Some(connection) = self.connections.get(event.connection) else {
            return;
        };
        if connection.lost {
            self.end_of_lost(event);
            return;
        }
        match &event.what {
            What::Message(Direction::Request, _, frame) => self.request(event, frame),
            What::Message(Direction::Response, number, frame) => {
                self.response(event, *number, frame);
            }
            What::Rest(Direction::Request, _, rest) => self.request_without_end(event, rest),
            What::Rest(Direction::Response, number, rest) => self.rest(event, *number, rest),
            What::End(Direction::Request, _) => {
                self.with(event.connection, |connection| {
                    connection.client_ended = true
                });
            }
            What::End(Direction::Response, how) => self.end(event, *how),
            What::DataLost => {}
        }
    }

    fn with(&mut self, connection: usize, change: impl FnOnce(&mut Connection<'a>)) {
        if let Some(connection) = self.connections.get_mut(connection) {
            change(connection);
        }
    }

    fn end_of_lost(&mut self, event: &Event<'a>) {
        if let What::End(Direction::Response, _) = event.what {
            self.with(event.connection, |connection| {
                connection.server_ended = true
            });
        }
    }

    fn request(&mut self, event: &Event<'a>, frame: &Frame<'a>) {
        let dialect = self.case.dialect(event.connection);
        let closing = self
            .connections
            .get(event.connection)
            .and_then(|c| c.closing.as_ref());
        if closing.is_some() {
            // What still arrives at a connection that is being ended is thrown away.
            return;
        }
        let answer = self.model.answer(dialect, event.connection, frame);
        let request = checks::title(dialect, Direction::Request, frame.header.code);
        let id = frame.header.client_id.unwrap_or_default();
        self.answered(event.connection, request, id, answer);
    }

    fn answered(&mut self, connection: usize, request: String, id: Id, answer: Answer<'a>) {
        self.with(connection, |connection| {
            let must = matches!(answer.close, Close::Must | Close::MustOrReset);
            connection.may_close |= answer.close == Close::May;
            connection.closing = must.then(|| Closing {
                request: request.clone(),
                reset_allowed: answer.close == Close::MustOrReset,
            });
            if !matches!(answer.reply, Reply::Nothing) {
                connection.due.push_back(Due {
                    reply: answer.reply,
                    id,
                    request,
                });
            }
        });
    }

    /// A request of which the header came and not all of the payload: the server may answer what the
    /// header alone makes impossible (2.10), and nothing else.
    fn request_without_end(&mut self, event: &Event<'a>, rest: &[u8]) {
        let dialect = self.case.dialect(event.connection);
        let Some(header) = frame::header(dialect, Direction::Request, rest) else {
            return;
        };
        let Some(why) = impossible_header(dialect, &header) else {
            return;
        };
        let kind = dialect.kind(Direction::Request, header.code);
        let request = checks::title(dialect, Direction::Request, header.code);
        let id = header.client_id.unwrap_or_default();
        let connection = self.connections.get(event.connection);
        if connection.is_some_and(|connection| connection.closing.is_none()) {
            self.answered(
                event.connection,
                request,
                id,
                impossible(dialect, kind, why),
            );
        }
    }

    fn response(&mut self, event: &Event<'a>, number: usize, frame: &Frame<'a>) {
        let case = self.case;
        let dialect = case.dialect(event.connection);
        let mut due = None;
        self.with(event.connection, |connection| {
            due = connection.due.pop_front()
        });
        let mut findings = Vec::new();
        let mut examination = Examination {
            case,
            whose: Whose::Server,
            connection: event.connection,
            number,
            frame,
            direction: Direction::Response,
            order: event.order,
            findings: &mut findings,
        };
        let Some(due) = due else {
            examination.report(
                Difference {
                    field: match frame.kind {
                        Some(_) => Field::Order,
                        None => Field::TrailingData,
                    },
                    offset: 0,
                    expected: "no response: none is due".into(),
                    got: checks::title(dialect, Direction::Response, frame.header.code),
                },
                "2.11",
                suspect::stray_response(dialect, frame),
            );
            self.with(event.connection, |connection| connection.lost = true);
            self.findings.append(&mut findings);
            return;
        };
        let expected = due.reply.kind();
        if frame.kind.is_none()
            && let Some(shift) = misplaced(case, event.connection, frame.start, expected)
        {
            let difference = Difference {
                field: Field::TrailingData,
                offset: 0,
                expected: due.expectation(dialect),
                got: format!("{shift} bytes before it that belong to no message"),
            };
            let before = frame.bytes.get(..shift).unwrap_or_default();
            let cause = suspect::misread_stream(dialect, before, None);
            examination.report(difference, "1.4", cause);
            self.findings.append(&mut findings);
            self.with(event.connection, |connection| connection.lost = true);
            return;
        }
        examination.version();
        let mut in_step = true;
        if expected.is_some() && frame.kind != expected {
            let difference = examination.difference(
                Field::Code,
                due.expectation(dialect),
                checks::title(dialect, Direction::Response, frame.header.code),
            );
            let cause = suspect::response_code(dialect, frame, expected, &due.request);
            examination.report(difference, "2", cause);
            let payload = frame::extent(dialect, Direction::Response, &frame.header).payload;
            let fits = |kind| frame::stated_payload(dialect, kind, payload) == payload;
            in_step = frame.kind.is_some_and(fits) || expected.is_some_and(fits);
        } else if let Some(kind) = expected {
            let size = response::payload_size(&examination, &due.reply, kind);
            in_step = examination.size(size, "2");
            if in_step {
                examination.one_write();
                response::check(&mut self.model, &mut examination, &due.reply, &due.id);
            }
        }
        self.findings.append(&mut findings);
        if !in_step {
            self.with(event.connection, |connection| connection.lost = true);
        }
    }

    fn rest(&mut self, event: &Event<'a>, number: usize, rest: &[u8]) {
        if self.excused(event.connection) {
            return;
        }
        let dialect = self.case.dialect(event.connection);
        let due = self
            .connections
            .get(event.connection)
            .and_then(|c| c.due.front());
        let expected = due.and_then(|due| due.reply.kind());
        let record = self.case.recording.connections.get(event.connection);
        let start = record.map_or(0, |record| record.responses.sent.bytes.len()) - rest.len();
        let misplaced = misplaced(self.case, event.connection, start, expected);
        let (field, wanted, got) = match (misplaced, due) {
            (Some(shift), Some(due)) => (
                Field::TrailingData,
                due.expectation(dialect),
                format!("{shift} bytes before it that belong to no message"),
            ),
            _ => checks::unfinished(dialect, Direction::Response, rest, expected),
        };
        // What comes before the message that is due says more than the message itself.
        let shown = misplaced
            .and_then(|shift| rest.get(..shift))
            .unwrap_or(rest);
        let cause = suspect::misread_stream(dialect, shown, expected);
        let found = (field, wanted, got);
        self.report_at(event, number, rest, cause, found);
        self.with(event.connection, |connection| connection.lost = true);
    }

    fn end(&mut self, event: &Event<'a>, how: Ended) {
        let excused = self.excused(event.connection);
        let Some(connection) = self.connections.get_mut(event.connection) else {
            return;
        };
        connection.server_ended = true;
        if excused {
            return;
        }
        let owed: Vec<_> = connection.due.drain(..).collect();
        if connection.may_close {
            return;
        }
        let closing = connection.closing.clone();
        let client_ended = connection.client_ended;
        if let Some(due) = owed.first() {
            let expected = due.expectation(self.case.dialect(event.connection));
            self.stream_finding(event, expected, ended(how).into(), "1.3");
            return;
        }
        match (closing, how) {
            (Some(closing), Ended::Reset) if !closing.reset_allowed => {
                let expected = format!("an end of the stream after {}", closing.request);
                self.stream_finding(event, expected, ended(how).into(), "2.11");
            }
            (None, Ended::Reset) => {
                self.stream_finding(
                    event,
                    "an end, not a reset".into(),
                    ended(how).into(),
                    "2.11",
                );
            }
            (None, Ended::Finished) if !client_ended => {
                let expected = "the connection stays until the client ends it".into();
                self.stream_finding(event, expected, ended(how).into(), "2.11");
            }
            _ => {}
        }
    }

    /// What is still owed when nothing moves any more.
    fn at_rest(&mut self) {
        for connection in 0..self.connections.len() {
            let Some(state) = self.connections.get(connection) else {
                continue;
            };
            if state.server_ended || self.excused(connection) {
                continue;
            }
            let record = self.case.recording.connections.get(connection);
            let reset = record.is_some_and(|record| {
                let (requests, _) = record.seen_by(Side::Server);
                requests.end.is_some_and(|end| end.how == Ended::Reset)
            });
            if reset || state.lost {
                continue;
            }
            let expected = match (state.due.front(), &state.closing) {
                (Some(due), _) => due.expectation(self.case.dialect(connection)),
                (None, Some(closing)) => {
                    format!("the server ends the connection after {}", closing.request)
                }
                (None, None) if state.client_ended => {
                    "the server ends the connection after the client has".into()
                }
                (None, None) => continue,
            };
            let section = if state.due.is_empty() { "2.11" } else { "2" };
            let event = Event {
                order: u64::MAX - 1,
                connection,
                what: What::End(Direction::Response, Ended::Finished),
            };
            self.stream_finding(
                &event,
                expected,
                "silence until the deadline".into(),
                section,
            );
        }
    }

    fn excused(&self, connection: usize) -> bool {
        let record = self.case.recording.connections.get(connection);
        record.is_some_and(|record| {
            let killed = self
                .case
                .runs
                .get(record.door)
                .is_some_and(|run| run.killed);
            record.excused || killed
        })
    }

    fn stream_finding(
        &mut self,
        event: &Event<'a>,
        expected: String,
        got: String,
        section: &'static str,
    ) {
        self.findings.push(Finding {
            whose: Whose::Server,
            level: Level::Must,
            field: Field::EndOfStream,
            place: Some(FramePlace {
                connection: event.connection,
                direction: Direction::Response,
                frame: self.responses(event.connection),
                title: "end of the stream".into(),
                offset: 0,
            }),
            expected,
            got,
            section,
            cause: None,
            order: event.order,
        });
    }

    /// How many whole responses a connection has.
    fn responses(&self, connection: usize) -> usize {
        let record = self.case.recording.connections.get(connection);
        record.map_or(0, |record| {
            let bytes = &record.responses.sent.bytes;
            frame::split(self.case.dialect(connection), Direction::Response, bytes)
                .0
                .len()
        })
    }

    /// Place in the order of events of the first byte of a rest.
    fn began(&self, event: &Event<'a>, rest: &[u8]) -> u64 {
        let record = self.case.recording.connections.get(event.connection);
        record.map_or(event.order, |record| {
            let stream = &record.responses.sent;
            stream.order_at(stream.bytes.len() - rest.len())
        })
    }

    fn report_at(
        &mut self,
        event: &Event<'a>,
        number: usize,
        rest: &[u8],
        cause: Option<String>,
        (field, expected, got): (Field, String, String),
    ) {
        let dialect = self.case.dialect(event.connection);
        let header = frame::header(dialect, Direction::Response, rest);
        let offset = checks::offset_in_header(dialect, Direction::Response, field);
        self.findings.push(Finding {
            whose: Whose::Server,
            level: Level::Must,
            field,
            place: Some(FramePlace {
                connection: event.connection,
                direction: Direction::Response,
                frame: number,
                title: header.map_or_else(
                    || "part of a response".into(),
                    |header| checks::title(dialect, Direction::Response, header.code),
                ),
                offset,
            }),
            expected,
            got,
            section: "1.4",
            cause,
            order: self.began(event, rest),
        });
    }
}

/// How many bytes further on the response that is due begins, where the stream is out of step.
fn misplaced(
    case: &Case<'_>,
    connection: usize,
    start: usize,
    expected: Option<Kind>,
) -> Option<usize> {
    /// Servers of the family pad to 1024 or 2048 bytes.
    const FURTHEST: usize = 2048;
    let (_, responses) = case
        .recording
        .connections
        .get(connection)?
        .seen_by(Side::Server);
    let rest = responses.bytes.get(start..)?;
    let expected = expected?;
    let dialect = case.dialect(connection);
    let size = frame::fixed_payload_size(dialect, expected);
    let size = frame::size_field(dialect, expected, size);
    (1..FURTHEST.min(rest.len())).find(|shift| {
        let header = rest
            .get(*shift..)
            .and_then(|bytes| frame::header(dialect, Direction::Response, bytes));
        header.is_some_and(|header| {
            header.version == frame::VERSION
                && Some(header.code) == dialect.code(expected)
                && header.size as usize == size
        })
    })
}

fn ended(how: Ended) -> &'static str {
    match how {
        Ended::Finished => "the end of the stream",
        Ended::Reset => "a reset",
    }
}

impl Due<'_> {
    /// In words, what has to come.
    fn expectation(&self, dialect: &Dialect) -> String {
        let request = &self.request;
        match (&self.reply, self.reply.kind()) {
            (Reply::Negative { why, .. } | Reply::ReconnectRefused { why }, Some(kind)) => {
                format!("{} to {request}: {why}", dialect.title_of(kind))
            }
            (_, Some(kind)) => format!("{} to {request}", dialect.title_of(kind)),
            (_, None) => format!("nothing to {request}"),
        }
    }
}

impl Reply<'_> {
    fn kind(&self) -> Option<Kind> {
        match self {
            Self::Nothing => None,
            Self::Registered { .. } => Some(Kind::Registered),
            Self::Negative { kind, .. } | Self::Key { kind, .. } => Some(*kind),
            Self::ReconnectRefused { .. } => Some(Kind::ReconnectRefused),
            Self::Acknowledged { .. } => Some(Kind::Acknowledged),
            Self::FileReceived(_) => Some(Kind::FileReceived),
        }
    }
}
