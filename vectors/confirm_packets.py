"""Confirms a sequence of packets for `confirm.py` (PROTOCOL.md 10.7), with the second reader."""

from __future__ import annotations

from collections.abc import Callable

import second_reader as reader
from second_reader import Dialect, Fields, RefusedError

OF_THE_FILE = ("file_name", "content_size", "original_size", "packet_total")
"""What every packet of a file says alike."""


def confirm(dialect: Dialect, group: Fields, test: Fields, decrypt: Callable[[bytes, bytes], bytes]) -> None:
    """Fails with an AssertionError that says at which message what is wrong."""
    receiver = Receiver(dialect)
    slugs: list[str] = []
    for number, message in enumerate(test["messages"], 1):
        raw = bytes.fromhex(message["bytes"])
        try:
            outcome = receiver.packet(raw)
        except RefusedError as refused:
            outcome = "refused"
            slugs.append(refused.slug)
        expect(outcome == message["outcome"], f"message {number} is {outcome}, not {message['outcome']}")
    expect(bool(slugs) == (test["result"] == "invalid"), f"is {test['result']}, and refused for {slugs}")
    if test["result"] == "invalid":
        answers = [test["error"], *test.get("aliases", [])]
        expect(len(slugs) == 1 and slugs[0] in answers, f"refused for {slugs}, not for {test['error']}")
        return
    expect(receiver.done is not None and not slugs, "no file is complete")
    assert receiver.done is not None
    first, content = receiver.done
    plaintext = decrypt(bytes.fromhex(group["aes_key"]), content)
    gathered = {name: first[name] for name in OF_THE_FILE if name != "packet_total"}
    gathered.update(content=content.hex(), plaintext=plaintext.hex())
    expect(gathered == test["fields"], f"gathers {gathered}")
    expect(len(plaintext) == first["original_size"], "the original size is another")
    senders = {fields["header"]["client_id"] for fields in receiver.seen}
    expect(len(senders) == 1, f"comes from {len(senders)} clients")
    again = [reader.encoded_request(dialect, fields).hex() for fields in receiver.seen]
    same = again == [message["bytes"] for message in test["messages"]]
    expect(same == (test["result"] == "valid"), "valid is what a sender writes, and acceptable what it does not")


class Receiver:
    """What a server keeps between the packets of one connection."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.seen: list[Fields] = []
        self.first: Fields | None = None
        self.content = b""
        self.last = 0
        self.discarding_to: int | None = None
        self.done: tuple[Fields, bytes] | None = None

    def packet(self, raw: bytes) -> str:
        if self.discarding_to is not None and self._belongs_to_the_refused(raw):
            return "discarded"
        try:
            return self._judged(raw)
        except RefusedError:
            payload = self._payload_without_checks(raw)
            total = self.first["packet_total"] if self.first else payload["packet_total"]
            self.discarding_to = total if payload["packet_number"] < total else None
            self.first = None
            raise

    def _belongs_to_the_refused(self, raw: bytes) -> bool:
        number = self._payload_without_checks(raw)["packet_number"]
        if number == 1:
            self.discarding_to = None
            return False
        if number == self.discarding_to:
            self.discarding_to = None
        return True

    def _payload_without_checks(self, raw: bytes) -> Fields:
        data = reader.Bytes(self.dialect, raw)
        reader.request_header(data)
        data.take(8 + (16 if self.dialect["client_id_in_payload"] else 0))
        order = "packet_byte_order"
        return {"packet_number": data.number(2, order), "packet_total": data.number(2, order)}

    def _judged(self, raw: bytes) -> str:
        numbered = self._payload_without_checks(raw)
        follows = self.first is not None and numbered["packet_number"] != 1
        if follows:
            self._check_sizes_repeat(raw)
        fields = reader.request(self.dialect, raw)
        payload = fields["payload"]
        number, total = payload["packet_number"], payload["packet_total"]
        expected = self.last + 1 if follows else 1
        if number != expected or not 1 <= number <= total:
            raise RefusedError("packet-number")
        if self.first is not None and follows:
            if any(payload[name] != self.first[name] for name in OF_THE_FILE):
                raise RefusedError("packet-mismatch")
        else:
            self.first, self.content = payload, b""
        self.last = number
        self.content += bytes.fromhex(payload["content"])
        missing = payload["content_size"] - len(self.content)
        if missing < 0 or (missing > 0 and number == total):
            raise RefusedError("packet-overflow")
        self.seen.append(fields)
        if number < total:
            return "more"
        self.done = (self.first, self.content)
        self.first = None
        return "complete"

    def _check_sizes_repeat(self, raw: bytes) -> None:
        """The sizes stand before the packet's number; where they differ from packet 1, that comes first."""
        assert self.first is not None
        data = reader.Bytes(self.dialect, raw)
        reader.request_header(data)
        data.take(16 if self.dialect["client_id_in_payload"] else 0)
        if [data.number(4), data.number(4)] != [self.first["content_size"], self.first["original_size"]]:
            raise RefusedError("packet-mismatch")


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)
