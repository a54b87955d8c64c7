"""Decoders fed with any split, and explanations."""

from __future__ import annotations

import backup_protocol as bp
import pytest
from backup_protocol import strategies
from hypothesis import given
from hypothesis import strategies as st


@given(st.data())
def test_requests_come_out_however_they_are_cut(data: st.DataObject) -> None:
    dialect = data.draw(strategies.dialects())
    requests = data.draw(st.lists(strategies.requests(dialect), max_size=4))
    stream, expected = b"", []
    for request in requests:
        stream += request.encode(dialect=dialect)
        expected.append(request)
        if isinstance(request, bp.SendFile):
            size = request.packet.size if request.packet else request.content_size
            stream += b"c" * size
    decoder = bp.RequestDecoder(dialect=dialect)
    found: list[object] = []
    content = 0
    for piece in data.draw(strategies.pieces(stream)):
        decoder.feed(piece)
        for part in decoder:
            if isinstance(part, bytes):
                assert set(part) == {ord("c")}
                content += len(part)
            else:
                found.append(part)
    assert found == expected
    assert content == len(stream) - sum(len(request.encode(dialect=dialect)) for request in requests)
    assert (decoder.content_left, decoder.unread) == (0, 0)
    decoder.finish()


@given(st.data())
def test_responses_come_out_however_they_are_cut(data: st.DataObject) -> None:
    dialect = data.draw(strategies.dialects())
    responses = data.draw(st.lists(strategies.responses(dialect), max_size=4))
    decoder = bp.ResponseDecoder(dialect=dialect)
    found: list[object] = []
    for piece in data.draw(strategies.pieces(b"".join(r.encode(dialect=dialect) for r in responses))):
        decoder.feed(piece)
        found += decoder
    assert found == responses
    decoder.finish()


@given(st.data())
def test_every_byte_of_a_message_is_explained(data: st.DataObject) -> None:
    dialect = data.draw(strategies.dialects())
    message = data.draw(strategies.requests(dialect) | strategies.responses(dialect))
    raw = message.encode(dialect=dialect)
    if isinstance(message, bp.SendFile):
        raw += bytes(message.packet.size if message.packet else message.content_size)
    explained = bp.explain(raw, dialect=dialect)
    assert (explained.error, explained.unread) == (None, 0)
    assert explained.sender == ("client" if isinstance(message, bp.Request) else "server")
    assert b"".join(field.raw for field in explained.fields) == raw
    for field in explained.fields:
        if field.name == "file name":
            assert field.value == message.file_name  # type: ignore[union-attr]


@given(st.binary(max_size=600), st.data())
def test_anything_is_explained(raw: bytes, data: st.DataObject) -> None:
    dialect = data.draw(strategies.dialects())
    for sender in ("client", "server"):
        explained = bp.explain(raw, sender=sender, dialect=dialect)
        assert sum(field.size for field in explained.fields) + explained.unread == len(raw)
        assert str(explained)
        if explained.error is None:
            assert explained.unread == 0


def test_a_decoder_fails_for_good_after_what_came_before() -> None:
    decoder = bp.ResponseDecoder()
    decoder.feed(bp.Refused().encode() + bp.ResponseHeader(2999, 0).encode())
    assert next(decoder) == bp.Refused()
    for _ in range(2):
        with pytest.raises(bp.DecodeError, match="unknown code 2999"):
            next(decoder)
        with pytest.raises(bp.DecodeError, match="unknown code 2999"):
            decoder.finish()
    assert decoder.unread == 7


def test_an_explanation_shows_the_first_fault() -> None:
    answer = bytearray(bp.FileReceived(bytes(16), 32, "report.txt", 7).encode())
    answer[3:7] = (280).to_bytes(4, "little")
    explained = bp.explain(answer)
    assert explained.title == "2103 file received"
    assert [field.name for field in explained.fields] == ["version", "code", "payload size"]
    assert explained.error is not None
    assert (explained.error.slug, explained.error.offset) == ("payload-size", 3)
    match explained.fields[2]:
        case bp.Field("payload size", offset, size, value):
            assert (offset, size, value) == (3, 4, 280)
        case other:
            pytest.fail(repr(other))
    with pytest.raises(ValueError, match="'client' or 'server'"):
        bp.explain(answer, sender="nobody")  # type: ignore[arg-type]


def test_an_explanation_keeps_control_characters_from_the_terminal() -> None:
    request = bytearray(bp.Register("alice").encode())
    request[23:28] = b"a\x1b[2J"
    assert "\x1b" not in str(bp.explain(request))
