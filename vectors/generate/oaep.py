"""RSAES-OAEP (RFC 8017, 7.1.1) with every choice open, so that it can be made wrong one step at a time."""

from __future__ import annotations

import hashlib

from Crypto.PublicKey import RSA


def digest(name: str, data: bytes) -> bytes:
    return hashlib.new(name, data).digest()


def mgf1(name: str, seed: bytes, size: int) -> bytes:
    out = b""
    counter = 0
    while len(out) < size:
        out += digest(name, seed + counter.to_bytes(4, "big"))
        counter += 1
    return out[:size]


def encode(
    message: bytes,
    *,
    seed: bytes,
    label: bytes = b"",
    hash_name: str = "sha1",
    mgf_hash: str = "sha1",
    first: int = 0,
    fill: bytes | None = None,
    separator: bytes = b"\x01",
    size: int = 128,
) -> bytes:
    """The encoded message of `size` bytes. `seed` is any text: its digest is the random seed of OAEP.

    `first` is the byte that must be 0, `fill` replaces the zeros before the separator.
    """
    width = len(digest(hash_name, b""))
    drawn = digest(hash_name, seed)
    room = size - 2 * width - 1 - len(separator) - len(message)
    block = digest(hash_name, label) + (bytes(room) if fill is None else fill) + separator + message
    masked = _xor(block, mgf1(mgf_hash, drawn, len(block)))
    return bytes([first]) + _xor(drawn, mgf1(mgf_hash, masked, width)) + masked


def encrypt(key: RSA.RsaKey, encoded: bytes) -> bytes:
    return pow(int.from_bytes(encoded, "big"), key.e, key.n).to_bytes(128, "big")


def wrap(key: RSA.RsaKey, message: bytes, *, seed: bytes) -> bytes:
    """As PROTOCOL.md 4.2 says."""
    return encrypt(key, encode(message, seed=seed))


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
