//! What a client is given to send: a path, or bytes in one of the forms that Python has for them.

use std::io::Write as _;
use std::path::PathBuf;

use backup_client::ClientError;
use backup_client::source::SourceFile;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;
use tempfile::NamedTempFile;

use crate::args::Buffer;
use crate::error::Error;

/// Bytes that are asked of a file object at a time.
const CHUNK: usize = 256 * 1024;

/// A file to send.
///
/// A file may have to be sent again (PROTOCOL.md 6.1), and its size is said before its first byte. What
/// cannot be read twice is therefore written to a temporary file first, which goes when this is dropped.
pub(crate) struct Source {
    pub(crate) file: SourceFile,
    _temporary: Option<NamedTempFile>,
}

impl Source {
    pub(crate) fn new(source: &Bound<'_, PyAny>, send_as: Option<&str>) -> Result<Self, Error> {
        if source.is_instance_of::<PyString>() || source.hasattr("__fspath__")? {
            let path: PathBuf = source.extract()?;
            let file = SourceFile::check(&path, send_as).map_err(ClientError::from)?;
            return Ok(Self {
                file,
                _temporary: None,
            });
        }
        let Some(send_as) = send_as else {
            let text = "what is not a path has no name: give send_as";
            return Err(PyValueError::new_err(text).into());
        };
        let mut temporary = NamedTempFile::new().map_err(PyErr::from)?;
        spool(source, &mut temporary)?;
        let file = SourceFile::check(temporary.path(), Some(send_as)).map_err(ClientError::from)?;
        Ok(Self {
            file,
            _temporary: Some(temporary),
        })
    }
}

fn spool(source: &Bound<'_, PyAny>, file: &mut NamedTempFile) -> PyResult<()> {
    let mut write = |bytes: &Bound<'_, PyAny>| {
        let buffer: Buffer<'_> = bytes.extract()?;
        let bytes = buffer.to_bytes()?;
        file.write_all(&bytes)?;
        Ok::<_, PyErr>(bytes.len())
    };
    if source.extract::<Buffer<'_>>().is_ok() {
        write(source)?;
    } else if source.hasattr("read")? {
        while write(&source.call_method1("read", (CHUNK,))?)? > 0 {}
    } else if let Ok(chunks) = source.try_iter() {
        for chunk in chunks {
            write(&chunk?)?;
        }
    } else {
        let kind = source.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "a {kind} cannot be sent: give a path, bytes, a binary file or an iterable of bytes"
        )));
    }
    Ok(())
}
