"""The name field of 255 or 256 bytes, for client names and file names."""

from __future__ import annotations

from layout import Dialect, dialect
from lib import EVERY, VectorFile, main, name_field
from notes import common

HEBREW = "\u05d2\u05d9\u05d1\u05d5\u05d9.txt"
"""`backup.txt` in Hebrew letters."""


def build() -> VectorFile:
    file = VectorFile(
        path="name.json",
        title="Name field",
        decodes="name-field",
        section="1.8",
        header=[
            "Each test decodes one name field and nothing after it.",
            "Which names a server takes for a file is another question (PROTOCOL.md 7.4).",
        ],
        notes={
            **common(
                "DirtyPadding", "EmptyName", "NotUtf8", "TrailingData", "Truncated", "Typical", "UnterminatedName"
            ),
            "Boundary": (
                "EdgeCase",
                "The longest text, or a character at the edge of a length of UTF-8. A limit counted in characters"
                " instead of bytes, or off by one, goes wrong here.",
            ),
            "Path": (
                "Compatibility",
                "Clients send paths of their own platform as file names (PROTOCOL.md 3.1). The field carries them as"
                " they are; only the store takes the base name.",
            ),
            "Unicode": (
                "Functionality",
                "Text outside ASCII. It is neither normalised nor cleaned: 2103 echoes it as sent (PROTOCOL.md 2.8).",
            ),
        },
    )
    group = file.group(EVERY)

    for ident, comment, flags, text in (
        ("client-name", "a name of ASCII letters", ["Typical"], "alice"),
        ("one-letter", "the shortest text", ["Boundary"], "a"),
        ("with-spaces", "spaces at both ends and inside belong to the name", ["Typical"], " annual report .txt "),
        ("254-bytes", "the longest text: one byte is left for the NUL", ["Boundary"], "n" * 254),
        ("254-bytes-of-hebrew", "127 letters of 2 bytes each", ["Boundary", "Unicode"], "\u05d0" * 127),
        ("254-bytes-ending-in-4", "ends in a character of 4 bytes", ["Boundary", "Unicode"], "n" * 250 + "\U0001f4be"),
        ("hebrew-file-name", "Hebrew letters and a Latin extension", ["Unicode"], HEBREW),
        ("composed", "e with acute as one character", ["Unicode"], "caf\u00e9"),
        ("decomposed", "e and a combining acute: another name than the composed one", ["Unicode"], "cafe\u0301"),
        ("byte-order-mark", "begins with U+FEFF, which belongs to the name", ["Unicode"], "\ufeffalice"),
        ("last-of-1-byte", "U+007F", ["Boundary", "Unicode"], "\x7f"),
        ("first-of-2-bytes", "U+0080", ["Boundary", "Unicode"], "\u0080"),
        ("first-of-3-bytes", "U+0800", ["Boundary", "Unicode"], "\u0800"),
        ("around-the-surrogates", "U+D7FF and U+E000", ["Boundary", "Unicode"], "\ud7ff\ue000"),
        ("first-of-4-bytes", "U+10000", ["Boundary", "Unicode"], "\U00010000"),
        ("last-of-all", "U+10FFFF, a noncharacter and still UTF-8", ["Boundary", "Unicode"], "\U0010ffff"),
        ("unix-path", "an absolute path", ["Path"], "/home/alice/report.txt"),
        ("windows-path", "drive letter and backslashes", ["Path"], "C:\\Users\\alice\\report.txt"),
        (
            "parent-path",
            "climbs out of its folder: the field takes it, the store does not follow",
            ["Path"],
            "../../etc/passwd",
        ),
    ):
        group.valid(ident, comment, flags, name_field(text), {"text": text})

    for ident, comment, after in (
        ("text-after-nul", "the rest of a longer name that was in the buffer", b"ed-laptop"),
        ("fill-after-nul", "the fill pattern of a debug build", b"\xcc" * 249),
        ("last-byte-after-nul", "only the last byte of the field is not zero", bytes(248) + b"\x01"),
    ):
        group.acceptable(ident, comment, ["DirtyPadding"], name_field("alice", after_nul=after), {"text": "alice"})
    group.acceptable(
        "utf-16-little-endian",
        "a name written as UTF-16 reads as its first letter: nothing tells that it was meant otherwise",
        ["DirtyPadding"],
        "alice".encode("utf-16-le").ljust(255, b"\0"),
        {"text": "a"},
    )

    group.invalid("255-bytes", "no room for the NUL", ["UnterminatedName"], b"n" * 255, "unterminated-name")
    group.invalid(
        "padded-with-spaces",
        "spaces in place of NUL and zeros",
        ["UnterminatedName"],
        b"alice".ljust(255),
        "unterminated-name",
    )
    group.invalid("all-zeros", "the field is empty", ["EmptyName"], bytes(255), "empty-name")
    group.invalid("nul-first", "text follows the NUL", ["EmptyName"], name_field(b"\0alice"), "empty-name")
    group.invalid(
        "utf-16-big-endian",
        "UTF-16 begins with a NUL for every Latin letter",
        ["EmptyName"],
        "alice".encode("utf-16-be").ljust(255, b"\0"),
        "empty-name",
    )
    for ident, comment, raw in (
        ("latin-1", "e with acute in Latin-1", b"caf\xe9"),
        ("windows-1255", "Hebrew letters in Windows-1255", b"\xe2\xe9\xe1\xe5\xe9.txt"),
        ("lone-continuation", "begins with a byte that only continues", b"\x80alice"),
        ("cut-2-byte-character", "the NUL comes where the second byte should be", b"alice\xc3"),
        ("cut-3-byte-character", "the NUL comes where the third byte should be", b"alice\xe2\x82"),
        ("cut-at-254-bytes", "a sender that cuts at 254 bytes cuts through a character", b"n" * 253 + b"\xd7"),
        ("overlong-slash", "/ in two bytes: what a check for / does not see", b"..\xc0\xafpasswd"),
        ("overlong-nul", "NUL in two bytes, as Java writes it", b"alice\xc0\x80"),
        ("overlong-3-bytes", "U+007F in three bytes", b"\xe0\x81\xbf"),
        ("surrogate", "U+D800 alone", b"\xed\xa0\x80"),
        ("surrogate-pair", "U+1F4BE as two surrogates of three bytes (CESU-8)", b"\xed\xa0\xbd\xed\xb2\xbe"),
        ("beyond-the-last", "U+110000", b"\xf4\x90\x80\x80"),
        ("five-bytes", "a lead byte for five, which UTF-8 had once", b"\xf8\x88\x80\x80\x80"),
        ("byte-ff", "0xff is nowhere in UTF-8", b"alice\xff"),
    ):
        group.invalid(ident, comment, ["NotUtf8"], name_field(raw), "name-not-utf8")
    group.invalid("nothing", "no bytes at all", ["Truncated"], b"", "truncated")
    group.invalid("short-with-nul", "text and NUL, and the padding left out", ["Truncated"], b"alice\0", "truncated")
    group.invalid(
        "254-byte-field", "the last byte of padding is missing", ["Truncated"], name_field("alice")[:254], "truncated"
    )
    group.invalid("256-byte-field", "one zero too many", ["TrailingData"], name_field("alice") + b"\0", "trailing-data")
    for base in ("seed", "2024a"):
        _of_256_bytes(file, dialect(base, name_width=256))
    return file


def _of_256_bytes(file: VectorFile, d: Dialect) -> None:
    """The text is still 254 bytes at most."""
    group = file.group_for(d, since=2)
    for ident, comment, flags, text in (
        ("client-name", "a name of ASCII letters", ["Typical"], "alice"),
        ("254-bytes", "the longest text, and two zeros", ["Boundary"], "n" * 254),
        ("hebrew-file-name", "Hebrew letters and a Latin extension", ["Unicode"], HEBREW),
    ):
        group.valid(f"{d.slug}-{ident}", comment, flags, d.name_field(text), {"text": text})
    group.acceptable(
        f"{d.slug}-last-byte-after-nul",
        "only the last byte of the field is not zero",
        ["DirtyPadding"],
        d.name_field("alice", after_nul=bytes(249) + b"\x01"),
        {"text": "alice"},
    )
    for ident, comment, flags, raw, error in (
        ("256-bytes", "no room for the NUL", ["UnterminatedName"], b"n" * 256, "unterminated-name"),
        ("all-zeros", "the field is empty", ["EmptyName"], bytes(256), "empty-name"),
        ("latin-1", "e with acute in Latin-1", ["NotUtf8"], d.name_field(b"caf\xe9"), "name-not-utf8"),
        ("255-byte-field", "a field of the other width", ["Truncated"], d.name_field("alice")[:255], "truncated"),
        ("257-byte-field", "one zero too many", ["TrailingData"], d.name_field("alice") + b"\0", "trailing-data"),
    ):
        group.invalid(f"{d.slug}-{ident}", comment, flags, raw, error)


if __name__ == "__main__":
    main(build)
