"""The suite of test_reference.py as it is written without the package: struct, pycryptodome, and a cksum."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from Crypto.Cipher import AES, PKCS1_OAEP
from Crypto.PublicKey import RSA
from Crypto.Util.Padding import pad

SERVER = Path(__file__).parents[2] / "interop" / "reference" / "python-server"

REQUEST = struct.Struct("<16sBHI")
RESPONSE = struct.Struct("<BHI")
NAME = 255
REGISTER, SEND_PUBLIC_KEY, SEND_FILE, CKSUM_WRONG = 1100, 1101, 1103, 1105
REGISTERED, REFUSED, AES_KEY, FILE_RECEIVED = 2100, 2101, 2102, 2103


def cksum_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
        table.append(crc)
    return table


TABLE = cksum_table()


def cksum(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ TABLE[(crc >> 24) ^ byte]
    size = len(data)
    while size:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ TABLE[(crc >> 24) ^ (size & 0xFF)]
        size >>= 8
    return crc ^ 0xFFFFFFFF


def name_field(text: str) -> bytes:
    raw = text.encode()
    assert 0 < len(raw) < NAME
    return raw.ljust(NAME, b"\0")


def request(client_id: bytes, code: int, payload: bytes) -> bytes:
    return REQUEST.pack(client_id, 3, code, len(payload)) + payload


def register(name: str) -> bytes:
    return request(bytes(16), REGISTER, name_field(name))


def send_public_key(client_id: bytes, name: str, key: RSA.RsaKey) -> bytes:
    der = key.public_key().export_key("DER")
    assert len(der) == 160
    return request(client_id, SEND_PUBLIC_KEY, name_field(name) + der)


def send_file(client_id: bytes, name: str, content: bytes) -> bytes:
    fixed = client_id + struct.pack("<I", len(content)) + name_field(name)
    return request(client_id, SEND_FILE, fixed + content)


def verdict(client_id: bytes, code: int, name: str) -> bytes:
    return request(client_id, code, client_id + name_field(name))


def new_key() -> RSA.RsaKey:
    while True:
        key = RSA.generate(1024, e=17)
        if len(key.public_key().export_key("DER")) == 160:
            return key


def read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        assert chunk, f"the stream ended after {len(data)} of {size} bytes"
        data += chunk
    return data


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "backup_server", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, cwd=SERVER, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("listening on ").strip()
        process.kill()


Ask = Callable[[bytes], "tuple[int, bytes]"]


@pytest.fixture
def ask(server: str) -> Iterator[Ask]:
    host, port = server.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:

        def ask(message: bytes) -> tuple[int, bytes]:
            connection.sendall(message)
            version, code, size = RESPONSE.unpack(read(connection, RESPONSE.size))
            assert version == 3
            expected = {REGISTERED: 16, REFUSED: 0, AES_KEY: 144, FILE_RECEIVED: 279}
            assert expected.get(code) == size, f"{code} with {size} bytes"
            return code, read(connection, size)

        yield ask


def prepare(ask: Ask) -> tuple[bytes, bytes]:
    pair = new_key()
    code, client_id = ask(register("alice"))
    assert code == REGISTERED
    code, payload = ask(send_public_key(client_id, "alice", pair))
    assert code == AES_KEY
    assert payload[:16] == client_id
    return client_id, PKCS1_OAEP.new(pair).decrypt(payload[16:])


def encrypt(key: bytes, plain: bytes) -> bytes:
    return AES.new(key, AES.MODE_CBC, bytes(16)).encrypt(pad(plain, 16))


def check_received(answer: tuple[int, bytes], client_id: bytes, content: bytes, plain: bytes) -> None:
    code, payload = answer
    assert code == FILE_RECEIVED
    assert payload[:16] == client_id
    assert struct.unpack_from("<I", payload, 16) == (len(content),)
    assert payload[20:275].split(b"\0", 1)[0] == b"a.bin"
    assert struct.unpack_from("<I", payload, 275) == (cksum(plain),)


def test_a_name_is_taken_once(ask: Ask) -> None:
    assert ask(register("alice"))[0] == REGISTERED
    assert ask(register("alice")) == (REFUSED, b"")


def test_an_unknown_client_gets_no_key(ask: Ask) -> None:
    assert ask(send_public_key(bytes(16), "alice", new_key())) == (REFUSED, b"")


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 100_000])
def test_a_file_is_summed(ask: Ask, size: int) -> None:
    client_id, key = prepare(ask)
    plain = bytes(range(256)) * (size // 256) + bytes(size % 256)
    content = encrypt(key, plain)
    check_received(ask(send_file(client_id, "a.bin", content)), client_id, content, plain)


def test_content_that_does_not_decrypt_is_refused(ask: Ask) -> None:
    client_id, _ = prepare(ask)
    assert ask(send_file(client_id, "a.bin", bytes(32))) == (REFUSED, b"")


def test_a_file_comes_again(ask: Ask) -> None:
    client_id, key = prepare(ask)
    content = encrypt(key, b"abc")
    check_received(ask(send_file(client_id, "a.bin", content)), client_id, content, b"abc")
    again = verdict(client_id, CKSUM_WRONG, "a.bin") + send_file(client_id, "a.bin", content)
    check_received(ask(again), client_id, content, b"abc")
