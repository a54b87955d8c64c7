"""PROTOCOL.md 7: what the server keeps.

    DATA/lock                       held by the server that uses the folder
    DATA/backup.db                  clients and files (7.2)
    DATA/clients/LABEL/files/PATH   the verified content of a file, under its own name (7.4)
    DATA/clients/LABEL/waiting/ID   an upload that was answered with 2103 and is not verified
    DATA/clients/LABEL/waiting/ID.part   an upload that is still coming in

The database decides what exists. A file without a row is left over from a crash and swept away at the next start;
a row is written only after its file is durable. So a crash at any moment leaves the state before or after.

Nothing in here knows sockets or messages.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from . import paths
from .disk import StoreError, disk_errors, lock, make_folder, new_file, open_database, reason, sync_folder

log = logging.getLogger(__name__)

_SCHEMA = """
PRAGMA foreign_keys = ON;
-- A COMMIT returns only when the transaction would survive a power cut, the removal of the journal included.
PRAGMA synchronous = EXTRA;

CREATE TABLE IF NOT EXISTS clients (
    id         BLOB PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    label      TEXT NOT NULL UNIQUE,
    public_key BLOB,
    aes_key    BLOB,
    version    INTEGER NOT NULL,  -- of the protocol, as its last request said (1.7)
    last_seen  INTEGER NOT NULL   -- seconds since 1970, UTC
);
-- One row for each version of a file. AUTOINCREMENT never gives a number twice, so `id` is the order of 6.5.
CREATE TABLE IF NOT EXISTS files (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id  BLOB NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,     -- as sent
    path       TEXT NOT NULL,     -- in files/, once it is verified
    path_key   TEXT NOT NULL,     -- the path as 7.4 compares it
    waiting    TEXT NOT NULL,     -- in waiting/, until it is verified
    verified   INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS files_by_name ON files (client_id, name);
CREATE INDEX IF NOT EXISTS files_by_path ON files (client_id, path_key);
"""


class NameTaken(Exception):
    """The name belongs to another client (2.9)."""


class NothingWaiting(Exception):
    """A 1104 that nothing answers to (2.11)."""


@dataclass(frozen=True)
class Client:
    """A registered client."""

    client_id: bytes
    name: str
    label: str
    public_key: bytes | None  # of its last 1101, as sent; None before the first
    aes_key: bytes | None  # the last that it was given, None before the first 1101


class Store:
    """The data folder. All methods may be called from any thread."""

    def __init__(self, data: Path) -> None:
        """Open the folder, make it where it is missing, and clean up after a crash."""
        self._data = data
        self._mutex = threading.RLock()  # around the one database connection, and around moves that go with a row
        try:
            make_folder(data)
            make_folder(data / "clients")
            with contextlib.ExitStack() as opened:
                self._lock = opened.enter_context(contextlib.closing(lock(data / "lock")))
                self._db = opened.enter_context(contextlib.closing(open_database(data / "backup.db")))
                self._db.executescript(_SCHEMA)
                self._recover()
                opened.pop_all()  # all went well: they stay open until `close`
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"cannot use the data folder {data}: {reason(error)}") from error

    def close(self) -> None:
        """Close the database and let go of the folder. Waits for an operation that is under way."""
        with self._mutex:
            self._db.close()
            self._lock.close()

    # ---- clients -------------------------------------------------------------------------------------------

    def register(self, name: str, version: int) -> bytes:
        """Take in a new client and return its ID; raise NameTaken."""
        client_id = new_client_id()
        with disk_errors(), self._transaction() as db:
            cursor = db.execute(
                "INSERT INTO clients (id, name, label, version, last_seen) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO NOTHING",
                (client_id, name, paths.new_label(name), version, int(time.time())),
            )
            if cursor.rowcount == 0:
                raise NameTaken
        return client_id

    def client(self, client_id: bytes) -> Client | None:
        """Find a client by its ID."""
        with disk_errors(), self._mutex:
            row = self._db.execute(
                "SELECT id, name, label, public_key, aes_key FROM clients WHERE id = ?", (client_id,)
            ).fetchone()
        return Client(*row) if row else None

    def set_keys(self, client: Client, public_key: bytes, aes_key: bytes, version: int) -> None:
        """Keep the keys of a 1101 (2.4) or of a reconnect (10.4)."""
        with disk_errors(), self._transaction() as db:
            db.execute(
                "UPDATE clients SET public_key = ?, aes_key = ?, version = ?, last_seen = ? WHERE id = ?",
                (public_key, aes_key, version, int(time.time()), client.client_id),
            )

    # ---- uploads -------------------------------------------------------------------------------------------

    def upload(self, client: Client, file_name: str) -> Upload:
        """Open an upload. Whoever opens it ends it with `abandon`, finished or not."""
        with disk_errors():
            make_folder(self._files(client.label))
            make_folder(self._waiting(client.label))
            return Upload(self, client, file_name, self._waiting(client.label) / secrets.token_hex(8))

    def add_version(self, client: Client, file_name: str, waiting: str) -> int:
        """Write the row of a durable upload and return its number: it is now the newest unverified version (7.3)."""
        with disk_errors(), self._transaction() as db:
            path = self._path_for(client, file_name)
            cursor = db.execute(
                "INSERT INTO files (client_id, name, path, path_key, waiting) VALUES (?, ?, ?, ?, ?)",
                (client.client_id, file_name, path, paths.path_key(path), waiting),
            )
            self._touch(client)
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def _path_for(self, client: Client, file_name: str) -> str:
        """7.4: the path that this name has already, else its base name, else the base name with a suffix."""
        row = self._db.execute(
            "SELECT path FROM files WHERE client_id = ? AND name = ? LIMIT 1", (client.client_id, file_name)
        ).fetchone()
        if row:
            return str(row[0])
        base = paths.base_name(file_name)
        # Eight digits suffice but for a client that searches for names that collide; it gets more of them.
        candidates = [paths.suffixed_path(file_name, digits) for digits in (8, 16, 32, 64)]
        if not paths.is_device(base):
            candidates.insert(0, base)
        for path in candidates:
            if not self._db.execute(
                "SELECT 1 FROM files WHERE client_id = ? AND path_key = ? LIMIT 1",
                (client.client_id, paths.path_key(path)),
            ).fetchone():
                return path
        raise StoreError("no path is left for this file name")

    # ---- verdicts (2.11, 6.5) ------------------------------------------------------------------------------
    #
    # `version` is the version that the last 2103 of this name on the same connection was about, or None where there
    # was none: then the verdict counts for the newest version that nobody judged.

    def cksum_right(self, client: Client, file_name: str, version: int | None) -> None:
        """1104: mark a version verified; raise NothingWaiting where there is none to mark."""
        with disk_errors(), self._mutex:
            with self._transaction() as db:
                if version is None:
                    version = self._newest(client, file_name, verified=False)
                if version is None:  # a repeated 1104, on a connection of its own
                    version = self._newest(client, file_name, verified=True)
                row = db.execute(
                    "SELECT path, waiting, verified FROM files WHERE id = ? AND client_id = ?",
                    (version, client.client_id),
                ).fetchone()
                if row is None:
                    newer = self._newest(client, file_name, verified=True)
                    if version is None or newer is None or newer < version:
                        raise NothingWaiting
                    return  # a late 1104, for a version that a newer verified one has ended (7.3)
                path, waiting, verified = row
                if verified:
                    return  # a repeated 1104
                # This is the moment that counts. What it replaces loses its row in the same transaction.
                db.execute("UPDATE files SET verified = 1 WHERE id = ?", (version,))
                older = db.execute(
                    "SELECT waiting FROM files WHERE client_id = ? AND name = ? AND id < ?",
                    (client.client_id, file_name, version),
                ).fetchall()
                db.execute(
                    "DELETE FROM files WHERE client_id = ? AND name = ? AND id < ?",
                    (client.client_id, file_name, version),
                )
                self._touch(client)
            # The row says that the file belongs into files/. If we fail from here on, the next start moves it.
            try:
                self._move_verified(client.label, path, waiting)
                for (name,) in older:
                    (self._waiting(client.label) / name).unlink(missing_ok=True)
            except OSError as error:
                log.error("a verified file stays in waiting/ until the next start: %s", reason(error))

    def cksum_wrong(self, client: Client, file_name: str, version: int | None) -> None:
        """1105 and 1106: drop the waiting upload, if there is one. Never touches a verified version."""
        with disk_errors(), self._mutex:
            with self._transaction() as db:
                if version is None:
                    version = self._newest(client, file_name, verified=False)
                row = db.execute(
                    "SELECT waiting FROM files WHERE id = ? AND client_id = ? AND NOT verified",
                    (version, client.client_id),
                ).fetchone()
                db.execute("DELETE FROM files WHERE id = ? AND NOT verified", (version,))
                self._touch(client)
            if row:
                (self._waiting(client.label) / row[0]).unlink(missing_ok=True)

    def _newest(self, client: Client, file_name: str, *, verified: bool) -> int | None:
        row = self._db.execute(
            "SELECT max(id) FROM files WHERE client_id = ? AND name = ? AND verified = ?",
            (client.client_id, file_name, verified),
        ).fetchone()
        return None if row[0] is None else int(row[0])

    def _touch(self, client: Client) -> None:
        self._db.execute("UPDATE clients SET last_seen = ? WHERE id = ?", (int(time.time()), client.client_id))

    # ---- folders and recovery ------------------------------------------------------------------------------

    def _files(self, label: str) -> Path:
        return self._data / "clients" / label / "files"

    def _waiting(self, label: str) -> Path:
        return self._data / "clients" / label / "waiting"

    def _move_verified(self, label: str, path: str, waiting: str) -> None:
        """Replace the old verified content, in one step that a crash cannot halve."""
        make_folder(self._files(label))
        (self._waiting(label) / waiting).replace(self._files(label) / path)
        sync_folder(self._files(label))
        sync_folder(self._waiting(label))

    def _recover(self) -> None:
        """Finish what a crash interrupted: move verified files, drop files without a row."""
        for client_id, label in self._db.execute("SELECT id, label FROM clients").fetchall():
            waiting_folder = self._waiting(label)
            left = {file.name for file in waiting_folder.iterdir()} if waiting_folder.is_dir() else set()
            rows = self._db.execute(
                "SELECT id, path, waiting, verified FROM files WHERE client_id = ? ORDER BY id", (client_id,)
            ).fetchall()
            for version, path, waiting, verified in rows:
                if waiting in left:
                    left.remove(waiting)
                    if verified:
                        log.info("moving a verified file to %r", path)
                        self._move_verified(label, path, waiting)
                elif not verified:
                    log.warning("the content of version %d of %s is gone; dropping it", version, label)
                    self._db.execute("DELETE FROM files WHERE id = ?", (version,))
            for name in left:
                log.info("removing an upload that was never finished from %s", label)
                (waiting_folder / name).unlink()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the block in one transaction, alone. Once it is left without an exception, it is on the disk."""
        with self._mutex:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # some errors, a full disk for one, have rolled it back already
                    self._db.execute("ROLLBACK")
                raise


class Upload:
    """One file that is coming in. `Store.upload` opens it."""

    def __init__(self, store: Store, client: Client, file_name: str, path: Path) -> None:
        """Create the temporary file."""
        self._store = store
        self._client = client
        self._file_name = file_name
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._has_row = False
        self._file: BinaryIO = new_file(self._part)

    def write(self, data: bytes) -> None:
        """Add plaintext."""
        with disk_errors():
            self._file.write(data)

    def finish(self) -> int:
        """Make the file durable, then its row, and return the number of the version. 2103 comes after this (7.3)."""
        with disk_errors():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._path)
            sync_folder(self._path.parent)
        version = self._store.add_version(self._client, self._file_name, self._path.name)
        self._has_row = True
        return version

    def __enter__(self) -> Upload:
        """Abandon the upload at the end of the block."""
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Abandon the upload."""
        self.abandon()

    def abandon(self) -> None:
        """Remove what has no row. Does nothing after `finish`."""
        with contextlib.suppress(OSError):  # closing flushes, and that fails on a full disk
            self._file.close()
        if not self._has_row:
            for path in (self._part, self._path):
                with contextlib.suppress(OSError):
                    path.unlink()


def new_client_id() -> bytes:
    """1.9: make a client ID: a random UUID, but none that begins with `00 00` (2.13)."""
    while True:
        client_id = uuid.uuid4().bytes
        if client_id[:2] != b"\0\0":
            return client_id
