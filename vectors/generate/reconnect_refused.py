"""Reconnect refused: the ID of the request comes back, and the client registers anew."""

from __future__ import annotations

from layout import LATER, SEED_REQUESTS, dialect
from lib import ALICE, NO_ID, VectorFile, main
from notes import common
from responses import acceptable, cut_and_extended, valid, wrong_size

MESSAGE = "reconnect_refused"


def build() -> VectorFile:
    file = VectorFile(
        path="reconnect_refused.json",
        title="Reconnect refused (2106 in 2023a)",
        decodes="response",
        section="10.4",
        header=[
            "Each test decodes one whole response. The payload is the client ID of the request's header; it is no",
            "identity, and a client MUST NOT take it for one.",
        ],
        notes=common("OtherVersion", "PayloadSize", "TrailingData", "Truncated", "Typical", "UnknownCode"),
        since=2,
    )
    for name in SEED_REQUESTS:
        d = dialect(name)
        whole = d.response_header(2106, 16) + ALICE
        group = file.group_for(d)
        group.invalid(
            f"{name}-not-in-this-dialect", "2106 where no client reconnects", ["UnknownCode"], whole, "unknown-code"
        )
    for name in LATER:
        d = dialect(name)
        group = file.group_for(d)
        for ident, comment, who in (
            ("plain", "the ID that the client claimed", ALICE),
            ("zeros", "the reconnect held zeros", NO_ID),
        ):
            valid(group, d, ident, comment, ["Typical"], MESSAGE, who, {"client_id": who.hex()})
        fields = {"client_id": ALICE.hex()}
        acceptable(group, d, "version-1", "version 1", ["OtherVersion"], MESSAGE, ALICE, fields, version=1)
        cut_and_extended(group, d, MESSAGE, ALICE)
        for size in (15, 17, 144):
            wrong_size(group, d, f"payload-of-{size}", f"{size} bytes are no client ID", MESSAGE, size)
    return file


if __name__ == "__main__":
    main(build)
