"""The backup protocol: codec, ciphers, checksum, a client and a server.

Section numbers are those of docs/PROTOCOL.md. Whatever differs between programs of the family comes
from a ``Dialect``; every call of the codec takes ``dialect=``, and means what the programs send
(``"seed"``) if there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backup_protocol._native import (
    Acknowledged,
    After,
    Cksum,
    CksumRight,
    CksumWrong,
    Client,
    ClientId,
    Decryptor,
    Dialect,
    Encryptor,
    Explanation,
    Field,
    FileCksum,
    FileReceived,
    GeneralError,
    GiveUp,
    KeyPair,
    Packet,
    PublicKey,
    Reconnect,
    Reconnected,
    ReconnectRefused,
    Refused,
    Register,
    Registered,
    Request,
    RequestDecoder,
    RequestHeader,
    Response,
    ResponseDecoder,
    ResponseHeader,
    SendFile,
    SendPublicKey,
    Sent,
    Server,
    ServerClient,
    ServerEvent,
    StoredFile,
    WrappedKey,
    base_name,
    cksum,
    decode_name,
    decrypt,
    encode_name,
    encrypt,
    explain,
)
from backup_protocol.errors import (
    BackupProtocolError,
    BackupProtocolWarning,
    ClientError,
    ConnectionLostError,
    CryptoError,
    DecodeError,
    DialectError,
    GaveUpError,
    LocalError,
    ProgramNotFoundError,
    RefusedError,
    ViolationError,
)

if TYPE_CHECKING:
    from backup_protocol.aio import AsyncClient
    from backup_protocol.programs import program
    from backup_protocol.proxy import RecordingProxy
    from backup_protocol.scripted import Played, ScriptedClient, ScriptedServer

__all__ = [
    "Acknowledged",
    "After",
    "AsyncClient",
    "BackupProtocolError",
    "BackupProtocolWarning",
    "Cksum",
    "CksumRight",
    "CksumWrong",
    "Client",
    "ClientError",
    "ClientId",
    "ConnectionLostError",
    "CryptoError",
    "DecodeError",
    "Decryptor",
    "Dialect",
    "DialectError",
    "Encryptor",
    "Explanation",
    "Field",
    "FileCksum",
    "FileReceived",
    "GaveUpError",
    "GeneralError",
    "GiveUp",
    "KeyPair",
    "LocalError",
    "Packet",
    "Played",
    "ProgramNotFoundError",
    "PublicKey",
    "Reconnect",
    "ReconnectRefused",
    "Reconnected",
    "RecordingProxy",
    "Refused",
    "RefusedError",
    "Register",
    "Registered",
    "Request",
    "RequestDecoder",
    "RequestHeader",
    "Response",
    "ResponseDecoder",
    "ResponseHeader",
    "ScriptedClient",
    "ScriptedServer",
    "SendFile",
    "SendPublicKey",
    "Sent",
    "Server",
    "ServerClient",
    "ServerEvent",
    "StoredFile",
    "ViolationError",
    "WrappedKey",
    "base_name",
    "cksum",
    "decode_name",
    "decrypt",
    "encode_name",
    "encrypt",
    "explain",
    "program",
]

# Not everyone who decodes a message wants asyncio and subprocess.
_ON_DEMAND = {
    "AsyncClient": "aio",
    "Played": "scripted",
    "RecordingProxy": "proxy",
    "ScriptedClient": "scripted",
    "ScriptedServer": "scripted",
    "program": "programs",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ON_DEMAND[name]}"), name)
