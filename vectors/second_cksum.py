"""The checksums of PROTOCOL.md 5 and 10.2 for `confirm.py`, by other means than the generators'."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from collections.abc import Callable

REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def posix(data: bytes) -> int:
    """zlib's CRC-32 is the same polynomial on reversed bits; told to go on from all ones, it starts at 0."""
    length = len(data).to_bytes(8, "little").rstrip(b"\0")
    crc = zlib.crc32((data + length).translate(REVERSED), 0xFFFFFFFF)
    return int(f"{crc:032b}"[::-1], 2)


def posix_by_utility(data: bytes) -> int:
    program = shutil.which("cksum")
    if program is None:
        raise AssertionError("the utility cksum (package coreutils) is missing")
    return int(subprocess.run([program], input=data, capture_output=True, check=True).stdout.split()[0])


def crc8(data: bytes) -> int:
    """The remainder of the data as a polynomial, times x^8, by x^8 + x^2 + x + 1: byte by byte, by long division."""
    rest = 0
    for byte in data:
        rest = (rest << 8) | byte
        rest = divided(rest)
    return divided(rest << 8)


def divided(polynomial: int) -> int:
    while polynomial >= 0x100:
        polynomial ^= 0x107 << (polynomial.bit_length() - 9)
    return polynomial


KINDS: dict[str, Callable[[bytes], int]] = {"posix": posix, "zlib": zlib.crc32, "crc8": crc8}
