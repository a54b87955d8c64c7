//! Arguments: bytes-like objects without a copy where Python allows it, and fields of a fixed size.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PySlice};

/// Bytes of a chunk that is copied out of an object other than `bytes`.
const CHUNK: usize = 256 * 1024;

/// From so many bytes on the work is done without the GIL. Below, giving it up and getting it back
/// costs more than others gain.
const LARGE: usize = 32 * 1024;

/// A bytes-like object.
///
/// `bytes` cannot change and is used where it is. Everything else that has the buffer protocol can
/// change while the GIL is given up, so it is copied first, a chunk at a time.
pub(crate) enum Buffer<'py> {
    Bytes(Bound<'py, PyBytes>),
    /// A contiguous view of bytes, and its size.
    View(Bound<'py, PyAny>, usize),
}

impl<'py> Buffer<'py> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.as_bytes().len(),
            Self::View(_, len) => *len,
        }
    }

    /// The bytes from `start` to before `end`, or to where the object ends.
    pub(crate) fn slice(&self, start: usize, end: usize) -> PyResult<Cow<'_, [u8]>> {
        let end = end.min(self.len());
        let start = start.min(end);
        match self {
            Self::Bytes(bytes) => Ok(Cow::Borrowed(
                bytes.as_bytes().get(start..end).unwrap_or_default(),
            )),
            Self::View(view, _) => Ok(Cow::Owned(copy(view, start, end)?.as_bytes().to_vec())),
        }
    }

    /// All of it.
    pub(crate) fn to_bytes(&self) -> PyResult<Cow<'_, [u8]>> {
        match self {
            Self::Bytes(bytes) => Ok(Cow::Borrowed(bytes.as_bytes())),
            Self::View(..) => self.slice(0, usize::MAX),
        }
    }

    /// Hands all of it to `work` in order, in one piece or several, without the GIL if it is large.
    pub(crate) fn each(&self, py: Python<'py>, mut work: impl FnMut(&[u8]) + Send) -> PyResult<()> {
        let mut run = |bytes: &[u8]| {
            if bytes.len() < LARGE {
                work(bytes);
            } else {
                py.detach(|| work(bytes));
            }
        };
        match self {
            Self::Bytes(bytes) => run(bytes.as_bytes()),
            Self::View(view, len) => {
                for start in (0..*len).step_by(CHUNK) {
                    let end = start.saturating_add(CHUNK).min(*len);
                    run(copy(view, start, end)?.as_bytes());
                }
            }
        }
        Ok(())
    }
}

fn copy<'py>(view: &Bound<'py, PyAny>, start: usize, end: usize) -> PyResult<Bound<'py, PyBytes>> {
    let index = |i: usize| isize::try_from(i).map_err(|_| PyValueError::new_err("too large"));
    let part = view.get_item(PySlice::new(view.py(), index(start)?, index(end)?, 1))?;
    Ok(part.call_method0("tobytes")?.cast_into()?)
}

impl<'py> FromPyObject<'_, 'py> for Buffer<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.to_owned()));
        }
        let view = PyMemoryView::from(&object)?;
        let len = view.getattr("nbytes")?.extract()?;
        if len > 0 && view.getattr("c_contiguous")?.extract()? {
            // An array of larger items is bytes all the same.
            Ok(Self::View(view.call_method1("cast", ("B",))?, len))
        } else {
            Ok(Self::Bytes(view.call_method0("tobytes")?.cast_into()?))
        }
    }
}

/// Reads a field of exactly `N` bytes.
pub(crate) fn field<const N: usize>(
    what: &str,
    object: Borrowed<'_, '_, PyAny>,
) -> PyResult<[u8; N]> {
    let buffer: Buffer<'_> = object.extract()?;
    (*buffer.to_bytes()?).try_into().map_err(|_| {
        PyValueError::new_err(format!("{what} of {} bytes, expected {N}", buffer.len()))
    })
}

/// A hash for `__hash__`, equal for equal values.
pub(crate) fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
