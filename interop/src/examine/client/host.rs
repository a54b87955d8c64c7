//! The played server on its port: its connections, and what they share.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::busy::{Busy, Waited};
use crate::cell::{Step, Stop};
use crate::dialect::Dialect;
use crate::examine::client::book::Book;
use crate::examine::client::line::Line;
use crate::examine::client::reply::Reply;
use crate::message::Kind;
use crate::record::{Connection, Recording};

/// What a script sees of a request.
pub(crate) struct Asked {
    pub(crate) kind: Option<Kind>,
    /// How many requests of this kind this run has sent, this one included.
    pub(crate) nth: usize,
}

impl Asked {
    pub(crate) fn is(&self, kind: Kind) -> bool {
        self.kind == Some(kind)
    }

    pub(crate) fn is_nth(&self, kind: Kind, nth: usize) -> bool {
        self.kind == Some(kind) && self.nth == nth
    }
}

/// What a case makes of the answers.
pub(crate) type Script = Box<dyn FnMut(&Asked, &mut Reply) + Send>;

/// A server in this process, on a port of its own.
pub(super) struct Host {
    shared: Arc<Shared>,
    pub(super) address: SocketAddr,
}

pub(super) struct Shared {
    pub(super) dialect: Arc<Dialect>,
    /// One read deadline.
    pub(super) patience: Duration,
    pub(super) state: Mutex<State>,
    recording: Mutex<Recording>,
    order: AtomicU64,
    /// The run that connections belong to now.
    pub(super) run: AtomicUsize,
    busy: Arc<Busy>,
    closed: AtomicBool,
}

pub(super) struct State {
    pub(super) book: Book,
    pub(super) script: Option<Script>,
    /// The requests of each run, packets of a file counted once.
    pub(super) courses: Vec<Vec<Kind>>,
    /// What the server itself found wrong: what was due, and what came.
    pub(super) faults: Vec<(String, String)>,
    /// Requests of more bytes are refused by their header, and the connection is reset.
    pub(super) most: usize,
    /// The other ends of open connections, by number: to end them with the case.
    pub(super) open: Vec<(usize, TcpStream)>,
}

impl Host {
    pub(super) fn start(dialect: &Arc<Dialect>, patience: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            dialect: Arc::clone(dialect),
            patience,
            state: Mutex::new(State {
                book: Book::new(dialect),
                script: None,
                courses: Vec::new(),
                faults: Vec::new(),
                most: usize::MAX,
                open: Vec::new(),
            }),
            recording: Mutex::default(),
            order: AtomicU64::new(0),
            run: AtomicUsize::new(0),
            busy: Arc::default(),
            closed: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("played server".into())
            .spawn(move || accept(&of_thread, &listener))?;
        Ok(Self { shared, address })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }

    /// Connections belong to this run from now on.
    pub(super) fn begin_run(&self, run: usize) {
        self.shared.run.store(run, Ordering::SeqCst);
        self.state().courses.resize(run + 1, Vec::new());
    }

    /// Ends what is open, by nobody's fault: the client was killed.
    pub(super) fn excuse(&self) {
        for connection in &mut lock(&self.shared.recording).connections {
            connection.excused |= !connection.over;
        }
        for (_, stream) in self.state().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Waits until no connection moves any more, or to the deadline.
    pub(super) fn settle(&self, deadline: Instant) -> Step {
        match self.shared.busy.wait(deadline) {
            Waited::Idle | Waited::TooLong => Ok(()),
            Waited::Panicked => Err(Stop::Ours("the played server panicked".into())),
        }
    }

    pub(super) fn take_recording(&self) -> Recording {
        std::mem::take(&mut *lock(&self.shared.recording))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        // Wakes the accept; it sees that the server is closed.
        drop(TcpStream::connect(self.address));
        for (_, stream) in self.state().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for stream in listener.incoming() {
        if shared.closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let number = {
            let mut recording = lock(&shared.recording);
            recording.connections.push(Connection {
                door: shared.run.load(Ordering::SeqCst),
                ..Connection::default()
            });
            recording.connections.len() - 1
        };
        if let Ok(stream) = stream.try_clone() {
            lock(&shared.state).open.push((number, stream));
        }
        let work = shared.busy.begin();
        let of_thread = Arc::clone(shared);
        // Where no thread can be had, the connection ends with the closure that has it.
        let _started = thread::Builder::new()
            .name(format!("connection {number}"))
            .spawn(move || {
                let _work = work;
                // A client that goes away is the judge's affair.
                let _ = Line::new(&of_thread, number, stream).serve();
            });
    }
}

impl Shared {
    pub(super) fn record(&self, number: usize, change: impl FnOnce(&mut Connection, u64)) {
        let mut recording = lock(&self.recording);
        let order = self.order.fetch_add(1, Ordering::SeqCst);
        if let Some(connection) = recording.connections.get_mut(number) {
            change(connection, order);
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
