"""Connections to PostgreSQL, and the one border where its faults become ours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol
from urllib.parse import urlsplit

import asyncpg

from frontdesk.errors import OperatorError, Unavailable
from frontdesk.store.pool import Pool

# What means "not now" and not "never": lost or refused connections, a server that starts, stops, fails over
# or is full, a schema that isn't there yet, and two transactions that stood in each other's way.
_NOT_NOW = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresSystemError,
)


class Queries(Protocol):
    """What a statement needs: a `Database`, or one connection inside a transaction."""

    async def execute(self, query: str, *args: Any) -> str: ...
    async def fetch(self, query: str, *args: Any) -> list[Any]: ...
    async def fetchrow(self, query: str, *args: Any) -> Any: ...
    async def fetchval(self, query: str, *args: Any) -> Any: ...


class Database:
    """The connections of one process. Every fault of theirs is raised as Unavailable, nothing else is changed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def execute(self, query: str, *args: Any) -> str:
        return str(await self._ask(asyncpg.Connection.execute, query, args))

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        return list(await self._ask(asyncpg.Connection.fetch, query, args))

    async def fetchrow(self, query: str, *args: Any) -> Any:
        return await self._ask(asyncpg.Connection.fetchrow, query, args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await self._ask(asyncpg.Connection.fetchval, query, args)

    async def _ask(self, method: Callable[..., Awaitable[Any]], query: str, args: tuple[Any, ...]) -> Any:
        try:
            connection = await self._pool.take()
            try:
                return await method(connection, query, *args)
            finally:
                self._pool.give_back(connection)
        except _NOT_NOW as error:
            raise Unavailable(1) from error

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Queries]:
        """All or nothing: rolled back if the block raises."""
        try:
            connection = await self._pool.take()
            try:
                async with connection.transaction():
                    yield connection
            finally:
                self._pool.give_back(connection)
        except _NOT_NOW as error:
            raise Unavailable(1) from error

    @property
    def open_connections(self) -> int:
        return self._pool.open

    @property
    def idle_connections(self) -> int:
        return self._pool.idle

    async def close(self) -> None:
        await self._pool.close()


def open_database(url: str, *, size: int, timeout: float) -> Database:
    """At most `size` connections to `url`, made as they're needed; `timeout` in seconds for each statement."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            url,
            timeout=timeout,
            command_timeout=timeout,
            server_settings={
                "application_name": "frontdesk",
                "statement_timeout": str(int(timeout * 1000)),
                "idle_in_transaction_session_timeout": str(int(timeout * 2000)),
                # Every statement is short; compiling one costs more than running it.
                "jit": "off",
            },
        )

    return Database(Pool(connect, size=size, timeout=timeout))


async def check(url: str, *, wait: float = 0.0) -> None:
    """Connect once, retrying for `wait` seconds while the server can't be reached.

    Raises OperatorError that says what is wrong and what to do; a wrong password isn't retried.
    """
    until = asyncio.get_running_loop().time() + wait
    while True:
        try:
            with _operator(url):
                connection = await asyncpg.connect(url, timeout=5)
                await connection.close()
                return
        except _Unreachable:
            if asyncio.get_running_loop().time() >= until:
                raise
            await asyncio.sleep(0.2)


class _Unreachable(OperatorError):
    """The server may be there in a moment."""


@contextlib.contextmanager
def _operator(url: str) -> Iterator[None]:
    parts = urlsplit(url)
    where = f"{parts.hostname or 'localhost'}:{_port(url)}"
    name = parts.path.lstrip("/")
    try:
        yield
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise OperatorError(
            f"PostgreSQL at {where} refuses the user {parts.username!r}",
            "Check user and password in FRONTDESK_DATABASE_URL, and the server's pg_hba.conf.",
        ) from error
    except asyncpg.InvalidCatalogNameError as error:
        raise OperatorError(
            f"PostgreSQL at {where} has no database {name!r}",
            f"Make it: createdb {name}; then frontdesk migrate.",
        ) from error
    except (ValueError, asyncpg.InterfaceError) as error:
        raise OperatorError(
            "FRONTDESK_DATABASE_URL can't be read",
            "It looks like postgresql://user:password@host:5432/database.",
        ) from error
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise _Unreachable(
            f"PostgreSQL at {where} doesn't answer",
            "Check that it runs, and host and port in FRONTDESK_DATABASE_URL.",
        ) from error


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or 5432
    except ValueError:
        return 5432
