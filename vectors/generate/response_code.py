"""Responses with a code that no response has."""

from __future__ import annotations

from lib import EVERY, Dialect, VectorFile, dialect, main
from notes import common
from responses import since


def build() -> VectorFile:
    file = VectorFile(
        path="response_code.json",
        title="Responses with an unknown code",
        decodes="response",
        section="2",
        header=["Each test decodes one response. To a client an unknown code means a peer that violates the protocol."],
        notes={
            **common("ByteOrder", "ClaimedSize", "UnknownCode"),
            "OtherCodes": (
                "Compatibility",
                "A code of another generation (PROTOCOL.md 10.1). A decoder with one table for all dialects takes it.",
            ),
            "Request": ("UnknownCode", "The code of a request in a response: a server that echoes, or a proxy."),
        },
    )
    for name in EVERY:
        d = dialect(name)
        group = file.group((name,), since=since(name))
        first = d.response_codes["registered"]
        known = [code for code in d.response_codes.values() if code]
        for code, comment in (
            (0, "a header of zeros but for its version"),
            (first - 1, "one below the first response"),
            (max(known) + 1, "one above the last response"),
            (65535, "the largest code"),
        ):
            group.invalid(f"{name}-code-{code}", comment, ["UnknownCode"], _response(d, code, b""), "unknown-code")
        swapped = int.from_bytes(first.to_bytes(2, "little"), "big")
        group.invalid(
            f"{name}-code-in-big-endian",
            f"{first} with its bytes swapped, the payload as it should be",
            ["ByteOrder", "UnknownCode"],
            _response(d, swapped, bytes(range(16))),
            "unknown-code",
        )
        register = d.request_codes["register"]
        group.invalid(
            f"{name}-request-{register}",
            f"{register} is the request register",
            ["Request"],
            _response(d, register, bytes(255)),
            "unknown-code",
        )
        largest = (1 << (8 * d.response_size_width)) - 1
        group.invalid(
            f"{name}-unknown-code-claims-the-most",
            "an unknown code with the largest payload size there is",
            ["ClaimedSize", "UnknownCode"],
            d.response_header(max(known) + 1, largest),
            "unknown-code",
        )
        if since(name) > 1:
            for code, what in _elsewhere(d):
                group.invalid(
                    f"{name}-other-code-{code}",
                    f"{code} is the response {what} of another generation",
                    ["OtherCodes"],
                    _response(d, code, b""),
                    "unknown-code",
                )
    return file


def _response(d: Dialect, code: int, payload: bytes) -> bytes:
    return d.response_header(code, len(payload)) + payload


def _elsewhere(d: Dialect) -> list[tuple[int, str]]:
    """Codes of a response that other dialects have and this one has not."""
    found: dict[int, str] = {}
    for name in EVERY:
        for message, code in dialect(name).response_codes.items():
            if code and code not in d.response_codes.values():
                found[code] = message.replace("_", " ")
    return [(code, found[code]) for code in sorted(found) if code != max(c for c in d.response_codes.values() if c) + 1]


if __name__ == "__main__":
    main(build)
