//! Judging a client: every request against what its run has to send next.

use std::collections::BTreeMap;

use crate::frame::{self, Frame, Id};
use crate::judge::checks::{self, Examination};
use crate::judge::progress::Progress;
use crate::judge::request::{self, Sending};
use crate::judge::{Case, Event, Finding, FramePlace, Level, Run, What, Whose, events, suspect};
use crate::message::{Direction, Field, Kind};
use crate::oracle::AesKey;
use crate::record::{Ended, Side};

/// How often a request that is refused is sent (6.3).
const TRIES: u32 = 3;

/// Judges the clients of a case.
pub(super) fn judge(case: &Case<'_>) -> OfClients {
    let mut judge = Judge {
        case,
        clients: BTreeMap::new(),
        runs: case.runs.iter().map(Progress::new).collect(),
        ended: BTreeMap::new(),
        findings: Vec::new(),
    };
    for event in &events(case, Side::Client) {
        judge.event(event);
    }
    judge.at_rest();
    judge.forgive_the_untold();
    let ids = judge.clients.iter();
    OfClients {
        runs: judge.runs,
        ids: ids
            .filter_map(|(number, client)| Some((*number, client.id?)))
            .collect(),
        findings: judge.findings,
    }
}

/// What there is to say of the clients of a case.
pub(super) struct OfClients {
    pub(super) findings: Vec<Finding>,
    /// The client ID that each client was given.
    pub(super) ids: BTreeMap<usize, Id>,
    runs: Vec<Progress>,
}

impl OfClients {
    /// Whether what happened then on a connection counts.
    pub(super) fn is_held_to(&self, case: &Case<'_>, connection: usize, order: u64) -> bool {
        let record = case.recording.connections.get(connection);
        let run = record.and_then(|record| self.runs.get(record.door));
        run.is_none_or(|run| run.is_held_to(order))
    }
}

struct Judge<'a> {
    case: &'a Case<'a>,
    clients: BTreeMap<usize, Client>,
    runs: Vec<Progress>,
    /// Connections whose responses have ended.
    ended: BTreeMap<usize, bool>,
    findings: Vec<Finding>,
}

/// What a client has, across its runs.
#[derive(Default)]
struct Client {
    id: Option<Id>,
    /// The last AES key; `None` where it could not be unwrapped.
    key: Option<AesKey>,
    /// The file for which that key was used, by the name on the wire.
    key_used: Option<Vec<u8>>,
    /// The public key of the last 1101.
    public_key: Option<Vec<u8>>,
    /// Its reconnect was refused: the public key that may not come again.
    old_key: Option<Vec<u8>>,
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
        let Some(run) = self.runs.get_mut(door) else {
            return;
        };
        if let What::Message(Direction::Request, ..) = &event.what {
            run.try_again(event.connection);
        }
        if run.lost {
            // What a run sends after nonsense still belongs to its course.
            if let What::Message(Direction::Request, _, frame) = &event.what
                && let Some(kind) = frame.kind
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
            What::DataLost => {}
        }
    }

    fn request(&mut self, event: &Event<'a>, door: usize, number: usize, frame: &Frame<'a>) {
        let case = self.case;
        let (Some(run), Some(given)) = (self.runs.get_mut(door), case.runs.get(door)) else {
            return;
        };
        let dialect = &*given.dialect;
        let client = self.clients.entry(given.client).or_default();
        if let Some(id) = given.identity.filter(|_| run.due.is_none()) {
            client.id = Some(id);
        }
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
        let due = run.due.clone().unwrap_or_else(|| match client.id {
            _ if run.is_looking() => Direction::Request.kinds().to_vec(),
            None => vec![Kind::Register],
            Some(_) if dialect.reconnects() => vec![Kind::Reconnect],
            // 1100 under a name that it holds is a habit of the programs (3.1).
            Some(_) => vec![Kind::SendPublicKey, Kind::Register],
        });
        if !request::is_due(&mut examination, &due) {
            run.lost = true;
            run.course.extend(frame.kind);
            self.findings.append(&mut findings);
            return;
        }
        let kind = frame.kind.unwrap_or(Kind::Register);
        run.course.push(kind);
        run.in_turn(&mut examination, dialect, kind);
        examination.version();
        if let Some(id) = &client.id
            && kind != Kind::Register
        {
            examination.bytes(Field::ClientId, id, "1.9");
        }
        if kind == Kind::Register {
            examination.recommended_bytes(Field::ClientId, &[0; 16], "2.1");
        }
        let in_step = match kind {
            Kind::Register | Kind::Reconnect => {
                let size = frame::fixed_payload_size(dialect, kind);
                examination.size(size, "2") && {
                    examination.name(Field::ClientName, given.name.as_bytes(), "8.2");
                    true
                }
            }
            Kind::SendPublicKey => {
                let old = client.old_key.as_deref();
                let in_step = request::send_public_key(&mut examination, &given.name, old);
                client.public_key = Some(frame.get(Field::PublicKey).to_vec());
                in_step
            }
            Kind::SendFile => send_file(&mut examination, run, client, given),
            _ => {
                let size = frame::fixed_payload_size(dialect, kind);
                examination.size(size, "2") && {
                    if let Some(id) = &client.id
                        && dialect.client_id_in_payload
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
            examination.padding();
            examination.one_write();
        }
        run.lost = !in_step;
        run.after_request(dialect, kind, event.connection, event.order);
        self.findings.append(&mut findings);
    }

    fn response(&mut self, event: &Event<'a>, door: usize, frame: &Frame<'a>) {
        let case = self.case;
        let (Some(run), Some(given)) = (self.runs.get_mut(door), case.runs.get(door)) else {
            return;
        };
        let dialect = case.dialect(event.connection);
        let Some(kind) = frame.kind else {
            run.lost = true;
            return;
        };
        if kind == Kind::Acknowledged {
            // It is accepted in every dialect, and skipped where another answer is due (2.12).
            run.verdict_out = false;
            return;
        }
        if kind.is_negative() && run.verdict_out && run.asked.is_none() {
            // The answer to a verdict where the dialect has one; else the end of the stream follows.
            run.verdict_out = false;
            return;
        }
        let Some(asked) = run.asked.take() else {
            run.lost = true;
            return;
        };
        let payload = frame::extent(dialect, Direction::Response, &frame.header).payload;
        let whole = payload == frame::fixed_payload_size(dialect, kind);
        if !whole && !kind.is_negative() {
            run.lost = true;
            return;
        }
        let client = self.clients.entry(given.client).or_default();
        match (asked, kind) {
            (Kind::Register, Kind::Registered) => {
                client.id = frame.id(Field::ClientId).or(client.id);
                run.registered();
            }
            (Kind::Register, _) if kind.is_negative() => {
                // With the identity that it has, and its key pair, if it has one for that name (2.9).
                let goes_on = client.id.map(|_| Kind::SendPublicKey);
                client.old_key = None;
                run.allow(goes_on.as_slice());
            }
            (Kind::Reconnect, Kind::ReconnectRefused) => {
                client.old_key.clone_from(&client.public_key);
                run.allow(&[Kind::Register]);
            }
            (Kind::SendPublicKey, Kind::AesKey) | (Kind::Reconnect, Kind::Reconnected) => {
                run.lost = frame.id(Field::ClientId) != client.id;
                let wrapped = frame.get(Field::WrappedKey);
                client.key = client
                    .public_key
                    .as_deref()
                    .and_then(|public| case.keys.open(public, wrapped));
                client.key_used = None;
                run.tries = 0;
                run.allow(&[Kind::SendFile]);
            }
            (Kind::SendFile, Kind::FileReceived) => {
                let Some(expected) = run.expected else {
                    run.lost = true;
                    return;
                };
                let sent_as = given.files.get(run.file).map(|file| &file.sent_as);
                let has = |field| frame.place(field).is_some();
                let echoes = (!has(Field::ClientId) || frame.id(Field::ClientId) == client.id)
                    && (!has(Field::ContentSize)
                        || frame.number(Field::ContentSize) == expected.echoed)
                    && frame::name_text(frame.get(Field::FileName))
                        == sent_as.map(|s| s.as_bytes())
                    && frame.get(Field::Zeros).iter().all(|byte| *byte == 0);
                run.lost = !echoes;
                run.transmissions += 1;
                run.tries = 0;
                let right = frame.number(Field::Cksum) == expected.cksum;
                let verdict = if right {
                    Kind::CksumRight
                } else if run.transmissions < dialect.transmissions {
                    Kind::CksumWrong
                } else {
                    Kind::GiveUp
                };
                run.oblige(verdict);
            }
            (Kind::CksumWrong, _) if kind.is_negative() => run.oblige(Kind::SendFile),
            (Kind::SendPublicKey | Kind::SendFile, _) if kind.is_negative() => {
                run.tries += 1;
                if run.tries < TRIES {
                    run.oblige(asked);
                } else {
                    run.allow(&[]);
                }
            }
            _ => run.lost = true,
        }
    }

    fn rest(&mut self, event: &Event<'a>, door: usize, number: usize, rest: &[u8]) {
        let killed = self.case.runs.get(door).is_some_and(|run| run.killed);
        let excused = self.excused(event.connection);
        self.lose(door);
        // A server that refuses and closes may well leave the rest of a request unread.
        if killed || excused || self.ended.contains_key(&event.connection) {
            return;
        }
        let dialect = self.case.dialect(event.connection);
        let due = self.runs.get(door).and_then(|run| run.due.clone());
        let cause = suspect::misread_request(dialect, rest, due.as_deref());
        let due = due.and_then(|due| due.first().copied());
        let (field, expected, got) = checks::unfinished(dialect, Direction::Request, rest, due);
        let header = frame::header(dialect, Direction::Request, rest);
        let title = header.map_or_else(
            || "part of a request".into(),
            |header| checks::title(dialect, Direction::Request, header.code),
        );
        let offset = checks::offset_in_header(dialect, Direction::Request, field);
        self.push(event, number, title, offset, field, expected, got, "1.4");
        if let Some(last) = self.findings.last_mut() {
            last.cause = cause;
        }
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
            let Some(given) = self.case.runs.get(door) else {
                continue;
            };
            let (killed, dialect) = (given.killed, &*given.dialect);
            if run.lost || killed || !run.obliged || run.asked.is_some() {
                continue;
            }
            let due = run.due.as_deref().unwrap_or_default();
            let connections = &self.case.recording.connections;
            let last = connections
                .iter()
                .rposition(|connection| connection.door == door);
            let last_request = run.course.last().map(|kind| dialect.title_of(*kind));
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
                expected: checks::titles(dialect, due),
                got: format!("nothing after {}", last_request.unwrap_or_default()),
                section: "6",
                cause: None,
                order: u64::MAX - 1,
            });
        }
    }

    /// What a run that was told nothing did before its first file came across was a try (10.11).
    fn forgive_the_untold(&mut self) {
        let case = self.case;
        let door_of = |connection: usize| {
            let record = case.recording.connections.get(connection);
            record.map(|record| record.door)
        };
        let runs = &self.runs;
        self.findings.retain(|finding| {
            let door = finding
                .place
                .as_ref()
                .and_then(|place| door_of(place.connection));
            let run = door.and_then(|door| runs.get(door));
            run.is_none_or(|run| run.is_held_to(finding.order))
        });
        for (door, (run, given)) in self.runs.iter().zip(case.runs).enumerate() {
            let connections = 0..case.recording.connections.len();
            let tries = connections.filter(|number| door_of(*number) == Some(door));
            let Some((expected, got)) = run.learned_badly(tries.count()) else {
                continue;
            };
            if !given.killed {
                self.findings.push(Finding {
                    whose: Whose::Client,
                    level: Level::Must,
                    field: Field::Order,
                    place: None,
                    expected,
                    got,
                    section: "10.11",
                    cause: None,
                    order: u64::MAX - 1,
                });
            }
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

/// A 1103, or a packet of one; `false` where the stream is out of step after it.
fn send_file(
    examination: &mut Examination<'_>,
    run: &mut Progress,
    client: &mut Client,
    given: &Run,
) -> bool {
    let sent_as = frame::name_text(examination.frame.get(Field::FileName)).unwrap_or_default();
    let mut sending = match run.sending.take() {
        Some(sending) => sending,
        None => {
            let again = run.transmissions > 0 || run.tries > 0;
            let named = given
                .files
                .iter()
                .position(|file| !again && file.sent_as.as_bytes() == sent_as);
            run.file = named.unwrap_or(run.file);
            if run.is_looking() {
                client.key_used = None;
            }
            let used = client.key_used.get_or_insert_with(|| sent_as.to_vec());
            if *used != sent_as {
                examination.one_key_one_file(used);
            }
            let Some(file) = given.files.get(run.file) else {
                let difference = examination.difference(
                    Field::FileName,
                    "no further file: the run was given none".into(),
                    format!("{:?}", String::from_utf8_lossy(sent_as)),
                );
                examination.report(difference, "6", None);
                return false;
            };
            let Some(sending) = Sending::begin(examination, file) else {
                return false;
            };
            sending
        }
    };
    let Some(file) = given.files.get(run.file) else {
        return false;
    };
    if !sending.packet(examination, file, client.id.as_ref()) {
        return false;
    }
    if sending.is_whole() {
        run.expected = Some(sending.finish(examination, client.key.as_ref()));
    } else {
        run.sending = Some(sending);
    }
    true
}
