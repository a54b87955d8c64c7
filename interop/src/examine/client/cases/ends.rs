//! A server that goes away: at every step the client ends by itself, and takes nothing for what it is not.

use crate::cell::Step;
use crate::examine::case::Case;
use crate::examine::client::cases::refusals::stops_before;
use crate::examine::client::cases::{always, case};
use crate::examine::client::setting::{Focus, Setting};
use crate::message::Kind;

pub(super) const CASES: &[Case<Setting>] = &[
    case!("ends/in-place-of-registered", "1.4", Must, always,
        does "ends the stream in place of the response to the registration",
        expects "the client ends by itself, without a key exchange",
        |s| ends(s, Kind::Register, 0, Kind::SendPublicKey)),
    case!("ends/in-a-header", "1.4", Must, always,
        does "ends the stream after 3 bytes of the response to the registration",
        expects "the client ends by itself, without a key exchange",
        |s| ends(s, Kind::Register, 3, Kind::SendPublicKey)),
    case!("ends/in-the-aes-key", "1.4", Must, always,
        does "ends the stream after 60 bytes of the response with the AES key",
        expects "the client ends by itself, and sends no file",
        |s| ends(s, Kind::SendPublicKey, 60, Kind::SendFile)),
    case!("ends/in-place-of-received", "1.4", Must, always,
        does "ends the stream in place of the response to the file",
        expects "the client ends by itself, without saying that the cksum is right",
        |s| ends(s, Kind::SendFile, 0, Kind::CksumRight)),
    case!("ends/before-the-cksum", "1.4", Must, always,
    does "ends the stream in the response to the file, just before its cksum",
    expects "the client ends by itself, without saying that the cksum is right",
    |s| {
        s.look_at(Focus::Course);
        s.script(|asked, reply| {
            if asked.is(Kind::SendFile) {
                let cksum = reply.field(crate::message::Field::Cksum).len();
                let zeros = reply.field(crate::message::Field::Zeros).len();
                reply.cut(reply.bytes.len() - cksum - zeros);
            }
        });
        stops_before(s, Kind::CksumRight, "1.4")
    }),
];

/// The answer to `asked` ends after so many bytes; the client must not get as far as `stop`.
fn ends(s: &mut Setting, asked: Kind, size: usize, stop: Kind) -> Step {
    s.look_at(Focus::Course);
    s.script(move |request, reply| {
        if request.is(asked) {
            reply.cut(size);
        }
    });
    stops_before(s, stop, "1.4")
}
