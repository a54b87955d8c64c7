//! 1104, 1105 and 1106: what they bring about, and what answers them.

use super::{Setting, must};
use crate::cell::Step;
use crate::examine::case::Case;
use crate::examine::server::link::Link;
use crate::examine::server::setting::Client;
use crate::message::{Field, Kind};

pub(super) const CASES: &[Case<Setting>] = &[
    must(
        "server/verdicts/right",
        "2.11",
        "has a file received and says that its cksum is right",
        "what the dialect has after 1104: an answer or none, and an end of the stream or none",
        |s| {
            let (link, client) = received(s)?;
            s.judged(&link, Kind::CksumRight, &client, b"a.txt")?;
            stays(s, &link, Kind::CksumRight)
        },
    ),
    must(
        "server/verdicts/right-again",
        "2.11",
        "says twice of one file that its cksum is right, the second time on another connection",
        "a repeated 1104 is honoured as the first",
        |s| {
            let (link, client) = received(s)?;
            s.judged(&link, Kind::CksumRight, &client, b"a.txt")?;
            let other = s.connect_after(&link)?;
            s.judged(&other, Kind::CksumRight, &client, b"a.txt")?;
            stays(s, &other, Kind::CksumRight)
        },
    ),
    must(
        "server/verdicts/right-for-nothing",
        "2.11",
        "says of a file that was never sent that its cksum is right",
        "a refusal and the end of the stream",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            link.send(s.verdict(Kind::CksumRight, &client, b"never.txt").bytes())?;
            s.refused_and_closed(&link, Some(Kind::CksumRight))
        },
    ),
    must(
        "server/verdicts/right-for-another-name",
        "2.11",
        "has a file received and says that the cksum of another name is right",
        "a refusal and the end of the stream; the file still waits",
        |s| {
            let (link, client) = received(s)?;
            link.send(s.verdict(Kind::CksumRight, &client, b"b.txt").bytes())?;
            s.refused_and_closed(&link, Some(Kind::CksumRight))?;
            let other = s.connect_after(&link)?;
            s.judged(&other, Kind::CksumRight, &client, b"a.txt")
        },
    ),
    must(
        "server/verdicts/right-of-another-client",
        "2.11",
        "has a file received, and another client says that the cksum of that name is right",
        "a refusal and the end of the stream",
        |s| {
            let (link, _) = received(s)?;
            let other = s.connect_after(&link)?;
            let stranger = s.client(&other, "bob")?;
            other.send(s.verdict(Kind::CksumRight, &stranger, b"a.txt").bytes())?;
            s.refused_and_closed(&other, Some(Kind::CksumRight))
        },
    ),
    must(
        "server/verdicts/right-of-an-unknown-client",
        "2.11",
        "sends 1104 under a client ID that was never given out",
        "a refusal and the end of the stream",
        |s| {
            let link = s.connect()?;
            let client = s.stranger("alice")?;
            link.send(s.verdict(Kind::CksumRight, &client, b"a.txt").bytes())?;
            s.refused_and_closed(&link, Some(Kind::CksumRight))
        },
    ),
    super::only(
        |dialect| dialect.client_id_in_payload,
        must(
            "server/verdicts/right-with-another-id-in-payload",
            "2.11",
            "sends 1104 with one client's ID in the header and another's in the payload",
            "a refusal and the end of the stream",
            |s| {
                let (link, client) = received(s)?;
                let request = s.verdict(Kind::CksumRight, &client, b"a.txt");
                let request = request.filled(Field::PayloadClientId, 0x5a);
                link.send(request.bytes())?;
                s.refused_and_closed(&link, Some(Kind::CksumRight))
            },
        ),
    ),
    must(
        "server/verdicts/right-with-an-unterminated-name",
        "2.11",
        "sends 1104 with a name field without a NUL",
        "a refusal and the end of the stream",
        |s| {
            let (link, client) = received(s)?;
            let request = s.verdict(Kind::CksumRight, &client, b"a.txt");
            let request = request.filled(Field::FileName, b'a');
            link.send(request.bytes())?;
            s.refused_and_closed(&link, Some(Kind::CksumRight))
        },
    ),
    must(
        "server/verdicts/wrong",
        "2.11",
        "says that a cksum is wrong, and registers another client on the same connection",
        "nothing but what the dialect has after 1105: the next response is the one to the registration",
        |s| {
            let (link, client) = received(s)?;
            s.judged(&link, Kind::CksumWrong, &client, b"a.txt")?;
            stays(s, &link, Kind::CksumWrong)
        },
    ),
    must(
        "server/verdicts/wrong-and-again",
        "6.1",
        "says that a cksum is wrong, sends the file again, and says that it is right",
        "2103 again, and the verdict honoured",
        |s| {
            let (link, client) = received(s)?;
            s.judged(&link, Kind::CksumWrong, &client, b"a.txt")?;
            let link = next(s, link, Kind::CksumWrong)?;
            s.uploaded(&link, &client, b"a.txt", b"a file to judge")?;
            s.judged(&link, Kind::CksumRight, &client, b"a.txt")
        },
    ),
    must(
        "server/verdicts/wrong-drops",
        "2.11",
        "says that a cksum is wrong, sends nothing again, and then says that it is right",
        "a refusal of the 1104: nothing waits any more",
        |s| {
            let (link, client) = received(s)?;
            s.judged(&link, Kind::CksumWrong, &client, b"a.txt")?;
            let link = next(s, link, Kind::CksumWrong)?;
            link.send(s.verdict(Kind::CksumRight, &client, b"a.txt").bytes())?;
            s.refused_and_closed(&link, Some(Kind::CksumRight))
        },
    ),
    must(
        "server/verdicts/wrong-for-nothing",
        "2.11",
        "says that the cksum of a file that was never sent is wrong",
        "no answer, and the connection goes on",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            s.judged(&link, Kind::CksumWrong, &client, b"never.txt")?;
            stays(s, &link, Kind::CksumWrong)
        },
    ),
    must(
        "server/verdicts/wrong-of-an-unknown-client",
        "2.11",
        "sends 1105 under a client ID that was never given out",
        "no answer, and the connection goes on: 1105 is never answered",
        |s| {
            let link = s.connect()?;
            let client = s.stranger("alice")?;
            link.send(s.verdict(Kind::CksumWrong, &client, b"a.txt").bytes())?;
            s.registered(&link, "after").map(drop)
        },
    ),
    must(
        "server/verdicts/wrong-many-times",
        "6.4",
        "sends a file six times and says each time that the cksum is wrong, then gives up",
        "2103 each time: a server counts no transmissions",
        |s| {
            let (mut link, client) = received(s)?;
            for _ in 0..5 {
                s.judged(&link, Kind::CksumWrong, &client, b"a.txt")?;
                link = next(s, link, Kind::CksumWrong)?;
                s.uploaded(&link, &client, b"a.txt", b"a file to judge")?;
            }
            s.judged(&link, Kind::GiveUp, &client, b"a.txt")
        },
    ),
    must(
        "server/verdicts/give-up",
        "2.11",
        "has a file received and gives it up",
        "what the dialect has after 1106: an answer or none, and an end of the stream or none",
        |s| {
            let (link, client) = received(s)?;
            s.judged(&link, Kind::GiveUp, &client, b"a.txt")?;
            stays(s, &link, Kind::GiveUp)
        },
    ),
    must(
        "server/verdicts/give-up-drops",
        "2.11",
        "gives a file up, and then says that its cksum is right",
        "a refusal of the 1104: nothing waits any more",
        |s| {
            let (link, client) = received(s)?;
            s.judged(&link, Kind::GiveUp, &client, b"a.txt")?;
            let other = s.connect_after(&link)?;
            other.send(s.verdict(Kind::CksumRight, &client, b"a.txt").bytes())?;
            s.refused_and_closed(&other, Some(Kind::CksumRight))
        },
    ),
    must(
        "server/verdicts/give-up-for-nothing",
        "2.11",
        "gives up a file that was never sent",
        "it is honoured as any 1106",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            s.judged(&link, Kind::GiveUp, &client, b"never.txt")?;
            stays(s, &link, Kind::GiveUp)
        },
    ),
    must(
        "server/verdicts/give-up-of-an-unknown-client",
        "2.11",
        "sends 1106 under a client ID that was never given out",
        "a refusal, and the end of the stream unless the dialect answers every 1106 with 2101",
        |s| {
            let link = s.connect()?;
            let client = s.stranger("alice")?;
            link.send(s.verdict(Kind::GiveUp, &client, b"a.txt").bytes())?;
            link.response().map(drop)
        },
    ),
    must(
        "server/verdicts/give-up-keeps-the-verified",
        "2.11",
        "has a file verified, sends another version, gives it up, and says once more that the cksum is right",
        "the 1104 is honoured: 1106 never touches a verified version",
        |s| {
            let (link, mut client) = received(s)?;
            s.judged(&link, Kind::CksumRight, &client, b"a.txt")?;
            let other = s.connect_after(&link)?;
            s.exchanged(&other, &mut client)?;
            s.uploaded(&other, &client, b"a.txt", b"another version")?;
            s.judged(&other, Kind::GiveUp, &client, b"a.txt")?;
            let third = s.connect_after(&other)?;
            s.judged(&third, Kind::CksumRight, &client, b"a.txt")
        },
    ),
    must(
        "server/verdicts/on-another-connection",
        "1.3",
        "has a file received on one connection and says on another that its cksum is right",
        "the verdict is honoured: a connection keeps nothing that a later one would miss",
        |s| {
            let (link, client) = received(s)?;
            let other = s.connect_after(&link)?;
            s.judged(&other, Kind::CksumRight, &client, b"a.txt")
        },
    ),
    must(
        "server/verdicts/after-restart",
        "7.3",
        "has a file received, restarts the server, and says that the cksum is right",
        "the verdict is honoured: an upload outlives a restart",
        |s| {
            s.own_server()?;
            let (_, client) = received(s)?;
            s.stop_server()?;
            let other = s.connect()?;
            s.judged(&other, Kind::CksumRight, &client, b"a.txt")
        },
    ),
    must(
        "server/verdicts/bytes-behind-the-last",
        "2.11",
        "sends 64 KiB behind a 1104 after which the dialect closes, or a registration where it does not",
        "an end of the stream and no reset, or 2100",
        |s| {
            let (link, client) = received(s)?;
            let after = s.dialect().after(Kind::CksumRight);
            let request = s.verdict(Kind::CksumRight, &client, b"a.txt");
            if after.is_some_and(|after| after.close) {
                let behind = vec![0xff; 64 << 10];
                link.send(&[request.bytes(), &behind].concat())?;
                return s.honoured(&link, Kind::CksumRight);
            }
            let name = s.name("after");
            link.send(&[request.bytes(), s.register(&name).bytes()].concat())?;
            s.honoured(&link, Kind::CksumRight)?;
            link.expect(Kind::Registered).map(drop)
        },
    ),
];

/// A client whose file was received and not judged yet.
fn received(s: &mut Setting) -> Step<(Link, Client)> {
    let link = s.connect()?;
    let client = s.client(&link, "alice")?;
    s.uploaded(&link, &client, b"a.txt", b"a file to judge")?;
    Ok((link, client))
}

/// Where the dialect keeps the connection after a verdict, that it does.
fn stays(s: &mut Setting, link: &Link, verdict: Kind) -> Step {
    let after = s.dialect().after(verdict);
    if after.is_some_and(|after| after.close) {
        return Ok(());
    }
    s.registered(link, "after").map(drop)
}

/// The connection for what follows a verdict.
fn next(s: &mut Setting, link: Link, verdict: Kind) -> Step<Link> {
    let after = s.dialect().after(verdict);
    match after.is_some_and(|after| after.close) {
        true => s.connect_after(&link),
        false => Ok(link),
    }
}
