//! The two ways in which a server is started: by a command line of the user's, and by a peer's TOML file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::dialect::Dialect;
use crate::examine::subject::{Launch, Launched, accepts, free_port};
use crate::peer::{Peer, Places, Values};
use crate::process::{self, Order, Process};
use crate::report;

/// A command that knows nothing of the examiner: it finds its port in `port.info` (8.1), or is told it by the
/// placeholder `{port}`.
pub(crate) struct CommandLine {
    words: Vec<String>,
}

impl CommandLine {
    /// Splits a command as a shell does. The program runs in a folder of its own, so words that name something in
    /// the present one become absolute.
    pub(crate) fn new(command: &str) -> Result<Self, String> {
        let words = shlex::split(command)
            .ok_or_else(|| format!("--cmd {command:?} has a quote without an end"))?;
        if words.is_empty() {
            return Err("--cmd is empty".into());
        }
        let absolute = |(number, word): (usize, String)| {
            // `python3` is looked for on the PATH even if something here is called so.
            let named = number > 0 || word.contains('/');
            let path = Path::new(&word);
            match std::path::absolute(path) {
                Ok(absolute) if named && path.exists() => absolute.to_string_lossy().into_owned(),
                _ => word,
            }
        };
        Ok(Self {
            words: words.into_iter().enumerate().map(absolute).collect(),
        })
    }
}

impl Launch for CommandLine {
    fn launch(
        &self,
        work: &Path,
        output: &Path,
        deadline: Instant,
    ) -> Result<Box<dyn Launched>, String> {
        let port = free_port().map_err(|e| format!("no free port: {e}"))?;
        let info = work.join("port.info");
        fs::write(&info, port.to_string()).map_err(|e| format!("{}: {e}", info.display()))?;
        let filled = |word: &String| {
            OsString::from(
                word.replace("{port}", &port.to_string())
                    .replace("{work}", &work.to_string_lossy()),
            )
        };
        let mut words = self.words.iter().map(filled);
        let order = Order {
            program: words.next().unwrap_or_default(),
            arguments: words.collect(),
            folder: work.to_owned(),
            environment: BTreeMap::new(),
            output: output.to_owned(),
        };
        let process = Process::start(&order).map_err(|e| {
            format!(
                "'{}' cannot be started: {e}",
                order.program.to_string_lossy()
            )
        })?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        while !accepts(address) {
            // Waiting for its end is what paces the connections.
            let pause = Instant::now() + Duration::from_millis(20);
            if let Some(status) = process.wait(pause) {
                let how = process::describe(Some(status));
                return Err(format!(
                    "it ended before it listened on port {port}: {how}{}",
                    last_words(output)
                ));
            }
            if Instant::now() > deadline {
                return Err(format!(
                    "it does not listen on port {port} of 127.0.0.1, which port.info in its working folder says; \
                     use {{port}} in --cmd if it takes the port as an argument"
                ));
            }
        }
        Ok(Box::new(Program { process, address }))
    }
}

/// What a program said last on stderr, and where all of it is.
fn last_words(output: &Path) -> String {
    let mut name = output.as_os_str().to_owned();
    name.push(".stderr");
    let path = Path::new(&name);
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    match last {
        Some(last) => format!("; it printed: {} ({})", report::plain(last), path.display()),
        None => String::new(),
    }
}

/// A server of a folder of peers (docs/PEERS.md).
pub(crate) struct PeerFile {
    pub(crate) peer: Peer,
    pub(crate) places: Places,
    pub(crate) dialect: Dialect,
}

impl Launch for PeerFile {
    fn launch(
        &self,
        work: &Path,
        output: &Path,
        deadline: Instant,
    ) -> Result<Box<dyn Launched>, String> {
        let data = work.join("data");
        fs::create_dir_all(&data).map_err(|e| format!("{}: {e}", data.display()))?;
        let mut values = Values::default();
        let text = |path: &Path| path.to_string_lossy().into_owned();
        values.texts.insert("data", text(&data));
        values.texts.insert("work", text(work));
        let file = match self.dialect.argument() {
            Some(argument) => argument.to_owned(),
            None => {
                let path: PathBuf = work.join("dialect.json");
                fs::write(&path, self.dialect.to_file()).map_err(|e| e.to_string())?;
                text(&path)
            }
        };
        values.texts.insert("dialect", file);
        values
            .texts
            .insert("dialect_modified", self.dialect.expression());
        let invocation = self.peer.invocation(&self.places, values, &[]);
        for (name, text) in &invocation.write {
            fs::write(work.join(name), text).map_err(|e| format!("{name}: {e}"))?;
        }
        let order = Order {
            program: invocation.program,
            arguments: invocation.arguments,
            folder: work.to_owned(),
            environment: invocation.environment,
            output: output.to_owned(),
        };
        let (process, address) = Process::start_and_await(&order, &self.peer.ready, deadline)
            .map_err(|error| format!("{}: {error}", self.peer.name))?;
        let resolved = address
            .to_socket_addrs()
            .ok()
            .and_then(|mut all| all.next());
        let address =
            resolved.ok_or_else(|| format!("{}: '{address}' is no address", self.peer.name))?;
        Ok(Box::new(Program { process, address }))
    }
}

/// A server that runs as a process of ours.
struct Program {
    process: Process,
    address: SocketAddr,
}

impl Launched for Program {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn stop(&self, deadline: Instant) -> bool {
        self.process.terminate();
        self.process.wait(deadline).is_some()
    }

    fn kill(&self) {
        self.process.kill();
    }

    fn ended(&self) -> Option<String> {
        let status = self.process.ended()?;
        Some(process::describe(Some(status)))
    }

    fn ends_by(&self, deadline: Instant) -> Option<String> {
        let status = self.process.wait(deadline)?;
        Some(process::describe(Some(status)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_name_a_file_become_absolute() {
        let command = CommandLine::new("python3 src/lib.rs --x 'a b' {port}").expect("a command");
        let [program, file, rest @ ..] = &command.words[..] else {
            panic!("too few words");
        };
        assert_eq!(program, "python3");
        assert!(Path::new(file).is_absolute() && file.ends_with("src/lib.rs"));
        assert_eq!(rest, ["--x", "a b", "{port}"]);
    }

    #[test]
    fn a_command_that_cannot_be_split_is_refused() {
        assert!(CommandLine::new("a 'b").is_err());
        assert!(CommandLine::new("  ").is_err());
    }
}
