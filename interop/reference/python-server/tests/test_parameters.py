"""PROTOCOL.md 10.2: every parameter with every value, over a socket.

Each is tried in two dialects that differ in almost everything else. What the parameter changes on the wire is checked
by the peer, which has the table of 10.2 in code of its own; and for what could be misread in both, by bytes that are
written out here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from Crypto.PublicKey import RSA

from backup_server.dialect import Dialect, parse_dialect

from .backup import STRANGER
from .peer import Peer, encrypt
from .running import Running, as_json, changed

Serve = Callable[[Dialect], Running]

ANSWERS = [
    {"answer": answer, "close": close}
    for answer in ("none", "refused", "acknowledged", "acknowledged-with-id", "general-error")
    for close in (False, True)
]

#: Every value of every parameter. `general-error` and a reconnect need their codes: see `possible`.
PARAMETERS: dict[str, list[Any]] = {
    "request_codes": [
        {
            "register": 1, "send_public_key": 2, "reconnect": 3, "send_file": 0x0400, "cksum_right": 0x0004,
            "cksum_wrong": 65535, "give_up": 65534,
        }
    ],
    "response_codes": [
        {
            "registered": 1, "refused": 2, "aes_key": 3, "file_received": 65535, "acknowledged": 0x0400,
            "reconnected": 0x0004, "reconnect_refused": 7, "general_error": 8,
        }
    ],
    "byte_order": ["little", "big"],
    "packet_byte_order": ["little", "big"],
    "alignment": ["packed", "natural"],
    "name_width": [255, 256],
    "response_size_width": [2, 4],
    "size_counts": ["payload", "message", "padded"],
    "response_padding": [0, 1024, 2048],
    "request_padding": [0, 1024],
    "client_id_in_payload": [False, True],
    "refused_payload": ["empty", "client-id"],
    "file_received_fields": [
        ["client_id", "content_size", "file_name", "cksum"],
        ["client_id", "file_name", "cksum"],
        ["content_size", "file_name", "cksum"],
    ],
    "echoed_size": ["content", "plain"],
    "checksum": ["posix", "zlib", "crc8"],
    "checksum_input": ["plaintext", "padded", "content"],
    "cksum_width": [4, 16],
    "aes_key_size": [16, 32],
    "public_key_sizes": [[160], [160, 162]],
    "connection": ["session", "request"],
    "packets": [False, True],
    "packet_size": [0, 16],
    "reconnect_key": ["new", "same"],
    "transmissions": [1, 255],
    "after_right": ANSWERS,
    "after_wrong": ANSWERS,
    "after_give_up": ANSWERS,
    "default_port": [1, 65535],
}  # fmt: skip

ONE_CHANGED = [
    (base, key, value) for base in ("seed", "2024c") for key, values in PARAMETERS.items() for value in values
]


def possible(base: str, **parameters: Any) -> Dialect:
    """A dialect with these parameters, and what they cannot be without."""
    value = as_json(base, **parameters)
    if any(value[key]["answer"] == "general-error" for key in ("after_right", "after_wrong", "after_give_up")):
        value["response_codes"]["general_error"] = value["response_codes"]["general_error"] or 2107
    if value["request_codes"]["reconnect"] is not None:
        for response, code in (("reconnected", 2105), ("reconnect_refused", 2106)):
            value["response_codes"][response] = value["response_codes"][response] or code
    if value["packet_size"]:
        value["packets"] = True
    return parse_dialect(value)


def test_every_parameter_is_here() -> None:
    assert list(PARAMETERS) == [
        field.name for field in dataclasses.fields(Dialect) if field.name not in ("name", "title")
    ]


# ---- a whole backup ----------------------------------------------------------------------------------------


class Line:
    """Connections as the dialect has them: a new one when the last was, or has to be, closed."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.dialect = running.dialect
        self.open: Peer | None = None

    def peer(self) -> Peer:
        self.open = self.open or self.running.peer()
        return self.open

    def next(self, *, closed: bool = False) -> None:
        """A request is over. Where the server closes, see it close."""
        assert self.open
        if closed:  # it was seen already
            self.open = None
        elif self.dialect.connection == "request":
            self.open.expect_end()
            self.open = None


def backup_and_return(running: Running) -> None:
    dialect, line = running.dialect, Line(running)
    client_id = line.peer().register("ann")
    line.next()
    message = line.peer().writer.register("ann", STRANGER)
    line.peer().send(message)
    line.peer().expect_refused(message)
    line.next()
    key = line.peer().key(client_id, "ann")
    line.next()
    for which, plain in (("cksum_wrong", b"wrong"), ("give_up", bytes(16)), ("cksum_right", b"right" * 100)):
        line.peer().upload(client_id, key, "file", plain)
        line.next()
        assert running.waiting() == [plain]
        after = {
            "cksum_right": dialect.after_right,
            "cksum_wrong": dialect.after_wrong,
            "give_up": dialect.after_give_up,
        }[which]
        line.peer().send(line.peer().writer.verdict(client_id, which, "file"))
        line.peer().expect_after(after, client_id)
        line.next(closed=after.close)
    message = line.peer().writer.send_file(STRANGER, encrypt(key, b"abc"), "file", 3)
    line.peer().send(message)
    line.peer().expect_refused(message)
    line.next()
    assert (running.waiting(), running.verified()) == ([], {"file": b"right" * 100})
    if "reconnect" in dialect.request_codes:
        again = line.peer().reconnect(client_id, "ann")
        line.next()
        assert (again == key) == (dialect.reconnect_key == "same")
        line.peer().upload(client_id, again, "file", b"more")
        line.next()
    message = line.peer().writer.request(client_id, 9999, b"")
    line.peer().send(message)
    line.peer().expect_refused(message)
    line.peer().expect_end()


@pytest.mark.parametrize(("base", "key", "value"), ONE_CHANGED)
def test_a_whole_backup(base: str, key: str, value: Any, serve: Serve) -> None:
    backup_and_return(serve(possible(base, **{key: value})))


@pytest.mark.parametrize(
    "parameters",
    [
        {"alignment": "natural", "checksum": "zlib", "checksum_input": "content", "response_padding": 1024},
        {"byte_order": "big", "response_size_width": 2, "size_counts": "padded", "response_padding": 2048},
        {"alignment": "natural", "response_size_width": 2, "size_counts": "message", "request_padding": 1024},
        {"packets": True, "client_id_in_payload": True, "name_width": 256, "byte_order": "big"},
        {"packets": True, "client_id_in_payload": False, "packet_byte_order": "big", "echoed_size": "plain"},
        {"connection": "request", "packets": True, "request_padding": 1024, "checksum_input": "padded"},
    ],
)
@pytest.mark.parametrize("base", ["seed", "readme", "2023c", "2024a"])
def test_several_at_once(base: str, parameters: dict[str, Any], serve: Serve) -> None:
    backup_and_return(serve(possible(base, **parameters)))


def test_a_file_of_the_users(tmp_path: Path) -> None:
    file = tmp_path / "theirs.json"
    parameters = {"alignment": "natural", "checksum": "zlib", "checksum_input": "content", "response_padding": 1024}
    file.write_text(json.dumps(as_json("2023a", name="theirs", **parameters)))
    running = Running(tmp_path / "data", str(file))
    try:
        backup_and_return(running)
    finally:
        running.end()


# ---- bytes written out -------------------------------------------------------------------------------------

ID = bytes(range(0x10, 0x20))

#: What a client sends to register (header; the name follows) and what comes back.
REGISTERING: list[tuple[dict[str, Any], str, bytes]] = [
    ({}, "03 4c04 ff000000", bytes.fromhex("03 3408 10000000") + ID),
    ({"byte_order": "big"}, "03 044c 000000ff", bytes.fromhex("03 0834 00000010") + ID),
    ({"packet_byte_order": "big"}, "03 4c04 ff000000", bytes.fromhex("03 3408 10000000") + ID),
    ({"alignment": "natural"}, "03 00 4c04 ff000000", bytes.fromhex("03 00 3408 10000000") + ID),
    ({"alignment": "natural"}, "03 aa 4c04 ff000000", bytes.fromhex("03 00 3408 10000000") + ID),
    (
        {"alignment": "natural", "response_size_width": 2},
        "03 00 4c04 ff000000",
        bytes.fromhex("03 00 3408 1000") + ID,
    ),
    ({"name_width": 256}, "03 4c04 00010000", bytes.fromhex("03 3408 10000000") + ID),
    ({"size_counts": "message"}, "03 4c04 ff000000", bytes.fromhex("03 3408 17000000") + ID),
    ({"size_counts": "padded"}, "03 4c04 ff000000", bytes.fromhex("03 3408 10000000") + ID),
    ({"response_padding": 1024}, "03 4c04 ff000000", bytes.fromhex("03 3408 10000000") + ID + bytes(1001)),
    (
        {"response_padding": 1024, "size_counts": "message"},
        "03 4c04 ff000000",
        bytes.fromhex("03 3408 17000000") + ID + bytes(1001),
    ),
    (
        {"response_padding": 1024, "size_counts": "padded"},
        "03 4c04 ff000000",
        bytes.fromhex("03 3408 f9030000") + ID + bytes(1001),
    ),
]


@pytest.mark.parametrize(("parameters", "head", "answer"), REGISTERING)
def test_the_bytes_of_registering(
    parameters: dict[str, Any], head: str, answer: bytes, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backup_server.store.new_client_id", Mock(return_value=ID))
    running = serve(changed("seed", **parameters))
    with running.peer() as peer:
        peer.send(bytes(16) + bytes.fromhex(head) + b"ann".ljust(running.dialect.name_width, b"\0"))
        assert peer.read(len(answer)) == answer
        peer.finish()


#: What comes back for a file of nine digits, after the header: 2103.
RECEIVED: list[tuple[dict[str, Any], bytes]] = [
    ({}, ID + bytes.fromhex("10000000") + b"a".ljust(255, b"\0") + (930766865).to_bytes(4, "little")),
    ({"byte_order": "big"}, ID + bytes.fromhex("00000010") + b"a".ljust(255, b"\0") + (930766865).to_bytes(4, "big")),
    ({"checksum": "zlib"}, ID + bytes.fromhex("10000000") + b"a".ljust(255, b"\0") + bytes.fromhex("2639f4cb")),
    ({"checksum": "crc8"}, ID + bytes.fromhex("10000000") + b"a".ljust(255, b"\0") + bytes.fromhex("f4000000")),
    (
        {"checksum": "crc8", "byte_order": "big", "cksum_width": 16},
        ID + bytes.fromhex("00000010") + b"a".ljust(255, b"\0") + bytes.fromhex("000000f4") + bytes(12),
    ),
    (
        {"checksum": "zlib", "echoed_size": "plain"},
        ID + bytes.fromhex("09000000") + b"a".ljust(255, b"\0") + bytes.fromhex("2639f4cb"),
    ),
    (
        {"checksum": "zlib", "file_received_fields": ["client_id", "file_name", "cksum"], "name_width": 256},
        ID + b"a".ljust(256, b"\0") + bytes.fromhex("2639f4cb"),
    ),
    (
        {"checksum": "zlib", "file_received_fields": ["content_size", "file_name", "cksum"]},
        bytes.fromhex("10000000") + b"a".ljust(255, b"\0") + bytes.fromhex("2639f4cb"),
    ),
]


@pytest.mark.parametrize(("parameters", "answer"), RECEIVED)
def test_the_bytes_of_2103(
    parameters: dict[str, Any], answer: bytes, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backup_server.store.new_client_id", Mock(return_value=ID))
    with serve(changed("seed", **parameters)).peer() as peer:
        client_id = peer.register("ann")
        key = peer.key(client_id, "ann")
        peer.send(peer.writer.send_file(client_id, encrypt(key, b"123456789"), "a", 9))
        peer.read(7)
        assert peer.read(len(answer)) == answer
        peer.finish()


def test_the_bytes_of_packet_fields(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "20000000 14000000 0100 0200"),
        ({"byte_order": "big"}, "00000020 00000014 0100 0200"),
        ({"packet_byte_order": "big"}, "20000000 14000000 0001 0002"),
        ({"client_id_in_payload": True}, f"{ID.hex()} 20000000 14000000 0100 0200"),
    ]
    for parameters, fields in cases:
        monkeypatch.setattr("backup_server.store.new_client_id", Mock(return_value=ID))
        with serve(changed("2024a", **parameters)).peer() as peer:
            client_id = peer.register("ann")
            content = encrypt(peer.key(client_id, "ann"), bytes(20))
            first = bytes.fromhex(fields) + b"a".ljust(255, b"\0") + content[:5]
            peer.send(peer.writer.request(client_id, "send_file", first))
            second = peer.writer.send_file(client_id, content[5:], "a", 20, content_size=32, number=2, total=2)
            peer.send(second)
            peer.received(client_id, content, "a", bytes(20))


# ---- what one parameter does -------------------------------------------------------------------------------


def test_a_request_without_its_padding_is_not_whole(serve: Serve) -> None:
    running = serve(changed("seed", request_padding=1024))
    with running.peer() as peer:
        peer.send(peer.writer.register("ann")[:-1])
        peer.finish()
    assert running.rows("SELECT count(*) FROM clients") == [(0,)]


def test_a_longer_public_key(serve: Serve) -> None:
    pair = RSA.generate(1024, e=65537)
    running = serve(changed("seed", public_key_sizes=[160, 162]))
    with running.peer() as peer:
        client_id = peer.register("ann")
        peer.upload(client_id, peer.key(client_id, "ann", pair), "a", b"abc")
        peer.upload(client_id, peer.key(client_id, "ann"), "a", b"abc")
        message = peer.writer.request(client_id, "send_public_key", b"", size=255 + 161)
        peer.send(message)
        peer.expect_refused(message)
        peer.expect_end()
    running.restart(dialect=changed("seed"))
    with running.peer() as peer:
        message = peer.writer.send_public_key(client_id, "ann", pair.public_key().export_key("DER"))
        peer.send(message)
        peer.expect_refused(message)
        peer.expect_end()


def test_a_name_of_255_bytes_fits_a_field_of_256(serve: Serve) -> None:
    with serve(changed("seed", name_width=256)).peer() as peer:
        name = "n" * 255
        client_id = peer.register(name)
        peer.upload(client_id, peer.key(client_id, name), "f" * 255, b"abc")


@pytest.mark.parametrize("answer", ["none", "refused", "acknowledged", "acknowledged-with-id", "general-error"])
@pytest.mark.parametrize("close", [False, True])
def test_a_1105_that_cannot_be_honoured(answer: str, close: bool, serve: Serve) -> None:
    """No refusal of its own; but where every 1105 gets a no, the client waits for it (10.5)."""
    running = serve(possible("2023a", after_wrong={"answer": answer, "close": close}))
    with running.peer() as peer:
        peer.send(peer.writer.verdict(STRANGER, "cksum_wrong", "a"))
        if answer in ("refused", "general-error"):
            peer.expect_after(running.dialect.after_wrong, STRANGER)
        if close:
            peer.expect_end()
        else:
            peer.register("ann")


@pytest.mark.parametrize("answer", ["none", "refused", "acknowledged", "acknowledged-with-id", "general-error"])
@pytest.mark.parametrize("close", [False, True])
def test_a_1106_that_cannot_be_honoured(answer: str, close: bool, serve: Serve) -> None:
    running = serve(possible("2023a", after_give_up={"answer": answer, "close": close}))
    with running.peer() as peer:
        message = peer.writer.verdict(STRANGER, "give_up", "a")
        peer.send(message)
        if answer == "refused":  # the same as any other 1106
            peer.expect("refused", b"")
        else:
            peer.expect_refused(message)
        if close:
            peer.expect_end()
        else:
            peer.register("ann")


def test_a_1104_that_cannot_be_honoured_is_refused_and_closed_whatever_the_answer(serve: Serve) -> None:
    for answer in ANSWERS:
        with serve(possible("2023a", after_right=answer)).peer() as peer:
            message = peer.writer.verdict(STRANGER, "cksum_right", "a")
            peer.send(message)
            peer.expect_refused(message)
            peer.expect_end()


def test_one_request_a_connection(serve: Serve) -> None:
    """What follows in the same write is not served, whatever became of the first request."""
    running = serve(changed("readme", connection="request"))
    with running.peer() as peer:
        peer.send(peer.writer.register("ann") + peer.writer.register("bob"))
        assert peer.response().kind == "registered"
        peer.expect_end()
    for which in ("cksum_wrong", "cksum_right", "give_up"):
        with running.peer() as peer:
            message = peer.writer.verdict(STRANGER, which, "a")
            peer.send(message + peer.writer.register("bob"))
            if which != "cksum_wrong":
                peer.expect_refused(message)
            peer.expect_end()
    assert running.rows("SELECT name FROM clients") == [("ann",)]
