""" "aes_key", AES key: the message. What is wrapped in it is in wrapped_key.json."""

from __future__ import annotations

from keys import ALICE_KEY
from lib import ALICE, EVERY, VectorFile, dialect, main
from notes import common
from oaep import wrap
from responses import acceptable, cut_and_extended, since, valid, wrong_size


def build() -> VectorFile:
    file = VectorFile(
        path="aes_key.json",
        title="2102 AES key",
        decodes="response",
        section="4.2",
        header=[
            "Each test decodes one whole response: header and payload. wrapped_key is the field as it stands;",
            "wrapped_key.json unwraps it.",
        ],
        notes=common("OtherVersion", "PayloadSize", "TrailingData", "Truncated", "Typical"),
    )
    for name in EVERY:
        d = dialect(name)
        group = file.group((name,), since=since(name))
        wrapped = wrap(ALICE_KEY, bytes(range(d.data["aes_key_size"])), seed=b"vector aes_key 1")
        fields = {"client_id": ALICE.hex(), "wrapped_key": wrapped.hex()}
        valid(group, d, "plain", "the client's ID and its wrapped key", ["Typical"], "aes_key", ALICE + wrapped, fields)
        acceptable(group, d, "version-1", "version 1", ["OtherVersion"], "aes_key", ALICE + wrapped, fields, version=1)
        cut_and_extended(group, d, "aes_key", ALICE + wrapped)
        for size, comment in (
            (128, "the wrapped key alone"),
            (143, "one byte less"),
            (145, "one byte more"),
            (272, "a key wrapped with RSA of 2048 bits"),
        ):
            wrong_size(group, d, f"payload-of-{size}", comment, "aes_key", size)
    return file


if __name__ == "__main__":
    main(build)
