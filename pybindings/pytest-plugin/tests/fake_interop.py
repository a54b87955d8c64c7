"""Stands in for ``backup-interop``: lists four cases, and writes the run that ``FAKE_RUN`` asks for.

Only what the plugin relies on: the ids in ``list``, ``--case``, ``--keep``, ``run.jsonl`` and the exit code.
"""

import itertools
import json
import os
import sys
from pathlib import Path

CASES = ["server/sanity/first", "server/registration/name-taken", "server/cksum/value", "server/sanity/last"]
CLIENT_CASES = ["client/sanity/first", "client/cksums/ends-its-side"]


def main() -> int:
    arguments = sys.argv[1:]
    if arguments == ["list"]:
        print("Cases of a server (level, PROTOCOL.md section, what happens)")
        print("\n".join(f"  {case:40} must  what it does" for case in CASES))
        print("Cases of a client")
        print("\n".join(f"  {case:40} must  what it does" for case in CLIENT_CASES))
        print("Scenarios\n  matrix/first-backup  6.1  a new client backs up a file")
        return 0
    with Path(os.environ["FAKE_CALLS"]).open("a") as calls:
        print(json.dumps(arguments), file=calls)
    run = json.loads(os.environ.get("FAKE_RUN", "{}"))
    if "refuse" in run:
        print(f"backup-interop: {run['refuse']}", file=sys.stderr)
        return 3
    values = dict(itertools.pairwise(arguments))
    folder = Path(values["--keep"])
    chosen = [value for name, value in itertools.pairwise(arguments) if name == "--case"]
    chosen = chosen or (CASES if arguments[0] == "server" else CLIENT_CASES)
    (folder / "wire.txt").write_text("03 35 08 the wire log\n" + "." * 10000)
    (folder / "out.txt").write_text("." * 10000 + "\nthe last line\n")
    events = [{"event": "run-started", "format": 1, "role": arguments[0]}]
    for case in [*chosen, *run.get("more", [])]:
        verdict = run.get(case, "pass")
        if verdict == "absent":
            continue
        events.append({"event": "case-started", "case": case})
        finding = {
            "level": "must",
            "field": "cksum",
            "expected": "1627333932",
            "got": "1627333933",
            "section": run.get("section", "5"),
            "cause": "zlib's CRC-32",
            "place": {
                "connection": 1,
                "direction": "response",
                "frame": 3,
                "message": "2103 file received",
                "offset": 282,
                "bytes": "03",
            },
        }
        events.append(
            {
                "event": "case-ended",
                "case": case,
                "section": "5",
                "level": "must",
                "does": "sends a file",
                "expects": "2103 with its cksum",
                "verdict": verdict,
                **({} if verdict in ("pass", "fail") else {"reason": f"a reason to {verdict}"}),
                "seconds": 0.1,
                "tries": 1,
                "findings": [] if verdict in ("pass", "skip", "xpass") else [finding],
                "wire_logs": ["wire.txt"],
                "output": ["out.txt"],
                "again": f"backup-interop server --case {case}",
            }
        )
    if not run.get("cut"):
        events.append({"event": "run-ended", "seconds": 1.0, "exit": 0, **run.get("end", {})})
    (folder / "run.jsonl").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    if "error" in run.values():
        return 5
    if all("/sanity/" in case for case in chosen):
        return 4
    return 1 if "fail" in run.values() else 0


sys.exit(main())
