//! The bytes of the protocol: headers, requests, responses (PROTOCOL.md 1 and 2).
//!
//! Nothing here reads a socket. Bytes go in and messages come out, or the other way round; whatever
//! differs between dialects is taken from a [`Dialect`](crate::Dialect) value.

mod client_id;
mod error;
mod explain;
mod header;
mod name;
mod reader;
mod request;
mod response;
mod send_file;
mod stream;

pub use client_id::ClientId;
pub use error::DecodeError;
pub use explain::{Explanation, Field, FieldValue};
pub use header::{RequestCode, RequestHeader, ResponseCode, ResponseHeader, ResponseRest, VERSION};
pub use name::{Name, NameError, base_name};
pub use request::{
    PUBLIC_KEY_SIZE, Reconnect, Register, Request, RequestKind, SendPublicKey, Verdict, VerdictKind,
};
pub use response::{
    Acknowledged, FileReceived, ReconnectRefused, Refused, Registered, Response, ResponseKind,
    WRAPPED_KEY_SIZE, WrappedKey,
};

pub use send_file::{Packet, SendFile};
pub use stream::{RequestPart, RequestStream, ResponseStream};

pub(crate) use reader::Reader;
