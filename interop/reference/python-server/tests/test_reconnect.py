"""PROTOCOL.md 10.4: a client comes back, in every dialect that has a reconnect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from Crypto.PublicKey import RSA

from backup_server.dialect import Dialect, load_dialect

from .backup import STRANGER, Backup
from .running import DIALECTS, Running, changed

WITH_RECONNECT = [name for name in DIALECTS if "reconnect" in load_dialect(name).request_codes]


@pytest.fixture(params=WITH_RECONNECT)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path / "data", request.param)
    yield server
    server.end()


def test_after_a_restart_with_a_new_key(backup: Backup) -> None:
    backup.upload("a", b"before")
    backup.running.restart()
    with backup.again() as peer:
        key = peer.reconnect(backup.id, backup.name)
        assert key != backup.key
        peer.upload(backup.id, key, "b", b"after")
        backup.right("b", peer)
    with backup.again() as peer:  # the new key is the one that is stored
        peer.upload(backup.id, key, "c", b"later")
    assert backup.running.verified() == {"b": b"after"}
    assert backup.running.waiting() == [b"before", b"later"]


@pytest.mark.parametrize("base", WITH_RECONNECT)
def test_with_the_same_key(base: str, serve: Callable[[Dialect], Running]) -> None:
    backup = Backup(serve(changed(base, reconnect_key="same")))
    backup.running.restart()
    with backup.again() as peer:
        assert peer.reconnect(backup.id, backup.name) == backup.key
        backup.upload("a", b"abc", peer)


def test_the_key_is_wrapped_for_the_last_1101(backup: Backup) -> None:
    pair = RSA.generate(1024, e=17)
    backup.peer.key(backup.id, backup.name, pair)
    with backup.again() as peer:
        key = peer.reconnect(backup.id, backup.name, pair)
        peer.upload(backup.id, key, "a", b"abc")


def test_a_key_counts_on_the_connection_that_it_was_handed_out_on(backup: Backup) -> None:
    with backup.again() as second, backup.again() as third:
        keys = [peer.reconnect(backup.id, backup.name) for peer in (second, third)]
        for peer, key in zip((second, third), keys):
            peer.upload(backup.id, key, "a", b"abc")
        backup.upload("a", b"abc")


def test_what_is_refused(backup: Backup) -> None:
    other = Backup(backup.running)
    width = backup.dialect.name_width
    for message in (
        backup.writer.reconnect(STRANGER, backup.name),  # with no ID but the stranger's own in the answer
        backup.writer.reconnect(bytes(16), backup.name),
        backup.writer.reconnect(backup.id, other.name),
        backup.writer.reconnect(backup.id, "nobody"),
        backup.writer.reconnect(backup.id, b"a" * width),
        backup.writer.reconnect(backup.id, b""),
        backup.writer.reconnect(backup.id, b"\xff"),
    ):
        backup.peer.send(message)
        backup.peer.expect_refused(message)
    with backup.again() as peer:  # no refusal has changed the key
        backup.upload("a", b"abc", peer)


def test_a_client_without_a_public_key(running: Running) -> None:
    with running.peer() as peer:
        client_id = peer.register("ann")
        message = peer.writer.reconnect(client_id, "ann")
        peer.send(message)
        peer.expect_refused(message)
        peer.key(client_id, "ann")
        peer.reconnect(client_id, "ann")


def test_after_a_refusal_the_client_registers_on_the_same_connection(backup: Backup) -> None:
    with backup.again() as peer:
        message = backup.writer.reconnect(STRANGER, "new")
        peer.send(message)
        peer.expect_refused(message)
        client_id = peer.register("new")
        peer.upload(client_id, peer.key(client_id, "new"), "a", b"abc")


def test_the_stored_key_may_be_longer_than_the_dialect_takes(serve: Callable[[Dialect], Running]) -> None:
    pair = RSA.generate(1024, e=65537)
    running = serve(changed("2023a", public_key_sizes=[160, 162]))
    with running.peer() as peer:
        client_id = peer.register("ann")
        peer.key(client_id, "ann", pair)
    running.restart(dialect=changed("2023a"))
    with running.peer() as peer:
        peer.reconnect(client_id, "ann", pair)
