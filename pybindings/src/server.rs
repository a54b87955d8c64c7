//! The Rust server inside the process: the library of `backup-server`, for tests of clients.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use backup_protocol::wire::VerdictKind;
use backup_server::store::operator::{Operator, VersionInfo};
use backup_server::{Config, DialectChoice, Event, Limits, store};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::client::Seconds;
use crate::dialect::Dialect;
use crate::error::text;
use crate::value::value;
use crate::wire::ClientId;

/// How long a signal waits to be looked for.
const GLANCE: Duration = Duration::from_millis(50);

value! {
    /// Something that a server did: see ``Server.events``.
    ServerEvent (
        kind, *, client_id = None, name = None, file_name = None, size = None, cksum = None,
        request = None, reason = None,
    ) {
        /// ``"connected"``, ``"registered"``, ``"received"`` (a file, which waits for its verdict),
        /// ``"verified"``, ``"wrong"`` and ``"gave-up"`` (the verdicts 1104, 1105 and 1106), ``"refused"``,
        /// ``"closed"`` (a connection, and what was not complete of it is gone).
        kind: String,
    } {
        /// The client ID in the request, if it is about one.
        client_id: Option<ClientId>,
        /// The client name, of ``"registered"``.
        name: Option<String>,
        /// The file name as sent, of ``"received"`` and of the verdicts.
        file_name: Option<String>,
        /// Bytes of plaintext, of ``"received"``.
        size: Option<u64>,
        /// The checksum that is answered, of ``"received"``.
        cksum: Option<u32>,
        /// What was asked, of ``"refused"``, as far as it is known.
        request: Option<String>,
        /// Why, of ``"refused"``.
        reason: Option<String>,
    }
}

impl ServerEvent {
    fn bare(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            client_id: None,
            name: None,
            file_name: None,
            size: None,
            cksum: None,
            request: None,
            reason: None,
        }
    }
}

impl From<Event> for ServerEvent {
    fn from(event: Event) -> Self {
        match event {
            Event::Connected { .. } => Self::bare("connected"),
            Event::Closed { .. } => Self::bare("closed"),
            Event::Registered { client, name } => Self {
                client_id: Some(ClientId(client)),
                name: Some(name),
                ..Self::bare("registered")
            },
            Event::Received {
                client,
                file_name,
                size,
                cksum,
            } => Self {
                client_id: Some(ClientId(client)),
                file_name: Some(file_name),
                size: Some(size),
                cksum: Some(cksum),
                ..Self::bare("received")
            },
            Event::Judged {
                client,
                file_name,
                kind,
            } => Self {
                client_id: Some(ClientId(client)),
                file_name: Some(file_name),
                ..Self::bare(match kind {
                    VerdictKind::Right => "verified",
                    VerdictKind::Wrong => "wrong",
                    VerdictKind::GiveUp => "gave-up",
                })
            },
            Event::Refused {
                client,
                request,
                reason,
            } => Self {
                client_id: client.map(ClientId),
                request: request.map(|request| request.to_string()),
                reason: Some(reason.to_string()),
                ..Self::bare("refused")
            },
            _ => Self::bare("other"),
        }
    }
}

value! {
    /// A client that a server knows. Its ID is not in it: it is a credential.
    ServerClient (name, label, short_id, dialect, files, waiting) {
        /// The name it registered.
        name: String,
        /// The name of its folder below ``clients``.
        label: String,
        /// The first 8 hex digits of its ID.
        short_id: String,
        /// The dialect it was answered in last, if that was learned.
        dialect: Option<String>,
        /// Files with a verified version.
        files: u64,
        /// Versions that nobody has judged.
        waiting: u64,
    } {}
}

value! {
    /// A version of a file that a server has.
    StoredFile (client, name, path, size, cksum, verified) {
        /// The name of its client.
        client: String,
        /// Its own name, as sent.
        name: String,
        /// Where its content is.
        path: PathBuf,
        /// Bytes of plaintext.
        size: u64,
        /// Its checksum, as it was answered.
        cksum: u32,
        /// Whether the client has called it right (1104). Otherwise it waits.
        verified: bool,
    } {}

    /// Its content.
    fn read_bytes(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let bytes = py.detach(|| std::fs::read(&self.path))?;
        Ok(PyBytes::new(py, &bytes).unbind())
    }
}

/// The library of ``backup-server``, in threads of this process.
///
/// ``data`` is the folder it stores in; without it, a temporary one that goes with this object.
/// ``dialect`` is what its clients speak, or ``"auto"`` to learn it from each (PROTOCOL.md 10.10).
/// ``listen`` is ``"host:port"``; with port 0 the system chooses, and further starts take the same.
/// ``max_file`` bounds the bytes of encrypted content of a file, ``idle_timeout`` the seconds that a
/// connection may be silent, ``grace`` the seconds that requests under way are given by ``stop``.
///
/// A ``with`` block starts and stops it. Raises ``OSError`` if address or folder cannot be had.
#[pyclass(frozen, module = "backup_protocol")]
pub(crate) struct Server {
    data: PathBuf,
    _temporary: Option<TempDir>,
    dialect: DialectChoice,
    limits: Limits,
    state: Mutex<State>,
    log: Arc<Log>,
}

struct State {
    listen: String,
    running: Option<Running>,
}

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Log {
    events: Mutex<Vec<ServerEvent>>,
    more: Condvar,
}

#[pymethods]
impl Server {
    #[new]
    #[pyo3(signature = (
        data = None, *, dialect = Choice(None), listen = "127.0.0.1:0", max_file = None,
        idle_timeout = None, grace = None,
    ))]
    fn new(
        data: Option<PathBuf>,
        dialect: Choice,
        listen: &str,
        max_file: Option<u64>,
        idle_timeout: Option<Seconds>,
        grace: Option<Seconds>,
    ) -> PyResult<Self> {
        let temporary = match data {
            None => Some(
                tempfile::Builder::new()
                    .prefix("backup-server-")
                    .tempdir()?,
            ),
            Some(_) => None,
        };
        let folder = temporary.as_ref().map(|folder| folder.path().to_owned());
        let defaults = Limits::default();
        Ok(Self {
            data: data.or(folder).unwrap_or_default(),
            _temporary: temporary,
            dialect: dialect
                .0
                .unwrap_or_else(|| DialectChoice::Fixed(backup_protocol::Dialect::default())),
            limits: Limits {
                max_file: max_file.unwrap_or(defaults.max_file),
                idle_timeout: idle_timeout.map_or(defaults.idle_timeout, |seconds| seconds.0),
                grace: grace.map_or(defaults.grace, |seconds| seconds.0),
                ..defaults
            },
            state: Mutex::new(State {
                listen: listen.to_owned(),
                running: None,
            }),
            log: Arc::default(),
        })
    }

    /// Begins to serve; clients can connect when this returns. Does nothing if it does already.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| {
            let mut state = self.lock();
            if state.running.is_none() {
                let running = self.run(&state.listen)?;
                // A client that tries again finds the server where it was.
                state.listen = running.address.to_string();
                state.running = Some(running);
            }
            Ok(())
        })
    }

    /// Lets requests under way finish, and stops. What was answered is on the disk then, and the folder
    /// is free. ``start`` serves it again, at the same address.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.end());
    }

    /// Where clients connect to, ``"host:port"``.
    ///
    /// Raises ``RuntimeError`` before the first start if the system is to choose the port.
    #[getter]
    fn address(&self) -> PyResult<String> {
        let state = self.lock();
        match &state.running {
            None if state.listen.ends_with(":0") => {
                Err(PyRuntimeError::new_err("the server was not started"))
            }
            _ => Ok(state.listen.clone()),
        }
    }

    /// The folder it stores in.
    #[getter]
    fn data(&self) -> &Path {
        &self.data
    }

    /// What its clients speak, ``auto`` or a dialect.
    #[getter]
    fn dialect(&self) -> String {
        self.dialect.to_string()
    }

    /// The clients that it knows, in the order of their names.
    #[getter]
    fn clients(&self, py: Python<'_>) -> PyResult<Vec<ServerClient>> {
        let rows = py.detach(|| store::clients(&self.data)).map_err(failed)?;
        let client = |row: store::ClientRow| ServerClient {
            name: row.name,
            label: row.label,
            short_id: row.short_id,
            dialect: row.dialect,
            files: row.files,
            waiting: row.waiting,
        };
        Ok(rows.into_iter().map(client).collect())
    }

    /// All versions of all files that it has, in the order in which they became durable.
    #[getter]
    fn files(&self, py: Python<'_>) -> PyResult<Vec<StoredFile>> {
        let versions = py.detach(|| Operator::look(&self.data)?.versions(None, None));
        let mut versions = versions.map_err(failed)?;
        versions.sort_by_key(|version| version.version);
        let file = |version: VersionInfo| StoredFile {
            client: version.client,
            name: version.name,
            path: version.content,
            size: version.size,
            cksum: version.cksum,
            verified: version.verified.is_some(),
        };
        Ok(versions.into_iter().map(file).collect())
    }

    /// What it has done so far. An event is there before the client has its answer.
    #[getter]
    fn events(&self) -> Vec<ServerEvent> {
        self.log.lock().clone()
    }

    /// Waits until there are ``count`` events of this kind, since the server was made, and gives the last
    /// of them.
    ///
    /// Raises ``TimeoutError``, with all events there were, after ``timeout`` seconds.
    #[pyo3(signature = (kind, *, count = 1, timeout = Seconds(Duration::from_secs(10))))]
    fn wait_for(
        &self,
        py: Python<'_>,
        kind: &str,
        count: usize,
        timeout: Seconds,
    ) -> PyResult<ServerEvent> {
        const KINDS: [&str; 8] = [
            "connected",
            "registered",
            "received",
            "verified",
            "wrong",
            "gave-up",
            "refused",
            "closed",
        ];
        if !KINDS.contains(&kind) || count == 0 {
            let kinds = KINDS.join(", ");
            let text = format!("wait for one or more of {kinds}, not {count} of '{kind}'");
            return Err(PyValueError::new_err(text));
        }
        let begin = Instant::now();
        loop {
            if let Some(event) = py.detach(|| self.log.nth(kind, count)) {
                return Ok(event);
            }
            py.check_signals()?;
            if begin.elapsed() >= timeout.0 {
                let events = self.events();
                let seen: PyResult<Vec<_>> =
                    events.iter().map(|event| event.__repr__(py)).collect();
                let seen = seen?.join("\n  ");
                let text = format!("no {count} of '{kind}' in time; there were:\n  {seen}");
                return Err(PyTimeoutError::new_err(text));
            }
        }
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyResult<PyRef<'_, Self>> {
        slf.start(slf.py())?;
        Ok(slf)
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _type: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) {
        self.stop(py);
    }

    fn __repr__(&self) -> String {
        let state = self.lock();
        let doing = if state.running.is_some() {
            "at"
        } else {
            "not at"
        };
        format!("<Server {doing} {}>", state.listen)
    }
}

impl Server {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, listen: &str) -> PyResult<Running> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let config = Config {
            listen: listen.to_owned(),
            data: self.data.clone(),
            dialect: self.dialect.clone(),
            limits: self.limits.clone(),
            store: store::StoreOptions::default(),
            tls: None,
            metrics_of_clients: false,
        };
        let server = runtime.block_on(backup_server::Server::bind(config));
        let log = Arc::clone(&self.log);
        let server = server
            .map_err(|error| PyOSError::new_err(text(&error)))?
            .observed(move |event| log.add(event.into()));
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("backup-server".to_owned())
            .spawn(move || {
                runtime.block_on(server.run(async {
                    // An end that is dropped is a stop as well.
                    let _ = stopped.await;
                }));
            })?;
        Ok(Running {
            address,
            stop,
            thread,
        })
    }

    fn end(&self) {
        let running = self.lock().running.take();
        if let Some(running) = running {
            // The thread has ended if nobody takes it.
            let _ = running.stop.send(());
            let _ = running.thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<ServerEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, event: ServerEvent) {
        self.lock().push(event);
        self.more.notify_all();
    }

    /// The `count`th event of a kind, if it is there or comes soon.
    fn nth(&self, kind: &str, count: usize) -> Option<ServerEvent> {
        let find = |events: &[ServerEvent]| {
            let mut of_kind = events.iter().filter(|event| event.kind == kind);
            of_kind.nth(count.saturating_sub(1)).cloned()
        };
        let events = self.lock();
        if let Some(event) = find(&events) {
            return Some(event);
        }
        let (events, _) = self
            .more
            .wait_timeout(events, GLANCE)
            .unwrap_or_else(PoisonError::into_inner);
        find(&events)
    }
}

fn failed(error: impl std::error::Error + 'static) -> PyErr {
    PyOSError::new_err(text(&error))
}

/// The argument `dialect` of a server: as of the codec, or what `backup-server` takes.
struct Choice(Option<DialectChoice>);

impl FromPyObject<'_, '_> for Choice {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if let Ok(dialect) = object.cast::<Dialect>() {
            return Ok(Self(Some(dialect.get().0.clone().into())));
        }
        let choice = DialectChoice::parse(&object.extract::<String>()?);
        choice
            .map(|choice| Self(Some(choice)))
            .map_err(|error| PyValueError::new_err(text(&error)))
    }
}
