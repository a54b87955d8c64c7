"""Test a client that you wrote, as a subprocess: against a real server, and against one that goes wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import backup_protocol as bp
import pytest

# Your client; this one is the command of the package.
CLIENT = [str(bp.program("backup-client"))]


def run(server: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Write what clients of the family read, and start the client in that folder."""
    (folder / "hello.txt").write_bytes(b"hello")
    (folder / "transfer.info").write_text(f"{server}\nalice\nhello.txt\n")
    return subprocess.run(CLIENT, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_the_file_arrives(backup_server: bp.Server, tmp_path: Path) -> None:
    assert run(backup_server.address, tmp_path).returncode == 0
    (file,) = backup_server.files
    assert (file.client, file.name, file.read_bytes(), file.verified) == ("alice", "hello.txt", b"hello", True)


def test_every_request_is_right(
    backup_server: bp.Server, recording_proxy: Callable[..., bp.RecordingProxy], tmp_path: Path
) -> None:
    proxy = recording_proxy(backup_server)
    run(proxy.address, tmp_path)
    requests = [request for connection in proxy.connections for request in connection.requests]
    assert [error for connection in proxy.connections for error in connection.errors] == []
    match requests:
        case [bp.Register("alice"), bp.SendPublicKey(), bp.SendFile(_, 16, "hello.txt"), bp.CksumRight()]:
            pass
        case _:
            pytest.fail(f"{requests}")


def test_a_key_that_does_not_unwrap_is_noticed(
    scripted_server: Callable[..., bp.ScriptedServer], tmp_path: Path
) -> None:
    assert run(scripted_server("oaep-sha256").address, tmp_path).returncode != 0


def test_a_second_run_goes_on_with_the_identity(backup_server: bp.Server, tmp_path: Path) -> None:
    assert [run(backup_server.address, tmp_path).returncode for _ in range(2)] == [0, 0]
    assert [client.name for client in backup_server.clients] == ["alice"]
