from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backup_server.dialect import DIALECTS_FOLDER, DialectError, load_dialect, parse_dialect

from .running import DIALECTS, as_json

SCHEMA = json.loads((DIALECTS_FOLDER.parent / "schema" / "dialect.schema.json").read_text())


def test_every_dialect_loads_under_its_name() -> None:
    assert {"seed", "readme", "2022c", "2023a", "2023c", "2024a", "2024c"} <= set(DIALECTS)
    for name in DIALECTS:
        assert load_dialect(name).name == name


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(as_json("seed", name="mine", cksum_width=16)))
    assert load_dialect(str(file)).cksum_width == 16


@pytest.mark.parametrize("name", ["", "nothing", "auto", "seed,crc=zlib", "../dialects/seed", "Seed", "a\0b", "x.json"])
def test_what_cannot_be_found(name: str) -> None:
    with pytest.raises(DialectError):
        load_dialect(name)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", "null", "{}", '"seed"', '{"name": "a", "name": "a"}'])
def test_what_is_no_dialect(text: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text(text)
    with pytest.raises(DialectError, match=r"bad\.json"):
        load_dialect(str(file))


@pytest.mark.parametrize("key", list(as_json("seed")))
def test_nothing_may_be_missing(key: str) -> None:
    value = as_json("seed")
    del value[key]
    with pytest.raises(DialectError, match=key):
        parse_dialect(value)


def of_the_schema() -> list[tuple[str, Any]]:
    """Every value that the schema allows for a parameter with a choice."""
    found = []
    for key, rule in SCHEMA["properties"].items():
        values = [True, False] if rule.get("type") == "boolean" else rule.get("enum", [])
        found += [(key, value) for value in values]
    assert len(found) > 40
    return found


@pytest.mark.parametrize(("key", "value"), of_the_schema())
def test_every_value_of_the_schema_is_taken(key: str, value: Any) -> None:
    dialect = parse_dialect(as_json("2024a", **{key: value}))
    assert getattr(dialect, key) == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize("answer", SCHEMA["$defs"]["after"]["properties"]["answer"]["enum"])
@pytest.mark.parametrize("verdict", ["after_right", "after_wrong", "after_give_up"])
def test_every_answer_of_the_schema_is_taken(verdict: str, answer: str) -> None:
    dialect = parse_dialect(as_json("2023a", **{verdict: {"answer": answer, "close": True}}))
    after = getattr(dialect, verdict)
    assert (after.answer, after.close) == (answer, True)


REQUEST_CODES = as_json("2023a")["request_codes"]
RESPONSE_CODES = as_json("2023a")["response_codes"]


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("name", ""),
        ("name", "Mine"),
        ("byte_order", "middle"),
        ("byte_order", ["little"]),
        ("packet_byte_order", None),
        ("alignment", "none"),
        ("name_width", 254),
        ("response_size_width", 3),
        ("response_size_width", "4"),
        ("response_size_width", 4.0),
        ("size_counts", "header"),
        ("response_padding", 512),
        ("response_padding", False),
        ("request_padding", 2048),
        ("client_id_in_payload", 1),
        ("refused_payload", "full"),
        ("file_received_fields", ["cksum"]),
        ("file_received_fields", ["file_name", "client_id", "cksum"]),
        ("file_received_fields", "client_id+file_name+cksum"),
        ("echoed_size", "both"),
        ("checksum", "md5"),
        ("checksum_input", "name"),
        ("cksum_width", 8),
        ("aes_key_size", 24),
        ("aes_key_size", True),
        ("public_key_sizes", [162]),
        ("public_key_sizes", [160.0]),
        ("public_key_sizes", 160),
        ("connection", "file"),
        ("packets", 0),
        ("packet_size", -16),
        ("packet_size", 24),
        ("packet_size", 4294967296),
        ("reconnect_key", "old"),
        ("transmissions", 0),
        ("transmissions", 3.0),
        ("default_port", 65536),
        ("after_right", {"answer": "none"}),
        ("after_right", {"answer": "yes", "close": True}),
        ("after_right", {"answer": "none", "close": 0}),
        ("after_right", {"answer": "none", "close": True, "more": 1}),
        ("request_codes", {"register": 1100}),
        ("request_codes", dict.fromkeys(REQUEST_CODES, 1100)),
        ("request_codes", {**REQUEST_CODES, "send_file": None}),
        ("request_codes", {**REQUEST_CODES, "reconnect": 0}),
        ("request_codes", {**REQUEST_CODES, "reconnect": REQUEST_CODES["register"]}),
        ("response_codes", {**RESPONSE_CODES, "acknowledged": None}),
        ("response_codes", []),
        ("extra", 1),
    ],
)
def test_what_is_out_of_range(key: str, wrong: object) -> None:
    with pytest.raises(DialectError):
        parse_dialect(as_json("2024a", **{key: wrong}))


@pytest.mark.parametrize(
    ("base", "changed", "reason"),
    [
        ("2023a", {"packet_size": 1024}, "packet_size"),
        ("2023a", {"response_codes": {**RESPONSE_CODES, "reconnected": None}}, "reconnected"),
        ("2023a", {"response_codes": {**RESPONSE_CODES, "reconnect_refused": None}}, "reconnect_refused"),
        ("seed", {"after_wrong": {"answer": "general-error", "close": False}}, "after_wrong"),
    ],
)
def test_what_cannot_go_together(base: str, changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(DialectError, match=reason):
        parse_dialect(as_json(base, **changed))
