from __future__ import annotations

import contextlib
import os

import pytest
from Crypto.Cipher import AES
from Crypto.PublicKey import RSA
from Crypto.Util.asn1 import DerBitString, DerNull, DerObjectId, DerSequence

from backup_server.crypto import ContentDecryptor, new_aes_key, read_public_key, wrap_key
from backup_server.layout import WireError

from .peer import PUBLIC_KEY, RSA_PAIR, encrypt, pad


def key_info(modulus: int, exponent: int, algorithm: str = "1.2.840.113549.1.1.1") -> bytes:
    bits = DerBitString(DerSequence([modulus, exponent]).encode())
    return DerSequence([DerSequence([DerObjectId(algorithm), DerNull()]), bits]).encode()


def test_a_public_key_as_peers_send_it() -> None:
    assert len(PUBLIC_KEY) == 160
    assert PUBLIC_KEY[:3] == b"\x30\x81\x9d"
    assert read_public_key(PUBLIC_KEY) == RSA_PAIR.public_key()
    for exponent in range(3, 128, 2):
        assert read_public_key(PUBLIC_KEY[:-1] + bytes([exponent])).e == exponent


N = RSA_PAIR.n


@pytest.mark.parametrize(
    ("slug", "data"),
    [
        ("public-key-size", b""),
        ("public-key-size", PUBLIC_KEY[:-1]),
        ("public-key-size", PUBLIC_KEY + b"\0"),
        ("public-key-der", bytes(160)),
        ("public-key-der", b"\xff" * 160),
        ("public-key-der", RSA_PAIR.public_key().export_key("PEM")[:160]),
        ("public-key-der", b"\x31" + PUBLIC_KEY[1:]),
        ("public-key-der", b"\x30\x81\x9c" + PUBLIC_KEY[3:]),
        ("public-key-der", b"\x30\x81\x9e" + PUBLIC_KEY[3:]),
        ("public-key-der", PUBLIC_KEY.replace(b"\x2a\x86\x48", b"\x2a\x86\x49")),  # not rsaEncryption
        ("public-key-der", PUBLIC_KEY.replace(b"\x05\x00", b"\x04\x00")),  # no NULL
        ("public-key-der", PUBLIC_KEY.replace(b"\x8b\x00\x30", b"\x8b\x01\x30")),  # unused bits
        ("public-key-der", PUBLIC_KEY[:-3] + b"\x04\x01\x11"),  # the exponent no INTEGER
        ("public-key-modulus", key_info(N >> 8, 257)),
        ("public-key-modulus", key_info(N >> 1, 257)),
        ("public-key-der", PUBLIC_KEY[:29] + b"\x7f" + PUBLIC_KEY[30:]),  # a zero too many before the modulus
        ("public-key-modulus", PUBLIC_KEY[:-4] + b"\x00" + PUBLIC_KEY[-3:]),
        ("public-key-exponent", PUBLIC_KEY[:-1] + b"\x01"),
        ("public-key-exponent", PUBLIC_KEY[:-1] + b"\x10"),
        ("public-key-exponent", PUBLIC_KEY[:-1] + b"\x7e"),
    ],
)
def test_public_keys_that_are_refused(slug: str, data: bytes) -> None:
    with pytest.raises(WireError) as raised:
        read_public_key(data, (160,))
    assert raised.value.slug == slug


def test_a_longer_public_key() -> None:
    for exponent in (65537, (1 << 15) + 1, (1 << 23) - 1):
        data = key_info(N, exponent)
        assert len(data) == 162
        assert read_public_key(data, (160, 162)).e == exponent
        with pytest.raises(WireError, match="public-key-size"):
            read_public_key(data, (160,))
    assert read_public_key(PUBLIC_KEY, (160, 162)).e == 17


@pytest.mark.parametrize(
    ("slug", "data"),
    [
        ("public-key-size", key_info(N, 257)),  # 161
        ("public-key-size", key_info(N, 1 << 23 | 1)),  # 163
        ("public-key-exponent", key_info(N, 65536)),
        ("public-key-exponent", key_info(N, 1 << 15)),
        ("public-key-modulus", key_info(N << 8 | 1, 257)),
        ("public-key-modulus", key_info(N << 16 | 1, 17)),
        ("public-key-der", PUBLIC_KEY + b"\0\0"),
        ("public-key-der", bytes(162)),
    ],
)
def test_longer_public_keys_that_are_refused(slug: str, data: bytes) -> None:
    with pytest.raises(WireError) as raised:
        read_public_key(data, (160, 162))
    assert raised.value.slug == slug


def test_no_byte_of_a_key_makes_a_crash() -> None:
    for offset in range(160):
        for value in (0, 1, 0x7F, 0x80, 0xFF, PUBLIC_KEY[offset] ^ 1):
            data = PUBLIC_KEY[:offset] + bytes([value]) + PUBLIC_KEY[offset + 1 :]
            with contextlib.suppress(WireError):
                wrap_key(read_public_key(data), bytes(16))


def test_keys_are_random_and_wrapped_in_128_bytes() -> None:
    assert new_aes_key(16) != new_aes_key(16)
    assert len(new_aes_key(32)) == 32
    assert len(wrap_key(RSA_PAIR.public_key(), bytes(16))) == 128


def decrypt(key: bytes, content: bytes, piece: int) -> bytes:
    decryptor = ContentDecryptor(key)
    plain = b"".join(decryptor.update(content[start : start + piece]) for start in range(0, len(content), piece))
    rest, padding = decryptor.finish()
    assert padding == pad(plain + rest)[len(plain + rest) :]
    return plain + rest


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 100])
@pytest.mark.parametrize("key_size", [16, 24, 32])
def test_content(size: int, key_size: int) -> None:
    key, plain = os.urandom(key_size), os.urandom(size)
    for piece in (1, 15, 16, 17, 1000):
        assert decrypt(key, encrypt(key, plain), piece) == plain


@pytest.mark.parametrize("last", [b"\0", b"\x11", b"\xff", b"\x03\x02", b"\x00" * 15 + b"\x10", b"\x02\x03\x03"])
def test_padding_that_is_refused(last: bytes) -> None:
    key = os.urandom(16)
    block = b"x" * (16 - len(last)) + last
    content = AES.new(key, AES.MODE_CBC, iv=bytes(16)).encrypt(bytes(16) + block)
    with pytest.raises(WireError) as raised:
        decrypt(key, content, 16)
    assert raised.value.slug == "padding"


@pytest.mark.parametrize("size", [0, 1, 15, 17])
def test_content_of_no_whole_blocks(size: int) -> None:
    with pytest.raises(WireError) as raised:
        decrypt(bytes(16), bytes(size), 16)
    assert raised.value.slug == "content-not-blocks"


def test_rsa_keys_of_other_makers_are_equal() -> None:
    assert read_public_key(PUBLIC_KEY).export_key("DER") == PUBLIC_KEY
    assert RSA.import_key(PUBLIC_KEY).n == N
