//! Messages out of a stream that comes in pieces of any size (PROTOCOL.md 1.4).

use std::sync::{Mutex, MutexGuard, PoisonError};

use backup_protocol::wire::{self, RequestPart};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::args::Buffer;
use crate::dialect::DialectArgument;
use crate::error::Error;
use crate::{request, response};

/// Reads what a client sends, however it is cut into pieces.
///
/// ``feed`` takes bytes; iterating gives what they complete: a request, and after a ``SendFile`` its
/// content as ``bytes`` in pieces of any size. Iteration ends where more bytes are needed, and goes on
/// after the next ``feed``. Content is not held: the memory is that of what was fed and not taken.
///
/// >>> decoder = RequestDecoder()
/// >>> message = Register("alice").encode() + SendFile(bytes(16), 16, "a").encode() + b"content of 16 by"
/// >>> for piece in (message[:100], message[100:]):
/// ...     decoder.feed(piece)
/// ...     for part in decoder:
/// ...         match part:
/// ...             case Register(name): print("register", name)
/// ...             case SendFile(_, size, name): print("file", name, size)
/// ...             case bytes(): print(part)
/// register alice
/// file a 16
/// b'content of 16 by'
#[pyclass(frozen, module = "backup_protocol")]
pub(crate) struct RequestDecoder(Mutex<wire::RequestStream>);

#[pymethods]
impl RequestDecoder {
    #[new]
    #[pyo3(signature = (*, dialect = DialectArgument::default()))]
    fn new(dialect: DialectArgument) -> Self {
        Self(Mutex::new(wire::RequestStream::new(dialect.0.into_owned())))
    }

    /// Adds bytes in the order they came.
    #[pyo3(signature = (data, /))]
    fn feed(&self, data: Buffer<'_>) -> PyResult<()> {
        let bytes = data.to_bytes()?;
        self.lock().feed(&bytes);
        Ok(())
    }

    /// Bytes that are still to come of the content under way.
    #[getter]
    fn content_left(&self) -> u32 {
        self.lock().content_left()
    }

    /// Bytes that were fed and that nothing has come of yet.
    #[getter]
    fn unread(&self) -> usize {
        self.lock().unread()
    }

    /// Says that the stream ends here.
    ///
    /// Raises ``DecodeError``, ``truncated``, if that is in the middle of a request, or again what was
    /// raised before.
    fn finish(&self) -> Result<(), Error> {
        Ok(self.lock().finish()?)
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Raises ``DecodeError`` at the first request that is none, and from then on.
    fn __next__(&self, py: Python<'_>) -> Result<Option<Py<PyAny>>, Error> {
        let part = self.lock().next_part()?;
        Ok(match part {
            None => None,
            Some(RequestPart::Content(content)) => {
                Some(PyBytes::new(py, &content).into_any().unbind())
            }
            Some(RequestPart::Request(header, request)) => {
                let (client_id, version) = (header.client_id, header.version);
                Some(request::into_python(py, client_id, version, request)?)
            }
        })
    }
}

impl RequestDecoder {
    fn lock(&self) -> MutexGuard<'_, wire::RequestStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what a server sends, however it is cut into pieces.
///
/// ``feed`` takes bytes; iterating gives the responses that they complete. Iteration ends where more
/// bytes are needed, and goes on after the next ``feed``.
///
/// >>> decoder = ResponseDecoder()
/// >>> decoder.feed(Refused().encode() + Refused().encode()[:5])
/// >>> list(decoder)
/// [Refused(client_id=None, version=3)]
/// >>> decoder.finish()
/// Traceback (most recent call last):
///     ...
/// backup_protocol.errors.DecodeError: header at offset 0 needs 7 bytes, 5 are left
#[pyclass(frozen, module = "backup_protocol")]
pub(crate) struct ResponseDecoder(Mutex<wire::ResponseStream>);

#[pymethods]
impl ResponseDecoder {
    #[new]
    #[pyo3(signature = (*, dialect = DialectArgument::default()))]
    fn new(dialect: DialectArgument) -> Self {
        Self(Mutex::new(wire::ResponseStream::new(
            dialect.0.into_owned(),
        )))
    }

    /// Adds bytes in the order they came.
    #[pyo3(signature = (data, /))]
    fn feed(&self, data: Buffer<'_>) -> PyResult<()> {
        let bytes = data.to_bytes()?;
        self.lock().feed(&bytes);
        Ok(())
    }

    /// Bytes that were fed and that nothing has come of yet.
    #[getter]
    fn unread(&self) -> usize {
        self.lock().unread()
    }

    /// Says that the stream ends here.
    ///
    /// Raises ``DecodeError``, ``truncated``, if that is in the middle of a response, or again what was
    /// raised before.
    fn finish(&self) -> Result<(), Error> {
        Ok(self.lock().finish()?)
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// Raises ``DecodeError`` at the first response that is none, and from then on.
    fn __next__(&self, py: Python<'_>) -> Result<Option<Py<PyAny>>, Error> {
        let response = self.lock().next_response()?;
        Ok(match response {
            None => None,
            Some((header, response)) => Some(response::into_python(py, header.version, response)?),
        })
    }
}

impl ResponseDecoder {
    fn lock(&self) -> MutexGuard<'_, wire::ResponseStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
