//! Reconnecting, and being refused (PROTOCOL.md 10.4).

use crate::cell::{Cell, Outcome, Send, Step};
use crate::info_file::InfoFile;
use crate::message::Kind;
use crate::peer::Ability;
use crate::scenarios::{FIRST, Place, Scenario, bytes, known};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "matrix/reconnect-refused",
        section: "10.4",
        title: "the server has lost its data: 2106, and the client registers anew with a new key pair",
        needs: &[Ability::KnownClient],
        patience: 1,
        place: Place::Core,
        applies: |dialect| dialect.reconnects(),
        run: refused,
    },
    Scenario {
        id: "matrix/reconnect-refused-name-taken",
        section: "10.4",
        title: "its ID is unknown and its name held: it is refused, and keeps the identity that it has",
        needs: &[Ability::KnownClient],
        patience: 1,
        place: Place::Core,
        applies: |dialect| dialect.reconnects(),
        run: refused_and_taken,
    },
];

fn refused(cell: &mut Cell) -> Step {
    let first = cell.file("lost.bin", &bytes(90, 60))?;
    let second = cell.file("kept.bin", &bytes(90, 61))?;
    let third = cell.file("later.bin", &bytes(90, 62))?;
    cell.serve()?;
    let client = cell.client("yvonne")?;
    let run = cell.send(client, Send::of([&first]), Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.lose_data()?;
    cell.serve()?;
    let run = cell.send(client, Send::of([&second]), Outcome::Done)?;
    let course = [&[Kind::Reconnect][..], &FIRST].concat();
    cell.expect_course(run, &course)?;
    // The new identity is the one that it goes on with.
    let run = cell.send(client, Send::of([&third]), Outcome::Done)?;
    let course = known(cell.dialect());
    cell.expect_course(run, &course)?;
    cell.expect_stored(&second)?;
    cell.expect_stored(&third)
}

fn refused_and_taken(cell: &mut Cell) -> Step {
    let first = cell.file("held.bin", &bytes(90, 63))?;
    let second = cell.file("never.bin", &bytes(90, 64))?;
    cell.serve()?;
    let client = cell.client("zach")?;
    cell.send(client, Send::of([&first]), Outcome::Done)?;
    let (info, _) = cell.identity(client)?;
    let unknown = InfoFile {
        id: Some([0x5a; 16]),
        ..info
    };
    cell.plant_identity(client, &unknown)?;
    let run = cell.send(client, Send::of([&second]), Outcome::Refused)?;
    // It may still try its identity at 1101 (2.9), and is refused there too.
    let tries = cell.course(run).len().saturating_sub(2).min(3);
    let mut course = vec![Kind::Reconnect, Kind::Register];
    course.resize(2 + tries, Kind::SendPublicKey);
    cell.expect_course(run, &course)?;
    // That its info file still has the identity is looked at in every cell.
    cell.expect_stored(&first)?;
    cell.expect_not_stored(&second)
}
