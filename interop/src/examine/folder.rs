//! The folder of a run: `run.jsonl`, and a folder for each case with its wire logs.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::examine::event::Event;
use crate::examine::run::Sink;

/// The name of the event stream in the folder.
pub(crate) const EVENTS: &str = "run.jsonl";

/// Makes the folder of a run: the one that was told, else a new one below `target/interop` of the tree above the
/// working folder, else below the system's folder for temporary files.
pub(crate) fn make(told: Option<&Path>, role: &str) -> io::Result<PathBuf> {
    let folder = match told {
        Some(told) => told.to_owned(),
        None => {
            let working = std::env::current_dir()?;
            let mut above = working.ancestors().map(|folder| folder.join("target"));
            let base = above
                .find(|target| target.join("CACHEDIR.TAG").is_file())
                .map_or_else(std::env::temp_dir, |target| target.join("interop"));
            let name = format!("{role}-{}-{}", seconds_since_1970(), std::process::id());
            base.join(name)
        }
    };
    fs::create_dir_all(&folder)?;
    fs::canonicalize(folder)
}

/// Saves every event in the folder, one a line, as it happens.
pub(crate) fn save_events(folder: &Path) -> io::Result<Sink<'static>> {
    let mut file = BufWriter::new(File::create(folder.join(EVENTS))?);
    Ok(Box::new(move |event: &Event| {
        serde_json::to_writer(&mut file, event)?;
        file.write_all(b"\n")?;
        file.flush()
    }))
}

/// The folder of a case, below that of its run.
pub(crate) fn of_case(id: &str) -> PathBuf {
    id.split('/').collect()
}

pub(crate) fn seconds_since_1970() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}
