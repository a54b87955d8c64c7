"""PROTOCOL.md 1.1: the listening socket, and one thread for each connection."""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from typing import Any

from .dialect import Dialect
from .session import Limits, Session
from .store import Store

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0


class _Handler(socketserver.BaseRequestHandler):
    server: BackupServer

    def handle(self) -> None:
        server = self.server
        peer = _host_and_port(self.client_address)
        with contextlib.suppress(OSError):  # some systems refuse where the peer is gone already
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)  # 1.4
        with server.tracked(self.request):
            Session(self.request, peer, server.dialect, server.store, server.limits).run()


class BackupServer(socketserver.ThreadingTCPServer):
    """Listens from the moment it is made; `serve_forever` accepts."""

    allow_reuse_address = True  # a server that was restarted need not wait for its old connections to time out
    daemon_threads = True  # a client that hangs must not keep the process from ending
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, dialect: Dialect, store: Store, limits: Limits) -> None:
        """Bind and listen; OSError where that fails."""
        self.dialect = dialect
        self.store = store
        self.limits = limits
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._mutex = threading.Lock()
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    @property
    def listening_on(self) -> str:
        """Return host and port, the port being the real one where 0 was asked for."""
        return _host_and_port(self.server_address)

    @contextlib.contextmanager
    def tracked(self, connection: socket.socket) -> Iterator[None]:
        """Remember a connection while it is served."""
        with self._mutex:
            self._connections[connection] = threading.current_thread()
        try:
            yield
        finally:
            with self._mutex:
                del self._connections[connection]

    def stop(self) -> None:
        """Stop accepting, let requests that are complete be answered, and end all connections."""
        self.shutdown()
        self.server_close()
        with self._mutex:
            serving = dict(self._connections)
        for connection in serving:
            # A session that waits for bytes reads the end of the stream, one that works finishes its work first.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RD)
        deadline = time.monotonic() + STOP_SECONDS
        for thread in serving.values():
            thread.join(max(deadline - time.monotonic(), 0))

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Log what no session expected; the connection ends, the server goes on."""
        log.exception("%s: a session failed", _host_and_port(client_address))


def _host_and_port(address: Any) -> str:
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
