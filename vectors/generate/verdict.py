"""1104, 1105 and 1106: what the client says about the checksum."""

from __future__ import annotations

from lib import ALICE, MALLORY, VectorFile, main, name_field, request, request_fields
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
                "TrailingData",
                "Truncated",
                "Typical",
                "UnterminatedName",
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
    return file


if __name__ == "__main__":
    main(build)
