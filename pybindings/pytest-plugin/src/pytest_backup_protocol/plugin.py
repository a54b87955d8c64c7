"""What pytest calls. The rest is imported once somebody uses it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest
from _pytest.runner import collect_one_node

from pytest_backup_protocol.fixtures import (
    ATTACHMENTS,
    backup_client,
    backup_client_factory,
    backup_dialect,
    backup_server,
    backup_server_factory,
    backup_server_proc,
    backup_server_proc_factory,
    backup_vectors,
    recording_proxy,
    scripted_client,
    scripted_server,
    worker_name,
)

if TYPE_CHECKING:
    from pluggy import Result

__all__ = [
    "backup_client",
    "backup_client_factory",
    "backup_dialect",
    "backup_server",
    "backup_server_factory",
    "backup_server_proc",
    "backup_server_proc_factory",
    "backup_vectors",
    "recording_proxy",
    "scripted_client",
    "scripted_server",
    "worker_name",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("backup protocol", "conformance of a program that speaks the backup protocol")
    add = group.addoption
    add("--backup-peer-cmd", metavar="COMMAND", help="examine the program that this command starts")
    add("--backup-peer-addr", metavar="HOST:PORT", help="examine the server that listens there")
    add(
        "--backup-role",
        choices=["server", "client"],
        default="server",
        help="what the program is [default: server]",
    )
    add(
        "--backup-dialect",
        metavar="NAME",
        help="the dialect of the program and of the fixtures [default: found out; 'seed' for the fixtures]",
    )
    add("--backup-case", metavar="GLOB", action="append", default=[], help="examine only these cases; repeatable")
    add(
        "--backup-expected-failures",
        metavar="FILE",
        help="cases that are known to fail, as for backup-interop: they are xfail, and a pass is a failure",
    )
    add("--backup-strict", action="store_true", help="what a program should do and does not is a failure")
    add("--backup-keep", metavar="DIR", help="keep logs and reports of the examination in this folder")
    add("--backup-slow", metavar="FACTOR", type=float, help="multiply every deadline of the examination")


def pytest_configure(config: pytest.Config) -> None:
    """Check the options before anything is collected."""
    if config.option.backup_peer_cmd and config.option.backup_peer_addr:
        raise pytest.UsageError("--backup-peer-cmd and --backup-peer-addr name two programs: give one")
    if config.option.backup_peer_addr and config.option.backup_role == "client":
        raise pytest.UsageError("a client has no address: give --backup-peer-cmd")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the examiner's cases, before others choose among all tests."""
    if config.option.backup_peer_cmd or config.option.backup_peer_addr:
        from pytest_backup_protocol.examination import Examination

        examination = Examination.from_parent(session, name="backup-protocol", nodeid="backup-protocol")
        collected = collect_one_node(examination)
        # As for a file: counted, and an error of collection if there are none.
        session.ihook.pytest_collectreport(report=collected)
        items[:0] = [item for item in collected.result or [] if isinstance(item, pytest.Item)]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Result[pytest.TestReport], None]:
    """Attach what the peers of a failed test said and did."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for title, describe in item.stash.get(ATTACHMENTS, []):
            report.sections.append((title, describe()))
