"""A strict decoder of responses. The server needs none; the vectors have tests for one."""

from __future__ import annotations

from typing import Any

from backup_server.dialect import Dialect
from backup_server.wire import WireError, parse_name


class Fields:
    def __init__(self, data: bytes) -> None:
        self.rest = data

    def take(self, size: int) -> bytes:
        if len(self.rest) < size:
            raise WireError("truncated")
        field, self.rest = self.rest[:size], self.rest[size:]
        return field

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def end(self) -> None:
        if self.rest:
            raise WireError("trailing-data")


def header(dialect: Dialect, fields: Fields) -> dict[str, Any]:
    return {
        "version": fields.number(1),
        "code": fields.number(2),
        "payload_size": fields.number(dialect.response_size_width),
    }


def decode(dialect: Dialect, data: bytes) -> dict[str, Any]:
    """Decode a whole response; the result has the form of `fields` in the vectors."""
    fields = Fields(data)
    head = header(dialect, fields)
    kinds = {code: kind for kind, code in dialect.response_codes.items()}
    kind = kinds.get(head["code"])
    if kind is None:
        raise WireError("unknown-code")
    size = head["payload_size"]
    if (
        size
        not in {
            "registered": (16,),
            "refused": (0, 16),  # in every dialect: 2.13 knows servers of `seed` that send 16
            "aes_key": (144,),
            "file_received": (275 + dialect.cksum_width,),
            "acknowledged": (0, 16),
        }[kind]
    ):
        raise WireError("payload-size")
    payload: dict[str, Any] = {"client_id": fields.take(16).hex()} if size else {}
    if kind == "aes_key":
        payload["wrapped_key"] = fields.take(128).hex()
    elif kind == "file_received":
        payload["content_size"] = fields.number(4)
        payload["file_name"] = parse_name(fields.take(255))
        payload["cksum"] = fields.number(4)
        if any(fields.take(dialect.cksum_width - 4)):
            raise WireError("cksum-padding")
    fields.end()
    return {"header": head, "payload": payload}
