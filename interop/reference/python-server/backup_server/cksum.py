"""PROTOCOL.md 5: the checksum of the POSIX utility `cksum`.

It is a CRC-32 whose bits are *not* reflected, that starts at 0 and takes the length of the data in at the end.
`zlib.crc32` is the same polynomial the other way round: reflected, starting at 0xFFFFFFFF, complemented at the end.
A loop over bytes in Python makes about 10 MB/s; zlib makes a gigabyte. So we let zlib do the work in the mirror:

* A reflected CRC over the data is the mirror image of the plain CRC over the data with the bits of every byte
  reversed. `bytes.translate` reverses the bits of a chunk in one call.
* The second argument of `zlib.crc32` is a *complemented* register. Register 0, where cksum starts, is therefore
  the argument 0xFFFFFFFF.
* What `zlib.crc32` returns is complemented as well, and so is the result of cksum: its mirror image is the result.
"""

from __future__ import annotations

import zlib


def _mirror(value: int, bits: int) -> int:
    """Return the lowest `bits` bits of the value in reverse order."""
    return int(f"{value:0{bits}b}"[::-1], 2)


_MIRRORED_BYTES = bytes(_mirror(byte, 8) for byte in range(256))


class Cksum:
    """The checksum of data that comes in pieces."""

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


def cksum(data: bytes) -> int:
    """Return the checksum of these bytes, 0 to 0xFFFFFFFF."""
    whole = Cksum()
    whole.update(data)
    return whole.value()
