"""How fast the package is, beside what tests of the family are written with.

    python bench.py

Ratios, above 1 where the package is faster. Each is the median of rounds that time both sides, one right after the
other: what else the machine does slows both of them.
"""

from __future__ import annotations

import os
import statistics
import struct
import timeit
import zlib
from typing import NamedTuple

import backup_protocol as bp
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad, unpad

ROUNDS = 15

KEY = bytes(range(32))
LARGE = os.urandom(8 << 20)
SMALL = LARGE[: 1 << 16]
CONTENT = bp.encrypt(KEY, LARGE)
HEADER = bp.RequestHeader(bytes(16), 1100, 255).encode()
REQUEST = struct.Struct("<16sBHI")

decode = bp.RequestHeader.decode
crc32 = zlib.crc32


def crc_table() -> list[int]:
    """Build what every cksum of the family begins with."""
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1
        table.append(crc & 0xFFFFFFFF)
    return table


TABLE = crc_table()


def pure_cksum(data: bytes) -> int:
    """Sum as the family's servers do it."""
    crc = 0
    for byte in data:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ TABLE[(crc >> 24) ^ byte]
    size = len(data)
    while size:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ TABLE[(crc >> 24) ^ (size & 0xFF)]
        size >>= 8
    return crc ^ 0xFFFFFFFF


def encrypt(data: bytes) -> bytes:
    """Encrypt as the family's tests do it."""
    return AES.new(KEY, AES.MODE_CBC, bytes(16)).encrypt(pad(data, 16))


def decrypt(data: bytes) -> bytes:
    """Decrypt as the family's servers do it."""
    return unpad(AES.new(KEY, AES.MODE_CBC, bytes(16)).decrypt(data), 16)


class Header(NamedTuple):
    """What a test that is written with care unpacks a header into."""

    client_id: bytes
    version: int
    code: int
    payload_size: int


class Row(NamedTuple):
    """What is measured: two statements, and how often each is run in a round."""

    what: str
    ours: str
    times: int
    beside: str
    theirs: str
    their_times: int


ROWS = [
    Row("cksum of 64 KiB", "bp.cksum(SMALL)", 3000, "a table in Python", "pure_cksum(SMALL)", 1),
    Row("cksum of 8 MiB", "bp.cksum(LARGE)", 5, "`zlib.crc32`", "crc32(LARGE)", 5),
    Row("encrypt 8 MiB", "bp.encrypt(KEY, LARGE)", 1, "pycryptodome", "encrypt(LARGE)", 1),
    Row("decrypt 8 MiB", "bp.decrypt(KEY, CONTENT)", 1, "pycryptodome", "decrypt(CONTENT)", 1),
    Row("decode a header", "decode(HEADER)", 50000, "`struct.unpack`", 'struct.unpack("<16sBHI", HEADER)', 50000),
    Row("decode a header", "decode(HEADER)", 50000, "`Struct.unpack`", "REQUEST.unpack(HEADER)", 50000),
    Row(
        "decode a header",
        "decode(HEADER)",
        50000,
        "the same into a `NamedTuple`",
        "Header._make(REQUEST.unpack(HEADER))",
        50000,
    ),
]


def measure(row: Row) -> tuple[float, float, float]:
    """Seconds of ours, seconds of theirs, and how many times as fast ours is: medians."""
    rounds = []
    for _ in range(ROUNDS):
        ours = timeit.timeit(row.ours, number=row.times, globals=globals()) / row.times
        theirs = timeit.timeit(row.theirs, number=row.their_times, globals=globals()) / row.their_times
        rounds.append((ours, theirs, theirs / ours))
    ours, theirs, ratio = map(statistics.median, zip(*rounds, strict=True))
    return ours, theirs, ratio


def main() -> None:
    """Measure, and print a table."""
    assert bp.cksum(SMALL) == pure_cksum(SMALL)
    assert encrypt(LARGE) == CONTENT
    assert decrypt(CONTENT) == LARGE
    measured = [(row, measure(row)) for row in ROWS]
    print("| | beside | times as fast |\n|---|---|---|")
    for row, (_, _, ratio) in measured:
        print(f"| {row.what} | {row.beside} | {ratio:.{0 if ratio >= 100 else 2 if ratio < 2 else 1}f} |")


if __name__ == "__main__":
    main()
