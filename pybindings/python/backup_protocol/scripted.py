"""Peers that do one thing wrong, as processes of ``backup-interop play``: for tests of the other side.

They share no code with this package: a fault in the codec does not stand on both sides.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

from backup_protocol.errors import BackupProtocolError
from backup_protocol.programs import program

if TYPE_CHECKING:
    from typing import Self

    from backup_protocol._native import Dialect

_STARTS_WITHIN = 20.0


class ScriptedServer:
    """A server that does everything right but for ``fault``, in a process of its own.

    ``fault`` is one of those that ``backup-interop play server --help`` names, such as ``"zlib-cksum"``;
    ``None`` has none. ``data`` is where it stores, by default a temporary folder. ``arguments`` are handed
    on as they are. A ``with`` block starts and kills it.

    Raises ``ProgramNotFoundError``, and ``BackupProtocolError`` with what it said if it does not start.
    """

    def __init__(
        self,
        fault: str | None = None,
        *,
        dialect: Dialect | str = "seed",
        data: str | PathLike[str] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        self._told_data = data
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._arguments = ["--dialect", str(dialect), *(["--fault", fault] if fault else []), *arguments]
        self._process: subprocess.Popen[str] | None = None
        self._address: str | None = None

    @property
    def address(self) -> str:
        """Where clients connect to, ``"host:port"``."""
        if self._address is None:
            raise RuntimeError("the server was not started")
        return self._address

    @property
    def data(self) -> Path:
        """Where it stores."""
        if self._told_data is not None:
            return Path(self._told_data)
        if self._temporary is None:
            raise RuntimeError("the server was not started")
        return Path(self._temporary.name)

    def start(self) -> None:
        """Start it; clients can connect when this returns."""
        command = [str(program("backup-interop")), "play", "server", "--listen", "127.0.0.1:0"]
        if self._told_data is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="scripted-server-")
        self.data.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [*command, "--data", str(self.data), *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._process = process
        assert process.stdout is not None
        # A server that says nothing is ended, and the line below with it.
        watchdog = threading.Timer(_STARTS_WITHIN, process.kill)
        watchdog.start()
        line = process.stdout.readline()
        watchdog.cancel()
        if not line.startswith("listening on "):
            _, said = process.communicate()
            self.stop()
            raise BackupProtocolError(f"the scripted server did not start: {said.strip() or line.strip()}")
        self._address = line.removeprefix("listening on ").strip()

    def stop(self) -> None:
        """Kill it, and remove its temporary folder."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Kill it."""
        self.stop()


class Played(NamedTuple):
    """How a scripted client ended."""

    exit_code: int
    output: str


class ScriptedClient:
    """A client that does everything right but for ``fault``, each time it is run in a process of its own.

    ``server`` is ``"host:port"``. ``fault`` is one of those that ``backup-interop play client --help``
    names, such as ``"always-right"``. ``identity`` is the folder that it keeps its ID and key in.
    ``arguments`` are handed on as they are.
    """

    def __init__(
        self,
        server: str,
        name: str,
        identity: str | PathLike[str],
        *,
        fault: str | None = None,
        dialect: Dialect | str = "seed",
        arguments: Sequence[str] = (),
    ) -> None:
        self._identity = Path(identity)
        self._arguments = ["--server", server, "--name", name, "--identity", str(identity)]
        self._arguments += ["--dialect", str(dialect), *(["--fault", fault] if fault else []), *arguments]

    def send(self, *paths: str | PathLike[str], timeout: float = 60.0) -> Played:
        """Send files, and wait until the client ends.

        Raises ``ProgramNotFoundError``, and ``subprocess.TimeoutExpired`` after ``timeout`` seconds.
        """
        command = [str(program("backup-interop")), "play", "client", *self._arguments, *map(str, paths)]
        self._identity.mkdir(parents=True, exist_ok=True)
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Played(ended.returncode, ended.stdout)
