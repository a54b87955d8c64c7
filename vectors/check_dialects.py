"""Checks for `check.py` what the vectors say of dialects: names, modifiers, and how much of each there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from jsonschema import Draft202012Validator

Dialects = dict[str, Any]
Files = dict[str, Any]

LEAST_OF_ITS_OWN = 25
"""Tests that a dialect other than `seed` has in groups of its own."""
LEAST_OF_A_MODIFIER = 2


def number(text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{text} is no number")
    return int(text)


def yes_or_no(text: str) -> bool:
    return {"yes": True, "no": False}[text]


def plain(text: str) -> str:
    return text


def names(text: str) -> list[str]:
    return text.split("+")


def numbers(text: str) -> list[int]:
    return [number(part) for part in text.split("+")]


def after(text: str) -> dict[str, Any]:
    answer = text.removesuffix("close").removesuffix("+")
    return {"answer": answer or "none", "close": text.endswith("close")}


MODIFIERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "order": ("byte_order", plain),
    "packet-order": ("packet_byte_order", plain),
    "align": ("alignment", plain),
    "name": ("name_width", number),
    "size-width": ("response_size_width", number),
    "size": ("size_counts", plain),
    "pad": ("response_padding", number),
    "request-pad": ("request_padding", number),
    "id": ("client_id_in_payload", yes_or_no),
    "refused": ("refused_payload", plain),
    "received": ("file_received_fields", names),
    "echo": ("echoed_size", plain),
    "crc": ("checksum", plain),
    "crc-input": ("checksum_input", plain),
    "cksum-width": ("cksum_width", number),
    "aes": ("aes_key_size", number),
    "key": ("public_key_sizes", numbers),
    "connection": ("connection", plain),
    "packets": ("packets", yes_or_no),
    "packet": ("packet_size", number),
    "reconnect-key": ("reconnect_key", plain),
    "transmissions": ("transmissions", number),
    "right": ("after_right", after),
    "wrong": ("after_wrong", after),
    "give-up": ("after_give_up", after),
    "port": ("default_port", number),
}
"""The table of PROTOCOL.md 10.2."""


def parsed(text: str) -> tuple[str, dict[str, Any]]:
    """Base and parameters of a dialect as `--dialect` takes it."""
    base, *parts = text.split(",")
    parameters = {}
    for part in parts:
        name, value = part.split("=", 1)
        parameter, read = MODIFIERS[name]
        parameters[parameter] = read(value)
    return base, parameters


def group_problems(name: str, group: dict[str, Any], dialects: Dialects, closed: Draft202012Validator) -> Iterator[str]:
    """Every dialect of a group is one; what its name says and what `modifiers` holds is the same."""
    stated = group["dialects"]
    modified = [text for text in stated if "," in text]
    if "base" not in group:
        for text in modified:
            yield f"{name}: {text} has modifiers, and its group states none"
        for unknown in sorted(set(stated) - set(dialects)):
            yield f"{name}: no dialect {unknown}"
        return
    if len(stated) != 1 or not modified:
        yield f"{name}: a group with modifiers is for one dialect with modifiers, not for {stated}"
        return
    if group["base"] not in dialects:
        yield f"{name}: no dialect {group['base']}"
        return
    try:
        base, parameters = parsed(stated[0])
    except (KeyError, ValueError) as error:
        yield f"{name}: {stated[0]} does not read: {error}"
        return
    if (base, parameters) != (group["base"], group["modifiers"]):
        yield f"{name}: {stated[0]} is {base} with {parameters}, not {group['base']} with {group['modifiers']}"
    merged = {**dialects[base], **parameters}
    for wrong in closed.iter_errors(merged):
        yield f"{name}: {stated[0]}: {wrong.message[:200]}"
    for parameter, value in parameters.items():
        if dialects[base][parameter] == value:
            yield f"{name}: {stated[0]}: {parameter} is that of the base"
    if merged["packet_size"] and not merged["packets"]:
        yield f"{name}: {stated[0]}: a packet size without packet fields"


def coverage_problems(files: Files, dialects: Dialects) -> Iterator[str]:
    own: Counter[str] = Counter()
    by_parameter: Counter[str] = Counter()
    transcripts: set[tuple[str, str]] = set()
    for name, file in files.items():
        for group in file["groups"]:
            if len(group["dialects"]) == 1 and "base" not in group:
                own[group["dialects"][0]] += len(group["tests"])
            for parameter in group.get("modifiers", {}):
                by_parameter[parameter] += len(group["tests"])
            transcripts.update((name, text) for text in group["dialects"] if file["decodes"] == "transcript")
    for name in sorted(set(dialects) - {"seed"}):
        if own[name] < LEAST_OF_ITS_OWN:
            yield f"dialect {name} has {own[name]} tests of its own, not {LEAST_OF_ITS_OWN}"
    parameters = set(dialects["seed"]) - {"name", "title", "request_codes", "response_codes"}
    for odd in sorted(parameters ^ {parameter for parameter, _ in MODIFIERS.values()}):
        yield f"parameter {odd} is not both in the dialects and among the modifiers"
    for parameter in sorted(parameters):
        if by_parameter[parameter] < LEAST_OF_A_MODIFIER:
            yield f"parameter {parameter} has {by_parameter[parameter]} tests as a modifier"
    for name, data in dialects.items():
        second_run = "reconnecting" if data["request_codes"]["reconnect"] else "known_client"
        needed = ["first_backup", second_run, "giving_up", *(["three_packets"] if data["packets"] else [])]
        for script in needed:
            of_it = {text for path, text in transcripts if path == f"transcripts/{script}.json"}
            if not any(text.split(",")[0] == name for text in of_it):
                yield f"no transcript {script} in dialect {name}"


def counts(files: Files) -> dict[str, int]:
    """Tests for each dialect, as the index has them."""
    found: Counter[str] = Counter()
    for file in files.values():
        for group in file["groups"]:
            for text in group["dialects"]:
                found[text] += len(group["tests"])
    return dict(found)
