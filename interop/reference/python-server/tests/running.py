"""A server in the process of the tests, and what it holds."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from backup_server.dialect import DIALECTS_FOLDER, Dialect, load_dialect, parse_dialect
from backup_server.server import BackupServer
from backup_server.session import Limits
from backup_server.store import Store

from .peer import Peer

DIALECTS = sorted(path.stem for path in DIALECTS_FOLDER.glob("*.json"))


def as_json(base: str, /, **changed: Any) -> dict[str, Any]:
    """The JSON of a dialect, with some parameters changed."""
    value: dict[str, Any] = json.loads((DIALECTS_FOLDER / f"{base}.json").read_text())
    return {**value, **changed}


def changed(base: str, /, **parameters: Any) -> Dialect:
    return parse_dialect(as_json(base, **parameters))


class Running:
    """A server on a port of its own."""

    def __init__(self, data: Path, dialect: str | Dialect) -> None:
        self.data = data
        self.dialect = load_dialect(dialect) if isinstance(dialect, str) else dialect
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

    def restart(self, limits: Limits | None = None, dialect: Dialect | None = None) -> None:
        self.stop()
        self.limits = limits or self.limits
        self.dialect = dialect or self.dialect
        self.start()

    def end(self) -> None:
        self.stop()
        for peer in self.peers:
            peer.socket.close()

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
