"""How fast the package is, beside what tests of the family are written with: ratios of one run, best of several.

    python bench.py [--json]

Above 1 means: the package is so many times as fast.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import timeit
import zlib
from typing import Callable, NamedTuple

import backup_protocol as bp
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad, unpad

KEY = bytes(range(32))
LARGE = os.urandom(8 << 20)
SMALL = LARGE[: 1 << 16]
CONTENT = bp.encrypt(KEY, LARGE)
HEADER = bp.RequestHeader(bytes(16), 1100, 255).encode()
REQUEST = struct.Struct("<16sBHI")


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


def pure_encrypt() -> bytes:
    """Encrypt as the family's tests do it."""
    return AES.new(KEY, AES.MODE_CBC, bytes(16)).encrypt(pad(LARGE, 16))


def pure_decrypt() -> bytes:
    """Decrypt as the family's servers do it."""
    return unpad(AES.new(KEY, AES.MODE_CBC, bytes(16)).decrypt(CONTENT), 16)


class Header(NamedTuple):
    """What a test that is written with care unpacks a header into."""

    client_id: bytes
    version: int
    code: int
    payload_size: int


def best(function: Callable[[], object], number: int) -> float:
    """Seconds of one call, of the best of five rounds."""
    return min(timeit.repeat(function, number=number, repeat=5)) / number


def main() -> None:
    """Measure, and print a table or JSON."""
    assert bp.cksum(SMALL) == pure_cksum(SMALL)
    assert pure_encrypt() == CONTENT
    assert pure_decrypt() == LARGE
    measured = {
        "cksum, 64 KiB": (lambda: bp.cksum(SMALL), 200, "a table in Python", lambda: pure_cksum(SMALL), 2),
        "cksum, 8 MiB": (lambda: bp.cksum(LARGE), 5, "zlib.crc32", lambda: zlib.crc32(LARGE), 5),
        "encrypt, 8 MiB": (lambda: bp.encrypt(KEY, LARGE), 3, "pycryptodome", pure_encrypt, 3),
        "decrypt, 8 MiB": (lambda: bp.decrypt(KEY, CONTENT), 3, "pycryptodome", pure_decrypt, 3),
        "header": (
            lambda: bp.RequestHeader.decode(HEADER),
            20000,
            "struct into a NamedTuple",
            lambda: Header._make(REQUEST.unpack(HEADER)),
            20000,
        ),
        "header alone": (
            lambda: bp.RequestHeader.decode(HEADER),
            20000,
            "struct.unpack",
            lambda: REQUEST.unpack(HEADER),
            20000,
        ),
    }
    rows = []
    for what, (ours, number, beside, theirs, their_number) in measured.items():
        mine, other = best(ours, number), best(theirs, their_number)
        rows.append({"what": what, "beside": beside, "ours": mine, "theirs": other, "ratio": other / mine})
    if "--json" in sys.argv[1:]:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        ours, theirs = row["ours"] * 1e6, row["theirs"] * 1e6
        print(f"{row['what']:16} {ours:12.2f} us   {row['beside']:26} {theirs:12.2f} us   {row['ratio']:8.2f}")


if __name__ == "__main__":
    main()
