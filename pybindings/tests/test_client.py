"""The client, against the Python reference and against servers that go wrong."""

from __future__ import annotations

import io
import pickle
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import backup_protocol as bp
import pytest
from backup_protocol.aliases import Sendable
from conftest import reference_server
from paths import PEER
from scripted import CLIENT_ID, ScriptedServer, backup

TEXT = b"Quarterly report\n" * 1000


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.txt"
    path.write_bytes(TEXT)
    return path


def stored(store: Path, content: bytes) -> int:
    """How many files of the store have this content (PROTOCOL.md 7.1: files are found by content)."""
    # What stands directly in the store is the server's own.
    return sum(path.is_file() and path.read_bytes() == content for path in store.glob("*/**/*"))


# --- against the reference ----------------------------------------------------------------------


@pytest.mark.parametrize("connection_per_request", [False, True], ids=["one", "each"])
@pytest.mark.parametrize("given", ["auto", "by-name", "as-object"])
def test_a_file_arrives(
    server: str, dialect: str, store: Path, report: Path, tmp_path: Path, given: str, connection_per_request: bool
) -> None:
    spoken: dict[str, bp.Dialect | str] = {"auto": "auto", "by-name": dialect, "as-object": bp.Dialect(dialect)}
    with bp.Client(
        server, "alice", tmp_path / "id", dialect=spoken[given], connection_per_request=connection_per_request
    ) as client:
        result = client.send(report)
        assert client.dialect == dialect
    assert (result.file_name, result.size, result.cksum) == ("report.txt", len(TEXT), bp.cksum(TEXT))
    assert (result.transmissions, result.verdict) == (1, "verified")
    assert stored(store, TEXT) == 1


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 262144, 1 << 20])
def test_every_size_arrives(seed_server: str, store: Path, tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    path = tmp_path / "file"
    path.write_bytes(content)
    heard: list[tuple[int, int]] = []
    with bp.Client(seed_server, "alice", tmp_path / "id") as client:
        result = client.send(path, progress=lambda sent, total: heard.append((sent, total)))
    assert (result.size, result.cksum) == (size, bp.cksum(content))
    assert heard[-1] == (size, size)
    assert heard == sorted(heard)
    assert stored(store, content) == 1


def test_a_known_client_goes_on(server: str, dialect: str, report: Path, tmp_path: Path) -> None:
    with bp.Client(server, "alice", tmp_path / "id") as client:
        assert client.client_id is None
        client_id = client.register()
        assert client.register() == client.client_id == client_id
        fingerprint = client.key_fingerprint
    me_info = tmp_path / "id" / "me.info"
    assert stat.S_IMODE(me_info.stat().st_mode) == 0o600
    name, id_line, key_line = me_info.read_text().splitlines()
    assert (name, id_line) == ("alice", client_id.reveal_hex())
    assert len(bytes(bp.KeyPair.from_base64(key_line).public_key)) == 160

    with bp.Client(server, "alice", tmp_path / "id") as client:
        assert (client.client_id, client.key_fingerprint) == (client_id, fingerprint)
        client.exchange_keys()
        assert client.send(report).verdict == "verified"
        # Keys alone do not tell all of them apart.
        assert client.dialect == dialect
        assert repr(client) == f"<Client 'alice' of {server}>"
        assert (client.server, client.name) == (server, "alice")


def test_several_files_go_in_one_call(server: str, store: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.bin" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 100)
    with bp.Client(server, "alice", tmp_path / "id") as client:
        results = client.send_all(paths)
    assert [result.verdict for result in results if isinstance(result, bp.Sent)] == ["verified"] * 3
    assert [stored(store, path.read_bytes()) for path in paths] == [1, 1, 1]


def test_a_file_goes_under_another_name(seed_server: str, report: Path, tmp_path: Path) -> None:
    with bp.Client(seed_server, "alice", tmp_path / "id") as client:
        assert client.send(report, send_as="C:\\docs\\דוח.txt").file_name == "C:\\docs\\דוח.txt"


def test_a_name_is_taken_once(server: str, tmp_path: Path) -> None:
    with bp.Client(server, "alice", tmp_path / "one") as client:
        client.register()
    with bp.Client(server, "alice", tmp_path / "two") as client, pytest.raises(bp.RefusedError) as caught:
        client.register()
    error = caught.value
    assert (error.exit_code, error.section) == (3, "2.9")
    assert str(error) == f"the name 'alice' is taken on {server}".replace("'", '"')
    assert pickle.loads(pickle.dumps(error)).section == "2.9"


def test_an_identity_that_goes_to_another_server_is_warned_of(tmp_path: Path, report: Path) -> None:
    with reference_server(tmp_path / "a", "seed") as first, bp.Client(first, "alice", tmp_path / "id") as client:
        client.register()
    with (
        reference_server(tmp_path / "b", "seed") as second,
        bp.Client(second, "alice", tmp_path / "id") as client,
        pytest.warns(bp.BackupProtocolWarning, match=f"was given by {first}"),
        pytest.raises(bp.RefusedError, match="send public key"),
    ):
        client.send(report)


# --- against servers that go wrong --------------------------------------------------------------


def wrong_cksum(request: bp.Request, content: bytes) -> bytes | None:
    if isinstance(request, bp.SendFile):
        return bp.FileReceived(CLIENT_ID, request.content_size, request.file_name, 7).encode()
    return backup(request, content)


def test_a_client_gives_up(report: Path, tmp_path: Path) -> None:
    with ScriptedServer(wrong_cksum) as server, bp.Client(server.address, "alice", tmp_path / "id") as client:
        with pytest.raises(bp.GaveUpError, match="each of 3 times") as caught:
            client.send(report)
    kinds = Counter(type(request).__name__ for request in server.requests)
    assert kinds == {"Register": 1, "SendPublicKey": 1, "SendFile": 3, "CksumWrong": 2, "GiveUp": 1}
    error = caught.value
    assert (error.expected, error.got, error.field, error.exit_code) == (bp.cksum(TEXT), 7, "cksum", 4)


def test_a_client_sends_again(report: Path, tmp_path: Path) -> None:
    wrong = [True]

    def once_wrong(request: bp.Request, content: bytes) -> bytes | None:
        if isinstance(request, bp.SendFile) and wrong:
            wrong.clear()
            return wrong_cksum(request, content)
        return backup(request, content)

    with ScriptedServer(once_wrong) as server, bp.Client(server.address, "alice", tmp_path / "id") as client:
        assert client.send(report).transmissions == 2
    assert [type(request).__name__ for request in server.requests[-4:]] == [
        "SendFile", "CksumWrong", "SendFile", "CksumRight",
    ]  # fmt: skip


def test_a_refused_file_is_tried_three_times(report: Path, tmp_path: Path) -> None:
    def refuse(request: bp.Request, content: bytes) -> bytes | None:
        return bp.Refused().encode() if isinstance(request, bp.SendFile) else backup(request, content)

    with ScriptedServer(refuse) as server, bp.Client(server.address, "alice", tmp_path / "id") as client:
        with pytest.raises(bp.RefusedError, match="3 times") as caught:
            client.send(report)
    assert sum(isinstance(request, bp.SendFile) for request in server.requests) == 3
    assert caught.value.section == "6.3"


@pytest.mark.parametrize(
    ("answer", "details"),
    [
        (
            bp.FileReceived(CLIENT_ID, 16, "report.txt", 1).encode(),
            {"section": "6.2", "field": "content size", "expected": len(TEXT) // 16 * 16 + 16, "got": 16},
        ),
        (
            bp.ResponseHeader(2103, 280).encode() + bytes(280),
            {"slug": "payload-size", "offset": 3, "expected": 279, "got": 280},
        ),
        (bp.ResponseHeader(2999, 0).encode(), {"slug": "unknown-code", "offset": 1, "got": 2999}),
        (bp.Registered(CLIENT_ID).encode(), {"section": "6"}),
    ],
    ids=["content-size", "payload-size", "unknown-code", "another-response"],
)
def test_a_violation_says_what_came(report: Path, tmp_path: Path, answer: bytes, details: dict[str, Any]) -> None:
    def violate(request: bp.Request, content: bytes) -> bytes | None:
        return answer if isinstance(request, bp.SendFile) else backup(request, content)

    with ScriptedServer(violate) as server:
        with bp.Client(server.address, "alice", tmp_path / "id", dialect="seed") as client:
            with pytest.raises(bp.ViolationError) as caught:
                client.send(report)
    assert {name: getattr(caught.value, name) for name in details} == details
    assert caught.value.exit_code == 6


def test_a_lost_connection_is_told_from_a_refusal(report: Path, tmp_path: Path) -> None:
    with ScriptedServer(lambda _request, _content: None) as server:
        with bp.Client(server.address, "alice", tmp_path / "id", dialect="seed") as client:
            with pytest.raises(bp.ConnectionLostError, match="register") as caught:
                client.send(report)
            assert caught.value.exit_code == 5


def test_nobody_listens_or_answers(report: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.touch()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "{}:{}".format(*listener.getsockname())
        with bp.Client(address, "alice", tmp_path / "id", timeout=0.05) as client:
            with pytest.raises(bp.ConnectionLostError, match="in time"):
                client.send(report)
    with bp.Client(address, "alice", tmp_path / "id") as client:
        with pytest.raises(bp.ConnectionLostError, match="cannot connect"):
            client.send(report)
        results = client.send_all([report, other])
    assert [type(result) for result in results] == [bp.ConnectionLostError] * 2


# --- our own side -------------------------------------------------------------------------------


def test_what_progress_raises_ends_the_call(report: Path, tmp_path: Path) -> None:
    ended = threading.Event()

    def slow(request: bp.Request, content: bytes) -> bytes | None:
        if isinstance(request, bp.SendFile):
            ended.wait(20)
        return backup(request, content)

    def fail(sent: int, total: int) -> None:
        raise LookupError(f"{sent} of {total}")

    with ScriptedServer(slow) as server, bp.Client(server.address, "alice", tmp_path / "id") as client:
        with pytest.raises(LookupError, match=f"of {len(TEXT)}"):
            client.send(report, progress=fail)
        ended.set()
        # The end of the connection is not taken for the answer to a verdict, and the client goes on.
        assert not any(isinstance(request, bp.CksumRight) for request in server.requests)
        assert client.send(report).verdict == "verified"


def test_ctrl_c_ends_a_wait(tmp_path: Path) -> None:
    # A job in the background of a shell is born deaf to SIGINT, and Python leaves it so.
    script = """
import signal, sys, backup_protocol
signal.signal(signal.SIGINT, signal.default_int_handler)
client = backup_protocol.Client(sys.argv[1], "alice", sys.argv[2], timeout=600)
try:
    client.register()
except KeyboardInterrupt:
    print("interrupted", client.client_id)
"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "{}:{}".format(*listener.getsockname())
        command = [sys.executable, "-c", script, address, str(tmp_path / "id")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            listener.settimeout(20)
            connection, _ = listener.accept()
            with connection:
                # The request is out: the client waits for the answer.
                assert connection.recv(1)
                process.send_signal(signal.SIGINT)
                output, _ = process.communicate(timeout=20)
    assert output == "interrupted None\n"


def test_another_thread_ends_a_call(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "{}:{}".format(*listener.getsockname())
        with bp.Client(address, "alice", tmp_path / "id", timeout=600) as client:

            def interrupt() -> None:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(1)
                    client.interrupt()

            thread = threading.Thread(target=interrupt)
            thread.start()
            with pytest.raises(bp.LocalError, match="interrupted"):
                client.register()
            thread.join()


def test_bytes_files_and_iterables_are_sent(store: Path, seed_server: str, tmp_path: Path) -> None:
    sources: list[Sendable] = [
        b"bytes",
        memoryview(b"_view_")[1:5],
        io.BytesIO(b"file"),
        (chunk for chunk in (b"it", bytearray(b"erable"))),
    ]
    with bp.Client(seed_server, "alice", tmp_path / "id") as client:
        for number, source in enumerate(sources):
            assert client.send(source, send_as=f"{number}").file_name == f"{number}"
        assert [stored(store, text) for text in (b"bytes", b"view", b"file", b"iterable")] == [1, 1, 1, 1]
        with pytest.raises(ValueError, match="give send_as"):
            client.send(b"bytes")
        for nothing in (7, ["text"], io.StringIO("text")):
            with pytest.raises(TypeError, match="bytes"):
                client.send(nothing, send_as="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_client_says_wrong_as_often_as_it_is_told(tmp_path: Path, times: int) -> None:
    with (
        bp.Server() as server,
        bp.Client(server.address, "alice", tmp_path / "id", dialect="seed", wrong_verdicts=times) as client,
    ):
        if times < 3:
            assert client.send(TEXT, send_as="a").transmissions == times + 1
        else:
            with pytest.raises(bp.GaveUpError):
                client.send(TEXT, send_as="a")
    kinds = Counter(event.kind for event in server.events)
    assert (kinds["received"], kinds["wrong"]) == (min(times + 1, 3), min(times, 2))
    assert (kinds["verified"], kinds["gave-up"]) == ((1, 0) if times < 3 else (0, 1))


def test_a_warning_that_is_an_error_hides_no_result(tmp_path: Path) -> None:
    with bp.Server() as server, bp.Client(server.address, "alice", tmp_path / "id") as client:
        # The record of the server cannot replace a folder: that is noticed after the file is stored.
        (tmp_path / "id" / "client.json").mkdir()
        with pytest.raises(bp.BackupProtocolWarning) as caught:
            client.send(b"abc", send_as="a")
        assert [file.verified for file in server.files] == [True]
    assert isinstance(caught.value.result, bp.Sent)
    assert caught.value.result.verdict == "verified"


def test_a_warning_that_is_an_error_comes_before_anything_is_sent(tmp_path: Path) -> None:
    with bp.Server() as first, bp.Client(first.address, "alice", tmp_path / "id") as client:
        client.register()
    with bp.Server() as second, bp.Client(second.address, "alice", tmp_path / "id") as client:
        with pytest.raises(bp.BackupProtocolWarning, match="is now shown to") as caught:
            client.send(b"abc", send_as="a")
    assert second.events == []
    assert caught.value.result is None


def test_a_client_is_used_by_one_call_at_a_time(report: Path, tmp_path: Path) -> None:
    with ScriptedServer(backup) as server, bp.Client(server.address, "alice", tmp_path / "id") as client:
        with pytest.raises(RuntimeError, match="at work"):
            client.send(report, progress=lambda _sent, _total: client.register())
        assert client.send(report).transmissions == 1


def test_the_identity_folder_is_locked_until_the_client_is_closed(tmp_path: Path) -> None:
    client = bp.Client("127.0.0.1:1", "alice", tmp_path / "id")
    with pytest.raises(bp.LocalError, match="in use"):
        bp.Client("127.0.0.1:1", "alice", tmp_path / "id")
    client.close()
    client.close()
    uses: list[Callable[[], object]] = [client.register, client.exchange_keys, lambda: client.client_id]
    for use in uses:
        with pytest.raises(ValueError, match="closed"):
            use()
    bp.Client("127.0.0.1:1", "alice", tmp_path / "id").close()


def test_a_bad_identity_or_file_is_our_own_fault(tmp_path: Path, report: Path) -> None:
    (tmp_path / "id").mkdir()
    (tmp_path / "id" / "me.info").write_text("alice\nno hex\n")
    with pytest.raises(bp.LocalError, match="line 2") as caught:
        bp.Client("127.0.0.1:1", "alice", tmp_path / "id")
    assert caught.value.exit_code == 1
    with bp.Client("127.0.0.1:1", "alice", tmp_path / "other") as client:
        for path, text in ((tmp_path / "none", "No such file"), (tmp_path, "a folder")):
            with pytest.raises(bp.LocalError, match=text):
                client.send(path)
            with pytest.raises(bp.LocalError, match=text):
                client.send_all([report, path])
        with pytest.raises(ValueError, match=r"would both be sent as 'report\.txt'"):
            client.send_all([report, tmp_path / "id" / ".." / "report.txt"])


@pytest.mark.parametrize(
    "options",
    [
        {"server": "localhost"},
        {"server": "localhost:0"},
        {"name": ""},
        {"dialect": "sead"},
        {"key_per": "day"},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"timeout": 1e300},
    ],
    ids=str,
)
def test_bad_options_raise(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        bp.Client(**{"server": "127.0.0.1:1", "name": "alice", "identity": tmp_path / "id", **options})
    assert not (tmp_path / "id").exists()


# --- the peer -----------------------------------------------------------------------------------


def peer(server: str, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PEER), "--server", server, "--name", "alice", "--identity", str(folder)]
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_the_peer_sends(server: str, dialect: str, store: Path, report: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    done = peer(server, tmp_path / "id", report, other, "--dialect", dialect, "--timeout", "20")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2
    done = peer(server, tmp_path / "id", other, "--send-as", "new.txt", "--connection-per-request")
    assert (done.returncode, done.stderr) == (0, "")
    assert "new.txt" in done.stdout
    assert (stored(store, TEXT), stored(store, b"other")) == (1, 2)


def test_the_peer_exits_as_the_command_does(seed_server: str, report: Path, tmp_path: Path) -> None:
    assert peer(seed_server, tmp_path / "one", report).returncode == 0
    cases: list[tuple[int, tuple[Any, ...]]] = [
        (3, (seed_server, tmp_path / "two", report)),
        (1, (seed_server, tmp_path / "one", tmp_path / "none")),
        (2, (seed_server, tmp_path / "one", report, "--dialect", "sead")),
        (2, (seed_server, tmp_path / "one", report, report, "--send-as", "x")),
        (2, ("nowhere", tmp_path / "one", report)),
        (5, ("127.0.0.1:1", tmp_path / "three", report)),
    ]
    for code, arguments in cases:
        result = peer(*arguments)
        assert result.returncode == code, (arguments, result.stderr)
        assert result.stdout == ""
        assert result.stderr
    with ScriptedServer(wrong_cksum) as server:
        assert peer(server.address, tmp_path / "four", report).returncode == 4
    with ScriptedServer(lambda _request, _content: bp.ResponseHeader(2999, 0).encode()) as server:
        assert peer(server.address, tmp_path / "five", report).returncode == 6
