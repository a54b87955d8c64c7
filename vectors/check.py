"""Checks the vectors: `python vectors/check.py`. Prints what is wrong, a line each, and fails if anything is.

- Every file, dialects included, is closed by its schema, and every schema is a schema in which objects are closed.
- Ids are unique in their file. Flags are explained where they are used, and used where they are explained.
- Counts are right, in the file and in the index; the index lists what is there.
- Every error slug of PROTOCOL.md 11 is the answer of a test, and no other is.
- Every dialect has tests and transcripts of its own, and so has every modifier; names of dialects say what they do.
- The files are written canonically, and `generate/all.py` writes the same bytes again.

Whether the answers are right is for `confirm.py`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import check_dialects

VECTORS = Path(__file__).resolve().parent
V1 = VECTORS / "v1"
LEAST = 2500
"""A set that shrinks below this has lost a file."""


def main() -> int:
    problems = list(problems_found())
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        return 1
    index = read(V1 / "index.json")
    print(f"vectors: {index['count']} tests in {len(index['files'])} files, all well-formed and up to date")
    return 0


def problems_found() -> Iterator[str]:
    every = sorted([*V1.rglob("*.json"), *(VECTORS / "dialects").glob("*.json"), *(VECTORS / "schema").glob("*.json")])
    broken = list(canonical_problems(every))
    yield from broken
    if broken:
        return
    registry, schema_problems = schemas()
    yield from schema_problems
    files = {str(path.relative_to(V1)): read(path) for path in sorted(V1.rglob("*.json")) if path.name != "index.json"}
    dialects = {path.stem: read(path) for path in sorted((VECTORS / "dialects").glob("*.json"))}
    closed = list(validate(registry, files, dialects))
    yield from closed
    if closed:
        return
    yield from index_problems(files)
    for name, file in files.items():
        yield from file_problems(name, file)
    closed_dialect = Draft202012Validator(registry.contents("dialect.schema.json"), registry=registry)
    for name, file in files.items():
        for group in file["groups"]:
            yield from check_dialects.group_problems(name, group, dialects, closed_dialect)
    yield from coverage_problems(files, dialects)
    yield from check_dialects.coverage_problems(files, dialects)
    yield from regenerated_problems()


# Single files


def read(path: Path) -> Any:
    return json.loads(path.read_bytes(), object_pairs_hook=unique_members)


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = sorted({name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1})
        raise ValueError(f"members that occur twice: {', '.join(twice)}")
    return members


def canonical_problems(paths: Iterable[Path]) -> Iterator[str]:
    """ASCII, LF, one at the end, no member twice. Layout is compared with what the scripts write."""
    for path in paths:
        raw = path.read_bytes()
        where = path.relative_to(VECTORS)
        if not raw.isascii():
            yield f"{where}: not ASCII"
        if b"\r" in raw or b"\t" in raw or not raw.endswith(b"}\n"):
            yield f"{where}: carriage return, tab, or no single newline at its end"
        if any(line.endswith(b" ") for line in raw.split(b"\n")):
            yield f"{where}: spaces at the end of a line"
        try:
            json.loads(raw, object_pairs_hook=unique_members)
        except ValueError as error:
            yield f"{where}: {error}"


def file_problems(name: str, file: dict[str, Any]) -> Iterator[str]:
    tests = [test for group in file["groups"] for test in group["tests"]]
    ids = [test["id"] for test in tests]
    for twice in sorted({ident for ident in ids if ids.count(ident) > 1}):
        yield f"{name}: id {twice} occurs twice"
    if file["count"] != len(tests):
        yield f"{name}: count is {file['count']}, but there are {len(tests)} tests"
    used = {flag for test in tests for flag in test["flags"]}
    for flag in sorted(used - set(file["notes"])):
        yield f"{name}: flag {flag} is not explained"
    for flag in sorted(set(file["notes"]) - used):
        yield f"{name}: flag {flag} is explained and not used"
    script = "generate/" + Path(name).stem + ".py"
    for group in file["groups"]:
        if group["source"]["name"] != script or not (VECTORS / script).is_file():
            yield f"{name}: source {group['source']['name']} is not the script of this file"
    seen: dict[str, str] = {}
    for group in file["groups"]:
        shared = json.dumps({key: value for key, value in group.items() if key not in ("source", "tests")})
        for test in group["tests"]:
            if "steps" in test:
                continue
            key = shared + json.dumps(test.get("bytes", test.get("messages"))) + json.dumps(test.get("fields", {}))
            if key in seen:
                yield f"{name}: {test['id']} has the bytes of {seen[key]}"
            seen[key] = test["id"]
            if test["result"] == "invalid" and test["error"] in test.get("aliases", []):
                yield f"{name}: {test['id']} has its error among its aliases"
    for test in tests:
        if test.get("since", file["since"]) < file["since"]:
            yield f"{name}: {test['id']} is older than its file"


# Schemas


def schemas() -> tuple[Registry[Any], list[str]]:
    registry: Registry[Any] = Registry()
    problems = []
    for path in sorted((VECTORS / "schema").glob("*.json")):
        schema = read(path)
        if schema.get("$id") != path.name:
            problems.append(f"schema/{path.name}: its $id is {schema.get('$id')}")
        try:
            Draft202012Validator.check_schema(schema)
        except Exception as error:
            problems.append(f"schema/{path.name}: {error}")
        problems.extend(f"schema/{path.name}: {where} is not closed" for where in open_objects(schema, "#"))
        registry = registry.with_resource(path.name, Resource.from_contents(schema))
    return registry, problems


SHARED_PARTS = ("#/$defs/file", "#/$defs/group", "#/$defs/test")
"""Parts of common.schema.json that others extend and then close themselves."""


def open_objects(schema: Any, where: str) -> Iterator[str]:
    """Subschemas with `properties` of their own that let other members pass."""
    if isinstance(schema, list):
        for number, item in enumerate(schema):
            yield from open_objects(item, f"{where}/{number}")
        return
    if not isinstance(schema, dict):
        return
    is_object = "properties" in schema and (schema.get("type") == "object" or "$ref" in schema)
    closed = schema.get("additionalProperties", True) is not True or schema.get("unevaluatedProperties") is False
    if is_object and not closed and where not in SHARED_PARTS:
        yield where
    for key, value in schema.items():
        yield from open_objects(value, f"{where}/{key}")


def validate(registry: Registry[Any], files: dict[str, Any], dialects: dict[str, Any]) -> Iterator[str]:
    def errors(where: str, schema_name: str, value: Any) -> Iterator[str]:
        if not (VECTORS / "schema" / schema_name).is_file():
            yield f"{where}: no schema {schema_name}"
            return
        validator = Draft202012Validator(registry.contents(schema_name), registry=registry)
        for error in validator.iter_errors(value):
            yield f"{where}: {error.json_path}: {error.message[:200]}"

    for name, file in files.items():
        up = "../" * (name.count("/") + 1)
        stated = str(file.get("schema", ""))
        if not stated.startswith(up + "schema/") or "/" in stated[len(up + "schema/") :]:
            yield f"v1/{name}: schema {stated} is not where the file says"
            continue
        yield from errors(f"v1/{name}", stated.rsplit("/", 1)[1], file)
    yield from errors("v1/index.json", "index.schema.json", read(V1 / "index.json"))
    for name, dialect in dialects.items():
        yield from errors(f"dialects/{name}.json", "dialect.schema.json", dialect)
        if dialect.get("name") != name:
            yield f"dialects/{name}.json: its name is {dialect.get('name')}"


# The set as a whole


def index_problems(files: dict[str, Any]) -> Iterator[str]:
    index = read(V1 / "index.json")
    counts = {name: file["count"] for name, file in files.items()}
    if index["files"] != counts:
        odd = sorted(set(index["files"].items()) ^ set(counts.items()))
        yield f"index.json: differs from the files in {', '.join(sorted({name for name, _ in odd}))}"
    if index["count"] != sum(counts.values()):
        yield f"index.json: count is {index['count']}, but there are {sum(counts.values())} tests"
    of_dialects = check_dialects.counts(files)
    if index["dialects"] != of_dialects:
        differ = sorted(set(index["dialects"].items()) ^ set(of_dialects.items()))
        yield f"index.json: counts differ for {', '.join(sorted({name for name, _ in differ}))}"
    if index["count"] < LEAST:
        yield f"index.json: {index['count']} tests, which are fewer than {LEAST}"
    editions = [test.get("since", file["since"]) for file in files.values() for test in tests_of(file)]
    if index["edition"] != max(editions):
        yield f"index.json: edition is {index['edition']}, but the newest test is of {max(editions)}"


def tests_of(file: dict[str, Any]) -> list[dict[str, Any]]:
    return [test for group in file["groups"] for test in group["tests"]]


def coverage_problems(files: dict[str, Any], dialects: dict[str, Any]) -> Iterator[str]:
    protocol = (VECTORS.parent / "docs" / "PROTOCOL.md").read_text("utf-8")
    section = protocol.split("\n## 11. ", 1)[1]
    slugs = set(re.findall(r"^\| `([a-z0-9-]+)` \|", section, re.MULTILINE))
    known = set(read(VECTORS / "schema" / "common.schema.json")["$defs"]["error"]["enum"])
    for slug in sorted(slugs ^ known):
        yield f"slug {slug} is in only one of PROTOCOL.md 11 and common.schema.json"
    answered = {test["error"] for file in files.values() for test in tests_of(file) if test["result"] == "invalid"}
    for slug in sorted(slugs - answered):
        yield f"no test is refused for {slug}"
    for result in ("valid", "acceptable", "invalid"):
        if not any(test["result"] == result for file in files.values() for test in tests_of(file)):
            yield f"no test is {result}"
    stated = set(re.findall(r"^\*\*(\d+\.\d+)[ *]|^## (\d+)\. ", protocol, re.MULTILINE))
    sections = {part for pair in stated for part in pair if part}
    for name, file in files.items():
        if file["section"] not in sections:
            yield f"v1/{name}: PROTOCOL.md has no section {file['section']}"
    for dialect in sorted(dialects):
        for kind in ("request", "response", "request-header", "response-header", "transcript"):
            if not any(
                dialect in group["dialects"]
                for file in files.values()
                if file["decodes"] == kind
                for group in file["groups"]
            ):
                yield f"no {kind} in dialect {dialect}"


def regenerated_problems() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, str(VECTORS / "generate" / "all.py"), folder], capture_output=True, text=True, check=False
        )
        if run.returncode != 0:
            yield f"generate/all.py failed: {run.stderr.strip().splitlines()[-1]}"
            return
        written = {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*.json")}
    committed = {str(path.relative_to(V1)): path.read_bytes() for path in V1.rglob("*") if path.is_file()}
    for name in sorted(set(written) | set(committed)):
        if name not in committed:
            yield f"v1/{name} is written by generate/all.py, but missing"
        elif name not in written:
            yield f"v1/{name} is not written by generate/all.py"
        elif written[name] != committed[name]:
            yield f"v1/{name} differs from what generate/all.py writes: run it, never edit the file"


if __name__ == "__main__":
    sys.exit(main())
