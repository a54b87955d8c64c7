"""1100, register."""

from __future__ import annotations

from typing import Any

from layout import LATER, Dialect, dialect
from lib import ALICE, NO_ID, Group, VectorFile, main, name_field, request, request_fields
from notes import common


def build() -> VectorFile:
    file = VectorFile(
        path="register.json",
        title="1100 register",
        decodes="request",
        section="2.1",
        header=["Each test decodes one whole request: header and payload."],
        notes={
            **common(
                "DirtyPadding",
                "EmptyName",
                "NotUtf8",
                "OtherVersion",
                "TrailingData",
                "Truncated",
                "Typical",
                "UnterminatedName",
            ),
            "IgnoredClientId": (
                "Compatibility",
                "The client ID in the header of 1100 is ignored by the server (PROTOCOL.md 2.1). Clients that kept one"
                " send it.",
            ),
            "Unicode": ("Functionality", "A name outside ASCII (PROTOCOL.md 1.8)."),
        },
    )
    group = file.group()
    for ident, comment, flags, name in (
        ("alice", "a client registers", ["Typical"], "alice"),
        ("two-words", "a name with a space, as people have", ["Typical"], "Michael Jackson"),
        ("hebrew", "a name in Hebrew letters", ["Unicode"], "\u05d0\u05dc\u05d9\u05e1"),
        ("longest-name", "254 bytes", ["Typical"], "n" * 254),
    ):
        group.valid(
            ident,
            comment,
            flags,
            request(NO_ID, 1100, name_field(name)),
            request_fields(NO_ID, 1100, 255, {"name": name}),
        )
    group.valid(
        "with-client-id",
        "a client that has an ID registers again",
        ["IgnoredClientId"],
        request(ALICE, 1100, name_field("alice")),
        request_fields(ALICE, 1100, 255, {"name": "alice"}),
    )
    group.acceptable(
        "dirty-padding",
        "the name stands in a buffer that was used before",
        ["DirtyPadding"],
        request(NO_ID, 1100, name_field("alice", after_nul=b"\xcd" * 249)),
        request_fields(NO_ID, 1100, 255, {"name": "alice"}),
    )
    group.acceptable(
        "version-1",
        "version 1",
        ["OtherVersion"],
        request(NO_ID, 1100, name_field("alice"), version=1),
        request_fields(NO_ID, 1100, 255, {"name": "alice"}, version=1),
    )
    for ident, comment, flags, payload, error in (
        ("no-nul", "255 letters", ["UnterminatedName"], b"n" * 255, "unterminated-name"),
        ("empty-name", "255 zeros", ["EmptyName"], bytes(255), "empty-name"),
        ("latin-1", "the name in Latin-1", ["NotUtf8"], name_field(b"Ren\xe9"), "name-not-utf8"),
    ):
        group.invalid(ident, comment, flags, request(NO_ID, 1100, payload), error)
    whole = request(NO_ID, 1100, name_field("alice"))
    group.invalid("header-only", "the payload does not come", ["Truncated"], whole[:23], "truncated")
    group.invalid("ends-after-the-nul", "the padding does not come", ["Truncated"], whole[:29], "truncated")
    group.invalid("one-byte-short", "the last byte does not come", ["Truncated"], whole[:-1], "truncated")
    group.invalid(
        "one-byte-more",
        "a byte after the payload, which the size does not count",
        ["TrailingData"],
        whole + b"\0",
        "trailing-data",
    )
    for name in LATER:
        d = dialect(name)
        _later(file.group((name,), since=2), d)
    return file


def _later(group: Group, d: Dialect) -> None:
    """The same layout under the code of another generation."""

    def register(payload: bytes, who: bytes = NO_ID) -> bytes:
        return d.request(who, "register", payload)

    def fields(name: str, who: bytes = NO_ID) -> dict[str, Any]:
        return d.request_fields(who, "register", 255, {"name": name})

    code = d.request_codes["register"]
    alice = d.name_field("alice")
    for ident, comment, flags, text in (
        ("alice", f"a client registers with {code}", ["Typical"], "alice"),
        ("hebrew", "a name in Hebrew letters", ["Unicode"], "\u05d0\u05dc\u05d9\u05e1"),
        ("longest-name", "254 bytes", ["Typical"], "n" * 254),
    ):
        group.valid(f"{d.name}-{ident}", comment, flags, register(d.name_field(text)), fields(text))
    group.valid(
        f"{d.name}-with-client-id",
        "a client that was refused a reconnect registers anew, and still sends its old ID",
        ["IgnoredClientId"],
        register(alice, ALICE),
        fields("alice", ALICE),
    )
    group.acceptable(
        f"{d.name}-dirty-padding",
        "the name stands in a buffer that was used before",
        ["DirtyPadding"],
        register(d.name_field("alice", after_nul=b"\xcd" * 249)),
        fields("alice"),
    )
    for ident, comment, flags, payload, error in (
        ("no-nul", "255 letters", ["UnterminatedName"], b"n" * 255, "unterminated-name"),
        ("empty-name", "255 zeros", ["EmptyName"], bytes(255), "empty-name"),
        ("latin-1", "the name in Latin-1", ["NotUtf8"], d.name_field(b"Ren\xe9"), "name-not-utf8"),
    ):
        group.invalid(f"{d.name}-{ident}", comment, flags, register(payload), error)
    whole = register(alice)
    ident = f"{d.name}-one-byte"
    group.invalid(f"{ident}-short", "the last byte does not come", ["Truncated"], whole[:-1], "truncated")
    group.invalid(f"{ident}-more", "a byte after the payload", ["TrailingData"], whole + b"\0", "trailing-data")


if __name__ == "__main__":
    main(build)
