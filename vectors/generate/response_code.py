"""Responses with a code that no response has."""

from __future__ import annotations

from lib import VectorFile, dialect, main, response
from notes import common


def build() -> VectorFile:
    file = VectorFile(
        path="response_code.json",
        title="Responses with an unknown code",
        decodes="response",
        section="2",
        header=["Each test decodes one response. To a client an unknown code means a peer that violates the protocol."],
        notes={
            **common("ByteOrder", "ClaimedSize", "UnknownCode"),
            "Request": ("UnknownCode", "The code of a request in a response: a server that echoes, or a proxy."),
        },
    )
    for name in ("seed", "readme"):
        d = dialect(name)
        group = file.group((name,))
        for code, comment in (
            (0, "a header of zeros but for its version"),
            (2099, "one below the first response"),
            (2105, "one above the last response"),
            (65535, "the largest code"),
        ):
            group.invalid(f"{name}-code-{code}", comment, ["UnknownCode"], response(d, code, b""), "unknown-code")
        group.invalid(
            f"{name}-code-in-big-endian",
            "2100 with its bytes swapped, the payload as it should be",
            ["ByteOrder", "UnknownCode"],
            response(d, 13320, bytes(range(16))),
            "unknown-code",
        )
        group.invalid(
            f"{name}-request-1100",
            "1100 is the request register",
            ["Request"],
            response(d, 1100, bytes(255)),
            "unknown-code",
        )
        largest = (1 << (8 * d.response_size_width)) - 1
        group.invalid(
            f"{name}-unknown-code-claims-the-most",
            "an unknown code with the largest payload size there is",
            ["ClaimedSize", "UnknownCode"],
            response(d, 2105, b"", payload_size=largest),
            "unknown-code",
        )
    return file


if __name__ == "__main__":
    main(build)
