"""The asynchronous client, under asyncio and under anyio's other back end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio
import backup_protocol as bp
import pytest


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.anyio
async def test_a_client_does_what_the_other_does(tmp_path: Path) -> None:
    path = tmp_path / "b"
    path.write_bytes(b"abc")
    heard: list[tuple[int, int]] = []
    with bp.Server() as server:
        async with bp.AsyncClient(server.address, "alice", tmp_path / "id") as client:
            client_id = await client.register()
            assert client.client_id == client_id
            await client.exchange_keys()
            sent = await client.send(b"abc", send_as="a", progress=lambda done, total: heard.append((done, total)))
            assert sent.verdict == "verified"
            assert client.dialect == "seed"
            assert client.key_fingerprint.startswith("SHA256:")
            (other,) = await client.send_all([path])
            assert isinstance(other, bp.Sent)
            await anyio.sleep(0)
        assert [file.name for file in server.files] == ["a", "b"]
    assert heard == [(3, 3)]


@pytest.mark.anyio
async def test_clients_work_at_once(tmp_path: Path) -> None:
    sent = []

    async def send(number: int, address: str) -> None:
        async with bp.AsyncClient(address, f"client {number}", tmp_path / str(number)) as client:
            sent.append(await client.send(bytes(100_000), send_as="a"))

    with bp.Server() as server:
        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(send, number, server.address)
    assert [each.verdict for each in sent] == ["verified"] * 8


@pytest.mark.anyio
async def test_errors_are_the_same(tmp_path: Path) -> None:
    with bp.Server() as server:
        async with bp.AsyncClient(server.address, "alice", tmp_path / "one") as client:
            await client.register()
            with pytest.raises(bp.LocalError, match="in use"):
                async with bp.AsyncClient(server.address, "alice", tmp_path / "one"):
                    pass
        async with bp.AsyncClient(server.address, "alice", tmp_path / "two") as client:
            with pytest.raises(bp.RefusedError):
                await client.register()
    with pytest.raises(RuntimeError, match="async with"):
        _ = client_outside(tmp_path).client_id


def client_outside(folder: Path) -> bp.AsyncClient:
    return bp.AsyncClient("127.0.0.1:1", "alice", folder)


@pytest.mark.anyio
async def test_a_cancelled_call_ends_and_the_client_goes_on(tmp_path: Path) -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        connected = anyio.Event()
        ended = anyio.Event()

        async def silent(stream: anyio.abc.ByteStream) -> None:
            connected.set()
            async with stream:
                try:
                    while True:
                        await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    ended.set()

        async with anyio.create_task_group() as group:
            group.start_soon(listener.serve, silent)
            async with bp.AsyncClient(f"127.0.0.1:{port}", "alice", tmp_path / "id", timeout=600) as client:
                with anyio.CancelScope() as scope:
                    async with anyio.create_task_group() as inner:
                        inner.start_soon(client.register)
                        await connected.wait()
                        scope.cancel()
                assert scope.cancelled_caught
                # Nothing of the call is left over: the connection is closed, and the client is free.
                with anyio.fail_after(20):
                    await ended.wait()
                assert client.client_id is None
            group.cancel_scope.cancel()


ALONE = """
import asyncio, socket, sys
import backup_protocol as bp

async def main():
    # Connections stand in the queue of a listener that nobody serves.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = "{}:{}".format(*listener.getsockname())
        async with bp.AsyncClient(address, "alice", sys.argv[1], timeout=600) as client:
            for _ in range(2):
                try:
                    await asyncio.wait_for(client.register(), 0.2)
                except asyncio.TimeoutError:
                    print("cancelled")
    with bp.Server() as server:
        async with bp.AsyncClient(server.address, "alice", sys.argv[1]) as client:
            print((await client.send(b"abc", send_as="a", progress=lambda *heard: print(*heard))).verdict)

asyncio.run(main())
assert "anyio" not in sys.modules
"""


def test_asyncio_alone_is_enough(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", ALONE, str(tmp_path / "id")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (ended.stdout.split(), ended.stderr) == (["cancelled", "cancelled", "3", "3", "verified"], "")
