"""PROTOCOL.md 10: a dialect is data.

Where the text of the protocol and the programs that speak it disagree, a dialect says which of the two counts.
It is one JSON file; everything marked (D) in PROTOCOL.md is read from it, and no other module knows a dialect
by its name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: interop/reference/python-server/backup_server/dialect.py stands four folders below the root of the repository.
DIALECTS_FOLDER = Path(__file__).resolve().parents[4] / "vectors" / "dialects"

REQUESTS = ("register", "send_public_key", "send_file", "cksum_right", "cksum_wrong", "give_up")
RESPONSES = ("registered", "refused", "aes_key", "file_received", "acknowledged")


class DialectError(Exception):
    """A dialect that cannot be found, read or understood; the text says which and why."""


@dataclass(frozen=True)
class After:
    """What follows a verdict that was honoured (2.11)."""

    answer: str  # "none", or "refused": a 2101
    close: bool  # whether the server then ends the connection


@dataclass(frozen=True)
class Dialect:
    """The parameters of one dialect, named as in the table of section 10."""

    name: str
    title: str
    request_codes: Mapping[str, int]
    response_codes: Mapping[str, int]
    response_size_width: int
    client_id_in_payload: bool
    refused_payload: str
    cksum_width: int
    aes_key_size: int
    transmissions: int
    after_right: After
    after_wrong: After
    after_give_up: After
    default_port: int

    def request_of_code(self, code: int) -> str | None:
        """Name the request that has this code, or None where no request has it."""
        for request, its_code in self.request_codes.items():
            if its_code == code:
                return request
        return None


def load_dialect(name_or_file: str) -> Dialect:
    """Read the dialect of this name from vectors/dialects, or the one in this file (`dir/x`, `x.json`)."""
    is_file = "/" in name_or_file or "\\" in name_or_file or name_or_file.endswith(".json")
    if is_file:
        path = Path(name_or_file)
    elif re.fullmatch(r"[a-z0-9][a-z0-9-]*", name_or_file):
        path = DIALECTS_FOLDER / f"{name_or_file}.json"
    else:
        raise DialectError(f"{name_or_file!r} is neither the name of a dialect nor a file")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in DIALECTS_FOLDER.glob("*.json"))) or "none"
        raise DialectError(f"no dialect {name_or_file!r} ({path} is missing); known here: {known}") from None
    except OSError as error:
        raise DialectError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise DialectError(f"{path} is not JSON: {error}") from None
    try:
        return parse_dialect(value)
    except DialectError as error:
        raise DialectError(f"{path}: {error}") from None


def parse_dialect(value: Any) -> Dialect:
    """Build a Dialect of parsed JSON. Strict: nothing may be missing, left over or out of range."""
    fields = _object(
        value,
        "a dialect",
        (
            "name", "title", "request_codes", "response_codes", "response_size_width", "client_id_in_payload",
            "refused_payload", "cksum_width", "aes_key_size", "transmissions", "after_right", "after_wrong",
            "after_give_up", "default_port",
        ),
    )  # fmt: skip
    return Dialect(
        name=_text(fields, "name"),
        title=_text(fields, "title"),
        request_codes=_codes(fields["request_codes"], "request_codes", REQUESTS),
        response_codes=_codes(fields["response_codes"], "response_codes", RESPONSES),
        response_size_width=_one_of(fields, "response_size_width", (2, 4)),
        client_id_in_payload=_flag(fields, "client_id_in_payload"),
        refused_payload=_word(fields, "refused_payload", ("empty", "client-id")),
        cksum_width=_one_of(fields, "cksum_width", (4, 16)),
        aes_key_size=_one_of(fields, "aes_key_size", (16, 32)),
        transmissions=_number(fields, "transmissions", 1, 255),
        after_right=_after(fields["after_right"], "after_right"),
        after_wrong=_after(fields["after_wrong"], "after_wrong"),
        after_give_up=_after(fields["after_give_up"], "after_give_up"),
        default_port=_number(fields, "default_port", 1, 65535),
    )


def _object(value: Any, what: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise DialectError(f"{what} is not an object")
    for key in keys:
        if key not in value:
            raise DialectError(f"{what} lacks {key!r}")
    for key in value:
        if key not in keys:
            raise DialectError(f"{what} has an unknown member {key!r}")
    return value


def _codes(value: Any, what: str, names: tuple[str, ...]) -> Mapping[str, int]:
    fields = _object(value, what, names)
    codes = {name: _number(fields, name, 1, 65535) for name in names}
    if len(set(codes.values())) != len(codes):
        raise DialectError(f"{what} has one code twice")
    return codes


def _after(value: Any, what: str) -> After:
    fields = _object(value, what, ("answer", "close"))
    return After(answer=_word(fields, "answer", ("none", "refused")), close=_flag(fields, "close"))


def _number(fields: Mapping[str, Any], key: str, least: int, most: int) -> int:
    value = fields[key]
    # In Python True is an int; in JSON it is none.
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise DialectError(f"{key} is not a number from {least} to {most}")
    return value


def _one_of(fields: Mapping[str, Any], key: str, allowed: tuple[int, ...]) -> int:
    value = _number(fields, key, min(allowed), max(allowed))
    if value not in allowed:
        raise DialectError(f"{key} is none of {allowed}")
    return value


def _flag(fields: Mapping[str, Any], key: str) -> bool:
    value = fields[key]
    if not isinstance(value, bool):
        raise DialectError(f"{key} is neither true nor false")
    return value


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields[key]
    if not isinstance(value, str) or not value:
        raise DialectError(f"{key} is not a text")
    return value


def _word(fields: Mapping[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    value = _text(fields, key)
    if value not in allowed:
        raise DialectError(f"{key} is none of {allowed}")
    return value
