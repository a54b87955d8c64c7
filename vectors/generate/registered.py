"""2100, registered."""

from __future__ import annotations

from lib import ALICE, VectorFile, dialect, main, response
from notes import common
from responses import acceptable, cut_and_extended, valid, wrong_size


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
    for name in ("seed", "readme"):
        d = dialect(name)
        group = file.group((name,))
        valid(group, d, "plain", "the client is told its ID", ["Typical"], 2100, ALICE, {"client_id": ALICE.hex()})
        every = bytes(range(0xF0, 0x100))
        valid(
            group,
            d,
            "every-byte-different",
            "an ID of 16 different bytes",
            ["Typical"],
            2100,
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
            2100,
            low,
            {"client_id": low.hex()},
        )
        acceptable(
            group, d, "version-1", "version 1", ["OtherVersion"], 2100, ALICE, {"client_id": ALICE.hex()}, version=1
        )
        cut_and_extended(group, d, 2100, ALICE)
        for size in (0, 15, 17):
            wrong_size(group, d, f"payload-of-{size}", f"{size} bytes are no client ID", 2100, size)
        largest = (1 << (8 * d.response_size_width)) - 1
        group.invalid(
            f"{name}-claims-the-most",
            "a header that claims the largest payload there is",
            ["ClaimedSize", "PayloadSize"],
            response(d, 2100, b"", payload_size=largest),
            "payload-size",
        )
    return file


if __name__ == "__main__":
    main(build)
