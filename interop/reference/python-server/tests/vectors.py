"""The golden vectors as data (vectors/README.md)."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from backup_server.dialect import DIALECTS_FOLDER, Dialect, load_dialect

from .running import changed

FOLDER = DIALECTS_FOLDER.parent / "v1"


def load(file: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    return value


def dialects(group: dict[str, Any]) -> list[tuple[str, Dialect]]:
    """The dialects to run a group in, each with its name: as they are, or one with the group's parameters put in."""
    if "modifiers" not in group:
        return [(name, load_dialect(name)) for name in group["dialects"]]
    (name,) = group["dialects"]
    return [(name, changed(group["base"], **group["modifiers"]))]


def expand(data: str | dict[str, Any]) -> bytes:
    """Turn hex, or the description of a pattern, into bytes."""
    if isinstance(data, str):
        return bytes.fromhex(data)
    size = data["size"]
    if data["pattern"] == "zeros":
        made = bytes(size)
    elif data["pattern"] == "counting":
        made = (bytes(range(251)) * (size // 251 + 1))[:size]
    else:
        raise AssertionError(f"unknown pattern {data['pattern']}")
    check(made, data)
    return made


def check(made: bytes, pattern: dict[str, Any]) -> None:
    assert len(made) == pattern["size"]
    assert hashlib.sha256(made).hexdigest() == pattern["sha256"]
