"""A server in 60 lines, on the codec: one client at a time, files in memory. Not for keeping anything."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import backup_protocol as bp
from backup_protocol.aliases import AnyResponse


class SmallServer:
    """What it knows: names, public keys, AES keys, and the files that were called right."""

    def __init__(self) -> None:
        self.names: dict[bp.ClientId, str] = {}
        self.aes_keys: dict[bp.ClientId, bytes] = {}
        self.waiting: dict[tuple[bp.ClientId, str], bytes] = {}
        self.files: dict[tuple[str, str], bytes] = {}

    def serve(self, listener: socket.socket) -> None:
        """Serve one connection after the other, for ever."""
        while True:
            connection, _ = listener.accept()
            with connection:
                for answer in self.answers(connection):
                    connection.sendall(answer.encode())

    def answers(self, connection: socket.socket) -> Iterator[AnyResponse]:
        """Read requests, and yield what is answered, until a verdict closes the connection."""
        decoder = bp.RequestDecoder()
        file, content = None, b""
        while data := connection.recv(65536):
            decoder.feed(data)
            for part in decoder:
                match part:
                    case bp.Register(name) if name in self.names.values():
                        yield bp.Refused()
                    case bp.Register(name):
                        client = bp.ClientId.generate()
                        self.names[client] = name
                        yield bp.Registered(client)
                    case bp.SendPublicKey(client, name, key) if self.names.get(client) == name:
                        self.aes_keys[client] = os.urandom(32)
                        yield bp.WrappedKey(client, bp.PublicKey(key).wrap(self.aes_keys[client]))
                    case bp.SendFile(client) if client in self.aes_keys:
                        file, content = part, b""
                    case bytes() if file is not None:
                        content += part
                        if decoder.content_left == 0:
                            plain = bp.decrypt(self.aes_keys[file.client_id], content)
                            self.waiting[file.client_id, file.file_name] = plain
                            yield bp.FileReceived(file.client_id, file.content_size, file.file_name, bp.cksum(plain))
                    case bp.CksumRight(client, name) if (client, name) in self.waiting:
                        self.files[self.names[client], name] = self.waiting.pop((client, name))
                        return
                    case bp.CksumWrong(client, name):
                        self.waiting.pop((client, name), None)
                    case _:
                        yield bp.Refused()


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
        print("listening on {}:{}".format(*listener.getsockname()), flush=True)
        SmallServer().serve(listener)
