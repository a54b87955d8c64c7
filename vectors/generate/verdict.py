"""1104, 1105 and 1106: what the client says about the checksum."""

from __future__ import annotations

from layout import LATER, Dialect, dialect
from lib import ALICE, MALLORY, Group, VectorFile, main, name_field, request, request_fields
from notes import common

NAME = "report.txt"
VERDICTS = ((1104, "right"), (1105, "wrong, sending again"), (1106, "wrong, giving up"))


def build() -> VectorFile:
    file = VectorFile(
        path="verdict.json",
        title="1104 to 1106 verdicts",
        decodes="request",
        section="2.11",
        header=["Each test decodes one whole request: header and payload. The three differ by their code alone."],
        notes={
            **common(
                "CheckOrder",
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
            "ClientIdInPayload": (
                "Compatibility",
                "A verdict with the client ID in its payload, in a dialect that has none there (PROTOCOL.md 10.2). Only"
                " a server that learns its clients' dialect takes both.",
            ),
            "Path": (
                "Compatibility",
                "The verdict names the file as 1103 did, whole path included (PROTOCOL.md 7.4).",
            ),
            "Unicode": ("Functionality", "A file name outside ASCII (PROTOCOL.md 1.8)."),
        },
    )
    group = file.group()
    for code, what in VERDICTS:
        for ident, flags, name in (
            ("plain", ["Typical"], NAME),
            ("path", ["Path"], "C:\\Users\\alice\\report.txt"),
            ("hebrew", ["Unicode"], "\u05d2\u05d9\u05d1\u05d5\u05d9.txt"),
        ):
            group.valid(
                f"{code}-{ident}",
                f"{what}: {ident} name",
                flags,
                request(ALICE, code, ALICE + name_field(name)),
                request_fields(ALICE, code, 271, {"client_id": ALICE.hex(), "file_name": name}),
            )
        group.invalid(
            f"{code}-other-client-id",
            f"{what}, for the file of another client",
            ["ClientIdMismatch"],
            request(ALICE, code, MALLORY + name_field(NAME)),
            "client-id-mismatch",
        )
        group.invalid(
            f"{code}-one-byte-short",
            f"{what}: the last byte does not come",
            ["Truncated"],
            request(ALICE, code, ALICE + name_field(NAME))[:-1],
            "truncated",
        )
    group.valid(
        "longest-name",
        "a file name of 254 bytes",
        ["Typical"],
        request(ALICE, 1104, ALICE + name_field("f" * 250 + ".txt")),
        request_fields(ALICE, 1104, 271, {"client_id": ALICE.hex(), "file_name": "f" * 250 + ".txt"}),
    )
    group.acceptable(
        "dirty-padding",
        "the tail of a longer name follows the NUL",
        ["DirtyPadding"],
        request(ALICE, 1104, ALICE + name_field(NAME, after_nul=b"old-name.txt")),
        request_fields(ALICE, 1104, 271, {"client_id": ALICE.hex(), "file_name": NAME}),
    )
    for ident, comment, flags, payload, error in (
        ("no-nul", "255 letters", ["UnterminatedName"], ALICE + b"f" * 255, "unterminated-name"),
        ("empty-name", "255 zeros", ["EmptyName"], ALICE + bytes(255), "empty-name"),
        ("latin-1", "the file name in Latin-1", ["NotUtf8"], ALICE + name_field(b"r\xe9sum\xe9"), "name-not-utf8"),
        (
            "all-zeros",
            "neither ID nor name: the ID comes first",
            ["CheckOrder", "ClientIdMismatch", "EmptyName"],
            bytes(271),
            "client-id-mismatch",
        ),
    ):
        group.invalid(ident, comment, flags, request(ALICE, 1104, payload), error)
    whole = request(ALICE, 1104, ALICE + name_field(NAME))
    group.invalid(
        "ends-after-the-client-id", "the file name does not come", ["Truncated"], whole[: 23 + 16], "truncated"
    )
    group.invalid("one-byte-more", "a byte after the file name", ["TrailingData"], whole + b"\0", "trailing-data")
    for name in LATER:
        _later(file.group((name,), since=2), dialect(name))
    return file


def _later(group: Group, d: Dialect) -> None:
    """The payload is the file name alone."""
    plain = d.name_field(NAME)
    for message, what in (("cksum_right", "right"), ("cksum_wrong", "wrong"), ("give_up", "giving up")):
        ident = f"{d.name}-{message.replace('_', '-')}"
        code = d.request_codes[message]
        for case, flags, name in (
            ("plain", ["Typical"], NAME),
            ("path", ["Path"], "C:\\Users\\alice\\report.txt"),
        ):
            group.valid(
                f"{ident}-{case}",
                f"{code}, {what}: {case} name and no client ID",
                flags,
                d.request(ALICE, message, d.name_field(name)),
                d.request_fields(ALICE, message, 255, {"file_name": name}),
            )
        group.invalid(
            f"{ident}-with-client-id",
            f"{what}, with the client ID in the payload",
            ["ClientIdInPayload", "PayloadSize"],
            d.request(ALICE, message, ALICE + plain),
            "payload-size",
        )
        whole = d.request(ALICE, message, plain)
        group.invalid(f"{ident}-one-byte-short", f"{what}, cut", ["Truncated"], whole[:-1], "truncated")
    group.acceptable(
        f"{d.name}-dirty-padding",
        "the tail of a longer name follows the NUL",
        ["DirtyPadding"],
        d.request(ALICE, "cksum_right", d.name_field(NAME, after_nul=b"old-name.txt")),
        d.request_fields(ALICE, "cksum_right", 255, {"file_name": NAME}),
    )
    for ident, comment, flags, payload, error in (
        ("no-nul", "255 letters", ["UnterminatedName"], b"f" * 255, "unterminated-name"),
        ("empty-name", "255 zeros", ["EmptyName"], bytes(255), "empty-name"),
        ("latin-1", "the file name in Latin-1", ["NotUtf8"], d.name_field(b"r\xe9sum\xe9"), "name-not-utf8"),
    ):
        group.invalid(f"{d.name}-{ident}", comment, flags, d.request(ALICE, "cksum_right", payload), error)
    whole = d.request(ALICE, "cksum_right", plain)
    group.invalid(f"{d.name}-one-byte-more", "a byte after the name", ["TrailingData"], whole + b"\0", "trailing-data")


if __name__ == "__main__":
    main(build)
