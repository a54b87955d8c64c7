//! The server under examination: a program that is started here, or one that runs already.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cell::{Step, Stop};

mod launch;

pub(crate) use launch::{CommandLine, PeerFile};

/// Starts a server in a folder.
pub(crate) trait Launch: Send + Sync {
    /// Starts it and waits until it accepts connections. `output` is where its output goes, without `.stdout` and
    /// `.stderr`.
    fn launch(
        &self,
        work: &Path,
        output: &Path,
        deadline: Instant,
    ) -> Result<Box<dyn Launched>, String>;
}

/// A server that was started.
pub(crate) trait Launched: Send {
    fn address(&self) -> SocketAddr;
    /// Asks it to stop; whether it did.
    fn stop(&self, deadline: Instant) -> bool;
    fn kill(&self);
    /// How it ended, if it has.
    fn ended(&self) -> Option<String>;
    /// The same, once it has or at the deadline.
    fn ends_by(&self, deadline: Instant) -> Option<String>;
    /// Waits, to the deadline at most, until it has noticed what its clients did. Of another process nobody can tell.
    fn settles_by(&self, _deadline: Instant) {}
}

/// Where the server comes from.
pub(crate) enum Source {
    /// It runs already, and nobody here can stop it.
    Address(SocketAddr),
    Program(Box<dyn Launch>),
}

/// One server with one work folder.
pub(crate) struct Subject {
    source: Arc<Source>,
    folder: PathBuf,
    /// To start, and to stop.
    patience: Duration,
    state: Mutex<State>,
    starts: AtomicUsize,
}

struct State {
    work: PathBuf,
    running: Option<Box<dyn Launched>>,
    /// How it ended by itself, if it did.
    crash: Option<String>,
}

impl Subject {
    /// A server that keeps everything below this folder.
    pub(crate) fn new(source: Arc<Source>, folder: PathBuf, patience: Duration) -> Self {
        Self {
            source,
            state: Mutex::new(State {
                work: folder.join("work"),
                running: None,
                crash: None,
            }),
            folder,
            patience,
            starts: AtomicUsize::new(0),
        }
    }

    /// Another one of the same program, in a folder of its own; `None` where it cannot be started here.
    pub(crate) fn another(&self, folder: PathBuf) -> Option<Self> {
        matches!(*self.source, Source::Program(_))
            .then(|| Self::new(Arc::clone(&self.source), folder, self.patience))
    }

    /// Where it listens. Starts it if it does not run.
    pub(crate) fn address(&self) -> Step<SocketAddr> {
        let launch = match &*self.source {
            Source::Address(address) => return Ok(*address),
            Source::Program(launch) => launch,
        };
        let mut state = self.lock();
        if let Some(running) = &state.running {
            match running.ended() {
                None => return Ok(running.address()),
                crash => state.crash = crash,
            }
        }
        let ours =
            |error: std::io::Error| Stop::Ours(format!("{}: {error}", self.folder.display()));
        std::fs::create_dir_all(&state.work).map_err(ours)?;
        let number = self.starts.fetch_add(1, Ordering::SeqCst) + 1;
        let output = self.folder.join(format!("server-{number}"));
        let deadline = Instant::now() + self.patience;
        let running = launch
            .launch(&state.work, &output, deadline)
            .map_err(Stop::NotStarted)?;
        let address = running.address();
        state.running = Some(running);
        Ok(address)
    }

    /// How it ended, if it did without being asked to. Asking makes it forgotten. One that cannot be reached any more
    /// is about to end, which its connections show before its process does: `unreachable` waits for that.
    pub(crate) fn take_crash(&self, unreachable: bool) -> Option<String> {
        const ABOUT_TO_END: Duration = Duration::from_secs(2);
        let mut state = self.lock();
        let deadline = Instant::now() + ABOUT_TO_END;
        let now = state.running.as_ref().and_then(|running| {
            running.settles_by(deadline);
            match unreachable {
                true => running.ends_by(deadline),
                false => running.ended(),
            }
        });
        if now.is_some() {
            state.running = None;
        }
        state.crash.take().or(now)
    }

    /// Stops it (SIGTERM), if it runs; whether it did stop.
    pub(crate) fn stop(&self) -> bool {
        let running = self.lock().running.take();
        let Some(running) = running else { return true };
        let stopped = running.stop(Instant::now() + self.patience);
        if !stopped {
            running.kill();
        }
        stopped
    }

    /// Kills it (SIGKILL), if it runs.
    pub(crate) fn kill(&self) {
        if let Some(running) = self.lock().running.take() {
            running.kill();
        }
    }

    /// Kills it, so that it begins again in an empty folder; `false` where it was not started here.
    pub(crate) fn renew(&self) -> bool {
        if matches!(*self.source, Source::Address(_)) {
            return false;
        }
        self.kill();
        let number = self.starts.load(Ordering::SeqCst) + 1;
        self.lock().work = self.folder.join(format!("work-{number}"));
        true
    }

    /// The folder below which it keeps its files, where that is known.
    pub(crate) fn work(&self) -> Option<PathBuf> {
        match &*self.source {
            Source::Address(_) => None,
            Source::Program(_) => Some(self.lock().work.clone()),
        }
    }

    /// What it printed since the start before the last, by which a case that ended it began: two files a start, without
    /// those that are empty.
    pub(crate) fn output(&self) -> Vec<PathBuf> {
        let starts = self.starts.load(Ordering::SeqCst);
        let files = (starts.saturating_sub(1)..=starts).flat_map(|number| {
            ["stdout", "stderr"].map(|end| self.folder.join(format!("server-{number}.{end}")))
        });
        let printed = |path: &PathBuf| path.metadata().is_ok_and(|found| found.len() > 0);
        files.filter(printed).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A free port on the loopback interface, for a program that has to be told one.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Whether somebody accepts connections there.
fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}
