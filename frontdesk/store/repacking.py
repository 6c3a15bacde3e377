"""Rewriting the search index in the order in which it's read."""

import asyncio
import contextlib
from collections.abc import Callable

import asyncpg

from frontdesk.errors import OperatorError
from frontdesk.store.connection import explained, first_line

_LIMITS = {
    # Who can't have the table for so long gives way: everybody queues behind.
    "lock_timeout": "3s",
    "statement_timeout": "0",
    # Of a command that was killed, the server would do the rest, and keep everybody out for as long.
    "client_connection_check_interval": "1s",
}
_LOOK_EVERY = 0.5
# Measured at ten million people: reading and writing the table, of which PostgreSQL does either both at once or one
# after the other; then its indexes. What is left is the vacuum.
_READ, _WRITE, _INDEXES = 0.35, 0.35, 0.25
CLUSTER = "CLUSTER people_keys USING people_keys_key"
_VACUUM = "VACUUM (ANALYZE) people_keys"
_FAULTS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def repack(url: str, *, tell: Callable[[float], None]) -> None:
    """Put the keys of search into their order on the disk.

    A page of people lies on one or two pages of the table then, where it was on as many as it has people. Nobody can
    search or register meanwhile. tell: how much is done, from 0 to 1. Raises OperatorError.
    """
    with explained(url):
        connection = await asyncpg.connect(url, timeout=5, server_settings=_LIMITS)
    watch = asyncio.create_task(_watch(url, tell))
    try:
        await connection.execute(CLUSTER)
        tell(_done(1, 1, 1))
        # In nobody's way, and must not be left out: how the table lies, for plans; and that all of it is visible, for
        # reading keys from the index alone.
        await connection.execute("SET lock_timeout = 0")
        await _vacuum(connection)
    except _FAULTS as error:
        raise _failed(error) from error
    finally:
        try:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
        finally:
            # Whoever interrupts it waits here until the server has heard of that.
            await connection.close()


async def _vacuum(connection: asyncpg.Connection) -> None:
    try:
        await connection.execute(_VACUUM)
    except _FAULTS as error:
        raise OperatorError(
            f"the search index is in order, but wasn't vacuumed: {first_line(error)}",
            f"Run {_VACUUM} in psql.",
        ) from error


def _failed(error: Exception) -> OperatorError:
    match error:
        case asyncpg.LockNotAvailableError():
            return OperatorError(
                "something holds the search index for long",
                "Try again when no import, migration or dump is under way; pg_stat_activity shows what is.",
            )
        case asyncpg.DiskFullError():
            return OperatorError(
                "the disk is full: nothing has changed",
                "The index takes its room twice for a while. Make that much, and try again.",
            )
        case asyncpg.InsufficientPrivilegeError():
            return OperatorError(
                "this user may not rewrite the search index",
                "Run it as the one who runs `frontdesk migrate`.",
            )
        case asyncpg.ReadOnlySQLTransactionError():
            return OperatorError(
                "this PostgreSQL is a replica", "Name the primary in FRONTDESK_DATABASE_URL."
            )
        case _:
            return OperatorError(
                f"it went wrong: {first_line(error)}", "See PostgreSQL's log, and try again."
            )


async def _watch(url: str, tell: Callable[[float], None]) -> None:
    """Tell how far the server is, until it's enough. What can't be told isn't."""
    with contextlib.suppress(*_FAULTS):
        connection = await asyncpg.connect(url, timeout=5)
        try:
            keys, indexes = await connection.fetchrow(
                """
                SELECT greatest(reltuples, 1), (SELECT count(*) FROM pg_index WHERE indrelid = pg_class.oid)
                  FROM pg_class WHERE oid = 'people_keys'::regclass
                """
            )
            while True:
                found = await connection.fetchrow(
                    """
                    SELECT heap_tuples_scanned, heap_tuples_written, index_rebuild_count
                      FROM pg_stat_progress_cluster WHERE relid = 'people_keys'::regclass
                    """
                )
                if found is not None:
                    read, written, rebuilt = found
                    tell(_done(read / keys, written / keys, rebuilt / indexes))
                await asyncio.sleep(_LOOK_EVERY)
        finally:
            await connection.close()


def _done(read: float, written: float, rebuilt: float) -> float:
    """What is done of all, when so much is of each. The number of keys is estimated: it may be more than all."""
    parts = ((_READ, read), (_WRITE, written), (_INDEXES, rebuilt))
    return sum(share * min(1.0, done) for share, done in parts)
