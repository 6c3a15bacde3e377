"""Connections to PostgreSQL that requests take turns with, first come, first served.

asyncpg's own pool gives a freed connection to whoever asks at that moment, before those who wait: the slowest
hundredth then waits twice as long. Its proxies and its reset also cost about a fifth of a session check. Nothing
here leaves a trace on a connection (no session setting, no temporary table), so there is nothing to reset; one whose
work was broken off is thrown away.
docs/decisions/0006-pool.md has the figures.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

import asyncpg

Connect = Callable[[], Awaitable[asyncpg.Connection]]


class Pool:
    """At most `size` connections, each made when it's first needed, by `connect`.

    Whoever finds none free waits `timeout` seconds for one. One event loop's.
    """

    def __init__(self, connect: Connect, *, size: int, timeout: float) -> None:
        self._connect = connect
        self._size = size
        self._timeout = timeout
        self._free: list[asyncpg.Connection] = []
        self._waiting: deque[asyncio.Future[asyncpg.Connection | None]] = deque()
        self._open = 0
        self._closed = False

    @property
    def open(self) -> int:
        """Connections that exist or are being made."""
        return self._open

    @property
    def idle(self) -> int:
        """Connections that nobody uses."""
        return len(self._free)

    async def take(self) -> asyncpg.Connection:
        """A connection, to be given back. Raises TimeoutError, asyncpg's errors and OSError."""
        if self._closed:
            raise asyncpg.InterfaceError("the pool is closed")
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
            self._open -= 1
        if self._open < self._size:
            self._open += 1
            return await self._make()
        turn: asyncio.Future[asyncpg.Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._timeout):
                given = await turn
        except BaseException:
            # Given up at the very moment of getting one: pass it on.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._pass_on(turn.result())
            else:
                with contextlib.suppress(ValueError):
                    self._waiting.remove(turn)
            raise
        return await self._make() if given is None else given

    def give_back(self, connection: asyncpg.Connection, *, broken_off: bool = False) -> None:
        """End a turn. A connection that broke, or is in the middle of something, is thrown away.

        broken_off: whether its work was. A BEGIN that was cancelled may have been executed all the same, and
        asyncpg couldn't tell: whatever the next one writes would be rolled back after it was answered.
        """
        if broken_off or self._closed or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
            self._pass_on(None)
        else:
            self._pass_on(connection)

    async def close(self) -> None:
        """Close what is free now, and the rest as it's given back; whoever waits gets an error."""
        self._closed = True
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(asyncpg.InterfaceError("the pool is closed"))
        free, self._free = self._free, []
        await asyncio.gather(*(_end(connection) for connection in free))

    async def _make(self) -> asyncpg.Connection:
        """A new connection, on a place that was counted already."""
        try:
            return await self._connect()
        except BaseException:
            self._pass_on(None)
            raise

    def _pass_on(self, connection: asyncpg.Connection | None) -> None:
        """Give a connection, or with None its place, to who waits the longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is None:
            self._open -= 1
        else:
            self._free.append(connection)


async def _end(connection: asyncpg.Connection) -> None:
    # A server that doesn't answer, or is gone already, is no reason not to stop.
    with contextlib.suppress(
        OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError
    ):
        await connection.close(timeout=1)
