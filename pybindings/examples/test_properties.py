"""Property tests: whatever a client sends, and however it is cut, the answers are the same."""

from __future__ import annotations

import socket

import backup_protocol as bp
from backup_protocol import strategies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_server import SmallServer

# How long an example takes is no property of a server.
unhurried = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def answers_to(pieces: list[bytes]) -> list[bp.Response]:
    """What a fresh server answers to a stream that comes in these pieces."""
    client, server = socket.socketpair()
    with client, server:
        small = SmallServer()
        # The pieces are small enough for the buffers of the system; each is its own segment.
        for piece in pieces:
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        return list(small.answers(server))


@unhurried
@given(st.data())
def test_a_cut_changes_nothing(data: st.DataObject) -> None:
    names = data.draw(st.lists(strategies.names(), min_size=1, max_size=5))
    stream = b"".join(bp.Register(name).encode() for name in names)
    whole = answers_to([stream])
    cut = answers_to(data.draw(strategies.pieces(stream)))
    assert [type(answer) for answer in cut] == [type(answer) for answer in whole]
    assert sum(isinstance(answer, bp.Registered) for answer in whole) == len(set(names))


@unhurried
@given(st.data())
def test_decode_undoes_encode(data: st.DataObject) -> None:
    dialect = data.draw(strategies.dialects())
    response = data.draw(strategies.responses(dialect))
    assert bp.Response.decode(response.encode(dialect=dialect), dialect=dialect) == response
