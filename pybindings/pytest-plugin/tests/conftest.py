"""A fake examiner on the path that the package looks in."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

FAKE = Path(__file__).parent / "fake_interop.py"

Fake = Callable[..., None]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put the fake in place, and say what its run is."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "backup-interop"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("BACKUP_PROTOCOL_BIN", str(folder))
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))

    def say(run: dict[str, Any] | None = None) -> None:
        monkeypatch.setenv("FAKE_RUN", json.dumps(run or {}))

    say()
    return say


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], list[list[str]]]:
    """How the fake was called to examine something."""
    path = tmp_path / "calls"
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
