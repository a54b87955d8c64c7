"""Transcripts of dialects with modifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from conversation import Conversation, add, requests, transcript_file
from known_client import CHANGED
from layout import Dialect, after, dialect
from lib import VectorFile, main
from reconnecting import LONG_KEY


def build() -> VectorFile:
    file = transcript_file(
        "modified_talk",
        "Transcript: modifiers",
        "10.2",
        ["Conversations in which a modifier decides what is said, in what order, and who ends the connection."],
        [
            "Acknowledged",
            "AnswerAfterGiveUp",
            "AnswerAfterWrong",
            "FirstBackup",
            "GivingUp",
            "Modifier",
            "Reconnect",
            "Repeat",
            "ServerCloses",
            "ServerStays",
        ],
        since=2,
    )
    for d, play in _conversations():
        flag, ident, talk = play(d)
        talk.finish()
        add(file, talk, ident, requests(talk), ["Modifier", flag])
    return file


Played = tuple[str, str, Conversation]


def _conversations() -> Iterator[tuple[Dialect, Callable[[Dialect], Played]]]:
    for base in ("seed", "readme", "2023a", "2024a"):
        yield dialect(base, connection="request"), repeat
    yield dialect("2024c", connection="request", packet_size=48), first
    yield dialect("2023c", connection="request"), again
    for base, times in (("seed", 1), ("2023a", 2), ("2024c", 5)):
        yield dialect(base, transmissions=times), give_up
    for base, what in (
        ("seed", after("acknowledged", close=True)),
        ("seed", after("none")),
        ("readme", after("acknowledged-with-id")),
        ("2023a", after("none", close=True)),
    ):
        yield dialect(base, after_right=what), first
    for base, what in (
        ("seed", after("acknowledged")),
        ("2022c", after("none", close=True)),
        ("2023a", after("general-error")),
        ("2024a", after("acknowledged-with-id")),
        ("readme", after("refused")),
    ):
        yield dialect(base, after_wrong=what), repeat
    for base, what in (
        ("seed", after("acknowledged-with-id")),
        ("readme", after("none", close=True)),
        ("2023a", after("general-error")),
        ("2023c", after("refused", close=True)),
    ):
        yield dialect(base, after_give_up=what), give_up
    for base in ("seed", "2024a"):
        yield dialect(base, echoed_size="plain"), repeat
    yield dialect("seed", aes_key_size=32), first
    yield dialect("2024a", aes_key_size=16), first
    for base in ("2023a", "2024c"):
        yield dialect(base, reconnect_key="same"), again
    yield dialect("seed", checksum="zlib"), repeat
    yield dialect("2023a", checksum="crc8"), repeat
    yield dialect("seed", checksum_input="content"), repeat
    yield dialect("2024a", checksum="zlib", checksum_input="padded"), repeat
    yield dialect("2024a", packets=False), first
    yield dialect("seed", packets=True, packet_size=32), repeat
    for base in ("seed", "2024a"):
        yield dialect(base, byte_order="big", alignment="natural", name_width=256), first
    yield dialect("2024c", packet_byte_order="big", packet_size=48), first
    yield (
        dialect("seed", alignment="natural", response_padding=1024, checksum="zlib", checksum_input="content"),
        give_up,
    )
    yield (
        dialect("2023a", request_padding=1024, response_padding=2048, size_counts="padded", after_right=after("none")),
        first,
    )
    yield dialect("readme", client_id_in_payload=False, cksum_width=4, refused_payload="empty"), give_up
    yield dialect("2023c", file_received_fields=["content_size", "file_name", "cksum"], size_counts="message"), repeat


def first(d: Dialect) -> Played:
    talk = _begun(d)
    talk.transmit()
    talk.judge("cksum_right")
    return "FirstBackup", "first-backup", talk


def repeat(d: Dialect) -> Played:
    talk = _begun(d)
    talk.transmit(damaged=True)
    talk.judge("cksum_wrong")
    talk.transmit()
    talk.judge("cksum_right")
    return "Repeat", "repeat-then-right", talk


def give_up(d: Dialect) -> Played:
    talk = _begun(d)
    for _ in range(d.transmissions - 1):
        talk.transmit(damaged=True)
        talk.judge("cksum_wrong")
    talk.transmit(damaged=True)
    talk.judge("give_up")
    return "GivingUp", "giving-up", talk


def again(d: Dialect) -> Played:
    talk = Conversation(d, known=True, plaintext=CHANGED, aes_key=LONG_KEY)
    talk.reconnect()
    talk.transmit()
    talk.judge("cksum_right")
    return "Reconnect", "reconnecting", talk


def _begun(d: Dialect) -> Conversation:
    talk = Conversation(d, known=False)
    talk.register()
    talk.exchange_keys()
    return talk


if __name__ == "__main__":
    main(build)
