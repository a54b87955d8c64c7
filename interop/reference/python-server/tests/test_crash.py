"""PROTOCOL.md 7.3: whatever the moment at which the server dies, no verified file and no answered upload is lost.

A child process replaces a verified file and dies just before one step that writes something: the first step in the
first run, the second in the second, until it gets through. Each time another server then opens the folder, and we look.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backup_server.store import Client, Store

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

DIED = 9


class Countdown:
    """Ends the process before the step with this number."""

    def __init__(self, number: int) -> None:
        self.left = number

    def step(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            os._exit(DIED)

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **named: Any) -> Any:
            self.step()
            return function(*arguments, **named)

        return stepped


def upload(store: Store, client: Client, plain: bytes) -> int:
    with store.upload(client, "file") as incoming:
        incoming.write(plain)
        return incoming.finish()


def known_client(store: Store, client_id: bytes) -> Client:
    client = store.client(client_id)
    assert client is not None
    return client


def replace(data: Path, client_id: bytes, number: int, report: int, verdict: str) -> None:
    """In the child: upload and judge. What a client would have heard of goes into the pipe."""
    countdown = Countdown(number)
    store = Store(data)
    store._db.set_trace_callback(countdown.step)  # before every statement, COMMIT among them
    os.fsync = countdown.before(os.fsync)
    Path.replace = countdown.before(Path.replace)  # type: ignore[method-assign]
    Path.unlink = countdown.before(Path.unlink)  # type: ignore[method-assign]
    client = known_client(store, client_id)
    version = upload(store, client, b"new")
    os.write(report, b"a")
    getattr(store, verdict)(client, "file", version)
    os.write(report, b"j")
    os._exit(0)


def run_child(data: Path, client_id: bytes, number: int, verdict: str) -> tuple[bool, bytes]:
    """Run the child; return whether it got through, and what it reported."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            replace(data, client_id, number, write_end, verdict)
        finally:
            os._exit(1)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        reported = pipe.read()
    _, status = os.waitpid(child, 0)
    code = os.WEXITSTATUS(status)
    assert code in (0, DIED)
    return code == 0, reported


@pytest.mark.parametrize("verdict", ["cksum_right", "cksum_wrong"])
def test_a_crash_before_every_step(verdict: str, tmp_path: Path) -> None:
    old, new = {"file": b"old"}, {"file": b"new"}
    after_verdict: tuple[dict[str, bytes], list[bytes]] = (new, []) if verdict == "cksum_right" else (old, [])
    allowed = {
        b"": [(old, []), (old, [b"new"])],  # durable, though the client never heard of it
        b"a": [(old, [b"new"]), after_verdict],
        b"aj": [after_verdict],
    }
    steps = 0
    through = False
    while not through:
        steps += 1
        data = tmp_path / str(steps)
        store = Store(data)
        client_id = store.register("ann", 3)
        client = known_client(store, client_id)
        store.cksum_right(client, "file", upload(store, client, b"old"))
        store.close()

        through, reported = run_child(data, client_id, steps, verdict)

        store = Store(data)
        try:
            verified = {path.name: path.read_bytes() for path in data.glob("clients/*/files/*")}
            waiting = [path.read_bytes() for path in data.glob("clients/*/waiting/*")]
            assert (verified, waiting) in allowed[reported], f"after a crash before step {steps}"
            # What the rows promise is where it belongs: one verified version, and what waits.
            rows = store._db.execute("SELECT verified FROM files ORDER BY id").fetchall()
            assert rows == [(1,)] + [(0,)] * len(waiting)
            # And the folder still works.
            store.cksum_right(client, "file", upload(store, client, b"last"))
            assert [path.read_bytes() for path in data.glob("clients/*/*/*")] == [b"last"]
        finally:
            store.close()
    assert steps > 15


def test_the_order_of_the_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No crash of a process shows a missing fsync, only one of the machine does; so look at the calls themselves."""
    steps: list[str] = []
    fsync, rename = os.fsync, Path.replace

    def traced_fsync(descriptor: int) -> None:
        steps.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        fsync(descriptor)

    def traced_replace(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    store = Store(tmp_path / "data")
    client = known_client(store, store.register("ann", 3))
    upload(store, client, b"makes the folders")
    monkeypatch.setattr("os.fsync", traced_fsync)
    monkeypatch.setattr("pathlib.Path.replace", traced_replace)
    store._db.set_trace_callback(lambda statement: steps.append("commit") if statement == "COMMIT" else None)
    version = upload(store, client, b"new")
    assert steps == ["sync file", "rename", "sync folder", "commit"]
    steps.clear()
    store.cksum_right(client, "file", version)
    assert steps == ["commit", "rename", "sync folder", "sync folder"]
    # 3: a COMMIT syncs the database, its journal, and the folder when the journal is removed.
    assert store._db.execute("PRAGMA synchronous").fetchone() == (3,)
    store.close()
