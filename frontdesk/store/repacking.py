"""Rewriting the search index in the order in which it's read."""

import asyncio
import contextlib
from collections.abc import Callable

import asyncpg

from frontdesk.errors import OperatorError
from frontdesk.store.connection import explained

# Who can't have the table for so long gives way: everybody queues behind.
_LIMITS = {"lock_timeout": "3s", "statement_timeout": "0"}
_LOOK_EVERY = 0.5
# Measured at ten million people: reading and writing the table, of which PostgreSQL does either both at once or one
# after the other; then its indexes.
_READ, _WRITE, _INDEXES = 0.35, 0.35, 0.3


async def repack(url: str, *, tell: Callable[[float], None]) -> int:
    """Put the keys of search into their order on the disk; how many there are.

    A page of people lies on one or two pages of the table then, where it was on as many as it has people. Nobody can
    search or register meanwhile. tell: how much is done, from 0 to 1. Raises OperatorError; then nothing was changed.
    """
    with explained(url):
        connection = await asyncpg.connect(url, timeout=5, server_settings=_LIMITS)
        watch = asyncio.create_task(_watch(url, tell))
        try:
            await connection.execute("CLUSTER people_keys USING people_keys_key")
            # How the table lies, for plans; and that all of it is visible, for reading keys from the index alone.
            await connection.execute("VACUUM (ANALYZE) people_keys")
            return int(
                await connection.fetchval(
                    "SELECT reltuples FROM pg_class WHERE oid = 'people_keys'::regclass"
                )
            )
        except asyncpg.LockNotAvailableError as error:
            raise OperatorError(
                "something holds the search index for long", "See pg_stat_activity, and try again."
            ) from error
        except asyncpg.DiskFullError as error:
            raise OperatorError(
                "the disk is too small", "While it lasts, the search index takes its room twice."
            ) from error
        except asyncpg.InsufficientPrivilegeError as error:
            raise OperatorError(
                "this user may not rewrite the search index",
                "Run it as the one who runs `frontdesk migrate`.",
            ) from error
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            # Whoever interrupts it waits here until the server has heard of that.
            await connection.close()


async def _watch(url: str, tell: Callable[[float], None]) -> None:
    """Tell how far the server is, until it's enough. What can't be told isn't."""
    with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
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
                    parts = ((_READ, read, keys), (_WRITE, written, keys), (_INDEXES, rebuilt, indexes))
                    tell(sum(share * min(1.0, done / total) for share, done, total in parts))
                await asyncio.sleep(_LOOK_EVERY)
        finally:
            await connection.close()
