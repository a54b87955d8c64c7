"""2101, refused."""

from __future__ import annotations

from lib import ALICE, NO_ID, VectorFile, dialect, main, response
from notes import common
from responses import acceptable, cut_and_extended, valid, wrong_size


def build() -> VectorFile:
    file = VectorFile(
        path="refused.json",
        title="2101 refused",
        decodes="response",
        section="2.6",
        header=[
            "Each test decodes one whole response. The payload is empty in seed; in readme it is the client ID of the",
            "request's header.",
        ],
        notes={
            **common("OtherVersion", "PayloadSize", "TrailingData", "Truncated", "Typical"),
            "OtherLayout": (
                "Compatibility",
                "A server that is otherwise seed, and whose 2101 carries a client ID (PROTOCOL.md 2.13). A client reads"
                " over the ID; a server of ours does not send it.",
            ),
        },
    )
    seed = dialect("seed")
    group = file.group(("seed",))
    valid(group, seed, "plain", "no payload", ["Typical"], 2101, b"", {})
    acceptable(group, seed, "version-1", "version 1", ["OtherVersion"], 2101, b"", {}, version=1)
    acceptable(
        group,
        seed,
        "with-client-id",
        "a client ID all the same",
        ["OtherLayout"],
        2101,
        ALICE,
        {"client_id": ALICE.hex()},
    )
    for size in (1, 15, 17):
        wrong_size(group, seed, f"payload-of-{size}", f"{size} bytes are neither nothing nor a client ID", 2101, size)
    whole = response(seed, 2101, b"")
    group.invalid("seed-one-byte-short", "the header does not come to an end", ["Truncated"], whole[:-1], "truncated")
    group.invalid("seed-one-byte-more", "a byte after the header", ["TrailingData"], whole + b"\0", "trailing-data")

    readme = dialect("readme")
    group = file.group(("readme",))
    valid(
        group, readme, "plain", "the ID of the request's header", ["Typical"], 2101, ALICE, {"client_id": ALICE.hex()}
    )
    valid(
        group,
        readme,
        "to-a-registration",
        "the request was 1100, whose header held zeros",
        ["Typical"],
        2101,
        NO_ID,
        {"client_id": NO_ID.hex()},
    )
    acceptable(
        group, readme, "version-1", "version 1", ["OtherVersion"], 2101, ALICE, {"client_id": ALICE.hex()}, version=1
    )
    for size in (1, 15, 17):
        wrong_size(group, readme, f"payload-of-{size}", f"{size} bytes are no client ID", 2101, size)
    cut_and_extended(group, readme, 2101, ALICE)
    return file


if __name__ == "__main__":
    main(build)
