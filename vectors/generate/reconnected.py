"""Reconnected: the answer to a reconnect, with the payload of 2102."""

from __future__ import annotations

from keys import ALICE_KEY
from layout import LATER, SEED_REQUESTS, dialect
from lib import ALICE, VectorFile, main
from notes import common
from oaep import wrap
from responses import acceptable, cut_and_extended, valid, wrong_size

MESSAGE = "reconnected"


def build() -> VectorFile:
    file = VectorFile(
        path="reconnected.json",
        title="Reconnected (2105 in 2023a)",
        decodes="response",
        section="10.4",
        header=[
            "Each test decodes one whole response: header and payload, which is that of 2102. wrapped_key is the field",
            "as it stands; the key is wrapped with the public key that the server has stored.",
        ],
        notes=common("OtherVersion", "PayloadSize", "TrailingData", "Truncated", "Typical", "UnknownCode"),
        since=2,
    )
    for name in SEED_REQUESTS:
        d = dialect(name)
        group = file.group_for(d)
        whole = d.response_header(2105, 144) + ALICE + bytes(128)
        group.invalid(
            f"{name}-not-in-this-dialect", "2105 where no client reconnects", ["UnknownCode"], whole, "unknown-code"
        )
    for name in LATER:
        d = dialect(name)
        group = file.group_for(d)
        wrapped = wrap(ALICE_KEY, bytes(range(d.data["aes_key_size"])), seed=b"vector reconnected")
        fields = {"client_id": ALICE.hex(), "wrapped_key": wrapped.hex()}
        valid(group, d, "plain", "the client's ID and its wrapped key", ["Typical"], MESSAGE, ALICE + wrapped, fields)
        acceptable(group, d, "version-1", "version 1", ["OtherVersion"], MESSAGE, ALICE + wrapped, fields, version=1)
        cut_and_extended(group, d, MESSAGE, ALICE + wrapped)
        for size, comment in (
            (0, "no key: a server that only nods"),
            (16, "the client ID alone"),
            (128, "the wrapped key alone"),
            (145, "one byte more"),
        ):
            wrong_size(group, d, f"payload-of-{size}", comment, MESSAGE, size)
    return file


if __name__ == "__main__":
    main(build)
