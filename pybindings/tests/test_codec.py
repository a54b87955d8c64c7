"""Headers, messages, dialects and errors, beyond what the vectors say."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import backup_protocol as bp
import pytest
from paths import VECTORS

ID = bytes(range(16))


def test_messages_match_by_their_fields() -> None:
    message = bp.Request.decode(bp.SendFile(ID, 32, "report.txt").encode() + bytes(32))
    assert isinstance(message, bp.SendFile)
    assert bp.SendFile.__match_args__ == ("client_id", "content_size", "file_name", "packet")
    assert (message.client_id, message.content_size, message.file_name) == (bp.ClientId(ID), 32, "report.txt")


def test_the_repr_reads_like_the_specification() -> None:
    assert repr(bp.SendPublicKey(ID, "alice", bytes(160))) == (
        "SendPublicKey(client_id=ClientId(00010203…), name='alice', public_key=<160 bytes 00000000…>, version=3)"
    )
    assert repr(bp.Refused()) == "Refused(client_id=None, version=3)"


def test_the_whole_client_id_shows_only_when_asked_for() -> None:
    client_id = bp.ClientId(ID)
    assert client_id.reveal_hex() == ID.hex()
    assert bytes(client_id) == ID
    for text in (repr(client_id), str(client_id), repr(bp.Registered(client_id)), repr(bp.RequestHeader(ID, 1, 2))):
        assert ID.hex()[:8] in text
        assert ID.hex()[:10] not in text
    assert bp.ClientId.from_hex(ID.hex().upper()) == client_id
    assert client_id > bp.ClientId.ZERO
    assert bytes(bp.ClientId.generate())[:2] != bytes(2)


def test_every_buffer_is_taken() -> None:
    data = bp.Registered(ID).encode()
    spread = bytearray(2 * len(data))
    spread[::2] = data
    for buffer in (data, bytearray(data), memoryview(data), memoryview(spread)[::2]):
        assert bp.Response.decode(buffer) == bp.Registered(ID)
    with pytest.raises(TypeError, match="bytes-like"):
        bp.Response.decode("text")  # type: ignore[arg-type]


def test_a_dialect_is_taken_by_name_and_as_an_object() -> None:
    message = bp.FileReceived(ID, 32, "report.txt", 1)
    readme = bp.Dialect("readme")
    assert message.encode(dialect=readme) == message.encode(dialect="readme") != message.encode()
    assert bp.Response.decode(message.encode(dialect=readme), dialect="readme") == message
    with pytest.raises(ValueError, match="is no dialect and no file of one; possible are seed, readme, 2022c"):
        message.encode(dialect="sead")
    with pytest.raises(TypeError):
        message.encode(dialect=7)  # type: ignore[arg-type]


def test_a_dialect_comes_from_a_file(tmp_path: Path) -> None:
    path = VECTORS / "dialects" / "readme.json"
    readme = bp.Dialect.from_file(path)
    assert readme == bp.Dialect("readme") != bp.Dialect("seed")
    assert {readme, bp.Dialect("readme")} == {readme}
    text = path.read_text().replace('"readme"', '"mine"').replace("1104", "1204")
    mine = bp.Dialect.from_json(text)
    assert mine.request_codes["cksum_right"] == 1204
    data = bp.CksumRight(ID, "a").encode(dialect=mine)
    assert bp.Request.decode(data, dialect=mine) == bp.CksumRight(ID, "a")
    with pytest.raises(bp.DecodeError) as caught:
        bp.Request.decode(data)
    assert (caught.value.slug, caught.value.got) == ("unknown-code", 1204)

    with pytest.raises(bp.DialectError, match="not a dialect") as broken:
        bp.Dialect.from_json("{}")
    assert broken.value.section == "10"
    with pytest.raises(FileNotFoundError):
        bp.Dialect.from_file(tmp_path / "none.json")
    (tmp_path / "latin.json").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="UTF-8"):
        bp.Dialect.from_file(tmp_path / "latin.json")


@pytest.mark.parametrize("path", sorted((VECTORS / "dialects").glob("*.json")), ids=lambda path: path.stem)
def test_a_dialect_shows_every_parameter_as_its_file_has_it(path: Path) -> None:
    dialect = bp.Dialect(path.stem)
    parameters = json.loads(path.read_text())
    assert json.loads(dialect.to_json()) == parameters
    for name, value in parameters.items():
        shown = getattr(dialect, name)
        if isinstance(shown, bp.After):
            shown = {"answer": shown.answer, "close": shown.close}
        assert shown == value, name


def test_dialects_are_named_and_modified() -> None:
    names = ["seed", "readme", "2022c", "2023a", "2023c", "2024a", "2024c"]
    assert [dialect.name for dialect in bp.Dialect.all()] == [str(dialect) for dialect in bp.Dialect.all()] == names
    modified = bp.Dialect("2023a,pad=1024").modified("crc=zlib")
    assert modified == bp.Dialect("2023a,crc=zlib,pad=1024") != bp.Dialect("2023a")
    assert (modified.name, str(modified)) == ("2023a", "2023a,pad=1024,crc=zlib")
    assert repr(modified) == "Dialect('2023a,pad=1024,crc=zlib')"
    assert (modified.checksum, modified.response_padding) == ("zlib", 1024)
    assert (bp.Dialect("seed").request_header_size, bp.Dialect("seed,align=natural").request_header_size) == (23, 24)
    seed = bp.Dialect("seed")
    assert seed.content_size(seed.max_plain_size) == 4_294_967_008
    with pytest.raises(ValueError, match="too large"):
        seed.content_size(seed.max_plain_size + 1)


def test_a_file_goes_in_the_requests_of_the_dialect() -> None:
    assert bp.Dialect("seed").send_file(ID, 100, "a") == [bp.SendFile(ID, 112, "a")]
    packets = bp.Dialect("2024a,packet=48").send_file(ID, 100, "a")
    assert packets == [bp.SendFile(ID, 112, "a", bp.Packet(100, n, 3, size)) for n, size in ((1, 48), (2, 48), (3, 16))]
    for request in packets:
        assert request.packet is not None
        data = request.encode(dialect="2024a") + bytes(request.packet.size)
        assert bp.Request.decode(data, dialect="2024a") == request
    with pytest.raises(ValueError, match="too large"):
        bp.Dialect("2024a,packet=16").send_file(ID, 16 * 65535, "a")


def test_padding_is_part_of_a_message() -> None:
    dialect = bp.Dialect("seed,pad=1024,request-pad=1024,size=padded")
    data = bp.Registered(ID).encode(dialect=dialect)
    header = bp.ResponseHeader.decode(data[:7], dialect=dialect)
    assert (len(data), header.payload_size, header.rest_size(dialect=dialect)) == (1024, 1017, 1017)
    assert bp.Response.decode(data, dialect=dialect) == bp.Registered(ID)
    with pytest.raises(bp.DecodeError) as caught:
        bp.Response.decode(data[:-1], dialect=dialect)
    assert (caught.value.slug, caught.value.field) == ("truncated", "padding")
    assert len(bp.Register("a").encode(dialect=dialect)) == 1024


def test_a_server_reads_a_request_as_it_comes() -> None:
    data = bp.SendFile(ID, 48, "report.txt").encode()
    size = bp.Dialect("seed").request_header_size
    header = bp.RequestHeader.decode(data[:size])
    assert header.check() is bp.SendFile
    assert header.payload_size - header.rest_size() == 48
    assert len(data) - size == header.rest_size() == 275
    assert bp.Request.decode(data, content=False) == bp.SendFile(ID, 48, "report.txt")
    for wrong, slug, got in ((data + bytes(47), "truncated", 47), (data + bytes(50), "trailing-data", 2)):
        with pytest.raises(bp.DecodeError) as caught:
            bp.Request.decode(wrong)
        assert (caught.value.slug, caught.value.got) == (slug, got)


def test_an_error_says_where_and_survives_pickling() -> None:
    data = bytearray(bp.FileReceived(ID, 32, "report.txt", 1).encode())
    data[3] = 7
    with pytest.raises(bp.DecodeError) as caught:
        bp.Response.decode(data)
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        assert type(error) is bp.DecodeError
        assert isinstance(error, bp.BackupProtocolError)
        assert str(error) == "a payload size of 263 with code 2103, expected 279"
        assert (error.slug, error.section, error.field) == ("payload-size", "2.10", "payload size")
        assert (error.offset, error.expected, error.got) == (3, 279, 263)


@pytest.mark.parametrize(
    ("make", "exception", "text"),
    [
        (lambda: bp.Register(""), ValueError, "cannot be empty"),
        (lambda: bp.Register("x" * 255), ValueError, "254 is the most"),
        (lambda: bp.Register("a\0b"), ValueError, "NUL"),
        (lambda: bp.Register(b"alice"), TypeError, "str"),  # type: ignore[arg-type]
        (lambda: bp.Register("a\ud800"), UnicodeEncodeError, "surrogates"),
        (lambda: bp.Registered(bytes(15)), ValueError, "15 bytes, expected 16"),
        (lambda: bp.Registered(None), TypeError, "bytes-like"),  # type: ignore[arg-type]
        (lambda: bp.SendPublicKey(ID, "a", bytes(161)), ValueError, "161 bytes, expected 160 or 162"),
        (lambda: bp.WrappedKey(ID, bytes(127)), ValueError, "127 bytes, expected 128"),
        (lambda: bp.SendFile(ID, 0, "a"), ValueError, "positive multiple of 16"),
        (lambda: bp.SendFile(ID, 17, "a"), ValueError, "positive multiple of 16"),
        (lambda: bp.SendFile(ID, 2**32, "a"), OverflowError, "out of range"),
        (lambda: bp.SendFile(ID, -16, "a"), OverflowError, "out of range"),
        (lambda: bp.SendFile(ID, 2**32 - 16, "a").encode(), ValueError, "is the most"),
        (lambda: bp.Registered(ID, version=256), OverflowError, "out of range"),
        (lambda: bp.ResponseHeader(2100, 65536).encode(dialect="readme"), ValueError, "2 bytes"),
        (lambda: bp.SendPublicKey(ID, "a", bytes(162)).encode(), ValueError, "seed does not accept"),
        (lambda: bp.Reconnect(ID, "a").encode(), ValueError, "seed has no reconnect"),
        (lambda: bp.GeneralError().encode(), ValueError, 'seed has no response "general error"'),
        (lambda: bp.FileReceived(None, 16, "a", 1).encode(), ValueError, "seed has a client ID"),
        (lambda: bp.SendFile(ID, 16, "a").encode(dialect="2024a"), ValueError, "give packet="),
        (lambda: bp.SendFile(ID, 16, "a", bp.Packet(1, 1, 1, 16)).encode(), ValueError, "no packets"),
        (lambda: bp.Packet(1, 65536, 1, 16), OverflowError, "out of range"),
        (lambda: bp.Dialect("seed,crc=md5"), ValueError, "possible are posix, zlib, crc8"),
        (lambda: bp.Dialect("seed").modified("packet=16"), ValueError, "packets=yes"),
        (lambda: bp.ClientId.from_hex("00"), ValueError, "32 hex digits"),
        (lambda: bp.Request(), TypeError, "cannot create|No constructor"),
        (lambda: bp.encode_name("é" * 128), ValueError, "256 bytes"),
    ],
)
def test_bad_arguments_raise(make: Any, exception: type[Exception], text: str) -> None:
    with pytest.raises(exception, match=text):
        make()
