"""1101, send public key."""

from __future__ import annotations

from keys import ALICE_KEY, OTHER_KEY, public_der
from layout import LATER, Dialect, dialect
from lib import ALICE, Group, VectorFile, main, name_field, request, request_fields
from notes import common


def build() -> VectorFile:
    file = VectorFile(
        path="send_public_key.json",
        title="1101 send public key",
        decodes="request",
        section="2",
        header=[
            "Each test decodes one whole request: header and payload.",
            "public_key is the field as it stands. What may stand in it is for public_key.json to say.",
        ],
        notes=common(
            "CheckOrder",
            "DirtyPadding",
            "EmptyName",
            "NotUtf8",
            "TrailingData",
            "Truncated",
            "Typical",
            "UnterminatedName",
        ),
    )
    group = file.group()
    key = public_der(ALICE_KEY)
    for ident, comment, name, der in (
        ("alice", "a client sends its key", "alice", key),
        ("another-key", "the same client with a new RSA pair (PROTOCOL.md 2.4)", "alice", public_der(OTHER_KEY)),
        ("longest-name", "name and key touch but for the NUL", "n" * 254, key),
    ):
        group.valid(
            ident,
            comment,
            ["Typical"],
            request(ALICE, 1101, name_field(name) + der),
            request_fields(ALICE, 1101, 415, {"name": name, "public_key": der.hex()}),
        )
    group.acceptable(
        "dirty-padding",
        "bytes after the NUL do not belong to the key",
        ["DirtyPadding"],
        request(ALICE, 1101, name_field("alice", after_nul=b"\x30\x81\x9d" * 83) + key),
        request_fields(ALICE, 1101, 415, {"name": "alice", "public_key": key.hex()}),
    )
    for ident, comment, flags, field, error in (
        ("no-nul", "the name runs into the key", ["UnterminatedName"], b"n" * 255, "unterminated-name"),
        ("empty-name", "255 zeros before the key", ["EmptyName"], bytes(255), "empty-name"),
        ("latin-1", "the name in Latin-1", ["NotUtf8"], name_field(b"Ren\xe9"), "name-not-utf8"),
    ):
        group.invalid(ident, comment, flags, request(ALICE, 1101, field + key), error)
    group.invalid(
        "empty-name-and-no-key",
        "415 zeros: name and key are both bad, and the name comes first",
        ["CheckOrder", "EmptyName"],
        request(ALICE, 1101, bytes(415)),
        "empty-name",
    )
    whole = request(ALICE, 1101, name_field("alice") + key)
    group.invalid("ends-after-the-name", "the key does not come", ["Truncated"], whole[: 23 + 255], "truncated")
    group.invalid("one-byte-short", "the last byte of the key does not come", ["Truncated"], whole[:-1], "truncated")
    group.invalid("one-byte-more", "a byte after the key", ["TrailingData"], whole + b"\0", "trailing-data")
    for name in LATER:
        _later(file.group((name,), since=2), dialect(name), key)
    return file


def _later(group: Group, d: Dialect, key: bytes) -> None:
    """The same layout under the code of another generation."""

    def send(field: bytes) -> bytes:
        return d.request(ALICE, "send_public_key", field + key)

    alice = d.name_field("alice")
    code = d.request_codes["send_public_key"]
    for result, ident, comment, flags, field in (
        (group.valid, "alice", f"a client sends its key with {code}", ["Typical"], alice),
        (
            group.acceptable,
            "dirty-padding",
            "bytes after the NUL do not belong to the key",
            ["DirtyPadding"],
            d.name_field("alice", after_nul=b"\x30\x81\x9d" * 83),
        ),
    ):
        fields = d.request_fields(ALICE, "send_public_key", 415, {"name": "alice", "public_key": key.hex()})
        result(f"{d.name}-{ident}", comment, flags, send(field), fields)
    group.invalid(
        f"{d.name}-no-nul", "the name runs into the key", ["UnterminatedName"], send(b"n" * 255), "unterminated-name"
    )
    group.invalid(f"{d.name}-empty-name", "255 zeros before the key", ["EmptyName"], send(bytes(255)), "empty-name")
    whole = send(alice)
    ident = f"{d.name}-one-byte"
    group.invalid(f"{ident}-short", "the key is not whole", ["Truncated"], whole[:-1], "truncated")
    group.invalid(f"{ident}-more", "a byte after the key", ["TrailingData"], whole + b"\0", "trailing-data")


if __name__ == "__main__":
    main(build)
