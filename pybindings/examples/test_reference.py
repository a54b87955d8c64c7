"""A black-box suite for a server: the Python reference. test_reference_struct.py is the same without the package."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import backup_protocol as bp
import pytest

SERVER = Path(__file__).parents[2] / "interop" / "reference" / "python-server"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a fresh server."""
    command = [sys.executable, "-m", "backup_server", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, cwd=SERVER, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("listening on ").strip()
        process.kill()


@pytest.fixture
def ask(server: str) -> Iterator[Callable[[bp.Request, bytes], bp.Response]]:
    """Ask the server over one connection."""
    host, port = server.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        decoder = bp.ResponseDecoder()

        def ask(request: bp.Request, content: bytes = b"") -> bp.Response:
            connection.sendall(request.encode() + content)  # type: ignore[attr-defined]
            while True:
                decoder.feed(connection.recv(1024))
                for response in decoder:
                    return response

        yield ask


Ask = Callable[..., bp.Response]


def prepare(ask: Ask) -> tuple[bp.ClientId, bytes]:
    """Register and exchange keys."""
    pair = bp.KeyPair.generate()
    client_id = ask(bp.Register("alice")).client_id  # type: ignore[attr-defined]
    answer = ask(bp.SendPublicKey(client_id, "alice", pair.public_key))
    assert isinstance(answer, bp.WrappedKey)
    return client_id, pair.unwrap(answer.wrapped_key)


def test_a_name_is_taken_once(ask: Ask) -> None:
    assert isinstance(ask(bp.Register("alice")), bp.Registered)
    assert ask(bp.Register("alice")) == bp.Refused()


def test_an_unknown_client_gets_no_key(ask: Ask) -> None:
    assert ask(bp.SendPublicKey(bytes(16), "alice", bp.KeyPair.generate().public_key)) == bp.Refused()


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 100_000])
def test_a_file_is_summed(ask: Ask, size: int) -> None:
    client_id, key = prepare(ask)
    plain = bytes(range(256)) * (size // 256) + bytes(size % 256)
    content = bp.encrypt(key, plain)
    answer = ask(bp.SendFile(client_id, len(content), "a.bin"), content)
    assert answer == bp.FileReceived(client_id, len(content), "a.bin", bp.cksum(plain))


def test_content_that_does_not_decrypt_is_refused(ask: Ask) -> None:
    client_id, _ = prepare(ask)
    assert ask(bp.SendFile(client_id, 32, "a.bin"), bytes(32)) == bp.Refused()


def test_a_file_comes_again(ask: Ask) -> None:
    client_id, key = prepare(ask)
    content = bp.encrypt(key, b"abc")
    file = bp.SendFile(client_id, len(content), "a.bin")
    first = ask(file, content)
    # A wrong cksum has no answer: the file follows at once.
    assert ask(bp.CksumWrong(client_id, "a.bin"), file.encode() + content) == first
