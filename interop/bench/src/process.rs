//! Starting programs, and what they used once they ended.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, Write as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use wait4::Wait4 as _;

/// What a process, with those that it waited for, used in its life.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// Seconds of processor time, in the program and in the system for it.
    pub(crate) cpu: f64,
    /// The most memory that it had at once, in KiB.
    pub(crate) rss: u64,
}

/// How long a service may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long the processes of a service may take to end after the last client.
const LINGER: Duration = Duration::from_secs(5);

/// Programs that run for us, by process group, so that none outlives this program.
struct Groups {
    running: Vec<Pid>,
    /// A signal came: nothing is started any more.
    interrupted: bool,
}

static GROUPS: Mutex<Groups> = Mutex::new(Groups {
    running: Vec::new(),
    interrupted: false,
});

fn groups() -> MutexGuard<'static, Groups> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a signal told us to end.
pub(crate) fn interrupted() -> bool {
    groups().interrupted
}

/// From now on a signal that ends this program ends first what runs for it. Whoever waits for that sees it fail,
/// so that everything is tidied up as after any failure.
pub(crate) fn end_with_us() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        for _ in signals.forever() {
            let mut groups = groups();
            groups.interrupted = true;
            for group in &groups.running {
                let _ = kill_process_group(*group, Signal::KILL);
            }
        }
    });
    Ok(())
}

/// A program that runs, in a process group of its own. Dropped, it is killed.
struct Running {
    child: Child,
    group: Pid,
    /// What it says on stderr, for when it fails.
    log: File,
    name: String,
}

impl Running {
    fn start(command: &mut Command) -> Result<Self> {
        let log = tempfile::tempfile()?;
        let name = command.get_program().to_string_lossy().into_owned();
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.try_clone()?);
        // A signal waits until the new one is among those that it ends.
        let mut groups = groups();
        ensure!(!groups.interrupted, "interrupted");
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let group = Pid::from_child(&child);
        groups.running.push(group);
        Ok(Self {
            child,
            group,
            log,
            name,
        })
    }

    /// Waits for its end, which must be a good one unless a signal of ours was the cause.
    fn wait(&mut self, told_to_end: bool) -> Result<Used> {
        // Not reaped yet: as long as it is among the running ones its number must not become another's.
        waitid(
            WaitId::Pid(self.group),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        )?;
        self.forget();
        let used = self.child.wait4()?;
        if !told_to_end && !used.status.success() {
            bail!("{}: {}\n{}", self.name, used.status, self.said());
        }
        Ok(Used {
            cpu: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
            rss: used.rusage.maxrss / 1024,
        })
    }

    fn said(&self) -> String {
        let mut said = Vec::new();
        let mut log = &self.log;
        let _ = log.rewind();
        let _ = log.read_to_end(&mut said);
        String::from_utf8_lossy(&said).into_owned()
    }

    fn has_children(&self) -> bool {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        children.is_ok_and(|children| !children.is_empty())
    }

    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }

    /// Whether it was among the running ones.
    fn forget(&self) -> bool {
        let mut groups = groups();
        let before = groups.running.len();
        groups.running.retain(|group| *group != self.group);
        groups.running.len() < before
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.forget() {
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// A program that serves.
pub(crate) struct Service(Running);

impl Service {
    /// Starts it, and waits until something listens on `port`.
    pub(crate) fn start(command: &mut Command, port: u16) -> Result<Self> {
        let service = Self(Running::start(command)?);
        let started = Instant::now();
        while !listens(port) {
            let ended = waitid(
                WaitId::Pid(service.0.group),
                WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG,
            )?;
            if ended.is_some() {
                bail!("{} ended: {}", service.0.name, service.0.said());
            }
            ensure!(started.elapsed() < PATIENCE, "the service does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Ok(service)
    }

    /// Ends it, if it does not end by itself, and says what it used.
    pub(crate) fn end(mut self, by_itself: bool) -> Result<Used> {
        if !by_itself {
            // What a child used counts once its parent has seen its end: rsync has one for each connection.
            let started = Instant::now();
            while self.0.has_children() && started.elapsed() < LINGER {
                thread::sleep(Duration::from_millis(1));
            }
            self.0.signal(Signal::TERM);
        }
        self.0.wait(!by_itself)
    }
}

/// Runs a client to its end.
pub(crate) fn client(command: &mut Command) -> Result<Used> {
    Running::start(command)?.wait(false)
}

/// Runs clients at once, to their ends.
pub(crate) fn clients(commands: &mut [Command]) -> Result<Vec<Used>> {
    let running: Result<Vec<_>> = commands.iter_mut().map(Running::start).collect();
    running?
        .iter_mut()
        .map(|running| running.wait(false))
        .collect()
}

/// Seconds that the processors have worked since the machine was started, for whomever.
pub(crate) fn worked() -> f64 {
    // cpu  user nice system idle iowait irq softirq steal ..., in hundredths of a second
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let all = text.lines().next().unwrap_or_default();
    let ticks = all
        .split_whitespace()
        .skip(1)
        .take(8)
        .enumerate()
        .filter(|(column, _)| !matches!(column, 3 | 4))
        .filter_map(|(_, ticks)| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Whether something listens on a port. Not by connecting: some contestants serve one connection.
fn listens(port: u16) -> bool {
    let port = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"].iter().any(|table| {
        let text = fs::read_to_string(table).unwrap_or_default();
        text.lines().any(|line| {
            let mut words = line.split_whitespace().skip(1);
            let local = words.next().is_some_and(|local| local.ends_with(&port));
            local && words.nth(1) == Some("0A")
        })
    })
}

/// A file that no compression makes smaller: the same in every run. Files with another `seed` have
/// nothing in common.
pub(crate) fn write_noise(path: &Path, size: u64, seed: u64) -> Result<()> {
    let mut file =
        File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1) | 1;
    let mut block = Vec::new();
    let mut left = size;
    while left > 0 {
        block.clear();
        let now = left.min(1 << 20) as usize;
        while block.len() < now {
            // xorshift64*
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            block.extend(state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
        }
        block.truncate(now);
        file.write_all(&block)?;
        left -= now as u64;
    }
    Ok(())
}
