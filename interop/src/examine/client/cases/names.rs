//! Names of clients and files (PROTOCOL.md 1.8, 8.2).

use crate::cell::Step;
use crate::examine::case::Case;
use crate::examine::client::cases::{always, backup_of, case, first_backup};
use crate::examine::client::setting::{Focus, Outcome, Setting, TEXT};
use crate::message::Kind;

pub(super) const CASES: &[Case<Setting>] = &[
    case!("names/client-of-254", "1.8", Must, always,
        does "gives the client a name of 254 bytes, the longest that there is",
        expects "the whole name, and one NUL behind it",
        |s| called(s, "n".repeat(254))),
    case!("names/client-of-255", "8.2", Must, always,
    does "gives the client a name of 255 bytes, for which no field has room",
    expects "the client refuses it: it does not register under another name",
    |s| {
        s.look_at(Focus::Course);
        s.name = "n".repeat(255);
        let file = s.text()?;
        s.send(&file)?;
        s.expect_none_of(&[Kind::Register], "8.2")?;
        s.expect_exit(Outcome::NotDone)
    }),
    case!("names/client-in-hebrew", "1.8", Must, always,
        does "gives the client a Hebrew name in UTF-8",
        expects "the bytes of transfer.info, as they are",
        |s| called(s, "\u{5de}\u{5d9}\u{5db}\u{5dc} \u{5d0}\u{5e9}\u{5e8}".into())),
    case!("names/file-of-254", "1.8", Must, always,
        does "gives the client a file whose name has 254 bytes",
        expects "the whole name, and one NUL behind it",
        |s| backup_of(s, &format!("{}.txt", "f".repeat(250)), TEXT)),
    case!("names/file-in-hebrew", "1.8", Must, always,
        does "gives the client a file with a Hebrew name in UTF-8, and a blank in it",
        expects "the bytes of the name, as they are",
        |s| backup_of(s, "\u{5d2}\u{5d9}\u{5d1}\u{5d5}\u{5d9} \u{5d9}\u{5d5}\u{5de}\u{5d9}.txt", TEXT)),
];

fn called(s: &mut Setting, name: String) -> Step {
    s.name = name;
    first_backup(s)
}
