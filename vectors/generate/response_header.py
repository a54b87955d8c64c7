"""The bytes before every response: 7, or 5 in `readme`."""

from __future__ import annotations

import struct
from typing import Any

from lib import EVERY, Dialect, Group, VectorFile, dialect, main, response_header
from notes import common
from responses import since


def build() -> VectorFile:
    file = VectorFile(
        path="response_header.json",
        title="Response header",
        decodes="response-header",
        section="1.6",
        header=[
            "Each test decodes one response header and nothing after it, by its shape alone.",
            "The payload size has 2 bytes in readme and 4 elsewhere: the dialect's response_size_width.",
        ],
        notes={
            **common("ByteOrder", "ClaimedSize", "OtherVersion", "TrailingData", "Truncated", "Typical", "UnknownCode"),
            "OtherLayout": (
                "WrongEncoding",
                "A header in the layout of the other dialect (PROTOCOL.md 3). The two differ by the 2 high bytes of the"
                " payload size.",
            ),
        },
    )
    seed = file.group(("seed",))
    _shared(seed, 4, cksum_size=279, refused_size=0)
    seed.valid(
        "seed-payload-size-65536",
        "the smallest size that needs the high half",
        ["ClaimedSize"],
        response_header(4, 2103, 65536),
        _fields(2103, 65536),
    )
    seed.valid(
        "seed-largest-payload-size",
        "payload size 2^32 - 1",
        ["ClaimedSize"],
        response_header(4, 2103, 0xFFFFFFFF),
        _fields(2103, 0xFFFFFFFF),
    )
    seed.valid(
        "seed-payload-size-in-big-endian",
        "16 with its bytes swapped claims 256 MiB",
        ["ByteOrder", "ClaimedSize"],
        struct.pack("<BH", 3, 2100) + struct.pack(">I", 16),
        _fields(2100, 0x10000000),
    )
    seed.invalid(
        "seed-given-readme-layout",
        "5 bytes: the header of the readme dialect",
        ["OtherLayout", "Truncated"],
        response_header(2, 2100, 16),
        "truncated",
    )
    for kept, what in (
        (0, "nothing at all"),
        (2, "ends between the two bytes of the code"),
        (6, "the last byte of the payload size is missing"),
    ):
        seed.invalid(f"seed-only-{kept}-bytes", what, ["Truncated"], response_header(4, 2100, 16)[:kept], "truncated")
    seed.invalid(
        "seed-one-byte-more",
        "8 bytes: nothing belongs to the header after its payload size",
        ["TrailingData"],
        response_header(4, 2100, 16) + b"\0",
        "trailing-data",
    )

    readme = file.group(("readme",))
    _shared(readme, 2, cksum_size=291, refused_size=16)
    readme.valid(
        "readme-largest-payload-size",
        "payload size 2^16 - 1",
        ["ClaimedSize"],
        response_header(2, 2103, 0xFFFF),
        _fields(2103, 0xFFFF),
    )
    readme.valid(
        "readme-payload-size-in-big-endian",
        "16 with its bytes swapped claims 4096",
        ["ByteOrder", "ClaimedSize"],
        struct.pack("<BH", 3, 2100) + struct.pack(">H", 16),
        _fields(2100, 4096),
    )
    readme.invalid(
        "readme-given-seed-layout",
        "7 bytes: the header of the seed dialect",
        ["OtherLayout", "TrailingData"],
        response_header(4, 2100, 16),
        "trailing-data",
    )
    for kept, what in (
        (1, "ends before the code"),
        (3, "ends before the payload size"),
        (4, "the last byte of the payload size is missing"),
    ):
        readme.invalid(
            f"readme-only-{kept}-bytes", what, ["Truncated"], response_header(2, 2100, 16)[:kept], "truncated"
        )
    for name in EVERY:
        if since(name) > 1:
            _later(file.group((name,), since=2), dialect(name))
    return file


def _later(group: Group, d: Dialect) -> None:
    """Every code that the dialect has, and the ways to cut a header of 7 bytes short."""
    for message, code in d.response_codes.items():
        if code is None:
            continue
        size = {"refused": 0, "general_error": 0, "aes_key": 144, "reconnected": 144, "file_received": 279}.get(
            message, 16
        )
        group.valid(
            f"{d.name}-{message.replace('_', '-')}",
            f"{code}, payload of {size}",
            ["Typical"],
            d.response_header(code, size),
            _fields(code, size),
        )
    first = d.response_codes["registered"]
    whole = d.response_header(first, 16)
    group.valid(
        f"{d.name}-size-in-big-endian",
        "16 with its bytes swapped claims 256 MiB",
        ["ByteOrder", "ClaimedSize"],
        whole[:3] + whole[:2:-1],
        _fields(first, 0x10000000),
    )
    group.acceptable(
        f"{d.name}-version-1", "version 1", ["OtherVersion"], b"\1" + whole[1:], _fields(first, 16, version=1)
    )
    for kept, what in ((0, "nothing at all"), (5, "the header of the readme dialect"), (6, "the last byte is missing")):
        group.invalid(f"{d.name}-only-{kept}-bytes", what, ["Truncated"], whole[:kept], "truncated")
    group.invalid(
        f"{d.name}-one-byte-more",
        "8 bytes: as natural alignment gives",
        ["TrailingData"],
        whole + b"\0",
        "trailing-data",
    )


def _shared(group: Group, width: int, *, cksum_size: int, refused_size: int) -> None:
    name = group.dialects[0]
    for ident, code, size in (
        ("registered", 2100, 16),
        ("refused", 2101, refused_size),
        ("aes-key", 2102, 144),
        ("file-received", 2103, cksum_size),
    ):
        group.valid(
            f"{name}-{ident}",
            f"{code}, payload of {size}",
            ["Typical"],
            response_header(width, code, size),
            _fields(code, size),
        )
    group.valid(
        f"{name}-code-in-big-endian",
        "2100 with its bytes swapped is the unknown code 13320",
        ["ByteOrder", "UnknownCode"],
        struct.pack("<B", 3) + struct.pack(">H", 2100) + response_header(width, 0, 16)[3:],
        _fields(13320, 16),
    )
    for version in (0, 1, 255):
        group.acceptable(
            f"{name}-version-{version}",
            f"version {version}",
            ["OtherVersion"],
            response_header(width, 2100, 16, version=version),
            _fields(2100, 16, version=version),
        )


def _fields(code: int, size: int, *, version: int = 3) -> dict[str, Any]:
    return {"version": version, "code": code, "payload_size": size}


if __name__ == "__main__":
    main(build)
