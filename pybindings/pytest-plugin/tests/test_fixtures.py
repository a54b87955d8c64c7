"""The fixtures, each in a test run of its own."""

from __future__ import annotations

import pytest


def test_a_server_is_fresh_in_each_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", [1, 2])
        def test_backup(backup_server, backup_client, number):
            assert backup_server.clients == []
            assert backup_client.send(b"abc", send_as="a").verdict == "verified"
            assert [file.name for file in backup_server.files] == ["a"]

        def test_several(backup_server_factory, backup_client_factory):
            servers = [backup_server_factory(dialect=name) for name in ("seed", "2023a")]
            for server in servers:
                assert backup_client_factory(server, "alice").send(b"abc", send_as="a").verdict == "verified"
                assert [client.name for client in server.clients] == ["alice"]
        """
    )
    pytester.runpytest().assert_outcomes(passed=3)


def test_the_dialect_is_an_option_and_can_be_overridden(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_option="""
        def test_option(backup_server, backup_client):
            backup_client.send(b"abc", send_as="a")
            assert (backup_server.dialect, backup_client.dialect) == ("2023a", "2023a")
        """,
        test_override="""
        import pytest
        from backup_protocol import Dialect

        @pytest.fixture(scope="session")
        def backup_dialect():
            return Dialect("readme")

        def test_override(backup_server):
            assert backup_server.dialect == "readme"
        """,
    )
    pytester.runpytest("--backup-dialect", "2023a").assert_outcomes(passed=2)


def test_a_failure_shows_what_the_peers_did(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_failure(backup_server, recording_proxy, backup_client_factory):
            client = backup_client_factory(recording_proxy(backup_server), "alice")
            client.send(b"abc", send_as="a.txt")
            assert False

        def test_success(backup_server, backup_client):
            backup_client.send(b"abc", send_as="b.txt")
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*events of <Server at 127.0.0.1:*", "ServerEvent(kind='verified'*'a.txt')"])
    text = result.stdout.str()
    assert "recorded before 127.0.0.1" in text
    assert "file name        a.txt" in text
    assert "b.txt" not in text


def test_scripted_peers_and_processes(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        import backup_protocol as bp

        def test_scripted_server(scripted_server, backup_client_factory):
            with pytest.raises(bp.GaveUpError):
                backup_client_factory(scripted_server("zlib-cksum"), dialect="seed").send(b"abc", send_as="a")

        def test_scripted_client(scripted_client, backup_server, tmp_path):
            (tmp_path / "a").write_bytes(b"abc")
            assert scripted_client(backup_server).send(tmp_path / "a").exit_code == 0
            assert scripted_client(backup_server, "plain").send(tmp_path / "a").exit_code != 0

        def test_process(backup_server_proc, backup_client_factory):
            assert backup_client_factory(backup_server_proc).send(b"abc", send_as="a").verdict == "verified"

        def test_the_same_process(backup_server_proc, backup_client_factory):
            client = backup_client_factory(backup_server_proc)
            client.register()
            backup_server_proc.kill()
            backup_server_proc.start()
            assert client.send(b"abc", send_as="a").verdict == "verified"
            assert backup_server_proc.stop() == 0
            backup_server_proc.start()
        """
    )
    pytester.runpytest().assert_outcomes(passed=4)


def test_vectors_are_at_hand(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        import backup_protocol as bp

        def test_vectors(backup_vectors):
            valid = [vector for vector in backup_vectors("register") if vector.test["result"] == "valid"]
            assert len(valid) > 10
            for vector in valid:
                bp.Request.decode(bytes.fromhex(vector.test["bytes"]), dialect=vector.dialect)
            with pytest.raises(ValueError, match="there are no vectors 'registers', but "):
                backup_vectors("registers")
        """
    )
    pytester.runpytest().assert_outcomes(passed=1)


def test_workers_and_event_loops(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        import backup_protocol as bp

        async def send(server, folder):
            async with bp.AsyncClient(server.address, "alice", folder / "id") as client:
                assert (await client.send(b"abc", send_as="a")).verdict == "verified"

        @pytest.mark.asyncio
        async def test_asyncio(backup_server, tmp_path):
            await send(backup_server, tmp_path)

        @pytest.mark.anyio
        async def test_anyio(backup_server, tmp_path):
            await send(backup_server, tmp_path)

        @pytest.mark.parametrize("number", range(4))
        def test_names(backup_server_proc, backup_client_factory, number):
            backup_client_factory(backup_server_proc).register()
        """
    )
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.runpytest("-n", "2").assert_outcomes(passed=7)
