//! One cell of the matrix: a scenario, a dialect, a server and a client, with everything that the
//! scenario may do to them.

mod expect;
mod finish;
mod send;

use std::ffi::OsStr;
use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::busy::Waited;
use crate::dialect::Dialect;
use crate::frame::Id;
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
    /// What both sides speak, but for what the scenario tells a client.
    pub(crate) dialect: Arc<Dialect>,
    /// What the server is told where it is not that.
    pub(crate) server_told: Option<String>,
    pub(crate) server: Peer,
    /// At least one; the first is the client of a scenario that has one.
    pub(crate) clients: Vec<Peer>,
    /// Dialects of a crowd of clients.
    pub(crate) crowd: Vec<Arc<Dialect>>,
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
    /// What is needed is not there, which is nobody's fault; an examination skips its case then.
    Skip(String),
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
    peer: Peer,
    /// What it is told, and judged by.
    dialect: Arc<Dialect>,
    name: String,
    work: PathBuf,
    identity: PathBuf,
    /// Why its info file could not be read, if it could not.
    unreadable: Option<String>,
    /// The client ID that the harness put into its info file.
    planted: Option<Id>,
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
    /// The dialect of each run, by the number of its door.
    pub(crate) dialects: Vec<Arc<Dialect>>,
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
            tap: Tap::new(setting.flip.clone(), deadline),
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

    /// Whether a client with these abilities has to look for its dialect: nobody tells it, and what 2.13
    /// tells apart is not enough.
    pub(crate) fn has_to_look(&self, abilities: &[Ability]) -> bool {
        let client = self.setting.clients.first();
        let told = client.is_some_and(|client| client.is_told(abilities));
        self.setting.dialect.reconnects() && !told
    }

    /// Program and dialect of the clients of a crowd: every client program in every dialect.
    pub(crate) fn crowd(&self) -> Vec<(usize, Arc<Dialect>)> {
        let programs = 0..self.setting.clients.len();
        programs
            .flat_map(|number| {
                self.setting
                    .crowd
                    .iter()
                    .map(move |dialect| (number, Arc::clone(dialect)))
            })
            .collect()
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
        self.tell(&mut values, self.dialect(), &folder)?;
        if let Some(told) = &self.setting.server_told {
            for placeholder in ["dialect", "dialect_modified"] {
                values.texts.insert(placeholder, told.clone());
            }
        }
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

    /// What the server's program says of its clients.
    fn show_clients(&mut self) -> Step<String> {
        let folder = self.work().join("server");
        let mut values = Values::default();
        values.texts.insert("data", text(&self.data()));
        values.texts.insert("work", text(&folder));
        let peer = &self.setting.server;
        if !peer.has(Ability::ShowClients, &self.setting.dialect.name) {
            let expected = "the ability 'show-clients' of a server with 'dialect-auto'";
            return Err(self.fail(Whose::Server, Field::Scenario, expected, "none", "10.10"));
        }
        let invocation = peer.invocation(&self.setting.places, values, &[Ability::ShowClients]);
        let order = self.order(invocation, folder, "clients".as_ref())?;
        let process = Process::start(&order)
            .map_err(|error| Stop::NotStarted(format!("{}: {error}", peer.name)))?;
        let status = process.wait(self.deadline);
        if !status.is_some_and(|status| status.success()) {
            let said = process::describe(status);
            return Err(self.fail(Whose::Server, Field::Exit, "exit code 0", &said, "10.10"));
        }
        let path = order.output.with_extension("stdout");
        ours(&path, fs::read_to_string(&path))
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

    /// Stops the server and empties its folder.
    pub(crate) fn lose_data(&mut self) -> Step {
        self.settle()?;
        self.stop_server()?;
        let data = self.data();
        ours(&data, fs::remove_dir_all(&data))?;
        ours(&data, fs::create_dir_all(&data))?;
        self.tap.data_lost();
        Ok(())
    }

    /// A client with a folder of its own and no identity.
    pub(crate) fn client(&mut self, name: &str) -> Step<ClientHandle> {
        self.client_of(0, name, Arc::clone(&self.setting.dialect))
    }

    /// The same with modifiers on the cell's dialect, which the server is not told.
    pub(crate) fn client_modified(&mut self, name: &str, modifiers: &[&str]) -> Step<ClientHandle> {
        let dialect = self.dialect().with(modifiers);
        let dialect = dialect.map_err(|error| Stop::Ours(error.to_string()))?;
        self.client_of(0, name, Arc::new(dialect))
    }

    /// The same for one of several client programs, in a dialect of its own.
    pub(crate) fn client_of(
        &mut self,
        program: usize,
        name: &str,
        dialect: Arc<Dialect>,
    ) -> Step<ClientHandle> {
        let peer = self.setting.clients.get(program).cloned();
        let peer = peer.ok_or_else(|| Stop::Ours("a cell without clients".into()))?;
        let number = self.clients.len();
        let work = self.work().join(format!("client-{}", number + 1));
        ours(&work, fs::create_dir_all(&work))?;
        let identity = self.identity_of(&peer, &work, &[]);
        self.clients.push(Client {
            peer,
            dialect,
            name: name.to_owned(),
            work,
            identity,
            unreadable: None,
            planted: None,
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
        let abilities = with_dialect(send.abilities);
        let of_client = self.get(client)?;
        let (work, name) = (of_client.work.clone(), of_client.name.clone());
        let (peer, dialect) = (of_client.peer.clone(), Arc::clone(&of_client.dialect));
        let planted = of_client.planted;
        let door = match send.after {
            Some(earlier) => {
                let door = self.tap.reopen_door(earlier.0);
                door.ok_or_else(|| Stop::Ours("a run of another cell".into()))?
            }
            None => self
                .tap
                .open_door(send.plan, &dialect)
                .map_err(|e| Stop::Ours(e.to_string()))?,
        };
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
        let mut values = values(door, &name, &work);
        self.tell(&mut values, &dialect, &work)?;
        values.files = send.files.iter().map(|file| file.name.clone()).collect();
        values
            .texts
            .insert("send_as", send.send_as.unwrap_or_default().to_owned());
        let identity = self.identity_of(&peer, &work, &abilities);
        ours(&identity, fs::create_dir_all(&identity))?;
        let invocation = peer.invocation(&self.setting.places, values, &abilities);
        let output = format!("client-{}-run-{}", client.0 + 1, number + 1);
        let order = self.order(invocation, work, output.as_ref())?;
        if let Some(of_client) = self.clients.get_mut(client.0) {
            of_client.identity = identity;
        }
        self.runs.push(Run {
            dialect,
            untold: send.learning,
            identity: planted,
            client: client.0,
            name,
            files: sources,
            killed: false,
        });
        let process = Process::start(&order)
            .map_err(|error| Stop::NotStarted(format!("{}: {error}", peer.name)))?;
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
        let client = self
            .runs
            .get(run.0)
            .and_then(|run| self.clients.get(run.client));
        let codes = client.and_then(|client| client.peer.exit);
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
        match self.tap.wait_idle() {
            // What did not settle shows in the judgement.
            Waited::Idle | Waited::TooLong => Ok(()),
            Waited::Panicked => Err(Stop::Ours("the tap panicked".into())),
        }
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

    /// Puts another identity into the folder of a client, as its info file.
    pub(crate) fn plant_identity(&mut self, client: ClientHandle, info: &InfoFile) -> Step {
        let folder = self.get(client)?.identity.clone();
        info.write_plain(&folder).map_err(Stop::Ours)?;
        if let Some(client) = self.clients.get_mut(client.0) {
            client.planted = info.id;
        }
        Ok(())
    }

    /// The folder in which a client that uses these abilities looks for its info file.
    pub(crate) fn identity_folder(
        &self,
        client: ClientHandle,
        abilities: &[Ability],
    ) -> Step<PathBuf> {
        let of_client = self.get(client)?;
        Ok(self.identity_of(&of_client.peer, &of_client.work, abilities))
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

    fn identity_of(&self, peer: &Peer, work: &Path, abilities: &[Ability]) -> PathBuf {
        let mut values = Values::default();
        values.texts.insert("work", text(work));
        peer.identity(&self.setting.places, values, abilities)
    }

    /// How a program is told a dialect: by name, else by a file in its folder; or with modifiers.
    fn tell(&self, values: &mut Values, dialect: &Dialect, folder: &Path) -> Step {
        let argument = match dialect.argument() {
            Some(argument) => argument.to_owned(),
            None => {
                let path = folder.join(format!("{}.json", dialect.name));
                ours(&path, fs::write(&path, dialect.to_file()))?;
                text(&path)
            }
        };
        values.texts.insert("dialect", argument);
        let expression = dialect.expression();
        values.texts.insert("dialect_modified", expression);
        Ok(())
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

/// Every client is told its dialect, unless the scenario is about those that are not.
fn with_dialect(abilities: &[Ability]) -> Vec<Ability> {
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

fn values(door: SocketAddr, name: &str, work: &Path) -> Values {
    let mut values = Values::default();
    values.texts.insert("host", door.ip().to_string());
    values.texts.insert("port", door.port().to_string());
    values.texts.insert("name", name.to_owned());
    values.texts.insert("work", text(work));
    values
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
