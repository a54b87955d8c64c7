"""PROTOCOL.md 1 and 2: the bytes of requests and responses.

Every integer is unsigned and little-endian (1.2), hence the `<` in every format below. The functions take and give
whole fields; reading them off a socket is the business of `session`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .dialect import Dialect

VERSION = 3  # 1.7: what we send. Any version is accepted.

CLIENT_ID_SIZE = 16  # 1.9
NAME_SIZE = 255  # 1.8
PUBLIC_KEY_SIZE = 160  # 4.1
BLOCK_SIZE = 16  # 4.3

_REQUEST_HEADER = struct.Struct("<16sBHI")  # 1.5
REQUEST_HEADER_SIZE = _REQUEST_HEADER.size  # 23


class WireError(Exception):
    """Bytes that break a rule of the layout. `slug` names the rule (PROTOCOL.md 11)."""

    def __init__(self, slug: str) -> None:
        """Name the rule that was broken."""
        super().__init__(slug)
        self.slug = slug


# ------------------------------------------------------------------------------------------------------------
# Requests
# ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RequestHeader:
    """1.5: the 23 bytes before each payload."""

    client_id: bytes
    version: int
    code: int
    payload_size: int


@dataclass(frozen=True)
class Register:
    """1100."""

    name: str


@dataclass(frozen=True)
class SendPublicKey:
    """1101. The public key is not looked into here; `crypto.read_public_key` does."""

    name: str
    public_key: bytes


@dataclass(frozen=True)
class SendFile:
    """1103, without the content that follows it."""

    client_id: bytes
    content_size: int  # bytes of the *encrypted* content
    file_name: str


@dataclass(frozen=True)
class Verdict:
    """1104, 1105 and 1106."""

    client_id: bytes
    file_name: str


def parse_request_header(data: bytes) -> RequestHeader:
    """Split the 23 bytes of 1.5."""
    fields = _Fields(data)
    client_id, version, code, payload_size = _REQUEST_HEADER.unpack(fields.take(REQUEST_HEADER_SIZE))
    fields.end()
    return RequestHeader(client_id, version, code, payload_size)


def fixed_size(dialect: Dialect, request: str) -> int:
    """Return how many bytes the fields of this request take: the whole payload, or all before the content of 1103."""
    client_id_size = CLIENT_ID_SIZE if dialect.client_id_in_payload else 0
    return {
        "register": NAME_SIZE,
        "send_public_key": NAME_SIZE + PUBLIC_KEY_SIZE,
        "send_file": client_id_size + 4 + NAME_SIZE,
        "cksum_right": client_id_size + NAME_SIZE,
        "cksum_wrong": client_id_size + NAME_SIZE,
        "give_up": client_id_size + NAME_SIZE,
    }[request]


def check_header(dialect: Dialect, header: RequestHeader) -> str:
    """Name the request that begins with this header, or raise what can be judged from the header alone (2.10)."""
    request = dialect.request_of_code(header.code)
    if request is None:
        raise WireError("unknown-code")
    size = fixed_size(dialect, request)
    possible = header.payload_size >= size if request == "send_file" else header.payload_size == size
    if not possible:
        raise WireError("payload-size")
    return request


def parse_register(payload: bytes) -> Register:
    """Split the payload of 1100."""
    fields = _Fields(payload)
    request = Register(fields.name())
    fields.end()
    return request


def parse_send_public_key(payload: bytes) -> SendPublicKey:
    """Split the payload of 1101."""
    fields = _Fields(payload)
    request = SendPublicKey(fields.name(), fields.take(PUBLIC_KEY_SIZE))
    fields.end()
    return request


def parse_send_file(dialect: Dialect, header: RequestHeader, payload: bytes) -> SendFile:
    """Split the fields of 1103 before the content, and check the sizes (2.3)."""
    fields = _Fields(payload)
    client_id = fields.client_id(dialect, header)
    content_size = fields.number()
    if content_size != header.payload_size - fixed_size(dialect, "send_file"):
        raise WireError("content-size-mismatch")
    if content_size == 0 or content_size % BLOCK_SIZE != 0:
        raise WireError("content-not-blocks")
    request = SendFile(client_id, content_size, fields.name())
    fields.end()
    return request


def parse_verdict(dialect: Dialect, header: RequestHeader, payload: bytes) -> Verdict:
    """Split the payload of 1104, 1105 or 1106."""
    fields = _Fields(payload)
    request = Verdict(fields.client_id(dialect, header), fields.name())
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

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def name(self) -> str:
        return parse_name(self.take(NAME_SIZE))

    def client_id(self, dialect: Dialect, header: RequestHeader) -> bytes:
        """Take the client ID, which must be the header's (2.2); where payloads carry none it *is* the header's."""
        if dialect.client_id_in_payload and self.take(CLIENT_ID_SIZE) != header.client_id:
            raise WireError("client-id-mismatch")
        return header.client_id

    def end(self) -> None:
        if self._rest:
            raise WireError("trailing-data")


def parse_name(field: bytes) -> str:
    """1.8: read text, one NUL and padding. What follows the first NUL is ignored, whatever it is."""
    text, nul, _padding = field.partition(b"\0")
    if not nul:
        raise WireError("unterminated-name")
    if not text:
        raise WireError("empty-name")
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        raise WireError("name-not-utf8") from None


# ------------------------------------------------------------------------------------------------------------
# Responses
# ------------------------------------------------------------------------------------------------------------


def registered(dialect: Dialect, client_id: bytes) -> bytes:
    """2100."""
    return _response(dialect, "registered", client_id)


def refused(dialect: Dialect, header: RequestHeader) -> bytes:
    """2101. In `client-id` it repeats the ID of the request header, never that of whoever holds a name (2.6)."""
    return _response(dialect, "refused", header.client_id if dialect.refused_payload == "client-id" else b"")


def aes_key(dialect: Dialect, client_id: bytes, wrapped_key: bytes) -> bytes:
    """2102."""
    return _response(dialect, "aes_key", client_id + wrapped_key)


def file_received(dialect: Dialect, request: SendFile, cksum: int) -> bytes:
    """2103. Content size and file name repeat the request's (2.8); zeros fill the checksum field (2.7)."""
    payload = (
        request.client_id
        + request.content_size.to_bytes(4, "little")
        + name_field(request.file_name)
        + cksum.to_bytes(4, "little").ljust(dialect.cksum_width, b"\0")
    )
    return _response(dialect, "file_received", payload)


def _response(dialect: Dialect, response: str, payload: bytes) -> bytes:
    """1.6: version 1, code 2, payload size 2 or 4 (D), payload. One piece, so that it goes out in one write (1.4)."""
    header = struct.pack("<BH", VERSION, dialect.response_codes[response])
    return header + len(payload).to_bytes(dialect.response_size_width, "little") + payload


def name_field(text: str) -> bytes:
    """1.8: write a name, zeros behind it to 255 bytes."""
    encoded = text.encode("utf-8")
    if not encoded or b"\0" in encoded or len(encoded) >= NAME_SIZE:
        raise ValueError("a name is 1 to 254 bytes of UTF-8 without NUL")
    return encoded.ljust(NAME_SIZE, b"\0")
