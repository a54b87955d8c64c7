//! The only place that decides which exception is raised.
//!
//! The classes are Python (`backup_protocol/errors.py`), since only those can be extended, pickled
//! and have attributes of their own under the stable ABI of Python 3.11. The text is the Rust text.

use backup_client::ClientError;
use backup_protocol::crypto::CryptoError;
use backup_protocol::dialect::{DialectError, FileTooLarge};
use backup_protocol::session::client::PeerError;
use backup_protocol::wire::{DecodeError, NameError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::client;

/// What a function of this crate fails with.
pub(crate) enum Error {
    Decode(DecodeError),
    Crypto(CryptoError),
    Client(ClientError),
    Dialect(DialectError),
    Name(NameError),
    FileTooLarge(FileTooLarge),
    /// Python's own.
    Python(PyErr),
}

/// What an exception says beside its text. The attributes are those of `BackupProtocolError`.
#[derive(Default)]
struct Details {
    slug: Option<&'static str>,
    section: Option<&'static str>,
    field: Option<&'static str>,
    offset: Option<usize>,
    expected: Option<u64>,
    got: Option<u64>,
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        match error {
            Error::Decode(error) => raise("DecodeError", &error, &decode_details(&error)),
            Error::Crypto(error) => raise("CryptoError", &error, &crypto_details(&error)),
            Error::Client(error) => raise(
                client::exception(error.exit()),
                &error,
                &client_details(&error),
            ),
            Error::Dialect(error) => {
                let details = Details {
                    section: Some("10"),
                    ..Details::default()
                };
                raise("DialectError", &error, &details)
            }
            Error::Name(error) => PyValueError::new_err(error.to_string()),
            Error::FileTooLarge(error) => PyValueError::new_err(error.to_string()),
            Error::Python(error) => error,
        }
    }
}

macro_rules! from {
    ($($variant:ident($error:ty)),* $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from!(
    Decode(DecodeError),
    Crypto(CryptoError),
    Client(ClientError),
    Dialect(DialectError),
    Name(NameError),
    FileTooLarge(FileTooLarge),
    Python(PyErr),
);

/// The text of an error and of those that it comes from.
pub(crate) fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        // A transparent error would say the same twice.
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

fn raise(class: &str, error: &dyn std::error::Error, details: &Details) -> PyErr {
    let text = text(error);
    Python::attach(|py| match exception(py, class, &text, details) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    })
}

fn exception<'py>(
    py: Python<'py>,
    class: &str,
    text: &str,
    details: &Details,
) -> PyResult<Bound<'py, PyAny>> {
    let class = py.import("backup_protocol.errors")?.getattr(class)?;
    let attributes = PyDict::new(py);
    attributes.set_item("slug", details.slug)?;
    attributes.set_item("section", details.section)?;
    attributes.set_item("field", details.field)?;
    attributes.set_item("offset", details.offset)?;
    attributes.set_item("expected", details.expected)?;
    attributes.set_item("got", details.got)?;
    class.call((text,), Some(&attributes))
}

fn decode_details(error: &DecodeError) -> Details {
    let details = Details {
        slug: Some(error.slug()),
        section: Some(error.section()),
        offset: Some(error.offset()),
        ..Details::default()
    };
    match *error {
        DecodeError::Truncated {
            field,
            needed,
            left,
            ..
        } => Details {
            field: Some(field),
            expected: Some(needed as u64),
            got: Some(left as u64),
            ..details
        },
        DecodeError::TrailingData { left, .. } => Details {
            expected: Some(0),
            got: Some(left as u64),
            ..details
        },
        DecodeError::UnterminatedName { field, .. }
        | DecodeError::EmptyName { field, .. }
        | DecodeError::NameNotUtf8 { field, .. } => Details {
            field: Some(field),
            ..details
        },
        DecodeError::UnknownCode { code, .. } => Details {
            field: Some("code"),
            got: Some(code.into()),
            ..details
        },
        DecodeError::PayloadSize { expected, got, .. } => Details {
            field: Some("payload size"),
            expected: Some(expected.into()),
            got: Some(got.into()),
            ..details
        },
        DecodeError::ContentSizeMismatch { expected, got, .. } => Details {
            field: Some("content size"),
            expected: Some(expected.into()),
            got: Some(got.into()),
            ..details
        },
        DecodeError::ContentNotBlocks { got, .. } => Details {
            field: Some("content size"),
            got: Some(got.into()),
            ..details
        },
        DecodeError::ClientIdMismatch { .. } => Details {
            field: Some("client ID"),
            ..details
        },
        DecodeError::CksumPadding { .. } => Details {
            field: Some("cksum"),
            ..details
        },
        DecodeError::PacketNumber {
            number, expected, ..
        } => Details {
            field: Some("packet number"),
            expected: Some(expected.into()),
            got: Some(number.into()),
            ..details
        },
        DecodeError::PacketMismatch { field, .. } => Details {
            field: Some(field),
            ..details
        },
        DecodeError::PacketOverflow { expected, got, .. } => Details {
            field: Some("message content"),
            expected: Some(expected.into()),
            got: Some(got),
            ..details
        },
        _ => details,
    }
}

fn crypto_details(error: &CryptoError) -> Details {
    let details = Details {
        slug: error.slug(),
        section: Some(error.section()),
        ..Details::default()
    };
    let sizes = |field, expected, got: usize| (Some(field), expected, Some(got as u64));
    let (field, expected, got) = match *error {
        CryptoError::PublicKeySize { got } => sizes("public key", Some(160), got),
        CryptoError::PublicKeyModulus { bits } => sizes("public key", Some(1024), bits),
        CryptoError::PublicKeyDer | CryptoError::PublicKeyExponent => {
            (Some("public key"), None, None)
        }
        CryptoError::WrappedKeySize { got } => sizes("wrapped key", Some(128), got),
        CryptoError::UnwrapFailed => (Some("wrapped key"), None, None),
        CryptoError::AesKeySize { got } => sizes("AES key", None, got),
        CryptoError::ContentNotBlocks | CryptoError::Padding => (Some("content"), None, None),
        CryptoError::PrivateKey => (Some("private key"), None, None),
        _ => (None, None, None),
    };
    Details {
        field,
        expected,
        got,
        ..details
    }
}

fn client_details(error: &ClientError) -> Details {
    let section = |section| Details {
        section: Some(section),
        ..Details::default()
    };
    match error {
        ClientError::NameTaken { .. } => section("2.9"),
        ClientError::Refused { .. } => section("6.3"),
        ClientError::GaveUp { ours, theirs, .. } => Details {
            field: Some("cksum"),
            expected: Some((*ours).into()),
            got: Some((*theirs).into()),
            ..section("6.1")
        },
        ClientError::Violation { problem, .. } => peer_details(problem),
        _ => Details::default(),
    }
}

fn peer_details(error: &PeerError) -> Details {
    let details = Details {
        slug: error.slug(),
        section: Some(error.section()),
        ..Details::default()
    };
    match error {
        PeerError::Decode(error) => decode_details(error),
        PeerError::Crypto(error) => crypto_details(error),
        PeerError::WrongClientId { .. } => Details {
            field: Some("client ID"),
            ..details
        },
        PeerError::WrongContentSize { expected, got } => Details {
            field: Some("content size"),
            expected: Some((*expected).into()),
            got: Some((*got).into()),
            ..details
        },
        PeerError::WrongFileName { .. } => Details {
            field: Some("file name"),
            ..details
        },
        _ => details,
    }
}
