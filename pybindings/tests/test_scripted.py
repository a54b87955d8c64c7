"""Peers that are processes of ``backup-interop play``."""

from __future__ import annotations

from pathlib import Path

import backup_protocol as bp
import pytest


@pytest.mark.parametrize("name", ["seed", "2023a"])
def test_a_server_without_a_fault_is_right(tmp_path: Path, name: str) -> None:
    with bp.ScriptedServer(dialect=name) as server, bp.Client(server.address, "alice", tmp_path / "id") as client:
        assert client.send(b"abc", send_as="a").verdict == "verified"
        assert client.dialect == name
        data = server.data
    assert not data.exists()


def test_a_server_does_what_it_is_told_wrong(tmp_path: Path) -> None:
    with (
        bp.ScriptedServer("zlib-cksum", data=tmp_path / "data") as server,
        bp.Client(server.address, "alice", tmp_path / "id", dialect="seed") as client,
        pytest.raises(bp.GaveUpError),
    ):
        client.send(b"abc", send_as="a")
    assert (tmp_path / "data").exists()


def test_a_server_that_does_not_start_says_why() -> None:
    with pytest.raises(bp.BackupProtocolError, match="no-such-fault"):
        bp.ScriptedServer("no-such-fault").start()
    with pytest.raises(RuntimeError, match="not started"):
        _ = bp.ScriptedServer().address


def test_a_client_is_right_or_as_wrong_as_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    with bp.Server() as server:
        client = bp.ScriptedClient(server.address, "alice", tmp_path / "id")
        assert client.send(path).exit_code == 0
        assert [file.name for file in server.files] == ["a.txt"]
        wrong = bp.ScriptedClient(server.address, "bob", tmp_path / "other", fault="plain")
        played = wrong.send(path)
        assert played.exit_code != 0
        assert server.wait_for("refused").request == "send file"


def test_a_program_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUP_PROTOCOL_BIN", str(tmp_path))
    with pytest.raises(bp.ProgramNotFoundError, match=r"backup-interop was not found .*BACKUP_PROTOCOL_BIN"):
        bp.program("backup-interop")
    (tmp_path / "backup-interop").touch(mode=0o755)
    assert bp.program("backup-interop") == tmp_path / "backup-interop"
