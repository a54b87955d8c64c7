"""A black-box suite for a server, on the fixtures of the plugin: the Python reference.

test_reference_struct.py is the same without the package.
"""

from __future__ import annotations

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
def answers_to(
    server: str, recording_proxy: Callable[..., bp.RecordingProxy], scripted_client: Callable[..., bp.ScriptedClient]
) -> Callable[[str], list[bp.Response]]:
    """What the server answers to a client with a fault that sends a file."""

    def play(fault: str) -> list[bp.Response]:
        proxy = recording_proxy(server)
        scripted_client(proxy, fault).send(__file__)
        return [response for connection in proxy.connections for response in connection.responses]

    return play


def test_a_name_is_taken_once(server: str, backup_client_factory: Callable[..., bp.Client]) -> None:
    backup_client_factory(server, "alice").register()
    with pytest.raises(bp.RefusedError):
        backup_client_factory(server, "alice").register()


def test_an_unknown_client_gets_no_key(answers_to: Callable[[str], list[bp.Response]]) -> None:
    registered, *others = answers_to("other-id-in-key")
    assert isinstance(registered, bp.Registered)
    assert set(others) == {bp.Refused()}


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 100_000])
def test_a_file_is_summed(server: str, backup_client_factory: Callable[..., bp.Client], size: int) -> None:
    # The client compares every field of the answer.
    sent = backup_client_factory(server).send((bytes(range(256)) * 400)[:size], send_as="a.bin")
    assert (sent.transmissions, sent.verdict) == (1, "verified")


def test_content_that_does_not_decrypt_is_refused(answers_to: Callable[[str], list[bp.Response]]) -> None:
    answers = answers_to("plain")
    assert bp.Refused() in answers
    assert not any(isinstance(answer, bp.FileReceived) for answer in answers)


def test_a_file_comes_again(server: str, backup_client_factory: Callable[..., bp.Client]) -> None:
    assert backup_client_factory(server, wrong_verdicts=1).send(b"abc", send_as="a.bin").transmissions == 2
