"""Counts the instructions of fixed workloads under callgrind and compares them with the budget.

    profile.py [--write]

Instructions, unlike seconds, are the same on a busy machine. Each workload runs a few times more in one run than in another,
and the difference is what counts: what the process does before cancels out. `--write` makes the counts of now the budget.

valgrind has AES and CLMUL instructions but no AVX-512, so that the real run may take other code than the one counted;
which one that is, the test of rust-protocol/src/hardware.rs looks at.
"""

from __future__ import annotations

import argparse
import json
import re
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
    command = ["cargo", "bench", "--locked", "-p", "backup-protocol", "--bench", "workloads", "--no-run"]
    done = subprocess.run([*command, "--message-format=json"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "workloads":
            return Path(message["executable"])
    sys.exit("profile: cargo named no executable")


def instructions(program: Path, workload: str, times: int) -> int:
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program), workload, str(times)]
    done = subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    counted = re.search(r"Collected : (\d+)", done.stderr)
    if counted is None:
        sys.exit(f"profile: callgrind did not count {workload}:\n{done.stderr}")
    return int(counted[1])


def count(program: Path, workload: str) -> int:
    """Instructions of the workload, once."""
    more = instructions(program, workload, 1 + MORE) - instructions(program, workload, 1)
    return more // MORE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="make the counts of now the budget")
    arguments = parser.parse_args()

    program = build()
    names = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    with ThreadPoolExecutor() as pool:
        counts = dict(zip(names, pool.map(lambda name: count(program, name), names), strict=True))

    if arguments.write:
        compiler = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        BUDGET.write_text(json.dumps({"compiler": compiler, "instructions": counts}, indent=2) + "\n")

    budget = json.loads(BUDGET.read_text())
    wrong = []
    print(f"{'instructions':28} {'now':>12} {'budget':>12} {'ratio':>7}")
    for name in sorted(counts.keys() | budget["instructions"].keys()):
        now, then = counts.get(name), budget["instructions"].get(name)
        if now is None or then is None:
            wrong.append(f"{name} is in only one of budget and workloads")
            continue
        ratio = now / then
        print(f"{name:28} {now:12} {then:12} {ratio:7.3f}")
        if abs(ratio - 1) > TOLERANCE:
            wrong.append(f"{name} takes {ratio:.3f} of its budget")
    if wrong:
        print(f"the budget was counted with {budget['compiler']}", file=sys.stderr)
        sys.exit("\n".join(f"profile: {line}" for line in wrong) + "\nIf that is meant to be: make profile-write, and say why in the commit.")


if __name__ == "__main__":
    main()
