"""A capture that ends in the middle of a message."""

from __future__ import annotations

import backup_protocol as bp
from capture import explain


def test_each_field_is_named() -> None:
    stream = bp.Register("alice").encode() + bp.CksumRight(bytes(16), "a.txt").encode()[:-1]
    text = explain("client", stream)
    lines = text.splitlines()
    assert lines[0] == "client, 571 bytes"
    assert lines[1] == "1100 register, 278 bytes"
    assert "    23    255  client name      alice           61 6c 69 63 65 00 00 00 …" in lines
    assert "wrong at 39: file name at offset 39 needs 255 bytes, 254 are left (PROTOCOL.md 1.4)" in lines
    assert lines[-1] == "server, 0 bytes"
