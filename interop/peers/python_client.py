"""`backup-client send`, driven through the Python bindings: same flags, same exit codes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backup_protocol import Client, ClientError, Dialect, Sent


def dialect(text: str) -> Dialect | str:
    """Read `auto`, a name with modifiers, or a file."""
    return Dialect.from_file(text) if Path(text).is_file() else text


def main() -> int:
    """Send the files, and return the exit code of the first failure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--server", required=True, metavar="HOST:PORT")
    parser.add_argument("--name", required=True)
    parser.add_argument("--identity", required=True, metavar="DIR")
    parser.add_argument("--dialect", default="auto", type=dialect, metavar="NAME|FILE")
    parser.add_argument("--connection-per-request", action="store_true")
    parser.add_argument("--send-as", metavar="NAME")
    parser.add_argument("--timeout", type=float, default=30, metavar="SECS")
    options = vars(parser.parse_args())
    files, send_as = options.pop("files"), options.pop("send_as")
    if send_as is not None and len(files) != 1:
        parser.error("--send-as goes with one file")
    results: list[Sent | ClientError] = []
    try:
        with Client(**options) as client:
            if send_as is None:
                results += client.send_all(files)
            else:
                results.append(client.send(files[0], send_as=send_as))
    except ClientError as error:
        results.append(error)
    except ValueError as error:
        parser.error(str(error))
    code = 0
    for result in results:
        if isinstance(result, ClientError):
            print(result, file=sys.stderr)
            code = code or result.exit_code
        else:
            print(result)
    return code


if __name__ == "__main__":
    sys.exit(main())
