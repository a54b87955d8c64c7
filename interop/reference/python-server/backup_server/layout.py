"""PROTOCOL.md 1, 2.10 and 10.2: what requests and responses have in common, byte order and padding among it."""

from __future__ import annotations

from .dialect import Dialect

VERSION = 3  # 1.7: what we send. Any version is accepted.

CLIENT_ID_SIZE = 16  # 1.9
BLOCK_SIZE = 16  # 4.3


class WireError(Exception):
    """Bytes that break a rule of the layout. `slug` names the rule (PROTOCOL.md 11)."""

    def __init__(self, slug: str) -> None:
        """Name the rule that was broken."""
        super().__init__(slug)
        self.slug = slug


def header_format(dialect: Dialect, client_id: str, size: str) -> str:
    """Return the `struct` format of a header: client ID (requests alone), version 1, code 2, payload size.

    A natural alignment puts each integer at a multiple of its size. With a client ID of 16 bytes or none before the
    version, that takes one byte after the version, and the payload size, of 2 bytes or 4, then stands right.
    """
    order = "<" if dialect.byte_order == "little" else ">"
    gap = "x" if dialect.alignment == "natural" else ""
    return f"{order}{client_id}B{gap}H{size}"


def padding_size(padding: int, message_size: int) -> int:
    """10.3: how many zeros follow a message of so many bytes, header included."""
    return max(padding - message_size, 0)


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


def name_field(dialect: Dialect, text: str) -> bytes:
    """1.8: write a name, zeros behind it to 255 or 256 bytes (D)."""
    encoded = text.encode("utf-8")
    if not encoded or b"\0" in encoded or len(encoded) >= dialect.name_width:
        raise ValueError("a name is not empty, has no NUL, and leaves room for one in its field")
    return encoded.ljust(dialect.name_width, b"\0")
