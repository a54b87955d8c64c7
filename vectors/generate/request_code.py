"""What a receiver of requests refuses from the header alone."""

from __future__ import annotations

from lib import ALICE, NO_ID, VectorFile, main, name_field, request, request_header
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
    return file


if __name__ == "__main__":
    main(build)
