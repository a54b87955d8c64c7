//! Sides that know different things of each other (PROTOCOL.md 10.2, 10.10, 10.11).

use crate::cell::{Cell, Outcome, Send, Step};
use crate::dialect::{Checksum, ChecksumInput, Dialect};
use crate::message::Kind;
use crate::peer::Ability;
use crate::scenarios::meddlers::{HoldEnd, server_closes};
use crate::scenarios::verdicts::{course, damage};
use crate::scenarios::{FIRST, Place, Scenario, always, bytes, known};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "mixed/told",
        section: "10.2",
        title: "both sides are told a dialect with a modifier",
        needs: &[Ability::KnownClient],
        patience: 1,
        place: Place::Told,
        applies: always,
        run: every_exchange,
    },
    Scenario {
        id: "mixed/file",
        section: "10.2",
        title: "a file describes what no dialect does",
        needs: &[Ability::KnownClient],
        patience: 1,
        place: Place::File,
        applies: always,
        run: every_exchange,
    },
    Scenario {
        id: "mixed/untold",
        section: "10.11",
        title: "the client is told nothing: it finds out, and knows it the next time",
        needs: &[Ability::KnownClient, Ability::DialectUntold],
        patience: 2,
        place: Place::Untold,
        applies: always,
        run: untold,
    },
    Scenario {
        id: "mixed/crowd",
        section: "10.10",
        title: "clients of several dialects at once, and a server that is told none of them",
        needs: &[Ability::KnownClient],
        patience: 2,
        place: Place::Crowd,
        applies: always,
        run: crowd,
    },
];

/// Every message of a dialect: a first backup, a known client with a wrong cksum, a name that is taken,
/// and a file that is given up.
fn every_exchange(cell: &mut Cell) -> Step {
    let first = cell.file("first.bin", &bytes(200, 70))?;
    let second = cell.file("second.bin", &bytes(300, 71))?;
    let never = cell.file("never.bin", &bytes(200, 72))?;
    cell.serve()?;
    let client = cell.client("anna")?;
    let send = Send::of([&first]);
    let send = match server_closes(cell.dialect()) {
        true => send.meddled(HoldEnd::default()),
        false => send,
    };
    let run = cell.send(client, send, Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    let sees_damage = sees_damage(cell.dialect());
    let times = u32::from(sees_damage && cell.dialect().transmissions > 1);
    let send = Send::of([&second]).meddled(damage(times));
    let run = cell.send(client, send, Outcome::Done)?;
    let again = course(cell.dialect(), times, false);
    cell.expect_course(run, &again)?;
    let stranger = cell.client("anna")?;
    let run = cell.send(stranger, Send::of([&never]), Outcome::Refused)?;
    cell.expect_course(run, &[Kind::Register])?;
    if sees_damage {
        let other = cell.client("bert")?;
        let times = cell.dialect().transmissions;
        let send = Send::of([&never]).meddled(damage(times));
        let run = cell.send(other, send, Outcome::GaveUp)?;
        let given_up = course(cell.dialect(), times, true);
        cell.expect_course(run, &given_up)?;
        cell.settle()?;
        cell.expect_not_stored(&never)?;
    }
    cell.expect_stored(&first)?;
    cell.expect_stored(&second)
}

/// A damaged block is random once it is decrypted: of 256 of them a checksum of 8 bits takes one for
/// right. A flipped bit of the ciphertext itself it always sees.
fn sees_damage(dialect: &Dialect) -> bool {
    dialect.checksum != Checksum::Crc8 || dialect.checksum_input == ChecksumInput::Content
}

fn untold(cell: &mut Cell) -> Step {
    let first = cell.file("first.bin", &bytes(300, 73))?;
    let second = cell.file("second.bin", &bytes(310, 74))?;
    cell.serve()?;
    let client = cell.client("erin")?;
    let able = &[Ability::DialectUntold];
    let send = Send::of([&first]).able(able).learning();
    let run = cell.send(client, send, Outcome::Done)?;
    cell.expect_course_to_end(run, &[Kind::SendFile, Kind::CksumRight])?;
    // What it has learned it knows: not one message more than a client that is told.
    let send = Send::of([&second]).able(able).same_server_as(run);
    let run = cell.send(client, send, Outcome::Done)?;
    let course = known(cell.dialect());
    cell.expect_course(run, &course)?;
    cell.expect_stored(&first)?;
    cell.expect_stored(&second)
}

fn crowd(cell: &mut Cell) -> Step {
    cell.serve()?;
    let members = cell.crowd();
    let mut clients = Vec::new();
    let mut files = Vec::new();
    for (number, (program, dialect)) in members.iter().enumerate() {
        let name = format!("{dialect} {program}");
        clients.push(cell.client_of(*program, &name, std::sync::Arc::clone(dialect))?);
        let seed = 80 + 2 * number as u64;
        files.push([
            cell.file("same.bin", &bytes(3000, seed))?,
            cell.file("later.bin", &bytes(3100, seed + 1))?,
        ]);
    }
    for run_number in 0..2 {
        let mut running = Vec::new();
        for (client, files) in clients.iter().zip(&files) {
            let file = files.get(run_number);
            running.push(cell.start(*client, Send::of(file))?);
        }
        for (client, (_, dialect)) in running.into_iter().zip(&members) {
            let run = cell.finish_run(client, Outcome::Done)?;
            match run_number {
                0 => cell.expect_course(run, &FIRST)?,
                _ => cell.expect_course(run, &known(dialect))?,
            }
        }
    }
    cell.expect_shown_dialects(&clients)?;
    let mut all = files.iter().flatten();
    all.try_for_each(|file| cell.expect_stored(file))
}
