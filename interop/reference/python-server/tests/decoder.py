"""A strict decoder of responses. The server needs none; the vectors have tests for one."""

from __future__ import annotations

from typing import Any

from backup_server.dialect import Dialect
from backup_server.layout import WireError, parse_name


class Fields:
    def __init__(self, dialect: Dialect, data: bytes) -> None:
        self.dialect = dialect
        self.rest = data

    def take(self, size: int) -> bytes:
        if len(self.rest) < size:
            raise WireError("truncated")
        field, self.rest = self.rest[:size], self.rest[size:]
        return field

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), self.dialect.byte_order)

    def end(self) -> None:
        if self.rest:
            raise WireError("trailing-data")


def header_size(dialect: Dialect) -> int:
    return 3 + (dialect.alignment == "natural") + dialect.response_size_width


def header(fields: Fields) -> dict[str, Any]:
    version = fields.number(1)
    fields.take(1 if fields.dialect.alignment == "natural" else 0)
    return {
        "version": version,
        "code": fields.number(2),
        "payload_size": fields.number(fields.dialect.response_size_width),
    }


def payload_sizes(dialect: Dialect, kind: str) -> tuple[int, ...]:
    widths = {"client_id": 16, "content_size": 4, "file_name": dialect.name_width, "cksum": dialect.cksum_width}
    return {
        "registered": (16,),
        "refused": (0, 16),  # in every dialect: 2.13 knows servers of `seed` that send 16
        "aes_key": (144,),
        "file_received": (sum(widths[field] for field in dialect.file_received_fields),),
        "acknowledged": (0, 16),  # 10.5
        "reconnected": (144,),
        "reconnect_refused": (16,),
        "general_error": (0,),
    }[kind]


def decode(dialect: Dialect, data: bytes) -> dict[str, Any]:
    """Decode a whole response; the result has the form of `fields` in the vectors."""
    fields = Fields(dialect, data)
    head = header(fields)
    kinds = {code: kind for kind, code in dialect.response_codes.items()}
    kind = kinds.get(head["code"])
    if kind is None:
        raise WireError("unknown-code")
    for size in payload_sizes(dialect, kind):
        padding = max(dialect.response_padding - header_size(dialect) - size, 0)
        counted = {"payload": 0, "message": header_size(dialect), "padded": padding}[dialect.size_counts]
        if head["payload_size"] == size + counted:
            break
    else:
        raise WireError("payload-size")
    payload: dict[str, Any] = {}
    if kind == "file_received":
        payload = file_received(fields)
    else:
        if size:
            payload["client_id"] = fields.take(16).hex()
        if kind in ("aes_key", "reconnected"):
            payload["wrapped_key"] = fields.take(128).hex()
    fields.take(padding)
    fields.end()
    return {"header": head, "payload": payload}


def file_received(fields: Fields) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for field in fields.dialect.file_received_fields:
        if field == "client_id":
            payload[field] = fields.take(16).hex()
        elif field == "content_size":
            payload[field] = fields.number(4)
        elif field == "file_name":
            payload[field] = parse_name(fields.take(fields.dialect.name_width))
        else:
            payload[field] = fields.number(4)
            if any(fields.take(fields.dialect.cksum_width - 4)):
                raise WireError("cksum-padding")
    return payload
