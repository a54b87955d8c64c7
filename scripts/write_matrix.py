"""Puts the matrix that `backup-interop matrix` printed (standard input) into README.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
PLACE = re.compile(r"(<!-- matrix -->\n+```text\n).*?(\n```)", re.DOTALL)


def main() -> int:
    """Return 0 if README.md has a place for the matrix."""
    # The time that a run took is true of one machine.
    matrix = re.sub(r" in [\d.]+ s$", "", sys.stdin.read().strip(), flags=re.MULTILINE)
    text, found = PLACE.subn(
        lambda place: place[1] + matrix + place[2], README.read_text(encoding="utf-8")
    )
    README.write_text(text, encoding="utf-8")
    return 0 if found == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
