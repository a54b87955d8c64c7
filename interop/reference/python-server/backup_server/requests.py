"""PROTOCOL.md 1.5, 2 and 10.7: the bytes of requests.

The functions take whole fields; reading them off a socket is the business of `connection`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .dialect import ByteOrder, Dialect
from .layout import BLOCK_SIZE, CLIENT_ID_SIZE, WireError, header_format, padding_size, parse_name


@dataclass(frozen=True)
class RequestHeader:
    """1.5: what stands before each payload."""

    client_id: bytes
    version: int
    code: int
    payload_size: int


@dataclass(frozen=True)
class SendPublicKey:
    """1101. The public key is not looked into here; `crypto.read_public_key` does."""

    name: str
    public_key: bytes


@dataclass(frozen=True)
class Place:
    """10.7: which packet of which file a 1103 is. Where a dialect has no packet fields, each is packet 1 of 1."""

    content_size: int  # bytes of the encrypted content, in all packets together
    number: int
    total: int


@dataclass(frozen=True)
class SendFile:
    """1103, without the content that follows it."""

    client_id: bytes
    place: Place
    original_size: int | None  # bytes of the plaintext, in all packets together; None without packet fields
    file_name: str
    packet_content_size: int  # bytes of content that follow in this request


@dataclass(frozen=True)
class Verdict:
    """1104, 1105 and 1106."""

    client_id: bytes
    file_name: str


# ------------------------------------------------------------------------------------------------------------
# Headers and sizes
# ------------------------------------------------------------------------------------------------------------


def header_size(dialect: Dialect) -> int:
    """Return 23, or 24 with natural alignment."""
    return struct.calcsize(_header_format(dialect))


def parse_header(dialect: Dialect, data: bytes) -> RequestHeader:
    """Split a header. A byte that is there for the alignment is ignored: a struct of C leaves anything in it."""
    if len(data) < header_size(dialect):
        raise WireError("truncated")
    if len(data) > header_size(dialect):
        raise WireError("trailing-data")
    return RequestHeader(*struct.unpack(_header_format(dialect), data))


def _header_format(dialect: Dialect) -> str:
    return header_format(dialect, client_id=f"{CLIENT_ID_SIZE}s", size="I")


def check_header(dialect: Dialect, header: RequestHeader) -> str:
    """Name the request that begins with this header, or raise what can be judged from the header alone (2.10)."""
    request = dialect.request_of_code(header.code)
    if request is None:
        raise WireError("unknown-code")
    if request == "send_file":
        possible = header.payload_size >= send_file_size(dialect)
    else:
        possible = header.payload_size in _payload_sizes(dialect, request)
    if not possible:
        raise WireError("payload-size")
    return request


def send_file_size(dialect: Dialect) -> int:
    """Return how many bytes the fields of 1103 take that come before the content."""
    return _id_size(dialect) + (12 if dialect.packets else 4) + dialect.name_width


def _payload_sizes(dialect: Dialect, request: str) -> tuple[int, ...]:
    if request in ("register", "reconnect"):
        return (dialect.name_width,)
    if request == "send_public_key":
        return tuple(dialect.name_width + size for size in dialect.public_key_sizes)
    return (_id_size(dialect) + dialect.name_width,)


def _id_size(dialect: Dialect) -> int:
    return CLIENT_ID_SIZE if dialect.client_id_in_payload else 0


def request_padding(dialect: Dialect, header: RequestHeader) -> int:
    """10.3: how many bytes follow the payload of a request other than 1103."""
    return padding_size(dialect.request_padding, header_size(dialect) + header.payload_size)


# ------------------------------------------------------------------------------------------------------------
# Payloads
# ------------------------------------------------------------------------------------------------------------


def parse_client_name(dialect: Dialect, payload: bytes) -> str:
    """Split the payload of 1100, or of a reconnect."""
    fields = _Fields(payload)
    name = fields.name(dialect)
    fields.end()
    return name


def parse_send_public_key(dialect: Dialect, payload: bytes) -> SendPublicKey:
    """Split the payload of 1101. The key is what remains after the name; `check_header` has seen to the size."""
    fields = _Fields(payload)
    return SendPublicKey(fields.name(dialect), fields.rest())


def parse_send_file(dialect: Dialect, header: RequestHeader, payload: bytes) -> SendFile:
    """Split the fields of 1103 before the content, and check what they alone can show to be wrong (2.3, 10.7)."""
    content_here = header.payload_size - send_file_size(dialect)
    fields = _Fields(payload)
    client_id = fields.client_id(dialect, header)
    content_size = fields.number(4, dialect.byte_order)
    if not dialect.packets and content_size != content_here:
        raise WireError("content-size-mismatch")
    if content_size == 0 or content_size % BLOCK_SIZE != 0:
        raise WireError("content-not-blocks")
    original_size = None
    number = total = 1
    if dialect.packets:
        original_size = fields.number(4, dialect.byte_order)
        if content_size != original_size - original_size % BLOCK_SIZE + BLOCK_SIZE:
            raise WireError("content-size-mismatch")
        number = fields.number(2, dialect.packet_byte_order)
        total = fields.number(2, dialect.packet_byte_order)
        if not 1 <= number <= total:
            raise WireError("packet-number")
    file_name = fields.name(dialect)
    fields.end()
    return SendFile(client_id, Place(content_size, number, total), original_size, file_name, content_here)


def packet_place(dialect: Dialect, header: RequestHeader, payload: bytes) -> Place:
    """Read only the place of a 1103, whatever else is wrong with it."""
    if not dialect.packets:
        return Place(header.payload_size - send_file_size(dialect), 1, 1)
    fields = _Fields(payload)
    fields.take(_id_size(dialect))
    content_size = fields.number(4, dialect.byte_order)
    fields.take(4)
    number = fields.number(2, dialect.packet_byte_order)
    return Place(content_size, number, fields.number(2, dialect.packet_byte_order))


def parse_verdict(dialect: Dialect, header: RequestHeader, payload: bytes) -> Verdict:
    """Split the payload of 1104, 1105 or 1106."""
    fields = _Fields(payload)
    request = Verdict(fields.client_id(dialect, header), fields.name(dialect))
    fields.end()
    return request


class _Fields:
    """The fields of a payload, taken off in order: a payload that is wrong twice fails at what comes first (11)."""

    def __init__(self, payload: bytes) -> None:
        self._rest = payload

    def take(self, size: int) -> bytes:
        if len(self._rest) < size:
            raise WireError("truncated")
        field, self._rest = self._rest[:size], self._rest[size:]
        return field

    def rest(self) -> bytes:
        return self.take(len(self._rest))

    def number(self, size: int, order: ByteOrder) -> int:
        return int.from_bytes(self.take(size), order)

    def name(self, dialect: Dialect) -> str:
        return parse_name(self.take(dialect.name_width))

    def client_id(self, dialect: Dialect, header: RequestHeader) -> bytes:
        """Take the client ID, which must be the header's (2.2); where payloads carry none it *is* the header's."""
        if dialect.client_id_in_payload and self.take(CLIENT_ID_SIZE) != header.client_id:
            raise WireError("client-id-mismatch")
        return header.client_id

    def end(self) -> None:
        if self._rest:
            raise WireError("trailing-data")
