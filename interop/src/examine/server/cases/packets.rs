//! Files in packets, in the dialects that have them.

use super::{Setting, must, only};
use crate::cell::Step;
use crate::dialect::Dialect;
use crate::examine::case::Case;
use crate::examine::server::link::Link;
use crate::examine::server::message::Message;
use crate::examine::server::setting::Client;
use crate::message::{Field, Kind};

const HAS_THEM: fn(&Dialect) -> bool = |dialect| dialect.packets;

pub(super) const CASES: &[Case<Setting>] = &[
    only(
        HAS_THEM,
        must(
            "server/packets/several",
            "10.7",
            "sends a file of 1000 bytes in packets of 256",
            "one 2103, after the last packet",
            |s| cut(s, 1000, 256),
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/any-cut",
            "10.7",
            "sends a file of 100 bytes in packets of 7, which is no multiple of 16",
            "one 2103: the packets are one CBC stream, cut anywhere",
            |s| cut(s, 100, 7),
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/number-0",
            "10.7",
            "sends a file in packets that are counted from 0",
            "one refusal",
            |s| {
                let (link, client) = ready(s)?;
                let file = file(s, &client)?;
                let dialect = s.dialect().clone();
                for (number, packet) in (0..).zip(file) {
                    let packet = packet.with_number(&dialect, Field::PacketNumber, number);
                    link.send(packet.bytes())?;
                }
                // The last one still has the total above its number: nothing of that file comes any more.
                link.expect(dialect.negative(Some(Kind::SendFile)))?;
                another_file(s, &link, &client)
            },
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/without-the-first",
            "10.7",
            "sends packet 3 of a file of three, and none before it",
            "one refusal, and the connection goes on",
            |s| order(s, &[2]),
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/missing",
            "10.7",
            "sends packets 1 and 3 of a file of three",
            "one refusal, and the connection goes on",
            |s| order(s, &[0, 2]),
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/repeated",
            "10.7",
            "sends packets 1, 2, 2 and 3 of a file of three",
            "one refusal, at the repeated packet; what follows of the file is thrown away",
            |s| order(s, &[0, 1, 1, 2]),
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/begun-again",
            "10.7",
            "sends packets 1 and 2 of a file of three, and then all of them",
            "one 2103: a packet 1 begins a new file and drops the other",
            |s| {
                let (link, client) = ready(s)?;
                let file = file(s, &client)?;
                for at in [0, 1, 0, 1, 2] {
                    send(&link, &file, at)?;
                }
                link.expect(Kind::FileReceived).map(drop)
            },
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/total-0",
            "10.7",
            "sends a packet 1 of 0",
            "a refusal, and the connection goes on",
            |s| {
                let (link, client) = ready(s)?;
                let content = client.key()?.encrypt(b"of none");
                let request = s.file(&client, b"a.txt", &content, 7);
                let request = request.with_number(s.dialect(), Field::TotalPackets, 0);
                link.send(request.bytes())?;
                link.expect(s.dialect().negative(Some(Kind::SendFile)))?;
                another_file(s, &link, &client)
            },
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/another-total",
            "10.7",
            "sends a file whose second packet has another total",
            "one refusal, and the connection goes on",
            |s| {
                second_with(s, |packet, dialect| {
                    packet.with_number(dialect, Field::TotalPackets, 4)
                })
            },
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/another-name",
            "10.7",
            "sends a file whose second packet has another file name",
            "one refusal, and the connection goes on",
            |s| second_with(s, |packet, _| packet.with(Field::FileName, b"b")),
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/another-content-size",
            "10.7",
            "sends a file whose second packet has another content size",
            "one refusal, and the connection goes on",
            |s| {
                second_with(s, |packet, dialect| {
                    packet.with_number(dialect, Field::ContentSize, 64)
                })
            },
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/original-size",
            "10.7",
            "sends a file whose original size does not go with its content size",
            "a refusal, and the connection goes on",
            |s| {
                let (link, client) = ready(s)?;
                let content = client.key()?.encrypt(b"seven b");
                link.send(s.file(&client, b"a.txt", &content, 77).bytes())?;
                link.expect(s.dialect().negative(Some(Kind::SendFile)))?;
                another_file(s, &link, &client)
            },
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/too-little",
            "10.7",
            "sends a file whose last packet leaves 16 bytes of the content out",
            "one refusal, and the connection goes on",
            |s| {
                let (link, client) = ready(s)?;
                let content = client.key()?.encrypt(&[b'x'; 40]);
                let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
                let part = content.get(..32).unwrap_or_default();
                let request = s.file(&client, b"a.txt", part, 40);
                link.send(
                    request
                        .with_number(s.dialect(), Field::ContentSize, size)
                        .bytes(),
                )?;
                link.expect(s.dialect().negative(Some(Kind::SendFile)))?;
                another_file(s, &link, &client)
            },
        ),
    ),
    only(
        HAS_THEM,
        must(
            "server/packets/too-much",
            "10.7",
            "sends a packet with 16 bytes more than the content size says",
            "one refusal, and the connection goes on",
            |s| {
                let (link, client) = ready(s)?;
                let mut content = client.key()?.encrypt(&[b'x'; 40]);
                content.extend([0; 16]);
                let request = s.file(&client, b"a.txt", &content, 40);
                link.send(
                    request
                        .with_number(s.dialect(), Field::ContentSize, 48)
                        .bytes(),
                )?;
                link.expect(s.dialect().negative(Some(Kind::SendFile)))?;
                another_file(s, &link, &client)
            },
        ),
    ),
];

fn ready(s: &mut Setting) -> Step<(Link, Client)> {
    let link = s.connect()?;
    let client = s.client(&link, "alice")?;
    Ok((link, client))
}

/// A file of 40 bytes in three packets of 16.
fn file(s: &Setting, client: &Client) -> Step<Vec<Message>> {
    s.packets(client, b"a.txt", &[b'x'; 40], 16)
}

fn send(link: &Link, file: &[Message], at: usize) -> Step {
    match file.get(at) {
        Some(packet) => link.send(packet.bytes()),
        None => Ok(()),
    }
}

fn cut(s: &mut Setting, size: usize, most: usize) -> Step {
    let (link, client) = ready(s)?;
    let plain = s.bytes(size);
    for packet in s.packets(&client, b"a.bin", &plain, most)? {
        link.send(packet.bytes())?;
    }
    link.expect(Kind::FileReceived).map(drop)
}

/// Sends packets of a file in an order that is refused once.
fn order(s: &mut Setting, order: &[usize]) -> Step {
    let (link, client) = ready(s)?;
    let file = file(s, &client)?;
    for at in order {
        send(&link, &file, *at)?;
    }
    link.expect(s.dialect().negative(Some(Kind::SendFile)))?;
    another_file(s, &link, &client)
}

/// Sends a file whose second packet was changed so that it is refused.
fn second_with(s: &mut Setting, change: fn(Message, &Dialect) -> Message) -> Step {
    let (link, client) = ready(s)?;
    let file = file(s, &client)?;
    for (number, packet) in file.into_iter().enumerate() {
        let packet = match number {
            1 => change(packet, s.dialect()),
            _ => packet,
        };
        link.send(packet.bytes())?;
    }
    link.expect(s.dialect().negative(Some(Kind::SendFile)))?;
    another_file(s, &link, &client)
}

/// That the refusal was answered once, and the connection goes on.
fn another_file(s: &mut Setting, link: &Link, client: &Client) -> Step {
    s.uploaded(link, client, b"another.txt", b"another file")
        .map(drop)
}
