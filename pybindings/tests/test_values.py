"""Everything that is a value: equal by what it says, immutable, to be hashed, copied, pickled and matched."""

from __future__ import annotations

import copy
import inspect
import pickle
from pathlib import Path
from typing import Any

import backup_protocol as bp
import pytest

ID = bytes(range(16))
VALUES: list[Any] = [
    bp.Register("alice"),
    bp.SendPublicKey(ID, "alice", bytes(160)),
    bp.Reconnect(ID, "alice"),
    bp.SendFile(ID, 32, "report.txt"),
    bp.SendFile(ID, 32, "report.txt", bp.Packet(20, 1, 2, 16)),
    bp.CksumRight(ID, "report.txt"),
    bp.CksumWrong(ID, "report.txt"),
    bp.GiveUp(ID, "report.txt"),
    bp.Registered(ID),
    bp.Refused(),
    bp.Refused(ID),
    bp.WrappedKey(ID, bytes(128)),
    bp.FileReceived(ID, 32, "report.txt", 930766865),
    bp.FileReceived(None, None, "report.txt", 930766865),
    bp.Reconnected(ID, bytes(128)),
    bp.ReconnectRefused(ID),
    bp.GeneralError(),
    bp.Acknowledged(),
    bp.Acknowledged(ID, version=7),
    bp.Packet(20, 1, 2, 16),
    bp.RequestHeader(ID, 1100, 255),
    bp.ResponseHeader(2100, 16, version=9),
    bp.ClientId(ID),
    bp.ClientId.ZERO,
    bp.KeyPair.generate(),
    bp.KeyPair.generate().public_key,
    bp.Dialect("seed"),
    bp.Dialect("2023a,crc=zlib,pad=1024"),
    bp.Dialect.from_json(bp.Dialect("seed").to_json().replace('"seed"', '"mine"').replace("1104", "1204")),
    bp.After("acknowledged-with-id", close=True),
    bp.Field("version", 0, 1, 3, b"\3"),
    bp.Field("client name", 23, 255, "alice", b"alice".ljust(255, b"\0")),
    bp.Field("client ID", 23, 16, None, ID),
    bp.explain(bp.Register("alice").encode()),
    bp.explain(bp.Registered(ID).encode(dialect="readme")[:-1], dialect="readme"),
    bp.explain(b"", sender="server"),
    bp.ServerEvent("connected"),
    bp.ServerEvent("received", client_id=ID, file_name="report.txt", size=9, cksum=930766865),
    bp.ServerEvent("refused", request="send file", reason="unknown client"),
    bp.ServerClient("alice", "alice-00010203", "00010203", "seed", 1, 0),
    bp.StoredFile("alice", "report.txt", Path("store", "report.txt"), 9, 930766865, verified=True),
    bp.Sent("report.txt", 9, 930766865, 1, "verified"),
    bp.Played(3, "refused"),
]

# They have a state, or are the base of values.
OTHERS = {
    bp.Cksum,
    bp.Client,
    bp.Decryptor,
    bp.Encryptor,
    bp.FileCksum,
    bp.Request,
    bp.RequestDecoder,
    bp.Response,
    bp.ResponseDecoder,
    bp.Server,
}


def test_no_value_is_left_out() -> None:
    native = {thing for thing in vars(bp._native).values() if inspect.isclass(thing)}
    assert native - OTHERS == {type(value) for value in VALUES} - {bp.Played}


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_what_it_says(value: Any) -> None:
    for again in (pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)):
        assert type(again) is type(value)
        assert again == value
        assert hash(again) == hash(value)
        assert (repr(again), str(again)) == (repr(value), str(value))
    assert [other for other in VALUES if other == value] == [value]
    assert len({*VALUES, value}) == len(VALUES)
    with pytest.raises(AttributeError):
        value.anything = 4


@pytest.mark.parametrize(
    "value", [value for value in VALUES if hasattr(value, "__match_args__")], ids=lambda value: type(value).__name__
)
def test_what_a_pattern_takes_apart_makes_the_value_again(value: Any) -> None:
    fields = [getattr(value, name) for name in value.__match_args__]
    others = {} if not hasattr(value, "version") else {"version": value.version}
    if isinstance(value, bp.ServerEvent):
        names = ("client_id", "name", "file_name", "size", "cksum", "request", "reason")
        others = {name: getattr(value, name) for name in names}
    assert type(value)(*fields, **others) == value
    name = value.__match_args__[-1] if fields else "version"
    with pytest.raises(AttributeError):
        setattr(value, name, getattr(value, name))


def test_a_result_of_a_run_is_a_value(tmp_path: Path) -> None:
    with bp.Server() as server, bp.Client(server.address, "alice", tmp_path / "id") as client:
        sent = client.send(b"123456789", send_as="report.txt")
        server.wait_for("verified")
        seen = (sent, server.events, server.clients, server.files)
    assert sent == bp.Sent("report.txt", 9, 930766865, 1, "verified")
    assert pickle.loads(pickle.dumps(seen)) == seen


def test_an_empty_field_of_an_event_is_not_shown() -> None:
    assert repr(bp.ServerEvent("verified", client_id=ID, file_name="report.txt")) == (
        "ServerEvent(kind='verified', client_id=ClientId(00010203…), file_name='report.txt')"
    )


def test_a_key_pair_shows_nothing_but_in_a_pickle() -> None:
    pair = bp.KeyPair.generate()
    assert copy.deepcopy(pair).to_der() == pair.to_der()
    assert f"{pair!r} {pair}" == "<KeyPair> <KeyPair>"
