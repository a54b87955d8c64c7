"""``backup-server`` as a process."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from backup_protocol import BackupProtocolError, program

if TYPE_CHECKING:
    from typing import Self

    from backup_protocol import Dialect

_STARTS_WITHIN = 30.0
_ENDS_WITHIN = 30.0


class ServerProcess:
    """A ``backup-server`` on a port of its own; ``start`` after ``kill`` or ``stop`` keeps the port.

    ``data`` is where it stores, ``log`` what it writes to standard error.
    """

    def __init__(self, folder: Path, dialect: Dialect | str, arguments: Sequence[str] = ()) -> None:
        self.data = folder / "data"
        self.log = folder / "log"
        self.address = "127.0.0.1:0"
        self.dialect = str(dialect)
        self._arguments = list(arguments)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it; clients can connect when this returns. Raises ``BackupProtocolError`` with its log."""
        command = [str(program("backup-server")), "serve", "--listen", self.address, "--data", str(self.data)]
        with self.log.open("a") as log:
            process = subprocess.Popen(
                [*command, "--dialect", self.dialect, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
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
            self.kill()
            raise BackupProtocolError(f"backup-server did not start:\n{self.log.read_text()}")
        self.address = line.removeprefix("listening on ").strip()

    def stop(self) -> int:
        """Let it finish what is under way, and give its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._wait()

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        assert self._process is not None
        self._process.kill()
        self._wait()

    def _wait(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        exit_code = self._process.wait(timeout=_ENDS_WITHIN)
        self._process.stdout.close()
        self._process = None
        return exit_code

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Kill it if it runs: nobody needs what is under way any more."""
        if self._process is not None:
            self.kill()
