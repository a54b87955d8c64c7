"""A writer of DER that can break its rules."""

from __future__ import annotations

RSA_OID = bytes.fromhex("06092a864886f70d010101")
NULL = b"\x05\x00"


def length(size: int) -> bytes:
    """The shortest form, as DER wants it."""
    if size < 128:
        return bytes([size])
    raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(raw)]) + raw


def tlv(tag: int, content: bytes, *, claimed: bytes | None = None) -> bytes:
    """`claimed` stands in place of the right length."""
    return bytes([tag]) + (length(len(content)) if claimed is None else claimed) + content


def integer(value: int, *, extra_zeros: int = 0) -> bytes:
    """A number of at least 0, with a leading zero byte where its highest bit would make it negative."""
    return tlv(2, bytes(extra_zeros) + value.to_bytes(value.bit_length() // 8 + 1, "big"))


def spki(inner: bytes, *, oid: bytes = RSA_OID, parameters: bytes = NULL, unused_bits: int = 0) -> bytes:
    """A SubjectPublicKeyInfo around `inner`, which is an RSAPublicKey where all is right."""
    return tlv(0x30, tlv(0x30, oid + parameters) + tlv(3, bytes([unused_bits]) + inner))


def rsa_public_key(modulus: bytes, exponent: bytes, more: bytes = b"") -> bytes:
    """An RSAPublicKey (PKCS#1) of two encoded integers."""
    return tlv(0x30, modulus + exponent + more)


def public_key(n: int, e: int) -> bytes:
    return spki(rsa_public_key(integer(n), integer(e)))
