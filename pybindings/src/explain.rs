//! Bytes with the names of their fields, for failures in people's own tests.

use backup_protocol::Dialect;
use backup_protocol::wire::{self, FieldValue, RequestHeader, ResponseHeader};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use crate::args::{self, Buffer};
use crate::dialect::{self, DialectArgument};
use crate::error::Error;
use crate::value::value;

value! {
    /// A field of a message: where it stands and what it says.
    Field (name, offset, size, value, raw) {
        /// What PROTOCOL.md calls it, as in ``DecodeError.field``.
        name: String,
        /// Bytes before it, from the first of the message.
        offset: usize,
        /// Its bytes.
        size: usize,
        /// What they say: a number, the text of a name field up to its NUL, or ``None`` for nothing but
        /// bytes.
        value: Option<Value>,
        /// The bytes as they came.
        raw: Vec<u8>,
    } {}
}

/// What a field says.
#[derive(Clone, Eq, FromPyObject, Hash, IntoPyObject, IntoPyObjectRef, PartialEq)]
pub(crate) enum Value {
    Number(u32),
    Text(String),
}

/// A message, field by field, up to the first thing that is wrong with it. ``str`` draws it as a table;
/// of client IDs, which are credentials, that shows four bytes.
///
/// It is made by ``explain``, and takes the same arguments.
#[pyclass(frozen, eq, module = "backup_protocol")]
#[derive(PartialEq)]
pub(crate) struct Explanation {
    /// Code and name of the message, as in ``2103 file received``.
    #[pyo3(get)]
    title: String,
    /// Who sends such a message: ``"client"`` or ``"server"``.
    #[pyo3(get)]
    sender: &'static str,
    /// Bytes after the last field that could be read.
    #[pyo3(get)]
    unread: usize,
    fields: Vec<Field>,
    error: Option<wire::DecodeError>,
    text: String,
    /// What was explained, and in what: it makes the same again.
    raw: Vec<u8>,
    dialect: Dialect,
}

#[pymethods]
impl Explanation {
    #[new]
    #[pyo3(signature = (data, /, *, sender = None, dialect = DialectArgument::default()))]
    fn new(data: Buffer<'_>, sender: Option<&str>, dialect: DialectArgument) -> PyResult<Self> {
        explain(data, sender, dialect)
    }

    /// The fields that could be read, in order and without a gap between them.
    #[getter]
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.fields.iter().cloned())
    }

    /// What is wrong first: a ``DecodeError``, which is not raised, or ``None``.
    #[getter]
    fn error(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let error = PyErr::from(Error::from(self.error?));
        Some(error.into_value(py).into_any())
    }

    fn __hash__(&self) -> u64 {
        args::hash(&self.raw)
    }

    fn __getnewargs_ex__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<((Bound<'py, PyBytes>,), Bound<'py, PyDict>)> {
        let keywords = PyDict::new(py);
        keywords.set_item("sender", self.sender)?;
        keywords.set_item("dialect", dialect::Dialect(self.dialect.clone()))?;
        Ok(((PyBytes::new(py, &self.raw),), keywords))
    }

    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        let slug = self.error.map_or("None", |error| error.slug());
        format!("<Explanation of {}, error: {slug}>", self.title)
    }
}

/// The fields of a whole message, header and padding included, for a message in a test that fails.
///
/// ``sender`` is ``"client"`` for a request and ``"server"`` for a response. Without it, the side is
/// taken that has a message with the code in the header; if both have or none has, it is a request.
///
/// >>> print(explain(FileReceived(bytes(16), 32, "report.txt", 930766865).encode()[:280]))
/// 2103 file received, 280 bytes
///      0      1  version          3               03
///      1      2  code             2103            37 08
///      3      4  payload size     279             17 01 00 00
///      7     16  client ID        -               00 00 00 00 …
///     23      4  content size     32              20 00 00 00
///     27    253  not read                         72 65 70 6f 72 74 2e 74 …
/// wrong at 27: file name at offset 27 needs 255 bytes, 253 are left (PROTOCOL.md 1.4)
/// <BLANKLINE>
#[pyfunction]
#[pyo3(signature = (data, /, *, sender = None, dialect = DialectArgument::default()))]
pub(crate) fn explain(
    data: Buffer<'_>,
    sender: Option<&str>,
    dialect: DialectArgument,
) -> PyResult<Explanation> {
    let dialect = &dialect.0;
    let bytes = data.to_bytes()?;
    let is_request = match sender {
        Some("client") => true,
        Some("server") => false,
        Some(_) => return Err(PyValueError::new_err("sender is 'client' or 'server'")),
        None => looks_like_a_request(&bytes, dialect),
    };
    let explained = match is_request {
        true => wire::Explanation::request(&bytes, dialect),
        false => wire::Explanation::response(&bytes, dialect),
    };
    let field = |field: &wire::Field| Field {
        name: field.name.to_owned(),
        offset: field.offset,
        size: field.size,
        value: match &field.value {
            FieldValue::Number(number) => Some(Value::Number(*number)),
            FieldValue::Text(text) => Some(Value::Text(text.clone())),
            FieldValue::Bytes => None,
        },
        raw: explained.bytes_of(field).to_vec(),
    };
    Ok(Explanation {
        title: explained.title.clone(),
        sender: if is_request { "client" } else { "server" },
        unread: explained.unread(),
        fields: explained.fields.iter().map(field).collect(),
        error: explained.error,
        text: explained.to_string(),
        raw: bytes.to_vec(),
        dialect: dialect.clone().into_owned(),
    })
}

fn looks_like_a_request(bytes: &[u8], dialect: &Dialect) -> bool {
    let request = bytes
        .get(..dialect.request_header_size())
        .and_then(|header| RequestHeader::decode(header, dialect).ok())
        .and_then(|header| dialect.request_kind(header.code));
    let response = bytes
        .get(..dialect.response_header_size())
        .and_then(|header| ResponseHeader::decode(header, dialect).ok())
        .and_then(|header| dialect.response_kind(header.code));
    request.is_some() || response.is_none()
}
