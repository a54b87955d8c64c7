//! Whether rows and files agree, and what can be done if they do not.

use std::collections::HashSet;
use std::error::Error as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::folder::{self, failed};
use super::{Damage, Operator, Result, VersionInfo};
use crate::platform;
use crate::store::rows::milliseconds;
use crate::store::seal::{self, Seal};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindingKind {
    /// The database contradicts itself.
    Database,
    /// The content of a version is missing.
    Missing,
    /// The content of a version is not what was stored.
    Damaged,
    /// A client's folder does not have the newest verified version under its name.
    Name,
    /// A file that belongs to nothing.
    NoRow,
    /// Others than the owner may look in.
    Permissions,
    /// The disk is nearly full.
    Space,
    /// The key file is missing, or not the one that the stored keys were sealed with.
    KeyFile,
    /// Nothing can be made durable, or no second name be given, here.
    FileSystem,
}

impl FindingKind {
    /// Its name in `--json`.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Name => "name",
            Self::NoRow => "no-row",
            Self::Permissions => "permissions",
            Self::Space => "space",
            Self::KeyFile => "key-file",
            Self::FileSystem => "file-system",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// Where.
    pub path: PathBuf,
    /// In words.
    pub detail: String,
    /// The version that it is about.
    pub version: Option<VersionInfo>,
    /// What `--repair` did about it.
    pub repaired: Option<String>,
}

/// What an examination is to do.
#[derive(Debug, Clone)]
pub struct Examination {
    /// Bytes that should be free.
    pub free_space: u64,
    /// Where the key file is; `seal.key` in the data folder if `None`.
    pub key_file: Option<PathBuf>,
    /// Move aside what is wrong. Nothing is ever deleted.
    pub repair: bool,
}

impl Examination {
    /// Looks at everything: the database, every row, every byte of content, every name, permissions, free space,
    /// and what the file system can do.
    ///
    /// # Errors
    ///
    /// [`OperatorError`](super::OperatorError) if it cannot go on; whatever is merely wrong is a finding.
    pub fn run(self, root: &Path) -> Result<Vec<Finding>> {
        let operator = if self.repair {
            Operator::change(root)?
        } else {
            Operator::look(root)?
        };
        let mut patient = Patient {
            operator,
            findings: Vec::new(),
            aside: self.repair.then(|| Aside::new(root)),
        };
        patient.database()?;
        patient.file_system(self.free_space);
        let key_file = seal::path(root, self.key_file.as_deref());
        patient.permissions(&key_file);
        patient.key_file(&key_file)?;
        patient.contents()?;
        patient.names()?;
        patient.leftovers()?;
        Ok(patient.findings)
    }
}

struct Patient {
    operator: Operator,
    findings: Vec<Finding>,
    aside: Option<Aside>,
}

impl Patient {
    fn found(&mut self, kind: FindingKind, path: impl Into<PathBuf>, detail: impl Into<String>) {
        self.findings.push(Finding {
            kind,
            path: path.into(),
            detail: detail.into(),
            version: None,
            repaired: None,
        });
    }

    fn database(&mut self) -> Result<()> {
        let rows = &self.operator.connection;
        let mut found = Vec::new();
        rows.pragma_query(None, "integrity_check", |row| {
            found.push(row.get::<_, String>(0)?);
            Ok(())
        })?;
        found.retain(|line| line != "ok");
        rows.pragma_query(None, "foreign_key_check", |row| {
            let table: String = row.get(0)?;
            found.push(format!("a row of {table} names one that is not there"));
            Ok(())
        })?;
        let path = self.operator.folder.root().join("backup.db");
        for line in found {
            self.found(FindingKind::Database, path.clone(), line);
        }
        Ok(())
    }

    /// Tries what the server needs, beside whatever is there.
    fn file_system(&mut self, wanted: u64) {
        let root = self.operator.folder.root().to_owned();
        if let Some(free) = self.operator.free_space().filter(|free| *free < wanted) {
            let detail = format!("{free} bytes are free, {wanted} are wanted");
            self.found(FindingKind::Space, root, detail);
        }
        let incoming = self.operator.folder.incoming();
        if let Err(error) = probe(&incoming) {
            let detail = format!("cannot make a file durable and give it a second name: {error}");
            self.found(FindingKind::FileSystem, incoming, detail);
        }
    }

    fn key_file(&mut self, path: &Path) -> Result<()> {
        let rows = &self.operator.connection;
        if !path.exists() && !seal::is_needed(rows)? {
            return Ok(());
        }
        let wrong = match Seal::read(path).map(|seal| seal.unopened(rows)) {
            Ok(unopened) => match unopened? {
                0 => return Ok(()),
                clients => format!(
                    "the keys of {clients} clients were sealed with another file; they exchange keys once more"
                ),
            },
            Err(error) => error.source().map_or_else(
                || error.to_string(),
                |source| format!("{error}: {source}; the server makes a new one"),
            ),
        };
        self.found(FindingKind::KeyFile, path, wrong);
        Ok(())
    }

    fn permissions(&mut self, key_file: &Path) {
        let folder = &self.operator.folder;
        // The folder itself may have been made by somebody else: what is in it is private all the same, as long as
        // nobody can put something in its place.
        let mut paths = vec![(folder.root().to_owned(), 0o022)];
        let private = [
            folder.root().join("backup.db"),
            key_file.to_owned(),
            folder.versions(),
            folder.clients(),
            folder.incoming(),
        ];
        paths.extend(private.map(|path| (path, 0o077)));
        for (path, unwanted) in paths {
            if let Ok(Some(mode)) = platform::mode_with(&path, unwanted) {
                let detail = format!("mode {mode:03o} lets others than the owner in");
                self.found(FindingKind::Permissions, path, detail);
            }
        }
    }

    fn contents(&mut self) -> Result<()> {
        for version in self.operator.versions(None, None)? {
            let Err(damage) = version.verify() else {
                continue;
            };
            // It was removed, or its client dropped it, since we looked.
            if !self.operator.has_row(&version)? {
                continue;
            }
            let kind = match damage {
                Damage::Missing => FindingKind::Missing,
                _ => FindingKind::Damaged,
            };
            let repaired = match &mut self.aside {
                Some(aside) => Some(aside.version(&mut self.operator, &version, &damage)?),
                None => None,
            };
            self.findings.push(Finding {
                kind,
                path: version.content.clone(),
                detail: damage.to_string(),
                version: Some(version),
                repaired,
            });
        }
        Ok(())
    }

    fn names(&mut self) -> Result<()> {
        let versions = self.operator.versions(None, None)?;
        // A name that is due is the server's to give.
        let newest = versions
            .into_iter()
            .filter(|version| version.newest && version.settled);
        for version in newest {
            let path = self.operator.folder.name(&version.label, &version.path);
            if !version.content.exists() || platform::is_same_file(&version.content, &path) {
                continue;
            }
            let is_still_newest =
                |now: VersionInfo| now.version == version.version && now.newest && now.settled;
            let now = self.operator.versions(None, Some(&version.name))?;
            if !now.into_iter().any(is_still_newest) {
                continue;
            }
            let detail = if path.exists() {
                "what has the name is not the newest verified version"
            } else {
                "the newest verified version does not have its name"
            };
            let repaired = match &mut self.aside {
                Some(aside) => {
                    let moved = aside.file(&path)?;
                    self.operator
                        .folder
                        .show(&version.stored_as, &version.label, &version.path)?;
                    Some(format!("{moved}named the newest verified version"))
                }
                None => None,
            };
            self.findings.push(Finding {
                kind: FindingKind::Name,
                path,
                detail: detail.to_owned(),
                version: Some(version),
                repaired,
            });
        }
        Ok(())
    }

    /// Files without a row. Folders first, rows second: what is stored in between has one.
    fn leftovers(&mut self) -> Result<()> {
        let folder = &self.operator.folder;
        let mut found = files(&folder.versions())?;
        for client in folders(&folder.clients())? {
            found.extend(files(&client)?);
        }
        // On its way, and perhaps without a row for a moment.
        let incoming: HashSet<_> = files(&folder.incoming())?
            .into_iter()
            .filter_map(|path| Some(path.file_name()?.to_owned()))
            .collect();
        let mut known = HashSet::new();
        for version in self.operator.versions(None, None)? {
            known.insert(folder.name(&version.label, &version.path));
            known.insert(version.content);
        }
        // The server removes it in a moment, or with its next start.
        let rows = &self.operator.connection;
        let mut removed = rows.prepare("SELECT stored_as FROM removed")?;
        for stored_as in removed.query_map([], |row| row.get::<_, String>(0))? {
            known.insert(folder.content(&stored_as?));
        }
        found.retain(|path| {
            !known.contains(path) && !path.file_name().is_some_and(|name| incoming.contains(name))
        });
        for path in found {
            let repaired = match &mut self.aside {
                Some(aside) => Some(aside.file(&path)?),
                None => None,
            };
            self.findings.push(Finding {
                kind: FindingKind::NoRow,
                path,
                detail: "no version has this content or this name".to_owned(),
                version: None,
                repaired,
            });
        }
        Ok(())
    }
}

/// A folder for what is wrong, made when it is first needed.
struct Aside {
    root: PathBuf,
    folder: PathBuf,
}

impl Aside {
    fn new(root: &Path) -> Self {
        let now = SystemTime::now().max(SystemTime::UNIX_EPOCH);
        // No colons: they are not for every file system.
        let now = humantime::format_rfc3339_seconds(now)
            .to_string()
            .replace(':', "");
        // Nothing may come over what was moved there by another run.
        let mut folder = root.join("aside").join(&now);
        let mut number = 1;
        while folder.exists() {
            number += 1;
            folder = root.join("aside").join(format!("{now}-{number}"));
        }
        Self {
            root: root.to_owned(),
            folder,
        }
    }

    /// Moves a file to the same place below our folder, if it is there. What was done, for a sentence.
    fn file(&mut self, path: &Path) -> Result<String> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(String::new());
        }
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        let to = self.folder.join(below);
        if let Some(above) = to.parent() {
            platform::create_private_dir_all(above).map_err(failed("create", above))?;
        }
        fs::rename(path, &to).map_err(failed("move aside", path))?;
        for above in [path.parent(), to.parent()].into_iter().flatten() {
            folder::sync(above)?;
        }
        Ok(format!("moved to {}; ", to.display()))
    }

    /// Moves a version: its row to a file of lines of JSON, its content beside that.
    fn version(
        &mut self,
        operator: &mut Operator,
        version: &VersionInfo,
        damage: &Damage,
    ) -> Result<String> {
        platform::create_private_dir_all(&self.folder).map_err(failed("create", &self.folder))?;
        let path = self.folder.join("rows.jsonl");
        let line = serde_json::json!({
            "client": version.client,
            "label": version.label,
            "name": version.name,
            "version": version.version.0,
            "stored_as": version.stored_as,
            "size": version.size,
            "cksum": version.cksum,
            "received": milliseconds(version.received),
            "verified": version.verified.map(milliseconds),
            "damage": damage.to_string(),
        });
        // The row first: it is in one of two places at any moment.
        let written = fs::OpenOptions::new().append(true).create(true).open(&path);
        let written = written.and_then(|mut rows| {
            writeln!(rows, "{line}")?;
            rows.sync_all()
        });
        written.map_err(failed("write", &path))?;
        folder::sync(&self.folder)?;
        operator.take_for_good(version)?;
        let moved = self.file(&version.content)?;
        Ok(format!("{moved}its row is in {}", path.display()))
    }
}

/// Writes, syncs and links a file, as the server does, and takes it away again.
fn probe(folder: &Path) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(b"backup-server doctor")?;
    file.as_file().sync_all()?;
    let second = file.path().with_extension("probe");
    fs::hard_link(file.path(), &second)?;
    platform::sync_dir(folder)?;
    fs::remove_file(&second)?;
    File::open(file.path()).map(drop)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    entries(folder, |kind| !kind.is_dir())
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    entries(folder, fs::FileType::is_dir)
}

fn entries(folder: &Path, wanted: impl Fn(&fs::FileType) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let read = match fs::read_dir(folder) {
        // Its client's last file went in the meantime.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        read => read.map_err(failed("read", folder))?,
    };
    for entry in read {
        let entry = entry.map_err(failed("read", folder))?;
        let kind = entry
            .file_type()
            .map_err(failed("look at", &entry.path()))?;
        if wanted(&kind) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}
