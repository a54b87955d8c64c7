"""The fixtures. The package itself is imported by whoever uses one."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import pytest

if TYPE_CHECKING:
    from os import PathLike

    from backup_protocol import Client, Dialect, RecordingProxy, ScriptedClient, ScriptedServer, Server

    from pytest_backup_protocol.process import ServerProcess

ATTACHMENTS = pytest.StashKey[list[tuple[str, Callable[[], str]]]]()
"""What to show of a test that fails: titles, and what gives the texts."""


def attach(request: pytest.FixtureRequest, title: str, describe: Callable[[], str]) -> None:
    """Show a text when the test fails that the fixture is for."""
    request.node.stash.setdefault(ATTACHMENTS, []).append((title, describe))


class HasAddress(Protocol):
    """A server of any kind."""

    @property
    def address(self) -> str:
        """``"host:port"``."""


def address_of(server: HasAddress | str) -> str:
    """The address of what a fixture gave, or the address itself."""
    return server if isinstance(server, str) else server.address


@pytest.fixture(scope="session")
def backup_dialect(pytestconfig: pytest.Config) -> Dialect:
    """The dialect of the fixtures: ``--backup-dialect``, else what the programs send. Override it for others."""
    from backup_protocol import Dialect

    return Dialect(pytestconfig.option.backup_dialect or "seed")


@pytest.fixture
def backup_server_factory(request: pytest.FixtureRequest, backup_dialect: Dialect) -> Iterator[Callable[..., Server]]:
    """Start servers in this process: the arguments are those of ``backup_protocol.Server``."""
    from backup_protocol import Server

    with ExitStack() as stack:

        def start(data: str | PathLike[str] | None = None, **limits: Any) -> Server:
            server = stack.enter_context(Server(data, **{"dialect": backup_dialect, **limits}))
            attach(request, f"events of {server!r}", lambda: "\n".join(map(repr, server.events)))
            return server

        yield start


@pytest.fixture
def backup_server(backup_server_factory: Callable[..., Server]) -> Server:
    """A server in this process, with an empty store of its own."""
    return backup_server_factory()


@pytest.fixture(scope="session")
def backup_server_proc_factory(
    tmp_path_factory: pytest.TempPathFactory, backup_dialect: Dialect
) -> Iterator[Callable[..., ServerProcess]]:
    """Start ``backup-server`` as processes: ``dialect=`` and further command-line arguments."""
    from pytest_backup_protocol.process import ServerProcess

    with ExitStack() as stack:

        def start(*arguments: str, dialect: Dialect | str = backup_dialect) -> ServerProcess:
            folder = tmp_path_factory.mktemp("backup-server")
            return stack.enter_context(ServerProcess(folder, dialect, arguments))

        yield start


@pytest.fixture(scope="session")
def backup_server_proc(backup_server_proc_factory: Callable[..., ServerProcess]) -> ServerProcess:
    """A ``backup-server`` for the whole session. Tests share it, so each takes a client name of its own."""
    return backup_server_proc_factory()


_numbers = itertools.count(1)


@pytest.fixture
def backup_client_factory(
    tmp_path_factory: pytest.TempPathFactory, worker_name: str
) -> Iterator[Callable[..., Client]]:
    """Make clients of a server: ``server``, ``name``, then as ``backup_protocol.Client``."""
    from backup_protocol import Client

    with ExitStack() as stack:

        def make(server: HasAddress | str, name: str | None = None, **options: Any) -> Client:
            options.setdefault("identity", tmp_path_factory.mktemp("identity"))
            name = name or f"{worker_name}-{next(_numbers)}"
            return stack.enter_context(Client(address_of(server), name, **options))

        yield make


@pytest.fixture
def backup_client(backup_server: Server, backup_client_factory: Callable[..., Client]) -> Client:
    """A client of ``backup_server`` that nobody knows yet."""
    return backup_client_factory(backup_server)


@pytest.fixture
def scripted_server(backup_dialect: Dialect) -> Iterator[Callable[..., ScriptedServer]]:
    """Start servers that do one thing wrong: the arguments are those of ``ScriptedServer``."""
    from backup_protocol import ScriptedServer

    with ExitStack() as stack:

        def start(fault: str | None = None, **options: Any) -> ScriptedServer:
            return stack.enter_context(ScriptedServer(fault, **{"dialect": backup_dialect, **options}))

        yield start


@pytest.fixture
def scripted_client(
    tmp_path_factory: pytest.TempPathFactory, backup_dialect: Dialect, worker_name: str
) -> Callable[..., ScriptedClient]:
    """Make clients that do one thing wrong: ``server``, ``fault``, then as ``ScriptedClient``."""
    from backup_protocol import ScriptedClient

    def make(server: HasAddress | str, fault: str | None = None, **options: Any) -> ScriptedClient:
        options.setdefault("name", f"{worker_name}-{next(_numbers)}")
        options.setdefault("identity", tmp_path_factory.mktemp("identity"))
        options.setdefault("dialect", backup_dialect)
        return ScriptedClient(address_of(server), fault=fault, **options)

    return make


@pytest.fixture
def recording_proxy(request: pytest.FixtureRequest, backup_dialect: Dialect) -> Iterator[Callable[..., RecordingProxy]]:
    """Put recording proxies before servers; what they recorded is shown when the test fails."""
    from backup_protocol import RecordingProxy

    with ExitStack() as stack:

        def start(server: HasAddress | str, *, dialect: Dialect | str = backup_dialect) -> RecordingProxy:
            proxy = stack.enter_context(RecordingProxy(address_of(server), dialect=dialect))
            attach(
                request,
                f"recorded before {address_of(server)}",
                lambda: "\n".join(map(str, proxy.connections)),
            )
            return proxy

        yield start


@pytest.fixture(scope="session")
def worker_name(request: pytest.FixtureRequest) -> str:
    """Give clients names that no other worker of pytest-xdist gives."""
    worker = getattr(request.config, "workerinput", {"workerid": "test"})
    return str(worker["workerid"])


class Vector(NamedTuple):
    """One test of the golden vectors (vectors/README.md)."""

    file: str
    """The file, such as ``"register"``."""
    dialect: str
    """What the bytes are of: a dialect, modifiers included."""
    test: dict[str, Any]
    """The test as it stands in the file: ``id``, ``comment``, ``result``, and what its schema says."""


@pytest.fixture(scope="session")
def backup_vectors() -> Callable[[str], list[Vector]]:
    """Load the golden vectors of a file, such as ``backup_vectors("register")``: one for each dialect."""
    folder = Path(__file__).parent / "vectors" / "v1"
    if not folder.is_dir():
        # Not installed from a wheel: this is the repository.
        folder = Path(__file__).resolve().parents[4] / "vectors" / "v1"

    def load(name: str) -> list[Vector]:
        path = folder / f"{name}.json"
        if not path.is_file():
            names = sorted(path.stem for path in folder.glob("*.json") if path.stem != "index")
            raise ValueError(f"there are no vectors {name!r}, but {', '.join(names)}")
        groups = json.loads(path.read_text(encoding="ascii"))["groups"]
        return [
            Vector(name, dialect, test) for group in groups for dialect in group["dialects"] for test in group["tests"]
        ]

    return load
