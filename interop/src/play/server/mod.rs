//! The played server: right in everything, but for one fault.
//!
//! | module | what it knows |
//! |---|---|
//! | `read` | requests in any segmentation, and what a header alone makes impossible |
//! | `state` | clients and uploads, and what outlives a restart |
//! | `clients`, `files`, `packets`, `verdicts` | what answers each request |
//! | `names` | which names it takes |
//! | `fault` | what it can do wrong |

mod clients;
mod fault;
mod files;
mod names;
mod packets;
mod read;
mod state;
mod verdicts;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::dialect::{ConnectionUse, Dialect};
use crate::frame::{self, Frame, Id};
use crate::message::{Direction, Field, Kind};
use crate::oracle::AesKey;
use crate::play::{ServerArguments, script};
pub(crate) use fault::ServerFault;
use fault::ServerFault as Fault;
use packets::Packets;
use read::Read;
use state::State;

/// Plays a server until it is killed.
pub(super) fn run(arguments: ServerArguments) -> u8 {
    let dialect = arguments.dialect.clone();
    // With a script the port that was asked for is the tap's.
    let listen = match arguments.script {
        Some(_) => "127.0.0.1:0",
        None => &arguments.listen,
    };
    let started = Server::new(arguments.dialect, arguments.fault, arguments.data, true)
        .and_then(|server| Ok((server, TcpListener::bind(listen)?)));
    let result = started.and_then(|(server, listener)| {
        let mut address = listener.local_addr()?;
        let mut tap = None;
        if let Some(script) = &arguments.script {
            let (held, door) = script::tap(
                script,
                &dialect,
                script::address(&arguments.listen)?,
                address,
            )?;
            (tap, address) = (Some(held), door);
        }
        let _tap = tap;
        let mut stdout = io::stdout();
        writeln!(stdout, "listening on {address}")?;
        stdout.flush()?;
        server.accept(&listener);
        Ok(())
    });
    match result {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            1
        }
    }
}

/// A server that is played in this process.
#[cfg(test)]
pub(crate) struct Running {
    server: Arc<Server>,
    pub(crate) address: SocketAddr,
}

#[cfg(test)]
impl Running {
    pub(crate) fn start(dialect: Dialect, fault: Option<Fault>, data: PathBuf) -> io::Result<Self> {
        let server = Server::new(dialect, fault, data, false)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        *server
            .address
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(address);
        let of_thread = Arc::clone(&server);
        thread::spawn(move || of_thread.accept(&listener));
        Ok(Self { server, address })
    }

    /// Ends it: as if it was asked to, or as if it was killed.
    pub(crate) fn stop(&self, asked: bool) {
        self.server.end();
        if asked || !self.server.is(Fault::SavesAtStop) {
            self.server.write_state();
        }
    }

    pub(crate) fn ended(&self) -> bool {
        self.server.over.load(Ordering::SeqCst)
    }

    /// Whether it is through with all that clients have done to it.
    pub(crate) fn is_settled(&self) -> bool {
        self.ended() || self.server.active.load(Ordering::SeqCst) == 0
    }
}

#[cfg(test)]
impl Drop for Running {
    fn drop(&mut self) {
        self.server.end();
    }
}

struct Server {
    dialect: Dialect,
    fault: Option<Fault>,
    data: PathBuf,
    state: Mutex<State>,
    /// It is a process, which a fault may end.
    process: bool,
    over: AtomicBool,
    address: Mutex<Option<SocketAddr>>,
    streams: Mutex<Vec<TcpStream>>,
    /// Connections now.
    active: AtomicUsize,
    turn: Mutex<()>,
}

/// What follows a request.
#[derive(Default)]
struct Reply {
    bytes: Vec<u8>,
    close: bool,
    /// Not the end of what a client asked: a packet that is not the last one.
    unfinished: bool,
}

/// What a connection remembers.
#[derive(Default)]
struct Memory {
    number: usize,
    requests: usize,
    refusals: usize,
    keys: BTreeMap<Id, AesKey>,
    packets: Packets,
    /// The last request was a 1105.
    after_wrong: bool,
}

impl Server {
    fn new(
        dialect: Dialect,
        fault: Option<Fault>,
        data: PathBuf,
        process: bool,
    ) -> io::Result<Arc<Self>> {
        let state = State::read(&data, fault)?;
        Ok(Arc::new(Self {
            dialect,
            fault,
            data,
            state: Mutex::new(state),
            process,
            over: AtomicBool::new(false),
            address: Mutex::new(None),
            streams: Mutex::default(),
            active: AtomicUsize::new(0),
            turn: Mutex::new(()),
        }))
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for (number, stream) in listener.incoming().enumerate() {
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let busy =
                self.is(Fault::TwentyConnections) && self.active.load(Ordering::SeqCst) >= 20;
            if busy || (self.is(Fault::SixtyConnections) && number >= 60) {
                continue;
            }
            if let Ok(clone) = stream.try_clone() {
                lock(&self.streams).push(clone);
            }
            self.active.fetch_add(1, Ordering::SeqCst);
            let server = Arc::clone(self);
            thread::spawn(move || {
                let turn = server.is(Fault::OneAtATime).then(|| lock(&server.turn));
                // A client that goes away is no concern of the others.
                let _ = server.connection(number, &stream);
                drop(turn);
                server.active.fetch_sub(1, Ordering::SeqCst);
                server.forget(&stream);
            });
        }
    }

    fn connection(&self, number: usize, mut stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut memory = Memory {
            number,
            ..Memory::default()
        };
        loop {
            let reply = match self.read(stream, &memory) {
                Ok(Read::Request(bytes)) => {
                    let (frames, _) = frame::split(&self.dialect, Direction::Request, &bytes);
                    let Some(request) = frames.first() else {
                        return Ok(());
                    };
                    let reply = self.answer(request, &mut memory);
                    self.throw_away(stream, request, &memory)?;
                    reply
                }
                Ok(Read::PassOver) => continue,
                Ok(Read::Impossible(header)) => {
                    let kind = self.dialect.kind(Direction::Request, header.code);
                    let id = header.client_id.unwrap_or_default();
                    Reply {
                        bytes: self.finished(self.negative(kind, &id)),
                        close: true,
                        unfinished: false,
                    }
                }
                Ok(Read::Close) => {
                    return Ok(());
                }
                Err(error) => {
                    if self.is(Fault::DropsAtReset) {
                        self.drop_waiting(number);
                    }
                    return Err(error);
                }
            };
            if self.is(Fault::NoAnswerAfterEnd) && ended(stream)? {
                return Ok(());
            }
            if self.is(Fault::TwoWrites) && reply.bytes.len() > 8 {
                let (header, payload) = reply.bytes.split_at(5);
                stream.write_all(header)?;
                // Past Nagle and past the reader.
                thread::sleep(Duration::from_millis(30));
                stream.write_all(payload)?;
            } else {
                let written = stream.write_all(&reply.bytes);
                if written.is_err() && self.is(Fault::DiesOfResetLater) {
                    self.die();
                }
                written?;
            }
            if reply.close {
                return self.close(stream);
            }
        }
    }

    fn close(&self, mut stream: &TcpStream) -> io::Result<()> {
        use io::Read as _;
        let reset = self.is(Fault::ResetAfterRight)
            || (self.is(Fault::ResetsOverMore) && read::has_more(stream)?);
        if reset {
            SockRef::from(stream).set_linger(Some(Duration::ZERO))?;
            self.forget(stream);
            return Ok(());
        }
        stream.shutdown(Shutdown::Write)?;
        let mut rest = [0; 1024];
        while stream.read(&mut rest)? > 0 {}
        Ok(())
    }

    fn answer(&self, request: &Frame<'_>, memory: &mut Memory) -> Reply {
        let id = request.header.client_id.unwrap_or_default();
        memory.requests += 1;
        let wrong_version = request.header.version != frame::VERSION;
        let answered = match request.kind {
            _ if wrong_version && self.is(Fault::WantsVersion3) => None,
            Some(Kind::Register) => self.register(request, memory),
            Some(Kind::SendPublicKey) => self.send_public_key(&id, request, memory),
            Some(Kind::Reconnect) => Some(self.reconnect(&id, request, memory)),
            Some(Kind::SendFile) => self.send_file(&id, request, memory),
            Some(verdict) => self.verdict(&id, verdict, request, memory),
            None => None,
        };
        let refused = answered.is_none();
        memory.refusals += usize::from(refused);
        let mut reply = answered.unwrap_or_else(|| Reply {
            bytes: self.negative(request.kind, &id),
            close: self.closes_after_refusal(request, memory),
            unfinished: false,
        });
        memory.after_wrong = request.kind == Some(Kind::CksumWrong);
        reply.bytes = self.finished(reply.bytes);
        let per_request = self.dialect.connection == ConnectionUse::Request;
        if per_request && !self.is(Fault::KeepsConnection) {
            reply.close |= !reply.unfinished;
        }
        reply.close |= self.is(Fault::HundredRequests) && memory.requests >= 100;
        // In this process nothing is lost by a kill: `Running::stop` writes it down.
        if self.process && !self.is(Fault::SavesAtStop) {
            self.write_state();
        }
        reply
    }

    fn closes_after_refusal(&self, request: &Frame<'_>, memory: &Memory) -> bool {
        let verdict = matches!(request.kind, Some(Kind::CksumRight | Kind::GiveUp));
        verdict
            || (self.is(Fault::ClosesAfterThreeRefusals) && memory.refusals >= 3)
            || (self.is(Fault::ClosesAfterLargeRefusal) && request.bytes.len() > 32 << 10)
    }

    /// What becomes of a response on its way out.
    fn finished(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.is(Fault::PadsResponses) && !bytes.is_empty() {
            bytes.resize(1024, 0);
        }
        if self.is(Fault::PadsWithNoise)
            && let Some(last) = bytes.last_mut()
        {
            *last = 1;
        }
        if self.is(Fault::OtherVersion)
            && let Some(version) = bytes.first_mut()
        {
            *version = 2;
        }
        bytes
    }

    fn negative(&self, request: Option<Kind>, id: &Id) -> Vec<u8> {
        match self.fault {
            Some(Fault::NoGeneralError) => self.says_no(Kind::Refused, id),
            _ => self.says_no(self.dialect.negative(request), id),
        }
    }

    fn says_no(&self, kind: Kind, id: &Id) -> Vec<u8> {
        let values = frame::Values::default().bytes(Field::ClientId, id);
        let payload = frame::payload(&self.dialect, kind, &values);
        frame::response(&self.dialect, kind, &payload)
    }

    fn reply(&self, kind: Kind, payload: &[u8]) -> Reply {
        Reply {
            bytes: frame::response(&self.dialect, kind, payload),
            ..Reply::default()
        }
    }

    /// Ends the program, as a fault does.
    fn die(&self) {
        if self.process {
            std::process::exit(9);
        }
        self.end();
    }

    /// Ends all connections and takes no more.
    fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
        for stream in lock(&self.streams).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        if let Some(address) = *lock(&self.address) {
            // Wakes the listener up, which then sees that it is over.
            let _ = TcpStream::connect(address);
        }
    }

    /// Lets a connection go that the server itself is through with.
    fn forget(&self, stream: &TcpStream) {
        let peer = stream.peer_addr().ok();
        lock(&self.streams).retain(|other| {
            let other = other.peer_addr().ok();
            other.is_some() && other != peer
        });
    }

    fn write_state(&self) {
        let _ = self.lock().write(&self.data);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Whether the client has ended its side.
fn ended(stream: &TcpStream) -> io::Result<bool> {
    stream.set_read_timeout(Some(Duration::from_millis(60)))?;
    let peeked = stream.peek(&mut [0]);
    stream.set_read_timeout(None)?;
    Ok(peeked.is_ok_and(|size| size == 0))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
