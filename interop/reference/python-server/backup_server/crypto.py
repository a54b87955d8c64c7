"""PROTOCOL.md 4: RSA keys, the wrapping of the AES key, and the decryption of content that comes in pieces."""

from __future__ import annotations

import secrets
from collections.abc import Collection

from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.PublicKey import RSA
from Crypto.Util.asn1 import DerBitString, DerNull, DerObjectId, DerSequence

from .layout import BLOCK_SIZE, WireError

_RSA_ENCRYPTION = "1.2.840.113549.1.1.1"


#: The odd exponents that a key of this size may have: those that encode in 1 byte (4.1) or in 3 (10.8). A DER integer
#: has a sign, so its first bit is none of its value.
_EXPONENTS = {160: range(3, 1 << 7, 2), 162: range((1 << 15) + 1, 1 << 23, 2)}


def read_public_key(data: bytes, sizes: Collection[int] = tuple(_EXPONENTS)) -> RSA.RsaKey:
    """4.1, 10.8: read a public key: SubjectPublicKeyInfo of one of these sizes, 1024 bits, an odd exponent.

    `RSA.import_key` alone would not do: it takes PEM, private keys and certificates as well.
    """
    if len(data) not in sizes:
        raise WireError("public-key-size")
    modulus, exponent = _read_key_info(data)
    if modulus.bit_length() != 1024 or modulus % 2 == 0:
        raise WireError("public-key-modulus")
    if exponent not in _EXPONENTS[len(data)]:
        raise WireError("public-key-exponent")
    return RSA.construct((modulus, exponent), consistency_check=False)


def _read_key_info(data: bytes) -> tuple[int, int]:
    """Take modulus and exponent out of a SubjectPublicKeyInfo:

    SEQUENCE { SEQUENCE { OBJECT IDENTIFIER rsaEncryption, NULL }, BIT STRING { SEQUENCE { modulus, exponent } } }
    """
    try:
        info = DerSequence().decode(data, nr_elements=2)
        key = DerSequence().decode(DerBitString().decode(info[1]).value, nr_elements=2)
        modulus, exponent = key[0], key[1]
    except (ValueError, IndexError, TypeError):
        raise WireError("public-key-der") from None
    if not isinstance(modulus, int) or not isinstance(exponent, int) or modulus < 0 or exponent < 0:
        raise WireError("public-key-der")
    # DER knows one way to write a value. Written again, the key must give the same bytes: that settles the
    # algorithm, lengths in long form, needless zeros, unused bits and bytes at the end, all at once.
    algorithm = DerSequence([DerObjectId(_RSA_ENCRYPTION), DerNull()])
    key_bits = DerBitString(DerSequence([modulus, exponent]).encode())
    if DerSequence([algorithm, key_bits]).encode() != data:
        raise WireError("public-key-der")
    return modulus, exponent


def new_aes_key(size: int) -> bytes:
    """4.3: make an AES key of `size` bytes."""
    return secrets.token_bytes(size)


def wrap_key(public_key: RSA.RsaKey, aes_key: bytes) -> bytes:
    """4.2: wrap an AES key: RSAES-OAEP with SHA-1, MGF1 with SHA-1 and an empty label, 128 bytes."""
    return PKCS1_OAEP.new(public_key).encrypt(aes_key)


class ContentDecryptor:
    """4.3: AES in CBC mode, the IV zeros, PKCS#7 padding; the content comes in pieces of any size.

    The last block holds the padding, and which block is the last shows only at the end, so one block is held back.
    """

    def __init__(self, aes_key: bytes) -> None:
        """Start at the first block of a content."""
        self._cipher = AES.new(aes_key, AES.MODE_CBC, iv=bytes(BLOCK_SIZE))
        self._pending = b""  # encrypted, not yet decrypted: a piece of a block
        self._held = b""  # decrypted: the newest block

    def update(self, piece: bytes) -> bytes:
        """Take in encrypted bytes, give back the plaintext that is certainly not padding."""
        data = self._pending + piece
        whole = len(data) - len(data) % BLOCK_SIZE
        self._pending = data[whole:]
        plain = self._held + self._cipher.decrypt(data[:whole])
        keep = max(len(plain) - BLOCK_SIZE, 0)
        self._held = plain[keep:]
        return plain[:keep]

    def finish(self) -> tuple[bytes, bytes]:
        """Give back the rest of the plaintext, and the padding after it; raise `padding` where there is none."""
        if self._pending or not self._held:
            raise WireError("content-not-blocks")
        count = self._held[-1]
        if not 1 <= count <= BLOCK_SIZE or self._held[-count:] != bytes([count]) * count:
            raise WireError("padding")
        return self._held[:-count], self._held[-count:]
