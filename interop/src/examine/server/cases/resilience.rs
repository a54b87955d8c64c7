//! Clients that vanish, are slow, are many, or announce what they never send.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::{Setting, must, should};
use crate::cell::{Step, Stop};
use crate::examine::case::Case;
use crate::frame;
use crate::message::{Direction, Field, Kind};

pub(super) const CASES: &[Case<Setting>] = &[
    must(
        "server/resilience/vanishes-at-once",
        "2.10",
        "connects and ends the connection without a byte, then with a reset",
        "the end of the stream, and other clients are served",
        |s| {
            let link = s.connect()?;
            let other = s.connect_after(&link)?;
            other.reset();
            served(s)
        },
    ),
    must(
        "server/resilience/vanishes-in-a-header",
        "2.10",
        "sends 10 bytes of a header and ends the connection",
        "no answer, the end of the stream, and other clients are served",
        |s| vanishes(s, Kind::Register, |_, _| 10, false),
    ),
    must(
        "server/resilience/vanishes-in-a-name",
        "2.10",
        "sends a 1100 but for its last byte and ends the connection",
        "no answer, and the name is free still",
        |s| {
            let link = s.connect()?;
            let name = s.name("alice");
            let request = s.register(&name);
            let (cut, _) = request.bytes().split_at(request.bytes().len() - 1);
            link.send(cut)?;
            let other = s.connect_after(&link)?;
            s.registered_as(&other, &name).map(drop)
        },
    ),
    must(
        "server/resilience/vanishes-in-a-key",
        "2.10",
        "sends a 1101 but for its last byte and ends the connection",
        "no answer, and other clients are served",
        |s| vanishes(s, Kind::SendPublicKey, |size, _| size - 1, false),
    ),
    must(
        "server/resilience/vanishes-before-the-content",
        "2.10",
        "sends the fixed fields of a 1103 and resets the connection",
        "other clients are served",
        |s| vanishes(s, Kind::SendFile, |_, fixed| fixed, true),
    ),
    must(
        "server/resilience/vanishes-in-the-content",
        "2.10",
        "sends a 1103 but for the last byte of its content and ends the connection",
        "no answer, and other clients are served",
        |s| vanishes(s, Kind::SendFile, |size, _| size - 1, false),
    ),
    must(
        "server/resilience/vanishes-before-the-answer",
        "2.10",
        "sends a 1101 and resets the connection at once",
        "other clients are served",
        |s| vanishes(s, Kind::SendPublicKey, |size, _| size, true),
    ),
    must(
        "server/resilience/vanishes-before-the-verdict",
        "7.3",
        "has a file received, resets the connection, and judges the file on another",
        "the verdict is honoured: an upload outlives its connection",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            s.uploaded(&link, &client, b"a.txt", b"left alone")?;
            link.reset();
            let other = s.connect()?;
            // Another client first, which leaves the server the time to see that the first has gone.
            s.client(&other, "bob")?;
            s.judged(&other, Kind::CksumRight, &client, b"a.txt")
        },
    ),
    must(
        "server/resilience/announces-4-gib",
        "2.3",
        "sends the fixed fields of a 1103 whose payload size is 4 GiB, some of its content, and vanishes",
        "no memory is set aside for what may never come: other clients are served",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let dialect = s.dialect().clone();
            let fixed = frame::fixed_payload_size(&dialect, Kind::SendFile);
            let content = u32::MAX - u32::try_from(fixed).unwrap_or(0);
            let content = content / 16 * 16;
            let start = s.bytes(4096);
            let request = s.file(&client, b"huge.bin", &start, content as usize - 1);
            let request = request
                .with_number(&dialect, Field::PayloadSize, content + fixed as u32)
                .with_number(&dialect, Field::ContentSize, content);
            // A server with a limit may refuse it at once.
            link.excuse();
            link.send(request.bytes())?;
            link.reset();
            served(s)
        },
    ),
    should(
        "server/resilience/idle-client",
        "6.5",
        "leaves a connection idle in the middle of a header while another client backs a file up",
        "the other client is served: no client waits for another",
        |s| {
            let idle = s.connect()?;
            let name = s.name("idle");
            let request = s.register(&name);
            let (some, rest) = request.bytes().split_at(10);
            idle.send(some)?;
            served(s)?;
            idle.send(rest)?;
            idle.expect(Kind::Registered).map(drop)
        },
    ),
    must(
        "server/resilience/slow-client",
        "1.4",
        "stops for a third of a second in the middle of a header, a name and a content",
        "the answers as ever",
        |s| {
            const STOP: Duration = Duration::from_millis(350);
            let link = s.connect()?;
            let name = s.name("alice");
            for (request, at) in [(s.register(&name), 20), (s.register(&name), 100)] {
                let (first, second) = request.bytes().split_at(at);
                link.send(first)?;
                thread::sleep(STOP);
                link.send(second)?;
                link.response()?;
            }
            let client = s.client(&link, "bob")?;
            let content = client.key()?.encrypt(&[b'x'; 90]);
            let request = s.file(&client, b"a.txt", &content, 90);
            let (first, second) = request.bytes().split_at(request.bytes().len() - 20);
            link.send(first)?;
            thread::sleep(STOP);
            link.send(second)?;
            link.expect(Kind::FileReceived).map(drop)
        },
    ),
    should(
        "server/resilience/fifty-clients-at-once",
        "6.5",
        "fifty clients register and exchange keys, all connected at once",
        "every one is served",
        fifty,
    ),
    must(
        "server/resilience/fifty-clients-in-turn",
        "1.3",
        "a hundred connections, one after the other, of which every second vanishes in a header",
        "the others are served",
        |s| {
            for number in 0..50 {
                let link = s.connect()?;
                link.send(b"half a head")?;
                link.reset();
                let link = s.connect()?;
                s.registered(&link, &format!("alice-{number}"))?;
                link.end()?;
                link.closed()?;
            }
            Ok(())
        },
    ),
];

/// A further client is served.
fn served(s: &mut Setting) -> Step {
    let link = s.connect()?;
    let client = s.client(&link, "next")?;
    s.uploaded(&link, &client, b"next.txt", b"of the next client")
        .map(drop)
}

/// Sends a part of a request and vanishes. `cut` is given the size of the message and where its content begins.
fn vanishes(s: &mut Setting, kind: Kind, cut: fn(usize, usize) -> usize, reset: bool) -> Step {
    let link = s.connect()?;
    let client = s.client(&link, "alice")?;
    let request = match kind {
        Kind::Register => s.register(&client.name),
        Kind::SendPublicKey => s.public_key(&client),
        _ => {
            let content = client.key()?.encrypt(&[b'x'; 60]);
            s.file(&client, b"a.txt", &content, 60)
        }
    };
    debug_assert!(frame::header_size(s.dialect(), Direction::Request) > 10);
    let at = cut(request.bytes().len(), request.offset(Field::Content));
    link.send(request.bytes().get(..at).unwrap_or_default())?;
    if reset {
        link.reset();
    } else {
        link.end()?;
        link.closed()?;
    }
    served(s)
}

fn fifty(s: &mut Setting) -> Step {
    const CLIENTS: usize = 50;
    let mut waiting = Vec::new();
    for number in 0..CLIENTS {
        let link = s.connect()?;
        let name = s.name(&format!("alice-{number}"));
        waiting.push((link, s.register(&name)));
    }
    let barrier = Barrier::new(CLIENTS);
    let results: Vec<Step> = thread::scope(|scope| {
        let threads = waiting.iter().map(|(link, request)| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                link.send(request.bytes())?;
                link.expect(Kind::Registered).map(drop)
            })
        });
        let threads: Vec<_> = threads.collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        let ended =
            ended.map(|end| end.unwrap_or_else(|_| Err(Stop::Ours("a thread panicked".into()))));
        ended.collect()
    });
    results.into_iter().collect()
}
