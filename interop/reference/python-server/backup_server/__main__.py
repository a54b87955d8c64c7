"""The command line: `python3 -m backup_server --listen HOST:PORT --data DIR [--dialect NAME|FILE]`."""

from __future__ import annotations

import argparse
import logging
import re
import signal
import sys
import threading
from pathlib import Path

from .dialect import Dialect, DialectError, load_dialect
from .disk import StoreError
from .server import BackupServer
from .session import Limits
from .store import Store

log = logging.getLogger("backup_server")

PORT_INFO = Path("port.info")  # in the working folder (8.1)
EVERY_ADDRESS = "0.0.0.0"

FAILED = 1
USAGE = 2


class UsageError(Exception):
    """Arguments or a port.info that make no sense."""


def main(arguments: list[str] | None = None) -> int:
    """Run the server until SIGTERM or SIGINT; return the exit code."""
    options = _parse_arguments(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        dialect = load_dialect(options.dialect)
        host, port = parse_address(options.listen) if options.listen else (EVERY_ADDRESS, port_of_info(dialect))
    except (DialectError, UsageError) as error:
        return _fail(str(error), USAGE)
    try:
        store = Store(Path(options.data))
    except StoreError as error:
        return _fail(str(error), FAILED)
    try:
        limits = Limits(options.idle_timeout, options.max_discard)
        server = BackupServer(host, port, dialect, store, limits)
    except OSError as error:  # of getaddrinfo as well
        store.close()
        return _fail(f"cannot listen on {host}:{port}: {error.strerror or error}", FAILED)
    _run(server)
    store.close()
    return 0


def _run(server: BackupServer) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    # serve_forever has a thread of its own, since shutdown() waits for it and a signal interrupts this one.
    accepting = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    accepting.start()
    log.info("dialect %s (%s)", server.dialect.name, server.dialect.title)
    print(f"listening on {server.listening_on}", flush=True)
    stop.wait()
    log.info("stopping")
    server.stop()


def _parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="backup_server", description="The reference server of the backup protocol.")
    parser.add_argument("--listen", metavar="HOST:PORT", help="default: the port in ./port.info, on every address")
    parser.add_argument("--data", metavar="DIR", default="backup-data", help="where everything is kept (%(default)s)")
    parser.add_argument("--dialect", metavar="NAME|FILE", default="seed", help="see vectors/dialects (%(default)s)")
    parser.add_argument(
        "--idle-timeout", metavar="SECONDS", type=_seconds, default=Limits.idle_seconds,
        help="end a connection that does nothing for so long; 0: never (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--max-discard", metavar="BYTES", type=_size, default=Limits.discard_bytes,
        help="close instead of reading more than this of a refused request (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--log-level", choices=("debug", "info", "warning", "error"), default="info", help="on stderr (%(default)s)"
    )
    return parser.parse_args(arguments)


def parse_address(text: str) -> tuple[str, int]:
    """Split HOST:PORT or [IPv6]:PORT. Port 0 lets the system choose."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.%\w]+\]|[^:\[\]\s]+):([0-9]{1,5})", text, re.ASCII)
    if not match or int(match[2]) > 65535:
        raise UsageError(f"--listen {text!r} is not HOST:PORT")
    return match[1].strip("[]"), int(match[2])


def port_of_info(dialect: Dialect) -> int:
    """8.1: read the port from port.info, or take the dialect's if there is none."""
    try:
        with PORT_INFO.open("rb") as file:
            text = file.read(64)
    except FileNotFoundError:
        log.warning("%s is missing; taking port %d", PORT_INFO, dialect.default_port)
        return dialect.default_port
    except OSError as error:
        raise UsageError(f"cannot read {PORT_INFO}: {error.strerror}") from None
    # Lines end in CRLF or LF, the last in either or in nothing (8).
    match = re.fullmatch(rb"([0-9]{1,5})(\r?\n)*", text)
    port = int(match[1]) if match else 0
    if not 1 <= port <= 65535:
        raise UsageError(f"{PORT_INFO} holds {text!r} and no port from 1 to 65535")
    return port


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 365 * 24 * 3600:
        raise argparse.ArgumentTypeError("not from 0 seconds to a year")
    return value


def _size(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("below 0")
    return value


def _fail(message: str, code: int) -> int:
    print(f"backup_server: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
