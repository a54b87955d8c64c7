//! Requests, from client to server (PROTOCOL.md 2).

use backup_protocol::wire::{self, DecodeError, RequestHeader, VerdictKind};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::args::Buffer;
use crate::dialect::DialectArgument;
use crate::error::Error;
use crate::wire::{ClientId, ContentSize, Name, PublicKeyField, message};

/// What ``Register``, ``SendPublicKey``, ``SendFile``, ``CksumRight``, ``CksumWrong`` and ``GiveUp``
/// have in common.
#[pyclass(frozen, subclass, module = "backup_protocol")]
pub(crate) struct Request;

#[pymethods]
impl Request {
    /// Reads one whole request: header and payload.
    ///
    /// The content of a ``SendFile`` is measured and left where it is: it is the last
    /// ``content_size`` bytes of ``data``. With ``content=False``, ``data`` ends where the content
    /// would begin, as when a server reads it from a stream.
    ///
    /// Raises ``DecodeError`` for whatever is wrong first (PROTOCOL.md 11); public key and content
    /// are not looked into.
    #[staticmethod]
    #[pyo3(signature = (data, /, *, dialect = DialectArgument::default(), content = true))]
    fn decode(
        py: Python<'_>,
        data: Buffer<'_>,
        dialect: DialectArgument,
        content: bool,
    ) -> Result<Py<PyAny>, Error> {
        let dialect = &dialect.0;
        let header = RequestHeader::decode(&data.slice(0, RequestHeader::SIZE)?)?;
        let kind = header.check(dialect)?;
        let fixed_size = dialect.request_fixed_size(kind);
        let end = RequestHeader::SIZE.saturating_add(fixed_size as usize);

        let has_content = content && matches!(kind, wire::RequestKind::SendFile);
        let fixed_end = if has_content { end } else { usize::MAX };
        let fixed = data.slice(RequestHeader::SIZE, fixed_end)?;
        let request = wire::Request::decode(&header, &fixed, dialect)?;
        if has_content {
            let size = header.payload_size.saturating_sub(fixed_size) as usize;
            check_content(end, size, data.len().saturating_sub(end))?;
        }
        Ok(into_python(py, header.client_id, header.version, request)?)
    }
}

fn check_content(offset: usize, size: usize, left: usize) -> Result<(), DecodeError> {
    if left < size {
        let field = "message content";
        Err(DecodeError::Truncated {
            field,
            offset,
            needed: size,
            left,
        })
    } else if left > size {
        let left = left.saturating_sub(size);
        Err(DecodeError::TrailingData {
            offset: offset.saturating_add(size),
            left,
        })
    } else {
        Ok(())
    }
}

fn into_python(
    py: Python<'_>,
    client_id: wire::ClientId,
    version: u8,
    request: wire::Request,
) -> PyResult<Py<PyAny>> {
    let client_id = ClientId(client_id);
    Ok(match request {
        wire::Request::Register(wire::Register { name }) => Py::new(
            py,
            Register {
                client_id,
                name: Name(name),
                version,
            },
        )?
        .into_any(),
        wire::Request::SendPublicKey(wire::SendPublicKey { name, public_key }) => {
            let (name, public_key) = (Name(name), PublicKeyField(public_key));
            Py::new(
                py,
                SendPublicKey {
                    client_id,
                    name,
                    public_key,
                    version,
                },
            )?
            .into_any()
        }
        wire::Request::SendFile(wire::SendFile {
            content_size,
            file_name,
        }) => {
            let (content_size, file_name) = (ContentSize(content_size), Name(file_name));
            Py::new(
                py,
                SendFile {
                    client_id,
                    content_size,
                    file_name,
                    version,
                },
            )?
            .into_any()
        }
        wire::Request::Verdict(wire::Verdict { kind, file_name }) => {
            let file_name = Name(file_name);
            match kind {
                VerdictKind::Right => Py::new(
                    py,
                    CksumRight {
                        client_id,
                        file_name,
                        version,
                    },
                )?
                .into_any(),
                VerdictKind::Wrong => Py::new(
                    py,
                    CksumWrong {
                        client_id,
                        file_name,
                        version,
                    },
                )?
                .into_any(),
                VerdictKind::GiveUp => Py::new(
                    py,
                    GiveUp {
                        client_id,
                        file_name,
                        version,
                    },
                )?
                .into_any(),
            }
        }
    })
}

/// The class of a request.
pub(crate) fn class(py: Python<'_>, kind: wire::RequestKind) -> Bound<'_, PyType> {
    match kind {
        wire::RequestKind::Register => py.get_type::<Register>(),
        wire::RequestKind::SendPublicKey => py.get_type::<SendPublicKey>(),
        wire::RequestKind::SendFile => py.get_type::<SendFile>(),
        wire::RequestKind::Verdict(VerdictKind::Right) => py.get_type::<CksumRight>(),
        wire::RequestKind::Verdict(VerdictKind::Wrong) => py.get_type::<CksumWrong>(),
        wire::RequestKind::Verdict(VerdictKind::GiveUp) => py.get_type::<GiveUp>(),
    }
}

message! {
    /// 1100: asks for a client ID (PROTOCOL.md 2.1). The payload has 255 bytes.
    ///
    /// >>> Register("alice")
    /// Register(name='alice', client_id=ClientId(00000000…), version=3)
    Register: Request (name, client_id = ClientId::ZERO, *, version = 3) {
        /// The name to register: 1 to 254 bytes of UTF-8.
        name: Name,
        /// The client ID of the header, which a server ignores.
        client_id: ClientId,
    }
    |message, dialect, version| {
        let request = wire::Request::Register(wire::Register { name: message.name.0.clone() });
        Ok(request.encode(dialect, message.client_id.0, version))
    }
}

message! {
    /// 1101: asks for an AES key (PROTOCOL.md 2.4). The payload has 415 bytes.
    SendPublicKey: Request (client_id, name, public_key, *, version = 3) {
        /// The client ID of the header.
        client_id: ClientId,
        /// The name that the client is registered under.
        name: Name,
        /// The 160 bytes of the public key as they stand; ``PublicKey`` looks into them.
        public_key: PublicKeyField,
    }
    |message, dialect, version| {
        let request = wire::Request::SendPublicKey(wire::SendPublicKey {
            name: message.name.0.clone(),
            public_key: message.public_key.0,
        });
        Ok(request.encode(dialect, message.client_id.0, version))
    }
}

message! {
    /// 1103: brings a file (PROTOCOL.md 2.3). The payload has 275 bytes and the content.
    ///
    /// The content is not part of this object: it can have 4 GiB.
    SendFile: Request (client_id, content_size, file_name, *, version = 3) {
        /// The client ID of the header, which the payload repeats.
        client_id: ClientId,
        /// Bytes of *encrypted* content that follow: a positive multiple of 16
        /// (``Dialect.content_size``).
        content_size: ContentSize,
        /// The file name as sent: 1 to 254 bytes of UTF-8.
        file_name: Name,
    }
    |message, dialect, version| {
        let limit = dialect.max_content_size();
        if message.content_size.0 > limit {
            let text = format!("a content size of {}: {limit} is the most", message.content_size.0);
            return Err(PyValueError::new_err(text));
        }
        let request = wire::Request::SendFile(wire::SendFile {
            content_size: message.content_size.0,
            file_name: message.file_name.0.clone(),
        });
        Ok(request.encode(dialect, message.client_id.0, version))
    }
}

message! {
    /// 1104: the cksum is right, keep the file (PROTOCOL.md 2.11). The payload has 271 bytes.
    CksumRight: Request (client_id, file_name, *, version = 3) {
        /// The client ID of the header, which the payload repeats.
        client_id: ClientId,
        /// The file name as it was sent.
        file_name: Name,
    }
    |message, dialect, version| {
        Ok(verdict(VerdictKind::Right, &message.file_name)
            .encode(dialect, message.client_id.0, version))
    }
}

message! {
    /// 1105: the cksum is wrong, the file comes again (PROTOCOL.md 2.11). The payload has 271 bytes.
    CksumWrong: Request (client_id, file_name, *, version = 3) {
        /// The client ID of the header, which the payload repeats.
        client_id: ClientId,
        /// The file name as it was sent.
        file_name: Name,
    }
    |message, dialect, version| {
        Ok(verdict(VerdictKind::Wrong, &message.file_name)
            .encode(dialect, message.client_id.0, version))
    }
}

message! {
    /// 1106: the cksum is wrong once too often (PROTOCOL.md 2.11). The payload has 271 bytes.
    GiveUp: Request (client_id, file_name, *, version = 3) {
        /// The client ID of the header, which the payload repeats.
        client_id: ClientId,
        /// The file name as it was sent.
        file_name: Name,
    }
    |message, dialect, version| {
        Ok(verdict(VerdictKind::GiveUp, &message.file_name)
            .encode(dialect, message.client_id.0, version))
    }
}

fn verdict(kind: VerdictKind, file_name: &Name) -> wire::Request {
    wire::Request::Verdict(wire::Verdict {
        kind,
        file_name: file_name.0.clone(),
    })
}
