"""A real server to talk to: the Python reference, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import backup_protocol
import pytest
from hypothesis import HealthCheck, settings
from paths import REFERENCE_SERVER

# No test depends on how fast the machine is.
settings.register_profile("package", deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("package")


@contextmanager
def reference_server(data: Path, dialect: str) -> Iterator[str]:
    """Start the server on a port of its own, give its address, and stop it."""
    command = [sys.executable, "-m", "backup_server", "--listen", "127.0.0.1:0", "--data", str(data)]
    with (
        (data.parent / f"{data.name}.log").open("w") as log,
        subprocess.Popen(
            [*command, "--dialect", dialect], cwd=REFERENCE_SERVER, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on "), line
            yield line.removeprefix("listening on ").strip()
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.fixture(params=[dialect.name for dialect in backup_protocol.Dialect.all()])
def dialect(request: pytest.FixtureRequest) -> str:
    """Each built-in dialect."""
    return str(request.param)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where the server keeps its files."""
    return tmp_path / "store"


@pytest.fixture
def server(store: Path, dialect: str) -> Iterator[str]:
    """The address of a fresh server that speaks ``dialect``."""
    with reference_server(store, dialect) as address:
        yield address


@pytest.fixture
def seed_server(store: Path) -> Iterator[str]:
    """The address of a fresh server that speaks what programs send."""
    with reference_server(store, "seed") as address:
        yield address
