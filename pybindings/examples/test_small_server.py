"""Test a server that you wrote: start it, ask it, and put a real client before it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import backup_protocol as bp
import pytest

HERE = Path(__file__).parent


@pytest.fixture
def server() -> Iterator[str]:
    """The address of the server of small_server.py, in a process of its own."""
    command = [sys.executable, str(HERE / "small_server.py"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("listening on ").strip()
        process.kill()


def test_a_real_client_backs_up(server: str, backup_client_factory: Callable[..., bp.Client]) -> None:
    sent = backup_client_factory(server, dialect="seed").send(b"hello", send_as="hello.txt")
    assert (sent.verdict, sent.cksum) == ("verified", bp.cksum(b"hello"))


def test_the_server_takes_a_file_again(server: str, backup_client_factory: Callable[..., bp.Client]) -> None:
    client = backup_client_factory(server, dialect="seed", wrong_verdicts=2)
    assert client.send(b"hello", send_as="hello.txt").transmissions == 3


def test_a_name_is_registered_once(server: str) -> None:
    host, port = server.split(":")
    with socket.create_connection((host, int(port))) as connection:
        decoder = bp.ResponseDecoder()
        # Two requests in one segment: a server must not take one read for one message.
        connection.sendall(bp.Register("alice").encode() * 2)
        answers: list[bp.Response] = []
        while len(answers) < 2:
            decoder.feed(connection.recv(1024))
            answers += decoder
    match answers:
        case [bp.Registered(client_id), bp.Refused()]:
            assert client_id != bp.ClientId.ZERO
        case _:
            pytest.fail(f"{answers}")
