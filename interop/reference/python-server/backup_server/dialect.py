"""PROTOCOL.md 10: a dialect is data.

Where the text of the protocol and the programs that speak it disagree, a dialect says which of the two counts.
It is one JSON file; everything marked (D) in PROTOCOL.md is read from it, and no other module knows a dialect
by its name.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

#: interop/reference/python-server/backup_server/dialect.py stands four folders below the root of the repository.
DIALECTS_FOLDER = Path(__file__).resolve().parents[4] / "vectors" / "dialects"

REQUESTS = ("register", "send_public_key", "reconnect", "send_file", "cksum_right", "cksum_wrong", "give_up")
RESPONSES = (
    "registered", "refused", "aes_key", "file_received", "acknowledged", "reconnected", "reconnect_refused",
    "general_error",
)  # fmt: skip
#: Messages that a dialect may be without: their code is null.
OPTIONAL = ("reconnect", "reconnected", "reconnect_refused", "general_error")

ANSWERS = ("none", "refused", "acknowledged", "acknowledged-with-id", "general-error")
FILE_RECEIVED_FIELDS = (
    ("client_id", "content_size", "file_name", "cksum"),
    ("client_id", "file_name", "cksum"),
    ("content_size", "file_name", "cksum"),
)

ByteOrder = Literal["little", "big"]
BYTE_ORDERS: tuple[ByteOrder, ByteOrder] = ("little", "big")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_T = TypeVar("_T")


class DialectError(Exception):
    """A dialect that cannot be found, read or understood; the text says which and why."""


@dataclass(frozen=True)
class After:
    """What follows a verdict that was honoured (2.11, 10.5)."""

    answer: str  # one of ANSWERS
    close: bool  # whether the server then ends the connection


@dataclass(frozen=True)
class Dialect:
    """The parameters of one dialect, named as in the table of 10.2, which says what each means."""

    name: str
    title: str
    request_codes: Mapping[str, int]  # without the messages whose code is null
    response_codes: Mapping[str, int]  # likewise
    byte_order: ByteOrder
    packet_byte_order: ByteOrder
    alignment: str
    name_width: int
    response_size_width: int
    size_counts: str
    response_padding: int
    request_padding: int
    client_id_in_payload: bool
    refused_payload: str
    file_received_fields: tuple[str, ...]
    echoed_size: str
    checksum: str
    checksum_input: str
    cksum_width: int
    aes_key_size: int
    public_key_sizes: tuple[int, ...]
    connection: str
    packets: bool
    packet_size: int  # for senders of files; a receiver takes any cut
    reconnect_key: str
    transmissions: int  # for clients (6.4)
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
    elif _NAME.fullmatch(name_or_file):
        path = DIALECTS_FOLDER / f"{name_or_file}.json"
    else:
        raise DialectError(f"{name_or_file!r} is neither the name of a dialect nor a file")
    try:
        value = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_twins)
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
    """Build a Dialect of parsed JSON. Strict: nothing may be missing, left over, out of range or contradictory."""
    fields = _object(value, "a dialect", tuple(field.name for field in dataclasses.fields(Dialect)))
    dialect = Dialect(
        name=_name(fields),
        title=_text(fields, "title"),
        request_codes=_codes(fields, "request_codes", REQUESTS),
        response_codes=_codes(fields, "response_codes", RESPONSES),
        byte_order=_choice(fields, "byte_order", BYTE_ORDERS),
        packet_byte_order=_choice(fields, "packet_byte_order", BYTE_ORDERS),
        alignment=_choice(fields, "alignment", ("packed", "natural")),
        name_width=_choice(fields, "name_width", (255, 256)),
        response_size_width=_choice(fields, "response_size_width", (2, 4)),
        size_counts=_choice(fields, "size_counts", ("payload", "message", "padded")),
        response_padding=_choice(fields, "response_padding", (0, 1024, 2048)),
        request_padding=_choice(fields, "request_padding", (0, 1024)),
        client_id_in_payload=_choice(fields, "client_id_in_payload", (True, False)),
        refused_payload=_choice(fields, "refused_payload", ("empty", "client-id")),
        file_received_fields=_choice(fields, "file_received_fields", FILE_RECEIVED_FIELDS),
        echoed_size=_choice(fields, "echoed_size", ("content", "plain")),
        checksum=_choice(fields, "checksum", ("posix", "zlib", "crc8")),
        checksum_input=_choice(fields, "checksum_input", ("plaintext", "padded", "content")),
        cksum_width=_choice(fields, "cksum_width", (4, 16)),
        aes_key_size=_choice(fields, "aes_key_size", (16, 32)),
        public_key_sizes=_choice(fields, "public_key_sizes", ((160,), (160, 162))),
        connection=_choice(fields, "connection", ("session", "request")),
        packets=_choice(fields, "packets", (True, False)),
        packet_size=_packet_size(fields),
        reconnect_key=_choice(fields, "reconnect_key", ("new", "same")),
        transmissions=_number(fields, "transmissions", 1, 255),
        after_right=_after(fields, "after_right"),
        after_wrong=_after(fields, "after_wrong"),
        after_give_up=_after(fields, "after_give_up"),
        default_port=_number(fields, "default_port", 1, 65535),
    )
    _check_combination(dialect)
    return dialect


def _check_combination(dialect: Dialect) -> None:
    """Refuse what cannot be. No padding is smaller than a message: the longest one that is padded has 442 bytes."""
    if dialect.packet_size and not dialect.packets:
        raise DialectError("packet_size is for a dialect with packets")
    if "reconnect" in dialect.request_codes:
        for response in ("reconnected", "reconnect_refused"):
            if response not in dialect.response_codes:
                raise DialectError(f"there is a reconnect, but {response} has no code to answer it")
    for key in ("after_right", "after_wrong", "after_give_up"):
        if getattr(dialect, key).answer == "general-error" and "general_error" not in dialect.response_codes:
            raise DialectError(f"{key} answers with a general error, but that has no code")


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


def _codes(fields: Mapping[str, Any], key: str, names: tuple[str, ...]) -> Mapping[str, int]:
    its = _object(fields[key], key, names)
    codes = {name: _number(its, name, 1, 65535) for name in names if its[name] is not None or name not in OPTIONAL}
    if len(set(codes.values())) != len(codes):
        raise DialectError(f"{key} has one code twice")
    return codes


def _after(fields: Mapping[str, Any], key: str) -> After:
    its = _object(fields[key], key, ("answer", "close"))
    return After(answer=_choice(its, "answer", ANSWERS), close=_choice(its, "close", (True, False)))


def _choice(fields: Mapping[str, Any], key: str, choices: tuple[_T, ...]) -> _T:
    # Compared as JSON: in Python 1, 1.0 and True are equal, there they are not.
    text = json.dumps(fields[key])
    for choice in choices:
        if json.dumps(choice) == text:
            return choice
    raise DialectError(f"{key} is none of {', '.join(map(json.dumps, choices))}")


def _number(fields: Mapping[str, Any], key: str, least: int, most: int) -> int:
    value = fields[key]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise DialectError(f"{key} is not a number from {least} to {most}")
    return value


def _packet_size(fields: Mapping[str, Any]) -> int:
    value = _number(fields, "packet_size", 0, 4294967280)
    if value % 16:
        raise DialectError("packet_size is not a multiple of 16")
    return value


def _name(fields: Mapping[str, Any]) -> str:
    value = _text(fields, "name")
    if not _NAME.fullmatch(value):
        raise DialectError("name is not lower-case letters, digits and hyphens")
    return value


def _text(fields: Mapping[str, Any], key: str) -> str:
    value = fields[key]
    if not isinstance(value, str) or not value:
        raise DialectError(f"{key} is not a text")
    return value


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object of JSON; one with a member twice says nothing certain."""
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("an object has a member twice")
    return value
