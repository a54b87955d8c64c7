"""Strategies for hypothesis: messages, names, dialects, and streams cut into pieces.

They come with ``pip install backup-protocol[hypothesis]``.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import strategies as st

import backup_protocol as bp

if TYPE_CHECKING:
    from backup_protocol.aliases import AnyRequest, AnyResponse

_U32 = st.integers(0, 2**32 - 1)
_VERSIONS = st.integers(0, 255)


def names(max_bytes: int = 254) -> st.SearchStrategy[str]:
    """Names that fit a name field: 1 to ``max_bytes`` bytes of UTF-8 without a NUL (PROTOCOL.md 1.8)."""
    # A NUL ends a name, and no character has more than 4 bytes.
    short = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=max(max_bytes // 4, 1))
    ascii_names = st.text(st.characters(exclude_characters="\0", codec="ascii"), min_size=1, max_size=max_bytes)
    return st.one_of(short, ascii_names)


def client_ids() -> st.SearchStrategy[bp.ClientId]:
    """Client IDs as a server may choose them: 16 bytes that do not begin ``00 00`` (PROTOCOL.md 1.9)."""
    return st.binary(min_size=16, max_size=16).filter(lambda raw: raw[:2] != b"\0\0").map(bp.ClientId)


def dialects() -> st.SearchStrategy[bp.Dialect]:
    """The built-in dialects (PROTOCOL.md 10.1)."""
    return st.sampled_from(bp.Dialect.all())


def requests(dialect: bp.Dialect | str = "seed") -> st.SearchStrategy[AnyRequest]:
    """Requests that the dialect has, without content."""
    spoken = dialect if isinstance(dialect, bp.Dialect) else bp.Dialect(dialect)
    key_sizes = st.sampled_from(spoken.public_key_sizes)
    keys = key_sizes.flatmap(lambda size: st.binary(min_size=size, max_size=size))
    ids = client_ids()
    kinds: list[st.SearchStrategy[AnyRequest]] = [
        st.builds(bp.Register, names(), client_id=ids, version=_VERSIONS),
        st.builds(bp.SendPublicKey, ids, names(), keys, version=_VERSIONS),
        files(spoken),
        st.builds(bp.CksumRight, ids, names(), version=_VERSIONS),
        st.builds(bp.CksumWrong, ids, names(), version=_VERSIONS),
        st.builds(bp.GiveUp, ids, names(), version=_VERSIONS),
    ]
    if spoken.request_codes["reconnect"] is not None:
        kinds.append(st.builds(bp.Reconnect, ids, names(), version=_VERSIONS))
    return st.one_of(kinds)


def files(dialect: bp.Dialect | str = "seed", max_size: int = 1 << 20) -> st.SearchStrategy[bp.SendFile]:
    """Send file requests of files of up to ``max_size`` bytes; of files in packets, any one of them."""
    spoken = dialect if isinstance(dialect, bp.Dialect) else bp.Dialect(dialect)
    sent = st.builds(spoken.send_file, client_ids(), st.integers(0, max_size), names())
    return sent.flatmap(st.sampled_from)


def responses(dialect: bp.Dialect | str = "seed") -> st.SearchStrategy[AnyResponse]:
    """Responses that the dialect has."""
    spoken = dialect if isinstance(dialect, bp.Dialect) else bp.Dialect(dialect)
    codes = spoken.response_codes
    ids = client_ids()
    wrapped = st.binary(min_size=128, max_size=128)
    fields = spoken.file_received_fields
    received = st.builds(
        bp.FileReceived,
        ids if "client_id" in fields else st.none(),
        _U32 if "content_size" in fields else st.none(),
        names(),
        _U32,
        version=_VERSIONS,
    )
    refused = ids if spoken.refused_payload == "client-id" else st.none()
    kinds: list[st.SearchStrategy[AnyResponse]] = [
        st.builds(bp.Registered, ids, version=_VERSIONS),
        st.builds(bp.Refused, refused, version=_VERSIONS),
        st.builds(bp.WrappedKey, ids, wrapped, version=_VERSIONS),
        received,
        st.builds(bp.Acknowledged, st.none() | ids, version=_VERSIONS),
    ]
    if codes["reconnected"] is not None:
        kinds.append(st.builds(bp.Reconnected, ids, wrapped, version=_VERSIONS))
    if codes["reconnect_refused"] is not None:
        kinds.append(st.builds(bp.ReconnectRefused, ids, version=_VERSIONS))
    if codes["general_error"] is not None:
        kinds.append(st.builds(bp.GeneralError, version=_VERSIONS))
    return st.one_of(kinds)


@st.composite
def pieces(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    """A stream cut anywhere: a receiver must not care (PROTOCOL.md 1.4)."""
    cuts = sorted(draw(st.sets(st.integers(0, len(stream)), max_size=20)) | {0, len(stream)})
    return [stream[begin:end] for begin, end in itertools.pairwise(cuts)]
