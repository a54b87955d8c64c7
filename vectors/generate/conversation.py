"""A whole conversation, written down step by step, with the client ID, the RSA key and the AES key injected."""

from __future__ import annotations

import itertools
from typing import Any

from Crypto.Cipher import AES
from file_cipher import encrypt
from keys import ALICE_KEY, LABEL, private_der, public_der
from layout import EVERY, Dialect, dialect
from lib import ALICE, CHECKSUMS, NO_ID, Group, VectorFile
from oaep import wrap
from responses import since

CLIENT_NAME = "alice"
FILE_NAME = "report.txt"
AES_KEY = bytes.fromhex("5f3a1c9e07b2d846e19f4c3b8a60d725c83be1507f92ad64b0d7f3183e5c9a21")
"""Its first 16 bytes are the key of a dialect with AES-128."""
PLAINTEXT = (
    b"Quarterly report\n================\n\nNothing was lost, since everything was backed up and then read back.\n"
)

FLIPPED_BYTE = 5
FLIPPED_BIT = 0x40
"""The damage is in the first block of content: it spoils that block and one bit of the next, and no padding."""
SPOILED_BYTE = -17
SPOILED_BIT = 0x80
"""This damage turns the last byte of padding into one above 16, under every key."""

Place = tuple[str, int, int]


class Conversation:
    """Alice backs up one file, over one connection or, where the dialect says so, over one a request."""

    def __init__(
        self,
        d: Dialect,
        *,
        known: bool,
        former_id: bytes | None = None,
        taken: bool = False,
        plaintext: bytes = PLAINTEXT,
        aes_key: bytes = AES_KEY,
    ) -> None:
        self.d = d
        self.known = known
        self.former_id = former_id
        self.taken = taken
        self.plaintext = plaintext
        self.aes_key = aes_key[: d.data["aes_key_size"]]
        self.content = encrypt(self.aes_key, plaintext)
        self.steps: list[dict[str, Any]] = []
        self.connection = 0
        self.open = False

    def shared(self) -> dict[str, Any]:
        """The parameters of the group."""
        rest: dict[str, Any] = {"former_id": self.former_id.hex()} if self.former_id else {}
        if self.taken:
            rest["taken"] = True
        return {
            "client": {"name": CLIENT_NAME, "client_id": ALICE.hex(), "known": self.known, **rest},
            "key_use": LABEL,
            "private_key": private_der(ALICE_KEY).hex(),
            "public_key": public_der(ALICE_KEY).hex(),
            "aes_key": self.aes_key.hex(),
            "file": {
                "name": FILE_NAME,
                "plaintext": self.plaintext.hex(),
                "cksum": self._checksum(self.content),
            },
        }

    # What the two say

    def register(self) -> None:
        self._request(NO_ID, "register", self.d.name_field(CLIENT_NAME), {"name": CLIENT_NAME}, [])
        self._response("registered", ALICE, {"client_id": ALICE.hex()}, [("client_id", 0, 16)])

    def register_and_be_refused(self) -> None:
        """2101, also where there is a general error; with a client ID it is that of the header, which is none."""
        self._request(NO_ID, "register", self.d.name_field(CLIENT_NAME), {"name": CLIENT_NAME}, [])
        with_id = self.d.data["refused_payload"] == "client-id"
        self._response("refused", NO_ID if with_id else b"", {"client_id": NO_ID.hex()} if with_id else {}, [])

    def exchange_keys(self) -> None:
        der = public_der(ALICE_KEY)
        fields = {"name": CLIENT_NAME, "public_key": der.hex()}
        name = self.d.name_field(CLIENT_NAME)
        places = [("client_id", 0, 16), ("public_key", self.d.request_header_size + len(name), 160)]
        self._request(ALICE, "send_public_key", name + der, fields, places)
        self._aes_key("aes_key", b"transcript")

    def reconnect(self) -> None:
        self._reconnect(ALICE, [("client_id", 0, 16)])
        self._aes_key("reconnected", b"transcript reconnect")

    def reconnect_refused(self) -> None:
        """The server does not know the former ID, which comes back as it was sent."""
        assert self.former_id
        self._reconnect(self.former_id, [])
        self._response("reconnect_refused", self.former_id, {"client_id": self.former_id.hex()}, [])

    def transmit(self, *, damaged: bool = False) -> None:
        """1103, in packets where the dialect has them, and its 2103.

        When damaged on the way, the server's checksum is that of what it decrypted.
        """
        self._send(FLIPPED_BYTE if damaged else None, FLIPPED_BIT)
        delivered = bytearray(self.content)
        if damaged:
            delivered[FLIPPED_BYTE] ^= FLIPPED_BIT
        value = self._checksum(bytes(delivered))
        plain = self.d.data["echoed_size"] == "plain"
        size = len(self.plaintext) if plain else len(self.content)
        fields = self.d.file_received_fields(ALICE, size, FILE_NAME, value)
        payload = self.d.file_received(ALICE, size, self.d.name_field(FILE_NAME), value)
        places: list[Place] = [("client_id", 0, 16)] if "client_id" in fields else []
        if damaged or self.d.data["checksum_input"] == "content":
            places.append(("cksum", len(payload) - self.d.cksum_width, 4))
        self._response("file_received", payload, fields, places)

    def transmit_and_be_refused(self) -> None:
        """The damage is in the padding, so that the content does not decrypt."""
        self._send(len(self.content) + SPOILED_BYTE, SPOILED_BIT)
        self._refuse()

    def judge(self, message: str) -> None:
        """`cksum_right`, `cksum_wrong` or `give_up`, and what the dialect has follow it."""
        name = self.d.name_field(FILE_NAME)
        places = [("client_id", 0, 16)]
        if self.d.data["client_id_in_payload"]:
            places.append(("client_id", self.d.request_header_size, 16))
        fields = self.d.verdict_fields(ALICE, FILE_NAME)
        self._request(ALICE, message, self.d.verdict(ALICE, name), fields, places)
        after = self.d.data[{"cksum_right": "after_right", "cksum_wrong": "after_wrong"}.get(message, "after_give_up")]
        if after["answer"] in ("acknowledged", "acknowledged-with-id"):
            self._answer("acknowledged", with_id=after["answer"] == "acknowledged-with-id")
        elif after["answer"] == "refused":
            self._answer("refused", with_id=self.d.data["refused_payload"] == "client-id")
        elif after["answer"] == "general-error":
            self._answer("general_error", with_id=False)
        elif self._one_request():
            self._server_closes()
        if after["close"] and self.open:
            self._server_closes()

    def finish(self) -> None:
        """The client ends its stream, unless the server has closed."""
        if self.open:
            self._ends("client", "server")

    # How they say it

    def _reconnect(self, who: bytes, places: list[Place]) -> None:
        self._request(who, "reconnect", self.d.name_field(CLIENT_NAME), {"name": CLIENT_NAME}, places)

    def _aes_key(self, message: str, seed: bytes) -> None:
        wrapped = wrap(ALICE_KEY, self.aes_key, seed=seed)
        fields = {"client_id": ALICE.hex(), "wrapped_key": wrapped.hex()}
        self._response(message, ALICE + wrapped, fields, [("client_id", 0, 16), ("wrapped_key", 16, 128)])

    def _refuse(self) -> None:
        if self.d.response_codes["general_error"]:
            self._answer("general_error", with_id=False)
        else:
            self._answer("refused", with_id=self.d.data["refused_payload"] == "client-id")

    def _answer(self, message: str, *, with_id: bool) -> None:
        if with_id:
            self._response(message, ALICE, {"client_id": ALICE.hex()}, [("client_id", 0, 16)])
        else:
            self._response(message, b"", {}, [])

    def _send(self, damaged_at: int | None, bit: int) -> None:
        size = len(self.content)
        step = (self.d.data["packet_size"] if self.d.data["packets"] else 0) or size
        starts = range(0, size, step)
        for number, start in enumerate(starts, 1):
            piece = self.content[start : start + step]
            how = {"original": len(self.plaintext), "number": number, "total": len(starts)}
            fixed = self.d.send_file(ALICE, size, self.d.name_field(FILE_NAME), **how)
            at = self.d.request_header_size + len(fixed)
            places: list[Place] = [("client_id", 0, 16)]
            if self.d.data["client_id_in_payload"]:
                places.append(("client_id", self.d.request_header_size, 16))
            places.append(("content", at, len(piece)))
            fields = {**self.d.send_file_fields(ALICE, size, FILE_NAME, **how), "content": piece.hex()}
            self._request(ALICE, "send_file", fixed + piece, fields, places)
            if damaged_at is not None and start <= damaged_at < start + len(piece):
                sent = bytearray.fromhex(self.steps[-1]["bytes"])
                sent[at + damaged_at - start] ^= bit
                self.steps[-1]["delivered"] = sent.hex()

    def _request(
        self,
        header_id: bytes,
        message: str,
        payload: bytes,
        fields: dict[str, Any],
        places: list[Place],
    ) -> None:
        if not self.open:
            self.connection += 1
            self.steps.append({"event": "connect", "connection": self.connection})
            self.open = True
        whole = self.d.request(header_id, message, payload)
        self._message("client", message, whole, self.d.request_fields(header_id, message, len(payload), fields), places)

    def _response(self, message: str, payload: bytes, fields: dict[str, Any], places: list[Place]) -> None:
        """`places` count from the start of the payload here."""
        whole = self.d.response(message, payload)
        moved = [(what, self.d.response_header_size + offset, size) for what, offset, size in places]
        self._message("server", message, whole, self.d.response_fields(message, len(payload), fields), moved)
        if self._one_request():
            self._server_closes()

    def _message(self, who: str, message: str, whole: bytes, fields: dict[str, Any], places: list[Place]) -> None:
        self.steps.append(
            {
                "event": "message",
                "connection": self.connection,
                "from": who,
                "message": message,
                "bytes": whole.hex(),
                "places": [{"what": what, "offset": offset, "size": size} for what, offset, size in places],
                "fields": fields,
            }
        )

    def _one_request(self) -> bool:
        return bool(self.d.data["connection"] == "request")

    def _server_closes(self) -> None:
        self._ends("server", "client")

    def _ends(self, *order: str) -> None:
        for who in order:
            self.steps.append({"event": "end", "connection": self.connection, "from": who})
        self.open = False

    def _checksum(self, content: bytes) -> int:
        """What the dialect takes of a content that decrypts."""
        blocks = AES.new(self.aes_key, AES.MODE_CBC, iv=bytes(16)).decrypt(content)
        inputs = {"plaintext": blocks[: -blocks[-1]], "padded": blocks, "content": content}
        return CHECKSUMS[self.d.data["checksum"]](inputs[self.d.data["checksum_input"]])


NOTES = {
    "FirstBackup": (
        "Functionality",
        "A client that the server has never seen backs up its first file (PROTOCOL.md 6).",
    ),
    "KnownClient": (
        "Functionality",
        "A second run begins at 1101, under the stored client ID (PROTOCOL.md 4.5). The server makes a new AES key.",
    ),
    "NameTaken": (
        "Functionality",
        "1100 with a name that another client holds is refused with 2101 (PROTOCOL.md 2.9, 10.6). No ID but that of the"
        " request's header may come back: it would be another's credential.",
    ),
    "Repeat": (
        "Functionality",
        "The checksum differs, and the client sends 1105 and the file again (PROTOCOL.md 6.1). Nothing answers 1105.",
    ),
    "GivingUp": (
        "Functionality",
        "The checksum differs as often as the dialect allows, and 1106 stands in place of the last 1105"
        " (PROTOCOL.md 6.1).",
    ),
    "ServerCloses": (
        "Functionality",
        "The server ends the stream after the verdict without being asked (PROTOCOL.md 2.11). A client that goes on"
        " over this connection, or a server that leaves it open, hangs.",
    ),
    "ServerStays": (
        "Functionality",
        "The server leaves the connection open after the verdict, and ends its stream only after the client did"
        " (PROTOCOL.md 2.11).",
    ),
    "AnswerAfterGiveUp": (
        "Functionality",
        "1106 is answered with 2101 or a general error: it is the answer, and no refusal (PROTOCOL.md 2.12).",
    ),
    "AnswerAfterWrong": (
        "Functionality",
        "1105 is answered with 2101 or a general error, which the client reads before it goes on (PROTOCOL.md 10.5).",
    ),
    "Acknowledged": (
        "Functionality",
        "A verdict is acknowledged (PROTOCOL.md 10.5). A client that does not read the acknowledgement takes it for the"
        " answer to its next request.",
    ),
    "Reconnect": (
        "Functionality",
        "A client with an identity begins with a reconnect, and sends no public key (PROTOCOL.md 10.4).",
    ),
    "ReconnectRefused": (
        "Functionality",
        "The server does not know the client, which registers anew (PROTOCOL.md 10.4).",
    ),
    "RefusedTry": (
        "Functionality",
        "A refused request is sent again, with no 1105 between (PROTOCOL.md 6.3). Where the dialect has a general"
        " error, it is that and not 2101 (PROTOCOL.md 10.6).",
    ),
    "Packets": (
        "Functionality",
        "The file goes in three packets, and the only answer follows the last (PROTOCOL.md 10.7).",
    ),
    "Modifier": (
        "Functionality",
        "The conversation takes the turn that the modifier of its group gives it (PROTOCOL.md 10.2).",
    ),
}


def transcript_file(
    name: str, title: str, section: str, header: list[str], flags: list[str], *, since: int = 1
) -> VectorFile:
    return VectorFile(
        path=f"transcripts/{name}.json",
        title=title,
        decodes="transcript",
        section=section,
        header=header,
        notes={flag: NOTES[flag] for flag in flags},
        schema="transcript",
        since=since,
    )


def add(file: VectorFile, talk: Conversation, ident: str, comment: str, flags: list[str]) -> None:
    group: Group = file.group_for(talk.d, since=max(file.since, since(talk.d.name)), **talk.shared())
    group.tests.append(
        {
            "id": f"{talk.d.slug}-{ident}",
            "comment": comment,
            "flags": sorted({*flags, *_verdict_flags(talk)}),
            "result": "valid",
            "steps": talk.steps,
        }
    )


def requests(talk: Conversation) -> str:
    """The codes of what the client sends, in order."""
    messages = [step["message"] for step in talk.steps if step.get("from") == "client" and "message" in step]
    return ", ".join(str(talk.d.request_codes[message]) for message in messages)


def _verdict_flags(talk: Conversation) -> set[str]:
    """How the conversation ends, and what answers its verdicts."""
    flags = set()
    last = [step for step in talk.steps if step["event"] == "end"][-2:]
    flags.add("ServerCloses" if last[0]["from"] == "server" else "ServerStays")
    for before, step in itertools.pairwise(talk.steps):
        if step.get("from") == "server" and before.get("message") in ("cksum_right", "cksum_wrong", "give_up"):
            answer = step.get("message")
            if answer == "acknowledged":
                flags.add("Acknowledged")
            elif before["message"] == "give_up" and answer:
                flags.add("AnswerAfterGiveUp")
            elif before["message"] == "cksum_wrong" and answer:
                flags.add("AnswerAfterWrong")
    return flags


def dialects() -> list[Dialect]:
    return [dialect(name) for name in EVERY]
