"""Files, folders and the database connection: what PROTOCOL.md 7.3 needs of a disk.

Whatever is in the data folder is for nobody else on this computer: the AES keys and client IDs are among it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


class StoreError(Exception):
    """The data folder cannot be used, or a disk or database operation failed."""


def new_file(path: Path) -> BinaryIO:
    """Create a file that must not exist."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return open(os.open(path, flags, 0o600), "wb")  # noqa: PTH123


def open_database(path: Path) -> sqlite3.Connection:
    """Open a database, and make it where it is missing."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)


def lock(path: Path) -> sqlite3.Connection:
    """Keep a second server out of the folder: it would sweep away the uploads of the first.

    The lock is a transaction on an empty database that never ends. That works alike on all systems, leaves
    backup.db open to an operator's tools, and the system ends it with the process, however that ends.
    """
    holder = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        holder.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        holder.close()
        if "locked" in str(error):
            raise StoreError(f"another server uses the data folder {path.parent}") from None
        raise
    return holder


def make_folder(path: Path) -> None:
    """Make a folder, and the folders above it, durably. Nobody else on this computer may look into it."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable; syncing a file does not do that."""
    if os.name == "nt":  # Windows cannot open a folder, and needs not
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Turn the errors of disk and database into ours, so that nobody takes them for errors of a socket."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(reason(error)) from error


def reason(error: Exception) -> str:
    """Say what went wrong, in the words of the system where there are any."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
