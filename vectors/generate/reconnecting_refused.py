"""Transcript: the server has forgotten the client."""

from __future__ import annotations

from conversation import Conversation, add, requests, transcript_file
from layout import LATER, dialect
from lib import MALLORY, VectorFile, main


def build() -> VectorFile:
    file = transcript_file(
        "reconnecting_refused",
        "Transcript: reconnect refused",
        "10.4",
        [
            "The client has an identity that the server does not know: its reconnect is refused, with the ID that it",
            "sent. It registers anew under the same name and gets another ID.",
        ],
        ["Acknowledged", "ReconnectRefused", "ServerStays"],
        since=2,
    )
    for name in LATER:
        talk = Conversation(dialect(name), known=False, former_id=MALLORY)
        talk.reconnect_refused()
        talk.register()
        talk.exchange_keys()
        talk.transmit()
        talk.judge("cksum_right")
        talk.finish()
        add(file, talk, "reconnecting-refused", requests(talk), ["ReconnectRefused"])
    return file


if __name__ == "__main__":
    main(build)
