//! Conversations made of bytes.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::super::*;
use crate::dialect::{AfterAnswer, ConnectionUse, EchoedSize};
use crate::frame::{Id, Values, name_field, request, response};
use crate::oracle::{self, AesKey, KeyPair};
use crate::record::{Connection, End, Ended, Recording, Stream};

pub(super) const ID: Id = [0xa7; 16];
pub(super) const NAME: &str = "alice";
pub(super) const FILE: &str = "notes.txt";

pub(super) fn key_pair() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| KeyPair::generate().expect("a pair"))
}

pub(super) fn aes_key(dialect: &Dialect) -> AesKey {
    let size = u8::try_from(dialect.aes_key_size).expect("16 or 32");
    AesKey::new((0..size).collect()).expect("a size of AES")
}

pub(super) fn right_cksum(dialect: &Dialect) -> u32 {
    oracle::checksum(dialect, &plain(), &aes_key(dialect).encrypt(&plain()))
}

pub(super) fn named(argument: &str) -> Dialect {
    Dialect::find(argument).expect("a dialect")
}

/// Every built-in dialect, and every one that differs from it in one parameter and can be played on one
/// connection.
pub(super) fn dialects() -> Vec<Dialect> {
    let mut all = Dialect::built_in().to_vec();
    for base in Dialect::built_in() {
        let on_one = |dialect: &Dialect| dialect.connection == ConnectionUse::Session;
        let neighbours = base.neighbours().iter().map(|(_, dialect)| dialect);
        all.extend(neighbours.filter(|dialect| on_one(dialect)).cloned());
    }
    all
}

/// A file of 40 bytes on disk, so that its content is three blocks.
pub(super) fn file() -> &'static PathBuf {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        std::fs::write(&path, plain()).expect("written");
        (folder, path)
    });
    path
}

pub(super) fn plain() -> Vec<u8> {
    (0..40).map(|byte| byte * 3).collect()
}

/// One message of a conversation.
#[derive(Clone)]
pub(super) struct Line(pub(super) Direction, pub(super) Vec<u8>);

/// A conversation on one connection.
#[derive(Clone)]
pub(super) struct Play {
    pub(super) dialect: Dialect,
    pub(super) lines: Vec<Line>,
    /// The server's end, if it comes, before or after the client's.
    pub(super) server_end: Option<Ended>,
    pub(super) server_first: bool,
}

impl Play {
    pub(super) fn new(dialect: &Dialect) -> Self {
        Self {
            dialect: dialect.clone(),
            lines: Vec::new(),
            server_end: Some(Ended::Finished),
            server_first: dialect
                .after(Kind::CksumRight)
                .is_some_and(|after| after.close),
        }
    }

    pub(super) fn say(mut self, kind: Kind, payload: &[u8]) -> Self {
        let bytes = match kind.direction() {
            Direction::Request if kind == Kind::Register => {
                request(&self.dialect, kind, &[0; 16], payload)
            }
            Direction::Request => request(&self.dialect, kind, &ID, payload),
            Direction::Response => response(&self.dialect, kind, payload),
        };
        self.lines.push(Line(kind.direction(), bytes));
        self
    }

    /// The payload of a message, filled in as it has to be where the dialect has the field.
    pub(super) fn payload(&self, kind: Kind) -> Vec<u8> {
        let wrapped;
        let dialect = &self.dialect;
        let content = aes_key(dialect).encrypt(&plain());
        let echoed = match (kind.direction(), dialect.echoed_size) {
            (Direction::Response, EchoedSize::Plain) => plain().len(),
            _ => content.len(),
        };
        let mut values = Values::default()
            .bytes(Field::PayloadClientId, &ID)
            .number(dialect, Field::ContentSize, echoed as u32)
            .number(dialect, Field::OriginalSize, plain().len() as u32)
            .number(dialect, Field::PacketNumber, 1)
            .number(dialect, Field::TotalPackets, 1)
            .bytes(Field::ClientName, &name_field(dialect, NAME.as_bytes()))
            .bytes(Field::FileName, &name_field(dialect, FILE.as_bytes()))
            .bytes(Field::PublicKey, key_pair().public_der());
        match kind {
            Kind::SendFile => values = values.bytes(Field::Content, &content),
            Kind::AesKey | Kind::Reconnected => {
                wrapped =
                    oracle::wrap(key_pair().public_der(), &aes_key(dialect)).expect("wrapped");
                values = values.bytes(Field::WrappedKey, &wrapped);
            }
            _ => {}
        }
        if kind != Kind::Acknowledged || dialect.acknowledges_with_id() {
            values = values.bytes(Field::ClientId, &ID);
        }
        frame::payload(dialect, kind, &values)
    }

    pub(super) fn say_right(self, kind: Kind) -> Self {
        let payload = self.payload(kind);
        self.say(kind, &payload)
    }

    pub(super) fn registered(self) -> Self {
        self.say_right(Kind::Register).say_right(Kind::Registered)
    }

    pub(super) fn keys(self) -> Self {
        self.say_right(Kind::SendPublicKey).say_right(Kind::AesKey)
    }

    pub(super) fn file(self, cksum: u32) -> Self {
        self.send_file().received(cksum)
    }

    pub(super) fn send_file(self) -> Self {
        self.say_right(Kind::SendFile)
    }

    /// The same in packets of a block.
    pub(super) fn send_packets(mut self) -> Self {
        let dialect = self.dialect.clone();
        let content = aes_key(&dialect).encrypt(&plain());
        let packets = content.chunks(oracle::BLOCK);
        let total = packets.len() as u32;
        for (number, packet) in (1..).zip(packets) {
            let values = Values::default()
                .bytes(Field::PayloadClientId, &ID)
                .number(&dialect, Field::ContentSize, content.len() as u32)
                .number(&dialect, Field::OriginalSize, plain().len() as u32)
                .number(&dialect, Field::PacketNumber, number)
                .number(&dialect, Field::TotalPackets, total)
                .bytes(Field::FileName, FILE.as_bytes())
                .bytes(Field::Content, packet);
            self = self.say(
                Kind::SendFile,
                &frame::payload(&dialect, Kind::SendFile, &values),
            );
        }
        self
    }

    pub(super) fn received(self, cksum: u32) -> Self {
        let mut payload = self.payload(Kind::FileReceived);
        let end = payload.len() - self.dialect.cksum_width;
        payload[end..end + 4].copy_from_slice(&self.dialect.bytes_of(cksum, 4));
        self.say(Kind::FileReceived, &payload)
    }

    /// A verdict, and what answers it.
    pub(super) fn verdict(self, kind: Kind) -> Self {
        let after = self.dialect.after(kind).expect("a verdict");
        let play = self.say_right(kind);
        match after.answer {
            AfterAnswer::None => play,
            AfterAnswer::Refused => play.say_right(Kind::Refused),
            AfterAnswer::GeneralError => play.say_right(Kind::GeneralError),
            AfterAnswer::Acknowledged => play.say(Kind::Acknowledged, &[]),
            AfterAnswer::AcknowledgedWithId => play.say(Kind::Acknowledged, &ID),
        }
    }

    pub(super) fn refused(self) -> Self {
        let kind = self.dialect.negative(Some(Kind::SendFile));
        self.say_right(kind)
    }

    pub(super) fn right_cksum(&self) -> u32 {
        right_cksum(&self.dialect)
    }

    pub(super) fn first_backup(dialect: &Dialect) -> Self {
        let play = Self::new(dialect).registered().keys();
        let cksum = play.right_cksum();
        play.file(cksum).verdict(Kind::CksumRight)
    }

    pub(super) fn record(&self) -> Recording {
        let mut connection = Connection::default();
        let mut order = 0;
        for Line(direction, bytes) in &self.lines {
            connection
                .passage_mut(*direction)
                .sent
                .push(bytes, order, false);
            order += 1;
        }
        let finish = |stream: &mut Stream, how, order| stream.end = Some(End { how, order });
        let (client, server) = if self.server_first { (1, 0) } else { (0, 1) };
        finish(
            &mut connection.requests.sent,
            Ended::Finished,
            order + client,
        );
        if let Some(how) = self.server_end {
            finish(&mut connection.responses.sent, how, order + server);
        }
        Recording {
            connections: vec![connection],
            data_lost: Vec::new(),
        }
    }

    pub(super) fn judge(&self) -> Judgement {
        judge_recording(&self.dialect, &self.record())
    }

    pub(super) fn findings(&self) -> Vec<(Whose, Field)> {
        let findings = self.judge().findings;
        findings
            .iter()
            .map(|finding| (finding.whose, finding.field))
            .collect()
    }

    pub(super) fn cause(&self) -> String {
        let findings = self.judge().findings;
        findings
            .into_iter()
            .find_map(|finding| finding.cause)
            .unwrap_or_default()
    }
}

pub(super) fn judge_recording(dialect: &Dialect, recording: &Recording) -> Judgement {
    judge_run(dialect, recording, false)
}

/// The same for a run that was perhaps told no dialect.
pub(super) fn judge_run(dialect: &Dialect, recording: &Recording, untold: bool) -> Judgement {
    let mut keys = Keyring::default();
    keys.add(key_pair().clone());
    let runs = [Run {
        dialect: Arc::new(dialect.clone()),
        untold,
        identity: None,
        client: 0,
        name: NAME.into(),
        files: vec![Source {
            path: file().clone(),
            sent_as: FILE.into(),
        }],
        killed: false,
    }];
    judge(&Case {
        dialect,
        recording,
        keys: &keys,
        runs: &runs,
    })
}
