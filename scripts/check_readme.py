"""Runs the first backup of README.md, as it stands there, and compares what it prints.

A README that is not run goes stale. The port is replaced by a free one and the build by programs that are there.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST_BACKUP = re.compile(
    r"## A first backup\n\n```sh\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL
)


def main() -> int:
    """Return 0 if README.md tells the truth."""
    bin_folder = Path(sys.argv[1]).resolve()
    found = FIRST_BACKUP.search((ROOT / "README.md").read_text(encoding="utf-8"))
    if not found:
        print("check_readme: README.md has no first backup", file=sys.stderr)
        return 1
    port = free_port()
    commands = [
        line
        for line in found[1].splitlines()
        if not line.startswith(("cargo ", "export "))
    ]
    expected = found[2].strip()

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "LICENSE-MIT", folder)
        script = "\n".join(
            [
                "set -euo pipefail",
                f"export PATH={bin_folder}:$PATH",
                "trap 'kill $! 2>/dev/null' EXIT",
                *(
                    with_wait(line.replace("1234", str(port)), port)
                    for line in commands
                ),
            ]
        )
        run = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    got = run.stdout.replace(str(port), "1234").strip()
    if run.returncode != 0 or got != expected:
        print(
            f"check_readme: README.md says\n{expected}\nbut this came out\n{got}\n{run.stderr}",
            file=sys.stderr,
        )
        return 1
    print("README.md: the first backup runs as described")
    return 0


def with_wait(line: str, port: int) -> str:
    """Let the next command find the server that this one starts in the background."""
    if not line.endswith("&"):
        return line
    return f"{line}\nfor _ in $(seq 200); do (: </dev/tcp/127.0.0.1/{port}) 2>/dev/null && break; sleep 0.05; done"


def free_port() -> int:
    """Find a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
