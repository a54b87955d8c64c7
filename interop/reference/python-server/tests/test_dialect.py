from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backup_server.dialect import DIALECTS_FOLDER, DialectError, load_dialect, parse_dialect


def seed() -> dict[str, Any]:
    value: dict[str, Any] = json.loads((DIALECTS_FOLDER / "seed.json").read_text())
    return value


def test_every_dialect_loads_under_its_name() -> None:
    names = [path.stem for path in DIALECTS_FOLDER.glob("*.json")]
    assert {"seed", "readme"} <= set(names)
    for name in names:
        assert load_dialect(name).name == name


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({**seed(), "name": "mine", "cksum_width": 16}))
    assert load_dialect(str(file)).cksum_width == 16


@pytest.mark.parametrize("name", ["", "nothing", "../dialects/seed", "Seed", "a\0b", "x.json"])
def test_what_cannot_be_found(name: str) -> None:
    with pytest.raises(DialectError):
        load_dialect(name)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "null", "{}", '"seed"'])
def test_what_is_no_dialect(text: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(DialectError, match=r"bad\.json"):
        load_dialect(str(file))


@pytest.mark.parametrize("key", list(seed()))
def test_nothing_may_be_missing(key: str) -> None:
    value = seed()
    del value[key]
    with pytest.raises(DialectError, match=key):
        parse_dialect(value)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("name", ""),
        ("response_size_width", 3),
        ("response_size_width", "4"),
        ("client_id_in_payload", 1),
        ("refused_payload", "full"),
        ("cksum_width", 8),
        ("aes_key_size", True),
        ("transmissions", 0),
        ("transmissions", 3.0),
        ("default_port", 65536),
        ("after_right", {"answer": "none"}),
        ("after_right", {"answer": "yes", "close": True}),
        ("after_right", {"answer": "none", "close": 0}),
        ("after_right", {"answer": "none", "close": True, "more": 1}),
        ("request_codes", {"register": 1100}),
        ("request_codes", dict.fromkeys(seed()["request_codes"], 1100)),
        ("response_codes", []),
        ("extra", 1),
    ],
)
def test_what_is_out_of_range(key: str, wrong: object) -> None:
    with pytest.raises(DialectError):
        parse_dialect({**seed(), key: wrong})
