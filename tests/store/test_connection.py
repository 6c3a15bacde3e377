"""What becomes of a connection whose server goes away, or lets it wait."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
import pytest

from frontdesk.errors import Unavailable
from frontdesk.store.connection import open_database

pytestmark = pytest.mark.anyio


@pytest.fixture
async def slow_to_close(database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """PostgreSQL behind a relay that passes on what the server says, and not that it has hung up.

    That comes a moment later on any network; here it never does, so that no test has to hit the moment.
    """
    (folder,) = parse_qs(urlsplit(database_url).query)["host"]
    socket = ".s.PGSQL.5432"
    ended = asyncio.Event()
    relays: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        relays.add(task)
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(f"{folder}/{socket}")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(pass_on(reader, upstream_writer))
                group.create_task(pass_on(upstream_reader, writer))
                await ended.wait()
                writer.close()
                upstream_writer.close()
        finally:
            relays.discard(task)

    async with await asyncio.start_unix_server(relay, tmp_path / socket):
        yield database_url.replace(quote(folder, safe=""), quote(str(tmp_path), safe=""))
        ended.set()
        if relays:
            await asyncio.wait(relays)


async def test_a_server_that_said_goodbye_and_has_not_hung_up_is_unavailable(
    slow_to_close: str, db: asyncpg.Connection
) -> None:
    database = open_database(slow_to_close, size=1, timeout=5)
    try:
        backend = await database.fetchval("SELECT pg_backend_pid()")
        await db.execute("SELECT pg_terminate_backend($1, 5000)", backend)
        # What the server said has to arrive.
        await asyncio.sleep(0.1)
        with pytest.raises(Unavailable):
            await database.fetchval("SELECT 1")
        assert await database.fetchval("SELECT 1") == 1, "the next one gets a connection that works"
    finally:
        await database.close()


async def test_a_server_that_does_not_answer_is_no_reason_not_to_stop(slow_to_close: str) -> None:
    database = open_database(slow_to_close, size=5, timeout=5)
    await asyncio.gather(*(database.fetchval("SELECT pg_sleep(0.2)") for _ in range(5)))
    async with asyncio.timeout(3):
        await database.close()


async def test_a_lock_that_the_role_may_not_wait_for_is_unavailable(
    database_url: str, db: asyncpg.Connection
) -> None:
    await db.execute(f"ALTER DATABASE {urlsplit(database_url).path[1:]} SET lock_timeout = '50ms'")
    database = open_database(database_url, size=1, timeout=5)
    try:
        async with db.transaction():
            await db.execute("LOCK TABLE people_keys")
            with pytest.raises(Unavailable):
                await database.fetch("SELECT key FROM people_keys")
        assert await database.fetch("SELECT key FROM people_keys") == []
    finally:
        await database.close()
