//! Dialects (PROTOCOL.md 10).

use std::collections::BTreeMap;
use std::path::PathBuf;

use backup_protocol::dialect::{CksumWidth, RefusedPayload, SizeWidth, VerdictAnswer};
use backup_protocol::wire::VerdictKind;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::args;
use crate::error::Error;

/// One consistent set of layout choices (PROTOCOL.md 10).
///
/// ``Dialect("seed")`` is what the programs send, ``Dialect("readme")`` the text taken literally;
/// files bring others. Wherever an argument is called ``dialect``, the name of a built-in one does
/// as well. Dialects are equal if all of their parameters are.
///
/// >>> Dialect("readme").response_header_size
/// 5
/// >>> Dialect("sead")
/// Traceback (most recent call last):
///     ...
/// ValueError: no dialect is called 'sead': there are readme, seed
#[pyclass(frozen, eq, module = "backup_protocol")]
#[derive(Clone, PartialEq)]
pub(crate) struct Dialect(backup_protocol::Dialect);

#[pymethods]
impl Dialect {
    #[new]
    fn new(name: &str) -> PyResult<Self> {
        backup_protocol::Dialect::named(name)
            .map(Self)
            .ok_or_else(|| {
                let mut names: Vec<_> = backup_protocol::Dialect::names().collect();
                names.sort_unstable();
                let names = names.join(", ");
                PyValueError::new_err(format!("no dialect is called '{name}': there are {names}"))
            })
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

    /// All built-in dialects, the most usual first.
    #[staticmethod]
    fn all() -> Vec<Self> {
        backup_protocol::Dialect::all()
            .iter()
            .cloned()
            .map(Self)
            .collect()
    }

    /// What the command line calls it.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// One line for people.
    #[getter]
    fn title(&self) -> &str {
        &self.0.title
    }

    /// The code of each request, by its name (PROTOCOL.md 2).
    #[getter]
    fn request_codes(&self) -> BTreeMap<&'static str, u16> {
        let codes = &self.0.request_codes;
        BTreeMap::from([
            ("register", codes.register.0),
            ("send_public_key", codes.send_public_key.0),
            ("send_file", codes.send_file.0),
            ("cksum_right", codes.cksum_right.0),
            ("cksum_wrong", codes.cksum_wrong.0),
            ("give_up", codes.give_up.0),
        ])
    }

    /// The code of each response, by its name (PROTOCOL.md 2).
    #[getter]
    fn response_codes(&self) -> BTreeMap<&'static str, u16> {
        let codes = &self.0.response_codes;
        BTreeMap::from([
            ("registered", codes.registered.0),
            ("refused", codes.refused.0),
            ("aes_key", codes.aes_key.0),
            ("file_received", codes.file_received.0),
            ("acknowledged", codes.acknowledged.0),
        ])
    }

    /// Bytes of the payload size in a response header: 2 or 4 (PROTOCOL.md 1.6).
    #[getter]
    fn response_size_width(&self) -> u8 {
        match self.0.response_size_width {
            SizeWidth::Two => 2,
            SizeWidth::Four => 4,
        }
    }

    /// Bytes of a response header: 5 or 7 (PROTOCOL.md 1.6).
    #[getter]
    fn response_header_size(&self) -> usize {
        self.0.response_header_size()
    }

    /// Whether the payloads of 1103 to 1106 begin with the client ID (PROTOCOL.md 2).
    #[getter]
    fn client_id_in_payload(&self) -> bool {
        self.0.client_id_in_payload
    }

    /// What a refusal carries: ``"empty"`` or ``"client-id"`` (PROTOCOL.md 2.6).
    #[getter]
    fn refused_payload(&self) -> &'static str {
        match self.0.refused_payload {
            RefusedPayload::Empty => "empty",
            RefusedPayload::ClientId => "client-id",
        }
    }

    /// Bytes of the checksum field in 2103: 4 or 16 (PROTOCOL.md 2.7).
    #[getter]
    fn cksum_width(&self) -> u8 {
        match self.0.cksum_width {
            CksumWidth::Four => 4,
            CksumWidth::Sixteen => 16,
        }
    }

    /// Bytes of the AES key that a server makes: 16 or 32 (PROTOCOL.md 4.3).
    #[getter]
    fn aes_key_size(&self) -> usize {
        self.0.aes_key_size.bytes()
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

    fn __hash__(&self) -> u64 {
        args::hash(&self.0.name)
    }

    fn __repr__(&self) -> String {
        format!("Dialect('{}')", self.0.name)
    }
}

/// What follows a verdict that is honoured (PROTOCOL.md 2.11).
#[pyclass(frozen, eq, hash, get_all, module = "backup_protocol")]
#[derive(Clone, Eq, Hash, PartialEq)]
pub(crate) struct After {
    /// What the server answers: ``"none"`` or ``"refused"``.
    answer: &'static str,
    /// Whether it then closes the connection.
    close: bool,
}

impl After {
    fn of(dialect: &backup_protocol::Dialect, kind: VerdictKind) -> Self {
        let after = dialect.after(kind);
        let answer = match after.answer {
            VerdictAnswer::None => "none",
            VerdictAnswer::Refused => "refused",
        };
        Self {
            answer,
            close: after.close,
        }
    }
}

#[pymethods]
impl After {
    fn __repr__(&self) -> String {
        let close = if self.close { "True" } else { "False" };
        format!("After(answer='{}', close={close})", self.answer)
    }
}

/// An argument `dialect`: a [`Dialect`] or the name of a built-in one.
#[derive(Clone)]
pub(crate) struct DialectArgument(pub(crate) backup_protocol::Dialect);

impl Default for DialectArgument {
    /// The most usual one.
    fn default() -> Self {
        Self(
            backup_protocol::Dialect::all()
                .first()
                .expect("dialects are built in")
                .clone(),
        )
    }
}

impl<'py> FromPyObject<'_, 'py> for DialectArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<Dialect>() {
            Ok(dialect) => Ok(Self(dialect.get().0.clone())),
            Err(_) => Ok(Self(Dialect::new(object.extract::<String>()?.as_str())?.0)),
        }
    }
}
