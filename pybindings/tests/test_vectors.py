"""The golden vectors (vectors/README.md): every test of every file, in every dialect of its group."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any, Callable, NamedTuple

import backup_protocol as bp
import pytest
from paths import VECTORS

Fields = dict[str, Any]

REQUESTS: dict[str, type[bp.Request]] = {
    "register": bp.Register,
    "send_public_key": bp.SendPublicKey,
    "send_file": bp.SendFile,
    "cksum_right": bp.CksumRight,
    "cksum_wrong": bp.CksumWrong,
    "give_up": bp.GiveUp,
}
RESPONSES: dict[str, type[bp.Response]] = {
    "registered": bp.Registered,
    "refused": bp.Refused,
    "aes_key": bp.WrappedKey,
    "file_received": bp.FileReceived,
    "acknowledged": bp.Acknowledged,
}
# Their payload does not repeat the client ID.
HEADER_ONLY = (bp.Register, bp.SendPublicKey)
HEX = {"client_id", "public_key", "wrapped_key"}


class Case(NamedTuple):
    file: str
    decodes: str
    group: Fields
    test: Fields
    dialect: bp.Dialect


def load(name: str) -> Fields:
    data: Fields = json.loads((VECTORS / "v1" / name).read_text(encoding="ascii"))
    return data


INDEX: dict[str, int] = load("index.json")["files"]
FILES = {name: load(name) for name in INDEX}
# RFC 8017 refuses an encoding whose first byte is not 0. The crate `rsa` does not look at it, on purpose: telling that
# failure from others is Manger's attack, and the rest of the padding is checked.
TAKEN = {("wrapped_key.json", "first-byte-1")}

CASES = [
    Case(name, file["decodes"], group, test, bp.Dialect(dialect))
    for name, file in FILES.items()
    for group in file["groups"]
    for dialect in group["dialects"]
    for test in group["tests"]
]


def pattern(described: str | Fields) -> bytes:
    """Hex, or large data that is described (vectors/README.md, Patterns)."""
    if isinstance(described, str):
        return bytes.fromhex(described)
    size: int = described["size"]
    unit: bytes = {"counting": bytes(range(251)), "zeros": bytes(1)}[described["pattern"]]
    data = (unit * (size // len(unit) + 1))[:size]
    assert hashlib.sha256(data).hexdigest() == described["sha256"]
    return data


def plain(value: object) -> object:
    """A field as the vectors write it."""
    if isinstance(value, bp.ClientId):
        return value.reveal_hex()
    return value.hex() if isinstance(value, bytes) else value


def fields_of(message: bp.Request | bp.Response) -> Fields:
    names = [name for name in message.__match_args__ if not (name == "client_id" and isinstance(message, HEADER_ONLY))]  # type: ignore[union-attr]
    values = {name: plain(getattr(message, name)) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def header_of(header: bp.RequestHeader | bp.ResponseHeader) -> Fields:
    fields = {"version": header.version, "code": header.code, "payload_size": header.payload_size}
    return {"client_id": plain(header.client_id), **fields} if isinstance(header, bp.RequestHeader) else fields


def arguments(fields: Fields) -> Fields:
    return {name: bytes.fromhex(value) if name in HEX else value for name, value in fields.items()}


# --- one decoder and one encoder for each kind of input -----------------------------------------


def decode_request(case: Case, data: bytes) -> Fields:
    content = case.group.get("part") != "fixed-fields"
    message = bp.Request.decode(data, dialect=case.dialect, content=content)
    header = bp.RequestHeader.decode(data[: bp.RequestHeader.SIZE], dialect=case.dialect)
    assert header.check(dialect=case.dialect) is type(message)
    payload = fields_of(message)
    if content and isinstance(message, bp.SendFile):
        payload["content"] = data[-message.content_size :].hex()
    return {"header": header_of(header), "payload": payload}


def encode_request(case: Case, fields: Fields) -> bytes:
    header, payload = fields["header"], dict(fields["payload"])
    content = bytes.fromhex(payload.pop("content", ""))
    names = {code: name for name, code in case.dialect.request_codes.items()}
    given = arguments({**payload, "client_id": header["client_id"], "version": header["version"]})
    message: Any = REQUESTS[names[header["code"]]](**given)
    return bytes(message.encode(dialect=case.dialect)) + content


def decode_response(case: Case, data: bytes) -> Fields:
    message = bp.Response.decode(data, dialect=case.dialect)
    header = bp.ResponseHeader.decode(data[: case.dialect.response_header_size], dialect=case.dialect)
    assert header.check(dialect=case.dialect) is type(message)
    return {"header": header_of(header), "payload": fields_of(message)}


def encode_response(case: Case, fields: Fields) -> bytes:
    header, payload = fields["header"], fields["payload"]
    names = {code: name for name, code in case.dialect.response_codes.items()}
    message: Any = RESPONSES[names[header["code"]]](**arguments({**payload, "version": header["version"]}))
    return bytes(message.encode(dialect=case.dialect))


def decode_request_header(case: Case, data: bytes) -> Fields:
    return header_of(bp.RequestHeader.decode(data, dialect=case.dialect))


def encode_request_header(case: Case, fields: Fields) -> bytes:
    return bp.RequestHeader(**arguments(fields)).encode(dialect=case.dialect)


def decode_response_header(case: Case, data: bytes) -> Fields:
    return header_of(bp.ResponseHeader.decode(data, dialect=case.dialect))


def encode_response_header(case: Case, fields: Fields) -> bytes:
    return bp.ResponseHeader(**fields).encode(dialect=case.dialect)


def decode_name(_: Case, data: bytes) -> Fields:
    return {"text": bp.decode_name(data)}


def encode_name(_: Case, fields: Fields) -> bytes:
    return bp.encode_name(fields["text"])


def decode_public_key(_: Case, data: bytes) -> Fields:
    der = bytes(bp.PublicKey(data))
    # Of a key that was accepted, all 160 bytes but these are constant.
    assert der[:29] == bytes.fromhex("30819d300d06092a864886f70d010101050003818b0030818702818100")
    return {"modulus": der[29:157].hex(), "exponent": der[159]}


def decode_wrapped_key(case: Case, data: bytes) -> Fields:
    pair = bp.KeyPair.from_der(bytes.fromhex(case.group["private_key"]))
    assert bytes(pair.public_key).hex() == case.group["public_key"]
    key = pair.unwrap(data)
    assert pair.unwrap(pair.public_key.wrap(key)) == key
    return {"aes_key": key.hex()}


def decode_cksum(_: Case, data: bytes) -> Fields:
    cksum = bp.Cksum()
    for start in range(0, len(data), 100_003):
        cksum.update(data[start : start + 100_003])
    assert cksum.finish() == bp.cksum(data)
    return {"cksum": bp.cksum(data)}


DECODERS: dict[str, Callable[[Case, bytes], Fields]] = {
    "request": decode_request,
    "response": decode_response,
    "request-header": decode_request_header,
    "response-header": decode_response_header,
    "name-field": decode_name,
    "public-key": decode_public_key,
    "wrapped-key": decode_wrapped_key,
    "cksum": decode_cksum,
}
ENCODERS: dict[str, Callable[[Case, Fields], bytes]] = {
    "request": encode_request,
    "response": encode_response,
    "request-header": encode_request_header,
    "response-header": encode_response_header,
    "name-field": encode_name,
}


def run_message(case: Case) -> None:
    data = pattern(case.test["bytes"])
    if case.test["result"] == "invalid":
        with pytest.raises(bp.BackupProtocolError) as caught:
            DECODERS[case.decodes](case, data)
        assert caught.value.slug in {case.test["error"], *case.test.get("aliases", [])}
        return
    fields = case.test["fields"]
    assert DECODERS[case.decodes](case, data) == fields
    if case.test["result"] == "valid" and case.decodes in ENCODERS:
        assert ENCODERS[case.decodes](case, fields) == data


def run_content(case: Case) -> None:
    key = bytes.fromhex(case.group["aes_key"])
    test = case.test
    if test["result"] == "invalid":
        data = pattern(test["bytes"])
        ways: list[Callable[[], bytes]] = [lambda: bp.decrypt(key, data), lambda: stream(bp.Decryptor(key), data)]
        for decrypt in ways:
            with pytest.raises(bp.CryptoError) as caught:
                decrypt()
            assert caught.value.slug in {test["error"], *test.get("aliases", [])}
        return
    plaintext = pattern(test["fields"]["plaintext"])
    content = bp.encrypt(key, plaintext)
    if isinstance(test["bytes"], dict):
        assert test["bytes"]["pattern"] == "encrypted"
        assert len(content) == test["bytes"]["size"]
        assert hashlib.sha256(content).hexdigest() == test["bytes"]["sha256"]
        expected = content
    else:
        expected = bytes.fromhex(test["bytes"])
    if test["result"] == "valid":
        assert content == expected
        assert stream(bp.Encryptor(key), plaintext) == expected
    assert bp.decrypt(key, expected) == plaintext
    assert stream(bp.Decryptor(key), expected) == plaintext


def stream(cipher: bp.Encryptor | bp.Decryptor, data: bytes) -> bytes:
    chunks = [cipher.update(data[start : start + 4093]) for start in range(0, len(data), 4093)]
    return b"".join([*chunks, cipher.finish()])


def run_transcript(case: Case) -> None:
    """Every message as a codec makes it from the injected values (vectors/README.md, way 1)."""
    group = case.group
    key = bytes.fromhex(group["aes_key"])
    pair = bp.KeyPair.from_der(bytes.fromhex(group["private_key"]))
    plaintext = pattern(group["file"]["plaintext"])
    assert bp.cksum(plaintext) == group["file"]["cksum"]
    received = b""
    messages = 0
    for step in case.test["steps"]:
        if step["event"] != "message":
            continue
        messages += 1
        data, delivered = (bytes.fromhex(step.get(name, step["bytes"])) for name in ("bytes", "delivered"))
        kind = "request" if step["from"] == "client" else "response"
        assert DECODERS[kind](case, data) == step["fields"]
        assert ENCODERS[kind](case, step["fields"]) == data
        message = (bp.Request if kind == "request" else bp.Response).decode(delivered, dialect=case.dialect)
        if isinstance(message, bp.SendPublicKey):
            assert bp.PublicKey(message.public_key) == pair.public_key
        elif isinstance(message, bp.WrappedKey):
            assert pair.unwrap(message.wrapped_key) == key
        elif isinstance(message, bp.SendFile):
            assert data[-message.content_size :] == bp.encrypt(key, plaintext)
            received = bp.decrypt(key, delivered[-message.content_size :])
        elif isinstance(message, bp.FileReceived):
            assert message.cksum == bp.cksum(received)
    assert messages > 3


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.xfail(reason="taken on purpose"))
        if (case.file, case.test["id"]) in TAKEN
        else case
        for case in CASES
    ],
    ids=[f"{case.file.removesuffix('.json')}-{case.test['id']}-{case.dialect.name}" for case in CASES],
)
def test_vector(case: Case) -> None:
    run = {"file-content": run_content, "transcript": run_transcript}.get(case.decodes, run_message)
    run(case)


@pytest.mark.parametrize("file", sorted(INDEX))
def test_every_vector_of_the_file_is_run(file: str) -> None:
    ids = Counter((case.test["id"], case.dialect.name) for case in CASES if case.file == file)
    assert set(ids.values()) == {1}
    assert len({name for name, _ in ids}) == INDEX[file] == FILES[file]["count"]


def test_every_file_is_listed() -> None:
    folder = VECTORS / "v1"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.json")} - {"index.json"}
    assert found == set(INDEX)
    assert sum(INDEX.values()) == load("index.json")["count"]
