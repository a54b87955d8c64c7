//! Verdicts, and what they leave in the server's folder (PROTOCOL.md 2.11, 6.1, 7.3).

use crate::cell::{Cell, ClientHandle, Outcome, Send, Step, TestFile};
use crate::dialect::Dialect;
use crate::message::Kind;
use crate::peer::Ability;
use crate::scenarios::meddlers::Damage;
use crate::scenarios::{Place, Scenario, always, begin_known, bytes};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "matrix/wrong-once",
        section: "6.1",
        title: "a cksum comes out wrong once, and then right",
        needs: &[],
        patience: 1,
        place: Place::Core,
        applies: always,
        run: wrong_once,
    },
    Scenario {
        id: "matrix/wrong-once-apart",
        section: "6.5",
        title: "the same with a connection for every request: the 1105 comes by another one",
        needs: &[Ability::ConnectionPerRequest],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: wrong_once_apart,
    },
    Scenario {
        id: "matrix/wrong-to-the-end",
        section: "6.1",
        title: "a cksum comes out wrong as often as the dialect allows: 1106, and the file is gone",
        needs: &[],
        patience: 1,
        place: Place::Core,
        applies: always,
        run: wrong_to_the_end,
    },
    Scenario {
        id: "matrix/verified-version-stays",
        section: "7.3",
        title: "a new version is given up: the verified one before it stays, and a third takes over",
        needs: &[Ability::KnownClient],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: verified_version_stays,
    },
];

fn wrong_once(cell: &mut Cell) -> Step {
    let file = cell.file("wrong.bin", &bytes(200, 12))?;
    cell.serve()?;
    let client = cell.client("judy")?;
    send_damaged(cell, client, &file, 1, Outcome::Done, true)?;
    cell.expect_stored(&file)
}

fn wrong_once_apart(cell: &mut Cell) -> Step {
    let file = cell.file("apart.bin", &bytes(200, 17))?;
    cell.serve()?;
    let client = cell.client("jude")?;
    let send = Send::of([&file])
        .able(&[Ability::ConnectionPerRequest])
        .meddled(damage(1));
    let run = cell.send(client, send, Outcome::Done)?;
    let course = course(cell.dialect(), 1, true);
    cell.expect_course(run, &course)?;
    cell.expect_connections(course.len())?;
    cell.expect_stored(&file)
}

fn wrong_to_the_end(cell: &mut Cell) -> Step {
    let file = cell.file("never.bin", &bytes(200, 13))?;
    cell.serve()?;
    let client = cell.client("kim")?;
    let times = cell.dialect().transmissions;
    send_damaged(cell, client, &file, times, Outcome::GaveUp, true)?;
    cell.expect_not_stored(&file)
}

fn verified_version_stays(cell: &mut Cell) -> Step {
    let first = cell.file("kept.bin", &bytes(200, 14))?;
    let second = cell.file("kept.bin", &bytes(200, 15))?;
    let third = cell.file("kept.bin", &bytes(200, 16))?;
    cell.serve()?;
    let client = cell.client("leo")?;
    send_damaged(cell, client, &first, 0, Outcome::Done, true)?;
    let times = cell.dialect().transmissions;
    send_damaged(cell, client, &second, times, Outcome::GaveUp, false)?;
    cell.expect_stored(&first)?;
    cell.expect_not_stored(&second)?;
    send_damaged(cell, client, &third, 0, Outcome::Done, false)?;
    cell.expect_stored(&third)
}

/// Sends a file of which the tap changes a byte, in a block before the last two, so often.
fn send_damaged(
    cell: &mut Cell,
    client: ClientHandle,
    file: &TestFile,
    times: u32,
    outcome: Outcome,
    registers: bool,
) -> Step {
    let send = Send::of([file]).meddled(damage(times));
    let run = cell.send(client, send, outcome)?;
    let course = course(cell.dialect(), times, registers);
    cell.expect_course(run, &course)
}

pub(super) fn damage(times: u32) -> Damage {
    Damage::new(times, 3, 0x10)
}

/// The requests of a run whose cksum comes out wrong so often.
pub(super) fn course(dialect: &Dialect, times: u32, registers: bool) -> Vec<Kind> {
    let last = dialect.transmissions;
    let mut course = match registers {
        true => vec![Kind::Register, Kind::SendPublicKey],
        false => vec![begin_known(dialect)],
    };
    for transmission in 1..=last.min(times + 1) {
        course.push(Kind::SendFile);
        course.push(match transmission {
            _ if transmission > times => Kind::CksumRight,
            _ if transmission < last => Kind::CksumWrong,
            _ => Kind::GiveUp,
        });
    }
    course
}
