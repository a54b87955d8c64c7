"""The examiner's cases as tests: ``backup-interop`` runs once, and each case is an item."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from _pytest._code.code import ExceptionInfo, TerminalRepr
from backup_protocol import BackupProtocolError, ProgramNotFoundError, program
from filelock import FileLock

# `backup-interop` ends with these when it has judged the program; everything else is no judgement. 5 is a fault of
# its own: in a case, which then has the verdict `error`, or before all of them. 4 is for a run of nothing but the
# cases that say whether the others make sense.
_JUDGED = {0, 1, 4, 5, 6}

# Of a wire log the first characters are attached, and of the program's output the last; the rest is in the files.
_SHOWN = 8000
_SHOWN_OUTPUT = 2000

_CASE = r"\b{role}/[a-z0-9-]+/[a-z0-9-]+(?![a-z0-9/-])"


class BackupConformanceWarning(UserWarning):
    """Something that a program should do and does not, or that it does only at times."""


class NotAsSpecifiedError(Exception):
    """A case failed. ``event`` is what the examiner says of it."""

    def __init__(self, event: dict[str, Any], folder: Path) -> None:
        super().__init__(event["case"])
        self.event = event
        self.folder = folder

    def __str__(self) -> str:
        """What was done, expected and seen, and how to see it again."""
        event = self.event
        lines = [f"{event['case']} ({event['level']}, PROTOCOL.md {event['section']})"]
        if event["verdict"] == "xpass":
            lines.append(f"  passed, and is expected to fail: {event.get('reason', '')}")
        elif event.get("reason"):
            lines.append(f"  reason    {event['reason']}")
        lines += [f"  does      {event['does']}", f"  expects   {event['expects']}"]
        for finding in event["findings"]:
            # What is a matter of manners has no section.
            section = f", PROTOCOL.md {finding['section']}" if finding["section"] else ""
            lines.append(f"* {finding['field']} ({finding['level']}{section})")
            place = finding.get("place")
            if place:
                lines.append(
                    f"  frame     {place['direction']} {place['frame']}, {place['message']}, of connection "
                    f"{place['connection']}; offset {place['offset']}"
                )
            lines += [f"  expected  {finding['expected']}", f"  got       {finding['got']}"]
            if finding.get("cause"):
                lines.append(f"  likely    {finding['cause']}")
        lines += [f"  wire      {self.folder / log}" for log in event["wire_logs"]]
        lines += [f"  output    {self.folder / log}" for log in event["output"]]
        lines.append(f"  again     {event['again']}")
        return "\n".join(lines)


class Examination(pytest.Collector):
    """All cases for one program."""

    def collect(self) -> Iterable[pytest.Item]:
        """One item a case, in the order in which they run, and one for what belongs to none."""
        role = self.config.option.backup_role
        try:
            listed = _run([str(program("backup-interop")), "list"])
        except ProgramNotFoundError as error:
            raise self.CollectError(str(error)) from None
        cases = list(dict.fromkeys(re.findall(_CASE.format(role=role), listed.stdout)))
        if not cases:
            raise self.CollectError(f"backup-interop lists no cases for a {role}:\n{listed.stdout}{listed.stderr}")
        globs = self.config.option.backup_case
        wanted = [case for case in cases if not globs or any(_matches(glob, case) for glob in globs)]
        if not wanted:
            raise self.CollectError(f"no case of a {role} matches --backup-case {' '.join(globs)}")
        for case in wanted:
            yield CaseItem.from_parent(self, name=case)
        yield WholeItem.from_parent(self, name=f"{role}/whole-run", listed=frozenset(wanted))


class CaseItem(pytest.Item):
    """One case."""

    def runtest(self) -> None:
        """Look up how it ended; the first item that asks runs the examination."""
        run = Run.of(self.session)
        event = run.cases.get(self.name)
        if event is None:
            reason = "the examination did not come to it" if run.cut_short else "it says nothing of this dialect"
            pytest.skip(reason)
        for log in [*event["wire_logs"], *event["output"]]:
            self.user_properties.append(("artefact", str(run.folder / log)))
        verdict = event["verdict"]
        if verdict == "skip":
            pytest.skip(event.get("reason", "skipped"))
        if verdict == "xfail":
            pytest.xfail(event.get("reason", "expected"))
        if verdict in ("warn", "flaky"):
            warnings.warn(BackupConformanceWarning(str(NotAsSpecifiedError(event, run.folder))), stacklevel=1)
        elif verdict != "pass":
            for log in event["wire_logs"]:
                self._attach(run.folder, log, slice(_SHOWN))
            for log in event["output"]:
                # The program prints for all cases into one file, and the last lines are this one's at best.
                self._attach(run.folder, log, slice(-_SHOWN_OUTPUT, None))
            raise NotAsSpecifiedError(event, run.folder)

    def _attach(self, folder: Path, log: str, shown: slice) -> None:
        path = folder / log
        if not path.is_file():
            return
        text = path.read_text(encoding="utf-8", errors="replace")
        part = text[shown]
        more = f"\n({len(text) - len(part)} more characters in {path})\n" if len(part) < len(text) else ""
        self.add_report_section("call", log, part + more)

    def repr_failure(
        self,
        excinfo: ExceptionInfo[BaseException],
        style: Any = None,
    ) -> str | TerminalRepr:
        """Show the examiner's words: a traceback through this file helps nobody."""
        if isinstance(excinfo.value, (NotAsSpecifiedError, BackupProtocolError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where it comes from: no file."""
        return self.session.startpath, None, self.name


class WholeItem(CaseItem):
    """What belongs to the run and to none of the cases that were listed."""

    def __init__(self, *, listed: frozenset[str], **keywords: Any) -> None:
        super().__init__(**keywords)
        self.listed = listed

    def runtest(self) -> None:
        """Fail if the program broke on the way, an expected failure is stale, or another case failed."""
        run = Run.of(self.session)
        problems = []
        if run.ended is None:
            problems.append("the examination was cut short")
        elif run.ended.get("broke_after"):
            problems.append(f"after {run.ended['broke_after']} the program did not work any more")
        if run.ended is not None:
            problems += [f"the expected failure '{entry}' matches no case" for entry in run.ended.get("stale", [])]
        for event in run.cases.values():
            if event["case"] not in self.listed and event["verdict"] in ("fail", "error", "xpass"):
                problems.append(str(NotAsSpecifiedError(event, run.folder)))
        if problems:
            raise BackupProtocolError("\n".join(problems))


class Run:
    """What became of the examination."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cases: dict[str, dict[str, Any]] = {}
        self.ended: dict[str, Any] | None = None
        for line in (folder / "run.jsonl").read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event["event"] == "case-ended":
                self.cases[event["case"]] = event
            elif event["event"] == "run-ended":
                self.ended = event

    @property
    def cut_short(self) -> bool:
        """Whether it did not come to its end."""
        return self.ended is None

    @classmethod
    def of(cls, session: pytest.Session) -> Run:
        """The run of this session. Workers of pytest-xdist share one: the first that needs it makes it."""
        run = session.stash.get(_RUN, None)
        if run is None:
            folder = _folder(session.config)
            failure = folder.parent / f"{folder.name}.failure"
            with FileLock(folder.parent / f"{folder.name}.lock"):
                if not failure.is_file():
                    failure.write_text(_examine(session, folder), encoding="utf-8")
            if said := failure.read_text(encoding="utf-8"):
                # Once is enough: what kept it from judging is the same for all cases.
                if session.stash.get(_SAID, False):
                    pytest.skip("not judged")
                session.stash[_SAID] = True
                raise BackupProtocolError(said)
            run = session.stash[_RUN] = cls(folder)
        return run


_RUN = pytest.StashKey[Run]()
_SAID = pytest.StashKey[bool]()


def _folder(config: pytest.Config) -> Path:
    """A folder that all workers agree on, of this session alone."""
    worker = getattr(config, "workerinput", None)
    base: Path = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    if worker is not None:
        base = base.parent
    return base / "backup-interop"


def _examine(session: pytest.Session, folder: Path) -> str:
    """Run the examination; the text is why there is no judgement."""
    option = session.config.option
    folder.mkdir(exist_ok=True)
    command = [str(program("backup-interop")), option.backup_role]
    command += ["--cmd", option.backup_peer_cmd] if option.backup_peer_cmd else ["--addr", option.backup_peer_addr]
    command += ["--keep", str(folder)]
    given = {
        "--dialect": option.backup_dialect,
        "--expected-failures": option.backup_expected_failures,
        "--slow": option.backup_slow,
    }
    command += [text for name, value in given.items() if value for text in (name, str(value))]
    command += ["--strict"] if option.backup_strict else []
    chosen = [item.name for item in session.items if type(item) is CaseItem]
    listed = next((item.listed for item in session.items if isinstance(item, WholeItem)), None)
    if listed is None or len(chosen) < len(listed) or option.backup_case:
        # Under pytest-xdist every worker knows what was chosen, and all of them the same.
        command += [text for case in chosen for text in ("--case", case)]
    ended = _run(command)
    (folder / "console.txt").write_text(ended.stdout + ended.stderr, encoding="utf-8")
    if ended.returncode not in _JUDGED or not (folder / "run.jsonl").is_file() or not Run(folder).cases:
        said = (ended.stderr or ended.stdout).strip()
        # Why a program did not start, only it can say.
        printed = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob("*.stderr"))]
        lines = [f"backup-interop ended with {ended.returncode} and judged nothing:", said]
        lines += [f"the program printed:\n{text[-_SHOWN_OUTPUT:].strip()}" for text in printed[-1:] if text.strip()]
        return "\n".join(lines)
    if option.backup_keep:
        shutil.copytree(folder, option.backup_keep, dirs_exist_ok=True)
    return ""


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    # Every wait within it has a deadline of its own.
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _matches(glob: str, case: str) -> bool:
    """As for backup-interop: ``*`` stands for anything, and the role may be left out."""
    pattern = ".*".join(map(re.escape, glob.split("*")))
    return any(re.fullmatch(pattern, name) for name in (case, case.split("/", 1)[1]))
