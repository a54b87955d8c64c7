//! Wrong cksums, and what follows the last verdict (PROTOCOL.md 2.11, 2.12, 6.1).

use crate::cell::Step;
use crate::dialect::Dialect;
use crate::examine::case::Case;
use crate::examine::client::cases::{FIRST, always, case, first_backup, right_is_not_answered};
use crate::examine::client::setting::{Focus, Outcome, Setting};
use crate::message::{Field, Kind};
use crate::peer::Ability;

pub(super) const CASES: &[Case<Setting>] = &[
    case!("cksums/wrong-once", "6.1", Must, sends_twice,
    does "answers the first transmission with a wrong cksum",
    expects "1105 and the file again; then 1104",
    |s| {
        s.look_at(Focus::Course);
        wrong_times(s, 1)
    }),
    case!("cksums/sends-all-again", "6.1", Must, sends_twice,
        does "answers the first transmission with a wrong cksum, and reads the second one",
        expects "the second transmission is the same file, whole",
        |s| wrong_times(s, 1)),
    case!("cksums/wrong-twice", "6.1", Must, sends_thrice,
        does "answers two transmissions with a wrong cksum",
        expects "two times 1105 and the file again; then 1104",
        |s| wrong_times(s, 2)),
    case!("cksums/wrong-three-times", "6.1", Must, sends_four_times,
        does "answers three transmissions with a wrong cksum",
        expects "three times 1105 and the file again; then 1104",
        |s| wrong_times(s, 3)),
    case!("cksums/wrong-to-the-end", "6.1", Must, always,
    does "answers every transmission with a wrong cksum",
    expects "as many transmissions as the dialect has, and 1106 in place of the last 1105",
    |s| {
        let times = s.dialect().transmissions as usize;
        wrong(s, usize::MAX);
        let file = s.text()?;
        s.send(&file)?;
        let mut course = again(times);
        course.push(Kind::GiveUp);
        s.expect_course(&course, "6.1")
    }),
    case!("cksums/tells-that-it-gave-up", "8.5", Should, always,
    does "answers every transmission with a wrong cksum",
    expects "the exit code says that the client gave up, where it has one for that",
    |s| {
        wrong(s, usize::MAX);
        let file = s.text()?;
        s.send(&file)?;
        s.expect_exit(Outcome::GaveUp)
    }),
    case!("cksums/right-refused", "2.12", Should, right_is_not_answered,
    does "answers 1104 with a refusal and the end of the stream",
    expects "no further request, and an exit code that says refused",
    |s| {
        s.script(|asked, reply| {
            if asked.is(Kind::CksumRight) {
                reply.refuse(Kind::CksumRight);
                reply.then_close();
            }
        });
        let file = s.text()?;
        s.send(&file)?;
        s.expect_course(&FIRST, "2.12")?;
        s.expect_exit(Outcome::Refused)
    }),
    case!("cksums/reset-after-right", "2.12", Should, right_is_not_answered,
    does "answers 1104 with a reset of the connection",
    expects "the backup counts as done: the verdict is only not confirmed",
    |s| {
        s.script(|asked, reply| {
            if asked.is(Kind::CksumRight) {
                reply.nothing();
                reply.then_reset();
            }
        });
        first_backup(s)
    }),
    case!("cksums/ends-its-side", "2.12", Should, right_is_not_answered,
    does "leaves the connection open after 1104 for one read deadline",
    expects "the client ends its sending side without waiting for the server's",
    |s| {
        s.script(|asked, reply| {
            if asked.is(Kind::CksumRight) {
                reply.then_await_end();
            }
        });
        // A client with the habit of waiting in one read (3.1) is asked to do without its habits.
        let file = s.text()?;
        s.send_with(&[&file], &[Ability::AnySegmentation])?;
        s.expect_course(&FIRST, "2.12")
    }),
];

fn sends_twice(dialect: &Dialect) -> bool {
    dialect.transmissions >= 2
}

fn sends_thrice(dialect: &Dialect) -> bool {
    dialect.transmissions >= 3
}

fn sends_four_times(dialect: &Dialect) -> bool {
    dialect.transmissions >= 4
}

/// The first answers to a file have a wrong cksum, so many of them.
fn wrong(s: &mut Setting, times: usize) {
    s.script(move |asked, reply| {
        if asked.is(Kind::SendFile) && asked.nth <= times {
            reply.spoil(Field::Cksum);
        }
    });
}

fn wrong_times(s: &mut Setting, times: usize) -> Step {
    wrong(s, times);
    let file = s.text()?;
    s.send(&file)?;
    let mut course = again(times + 1);
    course.push(Kind::CksumRight);
    s.expect_course(&course, "6.1")?;
    s.expect_exit(Outcome::Done)
}

/// The course up to the last of so many transmissions.
pub(super) fn again(transmissions: usize) -> Vec<Kind> {
    let mut course = vec![Kind::Register, Kind::SendPublicKey];
    for transmission in 1..=transmissions {
        if transmission > 1 {
            course.push(Kind::CksumWrong);
        }
        course.push(Kind::SendFile);
    }
    course
}
