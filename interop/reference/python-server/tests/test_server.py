"""The server over a real socket, in every dialect: what it answers, when it closes, and which key counts."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable

import pytest
from Crypto.PublicKey import RSA

from backup_server.session import Limits
from backup_server.store import Client

from .backup import STRANGER, Backup
from .peer import DEADLINE, PUBLIC_KEY, encrypt, without_padding
from .running import Running

# ---- 1 and 6: the course of a backup -----------------------------------------------------------------------


def test_a_whole_backup(backup: Backup) -> None:
    backup.upload("notes.txt", b"123456789")
    assert backup.running.verified() == {}
    backup.peer.send(backup.writer.verdict(backup.id, "cksum_right", "notes.txt"))
    backup.peer.expect_after(backup.dialect.after_right, backup.id)
    if not backup.dialect.after_right.close:  # the connection goes on, and nothing more was answered
        backup.upload("more.txt", b"")
    backup.running.restart()
    assert backup.running.verified() == {"notes.txt": b"123456789"}


def test_requests_in_one_segment_are_answered_in_order(running: Running) -> None:
    with running.peer() as peer:
        peer.send(b"".join(peer.writer.register(text) for text in ("ann", "bob", "ann", "cid")))
        kinds = [peer.response().kind for _ in range(4)]
        assert kinds == ["registered", "registered", "refused", "registered"]
        peer.finish()


def test_any_segmentation_and_any_version(running: Running) -> None:
    with running.peer() as peer:
        for byte in peer.writer.register("ann", version=250):
            peer.send(bytes([byte]))
        assert peer.response().kind == "registered"
        assert running.rows("SELECT version FROM clients") == [(250,)]


def test_one_connection_per_request(running: Running) -> None:
    with running.peer() as peer:
        client_id = peer.register("ann")
    with running.peer() as peer:
        key = peer.key(client_id, "ann")
    with running.peer() as peer:
        peer.upload(client_id, key, "a", b"abc")
    with running.peer() as peer:
        peer.send(peer.writer.verdict(client_id, "cksum_right", "a"))
        peer.expect_after(running.dialect.after_right, client_id)
        peer.finish()
    assert running.verified() == {"a": b"abc"}


def test_content_of_many_sizes(backup: Backup) -> None:
    for size in (0, 1, 15, 16, 17, 262_143, 262_144, 262_145, 5_000_000):
        backup.upload("file", os.urandom(size))


def test_padding_of_names_is_ignored_and_not_echoed(backup: Backup) -> None:
    dirty = (b"a.txt\0" + b"\xff" * 300)[: backup.dialect.name_width]
    content = encrypt(backup.key, b"abc")
    backup.peer.send(backup.writer.send_file(backup.id, content, dirty, 3))
    backup.peer.received(backup.id, content, "a.txt", b"abc")


def test_client_ids_differ_and_never_begin_with_two_zeros(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with running.peer() as peer:
        ids = {peer.register(f"client{number}") for number in range(20)}
        assert len(ids) == 20
        made = iter([bytes(16), b"\0\0" + b"\1" * 14, b"\0\1" + b"\1" * 14])
        monkeypatch.setattr("uuid.uuid4", lambda: type("Uuid", (), {"bytes": next(made)}))
        assert peer.register("unlucky")[:2] == b"\0\1"


# ---- 2.10, 10.6: refused, and the connection goes on -------------------------------------------------------


def public_key(modulus_bits: int = 1024, e: int = 17) -> bytes:
    number = (1 << (modulus_bits - 1)) + 1
    return RSA.construct((number, e), consistency_check=False).export_key("DER")


def a_file(b: Backup, file_name: str | bytes, client_id: bytes | None = None) -> bytes:
    return b.writer.send_file(client_id or b.id, encrypt(b.key, b"abc"), file_name, 3)


REFUSED: dict[str, Callable[[Backup], bytes]] = {
    "name taken": lambda b: b.writer.register(b.name, STRANGER),
    "no NUL in a client name": lambda b: b.writer.register(b"a" * b.dialect.name_width),
    "empty client name": lambda b: b.writer.register(""),
    "client name not UTF-8": lambda b: b.writer.register(b"\xff"),
    "1101 of a stranger": lambda b: b.writer.send_public_key(STRANGER, b.name),
    "1101 with another name": lambda b: b.writer.send_public_key(b.id, "nobody"),
    "1101 with no name": lambda b: b.writer.send_public_key(b.id, ""),
    "key of zeros": lambda b: b.writer.send_public_key(b.id, b.name, bytes(160)),
    "exponent 1": lambda b: b.writer.send_public_key(b.id, b.name, PUBLIC_KEY[:-1] + b"\x01"),
    "exponent 16": lambda b: b.writer.send_public_key(b.id, b.name, PUBLIC_KEY[:-1] + b"\x10"),
    "exponent -1": lambda b: b.writer.send_public_key(b.id, b.name, PUBLIC_KEY[:-1] + b"\xff"),
    "1023 bits": lambda b: b.writer.send_public_key(b.id, b.name, public_key(1023, 17).ljust(160, b"\0")),
    "file of a stranger": lambda b: a_file(b, "a", STRANGER),
    "content size 0": lambda b: b.writer.send_file(b.id, b"", "a"),
    "content size 17": lambda b: b.writer.send_file(b.id, bytes(17), "a"),
    "content size below what follows": lambda b: b.writer.send_file(b.id, bytes(32), "a", content_size=16),
    "content size above what follows": lambda b: b.writer.send_file(b.id, bytes(32), "a", content_size=64),
    "padding": lambda b: b.writer.send_file(b.id, without_padding(b.key, 304), "a"),
    "no NUL in a file name": lambda b: a_file(b, b"a" * b.dialect.name_width),
    "empty file name": lambda b: a_file(b, ""),
    "file name not UTF-8": lambda b: a_file(b, b"\xc3"),
    "folder as file name": lambda b: a_file(b, "dir/"),
    "folder above": lambda b: a_file(b, ".."),
    "folder above, after a backslash": lambda b: a_file(b, "a\\.."),
    "control character": lambda b: a_file(b, "a\nb"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_refused_and_the_connection_goes_on(backup: Backup, wrong: str) -> None:
    message = REFUSED[wrong](backup)
    backup.peer.send(message)
    backup.peer.expect_refused(message)
    assert backup.running.waiting() == []
    backup.upload("after", b"the key is the old one and the stream is in step")


def test_a_file_in_the_name_of_another(backup: Backup) -> None:
    message = backup.writer.send_file(backup.id, encrypt(backup.key, b"abc"), "a", 3, payload_id=STRANGER)
    backup.peer.send(message)
    if backup.dialect.client_id_in_payload:
        backup.peer.expect_refused(message)
    else:  # there is no second ID that could differ
        backup.peer.received(backup.id, encrypt(backup.key, b"abc"), "a", b"abc")


def test_a_file_before_any_key(running: Running) -> None:
    with running.peer() as peer:
        client_id = peer.register("ann")
        message = peer.writer.send_file(client_id, bytes(16), "a")
        peer.send(message)
        peer.expect_refused(message)
        peer.upload(client_id, peer.key(client_id, "ann"), "a", b"abc")


def test_the_2101_for_a_name_taken_does_not_hand_out_its_id(backup: Backup) -> None:
    answer = backup.peer.ask(backup.writer.register(backup.name, STRANGER))
    assert answer.kind == "refused"
    assert backup.id not in answer.payload


# ---- 2.10: refused and closed ------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 899, 1024, 1032, 1102, 1107, 2100, 65535, 0x4C04, 0x0104])
def test_an_unknown_code_closes(backup: Backup, code: int) -> None:
    if code in backup.dialect.request_codes.values():
        pytest.skip("this dialect knows the code")
    message = backup.writer.request(backup.id, code, b"", size=4_000_000_000)
    backup.peer.send(message)
    backup.peer.expect_refused(message)
    backup.peer.expect_end()


@pytest.mark.parametrize("difference", [-1, 1, None])
def test_an_impossible_payload_size_closes(backup: Backup, difference: int | None) -> None:
    name, of_file = backup.dialect.name_width, 4 + 8 * backup.dialect.packets
    sizes = {"register": name, "send_public_key": name + 160, "reconnect": name}
    sizes.update(dict.fromkeys(("cksum_right", "cksum_wrong", "give_up"), backup.writer.id_size + name))
    if difference != 1:
        sizes["send_file"] = backup.writer.id_size + of_file + name
    for request in backup.dialect.request_codes.keys() & sizes.keys():
        # Nothing of the payload was sent: the answer comes at once, not after the payload.
        size = 0 if difference is None else sizes[request] + difference
        message = backup.writer.request(backup.id, request, b"", size=size)
        with backup.again() as peer:
            peer.send(message)
            peer.expect_refused(message)
            peer.expect_end()


def test_a_refusal_with_too_much_to_throw_away_closes(running: Running) -> None:
    running.restart(Limits(discard_bytes=1000))
    backup = Backup(running)
    message = backup.writer.send_file(STRANGER, b"", "a", content_size=1008, announced=1008)
    backup.peer.send(message)
    backup.peer.expect_refused(message)
    backup.peer.expect_end()
    with backup.again() as peer:  # one that is just small enough goes on
        message = backup.writer.send_file(STRANGER, bytes(992), "a")
        peer.send(message)
        peer.expect_refused(message)
        backup.upload("a", b"abc", peer)


def test_the_peer_sees_an_end_and_no_reset_though_it_goes_on_sending(backup: Backup) -> None:
    message = backup.writer.request(backup.id, 9, bytes(500_000))
    backup.peer.send(message)
    backup.peer.expect_refused(message)
    backup.peer.expect_end()
    # Some systems throw away what was not read when a reset comes. Ours does not, but it keeps a record.
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        assert backup.peer.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        threading.Event().wait(0.02)
    backup.peer.finish()


def test_the_discard_is_bounded_in_time(backup: Backup) -> None:
    start = time.monotonic()
    message = backup.writer.request(backup.id, 9, b"")
    backup.peer.send(message)
    backup.peer.expect_refused(message)
    backup.peer.expect_end()
    # We never stop by ourselves; the server is rid of us all the same.
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - start < DEADLINE:
            backup.peer.send(b"x")
            threading.Event().wait(0.02)
    assert time.monotonic() - start < DEADLINE / 2


def test_a_request_that_ends_early_is_dropped(backup: Backup) -> None:
    whole = [
        backup.writer.register("early"),
        backup.writer.send_public_key(backup.id, backup.name),
        backup.writer.send_file(backup.id, encrypt(backup.key, bytes(100_000)), "a", 100_000),
        backup.writer.verdict(backup.id, "give_up", "kept"),
    ]
    backup.upload("kept", b"kept")
    for message, cut in itertools.product(whole, (1, 22, 23, 24, -1)):
        with backup.again() as peer:
            peer.send(message[:cut])
            peer.finish()
    assert backup.running.waiting() == [b"kept"]
    assert backup.running.rows("SELECT count(*) FROM clients") == [(1,)]
    with backup.again() as peer:  # the stored key is still the first
        backup.upload("b", b"abc", peer)


# ---- 2.4: keys over time -----------------------------------------------------------------------------------


def test_a_key_counts_on_its_own_connection_and_else_the_newest(backup: Backup) -> None:
    with backup.again() as second, backup.again() as third:
        newer = second.key(backup.id, backup.name)
        assert newer != backup.key
        backup.peer.upload(backup.id, backup.key, "a", b"abc")
        second.upload(backup.id, newer, "b", b"abc")
        third.upload(backup.id, newer, "c", b"abc")


def test_the_key_is_fixed_when_the_header_is_read(backup: Backup, monkeypatch: pytest.MonkeyPatch) -> None:
    content = encrypt(backup.key, b"abc")
    message = backup.writer.send_file(backup.id, content, "a", 3)
    looked_up = threading.Event()
    look_up = backup.running.store.client

    def client(client_id: bytes) -> Client | None:
        found = look_up(client_id)
        looked_up.set()
        return found

    with backup.again() as first, backup.again() as second:
        with monkeypatch.context() as patch:
            patch.setattr(backup.running.store, "client", client)
            first.send(message[:23])
            assert looked_up.wait(DEADLINE)
        second.key(backup.id, backup.name)
        first.send(message[23:])
        first.received(backup.id, content, "a", b"abc")


def test_a_key_outlives_a_restart(backup: Backup) -> None:
    backup.running.restart()
    with backup.again() as peer:
        backup.upload("a", b"abc", peer)


# ---- the server itself -------------------------------------------------------------------------------------


def test_socket_options(backup: Backup) -> None:
    assert backup.running.server.socket.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
    (connection,) = backup.running.server._connections
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_idle_connection_is_ended(running: Running) -> None:
    running.restart(Limits(idle_seconds=0.2))
    with running.peer() as peer:
        peer.send(b"half a header")
        peer.expect_end()


def test_no_log_line_holds_a_whole_id_or_key(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        backup = Backup(running, "ann\x1b[31m")
        backup.upload("a", b"abc")
        backup.give_up("a", backup.peer)
        with backup.again() as peer:
            message = backup.writer.verdict(backup.id, "cksum_right", "a")
            peer.send(message)
            peer.expect_refused(message)
    assert backup.id.hex()[:8] in caplog.text
    for secret in (backup.id, backup.key):
        assert secret.hex() not in caplog.text
        assert repr(secret) not in caplog.text
    assert "\x1b" not in caplog.text
