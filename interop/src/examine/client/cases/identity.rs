//! What a client keeps between runs, and how it goes on with it (PROTOCOL.md 4.5, 8.3, 10.4).

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::cell::Step;
use crate::dialect::Dialect;
use crate::examine::case::Case;
use crate::examine::client::cases::{
    FIRST, always, case, first_backup, has_no_reconnect, reconnects,
};
use crate::examine::client::setting::{Focus, Outcome, Setting};
use crate::message::{Field, Kind};
use crate::peer::Ability;

pub(super) const CASES: &[Case<Setting>] = &[
    case!("identity/kept", "8.3", Must, always,
    does "looks into the client's info file after its first backup",
    expects "its name, the client ID of the 2100, and the private key of the public key that it sent",
    |s| {
        s.look_at(Focus::Only(super::is_of_identity));
        first_backup(s)?;
        kept(s)
    }),
    case!("identity/secret", "8.3", Should, always,
    does "looks at the mode of the client's info file after its first backup",
    expects "mode 0600: nobody else can read the private key",
    |s| {
        first_backup(s)?;
        let mode = s
            .kept()
            .ok()
            .and_then(|(_, path)| fs::metadata(path).ok())
            .map(|data| data.permissions().mode() & 0o777);
        match mode {
            Some(mode) if mode & 0o077 != 0 => {
                let got = format!("mode {mode:04o}");
                Err(s.fail(Field::MeInfo, "mode 0600: it holds a secret", &got, "8.3"))
            }
            // Whether there is one is another case's.
            _ => Ok(()),
        }
    }),
    case!("identity/second-run", "4.5", Must, always,
    does "runs the client twice in one folder",
    expects "the second run backs its file up under the client ID of the first",
    |s| {
        // How it begins is another case's.
        s.look_at(Focus::Course);
        second_run(s)?;
        if s.course().ends_with(&[Kind::SendFile, Kind::CksumRight]) {
            return Ok(());
        }
        s.expect_course(&again(s.dialect()), "4.5")
    }),
    case!("identity/does-not-register-again", "4.5", Should, has_no_reconnect,
    does "runs the client twice in one folder",
    expects "the second run begins with the key exchange",
    |s| {
        second_run(s)?;
        s.expect_course(&again(s.dialect()), "4.5")
    }),
    case!("identity/reconnects", "10.4", Must, reconnects,
    does "runs the client twice in one folder",
    expects "the second run begins with a reconnect",
    |s| {
        second_run(s)?;
        s.expect_course(&again(s.dialect()), "10.4")
    }),
    case!("identity/new-pair-after-refusal", "10.4", Must, reconnects,
    does "has lost its clients before the second run of a client, and refuses the reconnect",
    expects "the client registers anew with a new key pair",
    |s| {
        s.needs(Ability::KnownClient)?;
        first_backup(s)?;
        s.server_forgets(true);
        second_of(s)?;
        let mut course = vec![Kind::Reconnect];
        course.extend(FIRST);
        s.expect_course(&course, "10.4")
    }),
    case!("identity/stays-until-there-is-another", "10.4", Must, reconnects,
    does "refuses a reconnect, and the registration that follows",
    expects "the client still has its old identity: the operator may bring it back",
    |s| {
        s.needs(Ability::KnownClient)?;
        first_backup(s)?;
        let Ok((before, _)) = s.kept() else {
            return Ok(());
        };
        s.server_forgets(false);
        second_of(s)?;
        s.expect_none_of(&[Kind::SendFile], "2.9")?;
        match s.kept() {
            Ok((after, _)) if after.id == before.id => Ok(()),
            Ok(_) => Err(s.fail(Field::MeInfo, "the old client ID", "another one", "10.4")),
            Err(reason) => Err(s.fail(Field::MeInfo, "the old identity", &reason, "10.4")),
        }
    }),
    case!("identity/new-key-for-each-file", "4.4", Should, always,
    does "lets the client send two files in one run",
    expects "a key exchange before the second file",
    |s| {
        let first = s.text()?;
        let second = s.file("second.txt", b"another file\n")?;
        s.send_with(&[&first, &second], &[Ability::ManyFiles])
    }),
];

fn again(dialect: &Dialect) -> Vec<Kind> {
    let begin = match dialect.reconnects() {
        true => Kind::Reconnect,
        false => Kind::SendPublicKey,
    };
    vec![begin, Kind::SendFile, Kind::CksumRight]
}

fn second_run(s: &mut Setting) -> Step {
    s.needs(Ability::KnownClient)?;
    first_backup(s)?;
    second_of(s)?;
    s.expect_exit(Outcome::Done)
}

fn second_of(s: &mut Setting) -> Step {
    let second = s.file("second.txt", b"another file\n")?;
    s.send_with(&[&second], &[Ability::KnownClient])
}

/// The info file against what the server gave.
fn kept(s: &mut Setting) -> Step {
    let info = match s.kept() {
        Ok((info, _)) => info,
        Err(reason) => {
            let due = "me.info with the client's name, ID and private key";
            return Err(s.fail(Field::MeInfo, due, &reason, "8.3"));
        }
    };
    if info.name != s.name {
        let (due, got) = (format!("the name {:?}", s.name), format!("{:?}", info.name));
        return Err(s.fail(Field::MeInfo, &due, &got, "8.3"));
    }
    if info.id.is_none() || info.id != s.given_id() {
        return Err(s.fail(
            Field::MeInfo,
            "the client ID of the 2100",
            "another one",
            "8.3",
        ));
    }
    Ok(())
}
