from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from backup_server.dialect import DIALECTS_FOLDER, load_dialect
from backup_server.server import BackupServer
from backup_server.session import Limits
from backup_server.store import Store

from .peer import Peer

DIALECTS = sorted(path.stem for path in DIALECTS_FOLDER.glob("*.json"))


class Running:
    """A server in this process, on a port of its own."""

    def __init__(self, data: Path, dialect: str) -> None:
        self.data = data
        self.dialect = load_dialect(dialect)
        self.limits = Limits()
        self.peers: list[Peer] = []
        self.start()

    def start(self) -> None:
        self.store = Store(self.data)
        self.server = BackupServer("127.0.0.1", 0, self.dialect, self.store, self.limits)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.server.stop()
        self.thread.join()
        self.store.close()

    def restart(self, limits: Limits | None = None) -> None:
        self.stop()
        self.limits = limits or self.limits
        self.start()

    def peer(self) -> Peer:
        peer = Peer(self.server.server_address[1], self.dialect)
        self.peers.append(peer)
        return peer

    def verified(self) -> dict[str, bytes]:
        """The verified files of all clients, by path."""
        return {path.name: path.read_bytes() for path in self.data.glob("clients/*/files/*")}

    def waiting(self) -> list[bytes]:
        """The content of all uploads that nobody judged. Nothing unfinished may be among them."""
        return sorted(path.read_bytes() for path in self.data.glob("clients/*/waiting/*"))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Look into the database as an operator may while the server runs."""
        with closing(sqlite3.connect(self.data / "backup.db")) as db:
            return db.execute(query).fetchall()


@pytest.fixture(params=DIALECTS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path / "data", request.param)
    yield server
    server.stop()
    for peer in server.peers:
        peer.socket.close()
