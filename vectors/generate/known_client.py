"""Transcript: the second run of a client."""

from __future__ import annotations

from conversation import Conversation, add, dialects, requests, transcript_file
from lib import VectorFile, main

CHANGED = b"Quarterly report, second version\n================================\n\nThat makes 6 times 16 bytes.\n"
AES_KEY = bytes.fromhex("c1a84e7093d65b2ff80c6d1e42b79a35")


def build() -> VectorFile:
    file = transcript_file(
        "known_client",
        "Transcript: known client",
        "4.5",
        [
            "The client has its ID and its RSA key from an earlier run, and begins at 1101. The file has a whole",
            "number of blocks, so that its padding is a block of its own.",
        ],
        ["Acknowledged", "KnownClient", "ServerCloses", "ServerStays"],
    )
    for d in dialects():
        if d.request_codes["reconnect"]:
            continue  # reconnect.json
        talk = Conversation(d, known=True, plaintext=CHANGED, aes_key=AES_KEY)
        talk.exchange_keys()
        talk.transmit()
        talk.judge("cksum_right")
        talk.finish()
        add(file, talk, "known-client", requests(talk), ["KnownClient"])
    return file


assert len(CHANGED) == 96

if __name__ == "__main__":
    main(build)
