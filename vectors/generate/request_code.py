"""What a receiver of requests refuses from the header alone."""

from __future__ import annotations

from layout import EVERY, LATER, SEED_REQUESTS, Dialect, dialect
from lib import ALICE, NO_ID, Group, VectorFile, main, name_field, request, request_header
from notes import common


def build() -> VectorFile:
    file = VectorFile(
        path="request_code.json",
        title="Requests refused for their code or size",
        decodes="request",
        section="2.10",
        header=[
            "Each test decodes one request. Most of them end after the header, since the header alone decides:",
            "a receiver that waits for the payload first reports truncated, and on a connection it waits forever.",
        ],
        notes={
            **common("ByteOrder", "ClaimedSize", "PayloadSize", "UnknownCode"),
            "OtherProtocol": (
                "UnknownCode",
                "Not this protocol at all: what reaches an open port. The bytes are read as a header and refused.",
            ),
            "OtherCodes": (
                "Compatibility",
                "A code of another generation (PROTOCOL.md 10.1). A decoder with one table for all dialects takes it.",
            ),
            "Response": ("UnknownCode", "The code of a response in a request: a message that was sent the wrong way."),
        },
    )
    group = file.group()
    for ident, code, comment in (
        ("code-0", 0, "a header of zeros but for its version"),
        ("code-1099", 1099, "one below the first request"),
        ("code-1102", 1102, "absent in this dialect (PROTOCOL.md 2.5)"),
        ("code-1107", 1107, "one above the last request"),
        ("code-65535", 65535, "the largest code"),
    ):
        group.invalid(ident, comment, ["UnknownCode"], request(ALICE, code, b""), "unknown-code")
    group.invalid(
        "code-in-big-endian",
        "1100 with its bytes swapped, the payload as it should be",
        ["ByteOrder", "UnknownCode"],
        request(NO_ID, 19460, name_field("alice")),
        "unknown-code",
    )
    group.invalid(
        "code-1102-with-payload",
        "1102 with a public key's payload size: the payload does not matter",
        ["UnknownCode"],
        request(ALICE, 1102, bytes(415)),
        "unknown-code",
    )
    group.invalid(
        "unknown-code-claims-4-gib",
        "an unknown code with the largest payload size: refused before a byte of it is read",
        ["ClaimedSize", "UnknownCode"],
        request_header(ALICE, 1102, 0xFFFFFFFF),
        "unknown-code",
    )
    for code, what in ((2100, "registered"), (2103, "file received"), (2104, "acknowledged")):
        group.invalid(
            f"response-{code}",
            f"{code} is the response {what}",
            ["Response"],
            request(ALICE, code, b""),
            "unknown-code",
        )
    group.invalid(
        "http-request",
        "a browser: version 72, code 29551",
        ["OtherProtocol"],
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "unknown-code",
    )
    group.invalid(
        "ssh-banner",
        "an SSH client speaks first as well",
        ["OtherProtocol"],
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        "unknown-code",
    )
    for code, right in ((1100, 255), (1101, 415), (1104, 271), (1105, 271), (1106, 271)):
        for size, what in ((right - 1, "one less"), (right + 1, "one more")):
            group.invalid(
                f"{code}-with-{size}",
                f"{what} than the payload of {code} has",
                ["PayloadSize"],
                request_header(ALICE, code, size),
                "payload-size",
            )
    for code in (1100, 1101, 1103, 1106):
        group.invalid(
            f"{code}-with-0",
            f"{code} without a payload",
            ["PayloadSize"],
            request_header(ALICE, code, 0),
            "payload-size",
        )
    group.invalid(
        "1103-with-274",
        "one less than the fixed fields of 1103 have",
        ["PayloadSize"],
        request_header(ALICE, 1103, 274),
        "payload-size",
    )
    group.invalid(
        "1100-claims-4-gib",
        "a registration of 4 GiB",
        ["ClaimedSize", "PayloadSize"],
        request_header(NO_ID, 1100, 0xFFFFFFFF),
        "payload-size",
    )
    group.invalid(
        "1101-size-in-big-endian",
        "415 with its bytes swapped",
        ["ByteOrder", "PayloadSize"],
        request_header(ALICE, 1101, int.from_bytes((415).to_bytes(4, "little"), "big")),
        "payload-size",
    )
    _other_codes(file.group(SEED_REQUESTS, since=2), dialect("seed"), "seed")
    for name in LATER:
        d = dialect(name)
        group = file.group((name,), since=2)
        _other_codes(group, d, name)
        _sizes(group, d)
    return file


def _other_codes(group: Group, d: Dialect, prefix: str) -> None:
    """Codes of a request that other dialects have and this one has not, with the payload as it should be there."""
    found: dict[int, str] = {}
    for other in map(dialect, EVERY):
        for message, code in other.request_codes.items():
            if code and code not in d.request_codes.values():
                found[code] = message
    if prefix == "seed":
        del found[1102]  # it has a test from the first edition
    for code, message in sorted(found.items()):
        what = message.replace("_", " ")
        group.invalid(
            f"{prefix}-other-code-{code}",
            f"{code} is the request {what} of another generation",
            ["OtherCodes"],
            d.request_header(ALICE, code, 255) + name_field("alice"),
            "unknown-code",
        )


def _sizes(group: Group, d: Dialect) -> None:
    codes = d.request_codes
    for code, comment in (
        (0, "a header of zeros but for its version"),
        (min(codes.values()) - 1, "one below the first request"),
        (max(codes.values()) + 1, "one above the last request"),
    ):
        group.invalid(
            f"{d.name}-code-{code}", comment, ["UnknownCode"], d.request_header(ALICE, code, 0), "unknown-code"
        )
    for code in d.response_codes.values():
        if code % 100 in (0, 4):
            comment = f"{code} is a response of this dialect"
            group.invalid(
                f"{d.name}-response-{code}", comment, ["Response"], d.request_header(ALICE, code, 0), "unknown-code"
            )
    for message, right in (
        ("register", 255),
        ("send_public_key", 415),
        ("reconnect", 255),
        ("cksum_right", 255),
        ("cksum_wrong", 255),
        ("give_up", 255),
    ):
        for size, what in ((0, "no payload"), (right - 1, "one less"), (right + 1, "one more")):
            group.invalid(
                f"{d.name}-{message.replace('_', '-')}-of-{size}",
                f"{what}: {codes[message]} has a payload of {right}",
                ["PayloadSize"],
                d.request_header(ALICE, codes[message], size),
                "payload-size",
            )
    for size, what in ((0, "no payload"), (d.fixed_size - 1, "one less than the fixed fields have")):
        group.invalid(
            f"{d.name}-send-file-of-{size}",
            what,
            ["PayloadSize"],
            d.request_header(ALICE, codes["send_file"], size),
            "payload-size",
        )
    group.invalid(
        f"{d.name}-reconnect-claims-4-gib",
        "a reconnect of 4 GiB",
        ["ClaimedSize", "PayloadSize"],
        d.request_header(ALICE, codes["reconnect"], 0xFFFFFFFF),
        "payload-size",
    )


if __name__ == "__main__":
    main(build)
