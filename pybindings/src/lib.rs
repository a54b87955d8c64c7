//! The native half of the Python package `backup_protocol`: the module tree and nothing else.
//!
//! Everything here is thin. What a message is stands in `backup-protocol`, what a client does in
//! `backup-client` and what a server does in `backup-server`; this crate turns arguments into their types, and their errors into exceptions.
//! Python names, signatures and docstrings are those of `python/backup_protocol/_native.pyi`.

mod args;
mod client;
mod crypto;
mod dialect;
mod error;
mod explain;
mod header;
mod request;
mod response;
mod server;
mod source;
mod stream;
mod value;
mod wire;
mod work;

use pyo3::prelude::*;

/// The native half of `backup_protocol`, which is what to import.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::client::{Client, Sent};
    #[pymodule_export]
    use crate::crypto::{
        Cksum, Decryptor, Encryptor, FileCksum, KeyPair, PublicKey, cksum, decrypt, encrypt,
    };
    #[pymodule_export]
    use crate::dialect::{After, Dialect};
    #[pymodule_export]
    use crate::explain::{Explanation, Field, explain};
    #[pymodule_export]
    use crate::header::{RequestHeader, ResponseHeader};
    #[pymodule_export]
    use crate::request::{
        CksumRight, CksumWrong, GiveUp, Packet, Reconnect, Register, Request, SendFile,
        SendPublicKey,
    };
    #[pymodule_export]
    use crate::response::{
        Acknowledged, FileReceived, GeneralError, ReconnectRefused, Reconnected, Refused,
        Registered, Response, WrappedKey,
    };
    #[pymodule_export]
    use crate::server::{Server, ServerClient, ServerEvent, StoredFile};
    #[pymodule_export]
    use crate::stream::{RequestDecoder, ResponseDecoder};
    #[pymodule_export]
    use crate::wire::{ClientId, base_name, decode_name, encode_name};
}
