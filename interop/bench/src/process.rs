//! Starting programs, and what they used once they ended.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use wait4::Wait4 as _;

/// What a process, with those that it waited for, used in its life.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    /// Seconds of processor time, in the program and in the system for it.
    pub(crate) cpu: f64,
    /// The most memory that it had at once, in KiB.
    pub(crate) rss: u64,
}

/// A program that serves, in a process group of its own.
pub(crate) struct Service(Child);

/// How long a service may take to listen, and a client to do its work.
const PATIENCE: Duration = Duration::from_secs(600);

impl Service {
    /// Starts it, and waits until something listens on `port`.
    pub(crate) fn start(command: &mut Command, port: u16) -> Result<Self> {
        use std::os::unix::process::CommandExt as _;
        let mut service = Self(quiet(command).process_group(0).spawn()?);
        let started = Instant::now();
        while !listens(port)? {
            if let Some(status) = service.0.try_wait()? {
                bail!("the service ended, {status}");
            }
            ensure!(started.elapsed() < PATIENCE, "the service does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(service)
    }

    /// Ends it, if it does not end by itself, and says what it used.
    pub(crate) fn end(mut self, by_itself: bool) -> Result<Used> {
        if !by_itself {
            self.signal(Signal::TERM);
        }
        wait(&mut self.0)
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // After a failure; one that ended is not there any more, and its number not yet another's.
        if matches!(self.0.try_wait(), Ok(None)) {
            self.signal(Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// Runs a client to its end.
pub(crate) fn client(command: &mut Command) -> Result<(Duration, Used)> {
    let started = Instant::now();
    let mut child = quiet(command).spawn()?;
    let used = child.wait4()?;
    let wall = started.elapsed();
    ensure!(used.status.success(), "{command:?}: {}", used.status);
    Ok((wall, used_of(&used.rusage)))
}

/// Runs clients at once, to their ends.
pub(crate) fn clients(commands: &mut [Command]) -> Result<Vec<Used>> {
    let mut children = Vec::new();
    for command in commands {
        children.push(quiet(command).spawn()?);
    }
    let mut all = Vec::new();
    for mut child in children {
        let used = child.wait4()?;
        ensure!(used.status.success(), "a client: {}", used.status);
        all.push(used_of(&used.rusage));
    }
    Ok(all)
}

fn wait(child: &mut Child) -> Result<Used> {
    Ok(used_of(&child.wait4()?.rusage))
}

fn used_of(usage: &wait4::ResourceUsage) -> Used {
    Used {
        cpu: (usage.utime + usage.stime).as_secs_f64(),
        rss: usage.maxrss / 1024,
    }
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Whether something listens on a port. Not by connecting: some contestants serve one connection.
fn listens(port: u16) -> Result<bool> {
    let port = format!(":{port:04X}");
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(table).unwrap_or_default();
        let found = text.lines().any(|line| {
            let mut words = line.split_whitespace().skip(1);
            let local = words.next().is_some_and(|local| local.ends_with(&port));
            local && words.nth(1) == Some("0A")
        });
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A file that no compression makes smaller: the same in every run.
pub(crate) fn write_noise(path: &Path, mib: u64) -> Result<()> {
    write_noise_of(path, mib << 20, 0)
}

/// As before, in bytes; files with another `seed` have nothing in common.
pub(crate) fn write_noise_of(path: &Path, size: u64, seed: u64) -> Result<()> {
    let mut file =
        File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1) | 1;
    let mut block = Vec::with_capacity(1 << 20);
    let mut left = size;
    while left > 0 {
        block.clear();
        while block.len() < 1 << 20 {
            // xorshift64*
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            block.extend(state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
        }
        let now = left.min(block.len() as u64);
        file.write_all(block.get(..now as usize).unwrap_or_default())?;
        left -= now;
    }
    Ok(())
}
