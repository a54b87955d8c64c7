"""PROTOCOL.md 2.10: how a request is turned down."""

from __future__ import annotations


class Refusal(Exception):
    """The request gets the negative answer. `reason` goes to the log; the peer learns none."""

    def __init__(self, reason: str, *, close: bool = False) -> None:
        """Say why, and whether the connection ends."""
        super().__init__(reason)
        self.close = close


class EndOfPatience(Exception):
    """A file that was refused goes on for too long. The connection ends; its one answer is out."""
