//! `files get` and `files export`: the restore that the wire lacks.
//!
//! A copy is written beside its place and moved there once digest and cksum are right, so that a damaged
//! one is never taken for the file, and a file that was there is whole until the new one is.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use backup_server::Shown;
use backup_server::store::operator::{Damage, Spoilt, VersionInfo};
use serde::Serialize;
use tempfile::NamedTempFile;

use super::{Done, VersionEntry, as_of, client, count, look, said, version_of};
use crate::args::{Export, GetFile};
use crate::exit::Exit;
use crate::output::{Failure, json, print, warn};

#[derive(Serialize)]
struct Got {
    file: VersionEntry,
    path: String,
}

pub(crate) fn get(args: &GetFile) -> Done {
    let operator = look(&args.chosen.store)?;
    let version = version_of(&operator, &args.chosen)?;
    if args.output.as_deref() == Some(Path::new("-")) {
        return to_stdout(args, &version);
    }
    let path = args
        .output
        .as_deref()
        .unwrap_or_else(|| Path::new(&version.path));
    write(&version, path, args.force)?;
    if version.verified.is_none() {
        warn("the client never said that this version is right");
    }
    if args.chosen.form.json {
        let path = path.display().to_string();
        json(&Got {
            file: (&version).into(),
            path,
        })?;
    } else {
        print(&format!(
            "{} bytes of {} are in {}\n",
            version.size,
            said(&version),
            path.display()
        ))?;
    }
    Ok(Exit::Done)
}

/// Reads it twice: what has gone down a pipe cannot be taken back.
fn to_stdout(args: &GetFile, version: &VersionInfo) -> Done {
    if args.chosen.form.json {
        let message = "--json and the content cannot share standard output";
        return Err(Failure::new(
            Exit::Usage,
            message,
            "name a file with --output",
        ));
    }
    version
        .verify()
        .map_err(|damage| damaged(version, &damage))?;
    let mut stdout = io::stdout().lock();
    match version.copy_to(&mut stdout) {
        Ok(()) => {}
        Err(Spoilt::Damage(damage)) => return Err(damaged(version, &damage)),
        Err(error) => {
            return Err(Failure::of(
                Exit::Failure,
                &error,
                "whoever reads it has stopped",
            ));
        }
    }
    stdout.flush()?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Exported {
    files: Vec<Got>,
    bytes: u64,
    failed: Vec<NotExported>,
}

#[derive(Serialize)]
struct NotExported {
    file: VersionEntry,
    message: String,
}

pub(crate) fn export(args: &Export) -> Done {
    let operator = look(&args.store)?;
    let client = client(&operator, args.client.as_deref())?;
    let mut exported = Exported {
        files: Vec::new(),
        bytes: 0,
        failed: Vec::new(),
    };
    let mut exit = Exit::Done;
    let mut done = HashSet::new();
    for version in operator.versions(client.as_ref(), None)? {
        // The first one of a file that fits is the one: the others are older.
        if done.contains(&(version.label.clone(), version.path.clone()))
            || as_of([version.clone()].into_iter(), args.at).is_none()
        {
            continue;
        }
        done.insert((version.label.clone(), version.path.clone()));
        let path = args.folder.join(&version.label).join(&version.path);
        match write(&version, &path, args.force) {
            Ok(()) => {
                exported.bytes += version.size;
                let path = path.display().to_string();
                exported.files.push(Got {
                    file: (&version).into(),
                    path,
                });
            }
            Err(failure) => {
                // The worst of it, so that a script notices.
                if exit != Exit::Damaged {
                    exit = failure.exit;
                }
                let message = failure.message;
                exported.failed.push(NotExported {
                    file: (&version).into(),
                    message,
                });
            }
        }
    }
    if args.form.json {
        json(&exported)?;
        return Ok(exit);
    }
    for NotExported { file, message } in &exported.failed {
        warn(&format!(
            "{} {} is not restored: {message}",
            Shown(&file.client),
            Shown(&file.name)
        ));
    }
    let files = count(exported.files.len() as u64, "file");
    print(&format!(
        "{files}, {} bytes, are in {}\n",
        exported.bytes,
        args.folder.display()
    ))?;
    Ok(exit)
}

/// Writes a copy to a file, which takes its place when it is right and durable.
fn write(version: &VersionInfo, path: &Path, force: bool) -> Result<(), Failure> {
    let cannot = |error: &io::Error| {
        let message = format!("cannot write {}", path.display());
        Failure::new(
            Exit::Failure,
            format!("{message}: {error}"),
            "choose another place with --output",
        )
    };
    let exists = || {
        let message = format!("{} exists", path.display());
        Failure::new(
            Exit::Failure,
            message,
            "add --force to write over it, or choose another place",
        )
    };
    if !force && fs::symlink_metadata(path).is_ok() {
        return Err(exists());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder).map_err(|error| cannot(&error))?;
    let mut copy = NamedTempFile::new_in(folder).map_err(|error| cannot(&error))?;
    match version.copy_to(&mut copy) {
        Ok(()) => {}
        Err(Spoilt::Damage(damage)) => return Err(damaged(version, &damage)),
        Err(Spoilt::Write(error)) => return Err(cannot(&error)),
        Err(error) => return Err(Failure::of(Exit::Failure, &error, "try again")),
    }
    copy.as_file().sync_all().map_err(|error| cannot(&error))?;
    let placed = match force {
        true => copy.persist(path),
        // Something may have come there in the meantime.
        false => copy.persist_noclobber(path),
    };
    match placed {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists()),
        Err(error) => Err(cannot(&error.error)),
    }
}

fn damaged(version: &VersionInfo, damage: &Damage) -> Failure {
    let message = format!("{}: {damage}", said(version));
    Failure::new(
        Exit::Damaged,
        message,
        "`files ls --all` lists other versions; `doctor` looks at the whole store",
    )
}
