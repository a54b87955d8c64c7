"""What the scripts of the responses share: they run over every dialect, and prefix their ids with its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from layout import Dialect
from lib import Group


def valid(
    group: Group,
    d: Dialect,
    ident: str,
    comment: str,
    flags: Sequence[str],
    message: str,
    payload: bytes,
    fields: Mapping[str, Any],
) -> None:
    group.valid(
        f"{d.slug}-{ident}",
        comment,
        flags,
        d.response(message, payload),
        d.response_fields(message, len(payload), fields),
    )


def acceptable(
    group: Group,
    d: Dialect,
    ident: str,
    comment: str,
    flags: Sequence[str],
    message: str,
    payload: bytes,
    fields: Mapping[str, Any],
    *,
    version: int = 3,
) -> None:
    group.acceptable(
        f"{d.slug}-{ident}",
        comment,
        flags,
        d.response(message, payload, version=version),
        d.response_fields(message, len(payload), fields, version=version),
    )


def cut_and_extended(group: Group, d: Dialect, message: str, payload: bytes) -> None:
    """The last byte missing, and a byte too many: once for each response."""
    whole = d.response(message, payload)
    if payload:
        group.invalid(
            f"{d.slug}-header-only", "the payload does not come", ["Truncated"], whole[: -len(payload)], "truncated"
        )
    group.invalid(f"{d.slug}-one-byte-short", "the last byte does not come", ["Truncated"], whole[:-1], "truncated")
    group.invalid(
        f"{d.slug}-one-byte-more",
        "a byte after the payload, which the size does not count",
        ["TrailingData"],
        whole + b"\0",
        "trailing-data",
    )


def wrong_size(group: Group, d: Dialect, ident: str, comment: str, message: str, size: int) -> None:
    """A header whose payload size no such response can have, and a payload of that size."""
    group.invalid(f"{d.slug}-{ident}", comment, ["PayloadSize"], d.response(message, bytes(size)), "payload-size")


def since(name: str) -> int:
    """The edition that brought a dialect's tests to the files that are older than the dialect."""
    return 1 if name in ("seed", "readme") else 2
