"""Transcript: the name belongs to another client."""

from __future__ import annotations

from conversation import Conversation, add, dialects, requests, transcript_file
from lib import VectorFile, main


def build() -> VectorFile:
    file = transcript_file(
        "name_taken",
        "Transcript: name taken",
        "2.9",
        [
            "Another client holds the name. The registration is refused with 2101 in every dialect, a general error or",
            "not, and the client, which has no identity, stops.",
        ],
        ["NameTaken", "ServerStays"],
        since=2,
    )
    for d in dialects():
        talk = Conversation(d, known=False, taken=True)
        talk.register_and_be_refused()
        talk.finish()
        add(file, talk, "name-taken", requests(talk), ["NameTaken"])
    return file


if __name__ == "__main__":
    main(build)
