"""1103, send file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from layout import LATER, Dialect, dialect
from lib import (
    ALICE,
    MALLORY,
    Group,
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
        (_packet if d.data["packets"] else _without_client_id)(file, d)
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


def _without_client_id(file: VectorFile, d: Dialect) -> None:
    """259 bytes of fixed fields: content size and file name."""
    group = file.group_for(d, since=2, part="message")
    for ident, comment, flags, name, size in (
        ("one-block", "the smallest content: an empty file", ["Typical"], NAME, 16),
        ("512-bytes", "as much as one read of the programs takes", ["Typical"], NAME, 512),
        ("longest-name", "a file name of 254 bytes", ["Typical"], "f" * 250 + ".txt", 16),
        ("windows-path", "drive letter and backslashes", ["Path"], "C:\\Users\\alice\\report.txt", 16),
    ):
        content = counting(size)
        fields = {**d.send_file_fields(ALICE, size, name), "content": content.hex()}
        group.valid(
            f"{d.name}-{ident}",
            comment,
            flags,
            d.request(ALICE, "send_file", d.send_file(ALICE, size, d.name_field(name)) + content),
            d.request_fields(ALICE, "send_file", 259 + size, fields),
        )
    content = counting(16)
    fields = {**d.send_file_fields(ALICE, 16, NAME), "content": content.hex()}
    dirty = d.send_file(ALICE, 16, d.name_field(NAME, after_nul=b"\xcc" * 244)) + content
    group.acceptable(
        f"{d.name}-dirty-padding",
        "bytes after the NUL do not belong to the content",
        ["DirtyPadding"],
        d.request(ALICE, "send_file", dirty),
        d.request_fields(ALICE, "send_file", 275, fields),
    )
    whole = d.request(ALICE, "send_file", d.send_file(ALICE, 16, d.name_field(NAME)) + content)
    group.invalid(f"{d.name}-content-missing", "the content does not come", ["Truncated"], whole[:-16], "truncated")
    group.invalid(f"{d.name}-one-byte-short", "the last byte does not come", ["Truncated"], whole[:-1], "truncated")
    ident = f"{d.name}-one-byte-more"
    group.invalid(ident, "a byte after the content", ["TrailingData"], whole + b"\0", "trailing-data")

    group = file.group_for(d, since=2, part="fixed-fields")
    send_file = d.request_codes["send_file"]

    def fixed(content_size: int, payload_size: int, name: bytes | None = None) -> bytes:
        field = d.name_field(NAME) if name is None else name
        return d.request_header(ALICE, send_file, payload_size) + d.send_file(ALICE, content_size, field)

    for ident, comment, flags, size in (
        ("fixed-2-gib", "2^31: negative, if read as signed", ["ClaimedSize"], 1 << 31),
        ("fixed-largest", "the most that the payload size leaves", ["ClaimedSize"], 4294967024),
    ):
        fields = d.send_file_fields(ALICE, size, NAME)
        group.valid(
            f"{d.name}-{ident}",
            comment,
            flags,
            fixed(size, 259 + size),
            d.request_fields(ALICE, "send_file", 259 + size, fields),
        )
    group.invalid(
        f"{d.name}-with-client-id",
        "the client ID stands first, as in seed: it is no content size",
        ["ClientIdInPayload", "ContentSize"],
        d.request_header(ALICE, send_file, 275 + 16) + ALICE + d.number(16, 4) + d.name_field(NAME),
        "content-size-mismatch",
    )
    for ident, comment, content_size, payload_size, error in (
        (
            "payload-size-for-an-id",
            "counts 16 bytes for an ID that is not there",
            16,
            275 + 16,
            "content-size-mismatch",
        ),
        ("payload-size-one-block-less", "one block less", 32, 259 + 16, "content-size-mismatch"),
        ("content-of-0", "no content: even an empty file has its padding", 0, 259, "content-not-blocks"),
        ("content-of-17", "no whole number of blocks", 17, 259 + 17, "content-not-blocks"),
    ):
        group.invalid(f"{d.name}-{ident}", comment, ["ContentSize"], fixed(content_size, payload_size), error)
    _names(group, d, lambda field: fixed(16, 259 + 16, field))


def _packet(file: VectorFile, d: Dialect) -> None:
    """267 bytes of fixed fields; what a single packet says, whole files being for packets.json."""
    group = file.group_for(d, since=2, part="message")
    for ident, comment, flags, size, original, number, total, cut, name in (
        ("whole-file", "a file in one packet", ["Typical"], 48, 40, 1, 1, 48, NAME),
        ("empty-file", "an empty file: one block of padding", ["Typical"], 16, 0, 1, 1, 16, NAME),
        ("longest-name", "a file name of 254 bytes", ["Typical"], 16, 15, 1, 1, 16, "f" * 250 + ".txt"),
        ("windows-path", "drive letter and backslashes", ["Path"], 16, 15, 1, 1, 16, "C:\\report.txt"),
        ("first-of-3", "16 of 48 bytes", ["Packets"], 48, 40, 1, 3, 16, NAME),
        ("second-of-3", "the sizes are those of the whole file", ["Packets"], 48, 40, 2, 3, 16, NAME),
        ("cut-inside-a-block", "7 bytes: packets may be cut anywhere", ["Packets"], 48, 40, 1, 3, 7, NAME),
        ("without-content", "a packet without content", ["Packets"], 48, 40, 2, 3, 0, NAME),
        ("every-byte-different", "no two bytes alike", ["Packets"], 0x14131210, 0x14131205, 0x2221, 0x3231, 16, NAME),
        ("last-of-65535", "the largest number and total", ["Packets"], 1 << 20, (1 << 20) - 1, 65535, 65535, 16, NAME),
    ):
        content = counting(cut)
        how = {"original": original, "number": number, "total": total}
        fields = {**d.send_file_fields(ALICE, size, name, **how), "content": content.hex()}
        group.valid(
            f"{d.name}-{ident}",
            comment,
            flags,
            d.request(ALICE, "send_file", d.send_file(ALICE, size, d.name_field(name), **how) + content),
            d.request_fields(ALICE, "send_file", d.fixed_size + cut, fields),
        )
    content = counting(16)
    fields = {**d.send_file_fields(ALICE, 16, NAME, original=9), "content": content.hex()}
    dirty = d.send_file(ALICE, 16, d.name_field(NAME, after_nul=b"\xcc" * 244), original=9) + content
    group.acceptable(
        f"{d.name}-dirty-padding",
        "bytes after the NUL do not belong to the content",
        ["DirtyPadding"],
        d.request(ALICE, "send_file", dirty),
        d.request_fields(ALICE, "send_file", d.fixed_size + 16, fields),
    )
    whole = d.request(ALICE, "send_file", d.send_file(ALICE, 16, d.name_field(NAME), original=9) + content)
    group.invalid(f"{d.name}-content-missing", "the content does not come", ["Truncated"], whole[:-16], "truncated")
    group.invalid(f"{d.name}-one-byte-short", "the last byte does not come", ["Truncated"], whole[:-1], "truncated")
    ident = f"{d.name}-one-byte-more"
    group.invalid(ident, "a byte after the content", ["TrailingData"], whole + b"\0", "trailing-data")

    group = file.group_for(d, since=2, part="fixed-fields")

    def fixed(size: int, original: int, name: bytes | None = None) -> bytes:
        field = d.name_field(NAME) if name is None else name
        head = d.request_header(ALICE, d.request_codes["send_file"], d.fixed_size + size)
        return head + d.send_file(ALICE, size, field, original=original)

    largest = (1 << 32) - 272
    group.valid(
        f"{d.name}-fixed-largest",
        "the most content that one packet can hold",
        ["ClaimedSize"],
        fixed(largest, largest - 1),
        d.request_fields(
            ALICE, "send_file", d.fixed_size + largest, d.send_file_fields(ALICE, largest, NAME, original=largest - 1)
        ),
    )
    for ident, comment, size, original, error in (
        ("content-of-0", "no content: even an empty file has its padding", 0, 0, "content-not-blocks"),
        ("content-of-17", "no whole number of blocks", 17, 9, "content-not-blocks"),
        ("original-as-large", "16 bytes of plaintext take a second block", 16, 16, "content-size-mismatch"),
        ("original-larger", "more plaintext than content", 16, 17, "content-size-mismatch"),
        ("original-a-block-less", "15 bytes of plaintext take one block", 32, 15, "content-size-mismatch"),
        ("original-0-of-two-blocks", "nothing does not take two blocks", 32, 0, "content-size-mismatch"),
        ("original-largest", "2^32 - 1: rounding it up to blocks overflows", 16, 0xFFFFFFFF, "content-size-mismatch"),
    ):
        group.invalid(f"{d.name}-{ident}", comment, ["ContentSize"], fixed(size, original), error)
    _names(group, d, lambda field: fixed(16, 9, field))


def _names(group: Group, d: Dialect, fixed: Callable[[bytes], bytes]) -> None:
    for ident, comment, flags, field, error in (
        ("no-nul", "the file name runs into the content", ["UnterminatedName"], b"f" * 255, "unterminated-name"),
        ("empty-name", "a file without a name", ["EmptyName"], bytes(255), "empty-name"),
        ("latin-1", "the file name in Latin-1", ["NotUtf8"], d.name_field(b"r\xe9sum\xe9.txt"), "name-not-utf8"),
    ):
        group.invalid(f"{d.name}-{ident}", comment, flags, fixed(field), error)
    group.invalid(
        f"{d.name}-fixed-one-byte-short",
        "the last byte of the file name does not come",
        ["Truncated"],
        fixed(d.name_field(NAME))[:-1],
        "truncated",
    )


if __name__ == "__main__":
    main(build)
