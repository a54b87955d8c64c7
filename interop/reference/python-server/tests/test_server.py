"""The server over a real socket, in every dialect: what it answers, when it closes, and what it then holds."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import struct
import threading
import time

import pytest
from Crypto.PublicKey import RSA

from backup_server.cksum import cksum
from backup_server.session import Limits
from backup_server.store import Client

from .conftest import Running
from .peer import DEADLINE, PUBLIC_KEY, ZEROS, Peer, encrypt, name, request, send_file, verdict

STRANGER = bytes.fromhex("7f" * 16)
NAMES = (f"client{number}" for number in itertools.count())


class Backup:
    """A connection of a client that is registered and has a key."""

    def __init__(self, running: Running, client_name: str | None = None) -> None:
        self.running = running
        self.dialect = running.dialect
        self.peer = running.peer()
        self.name = client_name or next(NAMES)
        self.id = self.peer.register(self.name)
        self.key = self.peer.key(self.id, self.name)

    def again(self) -> Peer:
        """Open a further connection of the client."""
        return self.running.peer()

    def upload(self, file_name: str, plain: bytes, peer: Peer | None = None) -> None:
        assert (peer or self.peer).upload(self.id, self.key, file_name, plain) == cksum(plain)

    def right(self, file_name: str, peer: Peer | None = None) -> None:
        """Send 1104 and wait until it is honoured, whichever way the dialect shows it."""
        peer = peer or self.again()
        peer.send(verdict(self.id, 1104, file_name))
        peer.finish()

    def wrong(self, file_name: str, peer: Peer | None = None) -> None:
        peer = peer or self.again()
        peer.send(verdict(self.id, 1105, file_name))
        peer.finish()

    def give_up(self, file_name: str, peer: Peer | None = None) -> None:
        peer = peer or self.again()
        peer.send(verdict(self.id, 1106, file_name))
        if self.dialect.after_give_up.answer == "refused":
            peer.expect_refused(self.id)
        peer.finish()


@pytest.fixture
def backup(running: Running) -> Backup:
    return Backup(running)


# ---- 1 and 6: the course of a backup -----------------------------------------------------------------------


def test_a_whole_backup(backup: Backup) -> None:
    backup.upload("notes.txt", b"123456789")
    assert backup.running.verified() == {}
    backup.peer.send(verdict(backup.id, 1104, "notes.txt"))
    if backup.dialect.after_right.close:
        backup.peer.expect_end()
    else:  # the connection goes on, and nothing was answered
        backup.upload("more.txt", b"")
    backup.running.stop()
    backup.running.start()
    assert backup.running.verified() == {"notes.txt": b"123456789"}


def test_requests_in_one_segment_are_answered_in_order(running: Running) -> None:
    with running.peer() as peer:
        peer.send(b"".join(request(ZEROS, 1100, name(text)) for text in ("ann", "bob", "ann", "cid")))
        assert [peer.response().code for _ in range(4)] == [2100, 2100, 2101, 2100]
        peer.finish()


def test_any_segmentation_and_any_version(running: Running) -> None:
    with running.peer() as peer:
        for byte in request(ZEROS, 1100, name("ann"), version=250):
            peer.send(bytes([byte]))
        assert peer.response().code == 2100
        assert running.rows("SELECT version FROM clients") == [(250,)]


def test_one_connection_per_request(running: Running) -> None:
    with running.peer() as peer:
        client_id = peer.register("ann")
    with running.peer() as peer:
        key = peer.key(client_id, "ann")
    with running.peer() as peer:
        assert peer.upload(client_id, key, "a", b"abc") == cksum(b"abc")
    with running.peer() as peer:
        peer.send(verdict(client_id, 1104, "a"))
        peer.finish()
    assert running.verified() == {"a": b"abc"}


def test_content_of_many_sizes(backup: Backup) -> None:
    for size in (0, 1, 15, 16, 17, 262_143, 262_144, 262_145, 5_000_000):
        backup.upload("file", os.urandom(size))


def test_padding_of_names_is_ignored_and_not_echoed(backup: Backup) -> None:
    dirty = (b"a.txt\0" + b"\xff" * 300)[:255]
    content = encrypt(backup.key, b"abc")
    backup.peer.send(send_file(backup.id, content, dirty))
    assert backup.peer.received(backup.id, content, "a.txt") == cksum(b"abc")


def test_client_ids_differ_and_never_begin_with_two_zeros(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with running.peer() as peer:
        ids = {peer.register(f"client{number}") for number in range(20)}
        assert len(ids) == 20
        made = iter([bytes(16), b"\0\0" + b"\1" * 14, b"\0\1" + b"\1" * 14])
        monkeypatch.setattr("uuid.uuid4", lambda: type("Uuid", (), {"bytes": next(made)}))
        assert peer.register("unlucky")[:2] == b"\0\1"


# ---- 2.10: refused, and the connection goes on -------------------------------------------------------------


def public_key(modulus_bits: int = 1024, e: int = 17) -> bytes:
    number = (1 << (modulus_bits - 1)) + 1
    return RSA.construct((number, e), consistency_check=False).export_key("DER")


REFUSED = {
    "name taken": lambda c: request(STRANGER, 1100, name(c.name)),
    "no NUL in a client name": lambda c: request(STRANGER, 1100, b"a" * 255),
    "empty client name": lambda c: request(ZEROS, 1100, bytes(255)),
    "client name not UTF-8": lambda c: request(ZEROS, 1100, name(b"\xff")),
    "1101 of a stranger": lambda c: request(STRANGER, 1101, name(c.name) + PUBLIC_KEY),
    "1101 with another name": lambda c: request(c.id, 1101, name("nobody") + PUBLIC_KEY),
    "1101 with no name": lambda c: request(c.id, 1101, bytes(255) + PUBLIC_KEY),
    "key of zeros": lambda c: request(c.id, 1101, name(c.name) + bytes(160)),
    "exponent 1": lambda c: request(c.id, 1101, name(c.name) + PUBLIC_KEY[:-1] + b"\x01"),
    "exponent 16": lambda c: request(c.id, 1101, name(c.name) + PUBLIC_KEY[:-1] + b"\x10"),
    "exponent -1": lambda c: request(c.id, 1101, name(c.name) + PUBLIC_KEY[:-1] + b"\xff"),
    "1023 bits": lambda c: request(c.id, 1101, name(c.name) + public_key(1023, 17).ljust(160, b"\0")),
    "file of a stranger": lambda c: send_file(STRANGER, encrypt(c.key, b"abc"), "a"),
    "file in the name of another": lambda c: request(
        c.id, 1103, STRANGER + struct.pack("<I", 16) + name("a") + encrypt(c.key, b"abc")
    ),
    "content size 0": lambda c: send_file(c.id, b"", "a"),
    "content size 17": lambda c: send_file(c.id, bytes(17), "a"),
    "content size below what follows": lambda c: request(
        c.id, 1103, c.id + struct.pack("<I", 16) + name("a") + encrypt(c.key, b"a" * 16)
    ),
    "content size above what follows": lambda c: request(
        c.id, 1103, c.id + struct.pack("<I", 64) + name("a") + encrypt(c.key, b"a" * 16)
    ),
    "padding": lambda c: send_file(c.id, encrypt(b"another key 1234", b"abc" * 100), "a"),
    "no NUL in a file name": lambda c: send_file(c.id, encrypt(c.key, b"abc"), b"a" * 255),
    "empty file name": lambda c: send_file(c.id, encrypt(c.key, b"abc"), ""),
    "file name not UTF-8": lambda c: send_file(c.id, encrypt(c.key, b"abc"), b"\xc3"),
    "folder as file name": lambda c: send_file(c.id, encrypt(c.key, b"abc"), "dir/"),
    "folder above": lambda c: send_file(c.id, encrypt(c.key, b"abc"), ".."),
    "folder above, after a backslash": lambda c: send_file(c.id, encrypt(c.key, b"abc"), "a\\.."),
    "control character": lambda c: send_file(c.id, encrypt(c.key, b"abc"), "a\nb"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_refused_and_the_connection_goes_on(backup: Backup, wrong: str) -> None:
    message = REFUSED[wrong](backup)
    backup.peer.send(message)
    backup.peer.expect_refused(message[:16])
    assert backup.running.waiting() == []
    backup.upload("after", b"the key is the old one and the stream is in step")


def test_a_file_before_any_key(running: Running) -> None:
    with running.peer() as peer:
        client_id = peer.register("ann")
        peer.send(send_file(client_id, bytes(16), "a"))
        peer.expect_refused(client_id)
        peer.upload(client_id, peer.key(client_id, "ann"), "a", b"abc")


def test_the_2101_for_a_name_taken_does_not_hand_out_its_id(backup: Backup) -> None:
    answer = backup.peer.ask(request(STRANGER, 1100, name(backup.name)))
    assert answer.code == 2101
    assert backup.id not in answer.payload


# ---- 2.10: refused and closed ------------------------------------------------------------------------------

IMPOSSIBLE_SIZES = {
    1100: (0, 254, 256),
    1101: (0, 414, 416),
    1103: (0, 274),
    **dict.fromkeys((1104, 1105, 1106), (270, 272)),
}


@pytest.mark.parametrize("code", [0, 1099, 1102, 1107, 2100, 65535, 0x4C04])
def test_an_unknown_code_closes(backup: Backup, code: int) -> None:
    backup.peer.send(request(backup.id, code, b"", size=4_000_000_000))
    backup.peer.expect_refused(backup.id)
    backup.peer.expect_end()


@pytest.mark.parametrize(("code", "size"), [(code, size) for code, sizes in IMPOSSIBLE_SIZES.items() for size in sizes])
def test_an_impossible_payload_size_closes(backup: Backup, code: int, size: int) -> None:
    # Nothing of the payload was sent: the answer comes at once, not after the payload.
    backup.peer.send(request(backup.id, code, b"", size=size))
    backup.peer.expect_refused(backup.id)
    backup.peer.expect_end()


def test_a_refusal_with_too_much_to_throw_away_closes(running: Running) -> None:
    running.restart(Limits(discard_bytes=1000))
    backup = Backup(running)
    fields = STRANGER + struct.pack("<I", 1008) + name("a")
    backup.peer.send(request(backup.id, 1103, fields, size=275 + 1008))
    backup.peer.expect_refused(backup.id)
    backup.peer.expect_end()
    with backup.again() as peer:  # one that is just small enough goes on
        peer.send(send_file(STRANGER, bytes(992), "a"))
        peer.expect_refused(STRANGER)
        backup.upload("a", b"abc", peer)


def test_the_peer_sees_an_end_and_no_reset_though_it_goes_on_sending(backup: Backup) -> None:
    backup.peer.send(request(backup.id, 9, bytes(500_000)))
    backup.peer.expect_refused(backup.id)
    backup.peer.expect_end()
    # Some systems throw away what was not read when a reset comes. Ours does not, but it keeps a record.
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        assert backup.peer.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        threading.Event().wait(0.02)
    backup.peer.finish()


def test_the_discard_is_bounded_in_time(backup: Backup) -> None:
    start = time.monotonic()
    backup.peer.send(request(backup.id, 9, b""))
    backup.peer.expect_refused(backup.id)
    backup.peer.expect_end()
    # We never stop by ourselves; the server is rid of us all the same.
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - start < DEADLINE:
            backup.peer.send(b"x")
            threading.Event().wait(0.02)
    assert time.monotonic() - start < DEADLINE / 2


def test_a_request_that_ends_early_is_dropped(backup: Backup) -> None:
    whole = [
        request(ZEROS, 1100, name("early")),
        request(backup.id, 1101, name(backup.name) + PUBLIC_KEY),
        send_file(backup.id, encrypt(backup.key, bytes(100_000)), "a"),
        verdict(backup.id, 1106, "kept"),
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
        assert backup.peer.upload(backup.id, backup.key, "a", b"abc") == cksum(b"abc")
        assert second.upload(backup.id, newer, "b", b"abc") == cksum(b"abc")
        assert third.upload(backup.id, newer, "c", b"abc") == cksum(b"abc")


def test_the_key_is_fixed_when_the_header_is_read(backup: Backup, monkeypatch: pytest.MonkeyPatch) -> None:
    message = send_file(backup.id, encrypt(backup.key, b"abc"), "a")
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
        assert first.received(backup.id, message[298:], "a") == cksum(b"abc")


def test_a_key_outlives_a_restart(backup: Backup) -> None:
    backup.running.restart()
    with backup.again() as peer:
        backup.upload("a", b"abc", peer)


# ---- 2.11, 6.5: verdicts -----------------------------------------------------------------------------------


def test_1104_is_answered_as_the_dialect_says(backup: Backup) -> None:
    backup.upload("a", b"abc")
    # What is sent behind it is served or thrown away, and never makes a reset.
    backup.peer.send(verdict(backup.id, 1104, "a") + request(ZEROS, 1100, name("behind")))
    if not backup.dialect.after_right.close:
        assert backup.peer.response().code == 2100
        backup.peer.socket.shutdown(socket.SHUT_WR)
    backup.peer.expect_end()
    assert backup.running.verified() == {"a": b"abc"}


def test_a_1104_that_cannot_be_honoured_is_refused_and_closed(backup: Backup) -> None:
    backup.upload("a", b"abc")
    for message in (
        verdict(STRANGER, 1104, "a"),
        request(backup.id, 1104, STRANGER + name("a")),
        verdict(backup.id, 1104, ""),
        verdict(backup.id, 1104, b"a" * 255),
        verdict(backup.id, 1104, "other"),
    ):
        with backup.again() as peer:
            peer.send(message)
            peer.expect_refused(message[:16])
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
        verdict(backup.id, 1105, "nothing"),
        verdict(STRANGER, 1105, "a"),
        request(backup.id, 1105, STRANGER + name("a")),
        verdict(backup.id, 1105, ""),
        verdict(backup.id, 1105, b"a" * 255),
    ):
        content = encrypt(backup.key, b"next")
        backup.peer.send(message + send_file(backup.id, content, "a"))  # in one write
        assert backup.peer.received(backup.id, content, "a") == cksum(b"next")


def test_1105_and_again(backup: Backup) -> None:
    for number in range(6):  # a server counts no transmissions (6.4)
        backup.upload("a", b"%d" % number)
        assert backup.running.waiting() == [b"%d" % number]
        backup.peer.send(verdict(backup.id, 1105, "a"))
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
    backup.peer.send(verdict(backup.id, 1104, "a") + verdict(backup.id, 1105, "a"))
    backup.give_up("a", backup.peer)
    assert backup.running.verified() == {"a": b"abc"}
    backup.right("a")


def test_the_connection_after_1106(backup: Backup) -> None:
    backup.peer.send(verdict(backup.id, 1106, "a"))
    if backup.dialect.after_give_up.answer == "refused":
        backup.peer.expect_refused(backup.id)
    if backup.dialect.after_give_up.close:
        backup.peer.expect_end()
    else:
        backup.upload("b", b"abc")


def test_a_1106_of_a_stranger(backup: Backup) -> None:
    backup.upload("a", b"abc")
    for message in (verdict(STRANGER, 1106, "a"), request(backup.id, 1106, STRANGER + name("a"))):
        with backup.again() as peer:
            peer.send(message)
            peer.expect_refused(message[:16])
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
        backup.peer.send(verdict(backup.id, 1105, "a") * 2)
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


# ---- 7: the store ------------------------------------------------------------------------------------------


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
        backup.peer.send(send_file(backup.id, encrypt(backup.key, b"abc"), "a"))
        backup.peer.expect_refused(backup.id)
    assert backup.running.waiting() == []
    backup.upload("a", b"abc")


def test_parallel_uploads_of_one_client(backup: Backup) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            with backup.again() as peer:
                key = peer.key(backup.id, backup.name)
                plain = b"%d" % number * 100_000
                assert peer.upload(backup.id, key, f"f{number}", plain) == cksum(plain)
                peer.send(verdict(backup.id, 1104, f"f{number}"))
                peer.finish()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert backup.running.verified() == {f"f{number}": b"%d" % number * 100_000 for number in range(8)}


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
            peer.send(verdict(backup.id, 1104, "a"))
            peer.expect_refused(backup.id)
    assert backup.id.hex()[:8] in caplog.text
    for secret in (backup.id, backup.key):
        assert secret.hex() not in caplog.text
        assert repr(secret) not in caplog.text
    assert "\x1b" not in caplog.text
