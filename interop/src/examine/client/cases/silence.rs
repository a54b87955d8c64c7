//! A server that takes its time.

use crate::examine::case::Case;
use crate::examine::client::cases::{always, case, first_backup};
use crate::examine::client::setting::Setting;
use crate::message::Kind;

pub(super) const CASES: &[Case<Setting>] = &[
    case!("silence/before-the-aes-key", "6", Must, always,
    does "keeps the response with the AES key back for one read deadline",
    expects "nothing is sent before it, and then the backup goes on",
    |s| {
        s.script(|asked, reply| {
            if asked.is(Kind::SendPublicKey) {
                reply.hold();
            }
        });
        first_backup(s)
    }),
    case!("silence/before-received", "6", Must, always,
    does "keeps the response to the file back for one read deadline",
    expects "nothing is sent before it, no verdict above all, and then the backup goes on",
    |s| {
        s.script(|asked, reply| {
            if asked.is(Kind::SendFile) {
                reply.hold();
            }
        });
        first_backup(s)
    }),
];
