"""A proxy that records: put it between a client and a server, and look at what they said."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from backup_protocol._native import Dialect, RequestDecoder, ResponseDecoder, explain
from backup_protocol.errors import DecodeError

if TYPE_CHECKING:
    from typing import Self

    from backup_protocol._native import Explanation
    from backup_protocol.aliases import AnyRequest, AnyResponse

_CHUNK = 64 * 1024
# A server that stopped listening refuses at once; this bounds one whose machine does not answer.
_CONNECTS_WITHIN = 20.0


class Connection:
    """What went over one connection."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.sent = bytearray()
        """All bytes of the client."""
        self.received = bytearray()
        """All bytes of the server."""

    @property
    def requests(self) -> list[AnyRequest]:
        """The requests so far, up to the first that is none; the content of files is left out."""
        return [message for message, _ in self._requests() if message is not None]

    @property
    def responses(self) -> list[AnyResponse]:
        """The responses so far, up to the first that is none."""
        return [message for message, _ in self._responses() if message is not None]

    @property
    def errors(self) -> list[DecodeError]:
        """What is wrong in either direction: at most one each, since what follows it cannot be read."""
        sides = [*self._requests(), *self._responses()]
        return [explained.error for message, explained in sides if message is None and explained.error is not None]

    def __str__(self) -> str:
        """Every message of the client, then of the server, field by field."""
        parts = [f"client, {len(self.sent)} bytes\n"]
        parts += [f"{explained}" for _, explained in self._requests()]
        parts += [f"server, {len(self.received)} bytes\n"]
        parts += [f"{explained}" for _, explained in self._responses()]
        return "".join(parts)

    def _requests(self) -> Iterator[tuple[AnyRequest | None, Explanation]]:
        data = bytes(self.sent)
        begin = 0
        while begin < len(data):
            decoder = RequestDecoder(dialect=self.dialect)
            decoder.feed(data[begin:])
            try:
                message = next(decoder, None)
            except DecodeError:
                message = None
            if message is None or isinstance(message, bytes):
                yield None, self._explain(data[begin:], "client")
                return
            # What is left over says how long the message was. Its content may not all have come.
            end = len(data) - decoder.unread + decoder.content_left
            yield message, self._explain(data[begin:end], "client")
            begin = end

    def _responses(self) -> Iterator[tuple[AnyResponse | None, Explanation]]:
        data = bytes(self.received)
        begin = 0
        while begin < len(data):
            decoder = ResponseDecoder(dialect=self.dialect)
            decoder.feed(data[begin:])
            try:
                message = next(decoder, None)
            except DecodeError:
                message = None
            if message is None:
                yield None, self._explain(data[begin:], "server")
                return
            end = len(data) - decoder.unread
            yield message, self._explain(data[begin:end], "server")
            begin = end

    def _explain(self, data: bytes, sender: Literal["client", "server"]) -> Explanation:
        return explain(data, sender=sender, dialect=self.dialect)


class RecordingProxy:
    """Listens on a port of its own, hands every byte on unchanged, and keeps it.

    ``server`` is ``"host:port"``. ``dialect`` is what
    the recorded bytes are read in; it changes nothing of what is handed on. A ``with`` block starts and
    stops it. When a side ends its stream, the proxy ends it towards the other.
    """

    def __init__(self, server: str, *, dialect: Dialect | str = "seed") -> None:
        host, _, port = server.rpartition(":")
        self._server = (host.strip("[]"), int(port))
        self._dialect = dialect if isinstance(dialect, Dialect) else Dialect(dialect)
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.connections: list[Connection] = []
        """The connections in the order they were made, those under way included."""

    @property
    def address(self) -> str:
        """Where clients connect to, ``"host:port"``."""
        if self._listener is None:
            raise RuntimeError("the proxy was not started")
        host, port = self._listener.getsockname()[:2]
        return f"{host}:{port}"

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._start(self._accept)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End all connections, and wait until everything that came is recorded."""
        assert self._listener is not None
        # A shut-down listener fails the `accept` that waits; so do sockets that wait to be read.
        for each in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in [self._listener, *self._sockets]:
            each.close()

    def _start(self, function: object, *args: object) -> None:
        thread = threading.Thread(target=function, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        assert self._listener is not None
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            try:
                server = socket.create_connection(self._server, timeout=_CONNECTS_WITHIN)
            except OSError:
                # The client sees what it would see of a server that closes at once.
                client.close()
                continue
            server.settimeout(None)
            self._sockets.append(server)
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(self._dialect)
            self.connections.append(connection)
            self._start(_pump, client, server, connection.sent)
            self._start(_pump, server, client, connection.received)


def _pump(source: socket.socket, target: socket.socket, record: bytearray) -> None:
    try:
        while data := source.recv(_CHUNK):
            record += data
            target.sendall(data)
    except OSError:
        pass
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
