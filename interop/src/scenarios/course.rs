//! The course of a backup (PROTOCOL.md 6), and who goes through it how often.

use crate::cell::{Cell, Outcome, Send, Step};
use crate::message::Kind;
use crate::peer::Ability;
use crate::scenarios::meddlers::Damage;
use crate::scenarios::{FIRST, Place, Scenario, always, begin_known, bytes, known};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "matrix/first-backup",
        section: "6",
        title: "a new client backs up a file",
        needs: &[],
        patience: 1,
        place: Place::Core,
        applies: always,
        run: first_backup,
    },
    Scenario {
        id: "matrix/known-client",
        section: "4.5",
        title: "a client comes again with its identity: it starts at 1101, or with a reconnect",
        needs: &[Ability::KnownClient],
        patience: 1,
        place: Place::Core,
        applies: always,
        run: known_client,
    },
    Scenario {
        id: "matrix/three-files",
        section: "6",
        title: "one run sends three files, on one connection where the dialect lets it",
        needs: &[Ability::ManyFiles],
        patience: 1,
        place: Place::Core,
        applies: always,
        run: three_files,
    },
    Scenario {
        id: "matrix/many-packets",
        section: "10.7",
        title: "a file comes in many packets, once more after a wrong cksum, and in packets of one block",
        needs: &[Ability::KnownClient],
        patience: 1,
        place: Place::Core,
        applies: |dialect| dialect.packets,
        run: many_packets,
    },
    Scenario {
        id: "matrix/connection-per-request",
        section: "1.3",
        title: "every request and every verdict goes on a connection of its own",
        needs: &[Ability::ConnectionPerRequest],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: connection_per_request,
    },
    Scenario {
        id: "matrix/dialect-not-told",
        section: "2.13",
        title: "nobody tells the client which dialect the server speaks",
        needs: &[Ability::DialectUntold],
        patience: 1,
        place: Place::Full,
        // Where another dialect has to be looked for: `mixed/untold`.
        applies: |dialect| !dialect.reconnects(),
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
    let course = known(cell.dialect());
    cell.expect_course(run, &course)?;
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

fn many_packets(cell: &mut Cell) -> Step {
    // 63 blocks of content: six packets, of which the last is shorter.
    let first = cell.file("packets.bin", &bytes(1000, 50))?;
    let second = cell.file("again.bin", &bytes(1000, 51))?;
    cell.serve()?;
    let client = cell.client_modified("carlos", &["packet=176"])?;
    let run = cell.send(client, Send::of([&first]), Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.expect_packets(run, 6)?;
    let damage = Damage::new(1, 100, 1);
    let run = cell.send(client, Send::of([&second]).meddled(damage), Outcome::Done)?;
    let again = [
        begin_known(cell.dialect()),
        Kind::SendFile,
        Kind::CksumWrong,
        Kind::SendFile,
        Kind::CksumRight,
    ];
    cell.expect_course(run, &again)?;
    cell.expect_packets(run, 12)?;
    let client = cell.client_modified("charlie", &["packet=16"])?;
    let run = cell.send(client, Send::of([&first]), Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.expect_packets(run, 63)?;
    cell.expect_stored(&first)?;
    cell.expect_stored(&second)
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
