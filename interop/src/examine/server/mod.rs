//! The examination of a server: a scripted client on raw connections. Every byte of every response is read by the
//! judge; a case says what is asked of the server, and adds what no byte shows.

mod cases;
mod link;
mod message;
pub(crate) mod probe;
mod setting;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cell::{Step, Stop};
use crate::dialect::Dialect;
use crate::examine::case::About;
use crate::examine::finding;
use crate::examine::run::{Bench, Finished, went_no_further};
use crate::examine::server::link::Terms;
use crate::examine::server::probe::{Departure, Probed};
use crate::examine::subject::{Source, Subject};
use crate::judge;
use crate::message::Field;
use crate::oracle::Keyring;
use crate::record::{Ended, Recording, Side};
use crate::wire_log;

pub(crate) use cases::TABLE;
pub(crate) use setting::Setting;

/// How long one read may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// A probe tries much that no server answers: the part of the deadlines that it takes.
const PROBE: f64 = 0.1;
/// How long a case may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long the server may take to start and to stop.
const START: Duration = Duration::from_secs(20);

/// The server under examination, and all that cases share.
pub(crate) struct ServerBench {
    subject: Arc<Subject>,
    dialect: Arc<Dialect>,
    slow: f64,
    keep: bool,
    /// What a probe found out, if there was one.
    departures: Option<Arc<Vec<Departure>>>,
}

impl ServerBench {
    pub(crate) fn new(
        source: Arc<Source>,
        dialect: Arc<Dialect>,
        folder: PathBuf,
        slow: f64,
        keep: bool,
    ) -> Self {
        let subject = Subject::new(source, folder.join("server-output"), START.mul_f64(slow));
        Self {
            subject: Arc::new(subject),
            dialect,
            slow,
            keep,
            departures: None,
        }
    }

    /// The same server, examined in another dialect.
    fn speaking(&self, dialect: &Dialect) -> Self {
        Self {
            subject: Arc::clone(&self.subject),
            dialect: Arc::new(dialect.clone()),
            slow: self.slow * PROBE,
            keep: self.keep,
            departures: None,
        }
    }

    /// Whether the server runs again, in an empty folder, after it was not to be reached.
    fn starts_again(&self) -> bool {
        self.subject.renew() && self.subject.address().is_ok()
    }

    /// Examines the server in the dialect that a probe found.
    pub(crate) fn found(&mut self, probed: &Probed) {
        self.dialect = Arc::new(probed.dialect.clone());
        self.departures = Some(Arc::new(probed.departures.clone()));
    }

    /// Stops the server, and removes what it stored unless that is to be kept.
    pub(crate) fn close(&self) -> std::io::Result<()> {
        let work = self.subject.work();
        self.subject.stop();
        match work {
            Some(work) if !self.keep => remove(&work),
            _ => Ok(()),
        }
    }
}

impl Bench for ServerBench {
    type Setting = Setting;

    fn setting(&self, about: &About, folder: &Path) -> Step<Setting> {
        // Names are unique in the server's store, which may have seen other runs.
        let tag = format!("{:08x}", rand::random::<u32>());
        Ok(Setting {
            terms: Terms {
                dialect: Arc::clone(&self.dialect),
                order: setting::order(),
                patience: PATIENCE.mul_f64(self.slow),
                deadline: Instant::now() + DEADLINE.mul_f64(self.slow),
            },
            subject: Arc::clone(&self.subject),
            own: false,
            links: Vec::new(),
            keys: Keyring::default(),
            findings: Vec::new(),
            level: about.level,
            section: about.section,
            folder: folder.to_owned(),
            tag,
            steps: 0,
            departures: self.departures.clone(),
        })
    }

    fn finish(&self, setting: Setting, about: &About, stop: Option<Stop>) -> Finished {
        let mut recording = Recording::default();
        for link in setting.links {
            recording.connections.extend(link.finish());
        }
        let case = judge::Case {
            dialect: &self.dialect,
            recording: &recording,
            keys: &setting.keys,
            runs: &[],
        };
        let (mut judged, _) = judge::judge_server(&case);
        judged.sort_by_key(|finding| finding.order);
        let side = Side::Server;
        let events = judged
            .iter()
            .map(|found| finding::event_of(found, about.level, &self.dialect, &recording, side));
        let mut findings: Vec<_> = events.chain(setting.findings).collect();
        let unreachable = matches!(stop, Some(Stop::NotStarted(_)));
        // A process that ends resets its connections before it is gone.
        let cut_off = matches!(stop, Some(Stop::Failed))
            && recording.connections.iter().any(|connection| {
                let end = connection.responses.sent.end;
                end.is_some_and(|end| end.how == Ended::Reset)
            });
        if let Some(how) = setting.subject.take_crash(unreachable || cut_off) {
            let expected = "the server goes on running";
            findings.insert(
                0,
                finding::without_place(Field::Exit, about.level, about.section, expected, how),
            );
        }
        let mut finished = Finished {
            output: relative(&setting.folder, &setting.subject.output()),
            ..Finished::default()
        };
        if setting.own {
            setting.subject.stop();
            let work = setting.subject.work();
            if let Some(work) = work.filter(|_| !self.keep) {
                // A folder that cannot be removed is in nobody's way.
                let _ = remove(&work);
            }
        }
        if findings.is_empty() && matches!(stop, Some(Stop::Failed)) {
            findings.push(went_no_further(about));
        }
        let logs = wire_log::write(
            &setting.folder,
            |_| Arc::clone(&self.dialect),
            &recording,
            &judged,
        );
        let count = recording.connections.len();
        finished.wire_logs = (0..count)
            .map(|number| wire_log::file_name(number).into())
            .collect();
        finished.findings = findings;
        finished.stop = match logs {
            Ok(()) => stop,
            Err(error) => Some(Stop::Ours(format!("{}: {error}", setting.folder.display()))),
        };
        finished
    }

    fn renew(&self) -> bool {
        self.subject.renew()
    }
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Paths as seen from a folder; those elsewhere stay absolute.
fn relative(folder: &Path, paths: &[PathBuf]) -> Vec<PathBuf> {
    let from = |path: &PathBuf| match path.strip_prefix(folder) {
        Ok(path) => path.to_owned(),
        Err(_) => path.clone(),
    };
    paths.iter().map(from).collect()
}
