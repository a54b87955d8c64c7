"""Transcript: a client that nobody knows backs up a file."""

from __future__ import annotations

from conversation import Conversation, add, dialects, transcript_file
from lib import VectorFile, main


def build() -> VectorFile:
    file = transcript_file(
        "first_backup",
        "Transcript: first backup",
        "6",
        ["Register, exchange keys, send one file, and the checksum is right."],
        ["FirstBackup", "ServerCloses", "ServerStays"],
    )
    for d in dialects():
        talk = Conversation(d, known=False)
        talk.register()
        talk.exchange_keys()
        talk.transmit()
        talk.judge("cksum_right")
        talk.end(server_first=d.closes_after_right)
        ends = "ServerCloses" if d.closes_after_right else "ServerStays"
        add(file, talk, "first-backup", "1100, 1101, 1103, 1104", ["FirstBackup", ends])
    return file


if __name__ == "__main__":
    main(build)
