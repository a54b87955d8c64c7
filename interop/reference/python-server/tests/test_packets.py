"""PROTOCOL.md 10.7: a file in packets, over a socket."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from backup_server.dialect import Dialect, load_dialect
from backup_server.session import Limits

from . import vectors
from .backup import STRANGER, Backup
from .peer import encrypt, without_padding
from .running import DIALECTS, Running, changed

Json = dict[str, Any]

WITH_PACKETS = [name for name in DIALECTS if load_dialect(name).packets]
PLAIN = bytes(range(40))


@pytest.fixture(params=WITH_PACKETS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path / "data", request.param)
    yield server
    server.end()


def cut(content: bytes, *places: int) -> list[bytes]:
    ends = [*places, len(content)]
    return [content[start:end] for start, end in zip([0, *places], ends)]


def packets(backup: Backup, *places: int, plain: bytes = PLAIN, file_name: str = "file") -> list[bytes]:
    pieces = cut(encrypt(backup.key, plain), *places)
    return backup.writer.packets(backup.id, pieces, file_name, len(plain))


def expect_received(backup: Backup, plain: bytes = PLAIN, file_name: str = "file") -> None:
    backup.peer.received(backup.id, encrypt(backup.key, plain), file_name, plain)
    assert plain in backup.running.waiting()


def expect_silence(backup: Backup) -> None:
    """Nothing was answered, and nothing of the stream is out of step: the next request gets the next answer."""
    message = backup.writer.register(backup.name)
    backup.peer.send(message)
    backup.peer.expect_refused(message)


# ---- what is taken -----------------------------------------------------------------------------------------


def test_a_cut_anywhere(backup: Backup) -> None:
    content = encrypt(backup.key, PLAIN)
    assert len(content) == 48
    for first in range(len(content) + 1):
        for second in (first, (first + len(content)) // 2, len(content)):
            backup.peer.send(b"".join(packets(backup, first, second)))
            expect_received(backup)


def test_as_many_packets_as_bytes(backup: Backup) -> None:
    plain = bytes(3000)
    places = range(1, len(encrypt(backup.key, plain)))
    backup.peer.send(b"".join(packets(backup, *places, plain=plain)))
    expect_received(backup, plain)


def test_packets_larger_than_what_is_held_in_memory(backup: Backup) -> None:
    plain = bytes(1_000_000)
    backup.peer.send(b"".join(packets(backup, 1, 700_001, plain=plain)))
    expect_received(backup, plain)


def test_there_is_one_answer(backup: Backup) -> None:
    backup.peer.send(b"".join(packets(backup, 16, 32)))
    expect_received(backup)
    expect_silence(backup)


def test_the_key_is_that_of_packet_1(backup: Backup) -> None:
    first, last = packets(backup, 16)
    backup.peer.send(first)
    with backup.again() as other:
        assert other.key(backup.id, backup.name) != backup.key
    backup.peer.send(last)
    expect_received(backup)


def test_packets_where_a_request_has_a_connection_of_its_own(serve: Callable[[Dialect], Running]) -> None:
    running = serve(changed("2024a", connection="request"))
    with running.peer() as peer:
        client_id = peer.register("ann")
        peer.expect_end()
    with running.peer() as peer:
        key = peer.key(client_id, "ann")
        peer.expect_end()
    content = encrypt(key, PLAIN)
    with running.peer() as peer:
        for packet in peer.writer.packets(client_id, cut(content, 16, 20), "file", len(PLAIN)):
            peer.send(packet)
        peer.received(client_id, content, "file", PLAIN)
        peer.expect_end()


# ---- what ends a file --------------------------------------------------------------------------------------


def test_another_request_drops_the_file(backup: Backup) -> None:
    first, last = packets(backup, 16)
    backup.peer.send(first)
    expect_silence(backup)
    assert backup.running.waiting() == []
    backup.peer.send(last)  # of no file
    backup.peer.expect_refused(last)
    backup.peer.send(first + last)
    expect_received(backup)


def test_the_end_of_the_connection_drops_the_file(backup: Backup) -> None:
    first, last = packets(backup, 16)
    for sent in (first, first[:-1], first + last[:-1]):
        with backup.again() as peer:
            peer.send(sent)
            peer.finish()
        assert backup.running.waiting() == []
    with backup.again() as peer:  # on which packet 1 was not
        peer.send(last)
        peer.expect_refused(last)


def test_a_packet_of_another_client_is_none_of_the_file(backup: Backup) -> None:
    other = Backup(backup.running)
    first, _ = packets(backup, 16)
    second = backup.writer.packets(other.id, cut(encrypt(backup.key, PLAIN), 16), "file", len(PLAIN))[1]
    backup.peer.send(first + second)
    backup.peer.expect_refused(second)
    assert backup.running.waiting() == []


# ---- what is refused ---------------------------------------------------------------------------------------


def test_a_file_that_is_refused_is_answered_once(backup: Backup) -> None:
    unknown = backup.writer.packets(STRANGER, cut(bytes(48), 16, 32), "file", 40)
    bad_name = packets(backup, 16, 32, file_name="..")
    for wrong in (unknown, bad_name):
        # The sender does not read between packets; then it sends another file.
        backup.peer.send(b"".join(wrong) + b"".join(packets(backup, 16)))
        backup.peer.expect_refused(wrong[0])
        expect_received(backup)


def test_what_is_discarded_ends_with_the_packet_numbered_total(backup: Backup) -> None:
    wrong = packets(backup, 16, 32, file_name="..")
    backup.peer.send(b"".join(wrong) + wrong[1])
    backup.peer.expect_refused(wrong[0])
    backup.peer.expect_refused(wrong[1])  # of no file: the one after the end


def test_without_packet_1_there_is_no_file_to_discard(backup: Backup) -> None:
    _, *later = packets(backup, 16, 32)
    for packet in later:
        backup.peer.send(packet)
        backup.peer.expect_refused(packet)


def test_padding_shows_only_at_the_end(backup: Backup) -> None:
    spoilt = backup.writer.packets(backup.id, cut(without_padding(backup.key, 48), 16, 32), "file", 40)
    backup.peer.send(b"".join(spoilt))
    backup.peer.expect_refused(spoilt[-1])
    expect_silence(backup)
    assert backup.running.waiting() == []


def test_another_request_ends_what_is_discarded(backup: Backup) -> None:
    wrong = packets(backup, 16, 32, file_name="..")
    backup.peer.send(wrong[0])
    backup.peer.expect_refused(wrong[0])
    expect_silence(backup)
    backup.peer.send(wrong[1])  # now it is a packet of no file
    backup.peer.expect_refused(wrong[1])


def test_the_content_size_counts_for_what_is_thrown_away(running: Running) -> None:
    running.restart(Limits(discard_bytes=1000))
    backup = Backup(running)
    small = packets(backup, 16, plain=bytes(900), file_name="..")
    backup.peer.send(b"".join(small))
    backup.peer.expect_refused(small[0])
    expect_silence(backup)
    large = packets(backup, 16, plain=bytes(1100), file_name="..")
    backup.peer.send(large[0])
    backup.peer.expect_refused(large[0])
    backup.peer.expect_end()
    # Nothing is left to throw away after the last packet.
    with backup.again() as peer:
        spoilt = backup.writer.packets(backup.id, cut(without_padding(backup.key, 1104), 500), "file", 1100)
        peer.send(b"".join(spoilt))
        peer.expect_refused(spoilt[-1])
        backup.upload("a", b"abc", peer)


def test_a_refused_file_does_not_go_on_for_ever(running: Running) -> None:
    running.restart(Limits(discard_bytes=1000))
    backup = Backup(running)
    writer = backup.writer
    first, *more = (
        writer.send_file(backup.id, bytes(400), "..", 900, content_size=912, number=number, total=9)
        for number in (1, 2, 3, 4)
    )
    backup.peer.send(first + b"".join(more))
    backup.peer.expect_refused(first)
    backup.peer.expect_end()  # and no second answer


# ---- the golden vectors ------------------------------------------------------------------------------------

INDEX = vectors.load("index.json")
FILES = [file for file in INDEX["files"] if vectors.load(file)["decodes"] == "packets"]


@pytest.mark.parametrize("file", FILES)
def test_vectors(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    content = vectors.load(file)
    ran = 0
    for group in content["groups"]:
        for number, (name, dialect) in enumerate(vectors.dialects(group)):
            for test in group["tests"]:
                client_id = bytes.fromhex(test["messages"][0]["bytes"])[:16]
                monkeypatch.setattr("backup_server.store.new_client_id", Mock(return_value=client_id))
                aes_key = bytes.fromhex(group["aes_key"])
                monkeypatch.setattr("backup_server.crypto.new_aes_key", Mock(return_value=aes_key))
                caplog.clear()
                running = Running(tmp_path / name / test["id"], dialect)
                try:
                    play(running, test, caplog)
                except AssertionError as error:
                    raise AssertionError(f"{test['id']} in {name}: {test['comment']}\n{error}") from None
                finally:
                    running.end()
                ran += number == 0
    assert ran == content["count"] == INDEX["files"][file]


def play(running: Running, test: Json, caplog: pytest.LogCaptureFixture) -> None:
    backup = Backup(running)
    answers = {"complete": "file_received", "refused": "general_error"}
    for message in test["messages"]:
        backup.peer.send(bytes.fromhex(message["bytes"]))
        if message["outcome"] in answers:
            assert backup.peer.response().kind == answers[message["outcome"]]
        else:
            assert message["outcome"] in ("more", "discarded")
    slugs = re.findall(r"refused a request with code \d+: (\S+)", caplog.text)
    expect_silence(backup)
    if test["result"] == "invalid":
        (slug,) = slugs
        assert slug in (test["error"], *test.get("aliases", []))
        return
    assert slugs == []
    assert running.rows("SELECT name FROM files") == [(test["fields"]["file_name"],)]
    assert running.waiting() == [bytes.fromhex(test["fields"]["plaintext"])]


def test_there_are_vectors() -> None:
    assert FILES
