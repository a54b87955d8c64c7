//! The examination of a client: the examiner plays its server, answers rightly or as a case wants it, and reads every
//! byte that the client sends.
//!
//! | module | what it knows |
//! |---|---|
//! | `program` | how the client is started, and where it finds its files |
//! | `host`, `line` | the played server: its port, and each of its connections |
//! | `book`, `reply`, `large` | its right answers, what a case makes of them, and a file that no memory holds |
//! | `setting` | the folder, the runs and the expectations of one case |
//! | `cases` | the table |
//!
//! A mistake that the client makes in every run would fail every case. So the first case looks what is always
//! wrong; the cases of the chapter `fields` tell of it, one for each part of a message, and all others tell
//! only of what is new.

mod book;
mod cases;
mod host;
mod large;
mod line;
mod program;
mod reply;
mod setting;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cell::{Step, Stop};
use crate::examine::case::About;
use crate::examine::finding;
use crate::examine::run::{Bench, Finished, went_no_further};
use crate::record::Side;
use crate::wire_log;

pub(crate) use cases::TABLE;
pub(crate) use program::{Beside, Command, Program};
pub(crate) use setting::{Examination, Setting};

/// The client under examination, and all that cases share.
pub(crate) struct ClientBench {
    pub(crate) examination: Arc<Examination>,
    /// Working folders stay.
    pub(crate) keep: bool,
}

impl Bench for ClientBench {
    type Setting = Setting;

    fn setting(&self, about: &About, folder: &Path) -> Step<Setting> {
        Setting::new(&self.examination, about, folder)
    }

    fn finish(&self, setting: Setting, about: &About, stop: Option<Stop>) -> Finished {
        let folder = setting.folder().to_owned();
        let dialect = Arc::clone(&self.examination.dialect);
        let (found, recording, settled) = setting.finish();
        let stop = settled.err().or(stop);
        let side = Side::Client;
        let events = found.iter();
        let mut findings: Vec<_> = events
            .map(|found| finding::event_of(found, about.level, &dialect, &recording, side))
            .collect();
        if findings.is_empty() && matches!(stop, Some(Stop::Failed)) {
            findings.push(went_no_further(about));
        }
        let logs = wire_log::write(&folder, |_| Arc::clone(&dialect), &recording, &found);
        let cleared = match self.keep {
            true => Ok(()),
            false => std::fs::remove_dir_all(folder.join("work")),
        };
        let connections = 0..recording.connections.len();
        Finished {
            findings,
            wire_logs: connections
                .map(|number| wire_log::file_name(number).into())
                .collect(),
            output: output(&folder),
            stop: match logs.and(cleared) {
                Ok(()) => stop,
                Err(error) => Some(Stop::Ours(format!("{}: {error}", folder.display()))),
            },
        }
    }

    fn renew(&self) -> bool {
        // Every run is a new process in a new folder.
        true
    }
}

/// What the client printed, in the case's folder.
fn output(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| PathBuf::from(entry.file_name()))
        .filter(|name| {
            let end = name.extension();
            end.is_some_and(|end| end == "stdout" || end == "stderr")
        })
        .collect();
    files.sort();
    files
}
