"""Transcript: content that does not decrypt, once."""

from __future__ import annotations

from conversation import Conversation, add, dialects, requests, transcript_file
from lib import VectorFile, main


def build() -> VectorFile:
    file = transcript_file(
        "refused_try",
        "Transcript: refused once, then right",
        "6.3",
        [
            "A bit of the last but one block flips on its way, so that the padding is wrong and the content does not",
            "decrypt. The server refuses it, and the client sends the same request again, without a verdict.",
        ],
        ["Acknowledged", "RefusedTry", "ServerCloses", "ServerStays"],
        since=2,
    )
    for d in dialects():
        talk = Conversation(d, known=False)
        talk.register()
        talk.exchange_keys()
        talk.transmit_and_be_refused()
        talk.transmit()
        talk.judge("cksum_right")
        talk.finish()
        add(file, talk, "refused-try", requests(talk), ["RefusedTry"])
    return file


if __name__ == "__main__":
    main(build)
