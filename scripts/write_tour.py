"""Run the cells of pybindings/examples/tour.py, and write docs/python-tour.md with what they print.

    write_tour.py [--check]

With --check, nothing is written: it fails if the page is not what it would write.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "pybindings" / "examples"
PAGE = ROOT / "docs" / "python-tour.md"


def render() -> str:
    """The page."""
    names: dict[str, object] = {"__name__": "tour"}
    parts = []
    # Cells as Jupyter's editors know them: `# %%`, and after it what the cell is if it is not code.
    cells = re.split(
        r"^# %%(.*)\n",
        (EXAMPLES / "tour.py").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    for kind, source in zip(
        cells[1::2], (cell.strip() for cell in cells[2::2]), strict=True
    ):
        if kind == " [markdown]":
            parts.append(
                "\n".join(
                    line.removeprefix("#").removeprefix(" ")
                    for line in source.splitlines()
                )
            )
        elif kind.startswith(" [include] "):
            source = (EXAMPLES / kind.removeprefix(" [include] ")).read_text(
                encoding="utf-8"
            )
            parts.append(f"```python\n{source}```")
        else:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                code = compile(source, f"<{source.splitlines()[0]}>", "exec")
                exec(code, names)  # noqa: S102
            lines = "\n".join(
                line.rstrip() for line in printed.getvalue().strip("\n").splitlines()
            )
            parts += [f"```python\n{source}\n```", f"```text\n{lines}\n```"]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Write or check the page."""
    sys.path.insert(0, str(EXAMPLES))
    # Cells write identities and files.
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        page = render()
        os.chdir(ROOT)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    there = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    sys.stdout.writelines(
        difflib.unified_diff(
            there.splitlines(True), page.splitlines(True), PAGE.name, "printed now"
        )
    )
    return 0 if there == page else 1


if __name__ == "__main__":
    sys.exit(main())
