"""The program as a process: arguments, port.info, signals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backup_server.__main__ import UsageError, parse_address, port_of_info
from backup_server.dialect import load_dialect

from .peer import DEADLINE, Peer, encrypt
from .running import DIALECTS, as_json

PACKAGE = Path(__file__).resolve().parents[1]


class Process:
    """The server as a process of its own, in a working folder that is not the repository."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "backup_server", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(PACKAGE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def port(self) -> int:
        assert self.process.stdout
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listening on \S+:(\d+)\n", line)
        assert match, line
        return int(match[1])

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        _, log = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def process(folder: Path) -> Iterator[Process]:
    process = Process(folder, "--listen", "127.0.0.1:0", "--data", "data")
    yield process
    process.process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_with_connections_open(process: Process, number: int) -> None:
    port = process.port()
    with Peer(port, load_dialect("seed")) as idle, Peer(port, load_dialect("seed")) as busy:
        client_id = busy.register("ann")
        key = busy.key(client_id, "ann")
        busy.upload(client_id, key, "a", b"abc")
        busy.send(busy.writer.send_file(client_id, encrypt(key, bytes(1000)), "b")[:-1])  # never comes to its end
        code, log = process.end(number)
        assert code == 0
        assert "Traceback" not in log
        idle.expect_end()
        busy.expect_end()


def test_what_was_answered_outlives_a_kill(process: Process, folder: Path) -> None:
    with Peer(process.port(), load_dialect("seed")) as peer:
        client_id = peer.register("ann")
        key = peer.key(client_id, "ann")
        peer.upload(client_id, key, "a", b"abc")
    process.end(signal.SIGKILL)
    again = Process(folder, "--listen", "127.0.0.1:0", "--data", "data")
    with Peer(again.port(), load_dialect("seed")) as peer:
        peer.upload(client_id, key, "b", b"abc")
    assert again.end()[0] == 0
    assert [path.read_bytes() for path in folder.glob("data/clients/*/waiting/*")] == [b"abc", b"abc"]


def test_private_to_its_user(process: Process, folder: Path) -> None:
    process.port()
    for path, mode in (("data", 0o700), ("data/clients", 0o700), ("data/backup.db", 0o600)):
        assert (folder / path).stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_by_name_and_by_file(name: str, folder: Path) -> None:
    (folder / "mine.json").write_text(json.dumps(as_json(name, name="mine")))
    for number, dialect in enumerate((name, "mine.json", str(folder / "mine.json"))):
        process = Process(folder, "--listen", "127.0.0.1:0", "--data", f"data{number}", "--dialect", dialect)
        with Peer(process.port(), load_dialect(name)) as peer:
            client_id = peer.register("ann")
            peer.upload(client_id, peer.key(client_id, "ann"), "a", b"abc")
        code, log = process.end()
        assert code == 0
        assert f"dialect {'mine' if number else name} (" in log


def test_a_busy_port(process: Process, folder: Path) -> None:
    second = Process(folder, "--listen", f"127.0.0.1:{process.port()}", "--data", "other")
    code, log = second.wait()
    assert code == 1
    assert re.search(r"cannot listen on 127\.0\.0\.1:\d+: Address already in use\n$", log)


def test_a_data_folder_in_use(process: Process, folder: Path) -> None:
    process.port()
    code, log = Process(folder, "--listen", "127.0.0.1:0", "--data", "data").wait()
    assert (code, log) == (1, "backup_server: another server uses the data folder data\n")


def test_a_data_folder_that_is_a_file(folder: Path) -> None:
    (folder / "data").write_text("")
    code, log = Process(folder, "--listen", "127.0.0.1:0", "--data", "data").wait()
    assert code == 1
    assert log.startswith("backup_server: cannot use the data folder data: ")
    assert "Traceback" not in log


def test_a_database_that_is_none(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data/backup.db").write_text("no database " * 100)
    code, log = Process(folder, "--listen", "127.0.0.1:0", "--data", "data").wait()
    assert code == 1
    assert log.startswith("backup_server: cannot use the data folder data: ")


@pytest.mark.parametrize("info", ["{}", "{}\n", "{}\r\n"])
def test_port_info(info: str, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "port.info").write_bytes(info.format(port).encode())
    process = Process(folder)
    assert process.port() == port
    assert process.end()[0] == 0
    assert (folder / "backup-data/backup.db").exists()


@pytest.mark.parametrize("info", ["", "port", "0", "65536", "-1", "1234 5678", "12\n34", "\u0661", "1" * 1000])
def test_a_port_info_without_a_port(info: str, folder: Path) -> None:
    (folder / "port.info").write_text(info, encoding="utf-8")
    code, log = Process(folder).wait()
    assert code == 2
    assert log.startswith("backup_server: port.info holds ")


def test_no_port_info(folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.chdir(folder)
    assert port_of_info(load_dialect("seed")) == 1234
    assert "port.info is missing" in caplog.text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("[::1]:1234", ("::1", 1234)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "1234", ":1234", "a:", "a:b", "a:65536", "::1:1234", "a b:1", "a:1\n", "a:\u0661"]
)
def test_no_addresses(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--listen", "nowhere"],
        ["--dialect", "nothing"],
        ["--dialect", "auto"],
        ["--dialect", "seed,crc=zlib"],
        ["--idle-timeout", "-1"],
        ["--max-discard", "x"],
        ["--what"],
    ],
)
def test_arguments_that_make_no_sense(arguments: list[str], folder: Path) -> None:
    code, log = Process(folder, *arguments).wait()
    assert code == 2
    assert "Traceback" not in log
    assert not list(folder.iterdir())
