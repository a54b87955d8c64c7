"""2101, refused."""

from __future__ import annotations

from lib import ALICE, EVERY, NO_ID, Dialect, Group, VectorFile, dialect, main
from notes import common
from responses import acceptable, cut_and_extended, since, valid, wrong_size


def build() -> VectorFile:
    file = VectorFile(
        path="refused.json",
        title="2101 refused",
        decodes="response",
        section="2.6",
        header=[
            "Each test decodes one whole response. The payload is empty, and in readme it is the client ID of the",
            "request's header. A client of every dialect takes either.",
        ],
        notes={
            **common("OtherVersion", "PayloadSize", "TrailingData", "Truncated", "Typical"),
            "OtherLayout": (
                "Compatibility",
                "A 2101 with a client ID in a dialect where it is empty, or the other way round. A client takes both"
                " (PROTOCOL.md 2.6); a server of ours sends what its dialect says.",
            ),
        },
    )
    for name in EVERY:
        d = dialect(name)
        group = file.group((name,), since=since(name))
        if d.data["refused_payload"] == "empty":
            _empty(group, d)
        else:
            _with_client_id(group, d)
    readme = dialect("readme")
    acceptable(
        file.group(("readme",), since=2), readme, "empty", "no ID, as in seed", ["OtherLayout"], "refused", b"", {}
    )
    return file


def _empty(group: Group, d: Dialect) -> None:
    fields = {"client_id": ALICE.hex()}
    valid(group, d, "plain", "no payload", ["Typical"], "refused", b"", {})
    acceptable(group, d, "version-1", "version 1", ["OtherVersion"], "refused", b"", {}, version=1)
    acceptable(group, d, "with-client-id", "a client ID all the same", ["OtherLayout"], "refused", ALICE, fields)
    for size in (1, 15, 17):
        wrong_size(group, d, f"payload-of-{size}", f"{size} bytes are neither nothing nor a client ID", "refused", size)
    whole = d.response("refused", b"")
    ident = f"{d.name}-one-byte"
    group.invalid(f"{ident}-short", "the header does not come to an end", ["Truncated"], whole[:-1], "truncated")
    group.invalid(f"{ident}-more", "a byte after the header", ["TrailingData"], whole + b"\0", "trailing-data")


def _with_client_id(group: Group, d: Dialect) -> None:
    fields = {"client_id": ALICE.hex()}
    valid(group, d, "plain", "the ID of the request's header", ["Typical"], "refused", ALICE, fields)
    valid(
        group,
        d,
        "to-a-registration",
        "the request was 1100, whose header held zeros",
        ["Typical"],
        "refused",
        NO_ID,
        {"client_id": NO_ID.hex()},
    )
    acceptable(group, d, "version-1", "version 1", ["OtherVersion"], "refused", ALICE, fields, version=1)
    for size in (1, 15, 17):
        wrong_size(group, d, f"payload-of-{size}", f"{size} bytes are no client ID", "refused", size)
    cut_and_extended(group, d, "refused", ALICE)


if __name__ == "__main__":
    main(build)
