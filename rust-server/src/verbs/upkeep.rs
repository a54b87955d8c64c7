//! `prune`, `stats`, `doctor` and `backup-copy`: looking after a store.

use std::time::SystemTime;

use backup_server::store::operator::{Examination, Finding, Retention, Verdict, VersionInfo};
use bytesize::ByteSize;
use serde::Serialize;

use super::{Done, VersionEntry, change, client, count, look, said};
use crate::args::{BackupCopy, Doctor, Listing, Prune};
use crate::exit::Exit;
use crate::output::{Failure, json, print};

#[derive(Serialize)]
struct Pruned {
    dry_run: bool,
    removed: Vec<VersionEntry>,
    bytes: u64,
    kept: u64,
}

pub(crate) fn prune(args: &Prune) -> Done {
    let retention = Retention {
        last: args.keep_last,
        within: args.keep_within,
        unverified_for: args.unverified_older,
    };
    if retention == Retention::default() {
        let advice = "say what to keep with --keep-last or --keep-within, or what to remove with --unverified-older";
        return Err(Failure::new(
            Exit::Usage,
            "without a rule there is nothing to prune",
            advice,
        ));
    }
    let mut operator = change(&args.store)?;
    let client = client(&operator, args.client.as_deref())?;
    let versions = operator.versions(client.as_ref(), None)?;
    let verdicts = retention.judge(&versions, SystemTime::now());
    let total = versions.len();
    let goes = versions
        .into_iter()
        .zip(verdicts)
        .filter(|(_, verdict)| *verdict == Verdict::Remove);
    let goes: Vec<VersionInfo> = goes.map(|(version, _)| version).collect();
    let bytes = match args.dry_run {
        true => goes.iter().map(|version| version.size).sum(),
        false => operator.remove(&goes)?.bytes,
    };
    let kept = (total - goes.len()) as u64;
    if args.form.json {
        json(&Pruned {
            dry_run: args.dry_run,
            removed: goes.iter().map(VersionEntry::from).collect(),
            bytes,
            kept,
        })?;
        return Ok(Exit::Done);
    }
    let would = if args.dry_run { "would be" } else { "is" };
    let mut text: String = goes
        .iter()
        .map(|version| format!("{} {would} removed\n", said(version)))
        .collect();
    let removed = count(goes.len() as u64, "version");
    let dry = if args.dry_run { "would be " } else { "" };
    text.push_str(&format!(
        "{removed}, {}, {dry}removed, {kept} kept\n",
        ByteSize(bytes)
    ));
    print(&text)?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Stats {
    clients: u64,
    disabled: u64,
    files: u64,
    versions: u64,
    waiting: u64,
    pinned: u64,
    newest_bytes: u64,
    bytes: u64,
    free_bytes: Option<u64>,
}

pub(crate) fn stats(args: &Listing) -> Done {
    let operator = look(&args.store)?;
    let totals = operator.totals()?;
    let free = operator.free_space();
    if args.form.json {
        json(&Stats {
            clients: totals.clients,
            disabled: totals.disabled,
            files: totals.files,
            versions: totals.versions,
            waiting: totals.waiting,
            pinned: totals.pinned,
            newest_bytes: totals.newest_bytes,
            bytes: totals.bytes,
            free_bytes: free,
        })?;
        return Ok(Exit::Done);
    }
    let size = |bytes| ByteSize(bytes).to_string();
    let lines = [
        (
            "clients",
            format!("{}, {} disabled", totals.clients, totals.disabled),
        ),
        (
            "files",
            format!("{}, {}", totals.files, size(totals.newest_bytes)),
        ),
        (
            "versions",
            format!(
                "{} verified, {} pinned, {} waiting",
                totals.versions, totals.pinned, totals.waiting
            ),
        ),
        ("size", size(totals.bytes)),
        ("free", free.map_or_else(|| "not known".to_owned(), size)),
    ];
    print(
        &lines
            .map(|(key, value)| format!("{key:<9} {value}\n"))
            .concat(),
    )?;
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Examined {
    findings: Vec<FindingEntry>,
}

#[derive(Serialize)]
struct FindingEntry {
    kind: &'static str,
    path: String,
    detail: String,
    file: Option<VersionEntry>,
    repaired: Option<String>,
}

pub(crate) fn doctor(args: &Doctor) -> Done {
    let examination = Examination {
        free_space: args.want_free.as_u64(),
        key_file: args.key_file.clone(),
        repair: args.repair,
    };
    let findings = examination.run(&args.store.data)?;
    let exit = if findings.is_empty() {
        Exit::Done
    } else {
        Exit::Damaged
    };
    if args.form.json {
        let entry = |finding: &Finding| FindingEntry {
            kind: finding.kind.slug(),
            path: finding.path.display().to_string(),
            detail: finding.detail.clone(),
            file: finding.version.as_ref().map(VersionEntry::from),
            repaired: finding.repaired.clone(),
        };
        json(&Examined {
            findings: findings.iter().map(entry).collect(),
        })?;
        return Ok(exit);
    }
    let mut text = String::new();
    for finding in &findings {
        let (kind, path, detail) = (finding.kind.slug(), finding.path.display(), &finding.detail);
        text.push_str(&format!("{kind}: {detail}\n  {path}\n"));
        if let Some(version) = &finding.version {
            text.push_str(&format!("  {}\n", said(version)));
        }
        if let Some(repaired) = &finding.repaired {
            text.push_str(&format!("  {repaired}\n"));
        }
    }
    match findings.len() as u64 {
        0 => text.push_str("nothing is wrong\n"),
        number => text.push_str(&format!("{} wrong\n", count(number, "thing"))),
    }
    print(&text)?;
    Ok(exit)
}

#[derive(Serialize)]
struct CopiedEntry {
    folder: String,
    versions: u64,
    bytes: u64,
    gone: u64,
    damaged: Vec<DamagedEntry>,
}

#[derive(Serialize)]
struct DamagedEntry {
    file: VersionEntry,
    damage: String,
}

pub(crate) fn backup_copy(args: &BackupCopy) -> Done {
    let operator = look(&args.store)?;
    if std::fs::symlink_metadata(&args.folder).is_ok() {
        let message = format!("{} exists", args.folder.display());
        return Err(Failure::new(
            Exit::Failure,
            message,
            "name a folder that is not there",
        ));
    }
    let copied = operator.copy(&args.folder)?;
    let exit = if copied.damaged.is_empty() {
        Exit::Done
    } else {
        Exit::Damaged
    };
    let folder = args.folder.display().to_string();
    if args.form.json {
        let damaged = copied.damaged.iter().map(|(version, damage)| DamagedEntry {
            file: version.into(),
            damage: damage.to_string(),
        });
        json(&CopiedEntry {
            folder,
            versions: copied.versions,
            bytes: copied.bytes,
            gone: copied.gone,
            damaged: damaged.collect(),
        })?;
        return Ok(exit);
    }
    let damaged = copied.damaged.iter();
    let mut text: String = damaged
        .map(|(version, damage)| format!("{}: {damage}\n", said(version)))
        .collect();
    let versions = count(copied.versions, "version");
    text.push_str(&format!(
        "{versions}, {}, are in {folder}\n",
        ByteSize(copied.bytes)
    ));
    print(&text)?;
    Ok(exit)
}
