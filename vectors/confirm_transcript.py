"""Confirms a transcript for `confirm.py`: plays it once more by the rules of PROTOCOL.md 2, 4 and 6.

Every message is decoded by the second reader, and who has to speak next is worked out from the dialect and from what
was said, so that a step too many, too few or out of order is found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import second_reader as reader
from second_reader import Dialect, Fields

Step = dict[str, Any]
HEADER = 23
CONTENT = HEADER + reader.SEND_FILE_FIXED


def confirm(
    dialect: Dialect,
    group: Fields,
    test: Fields,
    unwrap: Callable[[bytes, bytes], bytes],
    decrypt: Callable[[bytes, bytes], bytes],
    cksum: Callable[[bytes], int],
) -> None:
    """Fails with an AssertionError that says at which step what is wrong."""
    steps = test["steps"]
    client, file = group["client"], group["file"]
    plaintext = bytes.fromhex(file["plaintext"])
    expect(cksum(plaintext) == file["cksum"], "the cksum of the file is another")

    at = Walk(dialect, steps)
    at.event({"event": "connect", "connection": 1})
    if not client["known"]:
        step = at.message("client", "register", {"name": client["name"]}, header_id="00" * 16)
        places(step, [])
        step = at.message("server", "registered", {"client_id": client["client_id"]})
        places(step, [("client_id", at.width, client["client_id"])])

    fields = {"name": client["name"], "public_key": group["public_key"]}
    step = at.message("client", "send_public_key", fields, header_id=client["client_id"])
    places(step, [("client_id", 0, client["client_id"]), ("public_key", HEADER + 255, group["public_key"])])
    step = at.message("server", "aes_key", {"client_id": client["client_id"]}, open_members=["wrapped_key"])
    wrapped = step["fields"]["payload"]["wrapped_key"]
    places(step, [("client_id", at.width, client["client_id"]), ("wrapped_key", at.width + 16, wrapped)])
    aes_key = bytes.fromhex(group["aes_key"])
    expect(unwrap(bytes.fromhex(group["private_key"]), bytes.fromhex(wrapped)) == aes_key, "2102 wraps another key")

    transmissions = 0
    while True:
        transmissions += 1
        value = transmission(at, group, plaintext, decrypt, cksum)
        if value == file["cksum"]:
            verdict, after = "cksum_right", dialect["after_right"]
        elif transmissions < dialect["transmissions"]:
            verdict, after = "cksum_wrong", dialect["after_wrong"]
        else:
            verdict, after = "give_up", dialect["after_give_up"]
        fields = {"client_id": client["client_id"], "file_name": file["name"]}
        step = at.message("client", verdict, fields, header_id=client["client_id"])
        places(step, [("client_id", 0, client["client_id"]), ("client_id", HEADER, client["client_id"])])
        if after["answer"] == "refused":
            carried = {"client_id": client["client_id"]} if dialect["refused_payload"] == "client-id" else {}
            step = at.message("server", "refused", carried)
            places(step, [("client_id", at.width, client["client_id"])] if carried else [])
        if verdict != "cksum_wrong":
            break
    for who in ("server", "client") if after["close"] else ("client", "server"):
        at.event({"event": "end", "connection": 1, "from": who})
    at.finish()


def transmission(
    at: Walk, group: Fields, plaintext: bytes, decrypt: Callable[[bytes, bytes], bytes], cksum: Callable[[bytes], int]
) -> int:
    """One 1103 with its 2103; what the server answers as checksum."""
    client, file = group["client"], group["file"]
    aes_key = bytes.fromhex(group["aes_key"])
    size = (len(plaintext) // 16 + 1) * 16
    fixed = {"client_id": client["client_id"], "content_size": size, "file_name": file["name"]}
    step = at.message("client", "send_file", fixed, header_id=client["client_id"], open_members=["content"])
    content = step["fields"]["payload"]["content"]
    expect(decrypt(aes_key, bytes.fromhex(content)) == plaintext, "1103 carries another file")
    identified = [("client_id", 0, client["client_id"]), ("client_id", HEADER, client["client_id"])]
    places(step, [*identified, ("content", CONTENT, content)])

    sent = bytes.fromhex(step["bytes"])
    delivered = bytes.fromhex(step["delivered"]) if "delivered" in step else sent
    expect(len(sent) == len(delivered) and sent[:CONTENT] == delivered[:CONTENT], "damage outside of the content")
    expect(sent[-32:] == delivered[-32:], "damage in the last two blocks, where it may spoil the padding")
    expect(("delivered" in step) == (sent != delivered), "delivered is what was sent")
    value = cksum(decrypt(aes_key, delivered[CONTENT:]))
    step = at.message("server", "file_received", {**fixed, "cksum": value})
    answered = [("client_id", at.width, client["client_id"])]
    if sent != delivered:
        answered.append(("cksum", at.width + 275, value.to_bytes(4, "little").hex()))
    places(step, answered)
    return value


class Walk:
    """Goes through the steps, and fails at the first that is not the expected one."""

    def __init__(self, dialect: Dialect, steps: list[Step]) -> None:
        self.dialect = dialect
        self.steps = steps
        self.number = 0
        self.width = 3 + int(dialect["response_size_width"])
        """Bytes of a response header."""

    def event(self, expected: Step) -> None:
        step = self._next()
        expect(step == expected, f"step {self.number} is {step}, not {expected}")

    def message(
        self,
        who: str,
        message: str,
        payload: Fields,
        *,
        header_id: str | None = None,
        open_members: list[str] | None = None,
    ) -> Step:
        """The next step, which must be this message; `open_members` are for the caller to look at."""
        step = self._next()
        said = (step["event"], step.get("from"), step.get("message"), step["connection"])
        expect(said == ("message", who, message, 1), f"step {self.number} is {said}, not {message} from the {who}")
        raw = bytes.fromhex(step["bytes"])
        try:
            decoded = reader.request(self.dialect, raw) if who == "client" else reader.response(self.dialect, raw)
        except reader.RefusedError as refused:
            raise AssertionError(f"step {self.number} is refused for {refused.slug}") from None
        expect(decoded == step["fields"], f"step {self.number} decodes to {decoded}")
        encode = reader.encoded_request if who == "client" else reader.encoded_response
        expect(encode(self.dialect, decoded) == raw, f"step {self.number} is not what a sender writes")
        codes = self.dialect["request_codes" if who == "client" else "response_codes"]
        header = decoded["header"]
        expect(header["code"] == codes[message] and header["version"] == 3, f"step {self.number} has header {header}")
        if header_id is not None:
            expect(header["client_id"] == header_id, f"step {self.number} is for client {header['client_id']}")
        known = {name: value for name, value in decoded["payload"].items() if name not in (open_members or [])}
        expect(known == payload, f"step {self.number} has payload {known}, not {payload}")
        return step

    def finish(self) -> None:
        expect(self.number == len(self.steps), f"{len(self.steps) - self.number} steps too many")

    def _next(self) -> Step:
        expect(self.number < len(self.steps), "the steps end too early")
        self.number += 1
        return self.steps[self.number - 1]


def places(step: Step, expected: list[tuple[str, int, str]]) -> None:
    """Every place is where its value is, in `bytes` and, but for damaged content, in `delivered`."""
    stated = [(place["what"], place["offset"], place["size"]) for place in step["places"]]
    wanted = [(what, offset, len(value) // 2) for what, offset, value in expected]
    expect(stated == wanted, f"places of {step['message']} are {stated}, not {wanted}")
    for what, offset, value in expected:
        there = step["bytes"][2 * offset : 2 * offset + len(value)]
        expect(there == value, f"place {what} of {step['message']} holds {there}")


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
