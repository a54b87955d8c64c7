//! Many clients, and programs that stop in the middle (PROTOCOL.md 1.3, 2.4, 7.3).

use std::sync::Arc;

use crate::cell::{Cell, Outcome, Send, Step, TestFile};
use crate::judge::Whose;
use crate::message::{Field, Kind};
use crate::peer::Ability;
use crate::scenarios::meddlers::{CutContent, HoldMessage};
use crate::scenarios::{FIRST, Place, Scenario, always, bytes, known};
use crate::tap::Gate;

/// How many clients come at once.
const CROWD: u64 = 20;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "matrix/twenty-clients",
        section: "1.3",
        title: "twenty clients at once send files of one name",
        needs: &[],
        patience: 2,
        place: Place::Full,
        applies: always,
        run: twenty_clients,
    },
    Scenario {
        id: "matrix/server-stopped-before-file",
        section: "2.4",
        title: "the server is stopped and started between the key exchange and the file",
        needs: &[Ability::ConnectionPerRequest],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: |cell| restart(cell, Cell::stop_server),
    },
    Scenario {
        id: "matrix/server-killed-before-file",
        section: "2.4",
        title: "the server is killed and started between the key exchange and the file",
        needs: &[Ability::ConnectionPerRequest],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: |cell| {
            restart(cell, |cell| {
                cell.kill_server();
                Ok(())
            })
        },
    },
    Scenario {
        id: "matrix/server-killed-before-verdict",
        section: "7.3",
        title: "the server is killed between 2103 and 1104: the upload outlives it and is verified",
        needs: &[Ability::ConnectionPerRequest],
        patience: 1,
        place: Place::Core,
        applies: always,
        run: server_killed_before_verdict,
    },
    Scenario {
        id: "matrix/client-killed-in-upload",
        section: "7.3",
        title: "a client is killed in the middle of a new version: the old one stays; then it comes again",
        needs: &[Ability::KnownClient],
        patience: 1,
        place: Place::Full,
        applies: always,
        run: client_killed_in_upload,
    },
];

fn twenty_clients(cell: &mut Cell) -> Step {
    cell.serve()?;
    let mut running = Vec::new();
    let mut files = Vec::new();
    for number in 0..CROWD {
        let file = cell.file("same.bin", &bytes(3000, 100 + number))?;
        let client = cell.client(&format!("client {number}"))?;
        running.push(cell.start(client, Send::of([&file]))?);
        files.push(file);
    }
    for client in running {
        let run = cell.finish_run(client, Outcome::Done)?;
        cell.expect_course(run, &FIRST)?;
    }
    files.iter().try_for_each(|file| cell.expect_stored(file))
}

/// The tap holds the connection of the 1103 until the server is another process.
fn restart(cell: &mut Cell, end_server: fn(&mut Cell) -> Step) -> Step {
    let file = cell.file("restart.bin", &bytes(800, 40))?;
    hold(cell, &file, Kind::SendFile, end_server)?;
    cell.expect_stored(&file)
}

fn server_killed_before_verdict(cell: &mut Cell) -> Step {
    let file = cell.file("unjudged.bin", &bytes(800, 41))?;
    hold(cell, &file, Kind::CksumRight, |cell| {
        cell.kill_server();
        Ok(())
    })?;
    cell.expect_stored(&file)
}

fn hold(cell: &mut Cell, file: &TestFile, kind: Kind, end_server: fn(&mut Cell) -> Step) -> Step {
    cell.serve()?;
    let client = cell.client("victor")?;
    let gate = Gate::new();
    let meddler = HoldMessage {
        kind,
        gate: Arc::clone(&gate),
    };
    let send = Send::of([file])
        .able(&[Ability::ConnectionPerRequest])
        .meddled(meddler);
    let running = cell.start(client, send)?;
    let reached = gate.wait_reached(cell.deadline());
    let restarted = if reached {
        end_server(cell).and_then(|()| cell.serve())
    } else {
        let title = cell.dialect().title_of(kind);
        Err(cell.fail(Whose::Client, Field::Scenario, &title, "it never came", "6"))
    };
    gate.open();
    restarted?;
    let run = cell.finish_run(running, Outcome::Done)?;
    cell.expect_course(run, &FIRST)
}

fn client_killed_in_upload(cell: &mut Cell) -> Step {
    const SIZE: usize = 4 << 20;
    let old = cell.file("cut.bin", &bytes(SIZE, 42))?;
    let new = cell.file("cut.bin", &bytes(SIZE, 43))?;
    cell.serve()?;
    let client = cell.client("walter")?;
    let run = cell.send(client, Send::of([&old]), Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    let gate = Gate::new();
    let meddler = CutContent {
        after: SIZE / 2,
        gate: Arc::clone(&gate),
    };
    let running = cell.start(client, Send::of([&new]).meddled(meddler))?;
    let reached = gate.wait_reached(cell.deadline());
    cell.kill_client(&running);
    gate.open();
    if !reached {
        let title = cell.dialect().title_of(Kind::SendFile);
        return Err(cell.fail(Whose::Client, Field::Scenario, &title, "it never came", "6"));
    }
    cell.settle()?;
    cell.expect_stored(&old)?;
    cell.expect_not_stored(&new)?;
    let run = cell.send(client, Send::of([&new]), Outcome::Done)?;
    let course = known(cell.dialect());
    cell.expect_course(run, &course)?;
    cell.expect_stored(&new)
}
