"""What send_file.py writes for the dialects whose fixed fields are others: without the client ID, and with packets."""

from __future__ import annotations

from collections.abc import Callable

from layout import Dialect
from lib import ALICE, Group, VectorFile, counting

NAME = "report.txt"


def without_client_id(file: VectorFile, d: Dialect) -> None:
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


def packet(file: VectorFile, d: Dialect) -> None:
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
