//! The judge on conversations made of bytes: the right ones, and every way to spoil them.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::*;
use crate::frame::{Id, name_field, request, response};
use crate::oracle::{self, AesKey, KeyPair};
use crate::record::{Connection, End, Ended, Recording, Stream};

const ID: Id = [0xa7; 16];
const NAME: &str = "alice";
const FILE: &str = "notes.txt";

fn key_pair() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| KeyPair::generate().expect("a pair"))
}

fn aes_key() -> AesKey {
    AesKey::new((0..16).collect()).expect("16 bytes")
}

/// A file of 40 bytes on disk, so that its content is three blocks.
fn file() -> &'static PathBuf {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE);
        std::fs::write(&path, plain()).expect("written");
        (folder, path)
    });
    path
}

fn plain() -> Vec<u8> {
    (0..40).map(|byte| byte * 3).collect()
}

/// One message of a conversation.
#[derive(Clone)]
struct Line(Direction, Vec<u8>);

/// A conversation on one connection.
#[derive(Clone)]
struct Play {
    dialect: Dialect,
    lines: Vec<Line>,
    /// The server's end, if it comes, before or after the client's.
    server_end: Option<Ended>,
    server_first: bool,
}

impl Play {
    fn new(dialect: &Dialect) -> Self {
        Self {
            dialect: dialect.clone(),
            lines: Vec::new(),
            server_end: Some(Ended::Finished),
            server_first: dialect
                .after(Kind::CksumRight)
                .is_some_and(|after| after.close),
        }
    }

    fn say(mut self, kind: Kind, payload: &[u8]) -> Self {
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

    fn registered(self) -> Self {
        self.say(Kind::Register, &name_field(NAME.as_bytes()))
            .say(Kind::Registered, &ID)
    }

    fn keys(self) -> Self {
        let mut payload = name_field(NAME.as_bytes());
        payload.extend(key_pair().public_der());
        let wrapped = oracle::wrap(key_pair().public_der(), &aes_key()).expect("wrapped");
        self.say(Kind::SendPublicKey, &payload)
            .say(Kind::AesKey, &[&ID[..], &wrapped].concat())
    }

    fn file(self, cksum: u32) -> Self {
        self.send_file().received(cksum)
    }

    fn send_file(self) -> Self {
        let content = aes_key().encrypt(&plain());
        let size = (content.len() as u32).to_le_bytes();
        let payload = [&ID[..], &size, &name_field(FILE.as_bytes()), &content].concat();
        self.say(Kind::SendFile, &payload)
    }

    fn received(self, cksum: u32) -> Self {
        let size = aes_key().encrypt(&plain()).len() as u32;
        let bytes = frame::file_received(&self.dialect, &ID, size, FILE.as_bytes(), cksum);
        let mut play = self;
        play.lines.push(Line(Direction::Response, bytes));
        play
    }

    fn verdict(self, kind: Kind) -> Self {
        self.say(kind, &[&ID[..], &name_field(FILE.as_bytes())].concat())
    }

    fn refused(self) -> Self {
        let payload: &[u8] = match self.dialect.refused_payload {
            crate::dialect::RefusedPayload::Empty => &[],
            crate::dialect::RefusedPayload::ClientId => &ID,
        };
        self.say(Kind::Refused, payload)
    }

    fn first_backup(dialect: &Dialect) -> Self {
        Self::new(dialect)
            .registered()
            .keys()
            .file(oracle::cksum(&plain()))
            .verdict(Kind::CksumRight)
    }

    fn record(&self) -> Recording {
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
        }
    }

    fn judge(&self) -> Judgement {
        judge_recording(&self.dialect, &self.record())
    }

    fn findings(&self) -> Vec<(Whose, Field)> {
        let findings = self.judge().findings;
        findings
            .iter()
            .map(|finding| (finding.whose, finding.field))
            .collect()
    }

    fn cause(&self) -> String {
        let findings = self.judge().findings;
        findings
            .into_iter()
            .find_map(|finding| finding.cause)
            .unwrap_or_default()
    }
}

fn judge_recording(dialect: &Dialect, recording: &Recording) -> Judgement {
    let mut keys = Keyring::default();
    keys.add(key_pair().clone());
    let runs = [Run {
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

#[test]
fn finds_nothing_in_a_right_conversation() {
    for dialect in Dialect::built_in() {
        let judgement = Play::first_backup(&dialect).judge();
        assert_eq!(judgement.findings, []);
        assert_eq!(judgement.uploads.len(), 1);
        assert_eq!(judgement.uploads[0].state, State::Verified);
        assert_eq!(judgement.ids[&0], ID);
    }
}

#[test]
fn finds_nothing_in_a_file_that_is_sent_again_until_it_is_given_up() {
    for dialect in Dialect::built_in() {
        // The content is damaged on its way to the server, so that both sides are right.
        let mut damaged = plain();
        damaged[0] ^= 1;
        let mut recording = Play::new(&dialect).registered().keys().record();
        let mut order = 100;
        let connection = &mut recording.connections[0];
        connection.requests.sent.end = None;
        connection.responses.sent.end = None;
        let mut delivered = connection.requests.sent.clone();
        for transmission in 1..=dialect.transmissions {
            let verdict = if transmission < dialect.transmissions {
                Kind::CksumWrong
            } else {
                Kind::GiveUp
            };
            let play = Play::new(&dialect)
                .file(oracle::cksum(&damaged))
                .verdict(verdict);
            for Line(direction, bytes) in &play.lines {
                order += 1;
                connection
                    .passage_mut(*direction)
                    .sent
                    .push(bytes, order, false);
                if *direction == Direction::Request {
                    let mut bytes = bytes.clone();
                    if bytes.len() == 23 + 275 + 48 {
                        bytes.truncate(23 + 275);
                        bytes.extend(aes_key().encrypt(&damaged));
                    }
                    delivered.push(&bytes, order, false);
                }
            }
        }
        let after = dialect.after(Kind::GiveUp).expect("a verdict");
        let server = u64::from(!after.close);
        if !after.close {
            let bytes = Play::new(&dialect).refused().lines.remove(0).1;
            connection.responses.sent.push(&bytes, order + 1, false);
        }
        let how = Ended::Finished;
        let end = Some(End {
            how,
            order: order + 3,
        });
        connection.requests.sent.end = end;
        delivered.end = end;
        connection.requests.delivered = Some(delivered);
        connection.responses.sent.end = Some(End {
            how,
            order: order + 2 + 2 * server,
        });
        let judgement = judge_recording(&dialect, &recording);
        assert_eq!(judgement.findings, [], "{dialect}");
        assert!(
            judgement
                .uploads
                .iter()
                .all(|upload| upload.state == State::Dropped)
        );
        assert_eq!(judgement.uploads.len(), dialect.transmissions as usize);
    }
}

/// Every bit of every byte of a conversation is turned over, one at a time: the first finding has to
/// name the field in which it lies.
#[test]
fn names_the_field_of_every_flipped_bit() {
    for dialect in Dialect::built_in() {
        let play = Play::first_backup(&dialect);
        for (line, Line(direction, bytes)) in play.lines.iter().enumerate() {
            let (frames, _) = frame::split(&dialect, *direction, bytes);
            let kind = frames[0].kind.expect("a known message");
            let places = frames[0].places().to_vec();
            for place in places {
                // A bit of a public key or a content is as good as another: some will do.
                let step = if place.range.len() > 100 { 13 } else { 1 };
                for at in place.range.clone().step_by(step) {
                    for bit in 0..8 {
                        let mut spoiled = play.clone();
                        spoiled.lines[line].1[at] ^= 1 << bit;
                        check_flip(
                            &spoiled,
                            kind,
                            place.field,
                            at - place.range.start,
                            bytes,
                            at,
                        );
                    }
                }
            }
        }
    }
}

fn check_flip(play: &Play, kind: Kind, field: Field, within: usize, right: &[u8], at: usize) {
    let findings = play.judge().findings;
    let first = findings.first();
    let told = format!(
        "{} {field} byte {within} of {kind:?}: {first:#?}",
        play.dialect
    );
    let first = first.unwrap_or_else(|| panic!("unseen: {told}"));
    let name_part = |text: &str| match within {
        _ if within < text.len() => field,
        _ if within == text.len() => Field::Nul,
        _ => Field::Padding,
    };
    let expected = match field {
        Field::ClientName => name_part(NAME),
        Field::FileName => name_part(FILE),
        _ => field,
    };
    assert_eq!(first.field, expected, "{told}");
    let of_register = kind == Kind::Register && field == Field::ClientId;
    let level = if of_register {
        Level::Should
    } else {
        Level::Must
    };
    assert_eq!(first.level, level, "{told}");
    // An ID that was just given out is only wrong by what follows.
    if kind == Kind::Registered && field == Field::ClientId {
        return;
    }
    let place = first
        .place
        .as_ref()
        .unwrap_or_else(|| panic!("no place: {told}"));
    let whose = match kind.direction() {
        Direction::Request => Whose::Client,
        Direction::Response => Whose::Server,
    };
    assert_eq!(first.whose, whose, "{told}");
    assert_eq!(place.direction, kind.direction(), "{told}");
    if !matches!(
        field,
        Field::Content | Field::Cksum | Field::ContentSize | Field::WrappedKey
    ) && !matches!(
        field,
        Field::Version | Field::Code | Field::PayloadSize | Field::PublicKey
    ) {
        assert_eq!(place.offset, at, "{told}");
    }
    assert!(place.offset < right.len(), "{told}");
}

#[test]
fn names_a_byte_too_many_after_a_response() {
    for dialect in Dialect::built_in() {
        for size in [1, 7, 64] {
            let mut play = Play::first_backup(&dialect);
            play.lines[5].1.extend(vec![0; size]);
            let findings = play.findings();
            let (whose, field) = findings[0];
            assert_eq!(whose, Whose::Server);
            assert_eq!(field, Field::TrailingData);
            assert_eq!(play.cause(), "the response before was padded with zeros");
        }
    }
}

#[test]
fn sees_how_the_server_ends_the_connection() {
    let [seed, readme] = &Dialect::built_in()[..] else {
        panic!("two dialects");
    };
    let server = [(Whose::Server, Field::EndOfStream)];
    let mut play = Play::first_backup(seed);
    play.server_end = Some(Ended::Reset);
    assert_eq!(play.findings(), server);
    play.server_end = None;
    assert_eq!(play.findings(), server);
    // Where the connection stays, the server may not be the first to end it.
    let mut play = Play::first_backup(readme);
    play.server_first = true;
    assert_eq!(play.findings(), server);
    play.server_first = false;
    play.server_end = Some(Ended::Reset);
    assert_eq!(play.findings(), server);
}

#[test]
fn sees_a_response_in_two_writes() {
    let dialect = &Dialect::built_in()[0];
    let mut recording = Play::first_backup(dialect).record();
    let stream = &mut recording.connections[0].responses.sent;
    let mut first = stream.marks[0];
    first.end = 7;
    stream.marks.insert(0, first);
    let findings = judge_recording(dialect, &recording).findings;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].field, Field::OneWrite);
    assert_eq!(findings[0].whose, Whose::Server);
}

#[test]
fn sees_a_verdict_that_contradicts_the_comparison() {
    for dialect in Dialect::built_in() {
        let right = oracle::cksum(&plain());
        let start = || Play::new(&dialect).registered().keys();
        // Right, but called wrong.
        let play = start().file(right).verdict(Kind::CksumWrong);
        assert_eq!(play.findings()[0], (Whose::Client, Field::Code));
        // Wrong, but called right: the server's cksum is the first fault, the client's verdict another.
        let play = start().file(right ^ 1).verdict(Kind::CksumRight);
        assert_eq!(play.findings()[0], (Whose::Server, Field::Cksum));
        assert_eq!(play.findings()[1], (Whose::Client, Field::Code));
        // Given up too early.
        let play = start().file(right ^ 1).verdict(Kind::GiveUp);
        assert_eq!(play.findings()[1], (Whose::Client, Field::Code));
        // No verdict at all.
        let play = start().file(right);
        assert!(play.findings().contains(&(Whose::Client, Field::Order)));
    }
}

#[test]
fn sees_an_answer_to_1105() {
    for dialect in Dialect::built_in() {
        let wrong = oracle::cksum(&plain()) ^ 1;
        let play = Play::new(&dialect)
            .registered()
            .keys()
            .file(wrong)
            .verdict(Kind::CksumWrong)
            .refused();
        assert!(play.findings().contains(&(Whose::Server, Field::Order)));
    }
}

#[test]
fn sees_a_refusal_without_a_reason_and_a_missing_one() {
    for dialect in Dialect::built_in() {
        let play = Play::new(&dialect)
            .registered()
            .keys()
            .send_file()
            .refused();
        assert_eq!(play.findings()[0], (Whose::Server, Field::Code));
        // A second registration of a name that is taken.
        let play = Play::new(&dialect).registered().registered();
        assert!(play.findings().contains(&(Whose::Server, Field::Code)));
    }
}

#[test]
fn sees_a_key_that_serves_twice() {
    for dialect in Dialect::built_in() {
        let play = Play::new(&dialect)
            .registered()
            .keys()
            .file(oracle::cksum(&plain()) ^ 1)
            .verdict(Kind::CksumWrong);
        let before = play.findings().len();
        let findings = play.keys().findings();
        assert!(findings.len() > before);
        assert!(findings.contains(&(Whose::Server, Field::WrappedKey)));
    }
}

#[test]
fn names_the_likely_cause_of_known_mistakes() {
    let [seed, readme] = &Dialect::built_in()[..] else {
        panic!("two dialects");
    };
    let plain = plain();
    let content = aes_key().encrypt(&plain);
    let padded = aes_key().decrypt_blocks(&content);
    let causes = [
        (
            oracle::zlib_crc(&plain),
            "zlib's CRC-32 in place of the POSIX cksum",
        ),
        (oracle::cksum(&padded), "padding left on"),
        (oracle::zlib_crc(&padded), "padding left on"),
        (oracle::cksum(&content), "encrypted content"),
        (oracle::cksum(&plain).swap_bytes(), "big-endian"),
        (oracle::cksum_without_length(&plain), "without the length"),
        (!oracle::cksum(&plain), "complement"),
        (oracle::cksum(b""), "cksum of nothing"),
    ];
    for (cksum, cause) in causes {
        let play = Play::new(seed).registered().keys().file(cksum);
        assert!(play.cause().contains(cause), "{cause}: {}", play.cause());
    }
    let spoiled = |line: usize, spoil: &dyn Fn(&mut Vec<u8>)| {
        let mut play = Play::first_backup(seed);
        spoil(&mut play.lines[line].1);
        play.cause()
    };
    let cause = spoiled(1, &|bytes| {
        bytes[3..7].copy_from_slice(&16_u32.to_be_bytes())
    });
    assert!(cause.contains("big-endian"), "{cause}");
    let cause = spoiled(1, &|bytes| bytes[3] = 16 + 7);
    assert!(cause.contains("counts the header"), "{cause}");
    let cause = spoiled(5, &|bytes| {
        bytes[23..27].copy_from_slice(&40_u32.to_le_bytes())
    });
    assert!(cause.contains("plaintext"), "{cause}");
    let cause = spoiled(0, &|bytes| bytes[23 + 5] = b'\r');
    assert!(cause.contains("CRLF"), "{cause}");
    let cause = spoiled(4, &|bytes| {
        bytes[43..43 + 12].copy_from_slice(b"\\a\\notes.txt");
    });
    assert!(cause.contains("whole path"), "{cause}");
    let cause = spoiled(4, &|bytes| bytes[298..338].copy_from_slice(&plain));
    assert!(cause.contains("unencrypted"), "{cause}");
    // A server that speaks the other dialect.
    let mut play = Play::first_backup(seed);
    play.lines[1] = Play::first_backup(readme).lines[1].clone();
    assert!(
        play.cause().contains("dialect 'readme'"),
        "{}",
        play.cause()
    );
}

#[test]
fn does_not_blame_anyone_for_what_the_harness_killed() {
    let dialect = &Dialect::built_in()[0];
    let mut recording = Play::new(dialect).registered().keys().send_file().record();
    let connection = &mut recording.connections[0];
    connection.requests.sent.bytes.truncate(900);
    connection.responses.sent.end = None;
    assert_ne!(judge_recording(dialect, &recording).findings, []);
    recording.connections[0].excused = true;
    assert_eq!(judge_recording(dialect, &recording).findings, []);
}
