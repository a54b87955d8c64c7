"""Runs the commands of docs/OPERATING.md, one after the other, and compares what they print.

With ``--write`` what they print is written there. Ports, IDs, labels and times are those of another run, and count as equal.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "OPERATING.md"
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
MARK = "check-operating-next-command"
CHANGING = [
    (re.compile(r"\balice-[0-9a-f]{8}\b"), "alice-5f21c9e0"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:?\d\d:?\d\dZ"), "2026-11-25T00:41:12Z"),
    (re.compile(r"(?<=/versions/)\w{16}"), "x7YzQ0aLm3Tn5Wc1"),
    (re.compile(r"(?<=alice-5f21c9e0  )[0-9a-f]{8}"), "3f2a9c5e"),
]


def main() -> int:
    """Return 0 if docs/OPERATING.md tells the truth."""
    bin_folder = Path(sys.argv[1]).resolve()
    text = PAGE.read_text(encoding="utf-8")
    commands = [
        line[2:]
        for block in BLOCK.findall(text)
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    outputs = iter(run(commands, bin_folder))
    written = BLOCK.sub(lambda block: with_outputs(block[1], outputs), text)
    if "--write" in sys.argv:
        PAGE.write_text(written, encoding="utf-8")
        return 0
    if normal(written) != normal(text):
        for old, new in zip(
            normal(text).splitlines(), normal(written).splitlines(), strict=False
        ):
            if old != new:
                print(
                    f"check_operating: docs/OPERATING.md says\n{old}\nbut this came out\n{new}",
                    file=sys.stderr,
                )
                break
        return 1
    print(f"OPERATING.md: {len(commands)} commands print what it says")
    return 0


def run(commands: list[str], bin_folder: Path) -> list[str]:
    """Return what each command prints, on both streams."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        script = "\n".join(
            [
                f"export PATH={bin_folder}:$PATH",
                "exec 2>&1",
                "trap 'kill $server 2>/dev/null' EXIT",
                *(
                    in_shell(command.replace("1234", str(port)), port)
                    for command in commands
                ),
            ]
        )
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    outputs = done.stdout.replace(str(port), "1234").split(MARK + "\n")
    return [normal(output) for output in outputs[:-1]]


def in_shell(command: str, port: int) -> str:
    """Let the server that is started in the background be there for the next command."""
    if not command.endswith("&"):
        return f"{command}\necho {MARK}"
    wait = f"for _ in $(seq 200); do (: </dev/tcp/127.0.0.1/{port}) 2>/dev/null && break; sleep 0.05; done"
    return f"{command}\nserver=$!\n{wait}\necho {MARK}"


def with_outputs(block: str, outputs: Iterator[str]) -> str:
    """Return the block with what its commands print now."""
    lines = [line for line in block.splitlines() if line.startswith("$ ")]
    return (
        "```console\n" + "".join(f"{line}\n{next(outputs)}" for line in lines) + "```"
    )


def normal(text: str) -> str:
    """Return the text with what differs from run to run replaced."""
    for pattern, example in CHANGING:
        text = pattern.sub(example, text)
    return text


def free_port() -> int:
    """Find a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
