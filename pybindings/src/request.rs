//! Requests, from client to server (PROTOCOL.md 2).

use backup_protocol::wire::{self, DecodeError, RequestHeader, VerdictKind};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::args::Buffer;
use crate::dialect::DialectArgument;
use crate::error::Error;
use crate::value::value;
use crate::wire::{ClientId, ContentSize, Name, PublicKeyField, message};

/// What ``Register``, ``SendPublicKey``, ``Reconnect``, ``SendFile``, ``CksumRight``, ``CksumWrong`` and
/// ``GiveUp`` have in common.
#[pyclass(frozen, subclass, module = "backup_protocol")]
pub(crate) struct Request;

#[pymethods]
impl Request {
    /// Reads one whole request: header, payload and padding.
    ///
    /// The content of a ``SendFile`` is measured and left where it is: it is the last
    /// ``content_size`` bytes of ``data``, or in a packet the last ``packet.size``. With ``content=False``, ``data`` ends where the content
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
        let header_size = dialect.request_header_size();
        let header = RequestHeader::decode(&data.slice(0, header_size)?, dialect)?;
        let kind = header.check(dialect)?;
        let end = header_size.saturating_add(header.rest_size(dialect)?);

        let has_content = content && matches!(kind, wire::RequestKind::SendFile);
        let rest_end = if has_content { end } else { usize::MAX };
        let rest = data.slice(header_size, rest_end)?;
        let request = wire::Request::decode(&header, &rest, dialect)?;
        if has_content && let wire::Request::SendFile(file) = &request {
            let size = file.size() as usize;
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

pub(crate) fn into_python(
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
        wire::Request::Reconnect(wire::Reconnect { name }) => {
            let name = Name(name);
            Py::new(
                py,
                Reconnect {
                    client_id,
                    name,
                    version,
                },
            )?
            .into_any()
        }
        wire::Request::SendFile(file) => {
            Py::new(py, SendFile::of(client_id, file, version))?.into_any()
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
        wire::RequestKind::Reconnect => py.get_type::<Reconnect>(),
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
    /// 1101: asks for an AES key (PROTOCOL.md 2.4). The payload has 415 bytes, or 417 where the dialect
    /// accepts so long a key.
    SendPublicKey: Request (client_id, name, public_key, *, version = 3) {
        /// The client ID of the header.
        client_id: ClientId,
        /// The name that the client is registered under.
        name: Name,
        /// The 160 or 162 bytes of the public key as they stand; ``PublicKey`` looks into them.
        public_key: PublicKeyField,
    }
    |message, dialect, version| {
        let public_key = message.public_key.0.clone();
        let size = public_key.len();
        if !dialect.public_key_sizes.accept(size) {
            let text = format!("a public key of {size} bytes, which {dialect} does not accept");
            return Err(PyValueError::new_err(text));
        }
        let request = wire::Request::SendPublicKey(wire::SendPublicKey {
            name: message.name.0.clone(),
            public_key,
        });
        Ok(request.encode(dialect, message.client_id.0, version))
    }
}

message! {
    /// 1102: asks for an AES key with the identity of an earlier run (PROTOCOL.md 10.4). The payload has
    /// 255 bytes.
    ///
    /// >>> Reconnect(bytes(16), "alice").encode(dialect="2023a")[17:19].hex()
    /// '4e04'
    Reconnect: Request (client_id, name, *, version = 3) {
        /// The client ID of the header.
        client_id: ClientId,
        /// The name that the client is registered under.
        name: Name,
    }
    |message, dialect, version| {
        if !dialect.has_reconnect() {
            return Err(PyValueError::new_err(format!("{dialect} has no reconnect")));
        }
        let request = wire::Request::Reconnect(wire::Reconnect { name: message.name.0.clone() });
        Ok(request.encode(dialect, message.client_id.0, version))
    }
}

message! {
    /// 1103: brings a file (PROTOCOL.md 2.3). The payload has 275 bytes and the content; the dialect says
    /// otherwise.
    ///
    /// The content is not part of this object: it can have 4 GiB. ``Dialect.send_file`` makes all
    /// requests of a file.
    SendFile: Request (client_id, content_size, file_name, packet = None, *, version = 3) {
        /// The client ID of the header, which the payload may repeat.
        client_id: ClientId,
        /// Bytes of *encrypted* content of the whole file: a positive multiple of 16
        /// (``Dialect.content_size``).
        content_size: ContentSize,
        /// The file name as sent: 1 to 254 bytes of UTF-8.
        file_name: Name,
        /// Which part of the file this is, where the dialect has packets (PROTOCOL.md 10.7).
        packet: Option<Packet>,
    }
    |message, dialect, version| {
        let limit = dialect.max_content_size();
        if message.content_size.0 > limit {
            let text = format!("a content size of {}: {limit} is the most", message.content_size.0);
            return Err(PyValueError::new_err(text));
        }
        match &message.packet {
            None if dialect.packets => {
                let text = format!("{dialect} sends files in packets: give packet=");
                return Err(PyValueError::new_err(text));
            }
            Some(_) if !dialect.packets => {
                return Err(PyValueError::new_err(format!("{dialect} has no packets")));
            }
            _ => {}
        }
        let request = wire::Request::SendFile(wire::SendFile {
            content_size: message.content_size.0,
            packet: message.packet.as_ref().map(Packet::wire),
            file_name: message.file_name.0.clone(),
        });
        Ok(request.encode(dialect, message.client_id.0, version))
    }
}

impl SendFile {
    pub(crate) fn of(client_id: ClientId, file: wire::SendFile, version: u8) -> Self {
        Self {
            client_id,
            content_size: ContentSize(file.content_size),
            file_name: Name(file.file_name),
            packet: file.packet.map(|packet| Packet {
                original_size: packet.original_size,
                number: packet.number,
                total: packet.total,
                size: packet.size,
            }),
            version,
        }
    }
}

value! {
    /// Which part of a file a 1103 brings (PROTOCOL.md 10.7).
    Packet (original_size, number, total, size) {
        /// Bytes of the plaintext of the whole file.
        original_size: u32,
        /// Counted from 1.
        number: u16,
        /// Packets in all.
        total: u16,
        /// Bytes of encrypted content in this packet.
        size: u32,
    } {}
}

impl FromPyObject<'_, '_> for Packet {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(object.cast::<Self>()?.get().clone())
    }
}

impl Packet {
    const fn wire(&self) -> wire::Packet {
        wire::Packet {
            original_size: self.original_size,
            number: self.number,
            total: self.total,
            size: self.size,
        }
    }
}

message! {
    /// 1104: the cksum is right, keep the file (PROTOCOL.md 2.11). The payload has 271
    /// bytes, and 16 less where the dialect leaves the client ID out.
    CksumRight: Request (client_id, file_name, *, version = 3) {
        /// The client ID of the header, which the payload may repeat.
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
    /// 1105: the cksum is wrong, the file comes again (PROTOCOL.md 2.11). The payload has 271
    /// bytes, and 16 less where the dialect leaves the client ID out.
    CksumWrong: Request (client_id, file_name, *, version = 3) {
        /// The client ID of the header, which the payload may repeat.
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
    /// 1106: the cksum is wrong once too often (PROTOCOL.md 2.11). The payload has 271
    /// bytes, and 16 less where the dialect leaves the client ID out.
    GiveUp: Request (client_id, file_name, *, version = 3) {
        /// The client ID of the header, which the payload may repeat.
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
