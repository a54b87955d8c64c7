"""The transcripts of the golden vectors, played by a client against the server over a socket.

The server is made to choose the client ID and the AES key of the transcript, so every byte has to be the same; but for
the wrapped key, since OAEP draws a random seed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from Crypto.Cipher import PKCS1_OAEP
from Crypto.PublicKey import RSA

from . import vectors
from .peer import Peer
from .running import Running

Json = dict[str, Any]

INDEX = vectors.load("index.json")
FILES = [file for file in INDEX["files"] if file.startswith("transcripts/")]


@pytest.mark.parametrize("file", FILES)
def test_transcript(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = vectors.load(file)
    assert content["decodes"] == "transcript"
    ran = 0
    for group in content["groups"]:
        client_id, aes_key = bytes.fromhex(group["client"]["client_id"]), bytes.fromhex(group["aes_key"])
        monkeypatch.setattr("backup_server.store.new_client_id", Mock(return_value=client_id))
        monkeypatch.setattr("backup_server.crypto.new_aes_key", Mock(return_value=aes_key))
        for number, (name, dialect) in enumerate(vectors.dialects(group)):
            for test in group["tests"]:
                running = Running(tmp_path / name / test["id"], dialect)
                try:
                    play(running, group, test)
                finally:
                    running.stop()
                ran += number == 0
    assert ran == content["count"] == INDEX["files"][file]


def play(running: Running, group: Json, test: Json) -> None:
    prepare(running, group)
    peers: dict[int, Peer] = {}
    try:
        for number, step in enumerate(test["steps"], 1):
            try:
                walk(running, group, step, peers)
            except (AssertionError, OSError) as error:
                pytest.fail(f"{test['id']} in {running.dialect.name}, step {number} ({step['event']}): {error!r}")
    finally:
        for peer in peers.values():
            peer.socket.close()


def prepare(running: Running, group: Json) -> None:
    """Let the server know what it knows before the conversation begins, by a conversation of its own."""
    client = group["client"]
    if client["known"] or client.get("taken"):
        with running.peer() as peer:
            client_id = peer.register(client["name"])
    if client["known"]:
        with running.peer() as peer:
            key = bytes.fromhex(group["public_key"])
            peer.send(peer.writer.send_public_key(client_id, client["name"], key))
            assert peer.response().kind == "aes_key"


def walk(running: Running, group: Json, step: Json, peers: dict[int, Peer]) -> None:
    event, connection = step["event"], step["connection"]
    if event == "connect":
        peers[connection] = running.peer()
    elif event == "message" and step["from"] == "client":
        peers[connection].send(bytes.fromhex(step["delivered"] if "delivered" in step else step["bytes"]))
    elif event == "message":
        expected = bytes.fromhex(step["bytes"])
        compare(group, step, peers[connection].read(len(expected)), expected)
    elif step["from"] == "client":
        assert event == "end"
        peers[connection].finish_sending()
    else:
        assert event == "end"
        peers[connection].expect_end()


def compare(group: Json, step: Json, got: bytes, expected: bytes) -> None:
    for place in step.get("places", []):
        if place["what"] == "wrapped_key":
            start, end = place["offset"], place["offset"] + place["size"]
            private_key = RSA.import_key(bytes.fromhex(group["private_key"]))
            assert PKCS1_OAEP.new(private_key).decrypt(got[start:end]).hex() == group["aes_key"]
            got = got[:start] + expected[start:end] + got[end:]
    assert got.hex() == expected.hex()


def test_there_are_transcripts() -> None:
    assert FILES
