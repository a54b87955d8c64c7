"""What the generators share: a writer of the protocol that can write wrong things too, and the shape of a vector file.

Nothing here checks what it writes. A generator that wants a name without a NUL or a size that lies asks for it.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parent.parent

EDITION = 1
"""The edition that new files and tests belong to; README.md says what it promises."""

BOTH = ("seed", "readme")

VERSION = 3
NO_ID = bytes(16)
ALICE = bytes.fromhex("3f2a9c5e7b1d4e60a8c4d2f1906b5e73")
"""A client ID as a server makes it: UUID version 4 (PROTOCOL.md 1.9)."""
MALLORY = bytes.fromhex("d41c07b9e2a84f3596d03c8b5af7126e")


# The wire


@dataclass(frozen=True)
class Dialect:
    """The layout choices that the generators need, read from `dialects/NAME.json` (PROTOCOL.md 10)."""

    name: str
    request_codes: Mapping[str, int]
    response_codes: Mapping[str, int]
    response_size_width: int
    cksum_width: int
    transmissions: int
    closes_after_right: bool
    closes_after_give_up: bool
    answers_give_up: bool


def dialect(name: str) -> Dialect:
    data = json.loads((VECTORS / "dialects" / f"{name}.json").read_text("ascii"))
    return Dialect(
        name=name,
        request_codes=data["request_codes"],
        response_codes=data["response_codes"],
        response_size_width=data["response_size_width"],
        cksum_width=data["cksum_width"],
        transmissions=data["transmissions"],
        closes_after_right=data["after_right"]["close"],
        closes_after_give_up=data["after_give_up"]["close"],
        answers_give_up=data["after_give_up"]["answer"] == "refused",
    )


def u16(value: int) -> bytes:
    return struct.pack("<H", value)


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def name_field(text: str | bytes, *, after_nul: bytes = b"") -> bytes:
    """A name field (PROTOCOL.md 1.8) of 255 bytes, with `after_nul` where the zeros should be.

    Raw bytes may hold anything, also a NUL; text of 255 bytes leaves no room for one.
    """
    raw = text.encode("utf-8") if isinstance(text, str) else text
    if len(raw) == 255:
        return raw
    return (raw + b"\0" + after_nul).ljust(255, b"\0")


def request_header(client_id: bytes, code: int, payload_size: int, *, version: int = VERSION) -> bytes:
    return client_id + struct.pack("<BHI", version, code, payload_size)


def request(
    client_id: bytes, code: int, payload: bytes, *, version: int = VERSION, payload_size: int | None = None
) -> bytes:
    """A whole request; `payload_size` makes the header lie."""
    size = len(payload) if payload_size is None else payload_size
    return request_header(client_id, code, size, version=version) + payload


def response_header(width: int, code: int, payload_size: int, *, version: int = VERSION) -> bytes:
    return struct.pack("<BHI" if width == 4 else "<BHH", version, code, payload_size)


def response(
    d: Dialect, code: int, payload: bytes, *, version: int = VERSION, payload_size: int | None = None
) -> bytes:
    """A whole response in the dialect's layout; `payload_size` makes the header lie."""
    size = len(payload) if payload_size is None else payload_size
    return response_header(d.response_size_width, code, size, version=version) + payload


def request_fields(
    client_id: bytes, code: int, payload_size: int, payload: Mapping[str, Any], *, version: int = VERSION
) -> dict[str, Any]:
    header = {"client_id": client_id.hex(), "version": version, "code": code, "payload_size": payload_size}
    return {"header": header, "payload": dict(payload)}


def response_fields(
    code: int, payload_size: int, payload: Mapping[str, Any], *, version: int = VERSION
) -> dict[str, Any]:
    return {"header": {"version": version, "code": code, "payload_size": payload_size}, "payload": dict(payload)}


# Content


def counting(size: int) -> bytes:
    """Byte `i` is `i` modulo 251: a prime, so that no two blocks of a power of two are alike."""
    period = bytes(range(251))
    return (period * (size // 251 + 1))[:size]


def zeros(size: int) -> bytes:
    return bytes(size)


PATTERNS: Mapping[str, Callable[[int], bytes]] = {"counting": counting, "zeros": zeros}


def described(pattern: str, size: int) -> dict[str, Any]:
    return {"pattern": pattern, "size": size, "sha256": hashlib.sha256(PATTERNS[pattern](size)).hexdigest()}


def cksum(data: bytes) -> int:
    """The checksum of the POSIX utility `cksum` (PROTOCOL.md 5), bit by bit through a table of 256."""
    crc = _feed(0, data)
    length = len(data)
    crc = _feed(crc, length.to_bytes((length.bit_length() + 7) // 8, "little"))
    return crc ^ 0xFFFFFFFF


def _feed(crc: int, data: bytes) -> int:
    table = _TABLE
    for byte in data:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ table[(crc >> 24) ^ byte]
    return crc


def _table() -> tuple[int, ...]:
    rows = []
    for index in range(256):
        crc = index << 24
        for _ in range(8):
            crc = ((crc << 1) ^ 0x04C11DB7) & 0xFFFFFFFF if crc & 0x80000000 else crc << 1
        rows.append(crc)
    return tuple(rows)


_TABLE = _table()


# Files of vectors


@dataclass
class Group:
    """Tests with shared parameters. `shared` comes after `dialects` in the file."""

    source: str
    dialects: Sequence[str]
    shared: Mapping[str, Any] = field(default_factory=dict)
    tests: list[dict[str, Any]] = field(default_factory=list)

    def valid(self, ident: str, comment: str, flags: Sequence[str], data: Any, fields: Mapping[str, Any]) -> None:
        self._add(ident, comment, flags, data, "valid", {"fields": fields})

    def acceptable(self, ident: str, comment: str, flags: Sequence[str], data: Any, fields: Mapping[str, Any]) -> None:
        self._add(ident, comment, flags, data, "acceptable", {"fields": fields})

    def invalid(
        self, ident: str, comment: str, flags: Sequence[str], data: Any, error: str, *, aliases: Sequence[str] = ()
    ) -> None:
        outcome: dict[str, Any] = {"error": error}
        if aliases:
            outcome["aliases"] = list(aliases)
        self._add(ident, comment, flags, data, "invalid", outcome)

    def _add(
        self, ident: str, comment: str, flags: Sequence[str], data: Any, result: str, outcome: Mapping[str, Any]
    ) -> None:
        written = data.hex() if isinstance(data, bytes) else data
        self.tests.append(
            {"id": ident, "comment": comment, "flags": sorted(flags), "bytes": written, "result": result, **outcome}
        )


@dataclass
class VectorFile:
    """One file of `v1/`, written by `generate/<script>.py`."""

    path: str
    title: str
    decodes: str
    section: str
    header: Sequence[str]
    notes: Mapping[str, tuple[str, str]]
    """Flag -> (bug type, description)."""
    schema: str = ""
    groups: list[Group] = field(default_factory=list)

    def group(self, dialects: Sequence[str] = BOTH, **shared: Any) -> Group:
        added = Group(f"generate/{Path(self.path).stem}.py", dialects, shared)
        self.groups.append(added)
        return added

    def count(self) -> int:
        return sum(len(group.tests) for group in self.groups)

    def as_json(self) -> dict[str, Any]:
        up = "../" * self.path.count("/")
        return {
            "schema": f"{up}../schema/{self.schema or Path(self.path).stem}.schema.json",
            "title": self.title,
            "since": EDITION,
            "decodes": self.decodes,
            "section": self.section,
            "header": list(self.header),
            "notes": {flag: {"bugType": bug, "description": text} for flag, (bug, text) in sorted(self.notes.items())},
            "count": self.count(),
            "groups": [
                {
                    "source": {"name": group.source, "version": str(EDITION)},
                    "dialects": list(group.dialects),
                    **group.shared,
                    "tests": group.tests,
                }
                for group in self.groups
            ],
        }


def canonical(value: Any) -> str:
    """The one way a file is written: ASCII, two spaces, what fits into 120 columns on one line."""
    return _lines(value, 0, 0) + "\n"


def _lines(value: Any, indent: int, used: int) -> str:
    compact = json.dumps(value, ensure_ascii=True)
    if (indent + used + len(compact) < 120 and indent > 0) or not isinstance(value, dict | list) or not value:
        return compact
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        keys = {key: json.dumps(key) + ": " for key in value}
        rows = [inner + keys[key] + _lines(item, indent + 2, len(keys[key])) for key, item in value.items()]
        return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}"
    rows = [inner + _lines(item, indent + 2, 0) for item in value]
    return "[\n" + ",\n".join(rows) + "\n" + " " * indent + "]"


def write(folder: Path, file: VectorFile) -> None:
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(canonical(file.as_json()), encoding="ascii", newline="\n")


def main(build: Callable[[], VectorFile]) -> None:
    """Prints the file of one script, for looking at while it is being worked on."""
    sys.stdout.write(canonical(build().as_json()))
