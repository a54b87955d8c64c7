"""A whole conversation, written down step by step, with the client ID, the RSA key and the AES key injected."""

from __future__ import annotations

from typing import Any

from Crypto.Cipher import AES
from file_cipher import encrypt
from keys import ALICE_KEY, LABEL, private_der, public_der
from lib import (
    ALICE,
    NO_ID,
    VERSION,
    Dialect,
    Group,
    VectorFile,
    cksum,
    dialect,
    name_field,
    request,
    request_fields,
    response,
    response_fields,
    u32,
)
from oaep import wrap

CLIENT_NAME = "alice"
FILE_NAME = "report.txt"
AES_KEY = bytes.fromhex("5f3a1c9e07b2d846e19f4c3b8a60d725")
PLAINTEXT = (
    b"Quarterly report\n================\n\nNothing was lost, since everything was backed up and then read back.\n"
)

REQUEST_HEADER = 23
FLIPPED_BYTE = 5
FLIPPED_BIT = 0x40
"""The damage is in the first block of content: it spoils that block and one bit of the next, and no padding."""


class Conversation:
    """One connection, over which alice backs up one file."""

    def __init__(self, d: Dialect, *, known: bool, plaintext: bytes = PLAINTEXT, aes_key: bytes = AES_KEY) -> None:
        self.d = d
        self.known = known
        self.plaintext = plaintext
        self.aes_key = aes_key
        self.content = encrypt(aes_key, plaintext)
        self.steps: list[dict[str, Any]] = [{"event": "connect", "connection": 1}]

    def shared(self) -> dict[str, Any]:
        """The parameters of the group."""
        return {
            "client": {"name": CLIENT_NAME, "client_id": ALICE.hex(), "known": self.known},
            "key_use": LABEL,
            "private_key": private_der(ALICE_KEY).hex(),
            "public_key": public_der(ALICE_KEY).hex(),
            "aes_key": self.aes_key.hex(),
            "file": {"name": FILE_NAME, "plaintext": self.plaintext.hex(), "cksum": cksum(self.plaintext)},
        }

    def register(self) -> None:
        self._request(NO_ID, "register", name_field(CLIENT_NAME), {"name": CLIENT_NAME}, [])
        self._response("registered", ALICE, {"client_id": ALICE.hex()}, [("client_id", 0, 16)])

    def exchange_keys(self) -> None:
        der = public_der(ALICE_KEY)
        fields = {"name": CLIENT_NAME, "public_key": der.hex()}
        places = [("client_id", 0, 16), ("public_key", REQUEST_HEADER + 255, 160)]
        self._request(ALICE, "send_public_key", name_field(CLIENT_NAME) + der, fields, places)
        wrapped = wrap(ALICE_KEY, self.aes_key, seed=b"transcript")
        fields = {"client_id": ALICE.hex(), "wrapped_key": wrapped.hex()}
        self._response("aes_key", ALICE + wrapped, fields, [("client_id", 0, 16), ("wrapped_key", 16, 128)])

    def transmit(self, *, damaged: bool = False) -> None:
        """1103 and its 2103. When damaged on the way, the server's checksum is that of what it decrypted."""
        size = len(self.content)
        places = [
            ("client_id", 0, 16),
            ("client_id", REQUEST_HEADER, 16),
            ("content", REQUEST_HEADER + 275, size),
        ]
        fields = {
            "client_id": ALICE.hex(),
            "content_size": size,
            "file_name": FILE_NAME,
            "content": self.content.hex(),
        }
        payload = ALICE + u32(size) + name_field(FILE_NAME) + self.content
        self._request(ALICE, "send_file", payload, fields, places)
        value = cksum(self.plaintext)
        places = [("client_id", 0, 16)]
        if damaged:
            at = REQUEST_HEADER + 275 + FLIPPED_BYTE
            sent = bytearray.fromhex(self.steps[-1]["bytes"])
            sent[at] ^= FLIPPED_BIT
            self.steps[-1]["delivered"] = sent.hex()
            value = cksum(self._decrypt(bytes(sent[REQUEST_HEADER + 275 :])))
            places.append(("cksum", 275, 4))
        fields = {"client_id": ALICE.hex(), "content_size": size, "file_name": FILE_NAME, "cksum": value}
        payload = ALICE + u32(size) + name_field(FILE_NAME) + u32(value).ljust(self.d.cksum_width, b"\0")
        self._response("file_received", payload, fields, places)

    def judge(self, message: str) -> None:
        """`cksum_right`, `cksum_wrong` or `give_up`."""
        fields = {"client_id": ALICE.hex(), "file_name": FILE_NAME}
        places = [("client_id", 0, 16), ("client_id", REQUEST_HEADER, 16)]
        self._request(ALICE, message, ALICE + name_field(FILE_NAME), fields, places)

    def refused_as_answer(self) -> None:
        """The 2101 that follows 1106 where the dialect answers it."""
        self._response("refused", ALICE, {"client_id": ALICE.hex()}, [("client_id", 0, 16)])

    def end(self, *, server_first: bool) -> None:
        for who in ("server", "client") if server_first else ("client", "server"):
            self.steps.append({"event": "end", "connection": 1, "from": who})

    def _request(
        self,
        header_id: bytes,
        message: str,
        payload: bytes,
        fields: dict[str, Any],
        places: list[tuple[str, int, int]],
    ) -> None:
        code = self.d.request_codes[message]
        whole = request(header_id, code, payload)
        self._message("client", message, whole, request_fields(header_id, code, len(payload), fields), places)

    def _response(
        self, message: str, payload: bytes, fields: dict[str, Any], places: list[tuple[str, int, int]]
    ) -> None:
        """`places` count from the start of the payload here."""
        code = self.d.response_codes[message]
        whole = response(self.d, code, payload, version=VERSION)
        header = len(whole) - len(payload)
        moved = [(what, header + offset, size) for what, offset, size in places]
        self._message("server", message, whole, response_fields(code, len(payload), fields), moved)

    def _message(
        self, who: str, message: str, whole: bytes, fields: dict[str, Any], places: list[tuple[str, int, int]]
    ) -> None:
        self.steps.append(
            {
                "event": "message",
                "connection": 1,
                "from": who,
                "message": message,
                "bytes": whole.hex(),
                "places": [{"what": what, "offset": offset, "size": size} for what, offset, size in places],
                "fields": fields,
            }
        )

    def _decrypt(self, content: bytes) -> bytes:
        blocks = AES.new(self.aes_key, AES.MODE_CBC, iv=bytes(16)).decrypt(content)
        return blocks[: -blocks[-1]]


NOTES = {
    "FirstBackup": (
        "Functionality",
        "A client that the server has never seen backs up its first file (PROTOCOL.md 6).",
    ),
    "KnownClient": (
        "Functionality",
        "A second run begins at 1101, under the stored client ID (PROTOCOL.md 4.5). The server makes a new AES key.",
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
        "1106 is answered with 2101: it is the answer, and no refusal (PROTOCOL.md 2.12).",
    ),
}


def transcript_file(name: str, title: str, section: str, header: list[str], flags: list[str]) -> VectorFile:
    return VectorFile(
        path=f"transcripts/{name}.json",
        title=title,
        decodes="transcript",
        section=section,
        header=header,
        notes={flag: NOTES[flag] for flag in flags},
        schema="transcript",
    )


def add(file: VectorFile, talk: Conversation, ident: str, comment: str, flags: list[str]) -> None:
    group: Group = file.group((talk.d.name,), **talk.shared())
    group.tests.append(
        {
            "id": f"{talk.d.name}-{ident}",
            "comment": comment,
            "flags": sorted(flags),
            "result": "valid",
            "steps": talk.steps,
        }
    )


def dialects() -> list[Dialect]:
    return [dialect("seed"), dialect("readme")]
