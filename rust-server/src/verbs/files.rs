//! `files`: what was sent. Restoring is next door.

use backup_server::Shown;
use backup_server::store::operator::VersionInfo;
use serde::Serialize;

use super::{
    Done, VersionEntry, change, client, count, look, restore, said, time, version_of, versions_of,
};
use crate::args::{Files, ListFiles, Pin, RemoveFile, Selection};
use crate::exit::Exit;
use crate::output::{Failure, json, print, table};

pub(crate) fn run(verb: &Files) -> Done {
    match verb {
        Files::Ls(args) => list(args),
        Files::Get(args) => restore::get(args),
        Files::Export(args) => restore::export(args),
        Files::Verify(args) => verify(args),
        Files::Pin(args) => pin(args),
        Files::Rm(args) => remove(args),
    }
}

#[derive(Serialize)]
struct Listed {
    files: Vec<VersionEntry>,
}

fn selected(selection: &Selection) -> Result<Vec<VersionInfo>, Failure> {
    let operator = look(&selection.store)?;
    let client = client(&operator, selection.client.as_deref())?;
    let versions = operator.versions(client.as_ref(), selection.name.as_deref())?;
    if let (true, Some(name)) = (versions.is_empty(), &selection.name) {
        let message = format!("there is no file {name:?}");
        return Err(Failure::new(
            Exit::NotFound,
            message,
            "`files ls` lists all",
        ));
    }
    Ok(versions)
}

fn list(args: &ListFiles) -> Done {
    let mut versions = selected(&args.selection)?;
    versions.retain(|version| args.all || version.newest);
    if args.selection.form.json {
        let files = versions.iter().map(VersionEntry::from).collect();
        json(&Listed { files })?;
        return Ok(Exit::Done);
    }
    let titles = [
        "CLIENT", "NAME", "VERSION", "SIZE", "CKSUM", "RECEIVED", "STATE",
    ];
    let row = |version: &VersionInfo| {
        let state = match (version.verified, version.newest) {
            (None, _) => "waiting",
            (_, true) => "newest",
            _ => "older",
        };
        let pinned = if version.pinned.is_some() {
            ", pinned"
        } else {
            ""
        };
        [
            Shown(&version.client).to_string(),
            Shown(&version.name).to_string(),
            version.version.0.to_string(),
            version.size.to_string(),
            version.cksum.to_string(),
            time(version.received),
            format!("{state}{pinned}"),
        ]
    };
    print(&table(titles, versions.iter().map(row)))?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Verified {
    checked: u64,
    damaged: Vec<DamagedEntry>,
}

#[derive(Serialize)]
struct DamagedEntry {
    #[serde(flatten)]
    version: VersionEntry,
    path: String,
    damage: String,
}

fn verify(args: &Selection) -> Done {
    let versions = selected(args)?;
    let damaged = |version: &VersionInfo| {
        let damage = version.verify().err()?;
        Some(DamagedEntry {
            version: version.into(),
            path: version.content.display().to_string(),
            damage: damage.to_string(),
        })
    };
    let damaged: Vec<_> = versions.iter().filter_map(damaged).collect();
    let exit = if damaged.is_empty() {
        Exit::Done
    } else {
        Exit::Damaged
    };
    let checked = versions.len() as u64;
    if args.form.json {
        json(&Verified { checked, damaged })?;
        return Ok(exit);
    }
    for DamagedEntry {
        version,
        path,
        damage,
    } in &damaged
    {
        let (client, name) = (Shown(&version.client), Shown(&version.name));
        print(&format!(
            "{client} {name}, version {}: {damage} ({path})\n",
            version.version
        ))?;
    }
    print(&format!(
        "{} checked, {} damaged\n",
        count(checked, "version"),
        damaged.len()
    ))?;
    Ok(exit)
}

#[derive(Serialize)]
struct Changed {
    changed: usize,
    versions: Vec<VersionEntry>,
}

fn pin(args: &Pin) -> Done {
    let mut operator = change(&args.chosen.store)?;
    let version = version_of(&operator, &args.chosen)?;
    let changed = operator.pin(std::slice::from_ref(&version), !args.off)?;
    if args.chosen.form.json {
        let entry = VersionEntry {
            pinned: !args.off,
            ..VersionEntry::from(&version)
        };
        json(&Changed {
            changed,
            versions: vec![entry],
        })?;
    } else {
        let not = if args.off { "not " } else { "" };
        print(&format!("{} is {not}pinned\n", said(&version)))?;
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Removed {
    removed: Vec<VersionEntry>,
    bytes: u64,
}

fn remove(args: &RemoveFile) -> Done {
    let mut operator = change(&args.chosen.store)?;
    let versions = match args.all {
        true => versions_of(&operator, &args.chosen)?,
        false => vec![version_of(&operator, &args.chosen)?],
    };
    if let Some(pinned) = versions
        .iter()
        .find(|version| version.pinned.is_some() && !args.force)
    {
        let message = format!("{} is pinned", said(pinned));
        return Err(Failure::new(
            Exit::Failure,
            message,
            "add --force, or take the pin back with `files pin --off`",
        ));
    }
    let removed = operator.remove(&versions)?;
    if args.chosen.form.json {
        let entries = versions.iter().map(VersionEntry::from).collect();
        json(&Removed {
            removed: entries,
            bytes: removed.bytes,
        })?;
    } else {
        print(
            &versions
                .iter()
                .map(|version| format!("{} is removed\n", said(version)))
                .collect::<String>(),
        )?;
    }
    Ok(Exit::Done)
}
