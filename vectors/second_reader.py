"""A decoder and an encoder of the protocol for `confirm.py`, with nothing of the generators in it.

It works on slices and `int.from_bytes`, follows PROTOCOL.md section by section, and names errors by the slugs of
section 11. Plain JSON goes in and out: a dialect as it stands in its file, fields as they stand in the vectors.
"""

from __future__ import annotations

from typing import Any

Dialect = dict[str, Any]
Fields = dict[str, Any]


class RefusedError(Exception):
    """Bytes that are refused, for the reason `slug`."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class Bytes:
    """What is left to be read, in the dialect's byte order and width of names."""

    def __init__(self, dialect: Dialect, raw: bytes) -> None:
        self.dialect = dialect
        self.size = len(raw)
        self.left = raw

    def take(self, size: int) -> bytes:
        if len(self.left) < size:
            raise RefusedError("truncated")
        taken, self.left = self.left[:size], self.left[size:]
        return taken

    def number(self, size: int, order: str = "byte_order") -> int:
        return int.from_bytes(self.take(size), self.dialect[order])

    def name(self) -> str:
        text, nul, _ = self.take(self.dialect["name_width"]).partition(b"\0")
        if not nul:
            raise RefusedError("unterminated-name")
        if not text:
            raise RefusedError("empty-name")
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError:
            raise RefusedError("name-not-utf8") from None

    def padding(self, least: int) -> None:
        """Reads over what fills a message up to `least` bytes."""
        read = self.size - len(self.left)
        self.take(max(0, least - read))

    def finish(self) -> None:
        if self.left:
            raise RefusedError("trailing-data")


# Headers


def request_header(data: Bytes) -> Fields:
    return {"client_id": data.take(16).hex(), **_header(data, 4)}


def response_header(data: Bytes) -> Fields:
    return _header(data, data.dialect["response_size_width"])


def _header(data: Bytes, width: int) -> Fields:
    version = data.number(1)
    data.take(gap(data.dialect))
    return {"version": version, "code": data.number(2), "payload_size": data.number(width)}


def gap(dialect: Dialect) -> int:
    """Bytes between version and code."""
    return 1 if dialect["alignment"] == "natural" else 0


def request_header_size(dialect: Dialect) -> int:
    return 23 + gap(dialect)


def response_header_size(dialect: Dialect) -> int:
    return 3 + gap(dialect) + int(dialect["response_size_width"])


# Requests


def fixed_size(dialect: Dialect) -> int:
    """Bytes of 1103 before its content: 275 in `seed`."""
    width = 4 + int(dialect["name_width"])
    if dialect["client_id_in_payload"]:
        width += 16
    if dialect["packets"]:
        width += 4 + 2 + 2
    return width


def request(dialect: Dialect, raw: bytes, *, fixed_fields_only: bool = False) -> Fields:
    data = Bytes(dialect, raw)
    header = request_header(data)
    message = named(dialect["request_codes"], header["code"])
    size = header["payload_size"]
    check_request_size(dialect, message, size)
    payload: Fields = {}
    if message in ("register", "reconnect"):
        payload["name"] = data.name()
    elif message == "send_public_key":
        payload["name"] = data.name()
        payload["public_key"] = data.take(size - dialect["name_width"]).hex()
    else:
        if dialect["client_id_in_payload"]:
            payload["client_id"] = data.take(16).hex()
            if payload["client_id"] != header["client_id"]:
                raise RefusedError("client-id-mismatch")
        if message == "send_file":
            payload.update(sizes(data, size - fixed_size(dialect)))
        payload["file_name"] = data.name()
        if message == "send_file" and not fixed_fields_only:
            payload["content"] = data.take(size - fixed_size(dialect)).hex()
    if message != "send_file":
        data.padding(dialect["request_padding"])
    data.finish()
    return {"header": header, "payload": payload}


def check_request_size(dialect: Dialect, message: str, size: int) -> None:
    name = dialect["name_width"]
    if message == "send_file":
        possible = size >= fixed_size(dialect)
    elif message == "send_public_key":
        possible = size - name in dialect["public_key_sizes"]
    elif message in ("register", "reconnect"):
        possible = size == name
    else:
        possible = size == name + (16 if dialect["client_id_in_payload"] else 0)
    if not possible:
        raise RefusedError("payload-size")


def sizes(data: Bytes, left: int) -> Fields:
    """Content size and, in packets, original size, number and total. `left` is what the payload has for content."""
    content_size = data.number(4)
    if not data.dialect["packets"]:
        if content_size != left:
            raise RefusedError("content-size-mismatch")
        check_blocks(content_size)
        return {"content_size": content_size}
    check_blocks(content_size)
    original_size = data.number(4)
    if original_size + 16 - original_size % 16 != content_size:
        raise RefusedError("content-size-mismatch")
    return {
        "content_size": content_size,
        "original_size": original_size,
        "packet_number": data.number(2, "packet_byte_order"),
        "packet_total": data.number(2, "packet_byte_order"),
    }


def check_blocks(size: int) -> None:
    if size == 0 or size % 16:
        raise RefusedError("content-not-blocks")


# Responses


def response(dialect: Dialect, raw: bytes) -> Fields:
    data = Bytes(dialect, raw)
    header = response_header(data)
    message = named(dialect["response_codes"], header["code"])
    size = payload_length(dialect, message, header["payload_size"])
    payload: Fields = {}
    if message == "file_received":
        payload = file_received(data)
    elif size:
        payload["client_id"] = data.take(16).hex()
        if size > 16:
            payload["wrapped_key"] = data.take(128).hex()
    data.padding(dialect["response_padding"])
    data.finish()
    return {"header": header, "payload": payload}


def file_received(data: Bytes) -> Fields:
    payload: Fields = {}
    for member in data.dialect["file_received_fields"]:
        if member == "client_id":
            payload[member] = data.take(16).hex()
        elif member == "file_name":
            payload[member] = data.name()
        elif member == "content_size":
            payload[member] = data.number(4)
        else:
            payload[member] = data.number(4)
            if any(data.take(data.dialect["cksum_width"] - 4)):
                raise RefusedError("cksum-padding")
    return payload


def payload_length(dialect: Dialect, message: str, stated: int) -> int:
    """Bytes of payload of a response that states this size, by what a size counts in the dialect."""
    possible = {length: stated_size(dialect, length) for length in lengths(dialect, message)}
    for length, size in possible.items():
        if size == stated:
            return length
    raise RefusedError("payload-size")


def stated_size(dialect: Dialect, length: int) -> int:
    header = response_header_size(dialect)
    return {
        "payload": length,
        "message": header + length,
        "padded": max(header + length, int(dialect["response_padding"])) - header,
    }[dialect["size_counts"]]


def lengths(dialect: Dialect, message: str) -> tuple[int, ...]:
    """The payloads that the message may have, what the dialect sends first."""
    if message == "refused":
        return (16, 0) if dialect["refused_payload"] == "client-id" else (0, 16)
    if message == "acknowledged":
        return (16, 0) if dialect["after_right"]["answer"] == "acknowledged-with-id" else (0, 16)
    if message in ("aes_key", "reconnected"):
        return (144,)
    if message == "file_received":
        widths = {
            "client_id": 16,
            "content_size": 4,
            "file_name": dialect["name_width"],
            "cksum": dialect["cksum_width"],
        }
        return (sum(int(widths[member]) for member in dialect["file_received_fields"]),)
    return (0,) if message == "general_error" else (16,)


def named(codes: dict[str, int], code: int) -> str:
    for name, value in codes.items():
        if value == code:
            return name
    raise RefusedError("unknown-code")


# Encoding


def encoded_request(dialect: Dialect, fields: Fields) -> bytes:
    whole = encoded_request_header(dialect, fields["header"]) + encoded_payload(dialect, fields["payload"])
    if fields["header"]["code"] == dialect["request_codes"]["send_file"]:
        return whole
    return whole + bytes(max(0, dialect["request_padding"] - len(whole)))


def encoded_response(dialect: Dialect, fields: Fields) -> bytes:
    whole = encoded_response_header(dialect, fields["header"])
    if fields["header"]["code"] == dialect["response_codes"]["file_received"]:
        for member in dialect["file_received_fields"]:
            whole += encoded_payload(dialect, {member: fields["payload"][member]})
    else:
        whole += encoded_payload(dialect, fields["payload"])
    return whole + bytes(max(0, dialect["response_padding"] - len(whole)))


def encoded_request_header(dialect: Dialect, fields: Fields) -> bytes:
    return bytes.fromhex(fields["client_id"]) + _encoded_header(dialect, fields, 4)


def encoded_response_header(dialect: Dialect, fields: Fields) -> bytes:
    return _encoded_header(dialect, fields, dialect["response_size_width"])


def _encoded_header(dialect: Dialect, fields: Fields, width: int) -> bytes:
    order = dialect["byte_order"]
    return b"".join(
        (
            fields["version"].to_bytes(1 + gap(dialect), "little"),
            fields["code"].to_bytes(2, order),
            fields["payload_size"].to_bytes(width, order),
        )
    )


def encoded_name(dialect: Dialect, text: str) -> bytes:
    raw = text.encode("utf-8")
    return raw + bytes(dialect["name_width"] - len(raw))


PAYLOAD_ORDER = (
    "client_id",
    "wrapped_key",
    "name",
    "public_key",
    "content_size",
    "original_size",
    "packet_number",
    "packet_total",
    "file_name",
    "cksum",
    "content",
)
"""The order of members in every payload, 2103 aside."""


def encoded_payload(dialect: Dialect, fields: Fields) -> bytes:
    out = b""
    for member in PAYLOAD_ORDER:
        if member not in fields:
            continue
        value = fields[member]
        if member in ("name", "file_name"):
            out += encoded_name(dialect, value)
        elif member in ("packet_number", "packet_total"):
            out += value.to_bytes(2, dialect["packet_byte_order"])
        elif member in ("content_size", "original_size"):
            out += value.to_bytes(4, dialect["byte_order"])
        elif member == "cksum":
            out += value.to_bytes(4, dialect["byte_order"]) + bytes(dialect["cksum_width"] - 4)
        else:
            out += bytes.fromhex(value)
    return out


# The public key field


def public_key(dialect: Dialect, raw: bytes) -> Fields:
    """Modulus and exponent of a SubjectPublicKeyInfo in DER (PROTOCOL.md 4.1, 10.8)."""
    if len(raw) not in dialect["public_key_sizes"]:
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
    if e % 2 == 0 or e < 3 or (len(raw) == 160 and e > 127):
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
