"""The golden vectors (vectors/README.md): every test of every file, in every dialect of its group."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import backup_protocol as bp
import pytest
from paths import VECTORS

Fields = dict[str, Any]

REQUESTS: dict[str, type[bp.Request]] = {
    "register": bp.Register,
    "send_public_key": bp.SendPublicKey,
    "reconnect": bp.Reconnect,
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
    "reconnected": bp.Reconnected,
    "reconnect_refused": bp.ReconnectRefused,
    "general_error": bp.GeneralError,
}
# Their payload does not repeat the client ID in any dialect.
HEADER_ONLY = (bp.Register, bp.SendPublicKey, bp.Reconnect)
# What the vectors call the members of a packet.
PACKET = {"original_size": "original_size", "packet_number": "number", "packet_total": "total"}
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


EDITION: Fields = load("index.json")
INDEX: dict[str, int] = EDITION["files"]
FILES = {name: load(name) for name in INDEX}
# RFC 8017 refuses an encoding whose first byte is not 0. The crate `rsa` does not look at it, on purpose: telling that
# failure from others is Manger's attack, and the rest of the padding is checked.
TAKEN = {("wrapped_key.json", "first-byte-1")}


def dialect_of(group: Fields, name: str) -> bp.Dialect:
    """What the name means, which is what the members of the group make of the file."""
    dialect = bp.Dialect(name)
    if "modifiers" in group:
        parameters: Fields = json.loads((VECTORS / "dialects" / f"{group['base']}.json").read_text(encoding="ascii"))
        assert dialect == bp.Dialect.from_json(json.dumps({**parameters, **group["modifiers"]}))
    return dialect


CASES = [
    Case(name, file["decodes"], group, test, dialect_of(group, dialect))
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


def fields_of(message: bp.Request | bp.Response, dialect: bp.Dialect) -> Fields:
    names: tuple[str, ...] = message.__match_args__  # type: ignore[union-attr]
    in_header = isinstance(message, bp.Request) and not dialect.client_id_in_payload
    if in_header or isinstance(message, HEADER_ONLY):
        names = tuple(name for name in names if name != "client_id")
    values = {name: plain(getattr(message, name)) for name in names if name != "packet"}
    if isinstance(message, bp.SendFile) and message.packet is not None:
        values.update({name: getattr(message.packet, attribute) for name, attribute in PACKET.items()})
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
    header = bp.RequestHeader.decode(data[: case.dialect.request_header_size], dialect=case.dialect)
    assert header.check(dialect=case.dialect) is type(message)
    payload = fields_of(message, case.dialect)
    if content and isinstance(message, bp.SendFile):
        payload["content"] = content_of(message, data).hex()
    return {"header": header_of(header), "payload": payload}


def content_of(message: bp.SendFile, data: bytes) -> bytes:
    size = message.content_size if message.packet is None else message.packet.size
    return data[len(data) - size :]


def encode_request(case: Case, fields: Fields) -> bytes:
    header, payload = fields["header"], dict(fields["payload"])
    content = bytes.fromhex(payload.pop("content", ""))
    names = {code: name for name, code in case.dialect.request_codes.items()}
    given = arguments({**payload, "client_id": header["client_id"], "version": header["version"]})
    packet = {attribute: given.pop(name) for name, attribute in PACKET.items() if name in given}
    if packet:
        fixed_size = bp.RequestHeader(**arguments(header)).rest_size(dialect=case.dialect)
        given["packet"] = bp.Packet(**packet, size=header["payload_size"] - fixed_size)
    message: Any = REQUESTS[names[header["code"]]](**given)
    return bytes(message.encode(dialect=case.dialect)) + content


def decode_response(case: Case, data: bytes) -> Fields:
    message = bp.Response.decode(data, dialect=case.dialect)
    header = bp.ResponseHeader.decode(data[: case.dialect.response_header_size], dialect=case.dialect)
    assert header.check(dialect=case.dialect) is type(message)
    return {"header": header_of(header), "payload": fields_of(message, case.dialect)}


def encode_response(case: Case, fields: Fields) -> bytes:
    header, payload = fields["header"], fields["payload"]
    names = {code: name for name, code in case.dialect.response_codes.items()}
    kind = RESPONSES[names[header["code"]]]
    given = arguments({**payload, "version": header["version"]})
    if kind is bp.FileReceived:
        given = {"client_id": None, "content_size": None, **given}
    message: Any = kind(**given)
    return bytes(message.encode(dialect=case.dialect))


def decode_request_header(case: Case, data: bytes) -> Fields:
    return header_of(bp.RequestHeader.decode(data, dialect=case.dialect))


def encode_request_header(case: Case, fields: Fields) -> bytes:
    return bp.RequestHeader(**arguments(fields)).encode(dialect=case.dialect)


def decode_response_header(case: Case, data: bytes) -> Fields:
    return header_of(bp.ResponseHeader.decode(data, dialect=case.dialect))


def encode_response_header(case: Case, fields: Fields) -> bytes:
    return bp.ResponseHeader(**fields).encode(dialect=case.dialect)


def decode_name(case: Case, data: bytes) -> Fields:
    return {"text": bp.decode_name(data, dialect=case.dialect)}


def encode_name(case: Case, fields: Fields) -> bytes:
    return bp.encode_name(fields["text"], dialect=case.dialect)


class BadFileNameError(bp.BackupProtocolError):
    """What `base_name` says with `None`."""


def decode_file_name(case: Case, data: bytes) -> Fields:
    text = bp.decode_name(data, dialect=case.dialect)
    base_name = bp.base_name(text)
    if base_name is None:
        raise BadFileNameError(text, slug="bad-file-name")
    return {"text": text, "base_name": base_name}


def decode_public_key(case: Case, data: bytes) -> Fields:
    der = bytes(bp.PublicKey(data, dialect=case.dialect))
    # Of a key that was accepted, all bytes but modulus and exponent are constant.
    head = {160: "30819d300d06092a864886f70d010101050003818b00308187028181", 162: None}[len(der)]
    assert head is None or der[:28].hex() == head
    exponent = der[157:]
    assert exponent[:2] == bytes([2, len(exponent) - 2])
    return {"modulus": der[29:157].hex(), "exponent": int.from_bytes(exponent[2:], "big")}


def decode_wrapped_key(case: Case, data: bytes) -> Fields:
    pair = bp.KeyPair.from_der(bytes.fromhex(case.group["private_key"]))
    assert bytes(pair.public_key).hex() == case.group["public_key"]
    key = pair.unwrap(data)
    assert pair.unwrap(pair.public_key.wrap(key)) == key
    return {"aes_key": key.hex()}


def decode_cksum(case: Case, data: bytes) -> Fields:
    cksum = bp.Cksum(dialect=case.dialect)
    for start in range(0, len(data), 100_003):
        cksum.update(data[start : start + 100_003])
    assert cksum.finish() == bp.cksum(data, dialect=case.dialect)
    return {"cksum": cksum.finish()}


def file_cksum(dialect: bp.Dialect, plaintext: bytes, content: bytes) -> int:
    cksum = bp.FileCksum(dialect=dialect)
    for start in range(0, len(content), 4093):
        cksum.plain(plaintext[start : start + 4093])
        cksum.content(content[start : start + 4093])
    return cksum.finish()


def decode_file_cksum(case: Case, data: bytes) -> Fields:
    plaintext = bp.decrypt(bytes.fromhex(case.group["aes_key"]), data)
    return {"plaintext": plaintext.hex(), "cksum": file_cksum(case.dialect, plaintext, data)}


DECODERS: dict[str, Callable[[Case, bytes], Fields]] = {
    "request": decode_request,
    "response": decode_response,
    "request-header": decode_request_header,
    "response-header": decode_response_header,
    "name-field": decode_name,
    "public-key": decode_public_key,
    "wrapped-key": decode_wrapped_key,
    "cksum": decode_cksum,
    "file-cksum": decode_file_cksum,
    "file-name": decode_file_name,
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
    sent = bp.encrypt(key, plaintext)
    assert file_cksum(case.dialect, plaintext, sent) == group["file"]["cksum"]
    content = b""
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
        elif isinstance(message, (bp.WrappedKey, bp.Reconnected)):
            assert pair.unwrap(message.wrapped_key) == key
        elif isinstance(message, bp.SendFile):
            if message.packet is None or message.packet.number == 1:
                content = b""
            before = len(content)
            part = content_of(message, data)
            assert part == sent[before : before + len(part)]
            content += content_of(message, delivered)
        elif isinstance(message, bp.FileReceived):
            assert message.cksum == file_cksum(case.dialect, bp.decrypt(key, content), content)
    assert messages > 3 or group["client"].get("taken")


def run_packets(case: Case) -> None:
    """What the codec says of each packet; that they come in order is for a server to see."""
    content = b""
    for step in case.test["messages"]:
        data = bytes.fromhex(step["bytes"])
        if step["outcome"] not in ("more", "complete"):
            continue
        message = bp.Request.decode(data, dialect=case.dialect)
        assert isinstance(message, bp.SendFile)
        assert message.packet is not None
        if message.packet.number == 1:
            content = b""
        content += content_of(message, data)
        assert (message.packet.number == message.packet.total) == (step["outcome"] == "complete")
    fields = case.test.get("fields")
    if fields is not None:
        assert isinstance(message, bp.SendFile)
        assert message.packet is not None
        plaintext = bp.decrypt(bytes.fromhex(case.group["aes_key"]), content)
        assert (content.hex(), plaintext.hex()) == (fields["content"], fields["plaintext"])
        assert (message.file_name, message.content_size) == (fields["file_name"], fields["content_size"])
        assert message.packet.original_size == fields["original_size"] == len(plaintext)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.xfail(reason="taken on purpose"))
        if (case.file, case.test["id"]) in TAKEN
        else case
        for case in CASES
    ],
    ids=[f"{case.file.removesuffix('.json')}-{case.test['id']}-{case.dialect}" for case in CASES],
)
def test_vector(case: Case) -> None:
    runs = {"file-content": run_content, "transcript": run_transcript, "packets": run_packets}
    run = runs.get(case.decodes, run_message)
    run(case)


@pytest.mark.parametrize("file", sorted(INDEX))
def test_every_vector_of_the_file_is_run(file: str) -> None:
    ids = Counter((case.test["id"], str(case.dialect)) for case in CASES if case.file == file)
    assert set(ids.values()) == {1}
    assert len({name for name, _ in ids}) == INDEX[file] == FILES[file]["count"]


def test_every_file_is_listed() -> None:
    folder = VECTORS / "v1"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.json")} - {"index.json"}
    assert found == set(INDEX)
    assert sum(INDEX.values()) == EDITION["count"]


def test_every_dialect_is_run_as_often_as_the_index_says() -> None:
    run = Counter(
        name
        for file in FILES.values()
        for group in file["groups"]
        for name in group["dialects"]
        for _ in group["tests"]
    )
    assert dict(run) == EDITION["dialects"]
    assert sum(run.values()) == len(CASES)
