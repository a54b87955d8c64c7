//! The course of a backup (PROTOCOL.md 6), and who goes through it how often.

use crate::cell::{Cell, Outcome, Send, Step};
use crate::message::Kind;
use crate::peer::Ability;
use crate::scenarios::{FIRST, KNOWN, Scenario, bytes};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "matrix/first-backup",
        section: "6",
        title: "a new client backs up a file",
        needs: &[],
        patience: 1,
        run: first_backup,
    },
    Scenario {
        id: "matrix/known-client",
        section: "4.5",
        title: "a client comes again with its identity, and starts at 1101",
        needs: &[Ability::KnownClient],
        patience: 1,
        run: known_client,
    },
    Scenario {
        id: "matrix/three-files",
        section: "6",
        title: "one run sends three files, on one connection where the dialect lets it",
        needs: &[Ability::ManyFiles],
        patience: 1,
        run: three_files,
    },
    Scenario {
        id: "matrix/connection-per-request",
        section: "1.3",
        title: "every request and every verdict goes on a connection of its own",
        needs: &[Ability::ConnectionPerRequest],
        patience: 1,
        run: connection_per_request,
    },
    Scenario {
        id: "matrix/dialect-not-told",
        section: "2.13",
        title: "nobody tells the client which dialect the server speaks",
        needs: &[Ability::DialectUntold],
        patience: 1,
        run: dialect_not_told,
    },
];

fn first_backup(cell: &mut Cell) -> Step {
    let file = cell.file(
        "first.txt",
        b"A first backup,\r\nbyte for byte, as it is.\r\n",
    )?;
    cell.serve()?;
    let client = cell.client("alice")?;
    let run = cell.send(client, Send::of([&file]), Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.expect_stored(&file)
}

fn known_client(cell: &mut Cell) -> Step {
    let first = cell.file("first.bin", &bytes(100, 1))?;
    let second = cell.file("second.bin", &bytes(100, 2))?;
    cell.serve()?;
    let client = cell.client("bob")?;
    let run = cell.send(client, Send::of([&first]), Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    let run = cell.send(client, Send::of([&second]), Outcome::Done)?;
    cell.expect_course(run, &KNOWN)?;
    cell.expect_stored(&first)?;
    cell.expect_stored(&second)
}

fn three_files(cell: &mut Cell) -> Step {
    let files = [
        cell.file("one.bin", &bytes(10, 1))?,
        cell.file("two.bin", &bytes(2000, 2))?,
        cell.file("three.bin", &bytes(30_000, 3))?,
    ];
    cell.serve()?;
    let client = cell.client("carol")?;
    let send = Send::of(&files).able(&[Ability::ManyFiles]);
    let run = cell.send(client, send, Outcome::Done)?;
    let file = [Kind::SendFile, Kind::CksumRight];
    let start = [Kind::Register, Kind::SendPublicKey];
    cell.expect_course(run, &[&start[..], &file, &file, &file].concat())?;
    files.iter().try_for_each(|file| cell.expect_stored(file))
}

fn connection_per_request(cell: &mut Cell) -> Step {
    let file = cell.file("apart.bin", &bytes(500, 4))?;
    cell.serve()?;
    let client = cell.client("dave")?;
    let send = Send::of([&file]).able(&[Ability::ConnectionPerRequest]);
    let run = cell.send(client, send, Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.expect_connections(FIRST.len())?;
    cell.expect_stored(&file)
}

fn dialect_not_told(cell: &mut Cell) -> Step {
    let file = cell.file("untold.bin", &bytes(300, 5))?;
    cell.serve()?;
    let client = cell.client("erin")?;
    for _ in 0..2 {
        let send = Send::of([&file]).able(&[Ability::DialectUntold]);
        cell.send(client, send, Outcome::Done)?;
    }
    cell.expect_stored(&file)
}
