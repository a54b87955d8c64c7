//! What headers and messages are made of: the client ID, name fields, and how a message becomes a
//! Python class.

use backup_protocol::wire;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::args::{self, Buffer};
use crate::crypto::PublicKey;
use crate::dialect::DialectArgument;
use crate::error::Error;

/// The signatures say 3, so that Python can show it.
const _: () = assert!(wire::VERSION == 3);

/// 16 opaque bytes that the server chose, the only credential of a client (PROTOCOL.md 1.9).
///
/// ``repr`` and ``str`` show the first four bytes: enough to tell clients apart in a log, too little
/// to act as one. ``bytes(client_id)`` and ``reveal_hex()`` give all of it. Wherever an argument is
/// called ``client_id``, 16 bytes do as well.
///
/// >>> ClientId(bytes(range(16)))
/// ClientId(00010203…)
#[pyclass(frozen, eq, ord, hash, module = "backup_protocol")]
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct ClientId(pub(crate) wire::ClientId);

#[pymethods]
impl ClientId {
    /// Bytes that an ID takes on the wire.
    #[classattr]
    const SIZE: usize = wire::ClientId::SIZE;

    /// What a client sends that has no ID yet (PROTOCOL.md 2.1).
    #[classattr]
    pub(crate) const ZERO: Self = Self(wire::ClientId::ZERO);

    #[new]
    fn new(client_id: Self) -> Self {
        client_id
    }

    /// Chooses a new ID as a server does: a UUID of version 4 that does not start ``00 00``.
    #[staticmethod]
    fn generate() -> Self {
        Self(wire::ClientId::generate(&mut rand::rng()))
    }

    /// Reads 32 hex digits of either case, as ``me.info`` has them (PROTOCOL.md 8.3).
    ///
    /// Raises ``ValueError`` for everything else.
    #[staticmethod]
    fn from_hex(text: &str) -> PyResult<Self> {
        wire::ClientId::from_hex(text)
            .map(Self)
            .ok_or_else(|| PyValueError::new_err("a client ID is 32 hex digits"))
    }

    /// The whole ID as 32 lower-case hex digits, for ``me.info`` and nothing else.
    fn reveal_hex(&self) -> String {
        self.0.reveal_hex()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.as_bytes())
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __getnewargs__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyBytes>,) {
        (self.__bytes__(py),)
    }
}

impl<'py> FromPyObject<'_, 'py> for ClientId {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<Self>() {
            Ok(id) => Ok(*id.get()),
            Err(_) => args::field("a client ID", object)
                .map(wire::ClientId::from_bytes)
                .map(Self),
        }
    }
}

/// A name field: the text, padded with zeros to 255 bytes or what the dialect has (PROTOCOL.md 1.8).
///
/// Raises ``ValueError`` for a text that is empty, has more than 254 bytes of UTF-8, or has a NUL.
///
/// >>> encode_name("alice")[:6]
/// b'alice\x00'
#[pyfunction]
#[pyo3(signature = (text, /, *, dialect = DialectArgument::default()))]
pub(crate) fn encode_name(text: Name, dialect: DialectArgument) -> Vec<u8> {
    text.0.encode(&dialect.0)
}

/// The text of a name field, up to its first NUL (PROTOCOL.md 1.8).
///
/// Raises ``DecodeError``: ``truncated``, ``trailing-data``, ``unterminated-name``, ``empty-name``,
/// ``name-not-utf8``.
///
/// >>> decode_name(b"alice".ljust(255, bytes(1)))
/// 'alice'
#[pyfunction]
#[pyo3(signature = (field, /, *, dialect = DialectArgument::default()))]
pub(crate) fn decode_name(field: Buffer<'_>, dialect: DialectArgument) -> Result<Name, Error> {
    Ok(Name(wire::Name::decode(&field.to_bytes()?, &dialect.0)?))
}

/// What a server stores a file under: what follows the last ``/`` or ``\`` (PROTOCOL.md 7.4).
///
/// ``None`` for names that a server refuses: an empty base name, ``.``, ``..``, control characters.
///
/// >>> base_name("C:\\docs\\report.txt")
/// 'report.txt'
#[pyfunction]
#[pyo3(signature = (name, /))]
pub(crate) fn base_name(name: &str) -> Option<&str> {
    wire::base_name(name)
}

/// A name in a message; `str` in Python.
#[derive(Clone, Eq, Hash, PartialEq)]
pub(crate) struct Name(pub(crate) wire::Name);

impl FromPyObject<'_, '_> for Name {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let text = object.cast::<PyString>()?;
        Ok(Self(wire::Name::new(&text.to_cow()?).map_err(Error::from)?))
    }
}

impl<'py> IntoPyObject<'py> for Name {
    type Target = PyString;
    type Output = Bound<'py, PyString>;
    type Error = std::convert::Infallible;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(PyString::new(py, self.0.as_str()))
    }
}

/// The public key in a message: any 160 or 162 bytes, or a [`PublicKey`]; `bytes` in Python.
#[derive(Clone, Eq, Hash, IntoPyObject, PartialEq)]
#[pyo3(transparent)]
pub(crate) struct PublicKeyField(pub(crate) Vec<u8>);

impl FromPyObject<'_, '_> for PublicKeyField {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if let Ok(key) = object.cast::<PublicKey>() {
            return Ok(Self(key.get().0.as_bytes().to_vec()));
        }
        let buffer: Buffer<'_> = object.extract()?;
        match buffer.len() {
            160 | 162 => Ok(Self(buffer.to_bytes()?.into_owned())),
            size => Err(PyValueError::new_err(format!(
                "a public key of {size} bytes, expected 160 or 162"
            ))),
        }
    }
}

/// The wrapped key in a message: any 128 bytes.
#[derive(Clone, Eq, Hash, IntoPyObject, PartialEq)]
#[pyo3(transparent)]
pub(crate) struct WrappedKeyField(pub(crate) [u8; wire::WRAPPED_KEY_SIZE]);

impl FromPyObject<'_, '_> for WrappedKeyField {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        args::field("a wrapped key", object).map(Self)
    }
}

/// The content size in a send file request: a positive multiple of 16.
#[derive(Clone, Copy, Eq, Hash, IntoPyObject, PartialEq)]
#[pyo3(transparent)]
pub(crate) struct ContentSize(pub(crate) u32);

impl FromPyObject<'_, '_> for ContentSize {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match object.extract()? {
            size if size > 0 && size % 16 == 0 => Ok(Self(size)),
            size => Err(PyValueError::new_err(format!(
                "a content size of {size} is not a positive multiple of 16"
            ))),
        }
    }
}

/// Makes a message of the protocol a [`value!`] with a version that can be encoded.
///
/// `encode` turns `&self`, the dialect and the version into bytes.
macro_rules! message {
    (
        $(#[doc = $doc:literal])*
        $name:ident: $base:ident $signature:tt {
            $($(#[doc = $field_doc:literal])* $field:ident: $ty:ty,)*
        }
        $encode:expr
    ) => {
        $crate::value::value! {
            $(#[doc = $doc])*
            $name: $base $signature {
                $($(#[doc = $field_doc])* $field: $ty,)*
            } {
                /// The version: 3, but any value is accepted (PROTOCOL.md 1.7).
                version: u8,
            }

            /// The bytes of the message.
            ///
            /// Of a ``SendFile``, they end where its content begins, which the caller sends next.
            /// Raises ``ValueError`` for sizes that the dialect cannot say.
            #[pyo3(signature = (*, dialect = DialectArgument::default()))]
            fn encode(&self, dialect: DialectArgument) -> PyResult<Vec<u8>> {
                let encode: fn(&Self, &backup_protocol::Dialect, u8) -> PyResult<Vec<u8>> = $encode;
                encode(self, &dialect.0, self.version)
            }
        }
    };
}
pub(crate) use message;
