"""The checksum of POSIX `cksum`, and those that stand in its place in some dialects."""

from __future__ import annotations

from layout import Dialect, dialect
from lib import CHECKSUMS, EVERY, VectorFile, cksum, counting, described, main, zeros


def build() -> VectorFile:
    file = VectorFile(
        path="cksum.json",
        title="Checksum",
        decodes="cksum",
        section="5",
        header=[
            "Each test takes the checksum of its bytes, which are given in hex or described (README.md, Patterns).",
            "The groups without modifiers are the checksum of the utility cksum; the others name theirs.",
            "A streaming implementation runs each test twice: in one piece, and in pieces of 1 to 17 bytes in turn.",
        ],
        notes={
            "ByteValues": (
                "Functionality",
                "Single bytes and all byte values: a table with one wrong entry, or bytes taken as signed, shows here.",
            ),
            "Length": (
                "WrongAlgorithm",
                "The length goes in after the data, least significant byte first, in as few bytes as it takes. These"
                " lengths stand on both sides of a boundary of that.",
            ),
            "Large": ("Functionality", "More than a buffer holds: the state has to be carried from piece to piece."),
            "NotZlib": (
                "WrongAlgorithm",
                "The comment says what a mistaken algorithm gives: zlib's CRC-32 in place of cksum is the commonest"
                " mistake (PROTOCOL.md 5).",
            ),
            "OtherKind": (
                "WrongAlgorithm",
                "The dialect's checksum is zlib's CRC-32 or CRC-8 (PROTOCOL.md 10.2). One that takes cksum all the same"
                " judges every file wrong.",
            ),
            "Zeros": (
                "WrongAlgorithm",
                "Zero bytes do not change a register that starts at 0, so that only the length tells these apart. A"
                " checksum that leaves the length out gives the same for all.",
            ),
        },
    )
    group = file.group(EVERY)

    def given(ident: str, comment: str, flags: list[str], data: bytes) -> None:
        group.valid(ident, comment, flags, data, {"cksum": cksum(data)})

    given("empty", "no data and no length: the complement of 0", ["Length"], b"")
    given("check-value", "the nine digits; zlib's CRC-32 is 3421780262", ["NotZlib"], b"123456789")
    given(
        "the-quick-brown-fox",
        "zlib's CRC-32 is 1095738169, bzip2's 1167978081 (it starts with ones and leaves the length out)",
        ["NotZlib"],
        b"The quick brown fox jumps over the lazy dog",
    )
    given("letter-a", "one letter; zlib's CRC-32 is 3904355907", ["NotZlib"], b"a")
    given("newline", "an empty line of a text file", ["ByteValues"], b"\n")
    given("byte-00", "one zero byte: only its length counts", ["ByteValues", "Zeros"], b"\0")
    given("byte-01", "the lowest bit", ["ByteValues"], b"\x01")
    given("byte-80", "the highest bit: negative, if taken as signed", ["ByteValues"], b"\x80")
    given("byte-ff", "all bits", ["ByteValues"], b"\xff")
    given("all-bytes-up", "every byte once, from 0 to 255", ["ByteValues"], bytes(range(256)))
    given("all-bytes-down", "every byte once, from 255 to 0", ["ByteValues"], bytes(range(255, -1, -1)))
    given("leading-zeros", "zeros before the data count by the length alone", ["Zeros"], bytes(7) + b"123456789")
    given("trailing-zeros", "zeros after the data", ["Zeros"], b"123456789" + bytes(7))
    given("zeros-2", "two zero bytes", ["Zeros"], zeros(2))
    given("zeros-4", "four zero bytes: as many as the register has", ["Zeros"], zeros(4))
    given("zeros-16", "a block of zeros", ["Zeros"], zeros(16))
    given("length-in-the-data", "data that looks like a length at its end", ["Length"], b"123456789\x09")
    for size in (254, 255, 256, 257):
        given(f"counting-{size}", f"a length of {1 if size < 256 else 2} bytes", ["Length"], counting(size))

    def patterned(pattern: str, size: int, comment: str, flags: list[str]) -> None:
        data = {"counting": counting, "zeros": zeros}[pattern](size)
        group.valid(f"{pattern}-{size}", comment, flags, described(pattern, size), {"cksum": cksum(data)})

    patterned("zeros", 255, "zeros, a length of 1 byte", ["Length", "Zeros"])
    patterned("zeros", 256, "zeros, a length of 2 bytes whose lower one is 0", ["Length", "Zeros"])
    patterned("counting", 65535, "the largest length of 2 bytes", ["Length"])
    patterned("counting", 65536, "the smallest length of 3 bytes", ["Length"])
    patterned("zeros", 65536, "zeros, a length of 3 bytes whose lower two are 0", ["Length", "Zeros"])
    patterned("counting", 1048576, "1 MiB", ["Large"])
    patterned("zeros", 16777215, "the largest length of 3 bytes, all zeros", ["Large", "Length", "Zeros"])
    patterned("zeros", 16777216, "the smallest length of 4 bytes, all zeros", ["Large", "Length", "Zeros"])
    for kind in ("zlib", "crc8"):
        for base in ("seed", "2023a"):
            _other_kinds(file, dialect(base, checksum=kind))
    return file


def _other_kinds(file: VectorFile, d: Dialect) -> None:
    kind = str(d.data["checksum"])
    group = file.group_for(d, since=2)
    for ident, comment, flags, data in (
        ("empty", "no data", ["Length"], b""),
        ("check-value", f"the nine digits; cksum gives {cksum(b'123456789')}", ["OtherKind"], b"123456789"),
        ("letter-a", "one letter", ["OtherKind"], b"a"),
        ("byte-00", "one zero byte", ["Zeros"], b"\0"),
        ("byte-80", "the highest bit", ["ByteValues"], b"\x80"),
        ("byte-ff", "all bits", ["ByteValues"], b"\xff"),
        ("all-bytes-up", "every byte once", ["ByteValues"], bytes(range(256))),
        ("zeros-16", "a block of zeros", ["Zeros"], zeros(16)),
        ("leading-zeros", "zeros before the data", ["Zeros"], bytes(7) + b"123456789"),
        ("counting-257", "more than 256 bytes: no length goes in", ["Length"], counting(257)),
    ):
        group.valid(f"{d.slug}-{ident}", comment, flags, data, {"cksum": CHECKSUMS[kind](data)})
    data = counting(65536)
    group.valid(
        f"{d.slug}-counting-65536",
        "64 KiB",
        ["Large"],
        described("counting", 65536),
        {"cksum": CHECKSUMS[kind](data)},
    )


if __name__ == "__main__":
    main(build)
