//! The headers of requests and responses (PROTOCOL.md 1.5, 1.6).

use backup_protocol::dialect::SizeWidth;
use backup_protocol::wire::{self, RequestCode, ResponseCode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::args::Buffer;
use crate::dialect::DialectArgument;
use crate::error::Error;
use crate::value::value;
use crate::wire::ClientId;
use crate::{request, response};

value! {
    /// The first bytes of every request, 23 or 24 as the dialect says (PROTOCOL.md 1.5).
    ///
    /// >>> RequestHeader(bytes(16), 1100, 255).encode().hex()
    /// '00000000000000000000000000000000034c04ff000000'
    RequestHeader (client_id, code, payload_size, *, version = 3) {
        /// Who asks. Ignored in 1100 (PROTOCOL.md 2.1).
        client_id: ClientId,
        /// What is asked: known or not, that is for ``check`` to say.
        code: u16,
        /// Bytes that follow the header.
        payload_size: u32,
    } {
        /// The version: 3, but any value is accepted (PROTOCOL.md 1.7).
        version: u8,
    }

    /// Reads a header. Every value is a header: code and size are judged by ``check``.
    ///
    /// Raises ``DecodeError``, ``truncated`` or ``trailing-data``, if there are not exactly
    /// ``dialect.request_header_size`` bytes.
    #[staticmethod]
    #[pyo3(signature = (data, /, *, dialect = DialectArgument::default()))]
    fn decode(data: Buffer<'_>, dialect: DialectArgument) -> PyResult<Self> {
        let header = wire::RequestHeader::decode(&data.to_bytes()?, &dialect.0);
        let header = header.map_err(Error::from)?;
        Ok(Self {
            client_id: ClientId(header.client_id),
            code: header.code.0,
            payload_size: header.payload_size,
            version: header.version,
        })
    }

    /// The bytes of the header.
    #[pyo3(signature = (*, dialect = DialectArgument::default()))]
    fn encode(&self, dialect: DialectArgument) -> Vec<u8> {
        let mut out = Vec::with_capacity(wire::RequestHeader::MAX);
        self.wire().write(&dialect.0, &mut out);
        out
    }

    /// Judges code and payload size, before a byte of the payload is read (PROTOCOL.md 2.10), and
    /// gives the class of the request.
    ///
    /// Raises ``DecodeError``: ``unknown-code``, or ``payload-size`` if no request with this code can
    /// have this size.
    ///
    /// >>> RequestHeader(bytes(16), 1100, 255).check()
    /// <class 'backup_protocol.Register'>
    #[pyo3(signature = (*, dialect = DialectArgument::default()))]
    fn check<'py>(
        &self,
        py: Python<'py>,
        dialect: DialectArgument,
    ) -> Result<Bound<'py, PyType>, Error> {
        Ok(request::class(py, self.wire().check(&dialect.0)?))
    }

    /// Bytes to read after the header, padding included and the content of a 1103 not: then
    /// ``Request.decode(..., content=False)`` takes header and rest.
    ///
    /// Raises as ``check`` does.
    #[pyo3(signature = (*, dialect = DialectArgument::default()))]
    fn rest_size(&self, dialect: DialectArgument) -> Result<usize, Error> {
        Ok(self.wire().rest_size(&dialect.0)?)
    }
}

impl RequestHeader {
    fn wire(&self) -> wire::RequestHeader {
        wire::RequestHeader {
            client_id: self.client_id.0,
            version: self.version,
            code: RequestCode(self.code),
            payload_size: self.payload_size,
        }
    }
}

value! {
    /// The first 5 to 8 bytes of every response, as the dialect says (PROTOCOL.md 1.6).
    ///
    /// >>> ResponseHeader(2100, 16).encode(dialect="readme").hex()
    /// '0334081000'
    ResponseHeader (code, payload_size, *, version = 3) {
        /// What is answered: known or not, that is for ``check`` to say.
        code: u16,
        /// The number on the wire, whatever the dialect has it count.
        payload_size: u32,
    } {
        /// The version: 3, but any value is accepted (PROTOCOL.md 1.7).
        version: u8,
    }

    /// Reads a header. Every value is a header: code and size are judged by ``check``.
    ///
    /// Raises ``DecodeError``, ``truncated`` or ``trailing-data``, if there are not exactly
    /// ``dialect.response_header_size`` bytes.
    #[staticmethod]
    #[pyo3(signature = (data, /, *, dialect = DialectArgument::default()))]
    fn decode(data: Buffer<'_>, dialect: DialectArgument) -> PyResult<Self> {
        let header = wire::ResponseHeader::decode(&data.to_bytes()?, &dialect.0);
        let header = header.map_err(Error::from)?;
        Ok(Self {
            code: header.code.0,
            payload_size: header.payload_size,
            version: header.version,
        })
    }

    /// The bytes of the header.
    ///
    /// Raises ``ValueError`` for a payload size that the dialect has no room for.
    #[pyo3(signature = (*, dialect = DialectArgument::default()))]
    fn encode(&self, dialect: DialectArgument) -> PyResult<Vec<u8>> {
        let two = dialect.0.response_size_width == SizeWidth::Two;
        if two && u16::try_from(self.payload_size).is_err() {
            let text = format!(
                "a payload size of {} does not fit 2 bytes",
                self.payload_size
            );
            return Err(PyValueError::new_err(text));
        }
        let mut out = Vec::with_capacity(dialect.0.response_header_size());
        self.wire().write(&dialect.0, &mut out);
        Ok(out)
    }

    /// Judges code and payload size, before memory is set aside for the payload, and gives the class
    /// of the response.
    ///
    /// Raises ``DecodeError``: ``unknown-code``, or ``payload-size`` if no response with this code
    /// can have this size.
    #[pyo3(signature = (*, dialect = DialectArgument::default()))]
    fn check<'py>(
        &self,
        py: Python<'py>,
        dialect: DialectArgument,
    ) -> Result<Bound<'py, PyType>, Error> {
        Ok(response::class(py, self.wire().check(&dialect.0)?))
    }

    /// Bytes to read after the header, padding included.
    ///
    /// Raises as ``check`` does.
    #[pyo3(signature = (*, dialect = DialectArgument::default()))]
    fn rest_size(&self, dialect: DialectArgument) -> Result<usize, Error> {
        Ok(self.wire().rest(&dialect.0)?.size())
    }
}

impl ResponseHeader {
    fn wire(&self) -> wire::ResponseHeader {
        wire::ResponseHeader {
            version: self.version,
            code: ResponseCode(self.code),
            payload_size: self.payload_size,
        }
    }
}
