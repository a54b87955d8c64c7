"""Flags that several files use, explained once. A file takes those that its tests carry, and adds its own."""

from __future__ import annotations

from collections.abc import Mapping

COMMON: Mapping[str, tuple[str, str]] = {
    "ByteOrder": (
        "WrongEncoding",
        "Integers are little-endian (PROTOCOL.md 1.2). A decoder that reads them big-endian gets other numbers from"
        " these bytes.",
    ),
    "CheckOrder": (
        "WrongDiagnosis",
        "Two things are wrong. Checks are made in the order of the bytes (PROTOCOL.md 11), so the first one names the"
        " error.",
    ),
    "ClaimedSize": (
        "ResourceExhaustion",
        "The payload size is a claim of the peer's. An implementation that sets the memory aside at once, or waits for"
        " the payload before it looks at the code, can be made to fail.",
    ),
    "ClientIdMismatch": (
        "MissingCheck",
        "The client IDs of header and payload differ (PROTOCOL.md 2.2). Whoever believes the one in the payload writes"
        " into the folder of another client.",
    ),
    "DirtyPadding": (
        "Compatibility",
        "What follows the first NUL of a name field is not zero. Senders that reuse a buffer write such fields, and a"
        " receiver MUST ignore it (PROTOCOL.md 1.8).",
    ),
    "EmptyName": (
        "MissingCheck",
        "The name field begins with its NUL (PROTOCOL.md 1.8). Stored, it would be a file or a client without a name.",
    ),
    "NotUtf8": (
        "MissingCheck",
        "The text of a name field is not UTF-8 (PROTOCOL.md 1.8). A lenient decoder turns different bytes into the same"
        " name, or fails where nothing catches it.",
    ),
    "OtherVersion": (
        "Compatibility",
        "Both sides send version 3, and a receiver MUST accept any (PROTOCOL.md 1.7).",
    ),
    "PayloadSize": (
        "MissingCheck",
        "No message with this code can have this payload size, which the header alone tells (PROTOCOL.md 2.10).",
    ),
    "TrailingData": (
        "MissingCheck",
        "Bytes follow the last field. A decoder that does not ask whether anything is left takes them for padding, and"
        " two peers then disagree on where a message ends.",
    ),
    "Truncated": (
        "MissingCheck",
        "The bytes end inside a field (PROTOCOL.md 1.4). A decoder that fills the rest with zeros, or reads on, accepts"
        " them.",
    ),
    "Typical": ("Functionality", "What a peer sends in ordinary use."),
    "UnknownCode": (
        "MissingCheck",
        "No message has this code (PROTOCOL.md 2). A table of codes with a default entry, or a range check, takes it"
        " for one.",
    ),
    "UnterminatedName": (
        "BufferOverread",
        "A name field without a NUL (PROTOCOL.md 1.8). A reader of C strings runs over its end into the next field.",
    ),
}


def common(*flags: str) -> dict[str, tuple[str, str]]:
    return {flag: COMMON[flag] for flag in flags}
