"""Requests in dialects with modifiers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from der import public_key
from keys import ALICE_KEY, public_der
from layout import Dialect, dialect
from lib import ALICE, MALLORY, NO_ID, Group, VectorFile, counting, main
from notes import common

NAME = "report.txt"


def build() -> VectorFile:
    file = VectorFile(
        path="modified_request.json",
        title="Requests under modifiers",
        decodes="request",
        section="10.2",
        header=[
            "Each test decodes one whole request, padding included, in the dialect of its group: base with the",
            "parameters in modifiers put in. Each group has the requests that its modifiers change, right and wrong.",
        ],
        notes={
            **common(
                "ClientIdMismatch",
                "EmptyName",
                "PayloadSize",
                "TrailingData",
                "Truncated",
                "Typical",
                "UnknownCode",
                "UnterminatedName",
            ),
            "DirtyGap": (
                "Compatibility",
                "The byte that alignment puts after the version, or the padding after the payload, is not zero. Peers"
                " write structures from memory that was used; a receiver ignores those bytes.",
            ),
            "NoChange": ("Functionality", "The modifier changes no byte of a request, and must not."),
            "OtherLayout": ("WrongEncoding", "A request in the layout of the base, without the modifier."),
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
    for base in ("seed", "2023a", "2024a"):
        yield dialect(base, byte_order="big")
    yield dialect("2024a", packet_byte_order="big")
    yield dialect("2024c", byte_order="big", packet_byte_order="big")
    for base in ("seed", "2024a"):
        yield dialect(base, alignment="natural")
    for base in ("seed", "2023a", "2024c"):
        yield dialect(base, name_width=256)
    for base in ("seed", "2023c", "2024a"):
        yield dialect(base, request_padding=1024)
    yield dialect("seed", client_id_in_payload=False)
    yield dialect("2023a", client_id_in_payload=True)
    yield dialect("2024a", client_id_in_payload=True)
    for base in ("seed", "2024c"):
        yield dialect(base, public_key_sizes=[160, 162])
    yield dialect("seed", packets=True)
    yield dialect("2023c", packets=True)
    yield dialect("2024a", packets=False)
    for base, port in (("seed", 4321), ("2024c", 65535)):
        yield dialect(base, default_port=port)
    yield dialect("2023a", byte_order="big", alignment="natural", name_width=256, request_padding=1024)
    yield dialect("seed", alignment="natural", response_padding=1024, checksum="zlib", checksum_input="content")


def _right(group: Group, d: Dialect) -> None:
    width = int(d.data["name_width"])
    flags = ["NoChange" if set(d.modifiers) == {"default_port"} else "Typical"]
    alice, key = d.name_field("alice"), public_der(ALICE_KEY)

    def add(message: str, who: bytes, payload: bytes, fields: dict[str, Any], comment: str, ident: str = "") -> None:
        group.valid(
            f"{d.slug}-{ident or message.replace('_', '-')}",
            comment,
            flags,
            d.request(who, message, payload),
            d.request_fields(who, message, len(payload), fields),
        )

    add("register", NO_ID, alice, {"name": "alice"}, "a client registers")
    fields = {"name": "alice", "public_key": key.hex()}
    add("send_public_key", ALICE, alice + key, fields, "a key of 160 bytes")
    if 162 in d.data["public_key_sizes"]:
        long = public_key(int(ALICE_KEY.n), 65537)
        fields = {"name": "alice", "public_key": long.hex()}
        add("send_public_key", ALICE, alice + long, fields, "a key of 162 bytes", "send-longer-key")
    if d.request_codes["reconnect"]:
        add("reconnect", ALICE, alice, {"name": "alice"}, "a client reconnects")
    name, content = d.name_field(NAME), counting(32)
    how = {"original": 18, "number": 1, "total": 1}
    fields = {**d.send_file_fields(ALICE, 32, NAME, **how), "content": content.hex()}
    add("send_file", ALICE, d.send_file(ALICE, 32, name, **how) + content, fields, "a file of two blocks")
    if d.data["packets"]:
        how = {"original": 1000, "number": 0x0102, "total": 0x0304}
        fields = {**d.send_file_fields(ALICE, 1008, NAME, **how), "content": content.hex()}
        add("send_file", ALICE, d.send_file(ALICE, 1008, name, **how) + content, fields, "packet 258 of 772", "packet")
    for message in ("cksum_right", "cksum_wrong", "give_up"):
        payload = d.verdict(ALICE, name)
        add(message, ALICE, payload, d.verdict_fields(ALICE, NAME), f"a verdict of {len(payload)} bytes")
    longest = "n" * 254
    add("register", NO_ID, d.name_field(longest), {"name": longest}, f"254 of {width} bytes", "longest-name")


def _cut(group: Group, d: Dialect) -> None:
    whole = d.request(ALICE, "send_public_key", d.name_field("alice") + public_der(ALICE_KEY))
    ident = f"{d.slug}-one-byte"
    group.invalid(f"{ident}-short", "the last byte does not come", ["Truncated"], whole[:-1], "truncated")
    group.invalid(f"{ident}-more", "a byte too many", ["TrailingData"], whole + b"\0", "trailing-data")


def _wrong(group: Group, d: Dialect) -> None:
    """What the layout of the base gives, or of a peer that took the modifier differently."""
    alice = d.name_field("alice")
    base = dialect(d.base)
    if "byte_order" in d.modifiers:
        swapped = base.request(NO_ID, "register", base.name_field("alice"))
        if d.data["alignment"] == "packed":
            group.invalid(
                f"{d.slug}-in-little-endian",
                "the header in little-endian: a code that nobody has",
                ["OtherLayout", "UnknownCode"],
                swapped,
                "unknown-code",
            )
    if d.data["alignment"] == "natural":
        header = bytearray(d.request(NO_ID, "register", alice))
        header[17] = 0xCC
        group.acceptable(
            f"{d.slug}-dirty-gap",
            "the byte after the version is not zero",
            ["DirtyGap"],
            bytes(header),
            d.request_fields(NO_ID, "register", len(alice), {"name": "alice"}),
        )
        group.invalid(
            f"{d.slug}-packed",
            "a header of 23 bytes: a code that nobody has",
            ["OtherLayout", "UnknownCode"],
            base.request(NO_ID, "register", base.name_field("alice")),
            "unknown-code",
        )
    if d.data["name_width"] == 256:
        for ident, comment, flags, payload, error in (
            (
                "255-byte-field",
                "a name field of 255 bytes",
                ["OtherLayout", "PayloadSize"],
                alice[:255],
                "payload-size",
            ),
            ("no-nul", "256 letters", ["UnterminatedName"], b"n" * 256, "unterminated-name"),
            ("empty-name", "256 zeros", ["EmptyName"], bytes(256), "empty-name"),
        ):
            group.invalid(f"{d.slug}-{ident}", comment, flags, d.request(NO_ID, "register", payload), error)
    if d.data["request_padding"]:
        whole = d.request(NO_ID, "register", alice)
        group.invalid(
            f"{d.slug}-without-padding",
            "the padding does not come",
            ["OtherLayout", "Truncated"],
            whole[: d.request_header_size + len(alice)],
            "truncated",
        )
        group.invalid(
            f"{d.slug}-padding-counted",
            "the payload size counts the padding",
            ["PayloadSize"],
            d.request(NO_ID, "register", alice, payload_size=1024 - d.request_header_size),
            "payload-size",
        )
        group.acceptable(
            f"{d.slug}-dirty-padding",
            "the padding is not zero",
            ["DirtyGap"],
            whole[:-1] + b"\x01",
            d.request_fields(NO_ID, "register", len(alice), {"name": "alice"}),
        )
    if "client_id_in_payload" in d.modifiers:
        _client_id(group, d)
    if "packets" in d.modifiers:
        other = base.send_file(ALICE, 16, base.name_field(NAME), original=9)
        fixed = d.send_file(ALICE, 16, d.name_field(NAME), original=9)
        if len(other) < len(fixed):
            group.invalid(
                f"{d.slug}-fields-of-the-base",
                "no packet fields, and no content: too short",
                ["OtherLayout", "PayloadSize"],
                d.request(ALICE, "send_file", other),
                "payload-size",
            )
        else:
            group.invalid(
                f"{d.slug}-fields-of-the-base",
                "8 bytes of packet fields more",
                ["OtherLayout"],
                d.request(ALICE, "send_file", other + counting(16)),
                "content-size-mismatch",
            )
    if 162 in d.data["public_key_sizes"]:
        for size in (161, 163):
            group.invalid(
                f"{d.slug}-key-of-{size}",
                "neither 160 nor 162",
                ["PayloadSize"],
                d.request(ALICE, "send_public_key", alice + bytes(size)),
                "payload-size",
            )


def _client_id(group: Group, d: Dialect) -> None:
    name = d.name_field(NAME)
    if not d.data["client_id_in_payload"]:
        group.invalid(
            f"{d.slug}-with-id",
            "the client ID before the name",
            ["OtherLayout", "PayloadSize"],
            d.request(ALICE, "cksum_right", ALICE + name),
            "payload-size",
        )
        return
    group.invalid(
        f"{d.slug}-without-id",
        "the name alone",
        ["OtherLayout", "PayloadSize"],
        d.request(ALICE, "cksum_right", name),
        "payload-size",
    )
    group.invalid(
        f"{d.slug}-other-client-id",
        "the verdict names another client",
        ["ClientIdMismatch"],
        d.request(ALICE, "cksum_right", d.verdict(MALLORY, name)),
        "client-id-mismatch",
    )
    group.invalid(
        f"{d.slug}-other-client-id-in-file",
        "the file is another client's",
        ["ClientIdMismatch"],
        d.request(ALICE, "send_file", d.send_file(MALLORY, 16, name, original=9) + counting(16)),
        "client-id-mismatch",
    )


if __name__ == "__main__":
    main(build)
