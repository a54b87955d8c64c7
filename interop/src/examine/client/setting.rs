//! What a client's case works on: a fresh folder, a played server, and the client's runs in it.

mod expect;
mod run;

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cell::{Step, Stop};
use crate::dialect::Dialect;
use crate::examine::case::About;
use crate::examine::client::book::{Given, Plain};
use crate::examine::client::cases;
use crate::examine::client::host::{Asked, Host};
use crate::examine::client::program::Program;
use crate::examine::client::reply::Reply;
use crate::examine::event::CaseLevel;
use crate::frame::Id;
use crate::info_file::InfoFile;
use crate::judge::{self, Finding, Level, Run};
use crate::message::Field;
use crate::oracle::{KeyPair, Keyring};
use crate::peer::Ability;
use crate::record::Recording;

pub(super) use expect::Outcome;
use run::Ended;

/// How long the server waits in the middle of a request, and for what a client owes without being asked.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a case may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// The same where a case moves the largest file.
pub(super) const LONG: u32 = 10;

/// What all cases of an examination share.
pub(crate) struct Examination {
    pub(crate) program: Program,
    pub(crate) dialect: Arc<Dialect>,
    /// Multiplies every deadline.
    pub(crate) slow: f64,
    /// Cases that move the largest file are run too.
    pub(crate) slow_cases: bool,
    /// What the sanity case found wrong: message and field. Every run shows it again, and a case that is
    /// about another thing does not tell of it.
    pub(crate) known: Mutex<HashSet<(String, Field)>>,
}

/// Which findings of the judge belong to a case.
#[derive(Clone, Copy)]
pub(super) enum Focus {
    /// All that the sanity case did not show.
    New,
    /// These, whatever the sanity case showed.
    Only(fn(&Finding) -> bool),
    /// Those that no case is about, in the run that shows what is always wrong.
    Sanity,
    /// None: the case is about the course, and what it is told cannot be judged by the bytes.
    Course,
}

/// A file that the client is given.
#[derive(Debug, Clone)]
pub(crate) struct TestFile {
    pub(super) name: String,
    path: PathBuf,
}

/// What a case works on.
pub(crate) struct Setting {
    examination: Arc<Examination>,
    level: Level,
    folder: PathBuf,
    /// The working folder of the present client, below `folder/work`.
    work: PathBuf,
    /// Number of the present client.
    client: usize,
    identity: PathBuf,
    host: Host,
    deadline: Instant,
    pub(super) name: String,
    focus: Focus,
    planted: Option<Id>,
    runs: Vec<Run>,
    keys: Keyring,
    findings: Vec<Finding>,
    last: Option<Ended>,
    /// What it looks like where the case's own expectation fails.
    cause: Option<&'static str>,
    /// How the lines of `transfer.info` end, and what follows the last one.
    ends: (&'static str, &'static str),
}

impl Setting {
    /// A fresh setting in this folder.
    pub(crate) fn new(examination: &Arc<Examination>, about: &About, folder: &Path) -> Step<Self> {
        let work = folder.join("work/1");
        ours(&work, fs::create_dir_all(&work))?;
        let work = ours(&work, fs::canonicalize(&work))?;
        let slow = examination.slow;
        let host = Host::start(&examination.dialect, PATIENCE.mul_f64(slow))
            .map_err(|error| Stop::Ours(format!("no port: {error}")))?;
        Ok(Self {
            level: match about.level {
                CaseLevel::Must => Level::Must,
                CaseLevel::Should | CaseLevel::May => Level::Should,
            },
            folder: folder.to_owned(),
            identity: examination.program.identity(&work, &[Ability::Dialect]),
            work,
            client: 0,
            host,
            deadline: Instant::now() + DEADLINE.mul_f64(slow),
            name: "alice".into(),
            focus: Focus::New,
            planted: None,
            runs: Vec::new(),
            keys: Keyring::default(),
            findings: Vec::new(),
            last: None,
            cause: None,
            ends: ("\n", "\n"),
            examination: Arc::clone(examination),
        })
    }

    pub(super) fn dialect(&self) -> &Arc<Dialect> {
        &self.examination.dialect
    }

    pub(super) fn look_at(&mut self, focus: Focus) {
        self.focus = focus;
    }

    /// Leaves the case out where the client cannot be asked for this.
    pub(super) fn needs(&self, ability: Ability) -> Step {
        match self.examination.program.has(ability, &self.dialect().name) {
            true => Ok(()),
            false => Err(Stop::Skip(format!(
                "the client is not known to have the ability '{}'",
                ability.slug()
            ))),
        }
    }

    /// Leaves the case out unless slow cases are asked for, and gives it time.
    pub(super) fn is_slow(&mut self) -> Step {
        if !self.examination.slow_cases {
            let reason = "it moves 4 GiB: --slow-cases runs it";
            return Err(Stop::Skip(reason.into()));
        }
        self.deadline += (DEADLINE * LONG).mul_f64(self.examination.slow);
        Ok(())
    }

    /// What the case makes of the server's answers from now on.
    pub(super) fn script(&mut self, script: impl FnMut(&Asked, &mut Reply) + Send + 'static) {
        self.host.state().script = Some(Box::new(script));
    }

    /// The server makes AES keys of so many bytes.
    pub(super) fn aes_keys_of(&mut self, size: usize) {
        self.host.state().book.key_size = size;
    }

    /// The name is held by somebody else.
    pub(super) fn name_is_taken(&mut self) {
        self.host
            .state()
            .book
            .knows(rand::random(), &self.name, None);
    }

    /// The server has lost its clients, or all but their names.
    pub(super) fn server_forgets(&mut self, names_too: bool) {
        let mut state = self.host.state();
        match names_too {
            true => state.book.forget(),
            false => state.book.forget_ids(),
        }
    }

    /// From now on it is about another new client, in a folder of its own.
    pub(super) fn begin_anew(&mut self) -> Step {
        self.client += 1;
        self.name = format!("alice-{}", self.client);
        self.planted = None;
        self.work = self.folder.join(format!("work/{}", self.client + 1));
        ours(&self.work, fs::create_dir_all(&self.work))?;
        self.work = ours(&self.work, fs::canonicalize(&self.work))?;
        Ok(())
    }

    /// The server refuses a file whose request is larger than this by its header, and resets the connection.
    pub(super) fn refuse_large_files(&mut self, most: usize) {
        self.host.state().most = most;
    }

    /// What a failure of this case's own expectation looks like.
    pub(super) fn would_look_like(&mut self, cause: &'static str) {
        self.cause = Some(cause);
    }

    /// How the lines of `transfer.info` end, and what follows the last one.
    pub(super) fn transfer_info_ends(&mut self, end: &'static str, last: &'static str) {
        self.ends = (end, last);
    }

    /// A file of a few lines of text, which nothing is special about.
    pub(super) fn text(&mut self) -> Step<TestFile> {
        self.file("notes.txt", TEXT)
    }

    pub(super) fn file(&mut self, name: &str, content: &[u8]) -> Step<TestFile> {
        let path = self.work.join(name);
        ours(&path, fs::write(&path, content))?;
        Ok(self.given(name, path, Plain::Bytes(content.to_vec())))
    }

    /// A file of zeros that takes no room.
    pub(super) fn zeros(&mut self, name: &str, size: u64) -> Step<TestFile> {
        let path = self.work.join(name);
        let file = ours(&path, File::create(&path))?;
        ours(&path, file.set_len(size))?;
        Ok(self.given(name, path, Plain::Zeros(size)))
    }

    /// A name under which there is no file.
    pub(super) fn missing(&self, name: &str) -> TestFile {
        TestFile {
            name: name.into(),
            path: self.work.join(name),
        }
    }

    fn given(&self, name: &str, path: PathBuf, plain: Plain) -> TestFile {
        self.host.state().book.give(Given {
            name: name.as_bytes().to_vec(),
            plain,
        });
        TestFile {
            name: name.into(),
            path,
        }
    }

    /// A client that registered before: its info file, as `write` writes it, for a run with this ability.
    pub(super) fn plant(
        &mut self,
        ability: Ability,
        write: impl FnOnce(&InfoFile, &Path) -> Result<(), String>,
    ) -> Step {
        let mut id: Id = rand::random();
        if let Some(first) = id.first_mut() {
            *first |= 1;
        }
        let keys = KeyPair::generate().map_err(Stop::Ours)?;
        let folder = self.examination.program.identity(&self.work, &[ability]);
        ours(&folder, fs::create_dir_all(&folder))?;
        let info = InfoFile {
            name: self.name.clone(),
            id: Some(id),
            keys,
        };
        write(&info, &folder).map_err(Stop::Ours)?;
        let public = info.keys.public_der();
        self.host.state().book.knows(id, &self.name, Some(public));
        self.keys.add(info.keys);
        self.planted = Some(id);
        Ok(())
    }

    /// The identity that the client keeps, and the path of its info file.
    pub(super) fn kept(&self) -> Result<(InfoFile, PathBuf), String> {
        let info = InfoFile::read(&self.identity)?;
        let path = InfoFile::find(&self.identity).ok_or("there is no me.info")?;
        Ok((info, path))
    }

    /// The client ID that the server gave.
    pub(super) fn given_id(&self) -> Option<Id> {
        self.host.state().book.id_of(&self.name)
    }

    /// The case's folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Judges what passed. A fault of the played server is the examiner's.
    pub(super) fn finish(mut self) -> (Vec<Finding>, Recording, Step) {
        let settled = self.host.settle(self.deadline);
        let recording = self.host.take_recording();
        let mut keys = self.host.state().book.keys.clone();
        keys.join(self.keys.clone());
        let judged = match self.focus {
            Focus::Course => Vec::new(),
            _ => judge::of_client(&judge::Case {
                dialect: &self.examination.dialect,
                recording: &recording,
                keys: &keys,
                runs: &self.runs,
            }),
        };
        let mut findings = self.in_focus(judged);
        let missed = !self.findings.is_empty();
        findings.append(&mut self.findings);
        // What the case expects did not come about: the first thing that shows it is told with the cause.
        if let Some(first) = findings.first_mut().filter(|_| missed) {
            let cause = self.cause.map(str::to_owned);
            first.cause = first.cause.take().or(cause);
        }
        (findings, recording, settled)
    }

    fn in_focus(&self, findings: Vec<Finding>) -> Vec<Finding> {
        let known = &self.examination.known;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |finding: &Finding| {
            let place = finding.place.as_ref();
            (
                place.map(|place| place.title.clone()).unwrap_or_default(),
                finding.field,
            )
        };
        if matches!(self.focus, Focus::Sanity) {
            known.extend(findings.iter().map(key));
        }
        let belongs = |finding: &Finding| match self.focus {
            Focus::New => !known.contains(&key(finding)) && !cases::is_of_identity(finding),
            Focus::Only(is_it) => is_it(finding),
            Focus::Sanity => !cases::is_claimed(finding),
            Focus::Course => false,
        };
        findings.into_iter().filter(belongs).collect()
    }
}

/// Plain text without a carriage return, of a size that no buffer has.
pub(super) const TEXT: &[u8] = b"A backup is not one until it was restored.\n\
    This file has a few lines of text, and nothing is special about it.\n\
    The examiner sends it where a case is about something else.\n";

fn ours<T>(path: &Path, result: std::io::Result<T>) -> Step<T> {
    result.map_err(|error| Stop::Ours(format!("{}: {error}", path.display())))
}
