"""Transcript: a file in three packets."""

from __future__ import annotations

from conversation import Conversation, add, requests, transcript_file
from layout import dialect
from lib import VectorFile, main


def build() -> VectorFile:
    file = transcript_file(
        "three_packets",
        "Transcript: three packets",
        "10.7",
        [
            "The content goes in packets of 48 bytes at most, one after the other, and only the last one is answered.",
            "The second conversation of each dialect has a bit flipped in the first packet.",
        ],
        ["Acknowledged", "Packets", "Repeat", "ServerStays"],
        since=2,
    )
    for name in ("2024a", "2024c"):
        d = dialect(name, packet_size=48)
        talk = Conversation(d, known=False)
        talk.register()
        talk.exchange_keys()
        talk.transmit()
        talk.judge("cksum_right")
        talk.finish()
        add(file, talk, "first-backup", requests(talk), ["Packets"])
        talk = Conversation(d, known=False)
        talk.register()
        talk.exchange_keys()
        talk.transmit(damaged=True)
        talk.judge("cksum_wrong")
        talk.transmit()
        talk.judge("cksum_right")
        talk.finish()
        add(file, talk, "repeat-then-right", requests(talk), ["Packets", "Repeat"])
    return file


if __name__ == "__main__":
    main(build)
