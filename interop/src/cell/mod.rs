//! One cell of the matrix: a scenario, a dialect, a server and a client, with everything that the
//! scenario may do to them.

mod expect;
mod finish;
mod send;

use std::ffi::OsStr;
use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::dialect::Dialect;
use crate::info_file::InfoFile;
use crate::judge::{Finding, Level, Run, Source, Whose};
use crate::message::Field;
use crate::oracle::{self, Keyring};
use crate::peer::{Ability, Invocation, Peer, Places, Values};
use crate::process::{self, Order, Process};
use crate::record::Recording;
use crate::store;
use crate::tap::{Flip, Tap};

/// The parts that a cell is made of.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) dialect: Dialect,
    pub(crate) server: Peer,
    pub(crate) client: Peer,
    pub(crate) places: Places,
    pub(crate) flip: Option<Flip>,
    /// Where work, logs and output of this cell go.
    pub(crate) folder: PathBuf,
    /// For the whole cell.
    pub(crate) deadline: Duration,
}

/// Why a scenario ended early. A finding is already put down where a peer is at fault.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A peer did not do what the scenario needs to go on.
    Failed,
    /// A program could not be started.
    NotStarted(String),
    /// The harness itself is at fault.
    Ours(String),
}

pub(crate) type Step<T = ()> = Result<T, Stop>;

/// What a scenario works on.
pub(crate) struct Cell {
    setting: Setting,
    deadline: Instant,
    tap: Tap,
    server: Option<Process>,
    clients: Vec<Client>,
    runs: Vec<Run>,
    keys: Keyring,
    findings: Vec<Finding>,
    files: usize,
}

struct Client {
    name: String,
    work: PathBuf,
    identity: PathBuf,
    /// Why its info file could not be read, if it could not.
    unreadable: Option<String>,
}

pub(crate) use send::{Send, TestFile};

/// A client of the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientHandle(usize);

/// A client that runs.
pub(crate) struct Running {
    process: Process,
    run: RunHandle,
}

/// A run of a client, by the number of its door in the tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunHandle(usize);

/// How a client should have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Refused,
    GaveUp,
}

/// What a finished cell leaves.
pub(crate) struct Finished {
    pub(crate) findings: Vec<Finding>,
    pub(crate) recording: Recording,
    /// Whether `--flip` found its field; `true` without it.
    pub(crate) flipped: bool,
    /// Why the cell could not be finished as it should.
    pub(crate) stop: Option<Stop>,
}

impl Cell {
    pub(crate) fn new(setting: Setting) -> Step<Self> {
        let deadline = Instant::now() + setting.deadline;
        match fs::remove_dir_all(&setting.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Stop::Ours(format!("{}: {error}", setting.folder.display())));
            }
            _ => {}
        }
        let cell = Self {
            tap: Tap::new(&setting.dialect, setting.flip.clone(), deadline),
            setting,
            deadline,
            server: None,
            clients: Vec::new(),
            runs: Vec::new(),
            keys: Keyring::default(),
            findings: Vec::new(),
            files: 0,
        };
        for folder in [cell.data(), cell.work().join("server")] {
            ours(&folder, fs::create_dir_all(&folder))?;
        }
        Ok(cell)
    }

    pub(crate) fn dialect(&self) -> &Dialect {
        &self.setting.dialect
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Makes a file. Its checksum is taken by the program `cksum` too, so that the oracle is not the
    /// only one to say what is right.
    pub(crate) fn file(&mut self, name: &str, content: &[u8]) -> Step<TestFile> {
        self.files += 1;
        let folder = self.work().join(format!("files/{}", self.files));
        ours(&folder, fs::create_dir_all(&folder))?;
        let path = folder.join(name);
        ours(&path, fs::write(&path, content))?;
        let of_program = store::cksum_program(&path).map_err(Stop::Ours)?;
        let of_oracle = oracle::cksum(content);
        if of_program != of_oracle {
            return Err(Stop::Ours(format!(
                "cksum says {of_program}, the oracle {of_oracle}"
            )));
        }
        Ok(TestFile {
            content: ours(&path, store::content_of(&path))?,
            path,
            name: name.to_owned(),
        })
    }

    /// Starts the server, or starts it again on the same data.
    pub(crate) fn serve(&mut self) -> Step {
        let mut values = Values::default();
        let folder = self.work().join("server");
        values.texts.insert("data", text(&self.data()));
        values.texts.insert("work", text(&folder));
        values
            .texts
            .insert("dialect", self.dialect().argument.clone());
        let peer = &self.setting.server;
        let invocation = peer.invocation(&self.setting.places, values, &[]);
        let order = self.order(invocation, folder, "server".as_ref())?;
        let (process, address) = Process::start_and_await(&order, &peer.ready, self.deadline)
            .map_err(|error| Stop::NotStarted(format!("{}: {error}", peer.name)))?;
        let address = resolve(&address)
            .ok_or_else(|| Stop::NotStarted(format!("{}: '{address}' is no address", peer.name)))?;
        self.tap.set_target(address);
        self.server = Some(process);
        Ok(())
    }

    /// Asks the server to stop (SIGTERM) and waits until it has.
    pub(crate) fn stop_server(&mut self) -> Step {
        self.tap.excuse_open_connections();
        let Some(server) = self.server.take() else {
            return Ok(());
        };
        server.terminate();
        if server.wait(self.deadline).is_none() {
            let expected = "an end upon SIGTERM";
            return Err(self.fail(Whose::Server, Field::Exit, expected, "it still runs", ""));
        }
        Ok(())
    }

    /// Kills the server (SIGKILL).
    pub(crate) fn kill_server(&mut self) {
        self.tap.excuse_open_connections();
        if let Some(server) = self.server.take() {
            server.kill();
        }
    }

    /// A client with a folder of its own and no identity.
    pub(crate) fn client(&mut self, name: &str) -> Step<ClientHandle> {
        let number = self.clients.len();
        let work = self.work().join(format!("client-{}", number + 1));
        ours(&work, fs::create_dir_all(&work))?;
        let identity = self.identity_of(&work, &[]);
        self.clients.push(Client {
            name: name.to_owned(),
            work,
            identity,
            unreadable: None,
        });
        Ok(ClientHandle(number))
    }

    /// Runs a client to its end and wants it to end so.
    pub(crate) fn send(
        &mut self,
        client: ClientHandle,
        send: Send<'_>,
        outcome: Outcome,
    ) -> Step<RunHandle> {
        let running = self.start(client, send)?;
        self.finish_run(running, outcome)
    }

    /// Starts a client.
    pub(crate) fn start(&mut self, client: ClientHandle, send: Send<'_>) -> Step<Running> {
        let number = self.runs.len();
        let door = self
            .tap
            .open_door(send.plan)
            .map_err(|e| Stop::Ours(e.to_string()))?;
        let abilities = self.with_dialect(send.abilities);
        let of_client = self.get(client)?;
        let (work, name) = (of_client.work.clone(), of_client.name.clone());
        let mut sources = Vec::new();
        for file in &send.files {
            // In the working folder, so that a client which sends the path as it was given sends
            // the base name.
            let link = work.join(&file.name);
            let _ = fs::remove_file(&link);
            ours(&link, fs::hard_link(&file.path, &link))?;
            sources.push(Source {
                path: file.path.clone(),
                sent_as: send.send_as.unwrap_or(&file.name).to_owned(),
            });
        }
        let mut values = self.values(door, &name, &work);
        values.files = send.files.iter().map(|file| file.name.clone()).collect();
        values
            .texts
            .insert("send_as", send.send_as.unwrap_or_default().to_owned());
        let identity = self.identity_of(&work, &abilities);
        ours(&identity, fs::create_dir_all(&identity))?;
        let peer = &self.setting.client;
        let invocation = peer.invocation(&self.setting.places, values, &abilities);
        let output = format!("client-{}-run-{}", client.0 + 1, number + 1);
        let order = self.order(invocation, work, output.as_ref())?;
        if let Some(of_client) = self.clients.get_mut(client.0) {
            of_client.identity = identity;
        }
        self.runs.push(Run {
            client: client.0,
            name,
            files: sources,
            killed: false,
        });
        let process = Process::start(&order)
            .map_err(|error| Stop::NotStarted(format!("{}: {error}", self.setting.client.name)))?;
        Ok(Running {
            process,
            run: RunHandle(number),
        })
    }

    /// Waits for the end of a client and wants it to end so.
    pub(crate) fn finish_run(&mut self, running: Running, outcome: Outcome) -> Step<RunHandle> {
        let status = running.process.wait(self.deadline);
        self.read_identity(running.run);
        let said = process::describe(status);
        let run = running.run;
        let Some(status) = status else {
            let expected = "an end of the client";
            return Err(self.fail(Whose::Client, Field::Exit, expected, &said, ""));
        };
        let codes = self.setting.client.exit;
        let wanted = codes.map(|codes| match outcome {
            Outcome::Done => codes.done,
            Outcome::Refused => codes.refused,
            Outcome::GaveUp => codes.gave_up,
        });
        if wanted.is_some() && wanted != status.code() {
            let expected = format!("exit code {} ({outcome:?})", wanted.unwrap_or_default());
            return Err(self.fail(Whose::Client, Field::Exit, &expected, &said, ""));
        }
        Ok(run)
    }

    /// Kills a client (SIGKILL).
    pub(crate) fn kill_client(&mut self, running: &Running) {
        if let Some(run) = self.runs.get_mut(running.run.0) {
            run.killed = true;
        }
        running.process.kill();
        self.read_identity(running.run);
    }

    /// Waits until no connection moves any more.
    pub(crate) fn settle(&mut self) -> Step {
        // What did not settle shows in the judgement.
        self.tap.wait_idle();
        Ok(())
    }

    /// Puts down what is wrong besides the bytes; the scenario may end with the value or go on.
    pub(crate) fn fail(
        &mut self,
        whose: Whose,
        field: Field,
        expected: &str,
        got: &str,
        section: &'static str,
    ) -> Stop {
        self.findings.push(Finding {
            whose,
            level: Level::Must,
            field,
            place: None,
            expected: expected.into(),
            got: got.into(),
            section,
            cause: None,
            order: u64::MAX,
        });
        Stop::Failed
    }

    /// The identity of a client, and the folder of its info file.
    pub(crate) fn identity(&mut self, client: ClientHandle) -> Step<(InfoFile, PathBuf)> {
        let folder = self.get(client)?.identity.clone();
        match InfoFile::read(&folder) {
            Ok(info) => Ok((info, folder)),
            Err(reason) => {
                let expected = "an info file that can be read";
                Err(self.fail(Whose::Client, Field::MeInfo, expected, &reason, "8.3"))
            }
        }
    }

    /// The folder in which a client that uses these abilities looks for its info file.
    pub(crate) fn identity_folder(
        &self,
        client: ClientHandle,
        abilities: &[Ability],
    ) -> Step<PathBuf> {
        Ok(self.identity_of(&self.get(client)?.work, abilities))
    }

    fn read_identity(&mut self, run: RunHandle) {
        let Some(client) = self.runs.get(run.0).map(|run| run.client) else {
            return;
        };
        let Some(client) = self.clients.get_mut(client) else {
            return;
        };
        match InfoFile::read(&client.identity) {
            Ok(info) => {
                client.unreadable = None;
                self.keys.add(info.keys);
            }
            Err(reason) => client.unreadable = Some(reason),
        }
    }

    /// Every client is told its dialect, unless the scenario is about those that are not.
    fn with_dialect(&self, abilities: &[Ability]) -> Vec<Ability> {
        let mut all = abilities.to_vec();
        let told_otherwise = [Ability::DialectUntold, Ability::SetUpFiles];
        if !abilities
            .iter()
            .any(|ability| told_otherwise.contains(ability))
        {
            all.push(Ability::Dialect);
        }
        all
    }

    fn identity_of(&self, work: &Path, abilities: &[Ability]) -> PathBuf {
        let mut values = Values::default();
        values.texts.insert("work", text(work));
        self.setting
            .client
            .identity(&self.setting.places, values, abilities)
    }

    fn values(&self, door: SocketAddr, name: &str, work: &Path) -> Values {
        let mut values = Values::default();
        values.texts.insert("host", door.ip().to_string());
        values.texts.insert("port", door.port().to_string());
        values.texts.insert("name", name.to_owned());
        values.texts.insert("work", text(work));
        values
            .texts
            .insert("dialect", self.dialect().argument.clone());
        values
    }

    fn order(&self, invocation: Invocation, folder: PathBuf, output: &OsStr) -> Step<Order> {
        for (name, text) in &invocation.write {
            let path = folder.join(name);
            ours(&path, fs::write(&path, text))?;
        }
        Ok(Order {
            program: invocation.program,
            arguments: invocation.arguments,
            folder,
            environment: invocation.environment,
            output: self.setting.folder.join(output),
        })
    }

    fn get(&self, client: ClientHandle) -> Step<&Client> {
        self.clients
            .get(client.0)
            .ok_or_else(|| Stop::Ours("a client of another cell".into()))
    }

    fn work(&self) -> PathBuf {
        self.setting.folder.join("work")
    }

    fn data(&self) -> PathBuf {
        self.work().join("data")
    }
}

/// The end of a file operation of the harness.
fn ours<T>(path: &Path, result: std::io::Result<T>) -> Step<T> {
    result.map_err(|error| Stop::Ours(format!("{}: {error}", path.display())))
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn resolve(address: &str) -> Option<SocketAddr> {
    address.trim().to_socket_addrs().ok()?.next()
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cell")
            .field("folder", &self.setting.folder)
            .finish_non_exhaustive()
    }
}
