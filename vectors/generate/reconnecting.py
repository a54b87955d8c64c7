"""Transcript: the second run of a client, in the dialects that have a reconnect."""

from __future__ import annotations

from conversation import Conversation, add, requests, transcript_file
from known_client import AES_KEY, CHANGED
from layout import LATER, dialect
from lib import VectorFile, main

LONG_KEY = AES_KEY + bytes.fromhex("3d9f20b6e85c14a7720fd9834e6b1ca5")


def build() -> VectorFile:
    file = transcript_file(
        "reconnecting",
        "Transcript: reconnecting",
        "10.4",
        [
            "The client has its ID and its RSA key from an earlier run, in which the server stored the public key. It",
            "begins with a reconnect, and the answer holds a new AES key.",
        ],
        ["Acknowledged", "Reconnect", "ServerStays"],
        since=2,
    )
    for name in LATER:
        talk = Conversation(dialect(name), known=True, plaintext=CHANGED, aes_key=LONG_KEY)
        talk.reconnect()
        talk.transmit()
        talk.judge("cksum_right")
        talk.finish()
        add(file, talk, "reconnecting", requests(talk), ["Reconnect"])
    return file


if __name__ == "__main__":
    main(build)
