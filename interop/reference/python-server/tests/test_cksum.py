from __future__ import annotations

import os
import time
import zlib

import pytest

from backup_server.cksum import KINDS, ContentCksum, cksum

from .peer import crc8


def plain_cksum(data: bytes) -> int:
    """The checksum as PROTOCOL.md 5 words it, with a table and without tricks."""
    table = []
    for byte in range(256):
        register = byte << 24
        for _ in range(8):
            register = (register << 1) ^ (0x04C11DB7 if register & 0x80000000 else 0)
        table.append(register & 0xFFFFFFFF)
    length = len(data)
    length_bytes = b""
    while length:
        length_bytes += bytes([length & 0xFF])
        length >>= 8
    register = 0
    for byte in data + length_bytes:
        register = (register << 8) & 0xFFFFFFFF ^ table[register >> 24 ^ byte]
    return register ^ 0xFFFFFFFF


def test_known_values() -> None:
    assert cksum(b"") == 4294967295
    assert cksum(b"123456789") == 930766865
    assert cksum(b"123456789") != zlib.crc32(b"123456789")


def test_it_is_the_plain_checksum() -> None:
    for size in (*range(40), 255, 256, 257, 65535, 65536, 65537, 100_000):
        data = os.urandom(size)
        assert cksum(data) == plain_cksum(data)
    assert cksum(bytes(300)) == plain_cksum(bytes(300))
    assert cksum(b"\xff" * 300) == plain_cksum(b"\xff" * 300)


def test_the_other_kinds() -> None:
    assert cksum(b"123456789", "zlib") == 0xCBF43926
    assert cksum(b"123456789", "crc8") == 0xF4
    assert cksum(b"", "zlib") == cksum(b"", "crc8") == 0
    data = os.urandom(1000)
    assert cksum(data, "zlib") == zlib.crc32(data)
    assert cksum(data, "crc8") == crc8(data)


@pytest.mark.parametrize(
    ("over", "taken"), [("plaintext", b"abcdef"), ("padded", b"abcdef\x02\x02"), ("content", b"XYZ")]
)
def test_what_it_is_over(over: str, taken: bytes) -> None:
    for kind in KINDS:
        whole = ContentCksum(kind, over)
        whole.content(b"X")
        whole.plain(b"abc")
        whole.content(b"YZ")
        whole.plain(b"def")
        whole.padding(b"\x02\x02")
        assert whole.value() == cksum(taken, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_make_no_difference(kind: str) -> None:
    data = os.urandom(1000)
    for size in (1, 7, 999):
        pieces = KINDS[kind]()
        for start in range(0, len(data), size):
            pieces.update(data[start : start + size])
            pieces.update(b"")
        assert pieces.value() == cksum(data, kind) == pieces.value()


def test_it_is_fast() -> None:
    data = bytes(64 * 1024 * 1024)
    start = time.monotonic()
    cksum(data)
    assert time.monotonic() - start < 5
