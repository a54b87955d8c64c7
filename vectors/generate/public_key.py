"""What may stand in the public key field of 1101."""

from __future__ import annotations

import base64

from der import NULL, integer, public_key, rsa_public_key, spki, tlv
from keys import ALICE_KEY, OTHER_KEY, private_der, public_der
from layout import Dialect, dialect
from lib import EVERY, Group, VectorFile, main
from notes import common

N = int(ALICE_KEY.n)
N1023 = (N >> 1) | 1
"""A modulus of 1023 bits: its integer has no leading zero byte, so that a byte is left for a mistake elsewhere."""


def build() -> VectorFile:
    file = VectorFile(
        path="public_key.json",
        title="Public key field",
        decodes="public-key",
        section="4.1",
        header=[
            "Each test decodes what stands in the public key field of 1101, or is offered for it.",
            "Size is judged before structure, structure before modulus, modulus before exponent (PROTOCOL.md 11).",
            "An implementation whose library is lenient re-encodes the key and compares: DER has one encoding.",
        ],
        notes={
            **common("CheckOrder", "Typical"),
            "Exponent": (
                "MissingCheck",
                "The modulus is right and fits, and the exponent is even or not within 3 to 127 (PROTOCOL.md 4.1).",
            ),
            "LongExponent": (
                "Compatibility",
                "A key of 162 bytes, whose exponent has three, in a dialect that takes it (PROTOCOL.md 10.8).",
            ),
            "Modulus": (
                "MissingCheck",
                "The modulus has not 1024 bits, in a key that is 160 bytes all the same. A key wrapped with it would"
                " not have 128 bytes, or is weaker than it seems.",
            ),
            "Negative": (
                "WrongEncoding",
                "An integer that lacks the zero byte which keeps it positive. Whether the number or the structure is at"
                " fault is not decided; a reader that takes it as unsigned accepts what others refuse.",
            ),
            "NotDer": (
                "WrongEncoding",
                "BER, but not DER: a length or a number in more bytes than it takes, or the indefinite form.",
            ),
            "OtherExponent": (
                "Compatibility",
                "Odd exponents from 3 to 127 encode in the same size and MUST be accepted (PROTOCOL.md 4.1).",
            ),
            "OtherStructure": (
                "MissingCheck",
                "160 bytes that are no SubjectPublicKeyInfo of an RSA key. A receiver that checks the size alone stores"
                " them, and fails when it wraps the AES key.",
            ),
            "Size": (
                "MissingCheck",
                "Not 160 bytes. The default exponent 65537 of most libraries gives 162, which is why the field needs"
                " exponent 17.",
            ),
        },
    )
    group = file.group(EVERY)
    _accepted(group)
    _size(group)
    _structure(group)
    _modulus_and_exponent(group)
    for base in ("seed", "2024a"):
        _longer(file, dialect(base, public_key_sizes=[160, 162]))
    return file


def _longer(file: VectorFile, d: Dialect) -> None:
    """160 bytes as everywhere, and 162 with an exponent of three bytes (PROTOCOL.md 10.8)."""
    group = file.group_for(d, since=2)
    for ident, comment, flags, n, e in (
        ("exponent-65537", "the default of most libraries", ["LongExponent"], N, 65537),
        ("exponent-65537-another-key", "another modulus", ["LongExponent"], int(OTHER_KEY.n), 65537),
        ("exponent-32769", "the smallest odd one of three bytes", ["LongExponent"], N, 32769),
        ("exponent-8388607", "the largest of three bytes", ["LongExponent"], N, 8388607),
        ("exponent-17", "160 bytes stay valid", ["Typical"], N, 17),
        ("exponent-127", "the largest of one byte", ["OtherExponent"], N, 127),
    ):
        group.valid(f"{d.slug}-{ident}", comment, flags, public_key(n, e), {"modulus": f"{n:0256x}", "exponent": e})
    long = public_key(N, 65537)
    for ident, comment, data in (
        ("exponent-257", "161 bytes: neither one size nor the other", public_key(N, 257)),
        ("exponent-8388609", "four bytes: 163", public_key(N, 8388609)),
        ("161-bytes", "the last byte is missing", long[:-1]),
        ("163-bytes", "a zero byte follows", long + b"\0"),
    ):
        group.invalid(f"{d.slug}-{ident}", comment, ["Size"], data, "public-key-size")
    padded = public_key(N, 17) + bytes(2)
    group.invalid(f"{d.slug}-160-and-zeros", "160 bytes and two zeros", ["OtherStructure"], padded, "public-key-der")
    zeros = bytes(162)
    group.invalid(f"{d.slug}-162-zeros", "zeros in place of a key", ["OtherStructure"], zeros, "public-key-der")
    for ident, comment, e in (
        ("65536", "even", 65536),
        ("8388606", "even, and the largest", 8388606),
        ("2", "even", 2),
    ):
        group.invalid(f"{d.slug}-exponent-{ident}", comment, ["Exponent"], public_key(N, e), "public-key-exponent")


def _accepted(group: Group) -> None:
    for ident, comment, flags, n, e in (
        ("exponent-17", "what the programs make", ["Typical"], N, 17),
        ("exponent-17-another-key", "another modulus", ["Typical"], int(OTHER_KEY.n), 17),
        ("exponent-3", "the smallest", ["OtherExponent"], N, 3),
        ("exponent-5", "odd and prime", ["OtherExponent"], N, 5),
        ("exponent-9", "odd and not prime", ["OtherExponent"], N, 9),
        ("exponent-127", "the largest", ["OtherExponent"], N, 127),
    ):
        group.valid(ident, comment, flags, public_key(n, e), {"modulus": f"{n:0256x}", "exponent": e})


def _size(group: Group) -> None:
    right = public_key(N, 17)
    for ident, comment, data in (
        ("exponent-65537", "the default of most libraries: 162 bytes", public_key(N, 65537)),
        ("exponent-129", "needs a zero byte before it: 161 bytes", public_key(N, 129)),
        ("exponent-257", "two bytes: 161 bytes", public_key(N, 257)),
        ("nothing", "no bytes at all", b""),
        ("159-bytes", "the last byte is missing", right[:-1]),
        ("161-bytes", "a zero byte follows", right + b"\0"),
        ("pkcs1", "RSAPublicKey without the wrapping around it", rsa_public_key(integer(N), integer(17))),
        ("modulus-1023", "a modulus of 1023 bits with exponent 17: 159 bytes", public_key(N1023, 17)),
        ("modulus-1032", "a modulus of 1032 bits: 161 bytes", public_key((N << 8) | 1, 17)),
        ("modulus-2048", "RSA of 2048 bits", public_key(N * int(OTHER_KEY.n), 17)),
    ):
        group.invalid(ident, comment, ["Size"], data, "public-key-size")


def _structure(group: Group) -> None:
    inner = rsa_public_key(integer(N), integer(17))
    right = spki(inner)
    pkcs1 = rsa_public_key(integer(N), integer(17))
    algorithm = tlv(0x30, bytes.fromhex("06092a864886f70d010101") + NULL)
    small = tlv(3, b"\0" + rsa_public_key(integer(N1023), integer(17)))

    def oid(last: int) -> bytes:
        return bytes.fromhex("06092a864886f70d0101") + bytes([last])

    for ident, comment, data in (
        ("all-zeros", "160 zeros", bytes(160)),
        ("all-letters", "160 times the letter A", b"A" * 160),
        ("pkcs1-padded", "RSAPublicKey, filled up with zeros", pkcs1.ljust(160, b"\0")),
        (
            "exponent-65537-cut",
            "162 bytes cut to the field: the outer length points beyond its end",
            public_key(N, 65537)[:160],
        ),
        ("modulus-1023-padded", "159 bytes and a zero: a byte after the structure", public_key(N1023, 17) + b"\0"),
        ("base64", "the key as text, cut to the field", base64.b64encode(right)[:160]),
        ("pem", "the key as PEM, cut to the field", _pem(right)[:160]),
        (
            "private-key-cut",
            "the private key in PKCS#8, cut to the field: it must not be taken for a key",
            private_der(ALICE_KEY)[:160],
        ),
        ("bytes-reversed", "the whole field the other way round", right[::-1]),
        ("oid-rsa-pss", "the algorithm is RSASSA-PSS", spki(inner, oid=oid(10))),
        ("oid-rsa-oaep", "the algorithm is RSAES-OAEP", spki(inner, oid=oid(7))),
        ("oid-sha1-with-rsa", "the algorithm is a signature's", spki(inner, oid=oid(5))),
        (
            "parameters-sequence",
            "the algorithm's parameters are an empty SEQUENCE in place of NULL",
            spki(inner, parameters=b"\x30\x00"),
        ),
        (
            "parameters-absent",
            "no NULL after the algorithm, and the two bytes taken by exponent 65537",
            spki(rsa_public_key(integer(N), integer(65537)), parameters=b""),
        ),
        ("unused-bits", "the BIT STRING says that its last bit is unused", spki(inner, unused_bits=1)),
        ("octet-string", "an OCTET STRING in place of the BIT STRING", tlv(0x30, algorithm + tlv(4, b"\0" + inner))),
        ("outer-set", "a SET in place of the outer SEQUENCE", b"\x31" + right[1:]),
        ("outer-length-less", "the outer length counts one byte less", right[:2] + b"\x9c" + right[3:]),
        ("outer-length-more", "the outer length counts one byte more", right[:2] + b"\x9e" + right[3:]),
        ("bit-string-length-more", "the BIT STRING runs over the end", _patched(right, 20, 1)),
        ("inner-length-more", "the inner SEQUENCE runs over the end", _patched(right, 24, 1)),
        ("inner-length-less", "a byte follows the inner SEQUENCE", _patched(right, 24, -1)),
        ("modulus-length-more", "the modulus swallows the tag of the exponent", _patched(right, 27, 1)),
        (
            "third-integer",
            "a 0 follows the exponent; the modulus has 1015 bits to make room",
            spki(rsa_public_key(integer((N >> 9) | 1), integer(17), integer(0))),
        ),
    ):
        assert len(data) == 160, (ident, len(data))
        flags = ["CheckOrder", "OtherStructure"] if ident in _ALSO_WRONG else ["OtherStructure"]
        group.invalid(ident, comment, flags, data, "public-key-der")

    for ident, comment, data in (
        (
            "outer-length-long-form",
            "the outer length in two bytes where one is enough",
            tlv(0x30, algorithm + small, claimed=b"\x82\x00\x9c"),
        ),
        (
            "outer-length-indefinite",
            "the indefinite form, ended by two zeros",
            tlv(0x30, algorithm + small + b"\0\0", claimed=b"\x80"),
        ),
        (
            "null-length-long-form",
            "the length of NULL in two bytes",
            spki(rsa_public_key(integer(N1023), integer(17)), parameters=b"\x05\x81\x00"),
        ),
        (
            "modulus-leading-zero",
            "a modulus of 1023 bits after a zero byte that it does not need",
            spki(rsa_public_key(integer(N1023, extra_zeros=1), integer(17))),
        ),
        (
            "exponent-leading-zero",
            "the exponent after a zero byte that it does not need",
            spki(rsa_public_key(integer(N1023), integer(17, extra_zeros=1))),
        ),
    ):
        assert len(data) == 160, (ident, len(data))
        group.invalid(ident, f"{comment}; the modulus has 1023 bits", ["CheckOrder", "NotDer"], data, "public-key-der")


def _modulus_and_exponent(group: Group) -> None:
    for ident, comment, flags, n, e in (
        ("modulus-1025", "1025 bits take as many bytes as 1024", ["Modulus"], N1023 + (1 << 1024), 17),
        ("modulus-1031", "1031 bits take as many bytes as 1024", ["Modulus"], N1023 + (127 << 1024), 17),
        (
            "modulus-1023-exponent-257",
            "1023 bits, and the byte they save taken by the exponent",
            ["CheckOrder", "Modulus"],
            N1023,
            257,
        ),
        (
            "modulus-1016-exponent-257",
            "1016 bits, and the byte they save taken by the exponent",
            ["CheckOrder", "Modulus"],
            (N >> 8) | 1,
            257,
        ),
        (
            "modulus-1008-exponent-16777217",
            "1008 bits, and the bytes they save taken by the exponent",
            ["CheckOrder", "Modulus"],
            (N >> 16) | 1,
            16777217,
        ),
        (
            "modulus-1025-exponent-16",
            "1025 bits and an even exponent",
            ["CheckOrder", "Modulus"],
            N1023 + (1 << 1024),
            16,
        ),
    ):
        data = public_key(n, e)
        assert len(data) == 160, (ident, len(data))
        group.invalid(ident, comment, flags, data, "public-key-modulus")
    group.invalid(
        "exponent-first",
        "the two integers change places: a modulus of 5 bits",
        ["CheckOrder", "Modulus"],
        spki(rsa_public_key(integer(17), integer(N))),
        "public-key-modulus",
    )
    for e, comment in (
        (0, "everything encrypts to 1"),
        (1, "everything encrypts to itself: the AES key would travel in clear"),
        (2, "even: it has no inverse"),
        (16, "even, next to the right one"),
        (126, "even, next to the largest"),
    ):
        group.invalid(f"exponent-{e}", comment, ["Exponent"], public_key(N, e), "public-key-exponent")
    group.invalid(
        "exponent-negative",
        "129 in one byte, without its zero byte: -127",
        ["Negative"],
        spki(rsa_public_key(integer(N), b"\x02\x01\x81")),
        "public-key-der",
        aliases=["public-key-exponent"],
    )
    negative = tlv(2, N.to_bytes(128, "big"))
    group.invalid(
        "modulus-negative",
        "1024 bits without their zero byte, and the byte that saves taken by exponent 257",
        ["Negative"],
        spki(rsa_public_key(negative, integer(257))),
        "public-key-der",
        aliases=["public-key-modulus"],
    )


_ALSO_WRONG = ("parameters-absent", "third-integer")


def _patched(data: bytes, offset: int, by: int) -> bytes:
    return data[:offset] + bytes([data[offset] + by]) + data[offset + 1 :]


def _pem(der: bytes) -> bytes:
    text = base64.b64encode(der)
    rows = [text[i : i + 64] for i in range(0, len(text), 64)]
    return b"-----BEGIN PUBLIC KEY-----\n" + b"\n".join(rows) + b"\n-----END PUBLIC KEY-----\n"


assert public_key(N, 17) == public_der(ALICE_KEY)

if __name__ == "__main__":
    main(build)
