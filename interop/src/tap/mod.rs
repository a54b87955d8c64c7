//! The tap: a TCP proxy between the clients and the server of one cell. It writes down every byte
//! and, where a scenario asks for it, cuts, joins, holds and changes them.

mod flip;
mod meddle;
mod relay;
mod tracker;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub(crate) use flip::Flip;
pub(crate) use meddle::{Fate, Gate, Meddle};
pub(crate) use tracker::{Piece, Tracker};

use crate::busy::{Busy, Waited};
use crate::dialect::Dialect;
use crate::message::Direction;
use crate::record::{Connection, Ended, Recording};

/// How the tap treats the connections of one run.
#[derive(Default)]
pub(crate) struct Plan {
    /// Changes messages on their way.
    pub(crate) meddle: Option<Box<dyn Meddle>>,
    /// Passes every byte on in a write of its own, in both directions.
    pub(crate) bytewise: bool,
    /// Lets one connection through at a time, across all runs with this mark.
    pub(crate) one_at_a_time: bool,
    /// Passes bytes on in writes of at most so many.
    pub(crate) split: Option<usize>,
    /// Waits so long before each write.
    pub(crate) delay: Option<Duration>,
    /// Is shown every byte before it goes on. Nothing is kept then: such a tap may run for long.
    pub(crate) observe: Option<Arc<dyn Observe>>,
}

/// Looks at what passes while it passes.
pub(crate) trait Observe: Send + Sync {
    /// A connection is there, and the one to the server; `None` where nobody listens.
    fn opened(&self, connection: usize, client: SocketAddr, server: Option<SocketAddr>);
    /// Bytes as their sender sent them.
    fn bytes(&self, connection: usize, direction: Direction, bytes: &[u8]);
    /// Their sender has ended.
    fn ended(&self, connection: usize, direction: Direction, how: Ended);
    /// Bytes as they go on, where something may change them.
    fn arrived(&self, _connection: usize, _direction: Direction, _bytes: &[u8]) {}
    /// Nothing of this direction goes on any more.
    fn arrived_all(&self, _connection: usize, _direction: Direction) {}
    /// The connection is over.
    fn closed(&self, _connection: usize) {}
}

/// The tap of one cell.
pub(crate) struct Tap {
    shared: Arc<Shared>,
    doors: Vec<Door>,
}

/// A port of the tap. It may serve several runs, one after the other.
struct Door {
    address: SocketAddr,
    /// Number of the run that comes in by it now.
    run: Arc<AtomicUsize>,
}

/// What all connections of a tap share.
struct Shared {
    flip: Option<Flip>,
    flipped: Mutex<bool>,
    deadline: Instant,
    target: Mutex<Option<SocketAddr>>,
    recording: Mutex<Recording>,
    order: AtomicU64,
    /// Connections that still move.
    busy: Arc<Busy>,
    /// Held by the one connection that may pass where a plan lets one through at a time.
    turn: Mutex<()>,
    closed: AtomicBool,
}

impl Tap {
    /// A tap that gives up everything it holds at `deadline`.
    pub(crate) fn new(flip: Option<Flip>, deadline: Instant) -> Self {
        Self {
            shared: Arc::new(Shared {
                flip,
                flipped: Mutex::new(false),
                deadline,
                target: Mutex::new(None),
                recording: Mutex::default(),
                order: AtomicU64::new(0),
                busy: Arc::default(),
                turn: Mutex::new(()),
                closed: AtomicBool::new(false),
            }),
            doors: Vec::new(),
        }
    }

    /// Where connections go from now on.
    pub(crate) fn set_target(&self, server: SocketAddr) {
        *lock(&self.shared.target) = Some(server);
    }

    /// Opens a port for one run of a client. Messages are found in what passes as this dialect has them.
    pub(crate) fn open_door(
        &mut self,
        plan: Plan,
        dialect: &Arc<Dialect>,
    ) -> io::Result<SocketAddr> {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.open_door_at(anywhere, plan, dialect)
    }

    /// The same at an address of the caller's.
    pub(crate) fn open_door_at(
        &mut self,
        address: SocketAddr,
        plan: Plan,
        dialect: &Arc<Dialect>,
    ) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let number = self.doors.len();
        let run = Arc::new(AtomicUsize::new(number));
        self.doors.push(Door {
            address,
            run: Arc::clone(&run),
        });
        let shared = Arc::clone(&self.shared);
        let meddle = plan.meddle.map(|meddle| Arc::new(Mutex::new(meddle)));
        let treatment = relay::Treatment {
            dialect: Arc::clone(dialect),
            meddle,
            bytewise: plan.bytewise,
            split: plan.split,
            delay: plan.delay,
            observe: plan.observe,
            one_at_a_time: plan.one_at_a_time,
        };
        thread::Builder::new()
            .name(format!("door {number}"))
            .spawn(move || accept(&shared, &listener, &run, &treatment))?;
        Ok(address)
    }

    /// Lets a further run come in by the door of an earlier one, at the same address and with the same
    /// plan.
    pub(crate) fn reopen_door(&mut self, earlier: usize) -> Option<SocketAddr> {
        let number = self.doors.len();
        let door = self.doors.get(earlier)?;
        door.run.store(number, Ordering::SeqCst);
        let (address, run) = (door.address, Arc::clone(&door.run));
        self.doors.push(Door { address, run });
        Some(address)
    }

    /// Marks what is open now as ended by the harness, so that nobody is blamed for its end. To be
    /// called before a program is killed.
    pub(crate) fn excuse_open_connections(&self) {
        for connection in &mut lock(&self.shared.recording).connections {
            connection.excused |= !connection.over;
        }
    }

    /// Writes down that the server's folder was emptied.
    pub(crate) fn data_lost(&self) {
        let order = self.shared.next();
        lock(&self.shared.recording).data_lost.push(order);
    }

    /// Waits until no connection moves any more, or to the tap's deadline.
    pub(crate) fn wait_idle(&self) -> Waited {
        self.shared.busy.wait(self.shared.deadline)
    }

    /// Whether `--flip` found its field.
    pub(crate) fn flipped(&self) -> bool {
        *lock(&self.shared.flipped)
    }

    /// What has passed so far.
    #[cfg(test)]
    pub(crate) fn recording(&self) -> Recording {
        lock(&self.shared.recording).clone()
    }

    /// The recording itself, once no connection moves any more.
    pub(crate) fn take_recording(&self) -> Recording {
        std::mem::take(&mut *lock(&self.shared.recording))
    }

    /// Looks at the recording without a copy of it.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Recording) -> T) -> T {
        look(&lock(&self.shared.recording))
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        for door in &self.doors {
            // Wakes the door's accept; it sees that the tap is closed.
            drop(TcpStream::connect(door.address));
        }
    }
}

fn accept(
    shared: &Arc<Shared>,
    listener: &TcpListener,
    run: &AtomicUsize,
    treatment: &relay::Treatment,
) {
    for client in listener.incoming() {
        if shared.closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        let number = {
            let mut recording = lock(&shared.recording);
            recording.connections.push(Connection {
                door: run.load(Ordering::SeqCst),
                ..Connection::default()
            });
            recording.connections.len() - 1
        };
        let work = shared.busy.begin();
        let (of_thread, treatment) = (Arc::clone(shared), treatment.clone());
        // Where no thread can be had, the connection ends with the closure that has it.
        let _started = thread::Builder::new()
            .name(format!("connection {number}"))
            .spawn(move || {
                let _work = work;
                relay::run(&of_thread, number, &client, &treatment);
                if let Some(observe) = &treatment.observe {
                    observe.closed(number);
                }
                of_thread.record(number, |connection| connection.over = true);
            });
    }
}

impl Shared {
    /// The next place in the order of events.
    fn next(&self) -> u64 {
        self.order.fetch_add(1, Ordering::SeqCst)
    }

    /// Changes the record of a connection.
    fn record(&self, number: usize, change: impl FnOnce(&mut Connection)) {
        if let Some(connection) = lock(&self.recording).connections.get_mut(number) {
            change(connection);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame;
    use crate::message::Kind;
    use std::io::{Read, Write};

    fn deadline() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn dialect() -> Arc<Dialect> {
        Arc::new(Dialect::built_in()[0].clone())
    }

    fn tap_to(server: &TcpListener) -> Tap {
        let tap = Tap::new(None, deadline());
        tap.set_target(server.local_addr().expect("address"));
        tap
    }

    fn listener() -> TcpListener {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")
    }

    #[test]
    fn passes_bytes_and_ends_both_ways_and_writes_them_down() {
        let server = listener();
        let mut tap = tap_to(&server);
        let door = tap.open_door(Plan::default(), &dialect()).expect("a door");
        let mut client = TcpStream::connect(door).expect("connected");
        client.write_all(b"ping").expect("written");
        let (mut peer, _) = server.accept().expect("accepted");
        let mut bytes = [0; 4];
        peer.read_exact(&mut bytes).expect("read");
        assert_eq!(&bytes, b"ping");
        client.shutdown(std::net::Shutdown::Write).expect("ended");
        assert_eq!(peer.read(&mut bytes).expect("end"), 0);
        peer.write_all(b"pong").expect("written");
        drop(peer);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).expect("read");
        assert_eq!(answer, b"pong");
        assert_eq!(tap.wait_idle(), Waited::Idle);
        let recording = tap.recording();
        let connection = &recording.connections[0];
        assert_eq!(connection.requests.sent.bytes, b"ping");
        assert_eq!(connection.responses.sent.bytes, b"pong");
        let how = |direction| connection.passage(direction).sent.end.map(|end| end.how);
        assert_eq!(how(Direction::Request), Some(Ended::Finished));
        assert_eq!(how(Direction::Response), Some(Ended::Finished));
    }

    #[test]
    fn a_reset_stays_a_reset() {
        let server = listener();
        let mut tap = tap_to(&server);
        let door = tap.open_door(Plan::default(), &dialect()).expect("a door");
        let mut client = TcpStream::connect(door).expect("connected");
        client.write_all(b"ping").expect("written");
        let (peer, _) = server.accept().expect("accepted");
        let mut bytes = [0; 1];
        (&peer).read_exact(&mut bytes).expect("read");
        // Three bytes stay unread: the close is a reset.
        drop(peer);
        let error = client.read(&mut bytes).expect_err("a reset");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(tap.wait_idle(), Waited::Idle);
        let end = tap.recording().connections[0].responses.sent.end;
        assert_eq!(end.map(|end| end.how), Some(Ended::Reset));
    }

    #[test]
    fn a_panic_on_a_connection_is_told_and_not_waited_for() {
        struct PanicsAt(Kind);
        impl Meddle for PanicsAt {
            fn head(&mut self, _: Direction, kind: Option<Kind>, _: &mut Vec<u8>) -> Fate {
                assert_ne!(kind, Some(self.0), "as the test wants it");
                Fate::Pass
            }
        }
        for kind in [Kind::Register, Kind::Registered] {
            let server = listener();
            let mut tap = tap_to(&server);
            let plan = Plan {
                meddle: Some(Box::new(PanicsAt(kind))),
                ..Plan::default()
            };
            let door = tap.open_door(plan, &dialect()).expect("a door");
            // Client and server stay: only the tap ends the connection.
            let mut client = TcpStream::connect(door).expect("connected");
            let request = frame::request(&dialect(), Kind::Register, &[0; 16], &[1; 255]);
            client.write_all(&request).expect("written");
            let _peer = (kind == Kind::Registered).then(|| {
                let (mut peer, _) = server.accept().expect("accepted");
                let response = frame::response(&dialect(), Kind::Registered, &[1; 16]);
                peer.write_all(&response).expect("written");
                peer
            });
            let end = client.read(&mut [0]);
            assert!(!end.is_ok_and(|size| size > 0));
            assert_eq!(tap.wait_idle(), Waited::Panicked);
            assert!(Instant::now() < tap.shared.deadline);
        }
    }

    #[test]
    fn a_gate_holds_a_message_until_it_is_opened() {
        struct HoldFirst(Arc<Gate>);
        impl Meddle for HoldFirst {
            fn head(&mut self, _: Direction, kind: Option<Kind>, _: &mut Vec<u8>) -> Fate {
                match kind {
                    Some(Kind::Register) => Fate::Hold(Arc::clone(&self.0)),
                    _ => Fate::Pass,
                }
            }
        }
        let first = listener();
        let second = listener();
        let gate = Gate::new();
        let mut tap = tap_to(&first);
        let plan = Plan {
            meddle: Some(Box::new(HoldFirst(Arc::clone(&gate)))),
            ..Plan::default()
        };
        let door = tap.open_door(plan, &dialect()).expect("a door");
        let mut client = TcpStream::connect(door).expect("connected");
        let request = frame::request(&dialect(), Kind::Register, &[0; 16], &[1; 255]);
        client.write_all(&request).expect("written");
        assert!(gate.wait_reached(deadline()));
        // The connection is made when the first byte goes on: to the target of that moment.
        tap.set_target(second.local_addr().expect("address"));
        gate.open();
        let (mut peer, _) = second.accept().expect("accepted");
        let mut bytes = vec![0; request.len()];
        peer.read_exact(&mut bytes).expect("read");
        assert_eq!(bytes, request);
    }
}
