//! One cell of the matrix: a scenario, a dialect, a server and a client, with everything that the
//! scenario may do to them.

use std::ffi::OsStr;
use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::dialect::Dialect;
use crate::frame::{self, Direction, Field, Kind};
use crate::info_file::InfoFile;
use crate::judge::{self, Case, Finding, Judgement, Level, Run, Source, State, Whose};
use crate::oracle::{self, Keyring};
use crate::peer::{Ability, Invocation, Peer, Places, Values};
use crate::process::{self, Order, Process};
use crate::record::{Recording, Side};
use crate::store::{self, Store};
use crate::tap::{Flip, Meddle, Plan, Tap};

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

/// A client of the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientHandle(usize);

/// A file that clients send.
#[derive(Debug, Clone)]
pub(crate) struct TestFile {
    path: PathBuf,
    name: String,
    content: store::Content,
}

/// What a run of a client sends, and how.
#[derive(Default)]
pub(crate) struct Send<'a> {
    files: Vec<&'a TestFile>,
    abilities: &'static [Ability],
    send_as: Option<&'static str>,
    plan: Plan,
}

impl<'a> Send<'a> {
    /// These files, and nothing out of the ordinary.
    pub(crate) fn of(files: impl IntoIterator<Item = &'a TestFile>) -> Self {
        Self {
            files: files.into_iter().collect(),
            ..Self::default()
        }
    }

    /// With abilities that not every client has.
    pub(crate) fn able(mut self, abilities: &'static [Ability]) -> Self {
        self.abilities = abilities;
        self
    }

    /// Under another name than the file's.
    pub(crate) fn named(mut self, name: &'static str) -> Self {
        self.send_as = Some(name);
        self
    }

    /// Through a tap that does this.
    pub(crate) fn through(mut self, plan: Plan) -> Self {
        self.plan = plan;
        self
    }

    /// Through a tap that changes messages.
    pub(crate) fn meddled(mut self, meddle: impl Meddle + 'static) -> Self {
        self.plan.meddle = Some(Box::new(meddle));
        self
    }
}

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
        let of_program = cksum_program(&path).map_err(Stop::Ours)?;
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

    /// The requests of a run so far, as it sent them.
    pub(crate) fn course(&self, run: RunHandle) -> Vec<Kind> {
        let (dialect, keys, runs) = (&self.setting.dialect, &self.keys, &self.runs);
        self.tap.look(|recording| {
            let case = Case {
                dialect,
                recording,
                keys,
                runs,
            };
            judge::course(&case, run.0)
        })
    }

    /// Wants the requests of a run to be these. A key exchange before a further file is left out of
    /// account: 4.4 recommends it, 2.4 allows it at any time.
    pub(crate) fn expect_course(&mut self, run: RunHandle, expected: &[Kind]) -> Step {
        self.settle()?;
        let mut course = self.course(run);
        let mut before_file = false;
        course.retain(|kind| {
            let repeated = *kind == Kind::SendPublicKey && before_file;
            before_file |= kind.is_verdict();
            !repeated
        });
        if course == expected {
            return Ok(());
        }
        let codes = |kinds: &[Kind]| {
            let codes: Vec<_> = kinds
                .iter()
                .map(|kind| self.dialect().code(*kind).to_string())
                .collect();
            codes.join(" ")
        };
        let (expected, got) = (codes(expected), codes(&course));
        Err(self.fail(Whose::Client, Field::Scenario, &expected, &got, "6"))
    }

    /// Wants so many connections to have been made.
    pub(crate) fn expect_connections(&mut self, expected: usize) -> Step {
        let got = self.tap.look(|recording| recording.connections.len());
        if got >= expected {
            return Ok(());
        }
        let (expected, got) = (format!("{expected} connections"), got.to_string());
        Err(self.fail(Whose::Client, Field::Scenario, &expected, &got, "1.3"))
    }

    /// Wants a message and the fixed fields of the next to have been in one write, as this side saw
    /// it.
    pub(crate) fn expect_in_one_write(&mut self, side: Side, pair: [Kind; 2]) -> Step {
        let dialect = &self.setting.dialect;
        let found = self.tap.look(|recording| {
            recording.connections.iter().any(|connection| {
                let (stream, _) = connection.seen_by(side);
                let (frames, _) = frame::split(dialect, Direction::Request, &stream.bytes);
                frames.windows(2).any(|window| match window {
                    [first, second] => {
                        [first.kind, second.kind] == pair.map(Some)
                            && stream.in_one_read(first.start, second.fixed_end())
                    }
                    _ => false,
                })
            })
        });
        if found {
            return Ok(());
        }
        let [first, second] = pair.map(|kind| dialect.title_of(kind));
        let expected = format!("{first} and the start of {second} in one write");
        if side == Side::Server {
            return Err(Stop::Ours(format!("the tap did not join: {expected}")));
        }
        Err(self.fail(
            Whose::Client,
            Field::OneWrite,
            &expected,
            "two writes",
            "3.1",
        ))
    }

    /// Wants a file to be in the server's folder, now.
    pub(crate) fn expect_stored(&mut self, file: &TestFile) -> Step {
        self.expect_in_store(file, true)
    }

    /// Wants a file not to be in the server's folder, now.
    pub(crate) fn expect_not_stored(&mut self, file: &TestFile) -> Step {
        self.expect_in_store(file, false)
    }

    fn expect_in_store(&mut self, file: &TestFile, expected: bool) -> Step {
        let store = ours(&self.data(), Store::read(&self.data()))?;
        if store.holds(&file.content, store::base_name(&file.name)) == expected {
            return Ok(());
        }
        let name = &file.name;
        let (expected, got) = match expected {
            true => (
                format!("the content of {name:?} in the server's folder"),
                "it is not there",
            ),
            false => (
                format!("no content of {name:?} in the server's folder"),
                "it is there",
            ),
        };
        Err(self.fail(Whose::Server, Field::StoredFile, &expected, got, "7.3"))
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

    /// Stops the server, judges everything that passed, and looks at the server's folder.
    pub(crate) fn finish(mut self, stop: Option<Stop>) -> Finished {
        let idle = self.tap.wait_idle();
        let mut stop = stop;
        if let Some(server) = &self.server
            && let Some(status) = server.ended()
        {
            let said = process::describe(Some(status));
            let expected = "a server that runs until it is told to stop";
            self.fail(Whose::Server, Field::Exit, expected, &said, "");
        }
        // Before the server is told to stop: its end is then nobody's fault.
        let recording = self.tap.take_recording();
        let flipped = self.setting.flip.is_none() || self.tap.flipped();
        if idle {
            let stopped = self.stop_server().err();
            stop = stop.or(stopped);
        } else {
            self.kill_server();
        }
        let case = Case {
            dialect: &self.setting.dialect,
            recording: &recording,
            keys: &self.keys,
            runs: &self.runs,
        };
        let mut judgement = judge::judge(&case);
        let mut findings = std::mem::take(&mut judgement.findings);
        self.check_identities(&judgement);
        match Store::read(&self.data()) {
            Ok(store) => self.check_store(&judgement, &store),
            Err(error) => stop = stop.or_else(|| Some(Stop::Ours(error.to_string()))),
        }
        findings.append(&mut self.findings);
        Finished {
            findings,
            recording,
            flipped,
            stop,
        }
    }

    /// Every upload against what its verdicts left of it (2.11, 7.3).
    fn check_store(&mut self, judgement: &Judgement, store: &Store) {
        let kept: Vec<_> = judgement
            .uploads
            .iter()
            .filter(|upload| upload.state != State::Dropped)
            .filter_map(|upload| upload.plain)
            .collect();
        for upload in &judgement.uploads {
            let Some(content) = upload.plain else {
                continue;
            };
            let name = String::from_utf8_lossy(&upload.name);
            let there = store.holds(&content, store::base_name(&name));
            let (expected, got) = match (upload.state, there) {
                (State::Verified, false) => ("a file with the content that 1104 verified", "none"),
                (State::Waiting, false) => ("a file with the content that nobody judged", "none"),
                (State::Dropped, true) if content.1 > 0 && !kept.contains(&content) => (
                    "no file with the content that 1105 or 1106 ended",
                    "it is there",
                ),
                _ => continue,
            };
            let expected = format!("{expected}, {name:?}");
            self.fail(Whose::Server, Field::StoredFile, &expected, got, "7.3");
        }
    }

    /// Every info file against what the client was told (8.3).
    fn check_identities(&mut self, judgement: &Judgement) {
        for number in 0..self.clients.len() {
            let Some(client) = self.clients.get(number) else {
                continue;
            };
            let Some(id) = judgement.ids.get(&number) else {
                continue;
            };
            let name = client.name.clone();
            let folder = client.identity.clone();
            if let Some(reason) = client.unreadable.clone() {
                let expected = "an info file that can be read";
                self.fail(Whose::Client, Field::MeInfo, expected, &reason, "8.3");
                continue;
            }
            let mut wrong = |expected: &str, got: &str| {
                self.fail(Whose::Client, Field::MeInfo, expected, got, "8.3");
            };
            let Ok(info) = InfoFile::read(&folder) else {
                continue;
            };
            if info.name != name {
                wrong(&format!("the name {name:?}"), &format!("{:?}", info.name));
            }
            if info.id != Some(*id) {
                wrong("the client ID of the 2100", "another one");
            }
            if let Some(mode) = InfoFile::find(&folder).and_then(|path| mode_of(&path))
                && mode & 0o077 != 0
            {
                wrong("mode 0600: it holds a secret", &format!("mode {mode:04o}"));
            }
        }
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

fn mode_of(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(fs::metadata(path).ok()?.permissions().mode() & 0o7777)
}

/// What `cksum` of the system says of a file.
fn cksum_program(path: &Path) -> Result<u32, String> {
    let input = fs::File::open(path).map_err(|e| e.to_string())?;
    let output = Command::new("cksum")
        .stdin(Stdio::from(input))
        .output()
        .map_err(|e| format!("cksum: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let number = said.split_whitespace().next().unwrap_or_default();
    number.parse().map_err(|_| format!("cksum said {said:?}"))
}

impl std::fmt::Debug for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cell")
            .field("folder", &self.setting.folder)
            .finish_non_exhaustive()
    }
}
