//! 1100 and 2100: names of clients, and the IDs that they are given.

use super::{Setting, must, only};
use crate::cell::Step;
use crate::dialect::RefusedPayload;
use crate::examine::case::Case;
use crate::frame;
use crate::message::{Field, Kind};

pub(super) const CASES: &[Case<Setting>] = &[
    must(
        "server/registration/answer",
        "2",
        "registers a client",
        "2100 of version 3 with a client ID of 16 bytes, and nothing else",
        |s| {
            let link = s.connect()?;
            s.registered(&link, "alice").map(drop)
        },
    ),
    must(
        "server/registration/one-write",
        "1.4",
        "registers eight clients, one after the other",
        "header and payload of each 2100 in one write",
        |s| {
            let link = s.connect()?;
            for number in 0..8 {
                s.registered(&link, &format!("alice-{number}"))?;
            }
            Ok(())
        },
    ),
    must(
        "server/registration/random-ids",
        "1.9",
        "registers eight clients and compares their client IDs",
        "IDs chosen at random: any two differ in many bits",
        random_ids,
    ),
    must(
        "server/registration/name-taken",
        "2.9",
        "registers a name twice on one connection",
        "2101 to the second 1100",
        |s| {
            let link = s.connect()?;
            let client = s.registered(&link, "alice")?;
            link.send(s.register(&client.name).bytes())?;
            s.refused_and_goes_on(&link, Kind::Register)
        },
    ),
    must(
        "server/registration/name-taken-on-another-connection",
        "2.9",
        "registers a name again on another connection",
        "2101 to the second 1100",
        |s| {
            let link = s.connect()?;
            let client = s.registered(&link, "alice")?;
            link.end()?;
            link.closed()?;
            let other = s.connect()?;
            other.send(s.register(&client.name).bytes())?;
            s.refused_and_goes_on(&other, Kind::Register)
        },
    ),
    must(
        "server/registration/name-taken-after-restart",
        "7.2",
        "registers a name, restarts the server, registers the name again",
        "2101 to the second 1100: the database outlives the program",
        |s| {
            s.own_server()?;
            let link = s.connect()?;
            let client = s.registered(&link, "alice")?;
            s.stop_server()?;
            let other = s.connect()?;
            other.send(s.register(&client.name).bytes())?;
            s.refused_and_goes_on(&other, Kind::Register)
        },
    ),
    only(
        |dialect| dialect.refused_payload == RefusedPayload::ClientId,
        must(
            "server/registration/refused-client-id",
            "2.6",
            "registers a name that is taken, with another client ID in the header",
            "2101 with the client ID of that header, and never that of the client who has the name",
            |s| {
                let link = s.connect()?;
                let client = s.registered(&link, "alice")?;
                let request = s.register(&client.name).filled(Field::ClientId, 0xa5);
                link.send(request.bytes())?;
                link.expect(Kind::Refused).map(drop)
            },
        ),
    ),
    must(
        "server/registration/goes-on-after-refusal",
        "2.10",
        "is refused a name three times on one connection, then registers another",
        "three 2101, then 2100: the connection goes on",
        |s| {
            let link = s.connect()?;
            let client = s.registered(&link, "alice")?;
            for _ in 0..3 {
                link.send(s.register(&client.name).bytes())?;
                link.expect(Kind::Refused)?;
            }
            s.registered(&link, "bob").map(drop)
        },
    ),
    must(
        "server/registration/longest-name",
        "1.8",
        "registers a name of 254 bytes, the longest that fits",
        "2100",
        |s| {
            let link = s.connect()?;
            let name = filling_name(s, 254);
            s.registered_as(&link, &name).map(drop)
        },
    ),
    must(
        "server/registration/unterminated-name",
        "1.8",
        "fills the whole name field, without a NUL",
        "2101, and the connection goes on",
        |s| {
            let link = s.connect()?;
            let name = filling_name(s, s.dialect().name_width);
            link.send(s.register(&name).bytes())?;
            s.refused_and_goes_on(&link, Kind::Register)
        },
    ),
    must(
        "server/registration/empty-name",
        "1.8",
        "sends a name field of zeros",
        "2101, and the connection goes on",
        |s| {
            let link = s.connect()?;
            link.send(s.register(b"").bytes())?;
            s.refused_and_goes_on(&link, Kind::Register)
        },
    ),
    must(
        "server/registration/name-not-utf8",
        "1.8",
        "registers a name with the byte ff, which UTF-8 does not have",
        "2101, and the connection goes on",
        |s| {
            let link = s.connect()?;
            let name = [&s.name("al")[..], b"\xff\xfe"].concat();
            link.send(s.register(&name).bytes())?;
            s.refused_and_goes_on(&link, Kind::Register)
        },
    ),
    must(
        "server/registration/hebrew-name",
        "1.8",
        "registers a name in Hebrew, as UTF-8",
        "2100",
        |s| {
            let link = s.connect()?;
            let name = s.name("גיבוי");
            s.registered_as(&link, &name).map(drop)
        },
    ),
    must(
        "server/registration/bytes-behind-the-nul",
        "1.8",
        "registers a name with other bytes than zeros behind its NUL, then the same name with zeros",
        "2100, then 2101: what follows the NUL is no part of the name",
        |s| {
            let link = s.connect()?;
            let name = s.name("alice");
            let mut uncleared = name.clone();
            uncleared.push(0);
            uncleared.resize(s.dialect().name_width, b'x');
            link.send(s.register(&uncleared).bytes())?;
            link.expect(Kind::Registered)?;
            link.send(s.register(&name).bytes())?;
            s.refused_and_goes_on(&link, Kind::Register)
        },
    ),
    must(
        "server/registration/prefix-of-a-name",
        "7.2",
        "registers a name, and then its first half",
        "2100 twice: they are two names",
        |s| {
            let link = s.connect()?;
            let name = s.name("alice");
            let longer = [&name[..], b"-and-bob"].concat();
            s.registered_as(&link, &longer)?;
            s.registered_as(&link, &name).map(drop)
        },
    ),
    must(
        "server/registration/client-id-in-header",
        "2.1",
        "registers with a client ID in the header that is not zero",
        "2100: the ID in the header of 1100 is ignored",
        |s| {
            let link = s.connect()?;
            let name = s.name("alice");
            let request = s.register(&name).filled(Field::ClientId, 0x5a);
            link.send(request.bytes())?;
            link.expect(Kind::Registered).map(drop)
        },
    ),
    must(
        "server/registration/any-version",
        "1.7",
        "registers with the versions 0, 1, 2, 4 and 255",
        "2100 each time: a receiver accepts any version",
        |s| {
            let link = s.connect()?;
            for version in [0, 1, 2, 4, 255] {
                let name = s.name(&format!("alice-{version}"));
                let request = s.register(&name).with(Field::Version, &[version]);
                link.send(request.bytes())?;
                link.expect(Kind::Registered)?;
            }
            Ok(())
        },
    ),
];

/// A name of exactly this many bytes.
fn filling_name(s: &Setting, size: usize) -> Vec<u8> {
    let mut name = s.name("alice");
    name.resize(size, b'a');
    name
}

fn random_ids(s: &mut Setting) -> Step {
    /// Of 128 bits about 61 differ where 122 are random; fewer than 24 is out of the question.
    const LEAST: u32 = 24;
    let link = s.connect()?;
    let mut ids: Vec<frame::Id> = Vec::new();
    for number in 0..8 {
        let client = s.registered(&link, &format!("alice-{number}"))?;
        let alike = ids.iter().find_map(|other| {
            let differ = other
                .iter()
                .zip(&client.id)
                .map(|(a, b)| (a ^ b).count_ones());
            let bits: u32 = differ.sum();
            (bits < LEAST).then_some(bits)
        });
        if let Some(bits) = alike {
            let got = format!("two IDs of which {bits} of 128 bits differ");
            s.found(Field::ClientId, "IDs chosen at random", &got);
            return Ok(());
        }
        ids.push(client.id);
    }
    Ok(())
}
