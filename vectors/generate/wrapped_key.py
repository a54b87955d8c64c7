"""What may stand in the wrapped key field of 2102: OAEP in the direction of unwrapping."""

from __future__ import annotations

from Crypto.PublicKey import RSA
from keys import ALICE_KEY, LABEL, OTHER_KEY, private_der, public_der
from lib import EVERY, VectorFile, counting, main
from notes import common
from oaep import encode, encrypt, wrap

KEY = bytes.fromhex("8f1e2d3c4b5a69788796a5b4c3d2e1f0")


def build() -> VectorFile:
    file = VectorFile(
        path="wrapped_key.json",
        title="Wrapped AES key",
        decodes="wrapped-key",
        section="4.2",
        header=[
            "Each test unwraps an AES key with the private key of its group (RSAES-OAEP, SHA-1, MGF1 with SHA-1,",
            "empty label). OAEP draws a random seed, so wrapping cannot be compared with bytes: wrap and unwrap.",
        ],
        notes={
            **common("Typical"),
            "Integer": (
                "WrongPrimitive",
                "The 128 bytes are no number that RSA takes, or were made from one in another way: a stripped zero,"
                " another byte order, a number that is not below the modulus.",
            ),
            "KeySize": (
                "MissingCheck",
                "OAEP decodes, and what comes out is no AES key. A client that copies 16 bytes of it takes another key"
                " than the server, or reads over the end.",
            ),
            "ManipulatedEncoding": (
                "MissingCheck",
                "A detail of the OAEP encoding is wrong: unwrapping MUST notice, and must not tell which.",
            ),
            "OtherKey": ("WrongKey", "Wrapped for another client, or for an earlier key of this one."),
            "OtherPadding": (
                "WrongAlgorithm",
                "Wrapped correctly in another scheme. The defaults of libraries differ: some take SHA-256 for OAEP,"
                " some PKCS#1 v1.5.",
            ),
            "Size": ("MissingCheck", "The wrapped key is not 128 bytes."),
        },
    )
    _alice(file)
    _other(file)
    return file


def _alice(file: VectorFile) -> None:
    group = file.group(
        EVERY, key_use=LABEL, private_key=private_der(ALICE_KEY).hex(), public_key=public_der(ALICE_KEY).hex()
    )
    key = ALICE_KEY
    for ident, comment, flags, aes_key in (
        ("aes-128", "16 bytes, as servers make it", ["Typical"], KEY),
        ("aes-192", "24 bytes: a client MUST accept it", ["KeySize"], counting(24)),
        ("aes-256", "32 bytes: a client MUST accept it", ["KeySize"], counting(32)),
        ("aes-128-zeros", "a key of zeros: nothing strips them", ["KeySize"], bytes(16)),
        (
            "aes-128-starts-like-padding",
            "a key that starts 00 00 01, as the bytes before it do",
            ["KeySize"],
            bytes.fromhex("0000010000010000010000010000ff01"),
        ),
    ):
        wrapped = wrap(key, aes_key, seed=f"wrapped_key {ident}".encode())
        group.valid(ident, comment, flags, wrapped, {"aes_key": aes_key.hex()})
    leading_zero = _with_leading_zero(key)
    group.valid(
        "leading-zero", "the wrapped key begins with a zero byte", ["Integer"], leading_zero, {"aes_key": KEY.hex()}
    )

    plain = wrap(key, KEY, seed=b"wrapped_key plain")
    for ident, comment, data in (
        ("nothing", "no bytes at all", b""),
        ("127-bytes", "the last byte is missing", plain[:-1]),
        ("129-bytes", "a zero byte follows", plain + b"\0"),
        ("leading-zero-stripped", "a number written without its leading zero byte", leading_zero[1:]),
        ("256-bytes", "as a key of 2048 bits gives", plain + plain),
    ):
        group.invalid(ident, comment, ["Size"], data, "wrapped-key-size")

    seed = b"wrapped_key bad"
    for ident, comment, encoded in (
        ("hash-sha256", "OAEP and MGF1 with SHA-256", encode(KEY, seed=seed, hash_name="sha256", mgf_hash="sha256")),
        ("hash-sha256-mgf-sha1", "SHA-256 for the label, MGF1 with SHA-1", encode(KEY, seed=seed, hash_name="sha256")),
        ("mgf-sha256", "SHA-1 for the label, MGF1 with SHA-256", encode(KEY, seed=seed, mgf_hash="sha256")),
        ("hash-md5", "OAEP and MGF1 with MD5", encode(KEY, seed=seed, hash_name="md5", mgf_hash="md5")),
        ("label-not-empty", "the label is a text", encode(KEY, seed=seed, label=b"aes key")),
        ("pkcs1-v1-5", "PKCS#1 v1.5 padding", b"\x00\x02" + b"\xa5" * (128 - 3 - 16) + b"\x00" + KEY),
        ("no-padding", "RSA without padding, zeros before the key", KEY.rjust(128, b"\0")),
    ):
        group.invalid(ident, comment, ["OtherPadding"], encrypt(key, encoded), "unwrap-failed")
    for ident, comment, encoded in (
        ("first-byte-1", "the first byte of the encoding is 1", encode(KEY, seed=seed, first=1)),
        (
            "fill-not-zero",
            "a byte between label hash and separator is not 0",
            encode(KEY, seed=seed, fill=bytes(69) + b"\x02"),
        ),
        ("separator-2", "the separator is 2 in place of 1", encode(KEY, seed=seed, separator=b"\x02")),
        ("no-separator", "nothing but zeros after the label hash", encode(bytes(16), seed=seed, separator=b"\x00")),
    ):
        group.invalid(ident, comment, ["ManipulatedEncoding"], encrypt(key, encoded), "unwrap-failed")
    flipped = plain[:64] + bytes([plain[64] ^ 0x10]) + plain[65:]
    group.invalid("flipped-bit", "one bit of the 128 bytes differs", ["ManipulatedEncoding"], flipped, "unwrap-failed")
    for ident, comment, data in (
        ("bytes-reversed", "the number in little-endian order", plain[::-1]),
        ("zero", "128 zeros", bytes(128)),
        ("one", "the number 1, which encrypts to itself", bytes(127) + b"\x01"),
        ("the-modulus", "the number is the modulus", key.n.to_bytes(128, "big")),
        ("all-ones", "the number is far above the modulus", b"\xff" * 128),
        (
            "modulus-added",
            "a right one with the modulus added: equal to it modulo the modulus",
            (_low(key) + key.n).to_bytes(128, "big"),
        ),
    ):
        group.invalid(ident, comment, ["Integer"], data, "unwrap-failed")
    group.invalid(
        "for-another-key",
        "wrapped for another client",
        ["OtherKey"],
        wrap(OTHER_KEY, KEY, seed=b"wrapped_key other"),
        "unwrap-failed",
    )

    for size, comment in (
        (0, "nothing was wrapped"),
        (15, "one byte less than the smallest key"),
        (17, "one byte more"),
        (31, "one byte less than the largest key"),
        (33, "one byte more"),
        (86, "the most that OAEP holds here"),
    ):
        wrapped = wrap(key, counting(size), seed=f"wrapped_key size {size}".encode())
        group.invalid(f"aes-key-of-{size}", comment, ["KeySize"], wrapped, "aes-key-size")
    wrapped = wrap(key, KEY.hex().encode() + b"\n", seed=b"wrapped_key text")
    group.invalid("aes-key-in-hex", "the key as 32 hex digits and a newline", ["KeySize"], wrapped, "aes-key-size")


def _other(file: VectorFile) -> None:
    group = file.group(
        EVERY, key_use=LABEL, private_key=private_der(OTHER_KEY).hex(), public_key=public_der(OTHER_KEY).hex()
    )
    wrapped = wrap(OTHER_KEY, KEY, seed=b"wrapped_key other")
    group.valid(
        "second-key-aes-128", "what the first key did not unwrap", ["OtherKey"], wrapped, {"aes_key": KEY.hex()}
    )
    group.invalid(
        "second-key-for-the-first",
        "wrapped for the first key",
        ["OtherKey"],
        wrap(ALICE_KEY, KEY, seed=b"wrapped_key first"),
        "unwrap-failed",
    )


def _with_leading_zero(key: RSA.RsaKey) -> bytes:
    """Seeds are counted up until the ciphertext begins with 00: about 256 attempts."""
    count = 0
    while True:
        wrapped = wrap(key, KEY, seed=f"wrapped_key leading zero {count}".encode())
        if wrapped[0] == 0:
            return wrapped
        count += 1


def _low(key: RSA.RsaKey) -> int:
    """A wrapped key that is so low a number that it still fits into 128 bytes with the modulus added."""
    count = 0
    while True:
        number = int.from_bytes(wrap(key, KEY, seed=f"wrapped_key low {count}".encode()), "big")
        if number + key.n < 1 << 1024:
            return number
        count += 1


if __name__ == "__main__":
    main(build)
