//! Messages in any segmentation (PROTOCOL.md 1.3, 1.4).

use crate::cell::{Cell, Outcome, Send, Step};
use crate::message::{Direction, Kind};
use crate::peer::Ability;
use crate::record::Side;
use crate::scenarios::meddlers::{Damage, Join};
use crate::scenarios::{FIRST, Scenario, bytes};
use crate::tap::{Fate, Meddle, Plan};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "matrix/byte-by-byte",
        section: "1.4",
        title: "every message of both sides arrives one byte at a time",
        needs: &[Ability::AnySegmentation],
        patience: 1,
        run: byte_by_byte,
    },
    Scenario {
        id: "matrix/again-in-one-write",
        section: "1.4",
        title: "1105 and the next 1103 leave the client in one write and arrive in one segment",
        needs: &[],
        patience: 1,
        run: again_in_one_write,
    },
];

fn byte_by_byte(cell: &mut Cell) -> Step {
    let file = cell.file("pieces.bin", &bytes(50, 10))?;
    cell.serve()?;
    let client = cell.client("heidi")?;
    let send = Send::of([&file])
        .able(&[Ability::AnySegmentation])
        .through(Plan {
            bytewise: true,
            ..Plan::default()
        });
    let run = cell.send(client, send, Outcome::Done)?;
    cell.expect_course(run, &FIRST)?;
    cell.expect_stored(&file)
}

fn again_in_one_write(cell: &mut Cell) -> Step {
    let file = cell.file("again.bin", &bytes(100, 11))?;
    cell.serve()?;
    let client = cell.client("ivan")?;
    let send = Send::of([&file]).meddled(DamageAndJoin {
        damage: Damage {
            times: 1,
            at: 0,
            mask: 1,
        },
        join: Join {
            kind: Kind::CksumWrong,
        },
    });
    let run = cell.send(client, send, Outcome::Done)?;
    let course = [
        Kind::Register,
        Kind::SendPublicKey,
        Kind::SendFile,
        Kind::CksumWrong,
        Kind::SendFile,
        Kind::CksumRight,
    ];
    cell.expect_course(run, &course)?;
    let pair = [Kind::CksumWrong, Kind::SendFile];
    cell.expect_in_one_write(Side::Client, pair)?;
    cell.expect_in_one_write(Side::Server, pair)?;
    cell.expect_stored(&file)
}

struct DamageAndJoin {
    damage: Damage,
    join: Join,
}

impl Meddle for DamageAndJoin {
    fn head(&mut self, direction: Direction, kind: Option<Kind>, head: &mut Vec<u8>) -> Fate {
        self.join.head(direction, kind, head)
    }

    fn content(&mut self, direction: Direction, offset: usize, bytes: &mut Vec<u8>) -> Fate {
        self.damage.content(direction, offset, bytes)
    }
}
