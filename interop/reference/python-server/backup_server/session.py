"""PROTOCOL.md 2: one connection, request by request.

Three things can happen to a request: it is answered; it is refused and the connection goes on; it is refused and
the connection is closed (2.10). The second is the exception `Refusal` that any step may raise, the third a Refusal
with `close`. A peer that goes away inside a message raises PeerGone, which drops the request without a trace.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from dataclasses import dataclass

from . import crypto, paths, wire
from .cksum import Cksum
from .dialect import After, Dialect
from .store import Client, NameTaken, NothingWaiting, Store, StoreError, Upload

log = logging.getLogger(__name__)

CHUNK_SIZE = 256 * 1024  # bytes of content in memory at a time

# 2.10: how long and how much a server reads after it ended its sending side.
DRAIN_SECONDS = 1.0
DRAIN_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What an operator may set."""

    idle_seconds: float = 600.0  # without a byte from the peer, or room for one to it; 0: for ever
    discard_bytes: int = 16 * 1024 * 1024  # of a refused request, before the connection is closed instead (2.10)


class PeerGone(Exception):
    """The connection ended, broke, or was idle for too long."""


class Refusal(Exception):
    """The request is answered with 2101. `reason` goes to the log; the peer learns none."""

    def __init__(self, reason: str, *, close: bool = False) -> None:
        """Say why, and whether the connection ends."""
        super().__init__(reason)
        self.reason = reason
        self.close = close


class Session:
    """One connection with a client."""

    def __init__(self, connection: socket.socket, peer: str, dialect: Dialect, store: Store, limits: Limits) -> None:
        """Take over a connection; the caller closes the socket after `run`."""
        self._socket = connection
        self._peer = peer
        self._dialect = dialect
        self._store = store
        self._limits = limits
        self._reader = connection.makefile("rb")
        # 2.4: the key of the last 1101 on this connection, for each client. A second connection of the client may
        # have sent another 1101 since; the content that comes in here was encrypted with this one.
        self._keys: dict[bytes, bytes] = {}
        # 6.5: the version that the last 2103 on this connection was about, for each client and file name. It stays
        # when the version is judged: a second 1105 must not fall through to the upload of another connection.
        self._answered: dict[tuple[bytes, str], int] = {}

    def run(self) -> None:
        """Serve requests until one side ends the connection."""
        self._socket.settimeout(self._limits.idle_seconds or None)
        try:
            with self._reader:
                while self._serve_one():
                    pass
        except PeerGone as gone:
            log.info("%s: %s", self._peer, gone)
        self._end()

    def _serve_one(self) -> bool:
        """Serve the next request; tell whether the connection goes on."""
        head = self._read(wire.REQUEST_HEADER_SIZE, may_end=True)
        if not head:
            return False
        header = wire.parse_request_header(head)
        try:
            request = wire.check_header(self._dialect, header)
        except wire.WireError as error:
            # The header says nothing true about what follows it, so nothing after it can be understood.
            self._refuse(header, error.slug)
            return False

        payload = Payload(self, header.payload_size)
        try:
            return self._answer(request, header, payload)
        except (Refusal, wire.WireError, StoreError) as error:
            reason = error.reason if isinstance(error, Refusal) else str(error)
            close = isinstance(error, Refusal) and error.close
        # 2.10: throw the rest away, unless it is too much.
        if close or payload.remaining > self._limits.discard_bytes:
            self._refuse(header, reason)
            return False
        payload.discard()
        self._refuse(header, reason)
        return True

    def _answer(self, request: str, header: wire.RequestHeader, payload: Payload) -> bool:
        if request == "register":
            self._register(header, payload)
            return True
        if request == "send_public_key":
            self._send_public_key(header, payload)
            return True
        if request == "send_file":
            self._send_file(header, payload)
            return True
        if request == "cksum_right":
            return self._cksum_right(header, payload)
        if request == "cksum_wrong":
            return self._cksum_wrong(header, payload)
        return self._give_up(header, payload)

    # ---- 1100 ----------------------------------------------------------------------------------------------

    def _register(self, header: wire.RequestHeader, payload: Payload) -> None:
        request = wire.parse_register(payload.read_all())  # 2.1: the client ID in the header is ignored
        try:
            client_id = self._store.register(request.name, header.version)
        except NameTaken:
            raise Refusal(f"the name {request.name!r} is taken") from None
        log.info("%s: registered %r as client %s", self._peer, request.name, _short(client_id))
        self._send(wire.registered(self._dialect, client_id))

    # ---- 1101 ----------------------------------------------------------------------------------------------

    def _send_public_key(self, header: wire.RequestHeader, payload: Payload) -> None:
        fields = payload.read_all()
        client = self._known_client(header)
        request = wire.parse_send_public_key(fields)
        if request.name != client.name:  # 2.2
            raise Refusal("the name is not that of the client")
        public_key = crypto.read_public_key(request.public_key)
        aes_key = crypto.new_aes_key(self._dialect.aes_key_size)
        wrapped_key = crypto.wrap_key(public_key, aes_key)
        self._store.set_keys(client, request.public_key, aes_key, header.version)
        self._keys[client.client_id] = aes_key
        short_id = _short(client.client_id)
        log.info("%s: made an AES key for client %s (protocol version %d)", self._peer, short_id, header.version)
        self._send(wire.aes_key(self._dialect, client.client_id, wrapped_key))

    # ---- 1103 ----------------------------------------------------------------------------------------------

    def _send_file(self, header: wire.RequestHeader, payload: Payload) -> None:
        # 2.4: the key is fixed now. Another connection may change the stored key while the fields and content come.
        client = self._store.client(header.client_id)
        aes_key = self._keys.get(header.client_id) or (client.aes_key if client else None)
        fields = payload.read(wire.fixed_size(self._dialect, "send_file"))
        if client is None:
            raise Refusal("unknown client ID")
        if aes_key is None:
            raise Refusal("a file before any key")
        request = wire.parse_send_file(self._dialect, header, fields)
        try:
            paths.base_name(request.file_name)
        except paths.BadFileName as error:
            raise Refusal(f"bad file name: {error}") from None

        with self._store.upload(client, request.file_name) as upload:
            cksum = self._receive_content(payload, aes_key, upload)
            version = upload.finish()
        # Only here, with file and row durable, may the client hear of it (7.3).
        self._answered[client.client_id, request.file_name] = version
        log.info(
            "%s: received %r of client %s, cksum %d", self._peer, request.file_name, _short(client.client_id), cksum
        )
        self._send(wire.file_received(self._dialect, request, cksum))

    def _receive_content(self, payload: Payload, aes_key: bytes, upload: Upload) -> int:
        """Decrypt the content into the upload, piece by piece, and return the checksum of the plaintext."""
        decryptor = crypto.ContentDecryptor(aes_key)
        cksum = Cksum()
        while payload.remaining:
            plain = decryptor.update(payload.read(min(payload.remaining, CHUNK_SIZE)))
            cksum.update(plain)
            upload.write(plain)
        plain = decryptor.finish()
        cksum.update(plain)
        upload.write(plain)
        return cksum.value()

    # ---- 1104, 1105, 1106 ----------------------------------------------------------------------------------

    def _cksum_right(self, header: wire.RequestHeader, payload: Payload) -> bool:
        fields = payload.read_all()
        try:
            client, file_name, version = self._judged(header, fields)
            self._store.cksum_right(client, file_name, version)
        except NothingWaiting:
            raise Refusal("nothing is waiting under this name", close=True) from None
        except (Refusal, wire.WireError, StoreError) as error:
            raise Refusal(str(error), close=True) from None
        log.info("%s: verified %r of client %s", self._peer, file_name, _short(client.client_id))
        return self._after(self._dialect.after_right, header)

    def _cksum_wrong(self, header: wire.RequestHeader, payload: Payload) -> bool:
        fields = payload.read_all()
        try:
            client, file_name, version = self._judged(header, fields)
            self._store.cksum_wrong(client, file_name, version)
        except (Refusal, wire.WireError, StoreError) as error:
            # Never answered: the client reads no answer here, and would take it for that to its next 1103.
            log.warning("%s: cannot honour a 1105: %s", self._peer, error)
            return True
        log.info("%s: dropped %r of client %s", self._peer, file_name, _short(client.client_id))
        return self._after(self._dialect.after_wrong, header)

    def _give_up(self, header: wire.RequestHeader, payload: Payload) -> bool:
        fields = payload.read_all()
        try:
            client, file_name, version = self._judged(header, fields)
            self._store.cksum_wrong(client, file_name, version)
        except (Refusal, wire.WireError, StoreError) as error:
            # As for 1104 where the dialect closes after 1106; else the same 2101 as any 1106 gets (2.11).
            raise Refusal(str(error), close=self._dialect.after_give_up.close) from None
        log.info("%s: client %s gave up on %r", self._peer, _short(client.client_id), file_name)
        return self._after(self._dialect.after_give_up, header)

    def _judged(self, header: wire.RequestHeader, fields: bytes) -> tuple[Client, str, int | None]:
        """Find out what a verdict is about: client, file name, and the version answered on this connection."""
        client = self._known_client(header)
        verdict = wire.parse_verdict(self._dialect, header, fields)
        return client, verdict.file_name, self._answered.get((client.client_id, verdict.file_name))

    def _after(self, after: After, header: wire.RequestHeader) -> bool:
        """Do what follows an honoured verdict in this dialect (2.11); tell whether the connection goes on."""
        if after.answer == "refused":
            self._send(wire.refused(self._dialect, header))
        return not after.close

    # ---- common --------------------------------------------------------------------------------------------

    def _known_client(self, header: wire.RequestHeader) -> Client:
        client = self._store.client(header.client_id)
        if client is None:
            raise Refusal("unknown client ID")
        return client

    def _refuse(self, header: wire.RequestHeader, reason: str) -> None:
        log.warning("%s: refused a request with code %d: %s", self._peer, header.code, reason)
        self._send(wire.refused(self._dialect, header))

    def _send(self, message: bytes) -> None:
        try:
            self._socket.sendall(message)
        except OSError as error:
            raise PeerGone(f"lost while sending: {error}") from None

    def _read(self, size: int, *, may_end: bool = False) -> bytes:
        """Read exactly so many bytes, in whatever pieces they come (1.4). Nothing at all is fine if it `may_end`."""
        try:
            data = self._reader.read(size)
        except OSError as error:  # a timeout among them
            raise PeerGone(f"lost while reading: {error}") from None
        if len(data) < size and not (may_end and not data):
            raise PeerGone("ended inside a message")
        return data

    def _end(self) -> None:
        """Close so that the peer sees the end of the stream and not a reset (2.10, 2.11).

        A system that closes a socket with unread bytes in it sends a reset, and a reset throws away what the peer has
        not read yet, our last answer for one. So: end our sending side, and read for a while what still comes.
        """
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

    def __init__(self, session: Session, size: int) -> None:
        """Begin after the header."""
        self._session = session
        self.remaining = size

    def read(self, size: int) -> bytes:
        """Read the next bytes."""
        data = self._session._read(size)
        self.remaining -= size
        return data

    def read_all(self) -> bytes:
        """Read the rest. Only for the requests of a fixed size, 415 bytes at most."""
        return self.read(self.remaining)

    def discard(self) -> None:
        """Read the rest and throw it away."""
        while self.remaining:
            self.read(min(self.remaining, CHUNK_SIZE))


def _short(client_id: bytes) -> str:
    """1.9: name a client in the log; the whole ID would let every reader of the log be that client."""
    return client_id[:4].hex() + "..."
