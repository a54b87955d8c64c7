"""A decoder and an encoder of the protocol for `confirm.py`, with nothing of the generators in it.

It works on slices and `int.from_bytes`, follows PROTOCOL.md section by section, and names errors by the slugs of
section 11. Plain JSON goes in and out: a dialect as it stands in its file, fields as they stand in the vectors.
"""

from __future__ import annotations

from typing import Any

Dialect = dict[str, Any]
Fields = dict[str, Any]

PAYLOAD_SIZES = {"register": 255, "send_public_key": 415, "cksum_right": 271, "cksum_wrong": 271, "give_up": 271}
SEND_FILE_FIXED = 275


class RefusedError(Exception):
    """Bytes that are refused, for the reason `slug`."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class Bytes:
    """What is left to be read."""

    def __init__(self, raw: bytes) -> None:
        self.left = raw

    def take(self, size: int) -> bytes:
        if len(self.left) < size:
            raise RefusedError("truncated")
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def name(self) -> str:
        text, nul, _ = self.take(255).partition(b"\0")
        if not nul:
            raise RefusedError("unterminated-name")
        if not text:
            raise RefusedError("empty-name")
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError:
            raise RefusedError("name-not-utf8") from None

    def finish(self) -> None:
        if self.left:
            raise RefusedError("trailing-data")


# Decoding


def request_header(data: Bytes) -> Fields:
    return {
        "client_id": data.take(16).hex(),
        "version": data.number(1),
        "code": data.number(2),
        "payload_size": data.number(4),
    }


def response_header(dialect: Dialect, data: Bytes) -> Fields:
    return {
        "version": data.number(1),
        "code": data.number(2),
        "payload_size": data.number(dialect["response_size_width"]),
    }


def request(dialect: Dialect, raw: bytes, *, fixed_fields_only: bool = False) -> Fields:
    data = Bytes(raw)
    header = request_header(data)
    message = named(dialect["request_codes"], header["code"])
    size = header["payload_size"]
    if size != PAYLOAD_SIZES.get(message, size) or (message == "send_file" and size < SEND_FILE_FIXED):
        raise RefusedError("payload-size")
    payload: Fields = {}
    if message in ("register", "send_public_key"):
        payload["name"] = data.name()
        if message == "send_public_key":
            payload["public_key"] = data.take(160).hex()
    else:
        payload["client_id"] = data.take(16).hex()
        if payload["client_id"] != header["client_id"]:
            raise RefusedError("client-id-mismatch")
        if message == "send_file":
            payload["content_size"] = content_size(data.number(4), size)
        payload["file_name"] = data.name()
        if message == "send_file" and not fixed_fields_only:
            payload["content"] = data.take(payload["content_size"]).hex()
    data.finish()
    return {"header": header, "payload": payload}


def content_size(stated: int, payload_size: int) -> int:
    if SEND_FILE_FIXED + stated != payload_size:
        raise RefusedError("content-size-mismatch")
    if stated == 0 or stated % 16:
        raise RefusedError("content-not-blocks")
    return stated


def response(dialect: Dialect, raw: bytes) -> Fields:
    data = Bytes(raw)
    header = response_header(dialect, data)
    message = named(dialect["response_codes"], header["code"])
    width = dialect["cksum_width"]
    sizes = {
        "registered": (16,),
        "refused": (16,) if dialect["refused_payload"] == "client-id" else (0, 16),
        "aes_key": (144,),
        "file_received": (275 + width,),
        "acknowledged": (0, 16),
    }[message]
    if header["payload_size"] not in sizes:
        raise RefusedError("payload-size")
    payload: Fields = {}
    if header["payload_size"]:
        payload["client_id"] = data.take(16).hex()
    if message == "aes_key":
        payload["wrapped_key"] = data.take(128).hex()
    if message == "file_received":
        payload["content_size"] = data.number(4)
        payload["file_name"] = data.name()
        payload["cksum"] = data.number(4)
        if any(data.take(width - 4)):
            raise RefusedError("cksum-padding")
    data.finish()
    return {"header": header, "payload": payload}


def named(codes: dict[str, int], code: int) -> str:
    for name, value in codes.items():
        if value == code:
            return name
    raise RefusedError("unknown-code")


# Encoding


def encoded_request(dialect: Dialect, fields: Fields) -> bytes:
    return encoded_request_header(fields["header"]) + encoded_payload(dialect, fields["payload"])


def encoded_response(dialect: Dialect, fields: Fields) -> bytes:
    return encoded_response_header(dialect, fields["header"]) + encoded_payload(dialect, fields["payload"])


def encoded_request_header(fields: Fields) -> bytes:
    return bytes.fromhex(fields["client_id"]) + _numbers(
        (fields["version"], 1), (fields["code"], 2), (fields["payload_size"], 4)
    )


def encoded_response_header(dialect: Dialect, fields: Fields) -> bytes:
    width = dialect["response_size_width"]
    return _numbers((fields["version"], 1), (fields["code"], 2), (fields["payload_size"], width))


def encoded_name(text: str) -> bytes:
    raw = text.encode("utf-8")
    return raw + bytes(255 - len(raw))


def encoded_payload(dialect: Dialect, fields: Fields) -> bytes:
    """The members in the order in which every payload has them."""
    out = b""
    for member in ("client_id", "wrapped_key", "name", "public_key", "content_size", "file_name", "cksum", "content"):
        if member not in fields:
            continue
        value = fields[member]
        if member in ("name", "file_name"):
            out += encoded_name(value)
        elif member == "content_size":
            out += _numbers((value, 4))
        elif member == "cksum":
            out += _numbers((value, dialect["cksum_width"]))
        else:
            out += bytes.fromhex(value)
    return out


def _numbers(*pairs: tuple[int, int]) -> bytes:
    return b"".join(value.to_bytes(size, "little") for value, size in pairs)


# The public key field


def public_key(raw: bytes) -> Fields:
    """Modulus and exponent of a SubjectPublicKeyInfo in DER (PROTOCOL.md 4.1)."""
    if len(raw) != 160:
        raise RefusedError("public-key-size")
    outer, rest = _value(raw, 0x30)
    algorithm, key = _value(outer, 0x30)
    bits, more = _value(key, 0x03)
    inner, tail = _value(bits[1:], 0x30)
    modulus, after = _value(inner, 0x02)
    exponent, end = _value(after, 0x02)
    rsa_encryption_and_null = bytes.fromhex("06092a864886f70d0101010500")
    if rest or more or tail or end or bits[0] != 0 or algorithm != rsa_encryption_and_null:
        raise RefusedError("public-key-der")
    n, e = _positive(modulus), _positive(exponent)
    if n.bit_length() != 1024:
        raise RefusedError("public-key-modulus")
    if e % 2 == 0 or not 3 <= e <= 127:
        raise RefusedError("public-key-exponent")
    return {"modulus": f"{n:x}", "exponent": e}


def _value(raw: bytes, tag: int) -> tuple[bytes, bytes]:
    """The value of the first element, and what follows it."""
    if len(raw) < 2 or raw[0] != tag:
        raise RefusedError("public-key-der")
    size, start = raw[1], 2
    if size == 0x81 and len(raw) > 2 and raw[2] >= 128:
        size, start = raw[2], 3
    elif size >= 128:
        raise RefusedError("public-key-der")
    if not size or len(raw) < start + size:
        raise RefusedError("public-key-der")
    return raw[start : start + size], raw[start + size :]


def _positive(raw: bytes) -> int:
    if raw[0] >= 128 or (len(raw) > 1 and raw[0] == 0 and raw[1] < 128):
        raise RefusedError("public-key-der")
    return int.from_bytes(raw, "big")
