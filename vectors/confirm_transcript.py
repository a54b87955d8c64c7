"""Confirms a transcript for `confirm.py`: plays it once more by the rules of PROTOCOL.md 2, 4, 6 and 10.

Every message is decoded by the second reader, and who has to speak next is worked out from the dialect and from what
was said, so that a step too many, too few or out of order is found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import second_reader as reader
from second_reader import Dialect, Fields, RefusedError

Step = dict[str, Any]
Place = tuple[str, int, str]


def confirm(
    dialect: Dialect,
    group: Fields,
    test: Fields,
    unwrap: Callable[[bytes, bytes], bytes],
    decrypt: Callable[[bytes, bytes], bytes],
    file_cksum: Callable[[Dialect, bytes, bytes], int],
) -> None:
    """Fails with an AssertionError that says at which step what is wrong."""
    client, file = group["client"], group["file"]
    at = Walk(dialect, test["steps"])
    if "taken" in client:
        turned_away(at, client)
        return
    begin(at, group, unwrap)

    key, plaintext = bytes.fromhex(group["aes_key"]), bytes.fromhex(file["plaintext"])
    tries = transmissions = 0
    while True:
        sent, delivered = transmission(at, group)
        expect(decrypt(key, sent) == plaintext, "1103 carries another file")
        expect(file_cksum(dialect, key, sent) == file["cksum"], "the cksum of the file is another")
        try:
            plain = decrypt(key, delivered)
        except RefusedError:
            tries += 1
            expect(tries < 3, "a third try is the last")
            refusal(at, client)
            continue
        tries = 0
        transmissions += 1
        expect(sent[-32:] == delivered[-32:], "damage in the last two blocks, where it may spoil the padding")
        value = file_cksum(dialect, key, delivered)
        received(at, group, len(plain), value, depends=sent != delivered or dialect["checksum_input"] == "content")
        if value == file["cksum"]:
            verdict, after = "cksum_right", dialect["after_right"]
        elif transmissions < dialect["transmissions"]:
            verdict, after = "cksum_wrong", dialect["after_wrong"]
        else:
            verdict, after = "give_up", dialect["after_give_up"]
        judged(at, group, verdict, after)
        if verdict != "cksum_wrong":
            break
    if at.open:
        at.ends("client", "server")
    at.finish()


def turned_away(at: Walk, client: Fields) -> None:
    """The name is another client's: 2101 in every dialect, and with a client ID it is the zeros of the header."""
    nobody = "00" * 16
    expect(not client["known"], "known under the name, and not")
    places(at.message("client", "register", {"name": client["name"]}, header_id=nobody), [])
    carried = {"client_id": nobody} if at.dialect["refused_payload"] == "client-id" else {}
    places(at.message("server", "refused", carried), [])
    at.answered()
    if at.open:
        at.ends("client", "server")
    at.finish()


def begin(at: Walk, group: Fields, unwrap: Callable[[bytes, bytes], bytes]) -> None:
    """Up to the AES key: a registration, a reconnect, or a public key alone."""
    client = group["client"]
    reconnects = at.dialect["request_codes"]["reconnect"] is not None
    expect("former_id" not in client or (reconnects and not client["known"]), "a former ID is for a refused reconnect")
    if "former_id" in client:
        step = at.message("client", "reconnect", {"name": client["name"]}, header_id=client["former_id"])
        places(step, [])
        step = at.message("server", "reconnect_refused", {"client_id": client["former_id"]})
        places(step, [])
        at.answered()
    if client["known"] and reconnects:
        step = at.message("client", "reconnect", {"name": client["name"]}, header_id=client["client_id"])
        places(step, [("client_id", 0, client["client_id"])])
        keyed(at, group, "reconnected", unwrap)
        return
    if not client["known"]:
        step = at.message("client", "register", {"name": client["name"]}, header_id="00" * 16)
        places(step, [])
        step = at.message("server", "registered", {"client_id": client["client_id"]})
        places(step, [("client_id", at.response_header, client["client_id"])])
        at.answered()
    fields = {"name": client["name"], "public_key": group["public_key"]}
    step = at.message("client", "send_public_key", fields, header_id=client["client_id"])
    key_at = at.request_header + int(at.dialect["name_width"])
    places(step, [("client_id", 0, client["client_id"]), ("public_key", key_at, group["public_key"])])
    keyed(at, group, "aes_key", unwrap)


def keyed(at: Walk, group: Fields, message: str, unwrap: Callable[[bytes, bytes], bytes]) -> None:
    client_id = group["client"]["client_id"]
    step = at.message("server", message, {"client_id": client_id}, open_members=["wrapped_key"])
    wrapped = step["fields"]["payload"]["wrapped_key"]
    here = at.response_header
    places(step, [("client_id", here, client_id), ("wrapped_key", here + 16, wrapped)])
    key = unwrap(bytes.fromhex(group["private_key"]), bytes.fromhex(wrapped))
    expect(key.hex() == group["aes_key"], f"{message} wraps another key")
    expect(len(key) == at.dialect["aes_key_size"], f"a key of {len(key)} bytes")
    at.answered()


def transmission(at: Walk, group: Fields) -> tuple[bytes, bytes]:
    """One file, in as many 1103 as the dialect makes of it: its content as sent, and as delivered."""
    dialect, client, file = at.dialect, group["client"], group["file"]
    plain_size = len(file["plaintext"]) // 2
    size = (plain_size // 16 + 1) * 16
    most = (dialect["packet_size"] if dialect["packets"] else 0) or size
    total = -(-size // most)
    sent = delivered = b""
    for number in range(1, total + 1):
        fixed: Fields = {"content_size": size, "file_name": file["name"]}
        if dialect["packets"]:
            fixed.update(original_size=plain_size, packet_number=number, packet_total=total)
        identified: list[Place] = [("client_id", 0, client["client_id"])]
        if dialect["client_id_in_payload"]:
            fixed["client_id"] = client["client_id"]
            identified.append(("client_id", at.request_header, client["client_id"]))
        step = at.message("client", "send_file", fixed, header_id=client["client_id"], open_members=["content"])
        content = step["fields"]["payload"]["content"]
        here = at.request_header + reader.fixed_size(dialect)
        places(step, [*identified, ("content", here, content)])
        expect(
            len(content) == 2 * min(most, size - most * (number - 1)), f"packet {number} has {len(content) // 2} bytes"
        )
        raw = bytes.fromhex(step["bytes"])
        other = bytes.fromhex(step["delivered"]) if "delivered" in step else raw
        expect(len(raw) == len(other) and raw[:here] == other[:here], "damage outside of the content")
        expect(("delivered" in step) == (raw != other), "delivered is what was sent")
        sent += raw[here:]
        delivered += other[here:]
    return sent, delivered


def received(at: Walk, group: Fields, plain_size: int, value: int, *, depends: bool) -> None:
    dialect, client, file = at.dialect, group["client"], group["file"]
    size = plain_size if dialect["echoed_size"] == "plain" else (plain_size // 16 + 1) * 16
    fields = {"client_id": client["client_id"], "content_size": size, "file_name": file["name"], "cksum": value}
    fields = {member: fields[member] for member in dialect["file_received_fields"]}
    step = at.message("server", "file_received", fields)
    answered: list[Place] = []
    if "client_id" in fields:
        answered.append(("client_id", at.response_header, client["client_id"]))
    if depends:
        widths = {"client_id": 16, "content_size": 4, "file_name": dialect["name_width"]}
        before = sum(int(widths[member]) for member in dialect["file_received_fields"][:-1])
        raw = value.to_bytes(4, dialect["byte_order"])
        answered.append(("cksum", at.response_header + before, raw.hex()))
    places(step, answered)
    at.answered()


def judged(at: Walk, group: Fields, verdict: str, after: Fields) -> None:
    """A verdict and what the dialect has follow it."""
    client, file = group["client"], group["file"]
    fields = {"file_name": file["name"]}
    identified: list[Place] = [("client_id", 0, client["client_id"])]
    if at.dialect["client_id_in_payload"]:
        fields["client_id"] = client["client_id"]
        identified.append(("client_id", at.request_header, client["client_id"]))
    step = at.message("client", verdict, fields, header_id=client["client_id"])
    places(step, identified)
    answer = {
        "none": None,
        "acknowledged": ("acknowledged", False),
        "acknowledged-with-id": ("acknowledged", True),
        "refused": ("refused", at.dialect["refused_payload"] == "client-id"),
        "general-error": ("general_error", False),
    }[after["answer"]]
    if answer:
        identified_answer(at, client, *answer)
    if after["close"] or at.dialect["connection"] == "request":
        at.ends("server", "client")


def refusal(at: Walk, client: Fields) -> None:
    if at.dialect["response_codes"]["general_error"] is not None:
        identified_answer(at, client, "general_error", False)
    else:
        identified_answer(at, client, "refused", at.dialect["refused_payload"] == "client-id")
    at.answered()


def identified_answer(at: Walk, client: Fields, message: str, with_id: bool) -> None:
    step = at.message("server", message, {"client_id": client["client_id"]} if with_id else {})
    places(step, [("client_id", at.response_header, client["client_id"])] if with_id else [])


class Walk:
    """Goes through the steps, and fails at the first that is not the expected one."""

    def __init__(self, dialect: Dialect, steps: list[Step]) -> None:
        self.dialect = dialect
        self.steps = steps
        self.number = 0
        self.connection = 0
        self.open = False
        self.request_header = reader.request_header_size(dialect)
        self.response_header = reader.response_header_size(dialect)

    def answered(self) -> None:
        """An answer has been given, after which a server with one request a connection closes."""
        if self.dialect["connection"] == "request":
            self.ends("server", "client")

    def ends(self, *order: str) -> None:
        for who in order:
            self.event({"event": "end", "connection": self.connection, "from": who})
        self.open = False

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
        if who == "client" and not self.open:
            self.connection += 1
            self.open = True
            self.event({"event": "connect", "connection": self.connection})
        step = self._next()
        said = (step["event"], step.get("from"), step.get("message"), step["connection"])
        wanted = ("message", who, message, self.connection)
        expect(said == wanted, f"step {self.number} is {said}, not {message} from the {who}")
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
