"""2103, file received, with the checksum: 4 bytes, or 16 in `readme`."""

from __future__ import annotations

import struct
from typing import Any

from lib import ALICE, EVERY, Dialect, Group, VectorFile, cksum, dialect, main, name_field, u32
from notes import common
from responses import acceptable, cut_and_extended, since, valid, wrong_size

NAME = "report.txt"
MESSAGE = "file_received"


def build() -> VectorFile:
    file = VectorFile(
        path="file_received.json",
        title="2103 file received",
        decodes="response",
        section="2.7",
        header=[
            "Each test decodes one whole response: header and payload. Whether content size, name and ID repeat the",
            "request is for the client to compare (PROTOCOL.md 6.2).",
        ],
        notes={
            **common(
                "ByteOrder",
                "DirtyPadding",
                "EmptyName",
                "NotUtf8",
                "OtherVersion",
                "PayloadSize",
                "TrailingData",
                "Truncated",
                "Typical",
                "UnterminatedName",
            ),
            "CksumPadding": (
                "MissingCheck",
                "In readme 12 zero bytes follow the checksum; a reader MUST refuse others (PROTOCOL.md 2.7). A checksum"
                " of 16 bytes in some other reading would show here.",
            ),
            "CksumRange": ("EdgeCase", "Checksums that a signed or a float number does not hold."),
            "Path": ("Compatibility", "The file name is echoed as sent, whole path included (PROTOCOL.md 2.8)."),
            "Unicode": ("Functionality", "A file name outside ASCII (PROTOCOL.md 1.8)."),
        },
    )
    for name in EVERY:
        d = dialect(name)
        group = file.group((name,), since=since(name))
        _every(group, d)
        if d.cksum_width == 16:
            _cksum_padding(group, d)
    return file


def _every(group: Group, d: Dialect) -> None:
    check = cksum(b"123456789")
    for ident, comment, flags, size, name, value in (
        ("plain", "nine bytes of plaintext, one block of content", ["Typical"], 16, NAME, check),
        ("empty-file", "the checksum of nothing", ["CksumRange", "Typical"], 16, NAME, 0xFFFFFFFF),
        ("cksum-0", "a checksum of 0 is as good as any", ["CksumRange"], 16, NAME, 0),
        ("cksum-2-to-the-31", "negative, if read as signed", ["CksumRange"], 16, NAME, 1 << 31),
        (
            "every-byte-different",
            "content size and cksum of different bytes",
            ["ByteOrder"],
            0x44434240,
            NAME,
            0x34333231,
        ),
        ("largest-content-size", "the largest content there can be", ["Typical"], 4294967008, NAME, check),
        ("longest-name", "254 bytes of name next to the checksum", ["Typical"], 16, "f" * 250 + ".txt", check),
        ("hebrew-name", "a file name in Hebrew letters", ["Unicode"], 16, "\u05d2\u05d9\u05d1\u05d5\u05d9.txt", check),
        ("windows-path", "drive letter and backslashes", ["Path"], 16, "C:\\Users\\alice\\report.txt", check),
    ):
        payload = _payload(d, size, name_field(name), value)
        valid(group, d, ident, comment, flags, MESSAGE, payload, _fields(size, name, value))
    dirty = _payload(d, 16, name_field(NAME, after_nul=b"\xcc" * 244), check)
    acceptable(
        group,
        d,
        "dirty-padding",
        "the name in a used buffer",
        ["DirtyPadding"],
        MESSAGE,
        dirty,
        _fields(16, NAME, check),
    )
    plain = _payload(d, 16, name_field(NAME), check)
    acceptable(
        group, d, "version-1", "version 1", ["OtherVersion"], MESSAGE, plain, _fields(16, NAME, check), version=1
    )
    for ident, comment, flags, field, error in (
        ("no-nul", "the name runs into the checksum", ["UnterminatedName"], b"f" * 255, "unterminated-name"),
        ("empty-name", "255 zeros", ["EmptyName"], bytes(255), "empty-name"),
        ("latin-1", "the file name in Latin-1", ["NotUtf8"], name_field(b"r\xe9sum\xe9"), "name-not-utf8"),
    ):
        group.invalid(f"{d.name}-{ident}", comment, flags, d.response(MESSAGE, _payload(d, 16, field, check)), error)
    cut_and_extended(group, d, MESSAGE, plain)
    other = 291 if d.cksum_width == 4 else 279
    wrong_size(group, d, f"payload-of-{other}", "the checksum field of the other dialect", MESSAGE, other)
    wrong_size(group, d, "payload-of-275", "no checksum", MESSAGE, 275)
    wrong_size(group, d, "payload-one-more", "one byte more than the fields have", MESSAGE, len(plain) + 1)


def _cksum_padding(group: Group, d: Dialect) -> None:
    check = cksum(b"123456789")
    before = ALICE + u32(16) + name_field(NAME)
    for ident, comment, field in (
        ("first-padding-byte", "the first of the 12 bytes is not zero", u32(check) + b"\x01" + bytes(11)),
        ("last-padding-byte", "the last of the 12 bytes is not zero", u32(check) + bytes(11) + b"\x01"),
        ("cksum-at-the-end", "12 zeros and then the checksum", bytes(12) + u32(check)),
        ("cksum-big-endian-at-the-end", "a big-endian number of 16 bytes", bytes(12) + struct.pack(">I", check)),
        ("cksum-sign-extended", "a negative number widened to 16 bytes", struct.pack("<q", -1) * 2),
        ("cksum-in-decimal", "the checksum as text, as the utility prints it", str(check).encode().ljust(16, b"\0")),
    ):
        group.invalid(
            f"{d.name}-{ident}", comment, ["CksumPadding"], d.response(MESSAGE, before + field), "cksum-padding"
        )


def _payload(d: Dialect, content_size: int, name: bytes, value: int) -> bytes:
    return ALICE + u32(content_size) + name + u32(value).ljust(d.cksum_width, b"\0")


def _fields(content_size: int, name: str, value: int) -> dict[str, Any]:
    return {"client_id": ALICE.hex(), "content_size": content_size, "file_name": name, "cksum": value}


if __name__ == "__main__":
    main(build)
