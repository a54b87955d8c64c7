//! Messages in any segmentation (PROTOCOL.md 1.3, 1.4).

use crate::cell::{Cell, Outcome, Send, Step};
use crate::dialect::{AfterAnswer, ConnectionUse, Dialect};
use crate::message::{Direction, Kind};
use crate::peer::Ability;
use crate::record::Side;
use crate::scenarios::meddlers::{Damage, Join};
use crate::scenarios::{FIRST, Place, Scenario, always, bytes};
use crate::tap::{Fate, Meddle, Plan};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        id: "matrix/byte-by-byte",
        section: "1.4",
        title: "every message of both sides arrives one byte at a time",
        needs: &[Ability::AnySegmentation],
        patience: 1,
        place: Place::Core,
        applies: always,
        run: byte_by_byte,
    },
    Scenario {
        id: "matrix/again-in-one-write",
        section: "1.4",
        title: "1105 and the next 1103 leave the client in one write and arrive in one segment",
        needs: &[],
        patience: 1,
        place: Place::Full,
        applies: goes_on_at_once,
        run: again_in_one_write,
    },
];

/// Whether a 1105 and the next 1103 may go together: nothing has to be read between them.
fn goes_on_at_once(dialect: &Dialect) -> bool {
    let answer = dialect.after(Kind::CksumWrong).map(|after| after.answer);
    let read = matches!(
        answer,
        Some(AfterAnswer::Refused | AfterAnswer::GeneralError)
    );
    let closes = dialect
        .after(Kind::CksumWrong)
        .is_some_and(|after| after.close);
    !read && !closes && dialect.connection == ConnectionUse::Session
}

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
        damage: Damage::new(1, 0, 1),
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
        self.damage.head(direction, kind, head);
        self.join.head(direction, kind, head)
    }

    fn content(&mut self, direction: Direction, offset: usize, bytes: &mut Vec<u8>) -> Fate {
        self.damage.content(direction, offset, bytes)
    }
}
