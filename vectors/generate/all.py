"""Writes every vector file: `python vectors/generate/all.py [FOLDER]`, FOLDER being `vectors/v1` unless named.

Nothing here is random: the same scripts write the same bytes. `vectors/check.py` compares them with the committed ones.
"""

from __future__ import annotations

import sys
from pathlib import Path

import acknowledged
import aes_key
import cksum
import file_cipher
import file_received
import first_backup
import giving_up
import known_client
import name
import public_key
import refused
import register
import registered
import repeat_then_right
import request_code
import request_header
import response_code
import response_header
import send_file
import send_public_key
import verdict
import wrapped_key
from lib import EDITION, VECTORS, VectorFile, canonical, write

SCRIPTS = (
    request_header,
    response_header,
    name,
    request_code,
    register,
    send_public_key,
    send_file,
    verdict,
    response_code,
    registered,
    refused,
    aes_key,
    file_received,
    acknowledged,
    public_key,
    wrapped_key,
    file_cipher,
    cksum,
    first_backup,
    known_client,
    repeat_then_right,
    giving_up,
)


def files() -> list[VectorFile]:
    built: list[VectorFile] = []
    for script in SCRIPTS:
        built.append(script.build())
    return built


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else VECTORS / "v1"
    built = sorted(files(), key=lambda file: file.path)
    for file in built:
        write(folder, file)
    index = {
        "schema": "../schema/index.schema.json",
        "edition": EDITION,
        "count": sum(file.count() for file in built),
        "files": {file.path: file.count() for file in built},
    }
    (folder / "index.json").write_text(canonical(index), encoding="ascii", newline="\n")
    print(f"{index['count']} tests in {len(built)} files")


if __name__ == "__main__":
    main()
