"""2104, acknowledged: not sent in `seed` and `readme`, and understood in every dialect."""

from __future__ import annotations

from lib import ALICE, EVERY, VectorFile, dialect, main
from notes import common
from responses import acceptable, cut_and_extended, since, valid, wrong_size


def build() -> VectorFile:
    file = VectorFile(
        path="acknowledged.json",
        title="2104 acknowledged",
        decodes="response",
        section="2.12",
        header=[
            "Each test decodes one whole response. Some dialects send it empty, some with the client ID, some not at",
            "all; clients of every dialect take it for an answer to a verdict, with a payload of 0 or 16 bytes.",
        ],
        notes={
            **common("OtherVersion", "PayloadSize", "TrailingData", "Truncated", "Typical"),
            "OtherDialect": (
                "Compatibility",
                "An acknowledgement of a dialect that has them, accepted in every dialect (PROTOCOL.md 2.12).",
            ),
        },
    )
    for name in EVERY:
        d = dialect(name)
        group = file.group((name,), since=since(name))
        sent = d.data["after_right"]["answer"]
        for ident, comment, payload, form in (
            ("empty", "no payload", b"", "acknowledged"),
            ("with-client-id", "a client ID as payload", ALICE, "acknowledged-with-id"),
        ):
            fields = {"client_id": payload.hex()} if payload else {}
            if sent == form:
                valid(group, d, ident, comment, ["Typical"], "acknowledged", payload, fields)
            else:
                acceptable(group, d, ident, comment, ["OtherDialect"], "acknowledged", payload, fields)
        for size in (1, 15, 17):
            comment = f"{size} bytes are neither nothing nor a client ID"
            wrong_size(group, d, f"payload-of-{size}", comment, "acknowledged", size)
        if sent == "none":
            continue
        payload = ALICE if sent == "acknowledged-with-id" else b""
        fields = {"client_id": ALICE.hex()} if payload else {}
        acceptable(group, d, "version-1", "version 1", ["OtherVersion"], "acknowledged", payload, fields, version=1)
        cut_and_extended(group, d, "acknowledged", payload)
    return file


if __name__ == "__main__":
    main(build)
