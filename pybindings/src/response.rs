//! Responses, from server to client (PROTOCOL.md 2).

use backup_protocol::wire::{self, ResponseHeader};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::args::Buffer;
use crate::dialect::DialectArgument;
use crate::error::Error;
use crate::wire::{ClientId, Name, WrappedKeyField, message};

/// What ``Registered``, ``Refused``, ``WrappedKey``, ``FileReceived``, ``Acknowledged``, ``Reconnected``,
/// ``ReconnectRefused`` and ``GeneralError`` have in common.
#[pyclass(frozen, subclass, module = "backup_protocol")]
pub(crate) struct Response;

#[pymethods]
impl Response {
    /// Reads one whole response: header, payload and padding.
    ///
    /// Raises ``DecodeError`` for whatever is wrong first (PROTOCOL.md 11); the wrapped key is not
    /// looked into.
    #[staticmethod]
    #[pyo3(signature = (data, /, *, dialect = DialectArgument::default()))]
    fn decode(
        py: Python<'_>,
        data: Buffer<'_>,
        dialect: DialectArgument,
    ) -> Result<Py<PyAny>, Error> {
        let dialect = &dialect.0;
        let size = dialect.response_header_size();
        let header = ResponseHeader::decode(&data.slice(0, size)?, dialect)?;
        let response = wire::Response::decode(&header, &data.slice(size, usize::MAX)?, dialect)?;
        Ok(into_python(py, header.version, response)?)
    }
}

pub(crate) fn into_python(
    py: Python<'_>,
    version: u8,
    response: wire::Response,
) -> PyResult<Py<PyAny>> {
    Ok(match response {
        wire::Response::Registered(wire::Registered { client_id }) => Py::new(
            py,
            Registered {
                client_id: ClientId(client_id),
                version,
            },
        )?
        .into_any(),
        wire::Response::Refused(wire::Refused { client_id }) => Py::new(
            py,
            Refused {
                client_id: client_id.map(ClientId),
                version,
            },
        )?
        .into_any(),
        wire::Response::AesKey(wire::WrappedKey { client_id, wrapped }) => {
            let (client_id, wrapped_key) = (ClientId(client_id), WrappedKeyField(wrapped));
            Py::new(
                py,
                WrappedKey {
                    client_id,
                    wrapped_key,
                    version,
                },
            )?
            .into_any()
        }
        wire::Response::FileReceived(wire::FileReceived {
            client_id,
            content_size,
            file_name,
            cksum,
        }) => {
            let file_name = Name(file_name);
            Py::new(
                py,
                FileReceived {
                    client_id: client_id.map(ClientId),
                    content_size,
                    file_name,
                    cksum,
                    version,
                },
            )?
            .into_any()
        }
        wire::Response::Acknowledged(wire::Acknowledged { client_id }) => Py::new(
            py,
            Acknowledged {
                client_id: client_id.map(ClientId),
                version,
            },
        )?
        .into_any(),
        wire::Response::Reconnected(wire::WrappedKey { client_id, wrapped }) => {
            let (client_id, wrapped_key) = (ClientId(client_id), WrappedKeyField(wrapped));
            Py::new(
                py,
                Reconnected {
                    client_id,
                    wrapped_key,
                    version,
                },
            )?
            .into_any()
        }
        wire::Response::ReconnectRefused(wire::ReconnectRefused { client_id }) => Py::new(
            py,
            ReconnectRefused {
                client_id: ClientId(client_id),
                version,
            },
        )?
        .into_any(),
        wire::Response::GeneralError => Py::new(py, GeneralError { version })?.into_any(),
    })
}

/// The class of a response.
pub(crate) fn class(py: Python<'_>, kind: wire::ResponseKind) -> Bound<'_, PyType> {
    match kind {
        wire::ResponseKind::Registered => py.get_type::<Registered>(),
        wire::ResponseKind::Refused => py.get_type::<Refused>(),
        wire::ResponseKind::AesKey => py.get_type::<WrappedKey>(),
        wire::ResponseKind::FileReceived => py.get_type::<FileReceived>(),
        wire::ResponseKind::Acknowledged => py.get_type::<Acknowledged>(),
        wire::ResponseKind::Reconnected => py.get_type::<Reconnected>(),
        wire::ResponseKind::ReconnectRefused => py.get_type::<ReconnectRefused>(),
        wire::ResponseKind::GeneralError => py.get_type::<GeneralError>(),
    }
}

message! {
    /// 2100: brings the client ID. The payload has 16 bytes.
    Registered: Response (client_id, *, version = 3) {
        /// The ID of the client that asked.
        client_id: ClientId,
    }
    |message, dialect, version| {
        let response = wire::Registered { client_id: message.client_id.0 };
        Ok(wire::Response::Registered(response).encode(dialect, version))
    }
}

message! {
    /// 2101: the negative answer (PROTOCOL.md 2.10), or that to 1100 where there is a
    /// ``GeneralError``. The payload has 0 or 16 bytes, as the dialect says.
    Refused: Response (client_id = None, *, version = 3) {
        /// The client ID of the *request header* (PROTOCOL.md 2.6). Not sent where the dialect's
        /// payload is empty; zeros where it is not and this is ``None``.
        client_id: Option<ClientId>,
    }
    |message, dialect, version| {
        let response = wire::Refused { client_id: message.client_id.map(|id| id.0) };
        Ok(wire::Response::Refused(response).encode(dialect, version))
    }
}

message! {
    /// 2102: brings the AES key, wrapped (PROTOCOL.md 4.2). The payload has 144 bytes.
    WrappedKey: Response (client_id, wrapped_key, *, version = 3) {
        /// The ID of the client that asked.
        client_id: ClientId,
        /// The 128 bytes as they stand; ``KeyPair.unwrap`` makes a key of them.
        wrapped_key: WrappedKeyField,
    }
    |message, dialect, version| {
        let response = wire::WrappedKey {
            client_id: message.client_id.0,
            wrapped: message.wrapped_key.0,
        };
        Ok(wire::Response::AesKey(response).encode(dialect, version))
    }
}

message! {
    /// 2103: brings the cksum of a file that is stored (PROTOCOL.md 2.8). The payload has 279 bytes in
    /// ``seed``; the dialect says which fields it has, and how wide the last one is.
    FileReceived: Response (client_id, content_size, file_name, cksum, *, version = 3) {
        /// The ID of the client that asked; ``None`` where the dialect leaves it out.
        client_id: Option<ClientId>,
        /// The size that the dialect repeats, that of the encrypted content or of the plaintext; ``None``
        /// where it leaves it out.
        content_size: Option<u32>,
        /// The file name as sent.
        file_name: Name,
        /// The cksum of the file (PROTOCOL.md 5).
        cksum: u32,
    }
    |message, dialect, version| {
        let fields = dialect.file_received_fields;
        if fields.has_client_id() && message.client_id.is_none()
            || fields.has_content_size() && message.content_size.is_none()
        {
            let text = format!("{dialect} has a client ID or content size where there is none");
            return Err(PyValueError::new_err(text));
        }
        let response = wire::FileReceived {
            client_id: message.client_id.map(|id| id.0),
            content_size: message.content_size,
            file_name: message.file_name.0.clone(),
            cksum: message.cksum,
        };
        Ok(wire::Response::FileReceived(response).encode(dialect, version))
    }
}

message! {
    /// 2104: takes note of a verdict (PROTOCOL.md 10.5). The payload has 0 or 16 bytes.
    Acknowledged: Response (client_id = None, *, version = 3) {
        /// The ID of the client that asked, if it is repeated.
        client_id: Option<ClientId>,
    }
    |message, dialect, version| {
        let response = wire::Acknowledged { client_id: message.client_id.map(|id| id.0) };
        Ok(wire::Response::Acknowledged(response).encode(dialect, version))
    }
}

message! {
    /// 2105: brings the AES key after a reconnect, wrapped (PROTOCOL.md 10.4). The payload has 144 bytes.
    Reconnected: Response (client_id, wrapped_key, *, version = 3) {
        /// The ID of the client that asked.
        client_id: ClientId,
        /// The 128 bytes as they stand; ``KeyPair.unwrap`` makes a key of them.
        wrapped_key: WrappedKeyField,
    }
    |message, dialect, version| {
        let response = wire::WrappedKey {
            client_id: message.client_id.0,
            wrapped: message.wrapped_key.0,
        };
        known(wire::Response::Reconnected(response), dialect, version)
    }
}

message! {
    /// 2106: the client has to register anew (PROTOCOL.md 10.4). The payload has 16 bytes.
    ReconnectRefused: Response (client_id, *, version = 3) {
        /// The client ID of the *request header*.
        client_id: ClientId,
    }
    |message, dialect, version| {
        let response = wire::ReconnectRefused { client_id: message.client_id.0 };
        known(wire::Response::ReconnectRefused(response), dialect, version)
    }
}

message! {
    /// 2107: the negative answer where the dialect has it (PROTOCOL.md 10.6). The payload is empty.
    GeneralError: Response (*, version = 3) {}
    |_message, dialect, version| known(wire::Response::GeneralError, dialect, version)
}

/// A response that not every dialect has.
fn known(
    response: wire::Response,
    dialect: &backup_protocol::Dialect,
    version: u8,
) -> PyResult<Vec<u8>> {
    match dialect.response_code(response.kind()) {
        Some(_) => Ok(response.encode(dialect, version)),
        None => {
            let text = format!("{dialect} has no response \"{}\"", response.kind());
            Err(PyValueError::new_err(text))
        }
    }
}
