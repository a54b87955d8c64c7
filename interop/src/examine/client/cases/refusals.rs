//! 2101, and 2107 where a dialect has it: what a client does when the server says no (PROTOCOL.md 2.9, 2.10, 6.3).

use crate::cell::Step;
use crate::dialect::{Dialect, RefusedPayload};
use crate::examine::case::Case;
use crate::examine::client::cases::cksums::again;
use crate::examine::client::cases::{FIRST, always, bytes, case};
use crate::examine::client::setting::{Focus, Outcome, Setting};
use crate::message::{Field, Kind};

pub(super) const CASES: &[Case<Setting>] = &[
    case!("refusals/name-taken", "2.9", Must, always,
    does "refuses the registration: the name is held by another client",
    expects "the client without an identity stops: no key exchange",
    |s| {
        s.look_at(Focus::Course);
        s.name_is_taken();
        let file = s.text()?;
        s.send(&file)?;
        s.expect_none_of(&[Kind::SendPublicKey, Kind::Reconnect, Kind::SendFile], "2.9")?;
        s.expect_exit(Outcome::Refused)
    }),
    case!("refusals/name-taken-once", "2.9", Should, always,
    does "refuses the registration: the name is held by another client",
    expects "the client does not try to register again",
    |s| {
        s.name_is_taken();
        let file = s.text()?;
        s.send(&file)?;
        s.expect_course(&[Kind::Register], "2.9")
    }),
    case!("refusals/key-once", "6.3", Should, always,
    does "refuses the first key exchange",
    expects "the client sends it again, and the backup goes on",
    |s| {
        refuse(s, Kind::SendPublicKey, 1);
        let file = s.text()?;
        s.send(&file)?;
        let mut course = FIRST.to_vec();
        course.insert(1, Kind::SendPublicKey);
        s.expect_course(&course, "6.3")?;
        s.expect_exit(Outcome::Done)
    }),
    case!("refusals/key-always", "6.3", Should, always,
    does "refuses every key exchange",
    expects "three tries, and then the client stops",
    |s| {
        refuse(s, Kind::SendPublicKey, usize::MAX);
        let file = s.text()?;
        s.send(&file)?;
        let mut course = vec![Kind::Register];
        course.extend([Kind::SendPublicKey; 3]);
        s.expect_course(&course, "6.3")?;
        s.expect_exit(Outcome::Refused)
    }),
    case!("refusals/file-once", "6.3", Should, always,
    does "refuses the first transmission of the file",
    expects "the client sends it again without a 1105, and the backup goes on",
    |s| {
        refuse(s, Kind::SendFile, 1);
        let file = s.text()?;
        s.send(&file)?;
        let mut course = FIRST.to_vec();
        course.insert(2, Kind::SendFile);
        s.expect_course(&course, "6.3")?;
        s.expect_exit(Outcome::Done)
    }),
    case!("refusals/file-always", "6.3", Should, always,
    does "refuses every transmission of the file",
    expects "three tries, and then the client stops without a verdict",
    |s| {
        refuse(s, Kind::SendFile, usize::MAX);
        let file = s.text()?;
        s.send(&file)?;
        let mut course = vec![Kind::Register, Kind::SendPublicKey];
        course.extend([Kind::SendFile; 3]);
        s.expect_course(&course, "6.3")?;
        s.expect_exit(Outcome::Refused)
    }),
    case!("refusals/no-transmission", "6.3", Should, always,
    does "refuses the first try, and answers every further transmission with a wrong cksum",
    expects "the refused try does not count: as many further transmissions as the dialect has, then 1106",
    |s| {
        s.script(|asked, reply| match (asked.kind, asked.nth) {
            (Some(Kind::SendFile), 1) => reply.refuse(Kind::SendFile),
            (Some(Kind::SendFile), _) => reply.spoil(Field::Cksum),
            _ => {}
        });
        let file = s.text()?;
        s.send(&file)?;
        let mut course = again(s.dialect().transmissions as usize);
        course.insert(2, Kind::SendFile);
        course.push(Kind::GiveUp);
        s.expect_course(&course, "6.3")
    }),
    case!("refusals/other-size", "2.6", Must, has_no_general_error,
    does "refuses the first transmission with the other of the two sizes of a refusal, 0 or 16 bytes",
    expects "the client takes it for a refusal as well: it sends the file again",
    |s| {
        let size = match s.dialect().refused_payload {
            RefusedPayload::Empty => 16,
            RefusedPayload::ClientId => 0,
        };
        s.script(move |asked, reply| {
            if asked.is_nth(Kind::SendFile, 1) {
                reply.raw(Kind::Refused, &vec![0; size]);
            }
        });
        let file = s.text()?;
        s.send(&file)?;
        let mut course = FIRST.to_vec();
        course.insert(2, Kind::SendFile);
        s.expect_course(&course, "2.6")
    }),
    case!("refusals/reset-in-upload", "2.10", Must, has_large_requests,
    does "refuses a file of 300,000 bytes by the header of its request, and resets the connection",
    expects "the client does not crash, and gives no verdict on what was not received",
    |s| {
        s.look_at(Focus::Course);
        s.refuse_large_files(1 << 16);
        let file = s.file("large.bin", &bytes(300_000))?;
        s.send(&file)?;
        s.expect_none_of(&[Kind::CksumRight, Kind::CksumWrong], "2.10")?;
        s.expect_exit(Outcome::NotDone)
    }),
    case!("refusals/unknown-code", "2", Should, always,
    does "answers the registration with a code that no response has",
    expects "the client stops: no key exchange",
    |s| {
        s.look_at(Focus::Course);
        s.script(|asked, reply| {
            if asked.is(Kind::Register) {
                reply.set_number(Field::Code, 4242);
            }
        });
        stops_before(s, Kind::SendPublicKey, "2")
    }),
];

fn has_no_general_error(dialect: &Dialect) -> bool {
    dialect.code(Kind::GeneralError).is_none()
}

fn has_large_requests(dialect: &Dialect) -> bool {
    dialect.packet_size == 0
}

/// Says no to the first so many requests of a kind.
fn refuse(s: &mut Setting, kind: Kind, times: usize) {
    s.script(move |asked, reply| {
        if asked.is(kind) && asked.nth <= times {
            reply.refuse(kind);
        }
    });
}

/// A new client must not get as far as this request.
pub(super) fn stops_before(s: &mut Setting, kind: Kind, section: &'static str) -> Step {
    let file = s.text()?;
    s.send(&file)?;
    s.expect_none_of(&[kind], section)?;
    s.expect_exit(Outcome::NotDone)
}
