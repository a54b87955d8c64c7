"""What the generators share: content, checksums, and the shape of a vector file.

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

from layout import EVERY, SEED_REQUESTS, VECTORS, VERSION, Dialect, dialect

__all__ = ["EVERY", "SEED_REQUESTS", "VECTORS", "VERSION", "Dialect", "dialect"]

EDITION = 2
"""The edition that new files and tests belong to; README.md says what it promises."""

NO_ID = bytes(16)
ALICE = bytes.fromhex("3f2a9c5e7b1d4e60a8c4d2f1906b5e73")
"""A client ID as a server makes it: UUID version 4 (PROTOCOL.md 1.9)."""
MALLORY = bytes.fromhex("d41c07b9e2a84f3596d03c8b5af7126e")


# The wire, in the layout of `seed`


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


def request_fields(
    client_id: bytes, code: int, payload_size: int, payload: Mapping[str, Any], *, version: int = VERSION
) -> dict[str, Any]:
    header = {"client_id": client_id.hex(), "version": version, "code": code, "payload_size": payload_size}
    return {"header": header, "payload": dict(payload)}


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


def zlib_crc(data: bytes) -> int:
    """zlib's CRC-32: the same polynomial as `cksum`, reflected, from ones, without the length."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def crc8(data: bytes) -> int:
    """CRC-8 with polynomial 0x07, initial 0, not reflected (PROTOCOL.md 10.2)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


CHECKSUMS: Mapping[str, Callable[[bytes], int]] = {"posix": cksum, "zlib": zlib_crc, "crc8": crc8}


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
    since: int = 1
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
    since: int = 1
    groups: list[Group] = field(default_factory=list)

    def group(self, dialects: Sequence[str] = SEED_REQUESTS, *, since: int = 0, **shared: Any) -> Group:
        """Tests for named dialects. `since` is the edition of the group, if it came after the file."""
        added = Group(f"generate/{Path(self.path).stem}.py", dialects, shared, since or self.since)
        self.groups.append(added)
        return added

    def group_for(self, d: Dialect, *, since: int = 0, **shared: Any) -> Group:
        """Tests for one dialect, which may have modifiers."""
        if d.modifiers:
            shared = {"base": d.base, "modifiers": dict(d.modifiers), **shared}
        return self.group((d.name,), since=since, **shared)

    def count(self) -> int:
        return sum(len(group.tests) for group in self.groups)

    def as_json(self) -> dict[str, Any]:
        up = "../" * self.path.count("/")
        return {
            "schema": f"{up}../schema/{self.schema or Path(self.path).stem}.schema.json",
            "title": self.title,
            "since": self.since,
            "decodes": self.decodes,
            "section": self.section,
            "header": list(self.header),
            "notes": {flag: {"bugType": bug, "description": text} for flag, (bug, text) in sorted(self.notes.items())},
            "count": self.count(),
            "groups": [
                {
                    "source": {"name": group.source, "version": str(group.since)},
                    "dialects": list(group.dialects),
                    **group.shared,
                    "tests": [_dated(test, group.since, self.since) for test in group.tests],
                }
                for group in self.groups
            ],
        }


def _dated(test: dict[str, Any], since: int, file_since: int) -> dict[str, Any]:
    """With `since` after the flags, where the test came later than its file."""
    if since == file_since:
        return test
    out: dict[str, Any] = {}
    for key, value in test.items():
        out[key] = value
        if key == "flags":
            out["since"] = since
    return out


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
