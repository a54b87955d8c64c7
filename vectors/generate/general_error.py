"""General error: the refusal of everything but a registration and a reconnect."""

from __future__ import annotations

from layout import LATER, SEED_REQUESTS, dialect
from lib import ALICE, VectorFile, main
from notes import common
from responses import acceptable, cut_and_extended, valid, wrong_size

MESSAGE = "general_error"


def build() -> VectorFile:
    file = VectorFile(
        path="general_error.json",
        title="General error (2107 in 2023a)",
        decodes="response",
        section="10.6",
        header=["Each test decodes one whole response. It has no payload."],
        notes=common("OtherVersion", "PayloadSize", "TrailingData", "Truncated", "Typical", "UnknownCode"),
        since=2,
    )
    for name in SEED_REQUESTS:
        d = dialect(name)
        group = file.group_for(d)
        group.invalid(
            f"{name}-not-in-this-dialect",
            "2107 where 2101 is the only refusal",
            ["UnknownCode"],
            d.response_header(2107, 0),
            "unknown-code",
        )
    for name in LATER:
        d = dialect(name)
        group = file.group_for(d)
        valid(group, d, "plain", "no payload", ["Typical"], MESSAGE, b"", {})
        acceptable(group, d, "version-1", "version 1", ["OtherVersion"], MESSAGE, b"", {}, version=1)
        cut_and_extended(group, d, MESSAGE, b"")
        wrong_size(group, d, "payload-of-1", "a byte of payload", MESSAGE, 1)
        wrong_size(group, d, "payload-of-16", "a client ID, as a 2101 of readme has it", MESSAGE, len(ALICE))
    return file


if __name__ == "__main__":
    main(build)
