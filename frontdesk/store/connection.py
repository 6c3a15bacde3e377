"""Connections to PostgreSQL, and the one border where its faults become ours."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol
from urllib.parse import urlsplit

import asyncpg

from frontdesk.errors import OperatorError, Unavailable

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
    """The pool of one process. Every fault of the connection is raised as Unavailable, nothing else is changed."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def execute(self, query: str, *args: Any) -> str:
        with _translated():
            async with self._pool.acquire() as connection:
                return str(await connection.execute(query, *args))

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        with _translated():
            async with self._pool.acquire() as connection:
                return list(await connection.fetch(query, *args))

    async def fetchrow(self, query: str, *args: Any) -> Any:
        with _translated():
            async with self._pool.acquire() as connection:
                return await connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        with _translated():
            async with self._pool.acquire() as connection:
                return await connection.fetchval(query, *args)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Queries]:
        """All or nothing: rolled back if the block raises."""
        with _translated():
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection

    def idle(self) -> int:
        return int(self._pool.get_idle_size())

    def size(self) -> int:
        return int(self._pool.get_size())

    async def close(self) -> None:
        """Wait for what runs, 5 s at the most, then close every connection."""
        try:
            await asyncio.wait_for(self._pool.close(), 5)
        except TimeoutError:
            self._pool.terminate()


async def open_database(url: str, *, size: int, timeout: float) -> Database:
    """A pool of at most `size` connections, each opened when it's first needed; `timeout` in seconds.

    Nothing is asked of the server yet. Raises OperatorError if `url` can't be read.
    """

    async def keep_as_it_is(_: asyncpg.Connection) -> None:
        # asyncpg's reset between two uses is a round trip. Nothing here leaves a trace on a connection: no
        # session setting, no temporary table, no open cursor.
        return None

    with _operator(url):
        return Database(
            await asyncpg.create_pool(
                url,
                min_size=0,
                max_size=size,
                timeout=timeout,
                command_timeout=timeout,
                reset=keep_as_it_is,
                server_settings={
                    "application_name": "frontdesk",
                    "statement_timeout": str(int(timeout * 1000)),
                    "idle_in_transaction_session_timeout": str(int(timeout * 2000)),
                    # Every statement is short; compiling one costs more than running it.
                    "jit": "off",
                },
            )
        )


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
            f"PostgreSQL at {where} has no database {name!r}", f"Make it: createdb {name}; then frontdesk migrate."
        ) from error
    except (ValueError, asyncpg.InterfaceError) as error:
        raise OperatorError(
            "FRONTDESK_DATABASE_URL can't be read", "It looks like postgresql://user:password@host:5432/database."
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


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _NOT_NOW as error:
        raise Unavailable(1) from error
