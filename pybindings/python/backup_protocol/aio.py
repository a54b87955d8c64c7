"""The client for asyncio, and for whatever runs below anyio."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Callable, Iterable
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from backup_protocol._native import Client, ClientId, Sent

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import ParamSpec

    from backup_protocol._native import Dialect
    from backup_protocol.aliases import Sendable
    from backup_protocol.errors import ClientError

    _P = ParamSpec("_P")

_T = TypeVar("_T")

# How long a call that was cancelled is waited for before it is told again. The first time may have been before
# it began.
_GLANCE = 0.05


class AsyncClient:
    """``Client`` for ``async with``: the same arguments, methods and errors.

    The calls run in threads. One that is cancelled ends as ``Client.interrupt`` ends it: the connection
    is closed, the identity stays, and the client can be used again. ``progress`` is called in the event
    loop. It works under asyncio, and under whatever anyio works under.
    """

    def __init__(
        self,
        server: str,
        name: str,
        identity: str | PathLike[str],
        *,
        dialect: Dialect | str = "auto",
        connection_per_request: bool = False,
        key_per: Literal["file", "connection"] = "file",
        timeout: float = 30.0,
        wrong_verdicts: int = 0,
    ) -> None:
        self._open = functools.partial(
            Client,
            server,
            name,
            identity,
            dialect=dialect,
            connection_per_request=connection_per_request,
            key_per=key_per,
            timeout=timeout,
            wrong_verdicts=wrong_verdicts,
        )
        self._client: Client | None = None

    async def __aenter__(self) -> Self:
        """Open and lock the identity folder. Raises ``LocalError``."""
        self._client = await _in_thread(lambda: None, self._open)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Unlock the identity folder."""
        self._opened().close()

    async def register(self) -> ClientId:
        """As ``Client.register``."""
        return await self._call(self._opened().register)

    async def exchange_keys(self) -> None:
        """As ``Client.exchange_keys``."""
        await self._call(self._opened().exchange_keys)

    async def send(
        self, source: Sendable, *, send_as: str | None = None, progress: Callable[[int, int], object] | None = None
    ) -> Sent:
        """As ``Client.send``."""
        told = _in_loop(progress)
        return await self._call(self._opened().send, source, send_as=send_as, progress=told)

    async def send_all(
        self, paths: Iterable[str | PathLike[str]], *, progress: Callable[[int, int], object] | None = None
    ) -> list[Sent | ClientError]:
        """As ``Client.send_all``."""
        return await self._call(self._opened().send_all, list(paths), progress=_in_loop(progress))

    @property
    def client_id(self) -> ClientId | None:
        """As ``Client.client_id``."""
        return self._opened().client_id

    @property
    def dialect(self) -> str | None:
        """As ``Client.dialect``."""
        return self._opened().dialect

    @property
    def key_fingerprint(self) -> str:
        """As ``Client.key_fingerprint``."""
        return self._opened().key_fingerprint

    def _opened(self) -> Client:
        if self._client is None:
            raise RuntimeError("use the client in an 'async with' block")
        return self._client

    async def _call(self, function: Callable[_P, _T], *args: _P.args, **keywords: _P.kwargs) -> _T:
        call = functools.partial(function, *args, **keywords)
        return await _in_thread(self._opened().interrupt, call)


def _in_asyncio() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _in_loop(progress: Callable[[int, int], object] | None) -> Callable[[int, int], object] | None:
    """``progress``, called in the event loop by a thread."""
    if progress is None:
        return None
    loop = _in_asyncio()
    if loop is not None:
        return lambda done, total: loop.call_soon_threadsafe(progress, done, total)
    import anyio.from_thread

    return lambda done, total: anyio.from_thread.run_sync(progress, done, total)


async def _in_thread(interrupt: Callable[[], object], call: Callable[[], _T]) -> _T:
    loop = _in_asyncio()
    # A cancelled scope of anyio cancels again and again what waits in it, unless anyio shields it.
    if loop is None or "anyio" in sys.modules:
        return await _in_anyio(interrupt, call)
    future: asyncio.Future[_T] = loop.run_in_executor(None, call)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        # Nothing of the call is left over once the caller goes on.
        while not future.done():
            interrupt()
            await asyncio.wait([future], timeout=_GLANCE)
        # What it came to is of no use to anyone; asyncio would complain that nobody looked.
        future.exception()
        raise


async def _in_anyio(interrupt: Callable[[], object], call: Callable[[], _T]) -> _T:
    import anyio
    import anyio.to_thread

    done = anyio.Event()
    result: list[Any] = []

    async def run() -> None:
        try:
            with anyio.CancelScope(shield=True):
                result.append(await anyio.to_thread.run_sync(functools.partial(_outcome, call)))
        finally:
            done.set()

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        try:
            await done.wait()
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                while not done.is_set():
                    interrupt()
                    with anyio.move_on_after(_GLANCE):
                        await done.wait()
            raise
    value, error = result[0]
    if error is not None:
        raise error
    return value  # type: ignore[no-any-return]


def _outcome(call: Callable[[], _T]) -> tuple[_T | None, Exception | None]:
    """What a call came to: a task group would wrap what it raises."""
    try:
        return call(), None
    except Exception as error:
        return None, error
