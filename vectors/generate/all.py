"""Writes every vector file: `python vectors/generate/all.py [FOLDER]`, FOLDER being `vectors/v1` unless named.

Nothing here is random: the same scripts write the same bytes. `vectors/check.py` compares them with the committed ones.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import acknowledged
import aes_key
import cksum
import file_cipher
import file_cksum
import file_name
import file_received
import first_backup
import general_error
import giving_up
import known_client
import modified_request
import modified_response
import modified_talk
import name
import name_taken
import packets
import public_key
import reconnect
import reconnect_refused
import reconnected
import reconnecting
import reconnecting_refused
import refused
import refused_try
import register
import registered
import repeat_then_right
import request_code
import request_header
import response_code
import response_header
import send_file
import send_public_key
import three_packets
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
    reconnect,
    reconnected,
    reconnect_refused,
    general_error,
    packets,
    file_cksum,
    file_name,
    modified_request,
    modified_response,
    first_backup,
    known_client,
    repeat_then_right,
    giving_up,
    reconnecting,
    reconnecting_refused,
    refused_try,
    name_taken,
    three_packets,
    modified_talk,
)


def files() -> list[VectorFile]:
    built: list[VectorFile] = []
    for script in SCRIPTS:
        built.append(script.build())
    return built


def dialect_counts(built: list[VectorFile]) -> dict[str, int]:
    """How many tests each dialect has, those with modifiers included."""
    counts: Counter[str] = Counter()
    for file in built:
        for group in file.groups:
            for dialect in group.dialects:
                counts[dialect] += len(group.tests)
    return dict(sorted(counts.items()))


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else VECTORS / "v1"
    built = sorted(files(), key=lambda file: file.path)
    for file in built:
        write(folder, file)
    index = {
        "schema": "../schema/index.schema.json",
        "edition": EDITION,
        "count": sum(file.count() for file in built),
        "dialects": dialect_counts(built),
        "files": {file.path: file.count() for file in built},
    }
    (folder / "index.json").write_text(canonical(index), encoding="ascii", newline="\n")
    print(f"{index['count']} tests in {len(built)} files")


if __name__ == "__main__":
    main()
