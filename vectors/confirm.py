"""Confirms every answer of the vectors a second time: `python vectors/confirm.py`. Prints what differs, a line each.

Nothing of the generators is used: messages go through `second_reader.py`, RSA and AES through OpenSSL (the package
`cryptography`), and the checksum through both zlib, with bits reversed, and the utility `cksum`.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import confirm_packets
import confirm_transcript
import second_cksum
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
                    parameters = {**dialects[group.get("base", dialect)], **group.get("modifiers", {})}
                    try:
                        confirm(file["decodes"], parameters, group, test)
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
        confirm_transcript.confirm(dialect, group, test, unwrap, decrypt, file_cksum)
        return
    if decodes == "packets":
        confirm_packets.confirm(dialect, group, test, decrypt)
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
        expect(not is_reception_only(dialect, fields), "is what nobody sends in the dialect")
    else:
        differs = again != test["bytes"]
        unusual = fields.get("header", fields).get("version") != 3 or is_reception_only(dialect, fields)
        expect(differs or unusual, "is what a sender writes, so that it should be valid")


def is_reception_only(dialect: Dialect, fields: Fields) -> bool:
    """Messages that a receiver takes and that nobody sends in the dialect, though their bytes are in order."""
    header, payload = fields.get("header", {}), fields.get("payload", {})
    code = header.get("code")
    if code == dialect["response_codes"]["acknowledged"]:
        form = "acknowledged-with-id" if payload else "acknowledged"
        return all(dialect[after]["answer"] != form for after in ("after_right", "after_wrong", "after_give_up"))
    if code == dialect["response_codes"]["refused"]:
        return bool(dialect["refused_payload"] == "empty") == bool(payload)
    return code == dialect["response_codes"]["registered"] and str(payload["client_id"]).startswith("0000")


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


# Decoding and encoding, by the member `decodes`


def decode_request_header(dialect: Dialect, _group: Group, test: Test) -> Fields:
    data = Bytes(dialect, bytes.fromhex(test["bytes"]))
    fields = reader.request_header(data)
    data.finish()
    return fields


def decode_response_header(dialect: Dialect, _group: Group, test: Test) -> Fields:
    data = Bytes(dialect, bytes.fromhex(test["bytes"]))
    fields = reader.response_header(data)
    data.finish()
    return fields


def decode_name_field(dialect: Dialect, _group: Group, test: Test) -> Fields:
    data = Bytes(dialect, bytes.fromhex(test["bytes"]))
    text = data.name()
    data.finish()
    return {"text": text}


def decode_file_name(dialect: Dialect, group: Group, test: Test) -> Fields:
    text = decode_name_field(dialect, group, test)["text"]
    base_name = re.split(r"[/\\]", text)[-1]
    if base_name in ("", ".", "..") or any(unicodedata.category(letter) == "Cc" for letter in base_name):
        raise RefusedError("bad-file-name")
    return {"text": text, "base_name": base_name}


def decode_request(dialect: Dialect, group: Group, test: Test) -> Fields:
    fixed_fields_only = group.get("part") == "fixed-fields"
    return reader.request(dialect, bytes.fromhex(test["bytes"]), fixed_fields_only=fixed_fields_only)


def decode_response(dialect: Dialect, _group: Group, test: Test) -> Fields:
    return reader.response(dialect, bytes.fromhex(test["bytes"]))


def decode_public_key(dialect: Dialect, _group: Group, test: Test) -> Fields:
    raw = bytes.fromhex(test["bytes"])
    fields: Fields | None = None
    refused: RefusedError | None = None
    try:
        fields = reader.public_key(dialect, raw)
    except RefusedError as error:
        refused = error
    by_openssl = public_key_by_openssl(dialect, raw)
    expect(by_openssl == fields, f"OpenSSL makes {by_openssl} of it")
    if refused:
        raise refused
    assert fields is not None
    return fields


def public_key_by_openssl(dialect: Dialect, raw: bytes) -> Fields | None:
    """None if the bytes are no key, not the one encoding of it, or not of the size and exponent of the protocol."""
    try:
        key = serialization.load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, rsa.RSAPublicKey):
        return None
    again = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    numbers = key.public_numbers()
    sized = len(raw) in dialect["public_key_sizes"] and again == raw and key.key_size == 1024
    right = sized and numbers.e % 2 == 1 and numbers.e >= 3 and (numbers.e <= 127 or len(raw) == 162)
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


def decode_cksum(dialect: Dialect, _group: Group, test: Test) -> Fields:
    data = bytes.fromhex(test["bytes"]) if isinstance(test["bytes"], str) else patterned(test["bytes"])
    if not isinstance(test["bytes"], str):
        expect(describe(test["bytes"]["pattern"], data) == test["bytes"], "the pattern has another SHA-256")
    value = second_cksum.KINDS[dialect["checksum"]](data)
    if dialect["checksum"] == "posix":
        by_utility = second_cksum.posix_by_utility(data)
        expect(value == by_utility, f"zlib makes {value} of it and the utility {by_utility}")
    return {"cksum": value}


def decode_file_cksum(dialect: Dialect, group: Group, test: Test) -> Fields:
    content = bytes.fromhex(test["bytes"])
    value = file_cksum(dialect, bytes.fromhex(group["aes_key"]), content)
    return {"plaintext": decrypt(bytes.fromhex(group["aes_key"]), content).hex(), "cksum": value}


def file_cksum(dialect: Dialect, key: bytes, content: bytes) -> int:
    """What the dialect's 2103 says of this content."""
    plaintext = decrypt(key, content)
    missing = 16 - len(plaintext) % 16
    data = {"plaintext": plaintext, "padded": plaintext + bytes([missing]) * missing, "content": content}
    return second_cksum.KINDS[dialect["checksum"]](data[dialect["checksum_input"]])


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
    "file-cksum": decode_file_cksum,
    "file-name": decode_file_name,
}
ENCODERS: dict[str, Callable[[Dialect, Group, Fields], Any]] = {
    "request-header": lambda dialect, _group, fields: reader.encoded_request_header(dialect, fields).hex(),
    "response-header": lambda dialect, _group, fields: reader.encoded_response_header(dialect, fields).hex(),
    "name-field": lambda dialect, _group, fields: reader.encoded_name(dialect, fields["text"]).hex(),
    "request": lambda dialect, _group, fields: reader.encoded_request(dialect, fields).hex(),
    "response": lambda dialect, _group, fields: reader.encoded_response(dialect, fields).hex(),
    "file-content": encode_file_content,
}

if __name__ == "__main__":
    sys.exit(main())
