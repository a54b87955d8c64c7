//! A blocking client: the library `backup-client` (PROTOCOL.md 6).

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::time::Duration;

use backup_client::source::SourceFile;
use backup_client::{ClientError, ClientOptions, Exit, Interrupt, KeyPer, ServerAddress};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};

use crate::dialect::{Dialect, DialectArgument};
use crate::error::Error;
use crate::source::Source;
use crate::value::value;
use crate::wire::{ClientId, Name};
use crate::work::{self, Done, Events};

/// What the argument `dialect` says to find out.
pub(crate) const AUTO: &str = "auto";

value! {
    /// A file that the server has: its cksum was equal on both sides.
    Sent (file_name, size, cksum, transmissions, verdict) {
        /// The file name on the wire.
        file_name: String,
        /// The file's size in bytes, as it was transmitted.
        size: u64,
        /// Its checksum, computed by both sides (PROTOCOL.md 5).
        cksum: u32,
        /// Times it was transmitted, at least 1.
        transmissions: u32,
        /// Whether the server is known to have taken in that its cksum was right: ``"verified"``, or
        /// ``"unconfirmed"`` if neither an end of the stream nor an answer came (PROTOCOL.md 2.12).
        verdict: String,
    } {}
}

/// A blocking client with its identity folder, which it creates if need be and keeps locked until
/// ``close`` or the end of a ``with`` block.
///
/// ``server`` is ``"host:port"``. ``name`` is the client name, 1 to 254 bytes of UTF-8. ``identity``
/// is the folder of ``me.info`` (PROTOCOL.md 8.3). ``dialect`` is what the server speaks; ``"auto"``
/// finds out from its answers (10.11), and keeps that with the identity. ``key_per`` says how often to ask for a new AES key:
/// before each ``"file"``, or once for each ``"connection"`` (4.4). ``timeout`` is the longest wait
/// in seconds for a connection, a write, or an answer. ``wrong_verdicts`` is for tests of servers: of the
/// first so many transmissions of each file the client says that the cksum is wrong, whatever it is.
///
/// Nothing is sent before the first call of a method. All of them wait without the GIL. Ctrl-C ends them
/// at once, but for a connection that is being made; ``interrupt`` does so from another thread. A second
/// thread is refused with ``RuntimeError`` while one is at work.
///
/// Raises ``LocalError`` if the folder cannot be used, is in use, or is another client's.
#[pyclass(frozen, module = "backup_protocol")]
pub(crate) struct Client {
    /// `None` once it is closed.
    client: Mutex<Option<backup_client::Client>>,
    server: ServerAddress,
    name: Name,
    interrupt: Interrupt,
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (
        server, name, identity, *, dialect = DialectOrAuto(None), connection_per_request = false,
        key_per = KeyPerArgument(KeyPer::File), timeout = Seconds(Duration::from_secs(30)),
        wrong_verdicts = 0,
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        server: &str,
        name: Name,
        identity: PathBuf,
        dialect: DialectOrAuto,
        connection_per_request: bool,
        key_per: KeyPerArgument,
        timeout: Seconds,
        wrong_verdicts: u8,
    ) -> Result<Self, Error> {
        let server: ServerAddress = server
            .parse()
            .map_err(|error| PyValueError::new_err(format!("{error}")))?;
        let interrupt = Interrupt::default();
        let options = ClientOptions::new(server.clone(), name.0.clone(), identity)
            .dialect(dialect.0)
            .connection_per_request(connection_per_request)
            .key_per(key_per.0)
            .timeout(timeout.0)
            .wrong_verdicts(wrong_verdicts)
            .interrupt(interrupt.clone());
        let client = py.detach(|| backup_client::Client::open(options))?;
        Ok(Self {
            client: Mutex::new(Some(client)),
            server,
            name,
            interrupt,
        })
    }

    /// Takes the name on the server and keeps the identity that it gives, if there is none yet; sends
    /// nothing if there is. Returns the client ID.
    ///
    /// Raises ``RefusedError`` if a client of the server has the name already (PROTOCOL.md 2.9), and
    /// the other kinds of ``ClientError``.
    fn register(&self, py: Python<'_>) -> Result<ClientId, Error> {
        let done = self.work(py, None, |client, events| {
            client.register(&mut |event| events.take(&event))
        })?;
        raise(done)??;
        self.client_id()?.ok_or_else(|| closed().into())
    }

    /// Exchanges keys without sending a file, registering first if there is no identity: shows that
    /// the server still knows this client.
    ///
    /// Raises ``ClientError``.
    fn exchange_keys(&self, py: Python<'_>) -> Result<(), Error> {
        let done = self.work(py, None, |client, events| {
            client.exchange_keys(&mut |event| events.take(&event))
        })?;
        Ok(raise(done)??)
    }

    /// Sends a file, registering first if there is no identity, until the cksums are equal or the
    /// dialect's number of transmissions is reached (PROTOCOL.md 6.1).
    ///
    /// ``source`` is a path, a bytes-like object, a binary file object, which is read to its end, or an
    /// iterable of bytes. All but paths are kept in a temporary file while they are sent. On the wire it
    /// has the base name of the path or ``send_as``. ``progress`` is called with the bytes of the file that
    /// were handed to the connection and the bytes of it in all; what it raises ends the call.
    ///
    /// Raises ``ClientError``; ``ValueError`` if there is no name. Where warnings are errors, one that
    /// comes after the file was stored has the ``Sent`` as its ``result``.
    #[pyo3(signature = (source, *, send_as = None, progress = None))]
    fn send(
        &self,
        py: Python<'_>,
        source: &Bound<'_, PyAny>,
        send_as: Option<&str>,
        progress: Option<Py<PyAny>>,
    ) -> Result<Sent, Error> {
        let source = Source::new(source, send_as)?;
        let files = [source.file.clone()];
        let Done { value, raised } = self.work(py, progress, |client, events| {
            client.send(&files, &mut |event| events.take(&event)).pop()
        })?;
        let result = match value {
            Some(result) => result.map(|result| sent(&source.file, &result)),
            None => return Err(closed().into()),
        };
        match (raised, result) {
            (None, result) => Ok(result?),
            (Some(raised), Ok(sent)) => {
                Err(with_result(py, raised, Py::new(py, sent)?.into_any())?.into())
            }
            (Some(raised), Err(_)) => Err(raised.into()),
        }
    }

    /// Sends files in order, over as few connections as the dialect allows. There is one result a
    /// file: a ``Sent``, or the ``ClientError`` that ``send`` would have raised for it.
    ///
    /// A file that fails keeps the others from being sent only if they would fail in the same way.
    /// Raises, before anything is sent, ``LocalError`` if one of the files cannot be read, and
    /// ``ValueError`` if two have the same base name: the second would take the place of the first. What
    /// ``progress`` raises ends the call; a warning that is an error has the results as its ``result``.
    #[pyo3(signature = (paths, *, progress = None))]
    fn send_all(
        &self,
        py: Python<'_>,
        paths: Vec<PathBuf>,
        progress: Option<Py<PyAny>>,
    ) -> Result<Py<PyList>, Error> {
        let files: Vec<SourceFile> = paths
            .iter()
            .map(|path| SourceFile::check(path, None))
            .collect::<Result<_, _>>()
            .map_err(ClientError::from)?;
        let mut names = HashSet::new();
        if let Some(second) = files.iter().find(|file| !names.insert(file.wire_name())) {
            let text = format!("two files would both be sent as '{}'", second.wire_name());
            return Err(PyValueError::new_err(text).into());
        }
        let Done { value, raised } = self.work(py, progress, |client, events| {
            client.send(&files, &mut |event| events.take(&event))
        })?;
        let results = PyList::empty(py);
        for (file, result) in files.iter().zip(value) {
            match result {
                Ok(result) => results.append(Py::new(py, sent(file, &result))?)?,
                Err(error) => results.append(PyErr::from(Error::from(error)).into_value(py))?,
            }
        }
        match raised {
            None => Ok(results.unbind()),
            Some(raised) => Err(with_result(py, raised, results.into_any().unbind())?.into()),
        }
    }

    /// Ends the call that another thread is in, which raises ``LocalError``; of none, nothing.
    fn interrupt(&self) {
        self.interrupt.raise();
    }

    /// Unlocks the identity folder. Methods called after it raise ``ValueError``.
    fn close(&self) -> PyResult<()> {
        self.lock()?.take();
        Ok(())
    }

    /// The server, ``"host:port"``.
    #[getter]
    fn server(&self) -> String {
        self.server.to_string()
    }

    /// The client name.
    #[getter]
    fn name(&self) -> Name {
        self.name.clone()
    }

    /// The client ID, ``None`` if there is no identity yet.
    #[getter]
    fn client_id(&self) -> PyResult<Option<ClientId>> {
        let guard = self.lock()?;
        Ok(guard.as_ref().ok_or_else(closed)?.client_id().map(ClientId))
    }

    /// The dialect, a name and modifiers: the one that was asked for, else what the server was heard
    /// speaking.
    #[getter]
    fn dialect(&self) -> PyResult<Option<String>> {
        let guard = self.lock()?;
        Ok(guard
            .as_ref()
            .ok_or_else(closed)?
            .dialect()
            .map(|dialect| dialect.to_string()))
    }

    /// SHA-256 of the public key as it goes over the wire, in the manner of ssh.
    #[getter]
    fn key_fingerprint(&self) -> PyResult<String> {
        let guard = self.lock()?;
        Ok(guard.as_ref().ok_or_else(closed)?.key_fingerprint())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        _type: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.close()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let name = PyString::new(py, self.name.0.as_str());
        Ok(format!("<Client {} of {}>", name.repr()?, self.server))
    }
}

impl Client {
    /// The client, or `RuntimeError` if a call is at work: waiting for it would block the
    /// interpreter, and for ever if `progress` is what calls.
    fn lock(&self) -> PyResult<MutexGuard<'_, Option<backup_client::Client>>> {
        match self.client.try_lock() {
            Ok(guard) => Ok(guard),
            Err(TryLockError::Poisoned(guard)) => Ok(guard.into_inner()),
            Err(TryLockError::WouldBlock) => Err(PyRuntimeError::new_err(
                "the client is at work in another call",
            )),
        }
    }

    fn work<T: Send>(
        &self,
        py: Python<'_>,
        progress: Option<Py<PyAny>>,
        work: impl FnOnce(&mut backup_client::Client, &Events) -> T + Send,
    ) -> PyResult<Done<T>> {
        let mut guard = self.lock()?;
        let client = guard.as_mut().ok_or_else(closed)?;
        Ok(work::run(
            py,
            &self.interrupt,
            progress.as_ref(),
            |events| work(client, events),
        ))
    }
}

fn raise<T>(done: Done<T>) -> PyResult<T> {
    done.raised.map_or(Ok(done.value), Err)
}

/// A warning that is raised must not hide what was done before it.
fn with_result(py: Python<'_>, raised: PyErr, result: Py<PyAny>) -> PyResult<PyErr> {
    let class = py
        .import("backup_protocol.errors")?
        .getattr("BackupProtocolWarning")?;
    if raised.value(py).is_instance(&class)? {
        raised.value(py).setattr("result", result)?;
    }
    Ok(raised)
}

fn sent(file: &SourceFile, sent: &backup_client::Sent) -> Sent {
    Sent {
        file_name: file.wire_name().as_str().to_owned(),
        size: sent.bytes,
        cksum: sent.cksum,
        transmissions: sent.transmissions,
        verdict: sent.verdict.slug().to_owned(),
    }
}

fn closed() -> PyErr {
    PyValueError::new_err("the client is closed")
}

/// The exception for what a client failed with.
pub(crate) const fn exception(exit: Exit) -> &'static str {
    match exit {
        Exit::Done | Exit::Usage => "ClientError",
        Exit::Failure => "LocalError",
        Exit::Refused => "RefusedError",
        Exit::GaveUp => "GaveUpError",
        Exit::Connection => "ConnectionLostError",
        Exit::Violation => "ViolationError",
    }
}

/// The argument `dialect` of a client: as of the codec, or `"auto"`.
struct DialectOrAuto(Option<backup_protocol::Dialect>);

impl FromPyObject<'_, '_> for DialectOrAuto {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if object.cast::<Dialect>().is_err() && object.extract::<String>()? == AUTO {
            return Ok(Self(None));
        }
        let DialectArgument(dialect) = object.extract()?;
        Ok(Self(Some(dialect.into_owned())))
    }
}

/// The argument `key_per`.
struct KeyPerArgument(KeyPer);

impl FromPyObject<'_, '_> for KeyPerArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match object.extract::<String>()?.as_str() {
            "file" => Ok(Self(KeyPer::File)),
            "connection" => Ok(Self(KeyPer::Connection)),
            _ => Err(PyValueError::new_err("key_per is 'file' or 'connection'")),
        }
    }
}

/// A positive number of seconds.
pub(crate) struct Seconds(pub(crate) Duration);

impl FromPyObject<'_, '_> for Seconds {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match Duration::try_from_secs_f64(object.extract()?) {
            Ok(timeout) if !timeout.is_zero() => Ok(Self(timeout)),
            _ => Err(PyValueError::new_err(
                "a timeout is a positive number of seconds",
            )),
        }
    }
}
