"""What the scripts of the responses share: they run over both dialects, and prefix their ids with the name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lib import Dialect, Group, response, response_fields


def valid(
    group: Group,
    d: Dialect,
    ident: str,
    comment: str,
    flags: Sequence[str],
    code: int,
    payload: bytes,
    fields: Mapping[str, Any],
) -> None:
    group.valid(
        f"{d.name}-{ident}", comment, flags, response(d, code, payload), response_fields(code, len(payload), fields)
    )


def acceptable(
    group: Group,
    d: Dialect,
    ident: str,
    comment: str,
    flags: Sequence[str],
    code: int,
    payload: bytes,
    fields: Mapping[str, Any],
    *,
    version: int = 3,
) -> None:
    group.acceptable(
        f"{d.name}-{ident}",
        comment,
        flags,
        response(d, code, payload, version=version),
        response_fields(code, len(payload), fields, version=version),
    )


def cut_and_extended(group: Group, d: Dialect, code: int, payload: bytes) -> None:
    """The last byte missing, and a byte too many: once for each response."""
    whole = response(d, code, payload)
    group.invalid(
        f"{d.name}-header-only", "the payload does not come", ["Truncated"], whole[: -len(payload)], "truncated"
    )
    group.invalid(f"{d.name}-one-byte-short", "the last byte does not come", ["Truncated"], whole[:-1], "truncated")
    group.invalid(
        f"{d.name}-one-byte-more",
        "a byte after the payload, which the size does not count",
        ["TrailingData"],
        whole + b"\0",
        "trailing-data",
    )


def wrong_size(group: Group, d: Dialect, ident: str, comment: str, code: int, size: int) -> None:
    """A header whose payload size no such response can have, and a payload of that size."""
    group.invalid(f"{d.name}-{ident}", comment, ["PayloadSize"], response(d, code, bytes(size)), "payload-size")
