"""A server in a thread that answers as it is told, made of the codec alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType

import backup_protocol as bp

# What to send back, `None` to end the connection; the content is that of a 1103.
Answer = Callable[[bp.Request, bytes], bytes | None]

DEADLINE = 20.0


class ScriptedServer:
    """Serves one connection after the other until the ``with`` block ends."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[bp.Request] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    @property
    def address(self) -> str:
        return "{}:{}".format(*self._listener.getsockname())

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # A shut-down listener fails the `accept` that waits.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(DEADLINE)
                try:
                    while self._request(connection):
                        pass
                except ConnectionError:
                    pass

    def _request(self, connection: socket.socket) -> bool:
        head = read(connection, bp.Dialect("seed").request_header_size)
        if not head:
            return False
        header = bp.RequestHeader.decode(head)
        try:
            fixed = read(connection, header.rest_size())
            content = read(connection, header.payload_size - len(fixed))
            request = bp.Request.decode(head + fixed + content)
        except bp.DecodeError:
            # A client that looks for the dialect: as a server does that does not know the request.
            connection.sendall(bp.Refused().encode())
            return False
        self.requests.append(request)
        answer = self.answer(request, content)
        if answer is None:
            return False
        connection.sendall(answer)
        return True


def read(connection: socket.socket, size: int) -> bytes:
    """``size`` bytes, or fewer if the stream ends before."""
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            break
        data += chunk
    return data


CLIENT_ID = bp.ClientId.from_hex("3f2a9c5e7b1d4e60a8c4d2f1906b5e73")
AES_KEY = bytes(range(16))


def backup(request: bp.Request, content: bytes) -> bytes | None:
    """The answers of a server that works, in the dialect that programs speak."""
    if isinstance(request, bp.Register):
        return bp.Registered(CLIENT_ID).encode()
    if isinstance(request, bp.SendPublicKey):
        return bp.WrappedKey(CLIENT_ID, bp.PublicKey(request.public_key).wrap(AES_KEY)).encode()
    if isinstance(request, bp.SendFile):
        cksum = bp.cksum(bp.decrypt(AES_KEY, content))
        return bp.FileReceived(CLIENT_ID, request.content_size, request.file_name, cksum).encode()
    return b"" if isinstance(request, bp.CksumWrong) else None
