//! Judging a client: every request against what its run has to send next.

use std::collections::BTreeMap;

use crate::dialect::AfterAnswer;
use crate::frame::{self, Frame, Id};
use crate::judge::checks::{self, Difference, Examination};
use crate::judge::{Case, Event, Finding, FramePlace, Level, What, Whose, events, request};
use crate::message::{Direction, Field, Kind};
use crate::oracle::AesKey;
use crate::record::{Ended, Side};

/// How often a request that is refused is sent (6.3).
const TRIES: u32 = 3;

/// Judges the clients of a case.
pub(super) fn judge(case: &Case<'_>) -> OfClients {
    let runs = case.runs.iter().map(|_| Progress::default()).collect();
    let mut judge = Judge {
        case,
        ids: BTreeMap::new(),
        keys: BTreeMap::new(),
        key_used: BTreeMap::new(),
        public_keys: BTreeMap::new(),
        runs,
        ended: BTreeMap::new(),
        findings: Vec::new(),
    };
    for event in &events(case, Side::Client) {
        judge.event(event);
    }
    judge.at_rest();
    OfClients {
        findings: judge.findings,
        ids: judge.ids,
    }
}

/// What there is to say of the clients of a case.
pub(super) struct OfClients {
    pub(super) findings: Vec<Finding>,
    /// The client ID that each client was given.
    pub(super) ids: BTreeMap<usize, Id>,
}

struct Judge<'a> {
    case: &'a Case<'a>,
    /// The client ID that each client was given.
    ids: BTreeMap<usize, Id>,
    /// The last AES key of each client; `None` where it could not be unwrapped.
    keys: BTreeMap<usize, Option<AesKey>>,
    /// The file for which each client's last AES key was used, by the name on the wire.
    key_used: BTreeMap<usize, Vec<u8>>,
    /// The public key of each client's last 1101.
    public_keys: BTreeMap<usize, Vec<u8>>,
    runs: Vec<Progress>,
    /// Connections whose responses have ended.
    ended: BTreeMap<usize, bool>,
    findings: Vec<Finding>,
}

/// How far a run has come.
#[derive(Default)]
struct Progress {
    course: Vec<Kind>,
    /// What may come next. `None` before the first request.
    due: Option<Vec<Kind>>,
    /// It has to come: the run may not end before it.
    obliged: bool,
    /// The request that waits for a response.
    asked: Option<Kind>,
    /// The last verdict, where the dialect answers it.
    verdict_out: bool,
    /// Number of the file that is sent now, in the run's list.
    file: usize,
    /// Times the present file was sent and answered with 2103.
    transmissions: u32,
    tries: u32,
    /// What the file on disk makes of the 2103 that is waited for.
    expected: Option<request::Expected>,
    /// Connection on which the dialect lets nothing follow.
    spent: Option<usize>,
    /// The run was told nonsense, or sent it; nothing after this can be judged.
    lost: bool,
}

impl<'a> Judge<'a> {
    fn event(&mut self, event: &Event<'a>) {
        let Some(door) = self
            .case
            .recording
            .connections
            .get(event.connection)
            .map(|c| c.door)
        else {
            return;
        };
        let Some(run) = self.runs.get(door) else {
            return;
        };
        if run.lost {
            // What a run sends after nonsense still belongs to its course.
            if let What::Message(Direction::Request, _, frame) = &event.what
                && let Some(kind) = frame.kind
                && let Some(run) = self.runs.get_mut(door)
            {
                run.course.push(kind);
            }
            return;
        }
        match &event.what {
            What::Message(Direction::Request, number, frame) => {
                self.request(event, door, *number, frame);
            }
            What::Message(Direction::Response, _, frame) => self.response(event, door, frame),
            What::Rest(Direction::Request, number, rest) => self.rest(event, door, *number, rest),
            What::Rest(Direction::Response, ..) => self.lose(door),
            What::End(Direction::Request, how) => self.end(event, door, *how),
            What::End(Direction::Response, _) => {
                self.ended.insert(event.connection, true);
            }
        }
    }

    fn request(&mut self, event: &Event<'a>, door: usize, number: usize, frame: &Frame<'a>) {
        let case = self.case;
        let (Some(run), Some(given)) = (self.runs.get_mut(door), case.runs.get(door)) else {
            return;
        };
        let mut findings = Vec::new();
        let mut examination = Examination {
            case,
            whose: Whose::Client,
            connection: event.connection,
            number,
            frame,
            direction: Direction::Request,
            order: event.order,
            findings: &mut findings,
        };
        let due = run
            .due
            .clone()
            .unwrap_or_else(|| match self.ids.get(&given.client) {
                // 1100 under a name that it holds is a habit of the programs (3.1).
                Some(_) => vec![Kind::SendPublicKey, Kind::Register],
                None => vec![Kind::Register],
            });
        if !request::is_due(&mut examination, &due) {
            run.lost = true;
            if let Some(kind) = frame.kind {
                run.course.push(kind);
            }
            self.findings.append(&mut findings);
            return;
        }
        let kind = frame.kind.unwrap_or(Kind::Register);
        run.course.push(kind);
        if let Some(asked) = run.asked {
            let difference = Difference {
                field: Field::Order,
                offset: 0,
                expected: format!(
                    "the response to {} is waited for",
                    case.dialect.title_of(asked)
                ),
                got: format!("{} before it", case.dialect.title_of(kind)),
            };
            examination.report(difference, "6", None);
        }
        if run.spent == Some(event.connection) {
            let difference = Difference {
                field: Field::Order,
                offset: 0,
                expected: "a new connection: the server ends this one after the last verdict"
                    .into(),
                got: case.dialect.title_of(kind),
            };
            examination.report(difference, "2.11", None);
        }
        examination.version();
        if let Some(id) = self.ids.get(&given.client)
            && kind != Kind::Register
        {
            examination.bytes(Field::ClientId, id, "1.9");
        }
        if kind == Kind::Register {
            examination.recommended_bytes(Field::ClientId, &[0; 16], "2.1");
        }
        let in_step = match kind {
            Kind::Register => {
                examination.size(255, "2") && {
                    examination.name(Field::ClientName, given.name.as_bytes(), "8.2");
                    true
                }
            }
            Kind::SendPublicKey => request::send_public_key(&mut examination, &given.name),
            Kind::SendFile => {
                let sent_as = frame::name_text(frame.get(Field::FileName)).unwrap_or_default();
                let again = run.transmissions > 0 || run.tries > 0;
                let named = given
                    .files
                    .iter()
                    .position(|file| !again && file.sent_as.as_bytes() == sent_as);
                run.file = named.unwrap_or(run.file);
                let key = self.keys.get(&given.client).cloned().flatten();
                let used = self
                    .key_used
                    .entry(given.client)
                    .or_insert_with(|| sent_as.to_vec());
                if *used != sent_as {
                    examination.one_key_one_file(used);
                }
                match given.files.get(run.file) {
                    Some(file) => {
                        let id = self.ids.get(&given.client);
                        run.expected = request::send_file(&mut examination, file, id, key.as_ref());
                        run.expected.is_some()
                    }
                    None => {
                        let difference = examination.difference(
                            Field::FileName,
                            "no further file: the run was given none".into(),
                            format!("{:?}", String::from_utf8_lossy(sent_as)),
                        );
                        examination.report(difference, "6", None);
                        false
                    }
                }
            }
            _ => {
                let size = frame::fixed_payload_size(case.dialect, kind);
                examination.size(size, "2") && {
                    if let Some(id) = self.ids.get(&given.client)
                        && case.dialect.client_id_in_payload
                    {
                        examination.bytes(Field::PayloadClientId, id, "2.2");
                    }
                    if let Some(file) = given.files.get(run.file) {
                        examination.name(Field::FileName, file.sent_as.as_bytes(), "2.11");
                    }
                    true
                }
            }
        };
        if in_step {
            examination.one_write();
        }
        if kind == Kind::SendPublicKey {
            self.public_keys
                .insert(given.client, frame.get(Field::PublicKey).to_vec());
        }
        run.lost = !in_step;
        after_request(case, run, kind, event.connection);
        self.findings.append(&mut findings);
    }

    fn response(&mut self, event: &Event<'a>, door: usize, frame: &Frame<'a>) {
        let case = self.case;
        let (Some(run), Some(given)) = (self.runs.get_mut(door), case.runs.get(door)) else {
            return;
        };
        let Some(kind) = frame.kind else {
            run.lost = true;
            return;
        };
        let id = self.ids.get(&given.client).copied();
        let size = frame::fixed_payload_size(case.dialect, kind);
        let whole = frame.header.payload_size as usize == size;
        if kind == Kind::Refused && run.verdict_out && run.asked.is_none() {
            // The answer to a verdict where the dialect has one; else the end of the stream follows.
            run.verdict_out = false;
            return;
        }
        let Some(asked) = run.asked.take() else {
            run.lost = true;
            return;
        };
        if !whole && kind != Kind::Refused {
            run.lost = true;
            return;
        }
        match (asked, kind) {
            (Kind::Register, Kind::Registered) => {
                if let Some(id) = frame.id(Field::ClientId) {
                    self.ids.insert(given.client, id);
                }
                run.allow(&[Kind::SendPublicKey]);
            }
            (Kind::Register, Kind::Refused) => {
                let goes_on = if id.is_some() {
                    vec![Kind::SendPublicKey]
                } else {
                    Vec::new()
                };
                run.allow(&goes_on);
            }
            (Kind::SendPublicKey, Kind::AesKey) => {
                run.lost = frame.id(Field::ClientId) != id;
                let wrapped = frame.get(Field::WrappedKey);
                let key = self
                    .public_keys
                    .get(&given.client)
                    .and_then(|public| case.keys.find(public))
                    .and_then(|pair| pair.unwrap(wrapped))
                    .and_then(AesKey::new);
                self.keys.insert(given.client, key);
                self.key_used.remove(&given.client);
                run.tries = 0;
                run.allow(&[Kind::SendFile]);
            }
            (Kind::SendFile, Kind::FileReceived) => {
                let Some(expected) = &run.expected else {
                    run.lost = true;
                    return;
                };
                let sent_as = given
                    .files
                    .get(run.file)
                    .map(|file| file.sent_as.as_bytes());
                let echoes = frame.id(Field::ClientId) == id
                    && frame.number(Field::ContentSize) == expected.content_size
                    && frame::name_text(frame.get(Field::FileName)) == sent_as
                    && frame.get(Field::Zeros).iter().all(|byte| *byte == 0);
                run.lost = !echoes;
                run.transmissions += 1;
                run.tries = 0;
                let right = frame.number(Field::Cksum) == expected.cksum;
                let verdict = if right {
                    Kind::CksumRight
                } else if run.transmissions < case.dialect.transmissions {
                    Kind::CksumWrong
                } else {
                    Kind::GiveUp
                };
                run.oblige(verdict);
            }
            (Kind::SendPublicKey | Kind::SendFile, Kind::Refused) => {
                run.tries += 1;
                if run.tries < TRIES {
                    run.oblige(asked);
                } else {
                    run.allow(&[]);
                }
            }
            _ => run.lost = true,
        }
        let _ = event;
    }

    fn rest(&mut self, event: &Event<'a>, door: usize, number: usize, rest: &[u8]) {
        let killed = self.case.runs.get(door).is_some_and(|run| run.killed);
        let excused = self.excused(event.connection);
        self.lose(door);
        // A server that refuses and closes may well leave the rest of a request unread.
        if killed || excused || self.ended.contains_key(&event.connection) {
            return;
        }
        let dialect = self.case.dialect;
        let due = self
            .runs
            .get(door)
            .and_then(|run| run.due.as_ref()?.first().copied());
        let (field, expected, got) = checks::unfinished(dialect, Direction::Request, rest, due);
        let header = frame::header(dialect, Direction::Request, rest);
        let title = header.map_or_else(
            || "part of a request".into(),
            |header| checks::title(dialect, Direction::Request, header.code),
        );
        let offset = frame::places(dialect, Direction::Request, None, 0)
            .iter()
            .find(|place| place.field == field)
            .map_or(0, |place| place.range.start);
        self.push(event, number, title, offset, field, expected, got, "1.4");
    }

    fn end(&mut self, event: &Event<'a>, door: usize, how: Ended) {
        let killed = self.case.runs.get(door).is_some_and(|run| run.killed);
        let server_first = self.ended.contains_key(&event.connection);
        if how == Ended::Reset && !killed && !server_first && !self.excused(event.connection) {
            self.push(
                event,
                0,
                "end of the stream".into(),
                0,
                Field::EndOfStream,
                "the client ends its sending side and waits for the end of the stream".into(),
                "a reset".into(),
                "2.12",
            );
        }
    }

    /// What a run owes when nothing moves any more.
    fn at_rest(&mut self) {
        for (door, run) in self.runs.iter().enumerate() {
            let killed = self.case.runs.get(door).is_some_and(|run| run.killed);
            if run.lost || killed || !run.obliged || run.asked.is_some() {
                continue;
            }
            let due = run.due.as_deref().unwrap_or_default();
            let connections = &self.case.recording.connections;
            let last = connections
                .iter()
                .rposition(|connection| connection.door == door);
            let last_request = run
                .course
                .last()
                .map(|kind| self.case.dialect.title_of(*kind));
            self.findings.push(Finding {
                whose: Whose::Client,
                level: Level::Must,
                field: Field::Order,
                place: last.map(|connection| FramePlace {
                    connection,
                    direction: Direction::Request,
                    frame: run.course.len(),
                    title: "end of the run".into(),
                    offset: 0,
                }),
                expected: checks::titles(self.case.dialect, due),
                got: format!("nothing after {}", last_request.unwrap_or_default()),
                section: "6",
                cause: None,
                order: u64::MAX - 1,
            });
        }
    }

    fn lose(&mut self, door: usize) {
        if let Some(run) = self.runs.get_mut(door) {
            run.lost = true;
        }
    }

    fn excused(&self, connection: usize) -> bool {
        let record = self.case.recording.connections.get(connection);
        record.is_some_and(|record| record.excused)
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of a finding")]
    fn push(
        &mut self,
        event: &Event<'a>,
        frame: usize,
        title: String,
        offset: usize,
        field: Field,
        expected: String,
        got: String,
        section: &'static str,
    ) {
        self.findings.push(Finding {
            whose: Whose::Client,
            level: Level::Must,
            field,
            place: Some(FramePlace {
                connection: event.connection,
                direction: Direction::Request,
                frame,
                title,
                offset,
            }),
            expected,
            got,
            section,
            cause: None,
            order: event.order,
        });
    }
}

impl Progress {
    /// These may come next, and the run may end.
    fn allow(&mut self, due: &[Kind]) {
        self.due = Some(due.to_vec());
        self.obliged = false;
    }

    /// This has to come next.
    fn oblige(&mut self, due: Kind) {
        self.due = Some(vec![due]);
        self.obliged = true;
    }
}

/// What a request that was sent changes.
fn after_request(case: &Case<'_>, run: &mut Progress, kind: Kind, connection: usize) {
    match kind {
        Kind::Register | Kind::SendPublicKey | Kind::SendFile => {
            run.asked = Some(kind);
            run.obliged = false;
        }
        Kind::CksumWrong => run.oblige(Kind::SendFile),
        _ => {
            run.file += 1;
            run.transmissions = 0;
            run.tries = 0;
            run.allow(&[Kind::SendPublicKey, Kind::SendFile]);
            if let Some(after) = case.dialect.after(kind) {
                if after.close {
                    run.spent = Some(connection);
                }
                run.verdict_out = after.answer == AfterAnswer::Refused || kind == Kind::CksumRight;
            }
        }
    }
}
