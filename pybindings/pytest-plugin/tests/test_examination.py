"""The examiner's cases as tests, with a fake examiner."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Fake

Calls = Callable[[], list[list[str]]]

PEER = ("--backup-peer-cmd", "python server.py")

in_place = pytest.mark.usefixtures("fake")


@in_place
def test_each_case_is_a_test_with_the_examiners_id(pytester: pytest.Pytester, calls: Calls) -> None:
    result = pytester.runpytest(*PEER, "-v")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(
        ["backup-protocol::server/registration/name-taken PASSED*", "*server/whole-run PASSED*"]
    )
    (call,) = calls()
    assert call[:3] == ["server", "--cmd", "python server.py"]
    assert "--case" not in call


def test_a_client_is_examined_by_the_cases_of_clients(pytester: pytest.Pytester, fake: Fake, calls: Calls) -> None:
    fake({"client/cksums/ends-its-side": "fail", "section": ""})
    result = pytester.runpytest("--backup-role=client", "--backup-peer-cmd=./client", "-v")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            "backup-protocol::client/sanity/first PASSED*",
            "backup-protocol::client/cksums/ends-its-side FAILED*",
            "backup-protocol::client/whole-run PASSED*",
            "[*] cksum (must)",
        ]
    )
    (call,) = calls()
    assert call[:3] == ["client", "--cmd", "./client"]


@in_place
def test_nothing_is_collected_or_imported_without_a_peer(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_own():
            assert "backup_protocol" not in sys.modules
            assert "pytest_backup_protocol.examination" not in sys.modules
        """
    )
    # What this test run has imported is no measure.
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_failure_says_what_the_examiner_says(pytester: pytest.Pytester, fake: Fake) -> None:
    fake({"server/cksum/value": "fail"})
    result = pytester.runpytest(*PEER, "--junitxml=report.xml")
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*collected 5 items*",
            "server/cksum/value (must, PROTOCOL.md 5)",
            "* does *sends a file",
            "* expects *2103 with its cksum",
            "[*] cksum (must, PROTOCOL.md 5)",
            "*response 3, 2103 file received, of connection 1; offset 282",
            "*expected  1627333932",
            "*got       1627333933",
            "*likely    zlib's CRC-32",
            "*wire      */wire.txt",
            "*again     backup-interop server --case server/cksum/value",
            "*-- Captured wire.txt call --*",
            "03 35 08 the wire log",
            "(2022 more characters in */wire.txt)",
            "*-- Captured out.txt call --*",
            "the last line",
            "(8015 more characters in */out.txt)",
        ]
    )
    assert 'name="artefact"' in (pytester.path / "report.xml").read_text()
    assert "examination.py" not in result.stdout.str()


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        ("skip", {"skipped": 1}),
        ("absent", {"skipped": 1}),
        ("xfail", {"xfailed": 1}),
        ("xpass", {"failed": 1}),
        ("error", {"failed": 1}),
    ],
)
def test_every_verdict_has_its_outcome(
    pytester: pytest.Pytester, fake: Fake, verdict: str, outcome: dict[str, int]
) -> None:
    fake({"server/cksum/value": verdict})
    pytester.runpytest(*PEER).assert_outcomes(passed=4, **outcome)


@pytest.mark.parametrize("verdict", ["warn", "flaky"])
def test_a_should_is_a_warning(pytester: pytest.Pytester, fake: Fake, verdict: str) -> None:
    fake({"server/cksum/value": verdict})
    result = pytester.runpytest(*PEER, "-W", "default")
    result.assert_outcomes(passed=5, warnings=1)
    result.stdout.fnmatch_lines(["*BackupConformanceWarning: server/cksum/value*"])


@in_place
def test_what_is_chosen_is_what_is_examined(pytester: pytest.Pytester, calls: Calls) -> None:
    pytester.runpytest(*PEER, "-k", "name-taken").assert_outcomes(passed=1, deselected=4)
    (call,) = calls()
    assert call[-2:] == ["--case", "server/registration/name-taken"]


@in_place
def test_cases_are_chosen_by_glob(pytester: pytest.Pytester, calls: Calls) -> None:
    pytester.runpytest(*PEER, "--backup-case", "sanity/*").assert_outcomes(passed=3)
    (call,) = calls()
    assert [value for value in call if value.startswith("server/")] == ["server/sanity/first", "server/sanity/last"]


@in_place
def test_a_glob_that_matches_nothing_is_an_error(pytester: pytest.Pytester, calls: Calls) -> None:
    result = pytester.runpytest(*PEER, "--backup-case", "nothing")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*no case of a server matches --backup-case nothing*"])
    assert calls() == []


@in_place
def test_options_are_handed_on(pytester: pytest.Pytester, calls: Calls) -> None:
    options = ["--backup-dialect", "2023a", "--backup-expected-failures", "known.toml", "--backup-slow", "2"]
    result = pytester.runpytest(
        "--backup-peer-addr", "127.0.0.1:1", *options, "--backup-strict", "--backup-keep", "kept"
    )
    result.assert_outcomes(passed=5)
    (call,) = calls()
    pairs = set(itertools.pairwise(call))
    assert {("--addr", "127.0.0.1:1"), ("--dialect", "2023a"), ("--expected-failures", "known.toml")} <= pairs
    assert ("--slow", "2.0") in pairs
    assert "--strict" in call
    assert (pytester.path / "kept" / "run.jsonl").is_file()


def test_a_peer_that_cannot_be_reached_is_not_asked_again_for_each_case(
    pytester: pytest.Pytester, fake: Fake, calls: Calls
) -> None:
    fake({"refuse": "nobody listens on 127.0.0.1:1"})
    result = pytester.runpytest(*PEER)
    result.assert_outcomes(failed=1, skipped=4)
    result.stdout.fnmatch_lines(["backup-interop ended with 3 and judged nothing:", "*nobody listens*"])
    assert len(calls()) == 1


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"cut": True}, "the examination was cut short"),
        ({"end": {"broke_after": "server/cksum/value"}}, "after server/cksum/value the program did not work any more"),
        ({"end": {"stale": ["server/x/*"]}}, "the expected failure 'server/x/*' matches no case"),
        ({"more": ["server/dialect/crc"], "server/dialect/crc": "fail"}, "server/dialect/crc (must, PROTOCOL.md 5)"),
    ],
)
def test_what_belongs_to_no_case_fails_the_whole(
    pytester: pytest.Pytester, fake: Fake, run: dict[str, object], said: str
) -> None:
    fake(run)
    result = pytester.runpytest(*PEER)
    result.assert_outcomes(passed=4, failed=1)
    assert said in result.stdout.str()


def test_workers_share_one_examination(pytester: pytest.Pytester, fake: Fake, calls: Calls) -> None:
    fake({"server/cksum/value": "fail"})
    pytester.runpytest(*PEER, "-n", "2").assert_outcomes(passed=4, failed=1)
    assert len(calls()) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([*PEER, "--backup-peer-addr", "127.0.0.1:1"], "give one"),
        (["--backup-peer-addr", "127.0.0.1:1", "--backup-role", "client"], "a client has no address"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    pytester: pytest.Pytester, options: list[str], said: str
) -> None:
    result = pytester.runpytest(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in result.stderr.str()


def test_the_program_is_asked_for_by_name(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Path(pytester.mkdir("empty"))
    monkeypatch.setenv("BACKUP_PROTOCOL_BIN", str(empty))
    result = pytester.runpytest(*PEER)
    assert result.ret != 0
    assert "backup-interop was not found" in result.stdout.str() + result.stderr.str()
