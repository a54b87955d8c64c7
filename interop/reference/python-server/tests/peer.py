"""A client for the tests: it builds requests by hand, so that each can be wrong in any way, and reads responses.

It knows the parameters of PROTOCOL.md 10.2 by code of its own: nothing of the server's layout is in here.
"""

from __future__ import annotations

import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.PublicKey import RSA

from backup_server.cksum import cksum
from backup_server.dialect import After, Dialect

ZEROS = bytes(16)
#: Longer than any of our tests waits for an answer, so that a hang is a failure and not a hang.
DEADLINE = 10.0

#: One pair for all tests; making one takes a while.
RSA_PAIR = RSA.generate(1024, e=17)
PUBLIC_KEY = RSA_PAIR.public_key().export_key("DER")


def encrypt(aes_key: bytes, plain: bytes) -> bytes:
    return AES.new(aes_key, AES.MODE_CBC, iv=ZEROS).encrypt(pad(plain))


def without_padding(aes_key: bytes, size: int) -> bytes:
    """Content that ends in no PKCS#7 padding for certain; under a wrong key one in 256 would have some."""
    return AES.new(aes_key, AES.MODE_CBC, iv=ZEROS).encrypt(bytes(size))


def pad(plain: bytes) -> bytes:
    count = 16 - len(plain) % 16
    return plain + bytes([count]) * count


def crc8(data: bytes) -> int:
    register = 0
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register << 1) ^ (0x107 if register & 0x80 else 0)
    return register


def expected_cksum(dialect: Dialect, plain: bytes, content: bytes) -> int:
    data = {"plaintext": plain, "padded": pad(plain), "content": content}[dialect.checksum_input]
    kinds: dict[str, Callable[[bytes], int]] = {"posix": cksum, "zlib": zlib.crc32, "crc8": crc8}
    return kinds[dialect.checksum](data)


class Writer:
    """Builds requests in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.natural = dialect.alignment == "natural"
        self.id_size = 16 if dialect.client_id_in_payload else 0
        self.header_size = 24 if self.natural else 23

    def integer(self, value: int, size: int = 4) -> bytes:
        return value.to_bytes(size, self.dialect.byte_order)

    def name(self, text: str | bytes) -> bytes:
        return (text.encode() if isinstance(text, str) else text).ljust(self.dialect.name_width, b"\0")

    def request(
        self, client_id: bytes, code: str | int, payload: bytes, size: int | None = None, version: int = 3
    ) -> bytes:
        number = self.dialect.request_codes[code] if isinstance(code, str) else code
        head = client_id + bytes([version]) + b"\0" * self.natural + self.integer(number, 2)
        message = head + self.integer(len(payload) if size is None else size) + payload
        return message if code == "send_file" else message.ljust(self.dialect.request_padding, b"\0")

    def code_of(self, message: bytes) -> int:
        return int.from_bytes(message[17 + self.natural : 19 + self.natural], self.dialect.byte_order)

    def register(self, client_name: str | bytes, client_id: bytes = ZEROS, version: int = 3) -> bytes:
        return self.request(client_id, "register", self.name(client_name), version=version)

    def send_public_key(self, client_id: bytes, client_name: str | bytes, key: bytes = PUBLIC_KEY) -> bytes:
        return self.request(client_id, "send_public_key", self.name(client_name) + key)

    def reconnect(self, client_id: bytes, client_name: str | bytes) -> bytes:
        return self.request(client_id, "reconnect", self.name(client_name))

    def send_file(
        self,
        client_id: bytes,
        content: bytes,
        file_name: str | bytes,
        plain_size: int | None = None,
        *,
        payload_id: bytes | None = None,
        content_size: int | None = None,
        number: int = 1,
        total: int = 1,
        announced: int | None = None,
    ) -> bytes:
        """Build a 1103: of a whole file, or of the packet with this number. `announced` is more than is written."""
        size = len(content) if content_size is None else content_size
        fields = (client_id if payload_id is None else payload_id)[: self.id_size] + self.integer(size)
        if self.dialect.packets:
            # Without a word about the plaintext: the longest that gives so much content.
            fields += self.integer(max(size - 1, 0) if plain_size is None else plain_size)
            fields += number.to_bytes(2, self.dialect.packet_byte_order)
            fields += total.to_bytes(2, self.dialect.packet_byte_order)
        fields += self.name(file_name)
        announced = len(content) if announced is None else announced
        return self.request(client_id, "send_file", fields + content, size=len(fields) + announced)

    def packets(self, client_id: bytes, pieces: list[bytes], file_name: str, plain_size: int) -> list[bytes]:
        size = sum(map(len, pieces))
        return [
            self.send_file(client_id, piece, file_name, plain_size, content_size=size, number=number, total=len(pieces))
            for number, piece in enumerate(pieces, 1)
        ]

    def verdict(self, client_id: bytes, which: str, file_name: str | bytes, payload_id: bytes | None = None) -> bytes:
        repeated = (client_id if payload_id is None else payload_id)[: self.id_size]
        return self.request(client_id, which, repeated + self.name(file_name))


@dataclass(frozen=True)
class Response:
    version: int
    kind: str
    payload: bytes


class Peer:
    """One connection to the server."""

    def __init__(self, port: int, dialect: Dialect) -> None:
        self.dialect = dialect
        self.writer = Writer(dialect)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            assert piece, f"the stream ended after {len(data)} of {size} bytes"
            data += piece
        return data

    def response(self, acknowledged_size: int = 0) -> Response:
        """Read a response; everything about its layout has to be as the dialect says.

        The size of an acknowledgement's payload depends on the verdict, so whoever waits for one says it.
        """
        gap = self.writer.natural
        head = self.read(3 + gap + self.dialect.response_size_width)
        assert not any(head[1 : 1 + gap])
        code, size = (
            int.from_bytes(field, self.dialect.byte_order) for field in (head[1 + gap : 3 + gap], head[3 + gap :])
        )
        kinds = {code: kind for kind, code in self.dialect.response_codes.items()}
        assert code in kinds
        payload_size = acknowledged_size if kinds[code] == "acknowledged" else self.payload_size(kinds[code])
        padding = max(self.dialect.response_padding - len(head) - payload_size, 0)
        counted = {"payload": 0, "message": len(head), "padded": padding}[self.dialect.size_counts]
        assert size == payload_size + counted
        payload = self.read(payload_size)
        assert self.read(padding) == bytes(padding)
        return Response(head[0], kinds[code], payload)

    def payload_size(self, kind: str) -> int:
        fields = {"client_id": 16, "content_size": 4, "file_name": self.dialect.name_width}
        return {
            "registered": 16,
            "refused": 16 if self.dialect.refused_payload == "client-id" else 0,
            "aes_key": 144,
            "reconnected": 144,
            "reconnect_refused": 16,
            "general_error": 0,
            "file_received": sum(
                fields.get(field, self.dialect.cksum_width) for field in self.dialect.file_received_fields
            ),
        }[kind]

    def ask(self, data: bytes) -> Response:
        self.send(data)
        return self.response()

    def expect(self, kind: str, payload: bytes) -> None:
        assert self.response(acknowledged_size=len(payload)) == Response(3, kind, payload)

    def expect_refused(self, message: bytes) -> None:
        """The negative answer to this request."""
        code, client_id = self.writer.code_of(message), message[:16]
        if code == self.dialect.request_codes.get("reconnect"):
            self.expect("reconnect_refused", client_id)
        elif "general_error" in self.dialect.response_codes and code != self.dialect.request_codes["register"]:
            self.expect("general_error", b"")
        else:
            self.expect("refused", client_id if self.dialect.refused_payload == "client-id" else b"")

    def expect_after(self, after: After, client_id: bytes) -> None:
        """What follows a verdict that is honoured."""
        if after.answer == "refused":
            self.expect("refused", client_id if self.dialect.refused_payload == "client-id" else b"")
        elif after.answer == "general-error":
            self.expect("general_error", b"")
        elif after.answer != "none":
            self.expect("acknowledged", client_id if after.answer == "acknowledged-with-id" else b"")
        if after.close:
            self.expect_end()

    def expect_end(self) -> None:
        """The stream ends: not with a reset (that would be a ConnectionResetError), and with nothing before it."""
        assert self.socket.recv(1) == b""

    def finish(self) -> None:
        """End our side; then the server ends its own, and there is nothing left unread."""
        self.finish_sending()
        self.expect_end()

    def finish_sending(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    # ---- the course of a backup ----

    def register(self, client_name: str) -> bytes:
        answer = self.ask(self.writer.register(client_name))
        assert (answer.version, answer.kind, len(answer.payload)) == (3, "registered", 16)
        return answer.payload

    def key(self, client_id: bytes, client_name: str, pair: RSA.RsaKey = RSA_PAIR) -> bytes:
        message = self.writer.send_public_key(client_id, client_name, pair.public_key().export_key("DER"))
        return self.unwrap(self.ask(message), "aes_key", client_id, pair)

    def reconnect(self, client_id: bytes, client_name: str, pair: RSA.RsaKey = RSA_PAIR) -> bytes:
        return self.unwrap(self.ask(self.writer.reconnect(client_id, client_name)), "reconnected", client_id, pair)

    def unwrap(self, answer: Response, kind: str, client_id: bytes, pair: RSA.RsaKey) -> bytes:
        assert (answer.kind, answer.payload[:16]) == (kind, client_id)
        aes_key = PKCS1_OAEP.new(pair).decrypt(answer.payload[16:])
        assert len(aes_key) == self.dialect.aes_key_size
        return aes_key

    def upload(self, client_id: bytes, aes_key: bytes, file_name: str, plain: bytes) -> None:
        """Send a file, and see that 2103 is right."""
        content = encrypt(aes_key, plain)
        self.send(self.writer.send_file(client_id, content, file_name, len(plain)))
        self.received(client_id, content, file_name, plain)

    def received(self, client_id: bytes, content: bytes, file_name: str, plain: bytes) -> None:
        cksum = self.writer.integer(expected_cksum(self.dialect, plain, content))
        fields = {
            "client_id": client_id,
            "content_size": self.writer.integer(len(content if self.dialect.echoed_size == "content" else plain)),
            "file_name": self.writer.name(file_name),
            "cksum": cksum + bytes(self.dialect.cksum_width - 4),
        }
        self.expect("file_received", b"".join(fields[field] for field in self.dialect.file_received_fields))
