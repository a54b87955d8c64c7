"""Stubs, docstrings and the README say what is there."""

from __future__ import annotations

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import backup_protocol
import pytest
from paths import PACKAGE, SCRIPTS

PUBLIC = [getattr(backup_protocol, name) for name in backup_protocol.__all__]


@pytest.mark.timeout(300)
def test_the_stubs_match_the_module() -> None:
    mypy = [sys.executable, "-m", "mypy.stubtest", "backup_protocol"]
    result = subprocess.run(mypy, capture_output=True, text=True, check=False, cwd=PACKAGE)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_native_name_is_public() -> None:
    native = {name for name in vars(backup_protocol._native) if not name.startswith("_")}
    assert native <= set(backup_protocol.__all__)
    assert sorted(backup_protocol.__all__) == backup_protocol.__all__


def test_the_package_is_typed() -> None:
    assert (Path(backup_protocol.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: thing.__name__)
def test_everything_public_has_a_docstring(thing: Any) -> None:
    documented = [thing, *(member for name, member in own_members(thing) if not isinstance(member, (int, str, tuple)))]
    for member in documented:
        assert member.__doc__, member
    assert thing.__module__.startswith("backup_protocol"), thing


def own_members(thing: Any) -> list[tuple[str, Any]]:
    if not inspect.isclass(thing) or issubclass(thing, BaseException):
        return []
    return [(name, getattr(thing, name)) for name in vars(thing) if not name.startswith("_")]


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestParser()
    globs = {name: getattr(backup_protocol, name) for name in backup_protocol.__all__}
    found = []
    for thing in PUBLIC:
        for name, member in [("", thing), *own_members(thing)]:
            title = f"{thing.__name__}.{name}".rstrip(".")
            found.append(finder.get_doctest(member.__doc__ or "", dict(globs), title, title, 0))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("test", examples(), ids=lambda test: test.name)
def test_docstring(test: doctest.DocTest) -> None:
    run(test)


def test_docstrings_have_examples() -> None:
    assert len(examples()) >= 10


def run(test: doctest.DocTest) -> None:
    output: list[str] = []
    doctest.DocTestRunner().run(test, out=output.append)
    assert not output, "".join(output)


@pytest.mark.timeout(300)
def test_the_tour_is_what_its_cells_print() -> None:
    check = [sys.executable, str(SCRIPTS / "write_tour.py"), "--check"]
    result = subprocess.run(check, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_readme_counts_the_lines_of_both_suites() -> None:
    readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
    counted = dict(re.findall(r"`(test_reference\w*\.py)`.*?has (\d+)", readme, flags=re.DOTALL))
    suites = (PACKAGE / "examples").glob("test_reference*.py")
    assert counted == {path.name: str(len(path.read_text().splitlines())) for path in suites}


def readme_examples() -> list[str]:
    return re.findall(r"```pycon\n(.*?)```", (PACKAGE / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_readme_has_nine_examples() -> None:
    assert len(readme_examples()) == 9


@pytest.mark.parametrize("number", range(9))
def test_readme(number: int, seed_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("report.txt").write_bytes(b"123456789")
    text = readme_examples()[number].replace("127.0.0.1:1234", seed_server)
    run(doctest.DocTestParser().get_doctest(text, {}, f"README {number}", "README.md", 0))
