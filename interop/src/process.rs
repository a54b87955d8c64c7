//! Programs under examination: started in a process group of their own, watched, and ended by their
//! ID. Nothing else is ever signalled.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) folder: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
    /// Where its output goes: this path with `.stdout` and `.stderr` behind it.
    pub(crate) output: PathBuf,
}

/// A started program. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    watched: Arc<Watched>,
}

#[derive(Debug)]
struct Watched {
    pid: Pid,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// It still has its ID: nobody else can be hit by a signal to it.
    has_pid: bool,
    ended: Option<ExitStatus>,
}

/// All programs that run now, for the moment of an interrupt.
static RUNNING: Mutex<Vec<Weak<Watched>>> = Mutex::new(Vec::new());
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Kills every program of the run, now and from now on.
pub(crate) fn interrupt() {
    INTERRUPTED.store(true, Ordering::SeqCst);
    for watched in lock(&RUNNING).iter().filter_map(Weak::upgrade) {
        watched.signal(Signal::KILL);
    }
}

/// Whether the run was interrupted.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

impl Process {
    /// Starts a program whose output nobody waits for.
    pub(crate) fn start(order: &Order) -> io::Result<Self> {
        let stdout = File::create(with_suffix(&order.output, "stdout"))?;
        Self::spawn(order, Stdio::from(stdout)).map(|(process, _)| process)
    }

    /// Starts a program and waits for the line of its stdout that begins with `ready`; returns what
    /// follows in that line.
    pub(crate) fn start_and_await(
        order: &Order,
        ready: &str,
        deadline: Instant,
    ) -> Result<(Self, String), StartError> {
        let log = with_suffix(&order.output, "stdout");
        let (process, child_stdout) = Self::spawn(order, Stdio::piped())?;
        let (send, receive) = mpsc::channel();
        let prefix = ready.to_owned();
        let mut log = File::options().create(true).append(true).open(log)?;
        let reader = child_stdout.ok_or_else(|| io::Error::other("no stdout"))?;
        thread::Builder::new()
            .name("output of a server".into())
            .spawn(move || {
                let mut reader = BufReader::new(reader);
                let mut line = Vec::new();
                loop {
                    line.clear();
                    // A line without an end is cut: no program can fill the memory.
                    match (&mut reader).take(64 * 1024).read_until(b'\n', &mut line) {
                        Ok(0) | Err(_) => return,
                        Ok(_) => {}
                    }
                    let _ = log.write_all(&line);
                    let text = String::from_utf8_lossy(&line);
                    if let Some(rest) = text.trim_end().strip_prefix(&prefix) {
                        let _ = send.send(rest.to_owned());
                    }
                }
            })?;
        let left = deadline.saturating_duration_since(Instant::now());
        match receive.recv_timeout(left) {
            Ok(rest) => Ok((process, rest)),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(StartError::Silent(ready.into())),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                let status = process.wait(Instant::now() + Duration::from_secs(5));
                Err(StartError::Ended(describe(status)))
            }
        }
    }

    fn spawn(
        order: &Order,
        stdout: Stdio,
    ) -> io::Result<(Self, Option<std::process::ChildStdout>)> {
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(with_suffix(&order.output, "stderr"))?;
        if interrupted() {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        let mut child = Command::new(&order.program)
            .args(&order.arguments)
            .current_dir(&order.folder)
            .envs(&order.environment)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .spawn()?;
        let stdout = child.stdout.take();
        let watched = Arc::new(Watched {
            pid: Pid::from_child(&child),
            state: Mutex::new(State {
                has_pid: true,
                ended: None,
            }),
            changed: Condvar::new(),
        });
        {
            let mut running = lock(&RUNNING);
            running.retain(|other| other.strong_count() > 0);
            running.push(Arc::downgrade(&watched));
        }
        if interrupted() {
            watched.signal(Signal::KILL);
        }
        let of_thread = Arc::clone(&watched);
        thread::Builder::new()
            .name("end of a program".into())
            .spawn(move || watch(&of_thread, child))?;
        Ok((Self { watched }, stdout))
    }

    /// Waits for its end; `None` if the deadline comes first.
    pub(crate) fn wait(&self, deadline: Instant) -> Option<ExitStatus> {
        let mut state = lock(&self.watched.state);
        while state.ended.is_none() {
            let left = deadline.checked_duration_since(Instant::now())?;
            state = self
                .watched
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.ended
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        lock(&self.watched.state).ended
    }

    /// Asks it to stop (SIGTERM).
    pub(crate) fn terminate(&self) {
        self.watched.signal(Signal::TERM);
    }

    /// Ends it and what it started (SIGKILL), and waits until it is gone.
    pub(crate) fn kill(&self) {
        self.watched.signal(Signal::KILL);
        self.wait(Instant::now() + Duration::from_secs(10));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Watched {
    /// Signals the process group, as long as its ID cannot belong to anyone else.
    fn signal(&self, signal: Signal) {
        let state = lock(&self.state);
        if state.has_pid {
            let _ = rustix::process::kill_process_group(self.pid, signal);
        }
    }
}

/// Waits for the end of a program, ends what it left behind in its group, and only then gives its ID
/// back to the system.
fn watch(watched: &Watched, mut child: Child) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) =
        rustix::process::waitid(WaitId::Pid(watched.pid), options)
    {}
    let mut state = lock(&watched.state);
    let _ = rustix::process::kill_process_group(watched.pid, Signal::KILL);
    state.has_pid = false;
    state.ended = Some(child.wait().unwrap_or_else(|_| ExitStatus::from_raw(-1)));
    drop(state);
    watched.changed.notify_all();
}

/// A server that did not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it printed no line that starts with '{0}' before the deadline")]
    Silent(String),
    #[error("it ended before it was ready: {0}")]
    Ended(String),
}

/// How a program ended, in words.
pub(crate) fn describe(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        None => "still running at the deadline".into(),
        Some((Some(code), _)) => format!("exit code {code}"),
        Some((None, Some(signal))) => format!("signal {signal}"),
        Some((None, None)) => "unknown end".into(),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(folder: &Path, script: &str) -> Order {
        Order {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: folder.to_owned(),
            environment: BTreeMap::new(),
            output: folder.join("program"),
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn waits_for_the_line_and_keeps_the_output() {
        let folder = tempfile::tempdir().expect("a folder");
        let order = order(
            folder.path(),
            "echo hello; echo listening on here; exec sleep 60",
        );
        let (process, rest) =
            Process::start_and_await(&order, "listening on ", soon()).expect("up");
        assert_eq!(rest, "here");
        assert!(process.ended().is_none());
        process.kill();
        assert_eq!(process.ended().and_then(|status| status.signal()), Some(9));
        let log = std::fs::read_to_string(folder.path().join("program.stdout")).expect("log");
        assert!(log.starts_with("hello\n"));
    }

    #[test]
    fn says_how_a_program_ended_that_never_got_ready() {
        let folder = tempfile::tempdir().expect("a folder");
        let order = order(folder.path(), "exit 7");
        let error = Process::start_and_await(&order, "listening on ", soon()).expect_err("ended");
        assert!(error.to_string().contains("exit code 7"), "{error}");
    }

    #[test]
    fn ends_what_a_program_left_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "sleep 60 & echo $! > child; exit 0";
        let process = Process::start(&order(folder.path(), script)).expect("started");
        assert!(process.wait(soon()).is_some_and(|status| status.success()));
        let child = std::fs::read_to_string(folder.path().join("child")).expect("a pid");
        let stat = PathBuf::from(format!("/proc/{}/stat", child.trim()));
        let deadline = soon();
        // Until init has taken the child in, it is there as a zombie.
        let gone = || match std::fs::read_to_string(&stat) {
            Ok(text) => text.contains(") Z "),
            Err(_) => true,
        };
        while !gone() {
            assert!(Instant::now() < deadline, "the child still runs");
            thread::yield_now();
        }
    }
}
