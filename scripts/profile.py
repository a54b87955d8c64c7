"""Counts the instructions of fixed workloads under callgrind and compares them with the budget.

    profile.py [--write]

Instructions, unlike seconds, are the same on a busy machine. Each workload runs a few times more in one run than in another,
and the difference is what counts: what the process does before cancels out. `--write` makes the counts of now the budget.

valgrind has AES and CLMUL instructions but no AVX-512, so that the real run may take other code than the one counted. So it
is also looked at which code the processor runs without valgrind: a build that lost the fast one would keep its counts.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUDGET = ROOT / "rust-protocol" / "benches" / "budget.json"
#: Beyond this the comparison fails.
TOLERANCE = 0.03
MORE = 4


def build() -> Path:
    """Builds the workloads, and says where they are."""
    command = [
        "cargo",
        "bench",
        "--locked",
        "-p",
        "backup-protocol",
        "--bench",
        "workloads",
        "--no-run",
    ]
    done = subprocess.run(
        [*command, "--message-format=json"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "workloads":
            return Path(message["executable"])
    sys.exit("profile: cargo named no executable")


def instructions(program: Path, workload: str, times: int) -> int:
    command = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        str(program),
        workload,
        str(times),
    ]
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if counted is None:
        sys.exit(f"profile: callgrind did not count {workload}:\n{done.stderr}")
    return int(counted[1])


def count(program: Path, workload: str) -> int:
    """Instructions of the workload, once."""
    more = instructions(program, workload, 1 + MORE) - instructions(
        program, workload, 1
    )
    return more // MORE


def selected(program: Path) -> tuple[str, str, list[str]]:
    """The code of cipher and cksum that this processor runs, and what is wrong with the choice."""
    cipher, cksum = subprocess.run(
        [program, "hardware"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.split()
    wrong = []
    if platform.machine() == "x86_64":
        information = re.search(
            r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE
        )
        flags = set(information[1].split()) if information else set()
        if "aes" in flags and not cipher.startswith("x86_"):
            wrong.append(
                f"the processor has instructions for AES, and the cipher is {cipher}"
            )
        if {"pclmulqdq", "sse4_1"} <= flags and "pclmul" not in cksum:
            wrong.append(
                f"the processor multiplies without carries, and the cksum is {cksum}"
            )
        if {
            "vpclmulqdq",
            "avx512vl",
            "pclmulqdq",
            "sse4_1",
        } <= flags and "vpclmulqdq" not in cksum:
            wrong.append(
                f"the processor multiplies four at once, and the cksum is {cksum}"
            )
    return cipher, cksum, wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--write", action="store_true", help="make the counts of now the budget"
    )
    arguments = parser.parse_args()

    if shutil.which("valgrind") is None:
        sys.exit(
            "profile: there is no valgrind, so nothing was counted. Install the package valgrind (make setup does, as root)."
        )
    program = build()
    cipher, cksum, wrong = selected(program)
    print(f"without valgrind: cipher {cipher}, cksum {cksum}")
    names = subprocess.run(
        [program], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.split()
    with ThreadPoolExecutor() as pool:
        counts = dict(
            zip(names, pool.map(lambda name: count(program, name), names), strict=True)
        )

    compiler = subprocess.run(
        ["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    if arguments.write:
        BUDGET.write_text(
            json.dumps({"compiler": compiler, "instructions": counts}, indent=2) + "\n"
        )

    budget = json.loads(BUDGET.read_text())
    # Another compiler makes other code of the same source: its counts are shown, and say nothing about a change of ours.
    is_comparable = compiler == budget["compiler"]
    print(f"{'instructions':28} {'now':>12} {'budget':>12} {'ratio':>7}")
    for name in sorted(counts.keys() | budget["instructions"].keys()):
        now, then = counts.get(name), budget["instructions"].get(name)
        if now is None or then is None:
            wrong.append(f"{name} is in only one of budget and workloads")
            continue
        ratio = now / then
        print(f"{name:28} {now:12} {then:12} {ratio:7.3f}")
        if is_comparable and abs(ratio - 1) > TOLERANCE:
            wrong.append(f"{name} takes {ratio:.3f} of its budget")
    if not is_comparable:
        print(
            f"not compared: the budget was counted with {budget['compiler']}, this is {compiler}"
        )
    if wrong:
        sys.exit(
            "\n".join(f"profile: {line}" for line in wrong)
            + "\nIf that is meant to be: make profile-write, and say why in the commit."
        )


if __name__ == "__main__":
    main()
