//! The files that a client is set up by, in the forms that programs of the family write (PROTOCOL.md 8).

use std::fs;
use std::path::Path;

use crate::cell::Step;
use crate::examine::case::Case;
use crate::examine::client::cases::{always, case};
use crate::examine::client::setting::{Outcome, Setting};
use crate::info_file::InfoFile;
use crate::message::{Field, Kind};
use crate::peer::Ability;

pub(super) const CASES: &[Case<Setting>] = &[
    case!("set-up/transfer-info-crlf", "8", Must, always,
        does "ends the lines of transfer.info in CRLF",
        expects "the client backs up the file",
        |s| set_up(s, "\r\n", "\r\n")),
    case!("set-up/transfer-info-without-end", "8", Must, always,
        does "ends transfer.info without a line end",
        expects "the client backs up the file",
        |s| set_up(s, "\n", "")),
    case!("set-up/me-info", "8.3", Must, always,
        does "writes a me.info with the key on one line, and knows the client",
        expects "the client goes on under that identity",
        |s| known(s, InfoFile::write_plain)),
    case!("set-up/me-info-wrapped", "8.3", Must, always,
        does "writes a me.info with the key wrapped over many lines",
        expects "the client goes on under that identity",
        |s| known(s, |info, folder| info.write_as(folder, "me.info", "\n", 64))),
    case!("set-up/me-info-crlf", "8", Must, always,
        does "writes a me.info with lines that end in CRLF",
        expects "the client goes on under that identity",
        |s| known(s, |info, folder| info.write_as(folder, "me.info", "\r\n", usize::MAX))),
    case!("set-up/me-info-other-name", "8.3", Must, always,
        does "writes the info file under the name Me.info",
        expects "the client goes on under that identity",
        |s| known(s, |info, folder| info.write_as(folder, "Me.info", "\n", usize::MAX))),
    case!("set-up/priv-key", "8.4", May, always,
        does "writes a me.info without a key, and the key into priv.key",
        expects "the client goes on under that identity",
        |s| known(s, key_apart)),
];

fn set_up(s: &mut Setting, end: &'static str, last: &'static str) -> Step {
    s.transfer_info_ends(end, last);
    let file = s.text()?;
    s.send_with(&[&file], &[Ability::SetUpFiles])?;
    s.expect_course(&super::FIRST, "8")?;
    s.expect_exit(Outcome::Done)
}

/// A client that is known by the info file that is written for it.
fn known(s: &mut Setting, write: impl FnOnce(&InfoFile, &Path) -> Result<(), String>) -> Step {
    s.needs(Ability::SetUpFiles)?;
    s.plant(Ability::SetUpFiles, write)?;
    let file = s.text()?;
    s.send_with(&[&file], &[Ability::SetUpFiles])?;
    let course = s.course();
    // To register first, and to go on under the stored ID, is a habit (3.1), and another case's.
    if course.ends_with(&[Kind::SendFile, Kind::CksumRight]) {
        return Ok(());
    }
    let due = "a backup under the identity of the info file";
    let got = match course.first() {
        Some(Kind::Register) => "the client registers as a new one",
        _ => "none",
    };
    Err(s.fail(Field::MeInfo, due, got, "8.3"))
}

fn key_apart(info: &InfoFile, folder: &Path) -> Result<(), String> {
    info.write_plain(folder)?;
    let path = folder.join("me.info");
    let text = fs::read_to_string(&path).map_err(|e| e.to_string())?;
    let mut lines = text.lines();
    let first: Vec<_> = lines.by_ref().take(2).collect();
    let key: String = lines.collect();
    fs::write(&path, format!("{}\n", first.join("\n"))).map_err(|e| e.to_string())?;
    fs::write(folder.join("priv.key"), format!("{key}\n")).map_err(|e| e.to_string())
}
