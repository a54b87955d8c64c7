//! Dialects (PROTOCOL.md 10).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use backup_protocol::dialect::DialectError;
use backup_protocol::wire::{self, VerdictKind};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::args;
use crate::error::{Error, text};
use crate::request::SendFile;
use crate::value::value;
use crate::wire::{ClientId, Name};

/// One consistent set of layout choices (PROTOCOL.md 10).
///
/// ``Dialect("seed")`` is what the programs send; modifiers change single parameters of a built-in one
/// (10.2); files bring others. Wherever an argument is called ``dialect``, such a text does as well.
/// Dialects are equal if all of their parameters are. ``str`` gives the text.
///
/// Raises ``ValueError``, with what is possible, for a name, modifier or value that does not exist.
///
/// >>> Dialect("readme").response_header_size
/// 5
/// >>> Dialect("2023a,crc=zlib,pad=1024").response_padding
/// 1024
/// >>> Dialect("seed,crc=md5")
/// Traceback (most recent call last):
///     ...
/// ValueError: "md5" is no value of crc=; possible are posix, zlib, crc8
#[pyclass(frozen, eq, module = "backup_protocol")]
#[derive(Clone, PartialEq)]
pub(crate) struct Dialect(pub(crate) backup_protocol::Dialect);

#[pymethods]
impl Dialect {
    #[new]
    fn new(text: &str) -> PyResult<Self> {
        let dialect = backup_protocol::Dialect::parse(text);
        dialect.map(Self).map_err(value_error)
    }

    /// The dialect with modifiers, ``key=value`` with commas between.
    ///
    /// Raises ``ValueError`` for what does not exist, and for a combination that cannot be.
    ///
    /// >>> str(Dialect("2023a").modified("crc=zlib"))
    /// '2023a,crc=zlib'
    fn modified(&self, modifiers: &str) -> PyResult<Self> {
        let dialect = self.0.modified(modifiers);
        dialect.map(Self).map_err(value_error)
    }

    /// Reads a dialect from its JSON.
    ///
    /// Raises ``DialectError`` for what ``vectors/schema/dialect.schema.json`` does not allow.
    #[staticmethod]
    fn from_json(text: &str) -> Result<Self, Error> {
        Ok(Self(backup_protocol::Dialect::from_json(text)?))
    }

    /// Reads a dialect file.
    ///
    /// Raises ``OSError`` if it cannot be read, ``ValueError`` if it is not UTF-8, and else as
    /// ``from_json``.
    #[staticmethod]
    fn from_file(path: PathBuf) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(PyErr::from)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| PyValueError::new_err("the dialect file is not UTF-8"))?;
        Self::from_json(&text)
    }

    /// The dialect file that says this.
    fn to_json(&self) -> String {
        self.0.to_json()
    }

    /// The built-in dialects, the most usual first.
    #[staticmethod]
    fn all() -> Vec<Self> {
        backup_protocol::Dialect::all()
            .iter()
            .cloned()
            .map(Self)
            .collect()
    }

    /// Its name, without modifiers.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// One line for people.
    #[getter]
    fn title(&self) -> &str {
        &self.0.title
    }

    /// The code of each request, by its name (PROTOCOL.md 2); ``None`` for what it does not have.
    #[getter]
    fn request_codes(&self) -> BTreeMap<&'static str, Option<u16>> {
        let codes = &self.0.request_codes;
        BTreeMap::from([
            ("register", Some(codes.register.0)),
            ("send_public_key", Some(codes.send_public_key.0)),
            ("reconnect", codes.reconnect.map(|code| code.0)),
            ("send_file", Some(codes.send_file.0)),
            ("cksum_right", Some(codes.cksum_right.0)),
            ("cksum_wrong", Some(codes.cksum_wrong.0)),
            ("give_up", Some(codes.give_up.0)),
        ])
    }

    /// The code of each response, by its name (PROTOCOL.md 2); ``None`` for what it does not have.
    #[getter]
    fn response_codes(&self) -> BTreeMap<&'static str, Option<u16>> {
        let codes = &self.0.response_codes;
        BTreeMap::from([
            ("registered", Some(codes.registered.0)),
            ("refused", Some(codes.refused.0)),
            ("aes_key", Some(codes.aes_key.0)),
            ("file_received", Some(codes.file_received.0)),
            ("acknowledged", Some(codes.acknowledged.0)),
            ("reconnected", codes.reconnected.map(|code| code.0)),
            (
                "reconnect_refused",
                codes.reconnect_refused.map(|code| code.0),
            ),
            ("general_error", codes.general_error.map(|code| code.0)),
        ])
    }

    /// Order of the bytes of integers: ``"little"`` or ``"big"`` (PROTOCOL.md 1.2).
    #[getter]
    fn byte_order(&self) -> &'static str {
        self.0.byte_order.word()
    }

    /// The same, of packet number and total (PROTOCOL.md 10.7).
    #[getter]
    fn packet_byte_order(&self) -> &'static str {
        self.0.packet_byte_order.word()
    }

    /// Of the headers: ``"packed"`` or ``"natural"`` (PROTOCOL.md 1.5, 1.6).
    #[getter]
    fn alignment(&self) -> &'static str {
        self.0.alignment.word()
    }

    /// Bytes of a name field: 255 or 256 (PROTOCOL.md 1.8).
    #[getter]
    fn name_width(&self) -> usize {
        self.0.name_width.bytes()
    }

    /// Bytes of the payload size in a response header: 2 or 4 (PROTOCOL.md 1.6).
    #[getter]
    fn response_size_width(&self) -> usize {
        self.0.response_size_width.bytes()
    }

    /// Bytes of a request header: 23 or 24 (PROTOCOL.md 1.5).
    #[getter]
    fn request_header_size(&self) -> usize {
        self.0.request_header_size()
    }

    /// Bytes of a response header: 5 to 8 (PROTOCOL.md 1.6).
    #[getter]
    fn response_header_size(&self) -> usize {
        self.0.response_header_size()
    }

    /// What the payload size of a response counts: ``"payload"``, ``"message"`` or ``"padded"``
    /// (PROTOCOL.md 1.6).
    #[getter]
    fn size_counts(&self) -> &'static str {
        self.0.size_counts.word()
    }

    /// Bytes that a response is padded to: 0, 1024 or 2048 (PROTOCOL.md 10.3).
    #[getter]
    fn response_padding(&self) -> usize {
        self.0.response_padding.bytes()
    }

    /// Bytes that a request without content is padded to: 0 or 1024 (PROTOCOL.md 10.3).
    #[getter]
    fn request_padding(&self) -> usize {
        self.0.request_padding.bytes()
    }

    /// Whether the payloads of 1103 to 1106 begin with the client ID (PROTOCOL.md 2).
    #[getter]
    fn client_id_in_payload(&self) -> bool {
        self.0.client_id_in_payload
    }

    /// What a refusal carries: ``"empty"`` or ``"client-id"`` (PROTOCOL.md 2.6).
    #[getter]
    fn refused_payload(&self) -> &'static str {
        self.0.refused_payload.word()
    }

    /// The fields of 2103, in order (PROTOCOL.md 2).
    #[getter]
    fn file_received_fields(&self) -> Vec<String> {
        self.0.file_received_fields.into()
    }

    /// Which size 2103 repeats: that of the ``"content"`` or the ``"plain"`` one (PROTOCOL.md 2.8).
    #[getter]
    fn echoed_size(&self) -> &'static str {
        self.0.echoed_size.word()
    }

    /// How a checksum is computed: ``"posix"``, ``"zlib"`` or ``"crc8"`` (PROTOCOL.md 5).
    #[getter]
    fn checksum(&self) -> &'static str {
        self.0.checksum.word()
    }

    /// What it is computed over: ``"plaintext"``, ``"padded"`` or ``"content"`` (PROTOCOL.md 5).
    #[getter]
    fn checksum_input(&self) -> &'static str {
        self.0.checksum_input.word()
    }

    /// Bytes of the checksum field in 2103: 4 or 16 (PROTOCOL.md 2.7).
    #[getter]
    fn cksum_width(&self) -> usize {
        self.0.cksum_width.bytes()
    }

    /// Bytes of the AES key that a server makes: 16 or 32 (PROTOCOL.md 4.3).
    #[getter]
    fn aes_key_size(&self) -> usize {
        self.0.aes_key_size.bytes()
    }

    /// Sizes of the public keys that are accepted (PROTOCOL.md 10.8).
    #[getter]
    fn public_key_sizes(&self) -> Vec<u16> {
        self.0.public_key_sizes.into()
    }

    /// What a connection carries: a ``"session"`` or one ``"request"`` (PROTOCOL.md 10.9).
    #[getter]
    fn connection(&self) -> &'static str {
        self.0.connection.word()
    }

    /// Whether 1103 has packet fields (PROTOCOL.md 10.7).
    #[getter]
    fn packets(&self) -> bool {
        self.0.packets
    }

    /// The most bytes of content that a sender puts into one packet; 0 for all of it (PROTOCOL.md
    /// 10.7).
    #[getter]
    fn packet_size(&self) -> u32 {
        self.0.packet_size.bytes()
    }

    /// Which AES key a reconnect hands out: a ``"new"`` one or the ``"same"`` (PROTOCOL.md 10.4).
    #[getter]
    fn reconnect_key(&self) -> &'static str {
        self.0.reconnect_key.word()
    }

    /// Times that a file is sent before the client gives up (PROTOCOL.md 6.1).
    #[getter]
    fn transmissions(&self) -> u8 {
        self.0.transmissions
    }

    /// The port when nothing names one (PROTOCOL.md 8.1).
    #[getter]
    fn default_port(&self) -> u16 {
        self.0.default_port
    }

    /// What follows an honoured 1104 (PROTOCOL.md 2.11).
    #[getter]
    fn after_right(&self) -> After {
        After::of(&self.0, VerdictKind::Right)
    }

    /// What follows an honoured 1105 (PROTOCOL.md 2.11).
    #[getter]
    fn after_wrong(&self) -> After {
        After::of(&self.0, VerdictKind::Wrong)
    }

    /// What follows an honoured 1106 (PROTOCOL.md 2.11).
    #[getter]
    fn after_give_up(&self) -> After {
        After::of(&self.0, VerdictKind::GiveUp)
    }

    /// Bytes of the largest file that can be sent (PROTOCOL.md 2.3).
    #[getter]
    fn max_plain_size(&self) -> u64 {
        self.0.max_plain_size()
    }

    /// Bytes of the encrypted content of a file of ``plain_size`` bytes: the next multiple of 16
    /// above it (PROTOCOL.md 4.3).
    ///
    /// Raises ``ValueError`` above ``max_plain_size``.
    ///
    /// >>> Dialect("seed").content_size(16)
    /// 32
    fn content_size(&self, plain_size: u64) -> Result<u32, Error> {
        Ok(self.0.content_size(plain_size)?)
    }

    /// The requests that a file of ``plain_size`` bytes is sent in: one, or the packets of the
    /// dialect's packet size (PROTOCOL.md 10.7). The content is one encrypted stream; after each
    /// request go the next ``packet.size`` bytes of it, or all.
    ///
    /// Raises ``ValueError`` above ``max_plain_size``.
    fn send_file(
        &self,
        py: Python<'_>,
        client_id: ClientId,
        plain_size: u64,
        file_name: Name,
    ) -> Result<Vec<Py<SendFile>>, Error> {
        let requests = wire::SendFile::requests(&self.0, plain_size, &file_name.0)?;
        let requests = requests.map(|request| SendFile::of(client_id, request, wire::VERSION));
        let objects: PyResult<_> = requests.map(|request| Py::new(py, request)).collect();
        Ok(objects?)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        let from_json = slf.get_type().getattr("from_json")?;
        Ok((from_json, (slf.get().to_json(),)))
    }

    fn __hash__(&self) -> u64 {
        args::hash(self.0.to_string())
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("Dialect('{}')", self.0)
    }
}

fn value_error(error: DialectError) -> PyErr {
    PyValueError::new_err(text(&error))
}

value! {
    /// What follows a verdict that is honoured (PROTOCOL.md 2.11).
    After (answer, close) {
        /// What the server answers: ``"none"``, ``"refused"``, ``"acknowledged"``,
        /// ``"acknowledged-with-id"`` or ``"general-error"``.
        answer: String,
        /// Whether it then closes the connection.
        close: bool,
    } {}
}

impl After {
    fn of(dialect: &backup_protocol::Dialect, kind: VerdictKind) -> Self {
        let after = dialect.after(kind);
        Self {
            answer: after.answer.word().to_owned(),
            close: after.close,
        }
    }
}

/// An argument `dialect`: a [`Dialect`], or a name and modifiers.
#[derive(Clone)]
pub(crate) struct DialectArgument(pub(crate) Cow<'static, backup_protocol::Dialect>);

impl Default for DialectArgument {
    /// The most usual one, which is not counted: a header is read in less time.
    fn default() -> Self {
        let first = backup_protocol::Dialect::all().first();
        Self(first.map_or_else(
            || Cow::Owned(backup_protocol::Dialect::default()),
            Cow::Borrowed,
        ))
    }
}

impl<'py> FromPyObject<'_, 'py> for DialectArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let dialect = match object.cast::<Dialect>() {
            Ok(dialect) => dialect.get().clone(),
            Err(_) => Dialect::new(object.extract::<String>()?.as_str())?,
        };
        Ok(Self(Cow::Owned(dialect.0)))
    }
}
