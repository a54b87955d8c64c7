"""2104, acknowledged: not sent in `seed` and `readme`, and understood in every dialect."""

from __future__ import annotations

from lib import ALICE, VectorFile, dialect, main
from notes import common
from responses import acceptable, wrong_size


def build() -> VectorFile:
    file = VectorFile(
        path="acknowledged.json",
        title="2104 acknowledged",
        decodes="response",
        section="2.12",
        header=[
            "Each test decodes one whole response. Servers of these dialects do not send it; clients of every dialect",
            "take it for an answer to a verdict, with a payload of 0 or 16 bytes.",
        ],
        notes={
            **common("PayloadSize"),
            "OtherDialect": (
                "Compatibility",
                "An acknowledgement of a dialect that has them, accepted in every dialect (PROTOCOL.md 2.12).",
            ),
        },
    )
    for name in ("seed", "readme"):
        d = dialect(name)
        group = file.group((name,))
        acceptable(group, d, "empty", "no payload", ["OtherDialect"], 2104, b"", {})
        acceptable(
            group,
            d,
            "with-client-id",
            "a client ID as payload",
            ["OtherDialect"],
            2104,
            ALICE,
            {"client_id": ALICE.hex()},
        )
        for size in (1, 15, 17):
            wrong_size(group, d, f"payload-of-{size}", f"{size} bytes are neither nothing nor a client ID", 2104, size)
    return file


if __name__ == "__main__":
    main(build)
