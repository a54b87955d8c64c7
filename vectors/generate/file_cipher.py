"""The content of 1103: AES-CBC with an IV of zeros and PKCS#7 padding."""

from __future__ import annotations

import hashlib
from typing import Any

from Crypto.Cipher import AES
from lib import EVERY, Group, VectorFile, counting, described, main

KEY_16 = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
KEY_24 = bytes.fromhex("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b")
KEY_32 = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
"""The keys of NIST SP 800-38A, appendix F.2."""


def build() -> VectorFile:
    file = VectorFile(
        path="file_cipher.json",
        title="File content",
        decodes="file-content",
        section="4.3",
        header=[
            "Each test decrypts the whole content of one 1103 with the AES key of its group, and takes the padding",
            "off. An implementation that streams runs each test twice: in one piece, and in pieces of 1 to 17 bytes",
            "in turn.",
        ],
        notes={
            "BadPadding": (
                "MissingCheck",
                "The last block does not end in PKCS#7 padding. All of its bytes have to be looked at: whoever reads"
                " the last one alone cuts the file anywhere.",
            ),
            "BlockBoundary": (
                "EdgeCase",
                "Lengths around a multiple of 16. A file of a whole number of blocks gets a block of padding; one that"
                " does not loses its end or its length.",
            ),
            "KeySize": (
                "Compatibility",
                "A client MUST accept AES keys of 16, 24 and 32 bytes (PROTOCOL.md 4.3).",
            ),
            "Large": ("Functionality", "More than a buffer holds: the chain has to be carried from piece to piece."),
            "LooksLikePadding": (
                "WrongAlgorithm",
                "The plaintext ends like padding. Only one padding comes off.",
            ),
            "NotBlocks": (
                "MissingCheck",
                "No content at all, or no whole number of blocks. A loop over whole blocks drops the rest in silence.",
            ),
            "OtherPadding": (
                "WrongAlgorithm",
                "Padded correctly in another scheme, or not at all.",
            ),
            "Typical": ("Functionality", "An ordinary file, and nothing odd about it."),
            "WrongIv": (
                "WrongAlgorithm",
                "The sender took another IV than zeros, or sent it. Where padding is not touched nothing notices: the"
                " content decrypts to another first block, as given here, and only the checksum tells.",
            ),
            "WrongKey": (
                "WrongKey",
                "Encrypted with another key, such as the one before the last 1101 (PROTOCOL.md 2.4).",
            ),
        },
    )
    for key, prefix in ((KEY_16, "aes-128"), (KEY_24, "aes-192"), (KEY_32, "aes-256")):
        group = file.group(EVERY, aes_key=key.hex())
        _right(group, key, prefix)
        if key == KEY_16:
            _sixteen_only(group)
            _wrong(group)
    return file


def _right(group: Group, key: bytes, prefix: str) -> None:
    size_flag = ["KeySize"] if prefix != "aes-128" else []
    for size, comment in (
        (0, "an empty file: a block of padding"),
        (1, "one byte, 15 of padding"),
        (15, "one byte of padding"),
        (16, "a whole block, and one of padding"),
        (17, "a block and a byte"),
    ):
        data = counting(size)
        group.valid(
            f"{prefix}-{size}-bytes",
            comment,
            ["BlockBoundary", *size_flag],
            encrypt(key, data),
            {"plaintext": data.hex()},
        )
    text = b"Back up early, back up often.\r\n"
    group.valid(
        f"{prefix}-text", "a line of text", ["Typical", *size_flag], encrypt(key, text), {"plaintext": text.hex()}
    )


def _sixteen_only(group: Group) -> None:
    for size, comment in (
        (65535, "one byte less than 64 KiB"),
        (65536, "64 KiB: the padding is a block of its own"),
        (1048576, "1 MiB"),
        (1048577, "1 MiB and a byte"),
    ):
        data = counting(size)
        group.valid(
            f"aes-128-{size}-bytes",
            comment,
            ["Large"],
            _encrypted(encrypt(KEY_16, data)),
            {"plaintext": described("counting", size)},
        )
    for ident, comment, data in (
        ("ends-in-01", "15 bytes of text and 01", b"fifteen letters\x01"),
        ("ends-in-02-02", "ends in 02 02", b"text\x02\x02"),
        ("a-block-of-16s", "16 bytes 10 hex: the padding of an empty file", b"\x10" * 16),
        ("zeros-at-the-end", "ends in zeros, which nothing strips", b"text" + bytes(12)),
    ):
        group.valid(
            f"plaintext-{ident}", comment, ["LooksLikePadding"], encrypt(KEY_16, data), {"plaintext": data.hex()}
        )


def _wrong(group: Group) -> None:
    for size in (0, 1, 15, 17, 31):
        data = (encrypt(KEY_16, counting(16)))[:size]
        group.invalid(f"content-of-{size}", f"{size} bytes", ["NotBlocks"], data, "content-not-blocks")
    text = b"thirteen char"
    for ident, comment, last in (
        ("last-byte-0", "the last byte is 0", text + bytes(3)),
        ("last-byte-17", "the last byte is one more than a block", text + b"\x11" * 3),
        ("last-byte-255", "the last byte is 255: -1, if read as signed", text + b"\xff" * 3),
        ("claims-3-has-1", "the last byte is 3, the ones before are text", text + b"ab\x03"),
        ("first-of-3-differs", "the first of three bytes is 2", text + b"\x02\x03\x03"),
        ("second-of-3-differs", "the second of three bytes is 4", text + b"\x03\x04\x03"),
        ("first-of-16-differs", "the first of sixteen bytes is 15", b"\x0f" + b"\x10" * 15),
        ("text-to-the-end", "no padding: sixteen letters", b"sixteen letters!"),
    ):
        group.invalid(f"padding-{ident}", comment, ["BadPadding"], _cbc(KEY_16, last), "padding")
        if ident in ("last-byte-0", "first-of-3-differs", "last-byte-17"):
            longer = counting(32) + last
            group.invalid(
                f"padding-{ident}-third-block",
                f"{comment}, after two blocks",
                ["BadPadding"],
                _cbc(KEY_16, longer),
                "padding",
            )
    for ident, comment, data in (
        ("x923", "ANSI X9.23: zeros and then the count", text + b"\0\0\x03"),
        ("iso-10126", "ISO 10126: anything and then the count", text + b"\x9d\x4e\x03"),
        ("iso-7816", "ISO 7816-4: 80 and then zeros", text + b"\x80\0\0"),
        ("spaces", "filled up with spaces", text + b"   "),
    ):
        group.invalid(f"other-padding-{ident}", comment, ["OtherPadding"], _cbc(KEY_16, data), "padding")
    group.valid(
        "other-padding-from-0",
        "the count begins at 0, so that three bytes are 02: two of them come off, and nothing tells",
        ["OtherPadding"],
        _cbc(KEY_16, text + b"\x02\x02\x02"),
        {"plaintext": (text + b"\x02").hex()},
    )
    group.valid(
        "unpadded-ends-in-01",
        "no padding, and a last byte of 01: the file loses it, and nothing tells",
        ["OtherPadding"],
        _cbc(KEY_16, b"fifteen letters\x01"),
        {"plaintext": b"fifteen letters".hex()},
    )
    two = counting(20)
    group.invalid("another-key", "encrypted with another key", ["WrongKey"], encrypt(KEY_24[:16], two), "padding")
    group.invalid(
        "key-of-24",
        "encrypted with the key of 24 bytes that starts otherwise",
        ["WrongKey"],
        encrypt(KEY_24, two),
        "padding",
    )
    ones = b"\xff" * 16
    group.invalid(
        "iv-of-ones-one-block",
        "an IV of ones turns the padding over",
        ["WrongIv"],
        encrypt(KEY_16, b"short", iv=ones),
        "padding",
    )
    group.valid(
        "iv-of-ones-two-blocks",
        "an IV of ones turns the first block over",
        ["WrongIv"],
        encrypt(KEY_16, two, iv=ones),
        {"plaintext": (bytes(255 - b for b in two[:16]) + two[16:]).hex()},
    )
    sent = counting(16)[::-1]
    group.valid(
        "iv-sent-before-the-content",
        "a random IV in front, as many libraries do: it decrypts to a block of noise",
        ["WrongIv"],
        sent + encrypt(KEY_16, two, iv=sent),
        {"plaintext": (AES.new(KEY_16, AES.MODE_ECB).decrypt(sent) + two).hex()},
    )
    ecb = AES.new(KEY_16, AES.MODE_ECB)
    group.invalid(
        "ecb",
        "ECB: the padding is not chained to the block before",
        ["WrongIv"],
        ecb.encrypt(counting(20) + b"\x0c" * 12),
        "padding",
    )


def encrypt(key: bytes, data: bytes, *, iv: bytes = bytes(16)) -> bytes:
    fill = 16 - len(data) % 16
    return _cbc(key, data + bytes([fill]) * fill, iv=iv)


def _cbc(key: bytes, blocks: bytes, *, iv: bytes = bytes(16)) -> bytes:
    return AES.new(key, AES.MODE_CBC, iv=iv).encrypt(blocks)


def _encrypted(content: bytes) -> dict[str, Any]:
    return {"pattern": "encrypted", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


if __name__ == "__main__":
    main(build)
