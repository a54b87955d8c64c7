//! A power cut at each moment, and an error of each operation, on a simulated disk.

use std::sync::{Arc, Mutex};

use super::files::{Disk, SimulatedFiles};
use super::model::{Clients, Model};
use super::*;

/// How often each power cut is tried: with nothing left of what was not synced, with all of it, and with
/// what chance leaves.
fn seeds() -> u64 {
    let seeds = std::env::var("SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok());
    seeds.unwrap_or(3)
}

/// Disk, database and clients at the moment of a power cut.
struct Wreck {
    disk: Disk,
    database: Vec<(&'static str, Vec<u8>)>,
    model: Model,
}

fn open(
    root: &Path,
    files: &SimulatedFiles,
    durability: Durability,
) -> Result<DiskStore, StoreError> {
    let options = StoreOptions {
        durability,
        ..StoreOptions::default()
    };
    DiskStore::open_on(root, &options, Arc::new(files.clone()))
}

/// In memory where the system has such a folder: the database is synced often.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
    .expect("a temporary folder")
}

/// What SQLite has on disk at this moment: between its own operations that is all it has written, since
/// it syncs each commit.
fn database(root: &Path) -> Vec<(&'static str, Vec<u8>)> {
    ["backup.db", "backup.db-wal"]
        .into_iter()
        .filter_map(|name| Some((name, fs::read(root.join(name)).ok()?)))
        .collect()
}

// The figures are for whoever runs the campaign.
#[allow(clippy::print_stdout)]
#[tokio::test]
async fn a_power_cut_at_any_moment_loses_nothing_that_was_answered() {
    let root = folder();
    let root = root.path().to_owned();
    let files = SimulatedFiles::new(&root, Disk::default());
    let store = open(&root, &files, Durability::Full).expect("a store");
    register(&store, ALICE, "alice").await;
    register(&store, BOB, "bob").await;

    let mut clients = Clients::new();
    let wrecks = Arc::new(Mutex::new(Vec::new()));
    let (seen, model, watched) = (
        Arc::clone(&wrecks),
        Arc::clone(&clients.model),
        root.clone(),
    );
    files.watch(move |disk| {
        seen.lock().expect("no panic").push(Wreck {
            disk: disk.clone(),
            database: database(&watched),
            model: model.lock().expect("no panic").clone(),
        });
    });
    clients.first_day(&store).await;
    // What is left to be settled is settled.
    drop(store);
    let store = open(&root, &files, Durability::Full).expect("a store");
    clients.second_day(&store).await;
    drop(store);

    files.watch(|_| {});
    let wrecks = std::mem::take(&mut *wrecks.lock().expect("no panic"));
    assert!(wrecks.len() > 200, "{} moments", wrecks.len());
    let last = wrecks.last().expect("a moment");
    assert_eq!(
        (last.model.told_received(), last.model.told_verified()),
        (10, 5)
    );
    for (moment, wreck) in wrecks.iter().enumerate() {
        for seed in 0..seeds() {
            wreck.restart(&format!("moment {moment}, seed {seed}"), seed);
        }
    }
    println!(
        "power cuts: {} moments, {} restarts, {} verified versions at the end, lost 0, mixed 0",
        wrecks.len(),
        wrecks.len() as u64 * seeds(),
        last.model.told_verified()
    );
}

impl Wreck {
    fn restart(&self, when: &str, seed: u64) {
        let root = folder();
        for (name, bytes) in &self.database {
            fs::write(root.path().join(name), bytes).expect("written");
        }
        let files = SimulatedFiles::new(root.path(), self.disk.after_power_cut(seed));
        let store = open(root.path(), &files, Durability::Full);
        drop(store.unwrap_or_else(|error| panic!("{when}: {error}")));
        let database = root.path().join("backup.db");
        self.model.compare(&database, &files.disk(), when);
        // And the one after it: nothing was left half done.
        let files = SimulatedFiles::new(root.path(), files.disk().after_power_cut(0));
        drop(open(root.path(), &files, Durability::Full).expect("a store"));
        self.model
            .compare(&database, &files.disk(), &format!("{when}, and again"));
    }
}

#[tokio::test]
async fn an_error_of_any_operation_loses_nothing_and_the_store_goes_on() {
    let whole = with_error(usize::MAX, io::ErrorKind::Other).await;
    assert!(whole > 100, "{whole} operations");
    for number in 0..whole {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            with_error(number, kind).await;
        }
    }
}

/// Lets one operation fail; how many there were.
async fn with_error(number: usize, kind: io::ErrorKind) -> usize {
    let root = folder();
    let files = SimulatedFiles::new(root.path(), Disk::default());
    let store = open(root.path(), &files, Durability::Full).expect("a store");
    register(&store, ALICE, "alice").await;
    register(&store, BOB, "bob").await;
    let before = files.count();
    if number < usize::MAX {
        files.fail(number, kind);
    }
    let mut clients = Clients::new();
    clients.first_day(&store).await;
    clients.second_day(&store).await;
    let count = files.count() - before;
    // It goes on: the next one is received and verified.
    let after = clients.send(&store, ALICE, "after").await;
    assert!(
        clients.right(&store, ALICE, after).await,
        "operation {number}: {kind}"
    );
    drop(store);
    drop(open(root.path(), &files, Durability::Full).expect("a store"));
    let model = clients.model.lock().expect("no panic").clone();
    let when = format!("operation {number}: {kind}");
    let left = model.compare(&root.path().join("backup.db"), &files.disk(), &when);
    assert_eq!(left, 0, "{when}: content without a row");
    count
}

/// What relaxed promises: the same as long as the power stays.
#[tokio::test]
async fn relaxed_durability_syncs_nothing_and_keeps_everything_over_a_kill() {
    let root = folder();
    let files = SimulatedFiles::new(root.path(), Disk::default());
    let store = open(root.path(), &files, Durability::Relaxed).expect("a store");
    register(&store, ALICE, "alice").await;
    register(&store, BOB, "bob").await;
    let mut clients = Clients::new();
    clients.first_day(&store).await;
    clients.second_day(&store).await;
    drop(store);
    let lost = files.disk().after_power_cut(0);
    assert_eq!(
        lost.names(Path::new("versions")),
        [""; 0],
        "something was synced"
    );
    drop(open(root.path(), &files, Durability::Relaxed).expect("a store"));
    let model = clients.model.lock().expect("no panic").clone();
    model.compare(
        &root.path().join("backup.db"),
        &files.disk(),
        "after a kill",
    );
}

#[tokio::test]
async fn a_file_system_without_hard_links_is_found_out_at_start() {
    let root = folder();
    let files = SimulatedFiles::new(root.path(), Disk::default()).without_links();
    let Err(StoreError::Io { doing, .. }) = open(root.path(), &files, Durability::Full) else {
        panic!("opened")
    };
    assert_eq!(doing, "make a hard link");
    assert_eq!(files.disk().names(Path::new("incoming")), [""; 0]);
}
