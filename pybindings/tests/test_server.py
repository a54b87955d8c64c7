"""The server inside the process, and the proxy before it."""

from __future__ import annotations

import socket
from pathlib import Path

import backup_protocol as bp
import pytest


def connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)))


def test_a_server_shows_what_it_has_and_did(dialect: str, tmp_path: Path) -> None:
    with (
        bp.Server(dialect=dialect) as server,
        bp.Client(server.address, "alice", tmp_path / "id", dialect=dialect) as client,
    ):
        sent = client.send(b"123456789", send_as="C:\\docs\\a.txt")
        client_id = client.client_id
        assert server.wait_for("verified").file_name == "C:\\docs\\a.txt"
        registered = server.wait_for("registered")
        assert (registered.name, registered.client_id) == ("alice", client_id)
        received = server.wait_for("received")
        assert (received.size, received.cksum) == (9, sent.cksum)
        (row,) = server.clients
        assert (row.name, row.files, row.waiting) == ("alice", 1, 0)
        assert row.short_id == str(client_id)[:8]
        (file,) = server.files
        assert (file.client, file.name, file.size, file.cksum) == ("alice", "C:\\docs\\a.txt", 9, sent.cksum)
        assert file.verified
        assert file.path.is_relative_to(server.data)
        assert file.read_bytes() == b"123456789"
        assert server.dialect == dialect
    data = server.data
    assert data.exists()
    del server
    assert not data.exists()


def test_a_file_waits_until_it_is_judged(tmp_path: Path) -> None:
    with (
        bp.Server() as server,
        bp.Client(server.address, "alice", tmp_path / "id", dialect="seed", wrong_verdicts=9) as client,
    ):
        with pytest.raises(bp.GaveUpError):
            client.send(b"abc", send_as="a")
        server.wait_for("gave-up")
        assert server.files == []
        assert [event.kind for event in server.events if event.kind not in ("connected", "closed")] == [
            "registered",
            *["received", "wrong"] * 2,
            "received",
            "gave-up",
        ]


def test_a_refusal_is_told_with_its_reason() -> None:
    with bp.Server() as server, connect(server.address) as connection:
        connection.sendall(bp.SendPublicKey(bytes(range(16)), "bob", bytes(160)).encode())
        event = server.wait_for("refused")
        assert event.request == "send public key"
        assert event.client_id == bp.ClientId(bytes(range(16)))
        assert event.reason
        assert repr(event).startswith("ServerEvent(kind='refused', client_id=ClientId(00010203…), request=")


def test_a_server_starts_again_where_it_was(tmp_path: Path) -> None:
    server = bp.Server(tmp_path / "data")
    with pytest.raises(RuntimeError, match="was not started"):
        _ = server.address
    with server, bp.Client(server.address, "alice", tmp_path / "id") as client:
        client.register()
        address = server.address
        server.stop()
        server.stop()
        with pytest.raises(bp.ConnectionLostError):
            client.send(b"abc", send_as="a")
        server.start()
        server.start()
        assert server.address == address
        assert client.send(b"abc", send_as="a").verdict == "verified"
    assert (tmp_path / "data" / "backup.db").exists()


def test_what_cannot_be_had_is_said(tmp_path: Path) -> None:
    with bp.Server(tmp_path / "data") as server:
        with pytest.raises(OSError, match="cannot listen on"):
            bp.Server(listen=server.address).start()
        with pytest.raises(OSError, match="data folder"):
            bp.Server(tmp_path / "data").start()
    with pytest.raises(ValueError, match="sead"):
        bp.Server(dialect="sead")
    with pytest.raises(OSError, match=r"\w"):
        _ = bp.Server(tmp_path / "none").files


def test_waiting_ends(tmp_path: Path) -> None:
    with bp.Server() as server, bp.Client(server.address, "alice", tmp_path / "id") as client:
        client.register()
        with pytest.raises(TimeoutError, match=r"no 2 of 'registered' in time; there were:\n.*\n  ServerEvent"):
            server.wait_for("registered", count=2, timeout=0.01)
        with pytest.raises(ValueError, match="wait for one or more of"):
            server.wait_for("finished")  # type: ignore[arg-type]


def test_a_limit_is_kept(tmp_path: Path) -> None:
    with bp.Server(max_file=32) as server, bp.Client(server.address, "alice", tmp_path / "id") as client:
        assert client.send(bytes(31), send_as="a").size == 31
        with pytest.raises(bp.RefusedError):
            client.send(bytes(32), send_as="b")
        assert "limit" in str(server.wait_for("refused").reason)


def test_a_server_learns_dialects(tmp_path: Path) -> None:
    with bp.Server(dialect="auto") as server:
        for name in ("seed", "2023a"):
            with bp.Client(server.address, name, tmp_path / name, dialect=name) as client:
                client.send(b"abc", send_as="a")
        assert {row.name: row.dialect for row in server.clients} == {"seed": "seed", "2023a": "2023a"}


def test_a_proxy_records_every_message(dialect: str, tmp_path: Path) -> None:
    with (
        bp.Server(dialect=dialect) as server,
        bp.RecordingProxy(server.address, dialect=dialect) as proxy,
        bp.Client(proxy.address, "alice", tmp_path / "id", dialect=dialect) as client,
    ):
        client.send(bytes(100_000), send_as="zeros.bin")
        client_id = client.client_id
    requests = [request for connection in proxy.connections for request in connection.requests]
    responses = [response for connection in proxy.connections for response in connection.responses]
    assert requests[0] == bp.Register("alice")
    assert any(isinstance(request, bp.CksumRight) for request in requests)
    assert bp.Registered(client_id or b"") in responses
    assert any(isinstance(response, bp.FileReceived) for response in responses)
    assert [error for connection in proxy.connections for error in connection.errors] == []
    text = "".join(map(str, proxy.connections))
    assert "file name        zeros.bin" in text
    assert client_id is not None
    assert client_id.reveal_hex() not in text.replace(" ", "")


def test_a_proxy_hands_on_what_is_no_message() -> None:
    noise = bytes(range(256)) * 40
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with bp.RecordingProxy("{}:{}".format(*listener.getsockname())) as proxy:
            with connect(proxy.address) as client:
                client.sendall(noise)
                client.shutdown(socket.SHUT_WR)
                server, _ = listener.accept()
                with server:
                    got = b""
                    while chunk := server.recv(65536):
                        got += chunk
                    server.sendall(noise[:100])
                answer = b""
                while chunk := client.recv(65536):
                    answer += chunk
    assert (got, answer) == (noise, noise[:100])
    (connection,) = proxy.connections
    assert (bytes(connection.sent), bytes(connection.received)) == (noise, noise[:100])
    assert (connection.requests, connection.responses) == ([], [])
    assert [error.slug for error in connection.errors] == ["unknown-code", "unknown-code"]
    assert "not read" in str(connection)
