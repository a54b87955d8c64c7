"""Transcript: the content is damaged on its way once."""

from __future__ import annotations

from conversation import Conversation, add, dialects, requests, transcript_file
from lib import VectorFile, main


def build() -> VectorFile:
    file = transcript_file(
        "repeat_then_right",
        "Transcript: wrong once, then right",
        "6.1",
        [
            "A bit of the content flips on its way. The server stores what it decrypts and answers with the checksum",
            "of that; the client sends 1105 and the same 1103 again, and reads only then.",
        ],
        ["Acknowledged", "Repeat", "ServerCloses", "ServerStays"],
    )
    for d in dialects():
        talk = Conversation(d, known=False)
        talk.register()
        talk.exchange_keys()
        talk.transmit(damaged=True)
        talk.judge("cksum_wrong")
        talk.transmit()
        talk.judge("cksum_right")
        talk.finish()
        add(file, talk, "repeat-then-right", requests(talk), ["Repeat"])
    return file


if __name__ == "__main__":
    main(build)
