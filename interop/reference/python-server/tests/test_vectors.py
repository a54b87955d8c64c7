"""Every golden vector (vectors/README.md), in every dialect it is for."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from Crypto.Cipher import PKCS1_OAEP
from Crypto.PublicKey import RSA

from backup_server import wire
from backup_server.cksum import Cksum, cksum
from backup_server.crypto import ContentDecryptor, read_public_key, wrap_key
from backup_server.dialect import Dialect, load_dialect
from backup_server.wire import WireError

from . import peer, responses, vectors

Json = dict[str, Any]
Decoder = Callable[[Dialect, Json, Json], tuple[Json, bytes]]


# ------------------------------------------------------------------------------------------------------------
# One function for each value of `decodes`. It gives the fields, and what the fields encode to.
# ------------------------------------------------------------------------------------------------------------


def request_header(_dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    header = wire.parse_request_header(vectors.expand(test["bytes"]))
    return header_fields(header), peer.request(header.client_id, header.code, b"", header.payload_size, header.version)


def header_fields(header: wire.RequestHeader) -> Json:
    return {
        "client_id": header.client_id.hex(),
        "version": header.version,
        "code": header.code,
        "payload_size": header.payload_size,
    }


def response_header(dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    fields = responses.Fields(vectors.expand(test["bytes"]))
    header = responses.header(dialect, fields)
    fields.end()
    encoded = struct.pack("<BH", header["version"], header["code"])
    return header, encoded + header["payload_size"].to_bytes(dialect.response_size_width, "little")


def name_field(_dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    # In a message the field has its size from the layout; here it is all there is.
    text = wire.parse_register(vectors.expand(test["bytes"])).name
    return {"text": text}, wire.name_field(text)


def request(dialect: Dialect, group: Json, test: Json) -> tuple[Json, bytes]:
    data = vectors.expand(test["bytes"])
    if len(data) < wire.REQUEST_HEADER_SIZE:
        raise WireError("truncated")
    header = wire.parse_request_header(data[: wire.REQUEST_HEADER_SIZE])
    payload = data[wire.REQUEST_HEADER_SIZE :]
    kind = wire.check_header(dialect, header)
    fields: Json
    if kind == "register":
        name = wire.parse_register(payload).name
        fields, encoded = {"name": name}, wire.name_field(name)
    elif kind == "send_public_key":
        key = wire.parse_send_public_key(payload)
        fields = {"name": key.name, "public_key": key.public_key.hex()}
        encoded = wire.name_field(key.name) + key.public_key
    elif kind == "send_file":
        fields, encoded = send_file(dialect, group, header, payload)
    else:
        verdict = wire.parse_verdict(dialect, header, payload)
        fields = {"client_id": verdict.client_id.hex(), "file_name": verdict.file_name}
        encoded = verdict.client_id + wire.name_field(verdict.file_name)
    whole = peer.request(header.client_id, header.code, encoded, header.payload_size, header.version)
    return {"header": header_fields(header), "payload": fields}, whole


def send_file(dialect: Dialect, group: Json, header: wire.RequestHeader, payload: bytes) -> tuple[Json, bytes]:
    size = wire.fixed_size(dialect, "send_file")
    file = wire.parse_send_file(dialect, header, payload[:size])
    fields = {"client_id": file.client_id.hex(), "content_size": file.content_size, "file_name": file.file_name}
    encoded = file.client_id + struct.pack("<I", file.content_size) + wire.name_field(file.file_name)
    content = payload[size:]
    if group["part"] == "fixed-fields":
        assert content == b""
        return fields, encoded
    # The session reads exactly as much as the size says; more is the next request, less is an early end.
    if len(content) < file.content_size:
        raise WireError("truncated")
    if len(content) > file.content_size:
        raise WireError("trailing-data")
    return {**fields, "content": content.hex()}, encoded + content


def response(dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    fields = responses.decode(dialect, vectors.expand(test["bytes"]))
    return fields, encode_response(dialect, fields)


def encode_response(dialect: Dialect, fields: Json) -> bytes:
    """Let the server's encoders write a response."""
    code, payload = fields["header"]["code"], fields["payload"]
    client_id = bytes.fromhex(payload.get("client_id", ""))
    if code == dialect.response_codes["registered"]:
        return wire.registered(dialect, client_id)
    if code == dialect.response_codes["refused"]:
        # It answers a request under this ID; where 2101 is empty, under any.
        return wire.refused(dialect, wire.RequestHeader(client_id, 3, 1100, 255))
    if code == dialect.response_codes["aes_key"]:
        return wire.aes_key(dialect, client_id, bytes.fromhex(payload["wrapped_key"]))
    if code == dialect.response_codes["file_received"]:
        file = wire.SendFile(client_id, payload["content_size"], payload["file_name"])
        return wire.file_received(dialect, file, payload["cksum"])
    return b""  # 2104, which the server does not send; its tests are acceptable and not valid


def public_key(_dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    key = read_public_key(vectors.expand(test["bytes"]))
    return {"modulus": f"{key.n:0256x}", "exponent": key.e}, key.export_key("DER")


def wrapped_key(_dialect: Dialect, group: Json, test: Json) -> tuple[Json, bytes]:
    data = vectors.expand(test["bytes"])
    private_key = RSA.import_key(bytes.fromhex(group["private_key"]))
    if len(data) != 128:
        raise WireError("wrapped-key-size")
    try:
        aes_key = PKCS1_OAEP.new(private_key).decrypt(data)
    except ValueError:
        raise WireError("unwrap-failed") from None
    if len(aes_key) not in (16, 24, 32):
        raise WireError("aes-key-size")
    # The server only wraps, with a seed of its own: so the other way round, wrap and unwrap again.
    assert PKCS1_OAEP.new(private_key).decrypt(wrap_key(private_key.public_key(), aes_key)) == aes_key
    return {"aes_key": aes_key.hex()}, data


def file_content(_dialect: Dialect, group: Json, test: Json) -> tuple[Json, bytes]:
    key = bytes.fromhex(test.get("aes_key") or group["aes_key"])
    given = test["bytes"]
    if isinstance(given, dict) and given["pattern"] == "encrypted":
        content = peer.encrypt(key, vectors.expand(test["fields"]["plaintext"]))
        vectors.check(content, given)
    else:
        content = vectors.expand(given)
    plain = b""
    for piece in (16, 4096, len(content) or 1):
        decryptor = ContentDecryptor(key)
        pieces = [decryptor.update(content[start : start + piece]) for start in range(0, len(content), piece)]
        plain = b"".join(pieces) + decryptor.finish()
    return {"plaintext": plain.hex()}, peer.encrypt(key, plain) if isinstance(given, str) else b""


def checksum(_dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    data = vectors.expand(test["bytes"])
    whole = cksum(data)
    for size in (1, 7, 4096):
        if size == 1 and len(data) > 100_000:
            continue
        pieces = Cksum()
        for start in range(0, len(data), size):
            pieces.update(data[start : start + size])
        assert pieces.value() == whole
    return {"cksum": whole}, data


DECODERS: dict[str, Decoder] = {
    "request-header": request_header,
    "response-header": response_header,
    "name-field": name_field,
    "request": request,
    "response": response,
    "public-key": public_key,
    "wrapped-key": wrapped_key,
    "file-content": file_content,
    "cksum": checksum,
}

INDEX = vectors.load("index.json")
FILES = [file for file in INDEX["files"] if not file.startswith("transcripts/")]  # those: test_transcripts.py


@pytest.mark.parametrize("file", FILES)
def test_file(file: str) -> None:
    content = vectors.load(file)
    decode = DECODERS[content["decodes"]]
    ran = 0
    for group in content["groups"]:
        assert group["dialects"]
        for number, dialect in enumerate(map(load_dialect, group["dialects"])):
            for test in group["tests"]:
                try:
                    run(decode, dialect, group, test)
                except AssertionError as error:
                    raise AssertionError(f"{file} {test['id']} in {dialect.name}: {test['comment']}\n{error}") from None
                ran += number == 0
    assert ran == content["count"] == INDEX["files"][file]


def run(decode: Decoder, dialect: Dialect, group: Json, test: Json) -> None:
    if test["result"] == "invalid":
        with pytest.raises(WireError) as raised:
            decode(dialect, group, test)
        assert raised.value.slug in (test["error"], *test.get("aliases", []))
        return
    assert test["result"] in ("valid", "acceptable")
    fields, encoded = decode(dialect, group, test)
    plaintext = test["fields"].get("plaintext")
    assert fields == ({"plaintext": vectors.expand(plaintext).hex()} if plaintext is not None else test["fields"])
    if test["result"] == "valid" and isinstance(test["bytes"], str):
        assert encoded.hex() == test["bytes"]


def test_every_file_is_in_the_index() -> None:
    files = {path.relative_to(vectors.FOLDER).as_posix() for path in vectors.FOLDER.rglob("*.json")}
    assert files - {"index.json"} == set(INDEX["files"])
    assert sum(INDEX["files"].values()) == INDEX["count"]
