"""1103, send file."""

from __future__ import annotations

from typing import Any

from layout import LATER, dialect
from lib import (
    ALICE,
    MALLORY,
    VectorFile,
    counting,
    main,
    name_field,
    request,
    request_fields,
    request_header,
    u32,
)
from notes import common
from send_file_later import packet, without_client_id

NAME = "report.txt"


def build() -> VectorFile:
    file = VectorFile(
        path="send_file.json",
        title="1103 send file",
        decodes="request",
        section="2.3",
        header=[
            "Group 1: each test decodes one whole request: header, fixed fields and content. The content is opaque",
            "here; file_cipher.json says what may stand in it.",
            "Group 2 (part: fixed-fields): the bytes end where the content begins, since an implementation has to",
            "decide there: content streams past. Decode header and fixed fields; content is not in fields.",
        ],
        notes={
            **common(
                "CheckOrder",
                "ClaimedSize",
                "ClientIdMismatch",
                "DirtyPadding",
                "EmptyName",
                "NotUtf8",
                "PayloadSize",
                "TrailingData",
                "Truncated",
                "Typical",
                "UnterminatedName",
            ),
            "ContentSize": (
                "MissingCheck",
                "Payload size and content size contradict each other, or the content is no whole number of blocks, at"
                " least one (PROTOCOL.md 2.3).",
            ),
            "Overflow": (
                "IntegerOverflow",
                "275 + content size does not fit into 32 bits. A check that adds in 32 bits takes the sum for equal.",
            ),
            "ClientIdInPayload": (
                "Compatibility",
                "Fixed fields with the client ID, in a dialect that has none there (PROTOCOL.md 10.2). Read without it,"
                " the first bytes of the ID are the content size.",
            ),
            "Packets": (
                "Functionality",
                "Packet fields (PROTOCOL.md 10.7): each request is one packet, and its sizes are those of the whole"
                " file. packets.json has what makes a sequence of packets wrong.",
            ),
            "Path": (
                "Compatibility",
                "Clients send the whole path as file name (PROTOCOL.md 3.1); the request carries it as it is.",
            ),
            "Unicode": ("Functionality", "A file name outside ASCII (PROTOCOL.md 1.8)."),
        },
    )
    _whole(file)
    _fixed_fields(file)
    for name in LATER:
        d = dialect(name)
        (packet if d.data["packets"] else without_client_id)(file, d)
    return file


def _whole(file: VectorFile) -> None:
    group = file.group(part="message")
    for ident, comment, flags, name, size in (
        ("one-block", "the smallest content: an empty file", ["Typical"], NAME, 16),
        ("two-blocks", "32 bytes of content: a file of 16", ["Typical"], NAME, 32),
        ("512-bytes", "as much as one read of the programs takes", ["Typical"], NAME, 512),
        ("longest-name", "a file name of 254 bytes", ["Typical"], "f" * 250 + ".txt", 16),
        ("hebrew-name", "a file name in Hebrew letters", ["Unicode"], "\u05d2\u05d9\u05d1\u05d5\u05d9.txt", 16),
        ("windows-path", "drive letter and backslashes", ["Path"], "C:\\Users\\alice\\report.txt", 16),
        ("parent-path", "a path that climbs", ["Path"], "../../report.txt", 16),
    ):
        content = counting(size)
        group.valid(ident, comment, flags, request(ALICE, 1103, _payload(name, content)), _fields(name, content))
    content = counting(16)
    group.acceptable(
        "dirty-padding",
        "bytes after the NUL do not belong to the content",
        ["DirtyPadding"],
        request(ALICE, 1103, ALICE + u32(16) + name_field(NAME, after_nul=b"\xcc" * 244) + content),
        _fields(NAME, content),
    )
    whole = request(ALICE, 1103, _payload(NAME, content))
    group.invalid("content-missing", "the content does not come", ["Truncated"], whole[:-16], "truncated")
    group.invalid("content-one-byte-short", "the last byte does not come", ["Truncated"], whole[:-1], "truncated")
    group.invalid(
        "ends-inside-the-file-name",
        "the fixed fields do not come to an end",
        ["Truncated"],
        whole[: 23 + 100],
        "truncated",
    )
    group.invalid(
        "one-byte-more",
        "a byte after the content, which no size counts",
        ["TrailingData"],
        whole + b"\0",
        "trailing-data",
    )
    group.invalid(
        "sizes-differ-and-content-comes",
        "content size 16, but 32 bytes of content and a payload size for them",
        ["ContentSize"],
        request(ALICE, 1103, ALICE + u32(16) + name_field(NAME) + counting(32)),
        "content-size-mismatch",
    )


def _fixed_fields(file: VectorFile) -> None:
    group = file.group(part="fixed-fields")

    def fixed(
        content_size: int, *, payload_size: int | None = None, who: bytes = ALICE, name: bytes | None = None
    ) -> bytes:
        size = 275 + content_size if payload_size is None else payload_size
        field = name_field(NAME) if name is None else name
        return request_header(ALICE, 1103, size) + who + u32(content_size) + field

    for ident, comment, flags, size in (
        ("fixed-64-mib", "64 MiB and a block of padding", ["Typical"], (64 << 20) + 16),
        ("fixed-2-gib", "2^31: negative, if read as signed", ["ClaimedSize"], 1 << 31),
        ("fixed-largest", "the largest content there can be", ["ClaimedSize"], 4294967008),
    ):
        fields = request_fields(
            ALICE, 1103, 275 + size, {"client_id": ALICE.hex(), "content_size": size, "file_name": NAME}
        )
        group.valid(ident, comment, flags, fixed(size), fields)
    group.invalid(
        "other-client-id",
        "the payload names another client",
        ["ClientIdMismatch"],
        fixed(16, who=MALLORY),
        "client-id-mismatch",
    )
    group.invalid(
        "client-id-zeros-in-payload",
        "the payload names nobody",
        ["ClientIdMismatch"],
        fixed(16, who=bytes(16)),
        "client-id-mismatch",
    )
    flipped = ALICE[:15] + bytes([ALICE[15] ^ 1])
    group.invalid(
        "client-id-last-bit",
        "only the last bit differs",
        ["ClientIdMismatch"],
        fixed(16, who=flipped),
        "client-id-mismatch",
    )
    for ident, comment, content_size, payload_size in (
        ("payload-size-one-block-less", "the payload size counts one block less", 32, 275 + 16),
        ("payload-size-one-block-more", "the payload size counts one block more", 16, 275 + 32),
        ("payload-size-one-byte-more", "the payload size counts one byte more", 16, 275 + 17),
        ("content-size-in-big-endian", "the content size has its bytes swapped", 0x10000000, 275 + 16),
        ("payload-size-without-client-id", "the payload size counts content size and name only", 64, 4 + 255 + 64),
        ("content-size-counts-the-payload", "the content size says the size of the payload", 288, 288),
    ):
        group.invalid(
            ident, comment, ["ContentSize"], fixed(content_size, payload_size=payload_size), "content-size-mismatch"
        )
    for size in (1, 15, 17, 31, 100):
        group.invalid(
            f"content-of-{size}",
            f"{size} bytes are no whole number of blocks",
            ["ContentSize"],
            fixed(size),
            "content-not-blocks",
        )
    group.invalid(
        "content-of-0",
        "no content: even an empty file has its padding",
        ["ContentSize"],
        fixed(0),
        "content-not-blocks",
    )
    group.invalid(
        "sum-overflows",
        "content size 2^32 - 271: the sum wraps to a payload size of 4, which no 1103 has",
        ["Overflow", "PayloadSize"],
        fixed((1 << 32) + 4 - 275, payload_size=4),
        "payload-size",
    )
    group.invalid(
        "sum-overflows-largest",
        "content size 2^32 - 16 with the largest payload size",
        ["ContentSize", "Overflow"],
        fixed((1 << 32) - 16, payload_size=0xFFFFFFFF),
        "content-size-mismatch",
    )
    for ident, comment, flags, field, error in (
        ("no-nul", "the file name runs into the content", ["UnterminatedName"], b"f" * 255, "unterminated-name"),
        ("empty-name", "a file without a name", ["EmptyName"], bytes(255), "empty-name"),
        ("latin-1", "the file name in Latin-1", ["NotUtf8"], name_field(b"r\xe9sum\xe9.txt"), "name-not-utf8"),
    ):
        group.invalid(ident, comment, flags, fixed(16, name=field), error)
    group.invalid(
        "client-id-before-content-size",
        "another client ID and a content size of 15",
        ["CheckOrder", "ClientIdMismatch", "ContentSize"],
        fixed(15, who=MALLORY),
        "client-id-mismatch",
    )
    group.invalid(
        "content-size-before-name",
        "a content size of 15 and no file name",
        ["CheckOrder", "ContentSize", "EmptyName"],
        fixed(15, name=bytes(255)),
        "content-not-blocks",
    )
    group.invalid(
        "fixed-one-byte-short",
        "the last byte of the file name does not come",
        ["Truncated"],
        fixed(16)[:-1],
        "truncated",
    )


def _payload(name: str, content: bytes) -> bytes:
    return ALICE + u32(len(content)) + name_field(name) + content


def _fields(name: str, content: bytes) -> dict[str, Any]:
    payload = {"client_id": ALICE.hex(), "content_size": len(content), "file_name": name, "content": content.hex()}
    return request_fields(ALICE, 1103, 275 + len(content), payload)


if __name__ == "__main__":
    main(build)
