"""Dialects with their modifiers (PROTOCOL.md 10), and a writer of messages that is told by one how to write.

Nothing here checks what it writes: a payload may hold anything, and a header may lie about its size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parent.parent

EVERY = ("seed", "readme", "2022c", "2023a", "2023c", "2024a", "2024c")
SEED_REQUESTS = ("seed", "readme", "2022c")
"""Those whose requests are the same byte by byte."""
LATER = ("2023a", "2023c", "2024a", "2024c")
"""Those with a reconnect and a general error, and without the client ID in payloads."""

VERSION = 3

_MODIFIERS = {
    "byte_order": "order",
    "packet_byte_order": "packet-order",
    "alignment": "align",
    "name_width": "name",
    "response_size_width": "size-width",
    "size_counts": "size",
    "response_padding": "pad",
    "request_padding": "request-pad",
    "client_id_in_payload": "id",
    "refused_payload": "refused",
    "file_received_fields": "received",
    "echoed_size": "echo",
    "checksum": "crc",
    "checksum_input": "crc-input",
    "cksum_width": "cksum-width",
    "aes_key_size": "aes",
    "public_key_sizes": "key",
    "connection": "connection",
    "packets": "packets",
    "packet_size": "packet",
    "reconnect_key": "reconnect-key",
    "transmissions": "transmissions",
    "after_right": "right",
    "after_wrong": "wrong",
    "after_give_up": "give-up",
    "default_port": "port",
}


@dataclass(frozen=True)
class Dialect:
    """A named dialect, or one with modifiers: `data` is the file of the base with the modifiers put in."""

    name: str
    """As `--dialect` takes it: `seed`, `seed,order=big`."""
    base: str
    modifiers: Mapping[str, Any]
    data: Mapping[str, Any]

    @property
    def slug(self) -> str:
        """The name as part of an id."""
        return self.name.translate(str.maketrans(",=+_", "----"))

    @property
    def request_codes(self) -> Mapping[str, int]:
        return self.data["request_codes"]  # type: ignore[no-any-return]

    @property
    def response_codes(self) -> Mapping[str, int]:
        return self.data["response_codes"]  # type: ignore[no-any-return]

    @property
    def transmissions(self) -> int:
        return int(self.data["transmissions"])

    @property
    def cksum_width(self) -> int:
        return int(self.data["cksum_width"])

    @property
    def response_size_width(self) -> int:
        return int(self.data["response_size_width"])

    # Fields

    def number(self, value: int, size: int) -> bytes:
        return value.to_bytes(size, self.data["byte_order"])

    def name_field(self, text: str | bytes, *, after_nul: bytes = b"") -> bytes:
        """A name field (PROTOCOL.md 1.8); raw bytes as long as the field leave no room for a NUL."""
        width = int(self.data["name_width"])
        raw = text.encode("utf-8") if isinstance(text, str) else text
        return raw if len(raw) == width else (raw + b"\0" + after_nul).ljust(width, b"\0")

    # Headers

    def request_header(self, client_id: bytes, code: int, size: int, *, version: int = VERSION) -> bytes:
        return client_id + self._header(version, code, size, 4)

    def response_header(self, code: int, size: int, *, version: int = VERSION) -> bytes:
        return self._header(version, code, size, self.response_size_width)

    def _header(self, version: int, code: int, size: int, width: int) -> bytes:
        gap = b"\0" if self.data["alignment"] == "natural" else b""
        return bytes([version]) + gap + self.number(code, 2) + self.number(size, width)

    @property
    def request_header_size(self) -> int:
        return len(self.request_header(bytes(16), 0, 0))

    @property
    def response_header_size(self) -> int:
        return len(self.response_header(0, 0))

    def stated_size(self, payload: int) -> int:
        """What a response with a payload of so many bytes says in its header (`size_counts`)."""
        counts = self.data["size_counts"]
        if counts == "message":
            return self.response_header_size + payload
        if counts == "padded":
            return max(payload, int(self.data["response_padding"]) - self.response_header_size)
        return payload

    # Messages

    def request(
        self, client_id: bytes, message: str, payload: bytes, *, version: int = VERSION, payload_size: int | None = None
    ) -> bytes:
        """A whole request with its padding; `payload_size` makes the header lie."""
        size = len(payload) if payload_size is None else payload_size
        whole = self.request_header(client_id, self.request_codes[message], size, version=version) + payload
        return whole if message == "send_file" else whole.ljust(self.data["request_padding"], b"\0")

    def response(
        self, message: str, payload: bytes, *, version: int = VERSION, payload_size: int | None = None
    ) -> bytes:
        """A whole response with its padding; `payload_size` makes the header lie."""
        size = self.stated_size(len(payload)) if payload_size is None else payload_size
        whole = self.response_header(self.response_codes[message], size, version=version) + payload
        return whole.ljust(self.data["response_padding"], b"\0")

    def request_fields(
        self,
        client_id: bytes,
        message: str,
        payload_size: int,
        payload: Mapping[str, Any],
        *,
        version: int = VERSION,
    ) -> dict[str, Any]:
        code = self.request_codes[message]
        header = {"client_id": client_id.hex(), "version": version, "code": code, "payload_size": payload_size}
        return {"header": header, "payload": dict(payload)}

    def response_fields(
        self, message: str, payload_length: int, payload: Mapping[str, Any], *, version: int = VERSION
    ) -> dict[str, Any]:
        size = self.stated_size(payload_length)
        header = {"version": version, "code": self.response_codes[message], "payload_size": size}
        return {"header": header, "payload": dict(payload)}

    # Payloads that differ from dialect to dialect

    @property
    def fixed_size(self) -> int:
        """Bytes of 1103 before its content."""
        identified = 16 if self.data["client_id_in_payload"] else 0
        return identified + (12 if self.data["packets"] else 4) + int(self.data["name_width"])

    def send_file(
        self,
        who: bytes,
        content_size: int,
        name: bytes,
        *,
        original: int = 0,
        number: int = 1,
        total: int = 1,
    ) -> bytes:
        """The fixed fields of 1103; `name` is the whole field. The packet fields go in where the dialect has them."""
        out = who if self.data["client_id_in_payload"] else b""
        out += self.number(content_size, 4)
        if self.data["packets"]:
            order = self.data["packet_byte_order"]
            out += self.number(original, 4) + number.to_bytes(2, order) + total.to_bytes(2, order)
        return out + name

    def send_file_fields(
        self, who: bytes, content_size: int, name: str, *, original: int = 0, number: int = 1, total: int = 1
    ) -> dict[str, Any]:
        fields: dict[str, Any] = {"client_id": who.hex()} if self.data["client_id_in_payload"] else {}
        fields["content_size"] = content_size
        if self.data["packets"]:
            fields.update(original_size=original, packet_number=number, packet_total=total)
        fields["file_name"] = name
        return fields

    def verdict(self, who: bytes, name: bytes) -> bytes:
        return (who if self.data["client_id_in_payload"] else b"") + name

    def verdict_fields(self, who: bytes, name: str) -> dict[str, Any]:
        fields = {"client_id": who.hex()} if self.data["client_id_in_payload"] else {}
        return {**fields, "file_name": name}

    def file_received(self, who: bytes, size: int, name: bytes, value: int) -> bytes:
        fields = {
            "client_id": who,
            "content_size": self.number(size, 4),
            "file_name": name,
            "cksum": self.number(value, 4).ljust(self.cksum_width, b"\0"),
        }
        return b"".join(fields[member] for member in self.data["file_received_fields"])

    def file_received_fields(self, who: bytes, size: int, name: str, value: int) -> dict[str, Any]:
        fields = {"client_id": who.hex(), "content_size": size, "file_name": name, "cksum": value}
        return {member: fields[member] for member in self.data["file_received_fields"]}


def dialect(name: str, **modifiers: Any) -> Dialect:
    """The dialect `name`, with parameters of PROTOCOL.md 10.2 changed."""
    data = json.loads((VECTORS / "dialects" / f"{name}.json").read_text("ascii"))
    parts = [name, *(f"{_MODIFIERS[key]}={as_text(value)}" for key, value in modifiers.items())]
    return Dialect(",".join(parts), name, modifiers, {**data, **modifiers})


def as_text(value: Any) -> str:
    """A value as a modifier writes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "+".join(str(part) for part in value)
    if isinstance(value, dict):
        if value["close"]:
            return "close" if value["answer"] == "none" else f"{value['answer']}+close"
        return str(value["answer"])
    return str(value)


def after(answer: str, *, close: bool = False) -> dict[str, Any]:
    """A value of `after_right`, `after_wrong` and `after_give_up`."""
    return {"answer": answer, "close": close}
