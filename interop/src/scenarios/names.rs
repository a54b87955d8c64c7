//! Names (PROTOCOL.md 1.8, 2.9, 7.4).

use crate::cell::{Cell, Outcome, Send, Step};
use crate::message::Kind;
use crate::peer::Ability;
use crate::scenarios::{FIRST, Place, Scenario, always, bytes, known};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "matrix/name-of-254-bytes",
        section: "1.8",
        title: "client and file names of 254 bytes, which leave room for the NUL alone",
        needs: &[],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: longest_names,
    },
    Scenario {
        id: "matrix/hebrew-name",
        section: "1.8",
        title: "client and file names in Hebrew",
        needs: &[],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: hebrew_names,
    },
    Scenario {
        id: "matrix/name-taken",
        section: "2.9",
        title: "a second client asks for a name that is held: it is refused and harms nothing",
        needs: &[Ability::KnownClient],
        patience: 1,
        place: Place::Core,
        applies: always,
        run: name_taken,
    },
];

fn longest_names(cell: &mut Cell) -> Step {
    let stem = "n".repeat(250);
    backup(cell, &"c".repeat(254), &format!("{stem}.bin"))
}

fn hebrew_names(cell: &mut Cell) -> Step {
    backup(cell, "גיבוי של דנה", "תיק מסמכים.txt")
}

fn backup(cell: &mut Cell, client: &str, file: &str) -> Step {
    let file = cell.file(file, &bytes(40, 6))?;
    cell.serve()?;
    let client = cell.client(client)?;
    let run = cell.send(client, Send::of([&file]), Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.expect_stored(&file)
}

fn name_taken(cell: &mut Cell) -> Step {
    let first = cell.file("held.bin", &bytes(400, 7))?;
    let other = cell.file("held.bin", &bytes(400, 8))?;
    let second = cell.file("later.bin", &bytes(400, 9))?;
    cell.serve()?;
    let holder = cell.client("grace")?;
    let stranger = cell.client("grace")?;
    cell.send(holder, Send::of([&first]), Outcome::Done)?;
    let run = cell.send(stranger, Send::of([&other]), Outcome::Refused)?;
    cell.expect_course(run, &[Kind::Register])?;
    cell.expect_stored(&first)?;
    cell.expect_not_stored(&other)?;
    let run = cell.send(holder, Send::of([&second]), Outcome::Done)?;
    let course = known(cell.dialect());
    cell.expect_course(run, &course)?;
    cell.expect_stored(&first)?;
    cell.expect_stored(&second)
}
