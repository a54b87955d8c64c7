"""A client that is registered and has a key, for the tests that begin there."""

from __future__ import annotations

import itertools

from .peer import Peer
from .running import Running

STRANGER = bytes.fromhex("7f" * 16)
NAMES = (f"client{number}" for number in itertools.count())


class Backup:
    """The client, and its first connection."""

    def __init__(self, running: Running, client_name: str | None = None) -> None:
        self.running = running
        self.dialect = running.dialect
        self.peer = running.peer()
        self.writer = self.peer.writer
        self.name = client_name or next(NAMES)
        self.id = self.peer.register(self.name)
        self.key = self.peer.key(self.id, self.name)

    def again(self) -> Peer:
        """Open a further connection of the client."""
        return self.running.peer()

    def upload(self, file_name: str, plain: bytes, peer: Peer | None = None) -> None:
        (peer or self.peer).upload(self.id, self.key, file_name, plain)

    def right(self, file_name: str, peer: Peer | None = None) -> None:
        """Send 1104, see it honoured and end the connection."""
        self._judge("cksum_right", file_name, peer)

    def wrong(self, file_name: str, peer: Peer | None = None) -> None:
        self._judge("cksum_wrong", file_name, peer)

    def give_up(self, file_name: str, peer: Peer | None = None) -> None:
        self._judge("give_up", file_name, peer)

    def _judge(self, which: str, file_name: str, peer: Peer | None) -> None:
        peer = peer or self.again()
        peer.send(self.writer.verdict(self.id, which, file_name))
        after = {
            "cksum_right": self.dialect.after_right,
            "cksum_wrong": self.dialect.after_wrong,
            "give_up": self.dialect.after_give_up,
        }[which]
        peer.expect_after(after, self.id)
        peer.finish()
