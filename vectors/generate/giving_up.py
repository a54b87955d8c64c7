"""Transcript: the content is damaged every time."""

from __future__ import annotations

from conversation import Conversation, add, dialects, transcript_file
from lib import VectorFile, main


def build() -> VectorFile:
    file = transcript_file(
        "giving_up",
        "Transcript: giving up",
        "6.1",
        [
            "A bit of the content flips on its way every time. After as many transmissions as the dialect allows, 3 or",
            "4, the client sends 1106, and the server no longer has the file.",
        ],
        ["Acknowledged", "AnswerAfterGiveUp", "GivingUp", "ServerCloses", "ServerStays"],
    )
    for d in dialects():
        talk = Conversation(d, known=False)
        talk.register()
        talk.exchange_keys()
        for _ in range(d.transmissions - 1):
            talk.transmit(damaged=True)
            talk.judge("cksum_wrong")
        talk.transmit(damaged=True)
        talk.judge("give_up")
        talk.finish()
        add(file, talk, "giving-up", f"{d.transmissions} times 1103, and 1106 after the last", ["GivingUp"])
    return file


if __name__ == "__main__":
    main(build)
