"""A client for the tests: it builds requests by hand, so that each can be wrong in any way, and reads responses."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.PublicKey import RSA

from backup_server.dialect import Dialect

ZEROS = bytes(16)
#: Longer than any of our tests waits for an answer, so that a hang is a failure and not a hang.
DEADLINE = 10.0

#: One pair for all tests; making one takes a while.
RSA_PAIR = RSA.generate(1024, e=17)
PUBLIC_KEY = RSA_PAIR.public_key().export_key("DER")


def request(client_id: bytes, code: int, payload: bytes, size: int | None = None, version: int = 3) -> bytes:
    return struct.pack("<16sBHI", client_id, version, code, len(payload) if size is None else size) + payload


def name(text: str | bytes) -> bytes:
    return (text.encode() if isinstance(text, str) else text).ljust(255, b"\0")


def encrypt(aes_key: bytes, plain: bytes) -> bytes:
    count = 16 - len(plain) % 16
    return AES.new(aes_key, AES.MODE_CBC, iv=ZEROS).encrypt(plain + bytes([count]) * count)


def send_file(client_id: bytes, content: bytes, file_name: str | bytes) -> bytes:
    return request(client_id, 1103, client_id + struct.pack("<I", len(content)) + name(file_name) + content)


def verdict(client_id: bytes, code: int, file_name: str | bytes) -> bytes:
    return request(client_id, code, client_id + name(file_name))


@dataclass(frozen=True)
class Response:
    version: int
    code: int
    payload: bytes


class Peer:
    """One connection to the server."""

    def __init__(self, port: int, dialect: Dialect) -> None:
        self.dialect = dialect
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

    def response(self) -> Response:
        width = self.dialect.response_size_width
        head = self.read(3 + width)
        version, code = struct.unpack_from("<BH", head)
        return Response(version, code, self.read(int.from_bytes(head[3:], "little")))

    def ask(self, data: bytes) -> Response:
        self.send(data)
        return self.response()

    def expect_refused(self, client_id: bytes) -> None:
        payload = client_id if self.dialect.refused_payload == "client-id" else b""
        assert self.response() == Response(3, 2101, payload)

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
        answer = self.ask(request(ZEROS, 1100, name(client_name)))
        assert (answer.version, answer.code, len(answer.payload)) == (3, 2100, 16)
        return answer.payload

    def key(self, client_id: bytes, client_name: str) -> bytes:
        answer = self.ask(request(client_id, 1101, name(client_name) + PUBLIC_KEY))
        assert (answer.code, answer.payload[:16], len(answer.payload)) == (2102, client_id, 144)
        aes_key = PKCS1_OAEP.new(RSA_PAIR).decrypt(answer.payload[16:])
        assert len(aes_key) == self.dialect.aes_key_size
        return aes_key

    def upload(self, client_id: bytes, aes_key: bytes, file_name: str, plain: bytes) -> int:
        """Send a file, check what 2103 repeats, and return its checksum."""
        content = encrypt(aes_key, plain)
        self.send(send_file(client_id, content, file_name))
        return self.received(client_id, content, file_name)

    def received(self, client_id: bytes, content: bytes, file_name: str) -> int:
        answer = self.response()
        assert answer.code == 2103
        assert answer.payload[:275] == client_id + struct.pack("<I", len(content)) + name(file_name)
        assert answer.payload[279:] == bytes(self.dialect.cksum_width - 4)
        return int.from_bytes(answer.payload[275:279], "little")
