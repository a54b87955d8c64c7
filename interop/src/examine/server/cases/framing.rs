//! Messages in any segmentation: in pieces, and several in one write.

use std::time::Duration;

use super::{Setting, must, only};
use crate::cell::Step;
use crate::dialect::{AfterAnswer, Dialect};
use crate::examine::case::Case;
use crate::examine::server::link::Link;
use crate::frame;
use crate::message::{Direction, Field, Kind};

/// Between two pieces, so that each arrives on its own.
const PAUSE: Duration = Duration::from_micros(400);
/// Where few pieces are sent, there is time to be sure of it.
const LONG_PAUSE: Duration = Duration::from_millis(15);

/// Where a client writes 1105 and the next 1103 back to back (2.11, 3.1).
const WRONG_IS_SILENT: fn(&Dialect) -> bool = |dialect| {
    dialect
        .after(Kind::CksumWrong)
        .is_some_and(|after| after.answer == AfterAnswer::None && !after.close)
};

pub(super) const CASES: &[Case<Setting>] = &[
    must(
        "server/framing/register-byte-by-byte",
        "1.4",
        "sends a 1100 byte by byte",
        "2100",
        |s| {
            let link = s.connect()?;
            let name = s.name("alice");
            link.send_in_pieces(s.register(&name).bytes(), 1, PAUSE)?;
            link.expect(Kind::Registered).map(drop)
        },
    ),
    must(
        "server/framing/public-key-byte-by-byte",
        "1.4",
        "sends a 1101 byte by byte",
        "2102",
        |s| {
            let link = s.connect()?;
            let mut client = s.registered(&link, "alice")?;
            link.send_in_pieces(s.public_key(&client).bytes(), 1, PAUSE)?;
            let response = link.expect(Kind::AesKey)?;
            s.take_key(&mut client, &response)
        },
    ),
    must(
        "server/framing/file-byte-by-byte",
        "1.4",
        "sends a 1103 byte by byte",
        "2103",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            for request in s.upload(&client, b"a.txt", b"byte by byte")? {
                link.send_in_pieces(request.bytes(), 1, PAUSE)?;
            }
            link.expect(Kind::FileReceived).map(drop)
        },
    ),
    must(
        "server/framing/verdict-byte-by-byte",
        "1.4",
        "sends a 1104 byte by byte",
        "what the dialect has after 1104",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            s.uploaded(&link, &client, b"a.txt", b"byte by byte")?;
            let request = s.verdict(Kind::CksumRight, &client, b"a.txt");
            link.send_in_pieces(request.bytes(), 1, PAUSE)?;
            s.honoured(&link, Kind::CksumRight)?;
            Ok(())
        },
    ),
    must(
        "server/framing/header-in-two-pieces",
        "1.4",
        "sends registrations whose header is split at every offset",
        "2100 to each",
        |s| {
            let link = s.connect()?;
            let size = frame::header_size(s.dialect(), Direction::Request);
            for at in 1..=size {
                let name = s.name(&format!("alice-{at}"));
                in_two_pieces(&link, s.register(&name).bytes(), at)?;
                link.expect(Kind::Registered)?;
            }
            Ok(())
        },
    ),
    must(
        "server/framing/content-on-its-own",
        "1.4",
        "sends the fixed fields of a 1103, and its content in two further pieces",
        "2103 with the right cksum",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let plain = s.bytes(100);
            for request in s.upload(&client, b"a.bin", &plain)? {
                let fixed = request.offset(Field::Content);
                let (head, content) = request.bytes().split_at(fixed);
                let (first, second) = content.split_at(content.len() / 3);
                for piece in [head, first] {
                    link.send(piece)?;
                    std::thread::sleep(LONG_PAUSE);
                }
                link.send(second)?;
            }
            link.expect(Kind::FileReceived).map(drop)
        },
    ),
    must(
        "server/framing/two-in-one-write",
        "1.3",
        "sends two registrations in one write",
        "two 2100, in order",
        |s| {
            let link = s.connect()?;
            let (one, two) = (s.name("alice"), s.name("bob"));
            let both = [s.register(&one).bytes(), s.register(&two).bytes()].concat();
            link.send(&both)?;
            link.expect(Kind::Registered)?;
            link.expect(Kind::Registered).map(drop)
        },
    ),
    must(
        "server/framing/ten-in-one-write",
        "1.3",
        "sends ten registrations in one write, the last of them in two pieces",
        "ten 2100, in order",
        |s| {
            let link = s.connect()?;
            let mut all = Vec::new();
            for number in 0..10 {
                let name = s.name(&format!("alice-{number}"));
                all.extend_from_slice(s.register(&name).bytes());
            }
            in_two_pieces(&link, &all, all.len() - 100)?;
            for _ in 0..10 {
                link.expect(Kind::Registered)?;
            }
            Ok(())
        },
    ),
    only(
        WRONG_IS_SILENT,
        must(
            "server/framing/again-in-one-write",
            "2.11",
            "sends 1105 and the 1103 that follows it in one write, as the programs do",
            "one 2103",
            |s| {
                let link = s.connect()?;
                let client = s.client(&link, "alice")?;
                s.uploaded(&link, &client, b"a.txt", b"once more")?;
                let mut both = s
                    .verdict(Kind::CksumWrong, &client, b"a.txt")
                    .bytes()
                    .to_vec();
                for request in s.upload(&client, b"a.txt", b"once more")? {
                    both.extend_from_slice(request.bytes());
                }
                link.send(&both)?;
                link.expect(Kind::FileReceived)?;
                s.judged(&link, Kind::CksumRight, &client, b"a.txt")
            },
        ),
    ),
    must(
        "server/framing/connection-per-request",
        "1.3",
        "uses a connection of its own for each of 1100, 1101, 1103 and 1104",
        "the same answers as on one connection",
        |s| {
            let link = s.connect()?;
            let mut client = s.registered(&link, "alice")?;
            let link = s.connect_after(&link)?;
            s.exchanged(&link, &mut client)?;
            let link = s.connect_after(&link)?;
            s.uploaded(&link, &client, b"a.txt", b"on four connections")?;
            let link = s.connect_after(&link)?;
            s.judged(&link, Kind::CksumRight, &client, b"a.txt")
        },
    ),
    must(
        "server/framing/many-on-one-connection",
        "1.3",
        "sends 200 requests on one connection",
        "200 answers",
        |s| {
            let link = s.connect()?;
            let client = s.registered(&link, "alice")?;
            for _ in 0..200 {
                link.send(s.register(&client.name).bytes())?;
                link.expect(Kind::Refused)?;
            }
            Ok(())
        },
    ),
    must(
        "server/framing/end-after-the-request",
        "1.1",
        "ends its sending side right behind a request",
        "the answer all the same, and then the end of the stream",
        |s| {
            let link = s.connect()?;
            let name = s.name("alice");
            link.send(s.register(&name).bytes())?;
            link.end()?;
            link.expect(Kind::Registered)?;
            link.closed()
        },
    ),
];

fn in_two_pieces(link: &Link, bytes: &[u8], at: usize) -> Step {
    let (first, second) = bytes.split_at(at.min(bytes.len()));
    link.send(first)?;
    std::thread::sleep(LONG_PAUSE);
    link.send(second)
}
