"""PROTOCOL.md 2.11, 6.5 and 10.5: what a verdict does, what it counts for, and what comes back, in every dialect."""

from __future__ import annotations

import pytest

from .backup import STRANGER, Backup
from .peer import encrypt
from .running import Running


def test_1104_is_answered_as_the_dialect_says(backup: Backup) -> None:
    backup.upload("a", b"abc")
    # What is sent behind it is served or thrown away, and never makes a reset.
    backup.peer.send(backup.writer.verdict(backup.id, "cksum_right", "a") + backup.writer.register("behind"))
    backup.peer.expect_after(backup.dialect.after_right, backup.id)
    if not backup.dialect.after_right.close:
        assert backup.peer.response().kind == "registered"
        backup.peer.finish()
    assert backup.running.verified() == {"a": b"abc"}


def test_a_1104_that_cannot_be_honoured_is_refused_and_closed(backup: Backup) -> None:
    backup.upload("a", b"abc")
    for message in (
        backup.writer.verdict(STRANGER, "cksum_right", "a"),
        backup.writer.verdict(backup.id, "cksum_right", "..", STRANGER),
        backup.writer.verdict(backup.id, "cksum_right", ""),
        backup.writer.verdict(backup.id, "cksum_right", b"a" * backup.dialect.name_width),
        backup.writer.verdict(backup.id, "cksum_right", "other"),
    ):
        with backup.again() as peer:
            peer.send(message)
            peer.expect_refused(message)
            peer.expect_end()
    assert backup.running.verified() == {}
    backup.right("a")
    assert backup.running.verified() == {"a": b"abc"}


def test_a_repeated_1104_is_honoured(backup: Backup) -> None:
    backup.upload("a", b"abc")
    backup.right("a", backup.peer)
    backup.right("a")
    backup.running.restart()
    backup.right("a")
    assert backup.running.verified() == {"a": b"abc"}


def test_1105_is_never_answered(backup: Backup) -> None:
    for message in (
        backup.writer.verdict(backup.id, "cksum_wrong", "nothing"),
        backup.writer.verdict(STRANGER, "cksum_wrong", "a"),
        backup.writer.verdict(backup.id, "cksum_wrong", "..", STRANGER),
        backup.writer.verdict(backup.id, "cksum_wrong", ""),
        backup.writer.verdict(backup.id, "cksum_wrong", b"a" * backup.dialect.name_width),
    ):
        content = encrypt(backup.key, b"next")
        backup.peer.send(message + backup.writer.send_file(backup.id, content, "a", 4))  # in one write
        backup.peer.received(backup.id, content, "a", b"next")


def test_1105_and_again(backup: Backup) -> None:
    for number in range(6):  # a server counts no transmissions (6.4)
        backup.upload("a", b"%d" % number)
        assert backup.running.waiting() == [b"%d" % number]
        backup.peer.send(backup.writer.verdict(backup.id, "cksum_wrong", "a"))
    backup.upload("a", b"last")
    assert backup.running.waiting() == [b"last"]


def test_1106_deletes_what_waits(backup: Backup) -> None:
    backup.upload("a", b"old")
    backup.right("a")
    with backup.again() as peer:
        backup.upload("a", b"new", peer)
        backup.give_up("a", peer)
    assert backup.running.waiting() == []
    backup.give_up("a")  # with nothing waiting: honoured, and the verified version stays
    backup.give_up("never heard of")
    backup.wrong("a")
    assert backup.running.verified() == {"a": b"old"}


def test_a_verdict_after_1104_does_not_touch_the_verified_version(backup: Backup) -> None:
    if backup.dialect.after_right.close:
        pytest.skip("the connection ends after 1104")
    backup.upload("a", b"abc")
    backup.peer.send(
        backup.writer.verdict(backup.id, "cksum_right", "a") + backup.writer.verdict(backup.id, "cksum_wrong", "a")
    )
    backup.peer.expect_after(backup.dialect.after_right, backup.id)
    backup.give_up("a", backup.peer)
    assert backup.running.verified() == {"a": b"abc"}
    backup.right("a")


def test_a_late_1104_for_a_version_that_a_newer_one_has_ended_is_honoured(backup: Backup) -> None:
    backup.upload("a", b"older")
    with backup.again() as second:
        backup.upload("a", b"newer", second)
        backup.right("a", second)
    backup.right("a", backup.peer)
    assert backup.running.verified() == {"a": b"newer"}


def test_the_connection_after_1106(backup: Backup) -> None:
    backup.peer.send(backup.writer.verdict(backup.id, "give_up", "a"))
    backup.peer.expect_after(backup.dialect.after_give_up, backup.id)
    if not backup.dialect.after_give_up.close:
        backup.upload("b", b"abc")


def test_a_1106_of_a_stranger(backup: Backup) -> None:
    backup.upload("a", b"abc")
    messages = [backup.writer.verdict(STRANGER, "give_up", "a")]
    if backup.dialect.client_id_in_payload:
        messages.append(backup.writer.verdict(backup.id, "give_up", "a", STRANGER))
    for message in messages:
        with backup.again() as peer:
            peer.send(message)
            peer.expect_refused(message)
            if backup.dialect.after_give_up.close:
                peer.expect_end()
            else:
                backup.upload("b", b"abc", peer)
                backup.wrong("b", peer)
    assert backup.running.waiting() == [b"abc"]


def test_a_verdict_counts_for_the_upload_of_its_connection(backup: Backup) -> None:
    with backup.again() as second:
        backup.upload("a", b"first")
        backup.upload("a", b"second", second)
        backup.wrong("a", backup.peer)
        assert backup.running.waiting() == [b"second"]
        backup.right("a", second)
    assert backup.running.verified() == {"a": b"second"}


def test_a_second_1105_does_not_reach_the_upload_of_another_connection(backup: Backup) -> None:
    with backup.again() as second:
        backup.upload("a", b"second", second)
        backup.upload("a", b"first")
        backup.peer.send(backup.writer.verdict(backup.id, "cksum_wrong", "a") * 2)
        backup.peer.finish()
        assert backup.running.waiting() == [b"second"]


def test_a_verdict_on_a_connection_of_its_own_counts_for_the_newest(backup: Backup) -> None:
    for plain in (b"1", b"2", b"3"):
        with backup.again() as peer:
            backup.upload("a", plain, peer)
    backup.wrong("a")
    assert backup.running.waiting() == [b"1", b"2"]
    backup.right("a")  # ends what is older as well
    assert (backup.running.waiting(), backup.running.verified()) == ([], {"a": b"2"})


def test_an_older_upload_may_be_verified_while_a_newer_one_waits(backup: Backup) -> None:
    with backup.again() as second:
        backup.upload("a", b"first")
        backup.upload("a", b"second", second)
        backup.right("a", backup.peer)
        assert (backup.running.waiting(), backup.running.verified()) == ([b"second"], {"a": b"first"})
        backup.right("a", second)
        assert (backup.running.waiting(), backup.running.verified()) == ([], {"a": b"second"})


def test_clients_do_not_reach_each_others_files(running: Running) -> None:
    ann, bob = Backup(running, "ann"), Backup(running, "bob")
    ann.upload("a", b"of ann")
    bob.upload("a", b"of bob")
    ann.wrong("a")
    assert running.waiting() == [b"of bob"]
    bob.right("a")
    assert [path.parts[-3][:4] for path in running.data.glob("clients/*/files/a")] == ["bob-"]
