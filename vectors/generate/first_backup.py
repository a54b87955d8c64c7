"""Transcript: a client that nobody knows backs up a file."""

from __future__ import annotations

from conversation import Conversation, add, dialects, requests, transcript_file
from lib import VectorFile, main


def build() -> VectorFile:
    file = transcript_file(
        "first_backup",
        "Transcript: first backup",
        "6",
        ["Register, exchange keys, send one file, and the checksum is right."],
        ["Acknowledged", "FirstBackup", "ServerCloses", "ServerStays"],
    )
    for d in dialects():
        talk = Conversation(d, known=False)
        talk.register()
        talk.exchange_keys()
        talk.transmit()
        talk.judge("cksum_right")
        talk.finish()
        add(file, talk, "first-backup", requests(talk), ["FirstBackup"])
    return file


if __name__ == "__main__":
    main(build)
