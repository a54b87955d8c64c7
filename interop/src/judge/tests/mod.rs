//! The judge on conversations made of bytes: the right ones, and every way to spoil them.

mod flip;
mod play;

use play::*;

use super::*;
use crate::oracle;
use crate::record::{End, Ended};

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
    // All packets say a number that is too small for the content.
    let mut few = right();
    (4..7).for_each(|line| few.lines[line].1[33] = 2);
    assert_eq!(first(few), client(Field::TotalPackets));
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
    // The high half of a wide size, in the place of the ID; what reads it in the same way is no cause.
    let mut play = Play::first_backup(readme);
    play.lines[1] = Play::first_backup(seed).lines[1].clone();
    let wide = "dialect 'seed', or of 'readme,size-width=4'";
    assert!(play.cause().ends_with(wide), "{}", play.cause());
}

#[test]
fn a_run_that_was_told_nothing_has_to_get_a_file_across() {
    for dialect in [&named("seed"), &named("2023a")] {
        let whole = Play::first_backup(dialect).record();
        assert_eq!(judge_run(dialect, &whole, true).findings, []);
        let cut = Play::new(dialect).registered().keys().record();
        let findings = judge_run(dialect, &cut, true).findings;
        let sections: Vec<_> = findings
            .iter()
            .filter(|finding| finding.whose == Whose::Client)
            .map(|finding| finding.section)
            .collect();
        assert_eq!(sections, ["10.11"], "{findings:?}");
        let told = judge_run(dialect, &cut, false).findings;
        assert!(told.iter().all(|finding| finding.section != "10.11"));
    }
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
