"""The examiner itself on the reference programs, as somebody would run it who has written one of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CPP_CLIENT = ROOT / "interop" / "reference" / "cpp-client" / "build" / "backup_client_reference"
PYTHON_CLIENT = ROOT / "interop" / "peers" / "python_client.py"
PYTHON_SERVER = ROOT / "interop" / "reference" / "python-server"

# `=`: pytest looks for its settings beside a path that stands alone, whatever option it follows.
SEED = "--backup-dialect=seed"


def test_a_client_of_which_only_the_path_is_known(pytester: pytest.Pytester) -> None:
    # It reads once a response, and says so: that is what some cases are for.
    result = pytester.runpytest(
        SEED,
        "--backup-role=client",
        f"--backup-peer-cmd={CPP_CLIENT}",
        "--backup-case=sanity/*",
        "--backup-case=pieces/registered-byte-by-byte",
        "-v",
    )
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "backup-protocol::client/sanity/first-backup PASSED*",
            "backup-protocol::client/pieces/registered-byte-by-byte FAILED*",
            "client/pieces/registered-byte-by-byte (must, PROTOCOL.md 1.4)",
            "*the response did not come in one piece*",
        ]
    )


@pytest.mark.parametrize(
    "command",
    [
        f"{CPP_CLIENT} --no-habits",
        f"{sys.executable} {PYTHON_CLIENT} --dialect seed --server {{host}}:{{port}} --name {{name}} "
        "--identity {work} {file}",
    ],
    ids=["cpp", "python"],
)
def test_a_client_with_arguments(pytester: pytest.Pytester, command: str) -> None:
    cases = ["sanity/*", "pieces/registered-byte-by-byte", "cksums/wrong-once"]
    globs = [f"--backup-case={case}" for case in cases]
    result = pytester.runpytest(SEED, "--backup-role=client", f"--backup-peer-cmd={command}", *globs)
    result.assert_outcomes(passed=5)


def test_a_program_that_does_not_start_says_why_itself(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(server="raise LookupError('no port.info')")
    result = pytester.runpytest(SEED, "--backup-peer-cmd", f"{sys.executable} server.py")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*judged nothing:", "the program printed:", "LookupError: no port.info"])


def test_a_server(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PYTHON_SERVER))
    command = f"{sys.executable} -m backup_server --listen 127.0.0.1:{{port}} --data {{work}}/data"
    result = pytester.runpytest(SEED, f"--backup-peer-cmd={command}", "--backup-case=sanity/*")
    result.assert_outcomes(passed=3)
