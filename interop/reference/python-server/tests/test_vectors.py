"""Every golden vector (vectors/README.md), in every dialect it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from Crypto.Cipher import PKCS1_OAEP
from Crypto.PublicKey import RSA

from backup_server import layout, paths, requests, responses
from backup_server.cksum import KINDS, ContentCksum, cksum
from backup_server.crypto import ContentDecryptor, read_public_key, wrap_key
from backup_server.dialect import Dialect
from backup_server.layout import WireError

from . import decoder, peer, vectors
from .peer import Writer

Json = dict[str, Any]
Decoder = Callable[[Dialect, Json, Json], tuple[Json, bytes]]


# ------------------------------------------------------------------------------------------------------------
# One function for each value of `decodes`. It gives the fields, and what the fields encode to.
# ------------------------------------------------------------------------------------------------------------


def request_header(dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    header = requests.parse_header(dialect, vectors.expand(test["bytes"]))
    encoded = Writer(dialect).request(header.client_id, header.code, b"", header.payload_size, header.version)
    return header_fields(header), encoded[: requests.header_size(dialect)]


def header_fields(header: requests.RequestHeader) -> Json:
    return {
        "client_id": header.client_id.hex(),
        "version": header.version,
        "code": header.code,
        "payload_size": header.payload_size,
    }


def response_header(dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    fields = decoder.Fields(dialect, vectors.expand(test["bytes"]))
    header = decoder.header(fields)
    fields.end()
    # The server writes no header alone: hers begin its responses, which are tested whole.
    return header, vectors.expand(test["bytes"])


def name_field(dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    # In a message the field has its size from the layout; here it is all there is.
    text = requests.parse_client_name(dialect, vectors.expand(test["bytes"]))
    return {"text": text}, layout.name_field(dialect, text)


def request(dialect: Dialect, group: Json, test: Json) -> tuple[Json, bytes]:
    data = vectors.expand(test["bytes"])
    head_size = requests.header_size(dialect)
    header = requests.parse_header(dialect, data[:head_size])
    kind = requests.check_header(dialect, header)
    if kind == "send_file":
        return send_file(dialect, group, header, data[head_size:])
    payload = taken(data[head_size:], header.payload_size, requests.request_padding(dialect, header))
    writer = Writer(dialect)
    fields: Json
    if kind in ("register", "reconnect"):
        name = requests.parse_client_name(dialect, payload)
        fields, encoded = {"name": name}, writer.name(name)
    elif kind == "send_public_key":
        key = requests.parse_send_public_key(dialect, payload)
        fields = {"name": key.name, "public_key": key.public_key.hex()}
        encoded = writer.name(key.name) + key.public_key
    else:
        verdict = requests.parse_verdict(dialect, header, payload)
        fields = {"client_id": verdict.client_id.hex(), "file_name": verdict.file_name}
        encoded = verdict.client_id[: writer.id_size] + writer.name(verdict.file_name)
        if not dialect.client_id_in_payload:
            del fields["client_id"]
    whole = writer.request(header.client_id, kind, encoded, header.payload_size, header.version)
    return {"header": header_fields(header), "payload": fields}, whole


def taken(data: bytes, size: int, padding: int = 0) -> bytes:
    """Take what the session reads off the stream, of a stream that ends here."""
    if len(data) < size + padding:
        raise WireError("truncated")
    if len(data) > size + padding:
        raise WireError("trailing-data")
    return data[:size]


def send_file(dialect: Dialect, group: Json, header: requests.RequestHeader, payload: bytes) -> tuple[Json, bytes]:
    size = requests.send_file_size(dialect)
    if len(payload) < size:
        raise WireError("truncated")
    file = requests.parse_send_file(dialect, header, payload[:size])
    fields: Json = {"client_id": file.client_id.hex()} if dialect.client_id_in_payload else {}
    fields["content_size"] = file.place.content_size
    if dialect.packets:
        fields.update(original_size=file.original_size, packet_number=file.place.number, packet_total=file.place.total)
    fields["file_name"] = file.file_name
    content = b""
    if group.get("part") == "fixed-fields":
        assert len(payload) == size
    else:
        content = taken(payload[size:], file.packet_content_size)
        fields["content"] = content.hex()
    encoded = Writer(dialect).send_file(
        file.client_id, content, file.file_name, file.original_size, content_size=file.place.content_size,
        number=file.place.number, total=file.place.total, announced=file.packet_content_size,
    )  # fmt: skip
    return {"header": header_fields(header), "payload": fields}, encoded


def response(dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    fields = decoder.decode(dialect, vectors.expand(test["bytes"]))
    return fields, encode_response(dialect, fields)


def encode_response(dialect: Dialect, fields: Json) -> bytes:
    """Let the server's encoders write a response."""
    code, payload = fields["header"]["code"], fields["payload"]
    client_id = bytes.fromhex(payload.get("client_id", ""))
    kind = {code: kind for kind, code in dialect.response_codes.items()}[code]
    if kind == "registered":
        return responses.registered(dialect, client_id)
    if kind == "refused":
        return responses.refusal(dialect, "register", client_id)
    if kind == "aes_key":
        return responses.aes_key(dialect, client_id, bytes.fromhex(payload["wrapped_key"]))
    if kind == "reconnected":
        return responses.reconnected(dialect, client_id, bytes.fromhex(payload["wrapped_key"]))
    if kind == "reconnect_refused":
        return responses.refusal(dialect, "reconnect", client_id)
    if kind == "general_error":
        return responses.refusal(dialect, None, client_id)
    if kind == "acknowledged":
        return responses.after_verdict(dialect, dialect.after_right.answer, client_id)
    return responses.file_received(
        dialect, client_id, payload.get("content_size", 0), payload["file_name"], payload["cksum"]
    )


def file_name(dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    text = requests.parse_client_name(dialect, vectors.expand(test["bytes"]))
    try:
        base = paths.base_name(text)
    except paths.BadFileName:
        raise WireError("bad-file-name") from None
    return {"text": text, "base_name": base}, layout.name_field(dialect, text)


def public_key(dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    key = read_public_key(vectors.expand(test["bytes"]), dialect.public_key_sizes)
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
        rest, padding = decryptor.finish()
        plain = b"".join(pieces) + rest
        assert peer.pad(plain)[len(plain) :] == padding
    return {"plaintext": plain.hex()}, peer.encrypt(key, plain) if isinstance(given, str) else b""


def file_cksum(dialect: Dialect, group: Json, test: Json) -> tuple[Json, bytes]:
    content = vectors.expand(test["bytes"])
    whole = ContentCksum(dialect.checksum, dialect.checksum_input)
    decryptor = ContentDecryptor(bytes.fromhex(group["aes_key"]))
    plain = b""
    for start in range(0, len(content), 24):
        whole.content(content[start : start + 24])
        plain += decryptor.update(content[start : start + 24])
    rest, padding = decryptor.finish()
    whole.plain(plain)
    whole.plain(rest)
    whole.padding(padding)
    return {"plaintext": (plain + rest).hex(), "cksum": whole.value()}, content


def checksum(dialect: Dialect, _group: Json, test: Json) -> tuple[Json, bytes]:
    data = vectors.expand(test["bytes"])
    whole = cksum(data, dialect.checksum)
    for size in (1, 7, 4096):
        if size == 1 and len(data) > 100_000:
            continue
        pieces = KINDS[dialect.checksum]()
        for start in range(0, len(data), size):
            pieces.update(data[start : start + size])
        assert pieces.value() == whole
    return {"cksum": whole}, data


DECODERS: dict[str, Decoder] = {
    "request-header": request_header,
    "response-header": response_header,
    "name-field": name_field,
    "file-name": file_name,
    "request": request,
    "response": response,
    "public-key": public_key,
    "wrapped-key": wrapped_key,
    "file-content": file_content,
    "file-cksum": file_cksum,
    "cksum": checksum,
}

INDEX = vectors.load("index.json")
# The others: test_transcripts.py, and test_packets.py, since packets need a whole session.
FILES = [file for file in INDEX["files"] if vectors.load(file)["decodes"] not in ("transcript", "packets")]


@pytest.mark.parametrize("file", FILES)
def test_file(file: str) -> None:
    content = vectors.load(file)
    decode = DECODERS[content["decodes"]]
    ran = 0
    for group in content["groups"]:
        assert group["dialects"]
        for number, (name, dialect) in enumerate(vectors.dialects(group)):
            for test in group["tests"]:
                try:
                    run(decode, dialect, group, test)
                except AssertionError as error:
                    raise AssertionError(f"{file} {test['id']} in {name}: {test['comment']}\n{error}") from None
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
    expected = dict(test["fields"])
    if "plaintext" in expected:
        expected["plaintext"] = vectors.expand(expected["plaintext"]).hex()
    assert fields == expected
    if test["result"] == "valid" and isinstance(test["bytes"], str):
        assert encoded.hex() == test["bytes"]


def test_every_file_is_in_the_index() -> None:
    files = {path.relative_to(vectors.FOLDER).as_posix() for path in vectors.FOLDER.rglob("*.json")}
    assert files - {"index.json"} == set(INDEX["files"])
    assert sum(INDEX["files"].values()) == INDEX["count"]


def test_every_test_of_every_dialect_is_run() -> None:
    """The index counts what each dialect has; the groups that are run come to as many, so none is left out."""
    counted: Counter[str] = Counter()
    for file in INDEX["files"]:
        for group in vectors.load(file)["groups"]:
            counted.update({name: len(group["tests"]) for name, _ in vectors.dialects(group)})
    assert dict(counted) == INDEX["dialects"]
