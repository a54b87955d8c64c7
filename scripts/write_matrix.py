"""Writes the matrix that `backup-interop matrix` printed (standard input) into docs/MATRIX.md, and its first table into README.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = re.compile(r"(<!-- matrix -->\n+```text\n).*?(\n```)", re.DOTALL)


def write(path: Path, matrix: str) -> bool:
    """Put a text into the place that the file has for it."""
    text, found = PLACE.subn(lambda place: place[1] + matrix + place[2], path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    return found == 1


def main() -> int:
    """Return 0 if both files have a place for the matrix."""
    # The time that a run took is true of one machine.
    matrix = re.sub(r" in [\d.]+ s$", "", sys.stdin.read().strip(), flags=re.MULTILINE)
    tables = matrix.split("\n\n")
    both = [write(ROOT / "docs/MATRIX.md", matrix), write(ROOT / "README.md", f"{tables[0]}\n\n{tables[-1]}")]
    return 0 if all(both) else 1


if __name__ == "__main__":
    sys.exit(main())
