"""PROTOCOL.md 2 and 10: one connection, request by request.

Three things can happen to a request: it is answered; it is refused and the connection goes on; it is refused and
the connection is closed (2.10). The second is the exception `Refusal` that any step may raise, the third a Refusal
with `close`. A peer that goes away inside a message raises PeerGone, which drops the request without a trace.
"""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass

from . import crypto, requests, responses
from .connection import Connection, Payload, PeerGone
from .dialect import After, Dialect
from .disk import StoreError
from .layout import WireError
from .receiving import FileReceiver
from .refusal import EndOfPatience, Refusal
from .requests import RequestHeader
from .store import Client, NameTaken, NothingWaiting, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What an operator may set."""

    idle_seconds: float = 600.0  # without a byte from the peer, or room for one to it; 0: for ever
    discard_bytes: int = 16 * 1024 * 1024  # of a refused request, before the connection is closed instead (2.10)


class Session:
    """One connection with a client."""

    def __init__(self, connection: socket.socket, peer: str, dialect: Dialect, store: Store, limits: Limits) -> None:
        """Take over a connection; the caller closes the socket after `run`."""
        self._connection = Connection(connection, limits.idle_seconds)
        self._peer = peer
        self._dialect = dialect
        self._store = store
        self._limits = limits
        self._files = FileReceiver(dialect, store, limits.discard_bytes)
        # 2.4: the key that was last handed out on this connection, for each client. A second connection of the client
        # may have got another since; the content that comes in here was encrypted with this one.
        self._keys: dict[bytes, bytes] = {}
        # 6.5: the version that the last 2103 on this connection was about, for each client and file name. It stays
        # when the version is judged: a second 1105 must not fall through to the upload of another connection.
        self._answered: dict[tuple[bytes, str], int] = {}

    def run(self) -> None:
        """Serve requests until one side ends the connection."""
        try:
            while self._serve_one():
                pass
        except (PeerGone, EndOfPatience) as end:
            log.info("%s: %s", self._peer, end)
        finally:
            self._files.drop()
            self._connection.end()

    def _serve_one(self) -> bool:
        """Serve the next request; tell whether the connection goes on."""
        head = self._connection.read(requests.header_size(self._dialect), may_end=True)
        if not head:
            return False
        header = requests.parse_header(self._dialect, head)
        try:
            request = requests.check_header(self._dialect, header)
        except WireError as error:
            # The header says nothing true about what follows it, so nothing after it can be understood.
            self._refuse(header, error.slug)
            return False
        if request == "send_file":
            goes_on = self._serve_file(header)
        else:
            self._files.drop()  # 10.7: no other request comes between packets
            goes_on = self._serve_other(request, header)
        # 10.9: packets of one file share a connection even where each request has one of its own.
        return goes_on and (self._dialect.connection == "session" or self._files.unfinished)

    def _serve_file(self, header: RequestHeader) -> bool:
        payload = Payload(self._connection, header.payload_size)
        try:
            self._send_file(header, payload)
        except (Refusal, WireError, StoreError) as error:
            # 2.10: throw the rest away, unless it is too much.
            close = _closes(error) or payload.remaining > self._limits.discard_bytes
            if not close:
                payload.discard()
            self._refuse(header, str(error))
            return not close
        return True

    def _serve_other(self, request: str, header: RequestHeader) -> bool:
        fields = self._connection.read(header.payload_size)
        self._connection.read(requests.request_padding(self._dialect, header))
        try:
            if request == "register":
                self._register(header, fields)
                return True
            if request == "send_public_key":
                self._send_public_key(header, fields)
                return True
            if request == "reconnect":
                self._reconnect(header, fields)
                return True
            if request == "cksum_right":
                return self._cksum_right(header, fields)
            if request == "cksum_wrong":
                return self._cksum_wrong(header, fields)
            return self._give_up(header, fields)
        except (Refusal, WireError, StoreError) as error:
            self._refuse(header, str(error))
            return not _closes(error)

    # ---- 1100 ----------------------------------------------------------------------------------------------

    def _register(self, header: RequestHeader, fields: bytes) -> None:
        name = requests.parse_client_name(self._dialect, fields)  # 2.1: the client ID in the header is ignored
        try:
            client_id = self._store.register(name, header.version)
        except NameTaken:
            raise Refusal(f"the name {name!r} is taken") from None
        log.info("%s: registered %r as client %s", self._peer, name, _short(client_id))
        self._connection.send(responses.registered(self._dialect, client_id))

    # ---- 1101, and reconnecting ----------------------------------------------------------------------------

    def _send_public_key(self, header: RequestHeader, fields: bytes) -> None:
        client = self._known_client(header)
        request = requests.parse_send_public_key(self._dialect, fields)
        if request.name != client.name:  # 2.2
            raise Refusal("the name is not that of the client")
        public_key = crypto.read_public_key(request.public_key, self._dialect.public_key_sizes)
        aes_key = crypto.new_aes_key(self._dialect.aes_key_size)
        wrapped_key = crypto.wrap_key(public_key, aes_key)
        self._store.set_keys(client, request.public_key, aes_key, header.version)
        self._hand_out(client, aes_key)
        self._connection.send(responses.aes_key(self._dialect, client.client_id, wrapped_key))

    def _reconnect(self, header: RequestHeader, fields: bytes) -> None:
        client = self._known_client(header)
        if requests.parse_client_name(self._dialect, fields) != client.name:
            raise Refusal("the name is not that of the client")
        if client.public_key is None or client.aes_key is None:
            raise Refusal("the client has not sent a public key")
        if self._dialect.reconnect_key == "new":
            aes_key = crypto.new_aes_key(self._dialect.aes_key_size)
        else:
            aes_key = client.aes_key
        wrapped_key = crypto.wrap_key(crypto.read_public_key(client.public_key), aes_key)
        self._store.set_keys(client, client.public_key, aes_key, header.version)
        self._hand_out(client, aes_key)
        self._connection.send(responses.reconnected(self._dialect, client.client_id, wrapped_key))

    def _hand_out(self, client: Client, aes_key: bytes) -> None:
        self._keys[client.client_id] = aes_key
        log.info("%s: client %s gets an AES key", self._peer, _short(client.client_id))

    # ---- 1103 ----------------------------------------------------------------------------------------------

    def _send_file(self, header: RequestHeader, payload: Payload) -> None:
        # 2.4: the key is fixed now. Another connection may change the stored key while the fields and content come.
        client = self._store.client(header.client_id)
        aes_key = self._keys.get(header.client_id) or (client.aes_key if client else None)
        received = self._files.take(header, payload, client, aes_key)
        if received is None:
            return
        self._answered[header.client_id, received.file_name] = received.version
        short_id = _short(header.client_id)
        log.info("%s: received %r of client %s, cksum %d", self._peer, received.file_name, short_id, received.cksum)
        size = received.content_size if self._dialect.echoed_size == "content" else received.plain_size
        self._connection.send(
            responses.file_received(self._dialect, header.client_id, size, received.file_name, received.cksum)
        )

    # ---- 1104, 1105, 1106 ----------------------------------------------------------------------------------

    def _cksum_right(self, header: RequestHeader, fields: bytes) -> bool:
        try:
            client, file_name, version = self._judged(header, fields)
            self._store.cksum_right(client, file_name, version)
        except NothingWaiting:
            raise Refusal("nothing is waiting under this name", close=True) from None
        except (Refusal, WireError, StoreError) as error:
            raise Refusal(str(error), close=True) from None
        log.info("%s: verified %r of client %s", self._peer, file_name, _short(client.client_id))
        return self._after(self._dialect.after_right, header)

    def _cksum_wrong(self, header: RequestHeader, fields: bytes) -> bool:
        after = self._dialect.after_wrong
        try:
            client, file_name, version = self._judged(header, fields)
            self._store.cksum_wrong(client, file_name, version)
        except (Refusal, WireError, StoreError) as error:
            # No answer of its own: the client reads none here, and would take it for that to its next 1103.
            log.warning("%s: cannot honour a 1105: %s", self._peer, error)
            # But where the dialect says no to every 1105, the client waits for that (10.5).
            return self._after(after if _is_negative(after) else After("none", after.close), header)
        log.info("%s: dropped %r of client %s", self._peer, file_name, _short(client.client_id))
        return self._after(after, header)

    def _give_up(self, header: RequestHeader, fields: bytes) -> bool:
        after = self._dialect.after_give_up
        try:
            client, file_name, version = self._judged(header, fields)
            self._store.cksum_wrong(client, file_name, version)
        except (Refusal, WireError, StoreError) as error:
            if _is_negative(after):  # it gets the same as any 1106 (2.11)
                log.warning("%s: cannot honour a 1106: %s", self._peer, error)
                return self._after(after, header)
            raise Refusal(str(error), close=after.close) from None
        log.info("%s: client %s gave up on %r", self._peer, _short(client.client_id), file_name)
        return self._after(after, header)

    def _judged(self, header: RequestHeader, fields: bytes) -> tuple[Client, str, int | None]:
        """Find out what a verdict is about: client, file name, and the version answered on this connection."""
        client = self._known_client(header)
        verdict = requests.parse_verdict(self._dialect, header, fields)
        return client, verdict.file_name, self._answered.get((client.client_id, verdict.file_name))

    def _after(self, after: After, header: RequestHeader) -> bool:
        """Do what follows a verdict in this dialect (2.11, 10.5); tell whether the connection goes on."""
        self._connection.send(responses.after_verdict(self._dialect, after.answer, header.client_id))
        return not after.close

    # ---- common --------------------------------------------------------------------------------------------

    def _known_client(self, header: RequestHeader) -> Client:
        client = self._store.client(header.client_id)
        if client is None:
            raise Refusal("unknown client ID")
        return client

    def _refuse(self, header: RequestHeader, reason: str) -> None:
        log.warning("%s: refused a request with code %d: %s", self._peer, header.code, reason)
        request = self._dialect.request_of_code(header.code)
        self._connection.send(responses.refusal(self._dialect, request, header.client_id))


def _closes(error: Exception) -> bool:
    return isinstance(error, Refusal) and error.close


def _is_negative(after: After) -> bool:
    return after.answer in ("refused", "general-error")


def _short(client_id: bytes) -> str:
    """1.9: name a client in the log; the whole ID would let every reader of the log be that client."""
    return client_id[:4].hex() + "..."
