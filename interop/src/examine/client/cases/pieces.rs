//! Responses in any pieces: a stream has no messages (PROTOCOL.md 1.4).

use crate::cell::Step;
use crate::examine::case::Case;
use crate::examine::client::cases::{FIRST, always, case, first_backup, has_sessions};
use crate::examine::client::setting::{Outcome, Setting};
use crate::frame;
use crate::message::{Direction, Kind};
use crate::peer::Ability;

pub(super) const CASES: &[Case<Setting>] = &[
    case!("pieces/header-and-payload", "1.4", Must, always,
    does "writes the header of each response, and a moment later its payload",
    expects "the backup goes on as if nothing had happened",
    |s| {
        let size = frame::header_size(s.dialect(), Direction::Response);
        split(s, size)
    }),
    case!("pieces/header-at-each-offset", "1.4", Must, always,
    does "cuts each response in its header, once at each offset",
    expects "the backup goes on as if nothing had happened, each time",
    |s| {
        let size = frame::header_size(s.dialect(), Direction::Response);
        for offset in 1..size {
            s.begin_anew()?;
            split(s, offset)?;
        }
        Ok(())
    }),
    case!("pieces/registered-byte-by-byte", "1.4", Must, always,
        does "writes the response to the registration byte by byte",
        expects "the backup goes on as if nothing had happened",
        |s| byte_by_byte(s, Kind::Register)),
    case!("pieces/aes-key-byte-by-byte", "1.4", Must, always,
        does "writes the response with the AES key byte by byte",
        expects "the backup goes on as if nothing had happened",
        |s| byte_by_byte(s, Kind::SendPublicKey)),
    case!("pieces/file-received-byte-by-byte", "1.4", Must, always,
        does "writes the response to the file byte by byte",
        expects "the backup goes on as if nothing had happened",
        |s| byte_by_byte(s, Kind::SendFile)),
    case!("pieces/acknowledgement-joined", "2.12", Must, has_sessions,
    does "writes an acknowledgement that nobody waits for and the response to the file in one segment",
    expects "the acknowledgement is skipped and the response behind it is read",
    |s| {
        let id = [7; frame::ID_SIZE];
        let payload = match s.dialect().acknowledges_with_id() {
            true => &id[..],
            false => &[],
        };
        let acknowledged = frame::response(s.dialect(), Kind::Acknowledged, payload);
        s.script(move |asked, reply| {
            if asked.is(Kind::SendFile) {
                reply.precede(&acknowledged);
            }
        });
        first_backup(s)
    }),
];

fn split(s: &mut Setting, offset: usize) -> Step {
    s.script(move |_, reply| reply.split_at(offset));
    with_any_pieces(s)
}

fn byte_by_byte(s: &mut Setting, of: Kind) -> Step {
    s.script(move |asked, reply| {
        if asked.is(of) {
            reply.byte_by_byte();
        }
    });
    with_any_pieces(s)
}

/// A client with the habit of one read a response is asked to do without it.
fn with_any_pieces(s: &mut Setting) -> Step {
    s.would_look_like(
        "it takes what one read brings for a whole response: read on until all of it is there",
    );
    let file = s.text()?;
    s.send_with(&[&file], &[Ability::AnySegmentation])?;
    s.expect_course(&FIRST, "1.4")?;
    s.expect_exit(Outcome::Done)
}
