"""Connections to PostgreSQL, and the one border where its faults become ours."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import asyncpg

from frontdesk.errors import OperatorError, Unavailable
from frontdesk.store.pool import Pool

# What means "not now" and not "never": lost or refused connections, a server that starts, stops, fails over
# or is full, a schema that isn't there yet, a table that is being rewritten, and two transactions that stood in each
# other's way.
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
    # Whose role waits less long for a lock than for an answer, as ours does in deploy/postgres.
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresSystemError,
    # Of several hosts in the URL, none is the primary just now.
    asyncpg.TargetServerAttributeNotMatched,
    # A connection whose server has said goodbye, and hasn't closed it yet.
    asyncpg.InternalClientError,
)


# Every statement of the service reads a few rows by an index. Planning it anew for each set of values, as PostgreSQL
# would for all that take arrays, costs more than running it. A plan that is made once may be made while a table is
# empty, and must still be good when it's full: hence never by reading one whole.
_LOOKUPS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # Whoever is looked up by their id is looked up once: remembering them costs more than it saves.
    "enable_memoize": "off",
    # What is read is in memory. As if it were on a disk, all that an index holds of a small table would be read and
    # sorted, to show the first eight.
    "random_page_cost": "1.1",
}

_BROKEN_OFF = (asyncio.CancelledError, TimeoutError, asyncpg.InternalClientError)


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
                found = await method(connection, query, *args)
            except BaseException as error:
                self._pool.give_back(connection, broken_off=isinstance(error, _BROKEN_OFF))
                raise
            self._pool.give_back(connection)
            return found
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
            except BaseException as error:
                self._pool.give_back(connection, broken_off=isinstance(error, _BROKEN_OFF))
                raise
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


def open_database(url: str, *, size: int, timeout: float, bulk: bool = False) -> Database:
    """At most `size` connections to `url`, made as they're needed; `timeout` in seconds for each statement.

    bulk: they're for statements about many rows, which are planned by what they're about.
    """

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
                **({} if bulk else _LOOKUPS),
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
            with explained(url):
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
def explained(url: str) -> Iterator[None]:
    """Raise OperatorError, in place of what connecting to `url` raises: what is wrong and what to do about it."""
    try:
        yield
    except (
        OSError,
        ValueError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    ) as error:
        raise _explain(error, url) from error


def _explain(error: Exception, url: str) -> OperatorError:
    try:
        parts = urlsplit(url)
    except ValueError:
        return _unreadable("")
    server = f"PostgreSQL at {_where(url)}"
    match error:
        case asyncpg.InvalidPasswordError():
            return OperatorError(
                f"{server} refuses the password of {parts.username or 'this user'}",
                "Check user and password in FRONTDESK_DATABASE_URL.",
            )
        case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InsufficientPrivilegeError():
            return OperatorError(
                f"{server} doesn't let {parts.username or 'this user'} in: {first_line(error)}",
                "Check the user in FRONTDESK_DATABASE_URL, and the server's pg_hba.conf.",
            )
        case asyncpg.InvalidCatalogNameError():
            name = parts.path.lstrip("/")
            return OperatorError(
                f"{server} has no database {name}", f"Make it: createdb {name}; then frontdesk migrate."
            )
        case asyncpg.PostgresConnectionError() | asyncpg.OperatorInterventionError():
            return _Unreachable(f"{server} isn't ready: {first_line(error)}", "Try again when it is.")
        case asyncpg.InsufficientResourcesError():
            return _Unreachable(
                f"{server} is full: {first_line(error)}",
                "Raise its max_connections, or lower FRONTDESK_DATABASE_POOL.",
            )
        case asyncpg.PostgresError():
            return OperatorError(
                f"{server} refuses the connection: {first_line(error)}",
                "Check what follows the ? in FRONTDESK_DATABASE_URL.",
            )
        case asyncpg.TargetServerAttributeNotMatched():
            return _Unreachable(
                f"none of {_where(url)} is what target_session_attrs in FRONTDESK_DATABASE_URL asks for",
                "Check that one of them is the primary.",
            )
        case ssl.SSLCertVerificationError():
            return OperatorError(
                f"{server} shows a certificate that isn't trusted: {error.verify_message}",
                "Name who signed it with sslrootcert=FILE in FRONTDESK_DATABASE_URL, and the host as it is in it.",
            )
        case ssl.SSLError():
            return OperatorError(
                f"{server} and we agree on no TLS: {error.reason}", "Check its certificate and ours."
            )
        case ConnectionError() if "SSL" in str(error):
            return OperatorError(
                f"{server} has no TLS, and sslmode in FRONTDESK_DATABASE_URL asks for it",
                "Turn it on there (ssl = on), or take sslmode out of the URL.",
            )
        case FileNotFoundError() if "ssl" in parts.query:
            return OperatorError(
                "a certificate that FRONTDESK_DATABASE_URL names isn't there",
                "Check the paths behind sslrootcert, sslcert and sslkey.",
            )
        case socket.gaierror():
            return _Unreachable(
                f"there's no host {_where(url)}: {error.strerror}",
                "Check the host in FRONTDESK_DATABASE_URL.",
            )
        case OSError():
            return _Unreachable(
                f"{server} doesn't answer", "Check that it runs, and host and port in FRONTDESK_DATABASE_URL."
            )
        case asyncpg.InternalClientError():
            return OperatorError(
                f"what answers at {_where(url)} isn't PostgreSQL", "Check the port in FRONTDESK_DATABASE_URL."
            )
        case _:
            # asyncpg says which of the options after the ? it doesn't understand; of the rest, nothing is repeated.
            said = first_line(error)
            return _unreadable(f": {said}" if "ssl" in said or "certificate" in said else "")


def _unreadable(why: str) -> OperatorError:
    return OperatorError(
        f"FRONTDESK_DATABASE_URL can't be read{why}",
        "It looks like postgresql://user:password@host:5432/database.",
    )


def _where(url: str) -> str:
    parts = urlsplit(url)
    # After the last @, so that nothing of a password is in it.
    return parts.netloc.rpartition("@")[2] or parse_qs(parts.query).get("host", ["localhost"])[0]


def first_line(error: BaseException) -> str:
    """What the error says, for a sentence; its kind where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
