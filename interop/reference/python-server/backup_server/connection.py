"""PROTOCOL.md 1.3, 1.4 and 2.10: exact counts of bytes from a socket, and an end that the peer sees as one."""

from __future__ import annotations

import contextlib
import socket
import time

CHUNK_SIZE = 256 * 1024  # bytes of content in memory at a time

# 2.10: how long and how much a server reads after it ended its sending side.
DRAIN_SECONDS = 1.0
DRAIN_BYTES = 1024 * 1024


class PeerGone(Exception):
    """The connection ended, broke, or was idle for too long."""


class Connection:
    """A socket that is read in whole fields. The caller closes the socket."""

    def __init__(self, connection: socket.socket, idle_seconds: float) -> None:
        """Take over a socket on which nothing may take longer than this; 0: for ever."""
        self._socket = connection
        self._socket.settimeout(idle_seconds or None)
        self._reader = connection.makefile("rb")

    def read(self, size: int, *, may_end: bool = False) -> bytes:
        """Read exactly so many bytes, in whatever pieces they come (1.4). Nothing at all is fine if it `may_end`."""
        try:
            data = self._reader.read(size)
        except OSError as error:  # a timeout among them
            raise PeerGone(f"lost while reading: {error}") from None
        if len(data) < size and not (may_end and not data):
            raise PeerGone("ended inside a message")
        return data

    def send(self, message: bytes) -> None:
        """Send a whole message."""
        try:
            self._socket.sendall(message)
        except OSError as error:
            raise PeerGone(f"lost while sending: {error}") from None

    def end(self) -> None:
        """Close so that the peer sees the end of the stream and not a reset (2.10, 2.11).

        A system that closes a socket with unread bytes in it sends a reset, and a reset throws away what the peer has
        not read yet, our last answer for one. So: end our sending side, and read for a while what still comes.
        """
        self._reader.close()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + DRAIN_SECONDS
            left = DRAIN_BYTES
            while left > 0:
                self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
                data = self._socket.recv(min(left, CHUNK_SIZE))
                if not data or time.monotonic() >= deadline:
                    break
                left -= len(data)


class Payload:
    """The payload of one request, of which so many bytes are still to come."""

    def __init__(self, connection: Connection, size: int) -> None:
        """Begin after the header."""
        self._connection = connection
        self.remaining = size

    def read(self, size: int) -> bytes:
        """Read the next bytes."""
        data = self._connection.read(size)
        self.remaining -= size
        return data

    def chunk(self) -> bytes:
        """Read some of the rest, or all of it."""
        return self.read(min(self.remaining, CHUNK_SIZE))

    def discard(self) -> None:
        """Read the rest and throw it away."""
        while self.remaining:
            self.chunk()
