"""Reconnect: a client that has an identity begins with it, in the dialects that have it."""

from __future__ import annotations

from typing import Any

from layout import LATER, SEED_REQUESTS, Dialect, dialect
from lib import ALICE, NO_ID, Group, VectorFile, main
from notes import common


def build() -> VectorFile:
    file = VectorFile(
        path="reconnect.json",
        title="Reconnect (1102 in 2023a)",
        decodes="request",
        section="10.4",
        header=[
            "Each test decodes one whole request: header and payload. The client ID is in the header; whether the name",
            "is that of the client is for the server to look up.",
        ],
        notes={
            **common(
                "DirtyPadding",
                "EmptyName",
                "NotUtf8",
                "OtherVersion",
                "PayloadSize",
                "TrailingData",
                "Truncated",
                "Typical",
                "UnknownCode",
                "UnterminatedName",
            ),
            "Unicode": ("Functionality", "A name outside ASCII (PROTOCOL.md 1.8)."),
            "ZeroClientId": (
                "MissingCheck",
                "A reconnect without an ID is a well-formed message, and the server refuses it, as it knows no such"
                " client.",
            ),
        },
        since=2,
    )
    group = file.group(SEED_REQUESTS)
    group.invalid(
        "not-in-this-dialect",
        "a reconnect of 2023a to a server without one",
        ["UnknownCode"],
        dialect("2023a").request(ALICE, "reconnect", dialect("2023a").name_field("alice")),
        "unknown-code",
    )
    for name in LATER:
        d = dialect(name)
        _tests(file.group_for(d), d)
    return file


def _tests(group: Group, d: Dialect) -> None:
    def reconnect(field: bytes, who: bytes = ALICE, version: int = 3) -> bytes:
        return d.request(who, "reconnect", field, version=version)

    def fields(name: str, who: bytes = ALICE, version: int = 3) -> dict[str, Any]:
        return d.request_fields(who, "reconnect", 255, {"name": name}, version=version)

    alice = d.name_field("alice")
    for ident, comment, flags, text, who in (
        (
            "alice",
            f"a second run of the client begins with {d.request_codes['reconnect']}",
            ["Typical"],
            "alice",
            ALICE,
        ),
        ("hebrew", "a name in Hebrew letters", ["Unicode"], "\u05d0\u05dc\u05d9\u05e1", ALICE),
        ("longest-name", "254 bytes", ["Typical"], "n" * 254, ALICE),
        ("without-id", "16 zeros in place of the ID", ["ZeroClientId"], "alice", NO_ID),
    ):
        group.valid(f"{d.name}-{ident}", comment, flags, reconnect(d.name_field(text), who), fields(text, who))
    group.acceptable(
        f"{d.name}-dirty-padding",
        "the name stands in a buffer that was used before",
        ["DirtyPadding"],
        reconnect(d.name_field("alice", after_nul=b"\xcd" * 249)),
        fields("alice"),
    )
    group.acceptable(
        f"{d.name}-version-1", "version 1", ["OtherVersion"], reconnect(alice, version=1), fields("alice", version=1)
    )
    for ident, comment, flags, payload, error in (
        ("no-nul", "255 letters", ["UnterminatedName"], b"n" * 255, "unterminated-name"),
        ("empty-name", "255 zeros", ["EmptyName"], bytes(255), "empty-name"),
        ("latin-1", "the name in Latin-1", ["NotUtf8"], d.name_field(b"Ren\xe9"), "name-not-utf8"),
        ("with-public-key", "the payload of a public key", ["PayloadSize"], alice + bytes(160), "payload-size"),
        ("id-in-payload", "the client ID once more before the name", ["PayloadSize"], ALICE + alice, "payload-size"),
        ("no-payload", "the ID in the header alone", ["PayloadSize"], b"", "payload-size"),
    ):
        group.invalid(f"{d.name}-{ident}", comment, flags, reconnect(payload), error)
    whole = reconnect(alice)
    ident = f"{d.name}-one-byte"
    group.invalid(f"{ident}-short", "the last byte does not come", ["Truncated"], whole[:-1], "truncated")
    group.invalid(f"{ident}-more", "a byte after the name", ["TrailingData"], whole + b"\0", "trailing-data")


if __name__ == "__main__":
    main(build)
