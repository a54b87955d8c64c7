"""Confirms every answer of the vectors a second time: `python vectors/confirm.py`. Prints what differs, a line each.

Nothing of the generators is used: messages go through `second_reader.py`, RSA and AES through OpenSSL (the package
`cryptography`), and the checksum through both zlib, with bits reversed, and the utility `cksum`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import confirm_transcript
import second_reader as reader
from second_reader import Bytes, Dialect, Fields, RefusedError

VECTORS = Path(__file__).resolve().parent
Group = dict[str, Any]
Test = dict[str, Any]


def main() -> int:
    dialects = {path.stem: json.loads(path.read_bytes()) for path in (VECTORS / "dialects").glob("*.json")}
    index = json.loads((VECTORS / "v1" / "index.json").read_bytes())
    wrong: list[str] = []
    confirmed: Counter[str] = Counter()
    for name in index["files"]:
        file = json.loads((VECTORS / "v1" / name).read_bytes())
        for group in file["groups"]:
            for test in group["tests"]:
                for dialect in group["dialects"]:
                    try:
                        confirm(file["decodes"], dialects[dialect], group, test)
                    except AssertionError as error:
                        wrong.append(f"v1/{name}: {test['id']} in {dialect}: {error}")
                confirmed[name] += 1
    for name, count in index["files"].items():
        if confirmed[name] != count:
            wrong.append(f"v1/{name}: {confirmed[name]} tests seen, {count} in the index")
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong:
        return 1
    print(f"vectors: {confirmed.total()} answers confirmed by a second reader, OpenSSL, zlib and cksum")
    return 0


def confirm(decodes: str, dialect: Dialect, group: Group, test: Test) -> None:
    """Fails with an AssertionError that says what differs."""
    if decodes == "transcript":
        expect(test["result"] == "valid", "a transcript is valid")
        confirm_transcript.confirm(dialect, group, test, unwrap, decrypt, cksum)
        return
    try:
        fields = DECODERS[decodes](dialect, group, test)
    except RefusedError as refused:
        answers = [test.get("error"), *test.get("aliases", [])]
        expect(
            test["result"] == "invalid" and refused.slug in answers,
            f"refused for {refused.slug}, not for {test.get('error', 'anything')}",
        )
        return
    expect(test["result"] != "invalid", f"taken as {fields}, not refused for {test.get('error')}")
    expect(fields == test["fields"], f"decodes to {fields}, not to {test['fields']}")
    again = ENCODERS[decodes](dialect, group, fields) if decodes in ENCODERS else None
    if again is None:
        return
    if test["result"] == "valid":
        expect(again == test["bytes"], f"encodes to {str(again)[:200]}")
    else:
        differs = again != test["bytes"]
        unusual = fields.get("header", fields).get("version") != 3 or is_reception_only(dialect, fields)
        expect(differs or unusual, "is what a sender writes, so that it should be valid")


def is_reception_only(dialect: Dialect, fields: Fields) -> bool:
    """Messages that a receiver takes and that nobody sends in the dialect, though their bytes are in order."""
    header, payload = fields.get("header", {}), fields.get("payload", {})
    code = header.get("code")
    if code == dialect["response_codes"]["acknowledged"]:
        return True
    if code == dialect["response_codes"]["refused"]:
        return dialect["refused_payload"] == "empty" and bool(payload)
    return code == dialect["response_codes"]["registered"] and str(payload["client_id"]).startswith("0000")


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


# Decoding and encoding, by the member `decodes`


def decode_request_header(_dialect: Dialect, _group: Group, test: Test) -> Fields:
    data = Bytes(bytes.fromhex(test["bytes"]))
    fields = reader.request_header(data)
    data.finish()
    return fields


def decode_response_header(dialect: Dialect, _group: Group, test: Test) -> Fields:
    data = Bytes(bytes.fromhex(test["bytes"]))
    fields = reader.response_header(dialect, data)
    data.finish()
    return fields


def decode_name_field(_dialect: Dialect, _group: Group, test: Test) -> Fields:
    data = Bytes(bytes.fromhex(test["bytes"]))
    text = data.name()
    data.finish()
    return {"text": text}


def decode_request(dialect: Dialect, group: Group, test: Test) -> Fields:
    fixed_fields_only = group.get("part") == "fixed-fields"
    return reader.request(dialect, bytes.fromhex(test["bytes"]), fixed_fields_only=fixed_fields_only)


def decode_response(dialect: Dialect, _group: Group, test: Test) -> Fields:
    return reader.response(dialect, bytes.fromhex(test["bytes"]))


def decode_public_key(_dialect: Dialect, _group: Group, test: Test) -> Fields:
    raw = bytes.fromhex(test["bytes"])
    fields: Fields | None = None
    refused: RefusedError | None = None
    try:
        fields = reader.public_key(raw)
    except RefusedError as error:
        refused = error
    by_openssl = public_key_by_openssl(raw)
    expect(by_openssl == fields, f"OpenSSL makes {by_openssl} of it")
    if refused:
        raise refused
    assert fields is not None
    return fields


def public_key_by_openssl(raw: bytes) -> Fields | None:
    """None if the bytes are no key, not the one encoding of it, or not of the size and exponent of the protocol."""
    try:
        key = serialization.load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, rsa.RSAPublicKey):
        return None
    again = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    numbers = key.public_numbers()
    right = len(raw) == 160 and again == raw and key.key_size == 1024 and numbers.e % 2 == 1 and 3 <= numbers.e <= 127
    return {"modulus": f"{numbers.n:x}", "exponent": numbers.e} if right else None


def decode_wrapped_key(_dialect: Dialect, group: Group, test: Test) -> Fields:
    return {"aes_key": unwrap(bytes.fromhex(group["private_key"]), bytes.fromhex(test["bytes"])).hex()}


def unwrap(private_key: bytes, wrapped: bytes) -> bytes:
    if len(wrapped) != 128:
        raise RefusedError("wrapped-key-size")
    key = serialization.load_der_private_key(private_key, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    scheme = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA1()), hashes.SHA1(), label=None)
    try:
        aes_key = key.decrypt(wrapped, scheme)
    except ValueError:
        raise RefusedError("unwrap-failed") from None
    if len(aes_key) not in (16, 24, 32):
        raise RefusedError("aes-key-size")
    return aes_key


def decode_file_content(_dialect: Dialect, group: Group, test: Test) -> Fields:
    key = bytes.fromhex(group["aes_key"])
    if isinstance(test["bytes"], str):
        return {"plaintext": decrypt(key, bytes.fromhex(test["bytes"])).hex()}
    described = test["fields"]["plaintext"]
    content = encrypt(key, patterned(described))
    expect(describe("encrypted", content) == test["bytes"], "the pattern encrypts to something else")
    return {"plaintext": describe(described["pattern"], decrypt(key, content))}


def decrypt(key: bytes, content: bytes) -> bytes:
    if not content or len(content) % 16:
        raise RefusedError("content-not-blocks")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    try:
        return unpadder.update(decryptor.update(content) + decryptor.finalize()) + unpadder.finalize()
    except ValueError:
        raise RefusedError("padding") from None


def encrypt(key: bytes, plaintext: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor()
    return encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()


def decode_cksum(_dialect: Dialect, _group: Group, test: Test) -> Fields:
    data = bytes.fromhex(test["bytes"]) if isinstance(test["bytes"], str) else patterned(test["bytes"])
    if not isinstance(test["bytes"], str):
        expect(describe(test["bytes"]["pattern"], data) == test["bytes"], "the pattern has another SHA-256")
    by_zlib, by_utility = cksum(data), cksum_by_utility(data)
    expect(by_zlib == by_utility, f"zlib makes {by_zlib} of it and the utility {by_utility}")
    return {"cksum": by_utility}


REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def cksum(data: bytes) -> int:
    """zlib's CRC-32 is the same polynomial on reversed bits; told to go on from all ones, it starts at 0."""
    length = len(data).to_bytes(8, "little").rstrip(b"\0")
    crc = zlib.crc32((data + length).translate(REVERSED), 0xFFFFFFFF)
    return int(f"{crc:032b}"[::-1], 2)


def cksum_by_utility(data: bytes) -> int:
    program = shutil.which("cksum")
    expect(program is not None, "the utility cksum (package coreutils) is missing")
    assert program is not None
    return int(subprocess.run([program], input=data, capture_output=True, check=True).stdout.split()[0])


def patterned(described: Fields) -> bytes:
    size = int(described["size"])
    if described["pattern"] == "zeros":
        return b"\0" * size
    expect(described["pattern"] == "counting", f"no pattern {described['pattern']}")
    return bytes(offset % 251 for offset in range(size))


def describe(pattern: str, data: bytes) -> Fields:
    return {"pattern": pattern, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def encode_file_content(_dialect: Dialect, group: Group, fields: Fields) -> Any:
    key = bytes.fromhex(group["aes_key"])
    if isinstance(fields["plaintext"], str):
        return encrypt(key, bytes.fromhex(fields["plaintext"])).hex()
    return describe("encrypted", encrypt(key, patterned(fields["plaintext"])))


DECODERS: dict[str, Callable[[Dialect, Group, Test], Fields]] = {
    "request-header": decode_request_header,
    "response-header": decode_response_header,
    "name-field": decode_name_field,
    "request": decode_request,
    "response": decode_response,
    "public-key": decode_public_key,
    "wrapped-key": decode_wrapped_key,
    "file-content": decode_file_content,
    "cksum": decode_cksum,
}
ENCODERS: dict[str, Callable[[Dialect, Group, Fields], Any]] = {
    "request-header": lambda _dialect, _group, fields: reader.encoded_request_header(fields).hex(),
    "response-header": lambda dialect, _group, fields: reader.encoded_response_header(dialect, fields).hex(),
    "name-field": lambda _dialect, _group, fields: reader.encoded_name(fields["text"]).hex(),
    "request": lambda dialect, _group, fields: reader.encoded_request(dialect, fields).hex(),
    "response": lambda dialect, _group, fields: reader.encoded_response(dialect, fields).hex(),
    "file-content": encode_file_content,
}

if __name__ == "__main__":
    sys.exit(main())
