//! The judge on conversations made of bytes: the right ones, and every way to spoil them.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::*;
use crate::dialect::{AfterAnswer, ConnectionUse, EchoedSize};
use crate::frame::{Id, Values, name_field, request, response};
use crate::oracle::{self, AesKey, KeyPair};
use crate::record::{Connection, End, Ended, Recording, Stream};

const ID: Id = [0xa7; 16];
const NAME: &str = "alice";
const FILE: &str = "notes.txt";

fn key_pair() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| KeyPair::generate().expect("a pair"))
}

fn aes_key(dialect: &Dialect) -> AesKey {
    let size = u8::try_from(dialect.aes_key_size).expect("16 or 32");
    AesKey::new((0..size).collect()).expect("a size of AES")
}

fn right_cksum(dialect: &Dialect) -> u32 {
    oracle::checksum(dialect, &plain(), &aes_key(dialect).encrypt(&plain()))
}

fn named(argument: &str) -> Dialect {
    Dialect::find(argument).expect("a dialect")
}

/// Every built-in dialect, and every one that differs from it in one parameter and can be played on one
/// connection.
fn dialects() -> Vec<Dialect> {
    let mut all = Dialect::built_in().to_vec();
    for base in Dialect::built_in() {
        let on_one = |dialect: &Dialect| dialect.connection == ConnectionUse::Session;
        let neighbours = base.neighbours().iter().map(|(_, dialect)| dialect);
        all.extend(neighbours.filter(|dialect| on_one(dialect)).cloned());
    }
    all
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

    /// The payload of a message, filled in as it has to be where the dialect has the field.
    fn payload(&self, kind: Kind) -> Vec<u8> {
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

    fn say_right(self, kind: Kind) -> Self {
        let payload = self.payload(kind);
        self.say(kind, &payload)
    }

    fn registered(self) -> Self {
        self.say_right(Kind::Register).say_right(Kind::Registered)
    }

    fn keys(self) -> Self {
        self.say_right(Kind::SendPublicKey).say_right(Kind::AesKey)
    }

    fn file(self, cksum: u32) -> Self {
        self.send_file().received(cksum)
    }

    fn send_file(self) -> Self {
        self.say_right(Kind::SendFile)
    }

    /// The same in packets of a block.
    fn send_packets(mut self) -> Self {
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

    fn received(self, cksum: u32) -> Self {
        let mut payload = self.payload(Kind::FileReceived);
        let end = payload.len() - self.dialect.cksum_width;
        payload[end..end + 4].copy_from_slice(&self.dialect.bytes_of(cksum, 4));
        self.say(Kind::FileReceived, &payload)
    }

    /// A verdict, and what answers it.
    fn verdict(self, kind: Kind) -> Self {
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

    fn refused(self) -> Self {
        let kind = self.dialect.negative(Some(Kind::SendFile));
        self.say_right(kind)
    }

    fn right_cksum(&self) -> u32 {
        right_cksum(&self.dialect)
    }

    fn first_backup(dialect: &Dialect) -> Self {
        let play = Self::new(dialect).registered().keys();
        let cksum = play.right_cksum();
        play.file(cksum).verdict(Kind::CksumRight)
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
            data_lost: Vec::new(),
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
        dialect: Arc::new(dialect.clone()),
        untold: false,
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

#[test]
fn finds_nothing_in_a_right_conversation() {
    for dialect in &dialects() {
        let judgement = Play::first_backup(dialect).judge();
        assert_eq!(judgement.findings, []);
        assert_eq!(judgement.uploads.len(), 1);
        assert_eq!(judgement.uploads[0].state, State::Verified);
        assert_eq!(judgement.ids[&0], ID);
    }
}

#[test]
fn finds_nothing_in_right_packets() {
    let all = dialects();
    let mut all: Vec<_> = all.iter().filter(|dialect| dialect.packets).collect();
    let small = named("2024a,packet=16");
    all.push(&small);
    for dialect in all {
        let dialect = &dialect.with(&["packet=16"]).expect("packets");
        let play = Play::new(dialect).registered().keys().send_packets();
        let cksum = play.right_cksum();
        let judgement = play.received(cksum).verdict(Kind::CksumRight).judge();
        assert_eq!(judgement.findings, [], "{dialect}");
        assert_eq!(judgement.uploads.len(), 1, "{dialect}");
    }
}

#[test]
fn sees_what_is_wrong_with_packets() {
    let dialect = named("2024a,packet=16");
    let right = || Play::new(&dialect).registered().keys().send_packets();
    let cksum = right_cksum(&dialect);
    let first = |play: Play| {
        let findings = play
            .received(cksum)
            .verdict(Kind::CksumRight)
            .judge()
            .findings;
        let first = findings.into_iter().next().expect("a finding");
        (first.whose, first.field)
    };
    let spoiled = |line: usize, at: usize, value: u8| {
        let mut play = right();
        play.lines[line].1[at] = value;
        first(play)
    };
    let client = |field| (Whose::Client, field);
    // Lines 4 to 6 are the packets; their fields begin at 23.
    assert_eq!(spoiled(4, 31, 0), client(Field::PacketNumber));
    assert_eq!(spoiled(5, 31, 3), client(Field::PacketNumber));
    assert_eq!(spoiled(5, 33, 4), client(Field::TotalPackets));
    assert_eq!(spoiled(6, 27, 39), client(Field::OriginalSize));
    assert_eq!(spoiled(6, 23, 16), client(Field::ContentSize));
    assert_eq!(spoiled(6, 35, b'N'), client(Field::FileName));
    let mut swapped = right();
    swapped.lines.swap(4, 5);
    assert_eq!(first(swapped), client(Field::PacketNumber));
    let mut missing = right();
    missing.lines.remove(5);
    assert_eq!(first(missing), client(Field::PacketNumber));
    // Two packets where the dialect has the whole file in one.
    let mut whole = right();
    whole.dialect = named("2024a");
    assert_eq!(first(whole).0, Whose::Client);
    // A byte of the content of the second packet is found in that packet.
    let mut play = right();
    let end = play.lines[5].1.len() - 1;
    play.lines[5].1[end] ^= 1;
    let findings = play
        .received(cksum)
        .verdict(Kind::CksumRight)
        .judge()
        .findings;
    let found = findings
        .iter()
        .find(|finding| finding.field == Field::Content);
    let place = found
        .and_then(|finding| finding.place.clone())
        .expect("a place");
    assert_eq!(place.frame, 3);
    // The server answers a packet before the last.
    let mut early = right();
    let answer = Play::new(&dialect).received(cksum).lines.remove(0);
    early.lines.insert(5, answer);
    assert!(early.findings().contains(&(Whose::Server, Field::Order)));
}

#[test]
fn finds_nothing_in_a_file_that_is_sent_again_until_it_is_given_up() {
    let goes_on = |dialect: &Dialect| dialect.after(Kind::CksumWrong).is_some_and(|a| !a.close);
    for dialect in &dialects().into_iter().filter(goes_on).collect::<Vec<_>>() {
        // The content is damaged on its way to the server, so that both sides are right.
        let mut damaged = plain();
        damaged[0] ^= 1;
        let content = aes_key(dialect).encrypt(&damaged);
        let mut recording = Play::new(dialect).registered().keys().record();
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
            let play = Play::new(dialect)
                .file(oracle::checksum(dialect, &damaged, &content))
                .verdict(verdict);
            for Line(direction, bytes) in &play.lines {
                order += 1;
                connection
                    .passage_mut(*direction)
                    .sent
                    .push(bytes, order, false);
                if *direction == Direction::Request {
                    let mut bytes = bytes.clone();
                    let (frames, _) = frame::split(dialect, Direction::Request, &bytes);
                    if let Some(place) = frames[0].place(Field::Content) {
                        let range = place.range.clone();
                        bytes[range].copy_from_slice(&content);
                    }
                    delivered.push(&bytes, order, false);
                }
            }
        }
        let after = dialect.after(Kind::GiveUp).expect("a verdict");
        let server = u64::from(!after.close);
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
        let judgement = judge_recording(dialect, &recording);
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
    for dialect in [named("seed"), named("readme")] {
        flip(&Play::first_backup(&dialect), 0..8, 1);
    }
}

/// The same with a bit of each byte, with every parameter in turn and in every dialect.
#[test]
fn names_the_field_of_a_flipped_bit_in_every_dialect() {
    let mut all = Dialect::built_in().to_vec();
    let bases = [named("seed"), named("2024a")];
    let on_one = |dialect: &Dialect| dialect.connection == ConnectionUse::Session;
    for base in &bases {
        let neighbours = base.neighbours().iter().map(|(_, dialect)| dialect);
        all.extend(neighbours.filter(|dialect| on_one(dialect)).cloned());
    }
    all.push(named("seed,align=natural,order=big,pad=1024,size=message"));
    all.push(named("2024a,packet-order=big,request-pad=1024"));
    for dialect in all {
        flip(&Play::first_backup(&dialect), 0..1, 37);
    }
}

/// Turns over bits of every byte of short fields, and of every so many bytes of long ones.
fn flip(play: &Play, bits: std::ops::Range<u8>, stride: usize) {
    let dialect = &play.dialect;
    for (line, Line(direction, bytes)) in play.lines.iter().enumerate() {
        let (frames, _) = frame::split(dialect, *direction, bytes);
        let kind = frames[0].kind.expect("a known message");
        for place in frames[0].places().to_vec() {
            // A bit of a public key or a content is as good as another: some will do.
            let step = match place.range.len() {
                0..20 => 1,
                20..100 => stride,
                _ if matches!(place.field, Field::ClientName | Field::FileName) => stride,
                _ if stride > 1 => stride,
                _ => 13,
            };
            for at in place.range.clone().step_by(step) {
                for bit in bits.clone() {
                    let mut spoiled = play.clone();
                    spoiled.lines[line].1[at] ^= 1 << bit;
                    let within = at - place.range.start;
                    check_flip(&spoiled, kind, place.field, within, bytes, at);
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
    if !field.is_number() && !matches!(field, Field::Content | Field::WrappedKey | Field::PublicKey)
    {
        assert_eq!(place.offset, at, "{told}");
    }
    assert!(place.offset < right.len(), "{told}");
}

#[test]
fn names_a_byte_too_many_after_a_response() {
    for dialect in Dialect::built_in() {
        for size in [1, 7, 64] {
            let mut play = Play::first_backup(dialect);
            play.lines[5].1.extend(vec![0; size]);
            let findings = play.findings();
            let (whose, field) = findings[0];
            assert_eq!(whose, Whose::Server);
            assert_eq!(field, Field::TrailingData);
            let cause = play.cause();
            assert!(cause.contains("padded with zeros"), "{cause}");
        }
    }
}

#[test]
fn sees_how_the_server_ends_the_connection() {
    let server = [(Whose::Server, Field::EndOfStream)];
    let mut play = Play::first_backup(&named("seed"));
    play.server_end = Some(Ended::Reset);
    assert_eq!(play.findings(), server);
    play.server_end = None;
    assert_eq!(play.findings(), server);
    // Where the connection stays, the server may not be the first to end it.
    let mut play = Play::first_backup(&named("readme"));
    play.server_first = true;
    assert_eq!(play.findings(), server);
    play.server_first = false;
    play.server_end = Some(Ended::Reset);
    assert_eq!(play.findings(), server);
}

#[test]
fn sees_a_response_in_two_writes() {
    let dialect = &named("seed");
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
    for dialect in &dialects() {
        let right = right_cksum(dialect);
        let start = || Play::new(dialect).registered().keys();
        // Right, but called wrong.
        if dialect.transmissions > 1 {
            let play = start().file(right).verdict(Kind::CksumWrong);
            assert_eq!(
                play.findings()[0],
                (Whose::Client, Field::Code),
                "{dialect}"
            );
        }
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
        let wrong = right_cksum(dialect) ^ 1;
        let play = Play::new(dialect)
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
    for dialect in &dialects() {
        let play = Play::new(dialect).registered().keys().send_file().refused();
        assert_eq!(play.findings()[0], (Whose::Server, Field::Code));
        // A second registration of a name that is taken.
        let play = Play::new(dialect).registered().registered();
        assert!(play.findings().contains(&(Whose::Server, Field::Code)));
    }
}

#[test]
fn sees_a_key_that_serves_twice() {
    for dialect in Dialect::built_in() {
        let play = Play::new(dialect)
            .registered()
            .keys()
            .file(right_cksum(dialect) ^ 1)
            .verdict(Kind::CksumWrong);
        let before = play.findings().len();
        let findings = play.keys().findings();
        assert!(findings.len() > before);
        assert!(findings.contains(&(Whose::Server, Field::WrappedKey)));
    }
}

#[test]
fn names_the_likely_cause_of_known_mistakes() {
    let (seed, readme) = (&named("seed"), &named("readme"));
    let plain = plain();
    let content = aes_key(seed).encrypt(&plain);
    let padded = aes_key(seed).decrypt_blocks(&content);
    let causes = [
        (
            oracle::zlib_crc(&plain),
            "zlib's CRC-32 of the plaintext in its place: crc=zlib",
        ),
        (oracle::cksum(&padded), "padding left on"),
        (oracle::zlib_crc(&padded), "crc=zlib,crc-input=padded"),
        (oracle::cksum(&content), "encrypted content"),
        (oracle::cksum(&plain).swap_bytes(), "bytes swapped"),
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
    assert!(cause.contains("bytes swapped"), "{cause}");
    let cause = spoiled(1, &|bytes| bytes[3] = 16 + 7);
    assert!(cause.contains("seed,size=message"), "{cause}");
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
    let dialect = &named("seed");
    let mut recording = Play::new(dialect).registered().keys().send_file().record();
    let connection = &mut recording.connections[0];
    connection.requests.sent.bytes.truncate(900);
    connection.responses.sent.end = None;
    assert_ne!(judge_recording(dialect, &recording).findings, []);
    recording.connections[0].excused = true;
    assert_eq!(judge_recording(dialect, &recording).findings, []);
}
