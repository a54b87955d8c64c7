//! The table of the cases for clients, a file for each chapter.
//!
//! *must* are the layouts of PROTOCOL.md, the course of a backup as its sections 6 and 6.1 have it, and what the text says
//! with MUST. What it recommends with SHOULD, or decides without either word, is *should*; what it leaves open is *may*.

mod answers;
mod cksums;
mod ends;
mod fields;
mod files;
mod identity;
mod names;
mod pieces;
mod refusals;
mod set_up;
mod silence;

pub(super) use fields::{is_claimed, is_of_identity};

use crate::cell::Step;
use crate::dialect::{AfterAnswer, ConnectionUse, Dialect};
use crate::examine::case::{About, Case, Table};
use crate::examine::client::setting::{Focus, Outcome, Setting};
use crate::examine::event::CaseLevel::Must;
use crate::message::Kind;

/// All cases for clients.
pub(crate) static TABLE: Table<Setting> = Table {
    first: Case {
        about: About {
            id: "client/sanity/first-backup",
            section: "6",
            level: Must,
            does: "answers a new client that backs up one file of text",
            expects: "it registers, exchanges keys, sends the file and says that the cksum is right",
        },
        applies: always,
        run: |s| {
            s.look_at(Focus::Sanity);
            first_backup(s)
        },
    },
    last: About {
        id: "client/sanity/still-works",
        section: "6",
        level: Must,
        does: "does once more what the first case did",
        expects: "the same",
    },
    chapters: &[
        fields::CASES,
        pieces::CASES,
        cksums::CASES,
        refusals::CASES,
        answers::CASES,
        ends::CASES,
        silence::CASES,
        identity::CASES,
        set_up::CASES,
        files::CASES,
        names::CASES,
    ],
};

macro_rules! case {
    ($id:literal, $section:literal, $level:ident, $applies:expr,
     does $does:literal, expects $expects:literal, $run:expr) => {
        $crate::examine::case::Case {
            about: $crate::examine::case::About {
                id: concat!("client/", $id),
                section: $section,
                level: $crate::examine::event::CaseLevel::$level,
                does: $does,
                expects: $expects,
            },
            applies: $applies,
            run: $run,
        }
    };
}
use case;

/// What a new client sends for one file.
const FIRST: [Kind; 4] = [
    Kind::Register,
    Kind::SendPublicKey,
    Kind::SendFile,
    Kind::CksumRight,
];

fn always(_: &Dialect) -> bool {
    true
}

/// A client that opens a connection for each request reads one response from it, and no more.
fn has_sessions(dialect: &Dialect) -> bool {
    dialect.connection == ConnectionUse::Session
}

fn reconnects(dialect: &Dialect) -> bool {
    dialect.reconnects()
}

fn has_no_reconnect(dialect: &Dialect) -> bool {
    !dialect.reconnects()
}

/// Nothing tells that a 1104 was taken in but the end of the stream.
fn right_is_not_answered(dialect: &Dialect) -> bool {
    let after = dialect.after(Kind::CksumRight);
    after.is_some_and(|after| after.answer == AfterAnswer::None)
}

/// A new client backs up a file of text, and the server does nothing unusual.
fn first_backup(s: &mut Setting) -> Step {
    let file = s.text()?;
    s.send(&file)?;
    s.expect_course(&FIRST, "6")?;
    s.expect_exit(Outcome::Done)
}

/// The same with a file of this content.
fn backup_of(s: &mut Setting, name: &str, content: &[u8]) -> Step {
    let file = s.file(name, content)?;
    s.send(&file)?;
    s.expect_course(&FIRST, "6")?;
    s.expect_exit(Outcome::Done)
}

/// Bytes that repeat nowhere soon; the same for the same size.
fn bytes(size: usize) -> Vec<u8> {
    let mut state = size as u32 | 1;
    (0..size)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Letters alone: nothing that a text mode would change.
            b'a' + (state >> 24) as u8 % 26
        })
        .collect()
}
