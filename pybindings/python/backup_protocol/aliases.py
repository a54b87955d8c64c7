"""Types for annotations: what a decoder gives, and what a client sends."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from os import PathLike
from typing import IO, TYPE_CHECKING, TypeAlias

from backup_protocol._native import (
    Acknowledged,
    CksumRight,
    CksumWrong,
    FileReceived,
    GeneralError,
    GiveUp,
    Reconnect,
    Reconnected,
    ReconnectRefused,
    Refused,
    Register,
    Registered,
    SendFile,
    SendPublicKey,
    WrappedKey,
)

if sys.version_info >= (3, 12):
    from collections.abc import Buffer
elif TYPE_CHECKING:
    from typing_extensions import Buffer
else:
    Buffer = bytes | bytearray | memoryview

AnyRequest: TypeAlias = Register | SendPublicKey | Reconnect | SendFile | CksumRight | CksumWrong | GiveUp
"""What ``Request.decode`` gives."""

AnyResponse: TypeAlias = (
    Registered | Refused | WrappedKey | FileReceived | Acknowledged | Reconnected | ReconnectRefused | GeneralError
)
"""What ``Response.decode`` gives."""

Sendable: TypeAlias = str | PathLike[str] | Buffer | IO[bytes] | Iterable[Buffer]
"""What ``Client.send`` takes: a path, bytes, a binary file object, or an iterable of bytes."""
