from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backup_server.dialect import Dialect

from .backup import Backup
from .running import DIALECTS, Running


@pytest.fixture(params=DIALECTS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path / "data", request.param)
    yield server
    server.end()


@pytest.fixture
def backup(running: Running) -> Backup:
    return Backup(running)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Dialect], Running]]:
    """Run a server in the dialect of the test's choice."""
    servers: list[Running] = []

    def serve(dialect: Dialect) -> Running:
        servers.append(Running(tmp_path / str(len(servers)), dialect))
        return servers[-1]

    yield serve
    for server in servers:
        server.end()
