""" "registered", registered."""

from __future__ import annotations

from lib import ALICE, EVERY, VectorFile, dialect, main
from notes import common
from responses import acceptable, cut_and_extended, since, valid, wrong_size


def build() -> VectorFile:
    file = VectorFile(
        path="registered.json",
        title="2100 registered",
        decodes="response",
        section="2",
        header=["Each test decodes one whole response: header and payload."],
        notes={
            **common("ClaimedSize", "OtherVersion", "PayloadSize", "TrailingData", "Truncated", "Typical"),
            "ReservedClientId": (
                "Compatibility",
                "A server of ours never chooses an ID that starts 00 00 (PROTOCOL.md 1.9), but the ID is opaque to a"
                " client that knows its dialect.",
            ),
        },
    )
    for name in EVERY:
        d = dialect(name)
        group = file.group((name,), since=since(name))
        valid(
            group, d, "plain", "the client is told its ID", ["Typical"], "registered", ALICE, {"client_id": ALICE.hex()}
        )
        every = bytes(range(0xF0, 0x100))
        valid(
            group,
            d,
            "every-byte-different",
            "an ID of 16 different bytes",
            ["Typical"],
            "registered",
            every,
            {"client_id": every.hex()},
        )
        low = bytes(2) + ALICE[2:]
        acceptable(
            group,
            d,
            "id-starts-00-00",
            "an ID that starts 00 00",
            ["ReservedClientId"],
            "registered",
            low,
            {"client_id": low.hex()},
        )
        acceptable(
            group,
            d,
            "version-1",
            "version 1",
            ["OtherVersion"],
            "registered",
            ALICE,
            {"client_id": ALICE.hex()},
            version=1,
        )
        cut_and_extended(group, d, "registered", ALICE)
        for size in (0, 15, 17):
            wrong_size(group, d, f"payload-of-{size}", f"{size} bytes are no client ID", "registered", size)
        largest = (1 << (8 * d.response_size_width)) - 1
        group.invalid(
            f"{name}-claims-the-most",
            "a header that claims the largest payload there is",
            ["ClaimedSize", "PayloadSize"],
            d.response("registered", b"", payload_size=largest),
            "payload-size",
        )
    return file


if __name__ == "__main__":
    main(build)
