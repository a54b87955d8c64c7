"""Responses in dialects with modifiers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from keys import ALICE_KEY
from layout import Dialect, after, dialect
from lib import ALICE, Group, VectorFile, main
from notes import common
from oaep import wrap

NAME = "report.txt"
VALUE = 0x377A6011
"""The cksum of the nine digits."""


def build() -> VectorFile:
    file = VectorFile(
        path="modified_response.json",
        title="Responses under modifiers",
        decodes="response",
        section="10.2",
        header=[
            "Each test decodes one whole response, padding included, in the dialect of its group: base with the",
            "parameters in modifiers put in. payload_size is the number in the header, whatever it counts.",
        ],
        notes={
            **common("EmptyName", "PayloadSize", "TrailingData", "Truncated", "Typical", "UnknownCode"),
            "CksumPadding": (
                "MissingCheck",
                "Bytes after a checksum in a field of 16 that are not zero (PROTOCOL.md 2.7).",
            ),
            "DirtyGap": (
                "Compatibility",
                "The byte that alignment puts after the version, or the padding after the payload, is not zero. Peers"
                " write structures from memory that was used; a receiver ignores those bytes.",
            ),
            "OtherLayout": ("WrongEncoding", "A response in the layout of the base, without the modifier."),
            "Reception": (
                "Compatibility",
                "A 2101 or 2104 with, or without, a client ID that its dialect does not send so: taken all the same"
                " (PROTOCOL.md 2.6, 10.5).",
            ),
        },
        since=2,
    )
    for d in _dialects():
        group = file.group_for(d)
        _right(group, d)
        _cut(group, d)
        _wrong(group, d)
    return file


def _dialects() -> Iterator[Dialect]:
    for base in ("seed", "readme", "2024a"):
        yield dialect(base, byte_order="big")
    for base in ("seed", "readme", "2023a"):
        yield dialect(base, alignment="natural")
    for base in ("seed", "2024c"):
        yield dialect(base, name_width=256)
    for base, width in (("seed", 2), ("readme", 4), ("2023c", 2)):
        yield dialect(base, response_size_width=width)
    for base in ("seed", "readme", "2023a"):
        yield dialect(base, size_counts="message")
    yield dialect("seed", size_counts="padded")
    yield dialect("seed", size_counts="padded", response_padding=1024)
    yield dialect("2024a", size_counts="padded", response_padding=2048)
    yield dialect("2023a", size_counts="message", response_padding=1024)
    for base, size in (("seed", 1024), ("readme", 1024), ("2023a", 1024), ("2024c", 2048)):
        yield dialect(base, response_padding=size)
    yield dialect("seed", refused_payload="client-id")
    yield dialect("readme", refused_payload="empty")
    yield dialect("2023a", refused_payload="client-id")
    for base in ("seed", "2024a"):
        yield dialect(base, file_received_fields=["client_id", "file_name", "cksum"])
        yield dialect(base, file_received_fields=["content_size", "file_name", "cksum"])
    for base, width in (("seed", 16), ("readme", 4), ("2024c", 16)):
        yield dialect(base, cksum_width=width)
    yield dialect("seed", after_right=after("acknowledged-with-id"), after_give_up=after("acknowledged", close=True))
    yield dialect("2023a", byte_order="big", alignment="natural", name_width=256, size_counts="message")
    yield dialect("seed", alignment="natural", response_padding=1024, checksum="zlib", checksum_input="content")


def _answers(d: Dialect) -> set[str]:
    return {d.data[member]["answer"] for member in ("after_right", "after_wrong", "after_give_up")}


def _right(group: Group, d: Dialect) -> None:
    identified = {"client_id": ALICE.hex()}

    def add(message: str, payload: bytes, fields: dict[str, Any], comment: str, ident: str = "") -> None:
        group.valid(
            f"{d.slug}-{ident or message.replace('_', '-')}",
            comment,
            ["Typical"],
            d.response(message, payload),
            d.response_fields(message, len(payload), fields),
        )

    add("registered", ALICE, identified, "the client's ID")
    carries = d.data["refused_payload"] == "client-id"
    add("refused", ALICE if carries else b"", identified if carries else {}, "a refusal")
    wrapped = wrap(ALICE_KEY, bytes(range(d.data["aes_key_size"])), seed=b"vector modified")
    keyed = {**identified, "wrapped_key": wrapped.hex()}
    add("aes_key", ALICE + wrapped, keyed, "a wrapped key")
    add(
        "file_received",
        d.file_received(ALICE, 16, d.name_field(NAME), VALUE),
        d.file_received_fields(ALICE, 16, NAME, VALUE),
        "a checksum",
    )
    longest = "f" * 250 + ".txt"
    add(
        "file_received",
        d.file_received(ALICE, 0x44434240, d.name_field(longest), 0x34333231),
        d.file_received_fields(ALICE, 0x44434240, longest, 0x34333231),
        "the longest name, and numbers of different bytes",
        "file-received-longest",
    )
    if d.response_codes["reconnected"]:
        add("reconnected", ALICE + wrapped, keyed, "a wrapped key after a reconnect")
        add("reconnect_refused", ALICE, identified, "the ID of the request")
        add("general_error", b"", {}, "an error")
    if d.data["size_counts"] == "padded":
        return  # the size does not tell an acknowledgement with an ID from one without
    for ident, payload, form in (
        ("acknowledged", b"", "acknowledged"),
        ("acknowledged-with-id", ALICE, "acknowledged-with-id"),
    ):
        fields = identified if payload else {}
        if form in _answers(d):
            add("acknowledged", payload, fields, "an acknowledgement", ident)
        else:
            group.acceptable(
                f"{d.slug}-{ident}",
                "an acknowledgement that this dialect does not send so",
                ["Reception"],
                d.response("acknowledged", payload),
                d.response_fields("acknowledged", len(payload), fields),
            )
    other, fields = (b"", {}) if carries else (ALICE, identified)
    group.acceptable(
        f"{d.slug}-refused-otherwise",
        "a refusal of the other kind",
        ["Reception"],
        d.response("refused", other),
        d.response_fields("refused", len(other), fields),
    )


def _cut(group: Group, d: Dialect) -> None:
    whole = d.response("file_received", d.file_received(ALICE, 16, d.name_field(NAME), VALUE))
    ident = f"{d.slug}-one-byte"
    group.invalid(f"{ident}-short", "the last byte does not come", ["Truncated"], whole[:-1], "truncated")
    group.invalid(f"{ident}-more", "a byte too many", ["TrailingData"], whole + b"\0", "trailing-data")


def _wrong(group: Group, d: Dialect) -> None:
    base = dialect(d.base)
    plain = base.response("registered", ALICE)
    whole = d.response("registered", ALICE)
    fields = d.response_fields("registered", 16, {"client_id": ALICE.hex()})
    received = d.file_received(ALICE, 16, d.name_field(NAME), VALUE)
    if "byte_order" in d.modifiers and d.data["alignment"] == "packed":
        comment = "the header in little-endian: a code that nobody has"
        group.invalid(f"{d.slug}-in-little-endian", comment, ["OtherLayout", "UnknownCode"], plain, "unknown-code")
    if d.data["alignment"] == "natural":
        comment = "the byte after the version is not zero"
        group.acceptable(f"{d.slug}-dirty-gap", comment, ["DirtyGap"], whole[:1] + b"\xcc" + whole[2:], fields)
        comment = "a packed header: a code that nobody has"
        group.invalid(f"{d.slug}-packed", comment, ["OtherLayout", "UnknownCode"], plain, "unknown-code")
    if d.data["name_width"] == 256:
        short = base.file_received(ALICE, 16, base.name_field(NAME), VALUE)
        group.invalid(
            f"{d.slug}-name-of-255",
            "the name field has 255 bytes",
            ["OtherLayout", "PayloadSize"],
            d.response("file_received", short),
            "payload-size",
        )
        empty = d.file_received(ALICE, 16, bytes(256), VALUE)
        comment = "256 zeros"
        group.invalid(f"{d.slug}-empty-name", comment, ["EmptyName"], d.response("file_received", empty), "empty-name")
    if d.data["size_counts"] == "message":
        _stated(group, d, "payload-counted", "the payload alone is counted", 16)
        _stated(group, d, "less-than-the-header", "less than the header has", d.response_header_size - 1)
    if d.data["size_counts"] == "padded" and d.data["response_padding"]:
        _stated(group, d, "payload-counted", "the payload alone is counted", 16)
        _stated(group, d, "header-counted", "the header is counted too", d.data["response_padding"])
    if d.data["response_padding"]:
        comment = "the padding does not come"
        short = whole[: d.response_header_size + 16]
        group.invalid(f"{d.slug}-without-padding", comment, ["OtherLayout", "Truncated"], short, "truncated")
        comment = "the padding is not zero"
        group.acceptable(f"{d.slug}-dirty-padding", comment, ["DirtyGap"], whole[:-1] + b"\x01", fields)
        if d.data["size_counts"] == "payload":
            size = d.data["response_padding"] - d.response_header_size
            _stated(group, d, "padding-counted", "the padding is counted", size)
    if set(d.modifiers) & {"file_received_fields", "cksum_width"}:
        other = base.file_received(ALICE, 16, base.name_field(NAME), VALUE)
        group.invalid(
            f"{d.slug}-as-the-base",
            "the fields of the base",
            ["OtherLayout", "PayloadSize"],
            d.response("file_received", other),
            "payload-size",
        )
    if d.cksum_width == 16 and "cksum_width" in d.modifiers:
        comment = "the last of the 12 bytes is not zero"
        bad = d.response("file_received", received[:-1] + b"\x01")
        group.invalid(f"{d.slug}-cksum-padding", comment, ["CksumPadding"], bad, "cksum-padding")
    if "response_size_width" in d.modifiers:
        comment = "a header of the other width: its size does not end, or is another"
        error = "truncated" if d.response_size_width == 4 else "trailing-data"
        flag = "Truncated" if error == "truncated" else "TrailingData"
        group.invalid(f"{d.slug}-as-the-base", comment, ["OtherLayout", flag], base.response("refused", b""), error)


def _stated(group: Group, d: Dialect, ident: str, comment: str, size: int) -> None:
    group.invalid(
        f"{d.slug}-{ident}",
        comment,
        ["PayloadSize"],
        d.response("registered", ALICE, payload_size=size),
        "payload-size",
    )


if __name__ == "__main__":
    main(build)
