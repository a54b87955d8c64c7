"""PROTOCOL.md 2.3, 4.3 and 10.7: a file comes in, in one 1103 or in many.

Where a dialect has no packet fields, each 1103 is packet 1 of 1. So there is one way through here.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import paths, requests
from .cksum import ContentCksum
from .connection import Payload
from .crypto import ContentDecryptor
from .dialect import Dialect
from .disk import StoreError
from .layout import WireError
from .refusal import EndOfPatience, Refusal
from .requests import Place, RequestHeader, SendFile
from .store import Client, Store, Upload


@dataclass(frozen=True)
class Received:
    """A file that is whole and durable."""

    file_name: str
    content_size: int  # bytes of the encrypted content
    plain_size: int  # bytes of the plaintext
    cksum: int
    version: int  # its number in the store


class FileReceiver:
    """The files of one connection, of which one at most is under way."""

    def __init__(self, dialect: Dialect, store: Store, discard_bytes: int) -> None:
        """Begin with no file. More than `discard_bytes` of a refused one is too much to read (2.10)."""
        self._dialect = dialect
        self._store = store
        self._discard_bytes = discard_bytes
        self._incoming: _Incoming | None = None
        self._refused: _RefusedFile | None = None

    @property
    def unfinished(self) -> bool:
        """Whether further packets of a file are awaited."""
        return self._incoming is not None

    def drop(self) -> None:
        """Forget the file that is under way: another request came, or the connection ends."""
        self._refused = None
        if self._incoming:
            self._incoming.upload.abandon()
            self._incoming = None

    def take(
        self, header: RequestHeader, payload: Payload, client: Client | None, aes_key: bytes | None
    ) -> Received | None:
        """Take a 1103; return the file that it completes, or None where there is nothing to answer.

        Client and key are those of the moment when the header was read (2.4); only packet 1 takes them.
        """
        fields = payload.read(requests.send_file_size(self._dialect))
        place = requests.packet_place(self._dialect, header, fields)
        if self._refused and place.number != 1:
            self._discard(self._refused, place, payload)
            return None
        if place.number == 1:
            self.drop()
        try:
            return self._take(requests.parse_send_file(self._dialect, header, fields), payload, client, aes_key)
        except (Refusal, WireError, StoreError) as error:
            raise self._refuse(place, str(error)) from None

    def _take(
        self, packet: SendFile, payload: Payload, client: Client | None, aes_key: bytes | None
    ) -> Received | None:
        if packet.place.number == 1:
            self._incoming = self._begin(packet, client, aes_key)
        if self._incoming is None:
            raise WireError("packet-number")
        incoming = self._incoming
        incoming.check(packet)
        while payload.remaining:
            incoming.write(payload.chunk())
        if packet.place.number < packet.place.total:
            return None
        received = incoming.finish()
        self.drop()
        return received

    def _begin(self, first: SendFile, client: Client | None, aes_key: bytes | None) -> _Incoming:
        if client is None:
            raise Refusal("unknown client ID")
        if aes_key is None:
            raise Refusal("a file before any key")
        try:
            paths.base_name(first.file_name)
        except paths.BadFileName as error:
            raise Refusal(f"bad file name: {error}") from None
        return _Incoming(self._dialect, first, self._store.upload(client, first.file_name), aes_key)

    def _refuse(self, place: Place, reason: str) -> Refusal:
        """Drop the file at a packet that is at fault, and be ready for the packets that its sender sends all the same.

        10.7: it reads no answer between packets, so they get none.
        """
        # What the file says of itself, its packet 1 said. Without one there is no file, and this answer is all.
        file = self._incoming.first.place if self._incoming else place
        begun = self._incoming is not None or place.number == 1
        self.drop()
        if not begun or place.number == file.total or file.total == 0:
            return Refusal(reason)
        if file.content_size > self._discard_bytes:
            return Refusal(reason, close=True)
        self._refused = _RefusedFile(file.total, self._discard_bytes)
        return Refusal(reason)

    def _discard(self, refused: _RefusedFile, place: Place, payload: Payload) -> None:
        if payload.remaining > refused.discard_bytes:
            # The answer to this file is out; the end of the stream is all that can follow it.
            raise EndOfPatience("the packets of a refused file hold more than they said")
        refused.discard_bytes -= payload.remaining
        payload.discard()
        if place.number == refused.total:
            self._refused = None


@dataclass
class _RefusedFile:
    """A file that was refused before its last packet."""

    total: int
    discard_bytes: int  # how much more of it may be read


class _Incoming:
    """A file of which packet 1 was taken."""

    def __init__(self, dialect: Dialect, first: SendFile, upload: Upload, aes_key: bytes) -> None:
        self.first = first
        self.upload = upload
        self._decryptor = ContentDecryptor(aes_key)
        self._cksum = ContentCksum(dialect.checksum, dialect.checksum_input)
        self._next_number = 1
        self._content_left = first.place.content_size
        self._plain_size = 0

    def check(self, packet: SendFile) -> None:
        """See that this is the packet that comes next, and that its content is as much as it may be."""
        first = self.first
        if packet.client_id != first.client_id or packet.place.content_size != first.place.content_size:
            raise WireError("packet-mismatch")
        if packet.original_size != first.original_size:
            raise WireError("packet-mismatch")
        if packet.place.number != self._next_number:
            raise WireError("packet-number")
        if packet.place.total != first.place.total or packet.file_name != first.file_name:
            raise WireError("packet-mismatch")
        self._next_number += 1
        self._content_left -= packet.packet_content_size
        last = packet.place.number == packet.place.total
        if self._content_left < 0 or (last and self._content_left > 0):
            raise WireError("packet-overflow")

    def write(self, content: bytes) -> None:
        """Decrypt a piece of the content into the upload."""
        self._cksum.content(content)
        self._plain(self._decryptor.update(content))

    def finish(self) -> Received:
        """Make the file durable. Only after this may the client hear of it (7.3)."""
        rest, padding = self._decryptor.finish()
        self._plain(rest)
        self._cksum.padding(padding)
        version = self.upload.finish()
        return Received(
            self.first.file_name, self.first.place.content_size, self._plain_size, self._cksum.value(), version
        )

    def _plain(self, plain: bytes) -> None:
        self._cksum.plain(plain)
        self._plain_size += len(plain)
        self.upload.write(plain)
