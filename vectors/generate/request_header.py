"""The 23 bytes before every request."""

from __future__ import annotations

import struct
from typing import Any

from layout import LATER, Dialect, dialect
from lib import ALICE, NO_ID, Group, VectorFile, main, request_header
from notes import common


def build() -> VectorFile:
    file = VectorFile(
        path="request_header.json",
        title="Request header",
        decodes="request-header",
        section="1.5",
        header=[
            "Each test decodes one request header and nothing after it.",
            "A header is judged by its shape alone: whether the code is known and whether the payload can be that",
            "large is for request_code.json and the files of the messages to say.",
        ],
        notes=common("ByteOrder", "ClaimedSize", "OtherVersion", "TrailingData", "Truncated", "Typical", "UnknownCode"),
    )
    group = file.group()

    for ident, code, size, comment in (
        ("register", 1100, 255, "registration: the client has no ID yet and sends zeros"),
        ("send-public-key", 1101, 415, "name and public key to follow"),
        ("send-file", 1103, 291, "an empty file: 275 bytes of fields and one block of padding"),
        ("cksum-right", 1104, 271, "verdict: right"),
        ("cksum-wrong", 1105, 271, "verdict: wrong, sending again"),
        ("give-up", 1106, 271, "verdict: wrong, giving up"),
    ):
        who = NO_ID if code == 1100 else ALICE
        group.valid(ident, comment, ["Typical"], request_header(who, code, size), _fields(who, code, size))

    group.valid(
        "every-byte-different",
        "no two bytes alike, so that a field read from the wrong place shows",
        ["ByteOrder"],
        request_header(bytes(range(0x10, 0x20)), 0x2221, 0x34333231, version=3),
        _fields(bytes(range(0x10, 0x20)), 0x2221, 0x34333231),
    )
    group.valid(
        "code-in-big-endian",
        "1100 with its bytes swapped is the unknown code 19460",
        ["ByteOrder", "UnknownCode"],
        ALICE + struct.pack("<B", 3) + struct.pack(">H", 1100) + struct.pack("<I", 255),
        _fields(ALICE, 19460, 255),
    )
    group.valid(
        "payload-size-in-big-endian",
        "255 with its bytes swapped claims almost 4 GiB",
        ["ByteOrder", "ClaimedSize"],
        ALICE + struct.pack("<BH", 3, 1100) + struct.pack(">I", 255),
        _fields(ALICE, 1100, 0xFF000000),
    )
    group.valid(
        "payload-size-2-to-the-31",
        "payload size 2^31: negative, if read as a signed integer",
        ["ClaimedSize"],
        request_header(ALICE, 1103, 1 << 31),
        _fields(ALICE, 1103, 1 << 31),
    )
    group.valid(
        "largest-payload-size",
        "payload size 2^32 - 1",
        ["ClaimedSize"],
        request_header(ALICE, 1103, 0xFFFFFFFF),
        _fields(ALICE, 1103, 0xFFFFFFFF),
    )
    group.valid(
        "payload-size-0",
        "no payload: the shape of the header allows it",
        ["ClaimedSize"],
        request_header(ALICE, 1104, 0),
        _fields(ALICE, 1104, 0),
    )
    for ident, code in (("code-0", 0), ("code-1102", 1102), ("code-65535", 65535)):
        group.valid(
            ident,
            f"{code} is the code of no request, and still a well-formed header",
            ["UnknownCode"],
            request_header(ALICE, code, 16),
            _fields(ALICE, code, 16),
        )
    group.valid(
        "client-id-all-ones",
        "16 bytes 0xff: the ID is opaque",
        ["Typical"],
        request_header(b"\xff" * 16, 1101, 415),
        _fields(b"\xff" * 16, 1101, 415),
    )
    for version in (0, 1, 2, 4, 255):
        group.acceptable(
            f"version-{version}",
            f"version {version}",
            ["OtherVersion"],
            request_header(ALICE, 1101, 415, version=version),
            _fields(ALICE, 1101, 415, version=version),
        )
    whole = request_header(ALICE, 1101, 415)
    for kept, what in (
        (0, "nothing at all"),
        (15, "ends inside the client ID"),
        (16, "ends before the version"),
        (18, "ends between the two bytes of the code"),
        (19, "ends before the payload size"),
        (22, "the last byte of the payload size is missing"),
    ):
        group.invalid(f"only-{kept}-bytes", what, ["Truncated"], whole[:kept], "truncated")
    group.invalid(
        "one-byte-more",
        "24 bytes: nothing belongs to the header after its payload size",
        ["TrailingData"],
        whole + b"\0",
        "trailing-data",
    )
    for name in LATER:
        _later(file.group((name,), since=2), dialect(name))
    return file


def _fields(client_id: bytes, code: int, size: int, *, version: int = 3) -> dict[str, Any]:
    return {"client_id": client_id.hex(), "version": version, "code": code, "payload_size": size}


def _later(group: Group, d: Dialect) -> None:
    """Every code that the dialect has, in the layout of `seed`."""
    for message, code in d.request_codes.items():
        size = {"send_public_key": 415, "send_file": d.fixed_size + 16}.get(message, 255)
        who = NO_ID if message == "register" else ALICE
        group.valid(
            f"{d.name}-{message.replace('_', '-')}",
            f"{code}, payload of {size}",
            ["Typical"],
            d.request_header(who, code, size),
            _fields(who, code, size),
        )
    code = d.request_codes["reconnect"]
    whole = d.request_header(ALICE, code, 255)
    swapped = int.from_bytes(code.to_bytes(2, "little"), "big")
    group.valid(
        f"{d.name}-code-in-big-endian",
        f"{code} with its bytes swapped is the unknown code {swapped}",
        ["ByteOrder", "UnknownCode"],
        d.request_header(ALICE, swapped, 255),
        _fields(ALICE, swapped, 255),
    )
    group.acceptable(
        f"{d.name}-version-24",
        "version 24",
        ["OtherVersion"],
        d.request_header(ALICE, code, 255, version=24),
        _fields(ALICE, code, 255, version=24),
    )
    group.invalid(f"{d.name}-only-22-bytes", "the last byte is missing", ["Truncated"], whole[:-1], "truncated")
    group.invalid(
        f"{d.name}-one-byte-more",
        "24 bytes: as natural alignment gives",
        ["TrailingData"],
        whole + b"\0",
        "trailing-data",
    )


if __name__ == "__main__":
    main(build)
