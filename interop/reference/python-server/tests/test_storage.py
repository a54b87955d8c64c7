"""PROTOCOL.md 7: what the server holds, and under which name, in every dialect."""

from __future__ import annotations

import threading

import pytest

from .backup import Backup
from .peer import encrypt


def test_an_upload_outlives_its_connection_and_a_restart(backup: Backup) -> None:
    backup.upload("a", b"old")
    backup.right("a")
    with backup.again() as peer:
        backup.upload("a", b"new", peer)
    backup.running.restart()
    assert (backup.running.waiting(), backup.running.verified()) == ([b"new"], {"a": b"old"})
    backup.right("a")
    assert (backup.running.waiting(), backup.running.verified()) == ([], {"a": b"new"})


def test_names_of_every_kind_stay_in_the_folder_and_apart(backup: Backup) -> None:
    sent = [
        "/etc/passwd", "passwd", "C:\\dir\\passwd", "PASSWD", "../../passwd", "CON", "con.txt", "x" * 254,
        "\u00e9.txt", "e\u0301.txt", ".profile", "waiting", "backup.db", "a b'\";%s.txt", "-rf", "\u202e.exe",
    ]  # fmt: skip
    for text in sent:
        with backup.again() as peer:
            backup.upload(text, text.encode(), peer)
            backup.right(text, peer)
    stored = backup.running.verified()
    assert sorted(stored.values()) == sorted(text.encode() for text in sent)
    assert len({path.casefold() for path in stored}) == len(sent)
    assert {"passwd", "waiting", "backup.db", ".profile"} <= set(stored)
    assert not {"CON", "con.txt"} & set(stored)


def test_the_client_id_is_in_no_path(backup: Backup) -> None:
    backup.upload("a", b"abc")
    assert not [path for path in backup.running.data.rglob("*") if backup.id.hex() in path.name.replace("-", "")]


def test_a_disk_error_is_a_refusal_and_leaves_nothing(backup: Backup, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        message = backup.writer.send_file(backup.id, encrypt(backup.key, b"abc"), "a", 3)
        backup.peer.send(message)
        backup.peer.expect_refused(message)
    assert backup.running.waiting() == []
    backup.upload("a", b"abc")


def test_parallel_uploads_of_one_client(backup: Backup) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            with backup.again() as peer:
                key = peer.key(backup.id, backup.name)
                plain = b"%d" % number * 100_000
                peer.upload(backup.id, key, f"f{number}", plain)
                backup.right(f"f{number}", peer)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert backup.running.verified() == {f"f{number}": b"%d" % number * 100_000 for number in range(8)}
