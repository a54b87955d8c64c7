"""What this package raises beside Python's own ``ValueError``, ``TypeError`` and ``OSError``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from backup_protocol._native import Sent


class BackupProtocolError(Exception):
    """The base of all. The text is that of the Rust programs; the attributes are for code.

    ``slug`` is the name of the reason in PROTOCOL.md 11, the same in all languages and in the
    vectors, ``None`` where that table has none. ``section`` is the section of PROTOCOL.md that was
    broken. ``field`` is the name of the field. ``offset`` is where the trouble begins, in bytes from
    the first of the message, header included. ``expected`` and ``got`` are the numbers that differ:
    sizes in bytes, codes, cksums. Whatever does not apply is ``None``.
    """

    def __init__(
        self,
        message: str,
        *,
        slug: str | None = None,
        section: str | None = None,
        field: str | None = None,
        offset: int | None = None,
        expected: int | None = None,
        got: int | None = None,
    ) -> None:
        super().__init__(message)
        self.slug = slug
        self.section = section
        self.field = field
        self.offset = offset
        self.expected = expected
        self.got = got


class DecodeError(BackupProtocolError):
    """Bytes that are not a message of the dialect."""


class CryptoError(BackupProtocolError):
    """A key, a wrapped key or encrypted content that is not what PROTOCOL.md 4 says."""


class DialectError(BackupProtocolError):
    """A text that is not a dialect (PROTOCOL.md 10)."""


class ProgramNotFoundError(BackupProtocolError):
    """One of the programs of the package is not on this machine."""


class ClientError(BackupProtocolError):
    """A client could not do what it was asked. The subclasses say whose fault it is.

    ``exit_code`` is what ``backup-client`` would exit with.
    """

    exit_code: ClassVar[int] = 1


class LocalError(ClientError):
    """Our own side: the file to send, the identity folder, the disk."""


class RefusedError(ClientError):
    """The server answered 2101, as often as PROTOCOL.md 6.3 allows, or the name is taken (2.9)."""

    exit_code = 3


class GaveUpError(ClientError):
    """The cksum was wrong after every transmission, and 1106 was sent (PROTOCOL.md 6.1).

    ``expected`` is the cksum of what was sent last, ``got`` the server's.
    """

    exit_code = 4


class ConnectionLostError(ClientError):
    """No connection, it was lost, or the server did not answer in time."""

    exit_code = 5


class ViolationError(ClientError):
    """The server violated the protocol. The attributes say how, as those of ``DecodeError`` do."""

    exit_code = 6


class BackupProtocolWarning(UserWarning):
    """Something that a client's user should hear of and that stops nothing.

    Where warnings are errors and one is raised in place of the result of a call, ``result`` is that
    result: the ``Sent`` of ``Client.send``, the list of ``Client.send_all``.
    """

    result: Sent | list[Sent | ClientError] | None = None
