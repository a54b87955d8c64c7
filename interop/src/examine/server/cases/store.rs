//! What lies in the server's folder: found by content, whatever it is called.

use super::{Setting, must};
use crate::cell::Step;
use crate::examine::case::Case;
use crate::message::Kind;

pub(super) const CASES: &[Case<Setting>] = &[
    must(
        "server/store/received",
        "7.3",
        "has a file received and looks into the server's folder",
        "the plaintext is there: 2103 is sent only once it is",
        |s| {
            let plain = waiting(s)?;
            s.wants_stored(&plain, "a.bin", true)
        },
    ),
    must(
        "server/store/verified",
        "7.3",
        "has a file verified and looks into the server's folder",
        "the plaintext is there",
        |s| {
            s.work()?;
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let plain = s.bytes(3000);
            s.uploaded(&link, &client, b"a.bin", &plain)?;
            s.judged(&link, Kind::CksumRight, &client, b"a.bin")?;
            s.connect_after(&link)?;
            s.wants_stored(&plain, "a.bin", true)
        },
    ),
    must(
        "server/store/given-up",
        "2.11",
        "gives a file up and looks into the server's folder",
        "the file is gone",
        |s| {
            s.work()?;
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let plain = s.bytes(3000);
            s.uploaded(&link, &client, b"a.bin", &plain)?;
            s.judged(&link, Kind::GiveUp, &client, b"a.bin")?;
            s.connect_after(&link)?;
            s.wants_stored(&plain, "a.bin", false)
        },
    ),
    must(
        "server/store/dropped",
        "2.11",
        "says that a cksum is wrong, registers another client, and looks into the server's folder",
        "the file is gone",
        |s| {
            s.work()?;
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let plain = s.bytes(3000);
            s.uploaded(&link, &client, b"a.bin", &plain)?;
            s.judged(&link, Kind::CksumWrong, &client, b"a.bin")?;
            let other = s.connect_after(&link)?;
            s.registered(&other, "after")?;
            s.wants_stored(&plain, "a.bin", false)
        },
    ),
    must(
        "server/store/verified-version-stays",
        "7.3",
        "has a file verified, sends another version without judging it, and looks into the server's folder",
        "both are there: an upload destroys no verified content before it is verified itself",
        |s| {
            s.work()?;
            let link = s.connect()?;
            let mut client = s.client(&link, "alice")?;
            let (first, second) = (s.bytes(3000), s.bytes(3001));
            s.uploaded(&link, &client, b"a.bin", &first)?;
            s.judged(&link, Kind::CksumRight, &client, b"a.bin")?;
            let other = s.connect_after(&link)?;
            s.exchanged(&other, &mut client)?;
            s.uploaded(&other, &client, b"a.bin", &second)?;
            s.wants_stored(&second, "a.bin", true)?;
            s.wants_stored(&first, "a.bin", true)
        },
    ),
    must(
        "server/store/two-clients",
        "7.1",
        "two clients send different files of the same name",
        "both are there: each client has a folder of its own",
        |s| {
            s.work()?;
            let (first, second) = (s.bytes(3000), s.bytes(3001));
            for (name, plain) in [("alice", &first), ("bob", &second)] {
                let link = s.connect()?;
                let client = s.client(&link, name)?;
                s.uploaded(&link, &client, b"a.bin", plain)?;
                s.judged(&link, Kind::CksumRight, &client, b"a.bin")?;
                link.end()?;
                link.closed()?;
            }
            s.wants_stored(&first, "a.bin", true)?;
            s.wants_stored(&second, "a.bin", true)
        },
    ),
    must(
        "server/store/verdict-of-its-own-connection",
        "6.5",
        "sends two versions of a name on two connections and says on the first that its cksum is wrong",
        "the first is gone and the second is there: a verdict counts for the last 2103 of its own connection",
        |s| {
            s.work()?;
            let (first, second) = (s.bytes(3000), s.bytes(3001));
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            s.uploaded(&link, &client, b"a.bin", &first)?;
            let other = s.connect()?;
            let mut again = client.clone();
            s.exchanged(&other, &mut again)?;
            s.uploaded(&other, &again, b"a.bin", &second)?;
            s.judged(&link, Kind::GiveUp, &client, b"a.bin")?;
            link.end()?;
            link.closed()?;
            s.wants_stored(&first, "a.bin", false)?;
            s.wants_stored(&second, "a.bin", true)
        },
    ),
    must(
        "server/store/cut-upload",
        "2.10",
        "sends three quarters of a file and ends the connection",
        "nothing of it is kept under the file's bytes, and no 1104 for it is honoured",
        |s| {
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let content = client.key()?.encrypt(&s.bytes(4000));
            let request = s.file(&client, b"a.bin", &content, 4000);
            let cut = request.bytes().get(..3000).unwrap_or_default();
            link.send(cut)?;
            let other = s.connect_after(&link)?;
            other.send(s.verdict(Kind::CksumRight, &client, b"a.bin").bytes())?;
            s.refused_and_closed(&other, Some(Kind::CksumRight))
        },
    ),
    must(
        "server/store/outlives-a-kill",
        "7.3",
        "has a file received, kills the server, starts it again, and says that the cksum is right",
        "the file is there and the verdict honoured: 2103 is sent only after the plaintext is durable",
        |s| {
            s.own_server()?;
            let link = s.connect()?;
            let client = s.client(&link, "alice")?;
            let plain = s.bytes(3000);
            s.uploaded(&link, &client, b"a.bin", &plain)?;
            s.kill_server();
            let other = s.connect()?;
            s.judged(&other, Kind::CksumRight, &client, b"a.bin")?;
            s.wants_stored(&plain, "a.bin", true)
        },
    ),
];

/// A file that was received and not judged.
fn waiting(s: &mut Setting) -> Step<Vec<u8>> {
    s.work()?;
    let link = s.connect()?;
    let client = s.client(&link, "alice")?;
    let plain = s.bytes(3000);
    s.uploaded(&link, &client, b"a.bin", &plain)?;
    Ok(plain)
}
