//! A file system in memory that forgets at a power cut what was not synced.
//!
//! It promises as little as POSIX does. Each name of a folder that was not synced is there or not, as it
//! likes, the two halves of a move too; content that was not synced ends anywhere, and its end may be
//! garbage.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Files, Kind, NewFile, Step};

/// What is on a disk, and what would still be there after a power cut.
#[derive(Clone, Default)]
pub(in crate::store) struct Disk {
    folders: BTreeMap<PathBuf, Folder>,
    contents: Vec<Content>,
}

#[derive(Clone, Default)]
struct Folder {
    now: BTreeMap<String, Entry>,
    durable: BTreeMap<String, Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(usize),
    Folder,
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    /// Bytes of it that are durable.
    durable: usize,
}

impl Disk {
    /// What a power cut leaves: with seed 0 nothing that was not synced, with seed 1 everything.
    pub(in crate::store) fn after_power_cut(&self, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let lucky = |rng: &mut StdRng| match seed {
            0 => false,
            1 => true,
            _ => rng.random(),
        };
        let mut after = self.clone();
        for content in &mut after.contents {
            if !lucky(&mut rng) {
                let rest = content.bytes.len() - content.durable;
                let kept = if seed == 0 {
                    0
                } else {
                    rng.random_range(0..=rest)
                };
                content.bytes.truncate(content.durable + kept);
                let torn = kept.min(100);
                let end = content.bytes.len();
                content.bytes[end - torn..].fill(0);
            }
            content.durable = content.bytes.len();
        }
        for folder in after.folders.values_mut() {
            let names: Vec<String> = folder
                .now
                .keys()
                .chain(folder.durable.keys())
                .cloned()
                .collect();
            for name in names {
                let (new, old) = (
                    folder.now.get(&name).copied(),
                    folder.durable.get(&name).copied(),
                );
                match if lucky(&mut rng) { new } else { old } {
                    Some(entry) => folder.durable.insert(name, entry),
                    None => folder.durable.remove(&name),
                };
            }
            folder.now = folder.durable.clone();
        }
        after.forget_what_has_no_name();
        after
    }

    /// Folders whose own name is gone, and what was in them.
    fn forget_what_has_no_name(&mut self) {
        let paths: Vec<PathBuf> = self.folders.keys().cloned().collect();
        for path in paths {
            if let (Some(above), Some(name)) = (path.parent(), path.file_name()) {
                let name = name.to_string_lossy();
                let named = self
                    .folders
                    .get(above)
                    .is_some_and(|above| above.now.get(&*name) == Some(&Entry::Folder));
                if !named {
                    self.folders.remove(&path);
                }
            }
        }
    }

    pub(in crate::store) fn read(&self, path: &Path) -> Option<&[u8]> {
        match self.entry(path)? {
            Entry::File(number) => Some(&self.contents.get(number)?.bytes),
            Entry::Folder => None,
        }
    }

    /// Names of all files in a folder.
    pub(in crate::store) fn names(&self, folder: &Path) -> Vec<String> {
        let entries = self.folders.get(folder).map(|folder| &folder.now);
        let files = entries.into_iter().flatten();
        let files = files.filter(|(_, entry)| matches!(entry, Entry::File(_)));
        files.map(|(name, _)| name.clone()).collect()
    }

    fn entry(&self, path: &Path) -> Option<Entry> {
        let folder = self.folders.get(path.parent()?)?;
        folder.now.get(path.file_name()?.to_str()?).copied()
    }

    fn put(&mut self, path: &Path, entry: Option<Entry>) -> io::Result<()> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let folder = path.parent().and_then(|it| self.folders.get_mut(it));
        let name = path.file_name().and_then(|it| it.to_str());
        let (folder, name) = (folder.ok_or_else(missing)?, name.ok_or_else(missing)?);
        match entry {
            Some(entry) => folder.now.insert(name.to_owned(), entry),
            None => folder.now.remove(name),
        };
        Ok(())
    }
}

/// Sees the disk at each moment at which the power could be cut.
type Watcher = Box<dyn FnMut(&Disk) + Send>;

#[derive(Default)]
struct State {
    disk: Disk,
    watcher: Option<Watcher>,
    /// Operations so far.
    count: usize,
    /// The one that fails, and how.
    failing: Option<(usize, io::ErrorKind)>,
    without_links: bool,
}

/// Files of a data folder on a [`Disk`].
#[derive(Clone)]
pub(in crate::store) struct SimulatedFiles {
    root: PathBuf,
    state: Arc<Mutex<State>>,
}

impl SimulatedFiles {
    /// Paths below `root` are those of `disk`.
    pub(in crate::store) fn new(root: &Path, mut disk: Disk) -> Self {
        disk.folders.entry(PathBuf::new()).or_default();
        let state = State {
            disk,
            ..State::default()
        };
        Self {
            root: root.to_owned(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// `watcher` sees the disk before and after each operation.
    pub(in crate::store) fn watch(&self, watcher: impl FnMut(&Disk) + Send + 'static) {
        self.lock().watcher = Some(Box::new(watcher));
    }

    /// Operation `number` from now on fails, counted from 0.
    pub(in crate::store) fn fail(&self, number: usize, kind: io::ErrorKind) {
        let mut state = self.lock();
        state.failing = Some((state.count + number, kind));
    }

    /// No hard links, as on FAT.
    pub(in crate::store) fn without_links(self) -> Self {
        self.lock().without_links = true;
        self
    }

    /// Operations so far.
    pub(in crate::store) fn count(&self) -> usize {
        self.lock().count
    }

    pub(in crate::store) fn disk(&self) -> Disk {
        self.lock().disk.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under the lock")
    }

    fn relative(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root)
            .expect("all is in the data folder")
            .to_owned()
    }

    /// One operation: seen before and after, or failing.
    fn operate<T>(&self, work: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.lock();
        let number = state.count;
        state.count += 1;
        if let Some((failing, kind)) = state.failing
            && failing == number
        {
            return Err(kind.into());
        }
        state.show();
        let done = work(&mut state);
        state.show();
        done
    }
}

impl State {
    fn show(&mut self) {
        if let Some(watcher) = &mut self.watcher {
            watcher(&self.disk);
        }
    }
}

impl Files for SimulatedFiles {
    fn create_dirs(&self, path: &Path) -> io::Result<()> {
        let path = self.relative(path);
        self.operate(|state| {
            let mut above = PathBuf::new();
            for part in path.iter() {
                let path = above.join(part);
                if state.disk.entry(&path).is_none() {
                    state.disk.put(&path, Some(Entry::Folder))?;
                    state.disk.folders.insert(path.clone(), Folder::default());
                }
                above = path;
            }
            Ok(())
        })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let path = self.relative(path);
        let number = self.operate(|state| {
            if state.disk.entry(&path).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let number = state.disk.contents.len();
            state.disk.contents.push(Content::default());
            state.disk.put(&path, Some(Entry::File(number)))?;
            Ok(number)
        })?;
        let files = self.clone();
        Ok(Box::new(SimulatedFile { files, number }))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.relative(from), self.relative(to));
        self.operate(|state| {
            if state.without_links {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            let entry = state.disk.entry(&from).ok_or(io::ErrorKind::NotFound)?;
            if state.disk.entry(&to).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.disk.put(&to, Some(entry))
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.relative(from), self.relative(to));
        self.operate(|state| {
            let entry = state.disk.entry(&from).ok_or(io::ErrorKind::NotFound)?;
            if state.disk.entry(&to) == Some(entry) {
                return Ok(());
            }
            state.disk.put(&to, Some(entry))?;
            state.disk.put(&from, None)
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = self.relative(path);
        self.operate(|state| {
            state.disk.entry(&path).ok_or(io::ErrorKind::NotFound)?;
            state.disk.put(&path, None)
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let Ok(path) = path.strip_prefix(&self.root) else {
            return Ok(());
        };
        self.operate(|state| {
            let folder = state
                .disk
                .folders
                .get_mut(path)
                .ok_or(io::ErrorKind::NotFound)?;
            folder.durable = folder.now.clone();
            Ok(())
        })
    }

    fn kind(&self, path: &Path) -> io::Result<Kind> {
        Ok(match self.lock().disk.entry(&self.relative(path)) {
            None => Kind::Missing,
            Some(Entry::File(_)) => Kind::File,
            Some(Entry::Folder) => Kind::Folder,
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        Ok(self.lock().disk.names(&self.relative(path)))
    }

    fn is_empty(&self, path: &Path) -> io::Result<bool> {
        let state = self.lock();
        let folder = state.disk.folders.get(&self.relative(path));
        Ok(folder.is_none_or(|folder| folder.now.is_empty()))
    }

    fn step(&self, step: Step) -> io::Result<()> {
        match step {
            Step::Commit => self.operate(|_| Ok(())),
            Step::Committed => {
                self.lock().show();
                Ok(())
            }
        }
    }
}

struct SimulatedFile {
    files: SimulatedFiles,
    number: usize,
}

impl NewFile for SimulatedFile {
    fn sync(&self) -> io::Result<()> {
        self.files.operate(|state| {
            let content = &mut state.disk.contents[self.number];
            content.durable = content.bytes.len();
            Ok(())
        })
    }
}

impl Write for SimulatedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.files.operate(|state| {
            state.disk.contents[self.number].bytes.extend(bytes);
            Ok(bytes.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
