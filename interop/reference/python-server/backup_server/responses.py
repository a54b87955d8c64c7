"""PROTOCOL.md 1.6, 2 and 10.3 to 10.6: the bytes of responses. Each is one piece, to go out in one write (1.4)."""

from __future__ import annotations

import struct

from .dialect import Dialect
from .layout import VERSION, header_format, name_field, padding_size


def registered(dialect: Dialect, client_id: bytes) -> bytes:
    """2100."""
    return _response(dialect, "registered", client_id)


def aes_key(dialect: Dialect, client_id: bytes, wrapped_key: bytes) -> bytes:
    """2102."""
    return _response(dialect, "aes_key", client_id + wrapped_key)


def reconnected(dialect: Dialect, client_id: bytes, wrapped_key: bytes) -> bytes:
    """2105, which is built as 2102 is (10.4)."""
    return _response(dialect, "reconnected", client_id + wrapped_key)


def file_received(dialect: Dialect, client_id: bytes, size: int, file_name: str, cksum: int) -> bytes:
    """2103, with the fields of the dialect. Size and file name repeat the request's; the caller chose which size."""
    fields = {
        "client_id": client_id,
        "content_size": size.to_bytes(4, dialect.byte_order),
        "file_name": name_field(dialect, file_name),
        "cksum": cksum.to_bytes(4, dialect.byte_order).ljust(dialect.cksum_width, b"\0"),  # 2.7
    }
    return _response(dialect, "file_received", b"".join(fields[name] for name in dialect.file_received_fields))


def refusal(dialect: Dialect, request: str | None, client_id: bytes) -> bytes:
    """Say no to a request of this name (None: one that has none), under the client ID of its header.

    The ID is never that of whoever holds a name: that would hand out a credential (2.6, 10.4).
    """
    if request == "reconnect":
        return _response(dialect, "reconnect_refused", client_id)
    if request != "register" and "general_error" in dialect.response_codes:  # 10.6
        return _response(dialect, "general_error", b"")
    return refused(dialect, client_id)


def refused(dialect: Dialect, client_id: bytes) -> bytes:
    """2101."""
    return _response(dialect, "refused", client_id if dialect.refused_payload == "client-id" else b"")


def after_verdict(dialect: Dialect, answer: str, client_id: bytes) -> bytes:
    """Write the answer to an honoured verdict (2.11, 10.5): nothing at all, 2101, 2104 or 2107."""
    if answer == "none":
        return b""
    if answer == "refused":
        return refused(dialect, client_id)
    if answer == "general-error":
        return _response(dialect, "general_error", b"")
    return _response(dialect, "acknowledged", client_id if answer == "acknowledged-with-id" else b"")


def _response(dialect: Dialect, response: str, payload: bytes) -> bytes:
    """1.6, 10.3: version 1, code 2, size 2 or 4, payload, and zeros up to the size of the dialect."""
    form = header_format(dialect, client_id="", size={2: "H", 4: "I"}[dialect.response_size_width])
    header_size = struct.calcsize(form)
    padding = padding_size(dialect.response_padding, header_size + len(payload))
    size = len(payload) + {"payload": 0, "message": header_size, "padded": padding}[dialect.size_counts]
    return struct.pack(form, VERSION, dialect.response_codes[response], size) + payload + bytes(padding)
