"""PROTOCOL.md 5 and 10.2: the checksum of a file: what kind, and over what.

Most dialects have the kind of the POSIX utility `cksum`. It is a CRC-32 whose bits are *not* reflected, that starts at
0 and takes the length of the data in at the end. `zlib.crc32` is the same polynomial the other way round: reflected,
starting at 0xFFFFFFFF, complemented at the end. A loop over bytes in Python makes about 10 MB/s; zlib makes a gigabyte.
So we let zlib do the work in the mirror:

* A reflected CRC over the data is the mirror image of the plain CRC over the data with the bits of every byte
  reversed. `bytes.translate` reverses the bits of a chunk in one call.
* The second argument of `zlib.crc32` is a *complemented* register. Register 0, where cksum starts, is therefore
  the argument 0xFFFFFFFF.
* What `zlib.crc32` returns is complemented as well, and so is the result of cksum: its mirror image is the result.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Protocol


def _mirror(value: int, bits: int) -> int:
    """Return the lowest `bits` bits of the value in reverse order."""
    return int(f"{value:0{bits}b}"[::-1], 2)


_MIRRORED_BYTES = bytes(_mirror(byte, 8) for byte in range(256))


class Checksum(Protocol):
    """A checksum of data that comes in pieces."""

    def update(self, data: bytes) -> None:
        """Take in the next piece."""

    def value(self) -> int:
        """Return the checksum of everything taken in so far, 0 to 0xFFFFFFFF."""


class Cksum:
    """`posix`: the checksum of the utility `cksum`."""

    def __init__(self) -> None:
        """Start with no data."""
        self._crc = 0xFFFFFFFF
        self._length = 0

    def update(self, data: bytes) -> None:
        """Take in the next piece."""
        self._crc = zlib.crc32(data.translate(_MIRRORED_BYTES), self._crc)
        self._length += len(data)

    def value(self) -> int:
        """Return the checksum of everything taken in so far, 0 to 0xFFFFFFFF."""
        # The length follows the data, least significant byte first, in as few bytes as it takes: none for 0.
        length = self._length.to_bytes((self._length.bit_length() + 7) // 8, "little")
        return _mirror(zlib.crc32(length.translate(_MIRRORED_BYTES), self._crc), 32)


class ZlibCrc:
    """`zlib`: CRC-32 as zlib has it."""

    def __init__(self) -> None:
        """Start with no data."""
        self._crc = 0

    def update(self, data: bytes) -> None:
        """Take in the next piece."""
        self._crc = zlib.crc32(data, self._crc)

    def value(self) -> int:
        """Return the checksum of everything taken in so far, 0 to 0xFFFFFFFF."""
        return self._crc


def _times_x8(byte: int) -> int:
    """Multiply by x^8, modulo the polynomial of CRC-8: x^8 + x^2 + x + 1."""
    for _ in range(8):
        byte = (byte << 1 ^ 0x107) if byte & 0x80 else byte << 1
    return byte


_CRC8 = bytes(_times_x8(byte) for byte in range(256))


class Crc8:
    """`crc8`: CRC-8 with polynomial 0x07, not reflected, starting at 0."""

    def __init__(self) -> None:
        """Start with no data."""
        self._crc = 0

    def update(self, data: bytes) -> None:
        """Take in the next piece."""
        crc = self._crc
        for byte in data:
            crc = _CRC8[crc ^ byte]
        self._crc = crc

    def value(self) -> int:
        """Return the checksum of everything taken in so far, 0 to 0xFF."""
        return self._crc


KINDS: Mapping[str, Callable[[], Checksum]] = {"posix": Cksum, "zlib": ZlibCrc, "crc8": Crc8}


class ContentCksum:
    """The checksum of a file as a dialect has it: it is told everything, and takes in what it is over (10.2)."""

    def __init__(self, kind: str, over: str) -> None:
        """Begin a file. `over` is `plaintext`, `padded` (plaintext and padding) or `content` (the ciphertext)."""
        self._cksum = KINDS[kind]()
        self._over = over

    def content(self, data: bytes) -> None:
        """Take a piece of the encrypted content."""
        if self._over == "content":
            self._cksum.update(data)

    def plain(self, data: bytes) -> None:
        """Take a piece of the plaintext."""
        if self._over in ("plaintext", "padded"):
            self._cksum.update(data)

    def padding(self, data: bytes) -> None:
        """Take the padding, after the last of the plaintext."""
        if self._over == "padded":
            self._cksum.update(data)

    def value(self) -> int:
        """Return the checksum, 0 to 0xFFFFFFFF."""
        return self._cksum.value()


def cksum(data: bytes, kind: str = "posix") -> int:
    """Return the checksum of these bytes, 0 to 0xFFFFFFFF."""
    whole = KINDS[kind]()
    whole.update(data)
    return whole.value()
