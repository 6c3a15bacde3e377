"""Taking turns with connections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest

from frontdesk.store.connection import open_database
from frontdesk.store.pool import Pool

pytestmark = pytest.mark.anyio

MakePool = Callable[..., Pool]


@pytest.fixture
async def make_pool(database_url: str) -> AsyncIterator[MakePool]:
    pools: list[Pool] = []

    def make(size: int = 2, timeout: float = 5.0) -> Pool:
        pools.append(Pool(lambda: asyncpg.connect(database_url), size=size, timeout=timeout))
        return pools[-1]

    yield make
    for pool in pools:
        await pool.close()


async def waiting(pool: Pool) -> asyncio.Task[asyncpg.Connection]:
    """Somebody who waits for a connection."""
    task = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    assert not task.done()
    return task


async def test_connects_only_when_needed_and_uses_connections_again(make_pool: MakePool) -> None:
    pool = make_pool()
    assert pool.open == 0
    first = await pool.take()
    pool.give_back(first)
    assert await pool.take() is first
    assert (pool.open, pool.idle) == (1, 0)
    pool.give_back(first)
    assert (pool.open, pool.idle) == (1, 1)


async def test_who_waits_is_served_before_who_comes_later(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    connection = await pool.take()
    first, second = await waiting(pool), await waiting(pool)
    pool.give_back(connection)
    late = asyncio.create_task(pool.take())
    assert await first is connection
    await asyncio.sleep(0)
    assert not second.done()
    assert not late.done()
    pool.give_back(connection)
    assert await second is connection
    pool.give_back(connection)
    assert await late is connection
    pool.give_back(connection)


async def test_a_wait_ends_after_the_timeout_and_loses_no_connection(make_pool: MakePool) -> None:
    pool = make_pool(size=1, timeout=0.05)
    connection = await pool.take()
    with pytest.raises(TimeoutError):
        await pool.take()
    pool.give_back(connection)
    assert await pool.take() is connection
    pool.give_back(connection)


async def test_a_turn_given_up_at_the_moment_of_getting_one_passes_it_on(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    connection = await pool.take()
    first, second = await waiting(pool), await waiting(pool)
    pool.give_back(connection)
    first.cancel()
    assert await asyncio.wait_for(second, 1) is connection
    pool.give_back(connection)


async def test_a_broken_connection_is_replaced_for_who_waits(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    connection = await pool.take()
    next_one = await waiting(pool)
    connection.terminate()
    pool.give_back(connection)
    fresh = await next_one
    assert fresh is not connection
    assert await fresh.fetchval("SELECT 1") == 1
    pool.give_back(fresh)
    assert pool.open == 1


async def test_a_connection_that_broke_while_idle_is_replaced(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    connection = await pool.take()
    pool.give_back(connection)
    connection.terminate()
    fresh = await pool.take()
    assert await fresh.fetchval("SELECT 1") == 1
    assert pool.open == 1
    pool.give_back(fresh)


async def test_a_connection_in_a_transaction_is_not_given_to_the_next(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    connection = await pool.take()
    await connection.execute("BEGIN")
    pool.give_back(connection)
    fresh = await pool.take()
    assert fresh is not connection
    pool.give_back(fresh)


async def test_a_failed_connect_leaves_room_for_the_next(database_url: str) -> None:
    failures = 2

    async def connect() -> asyncpg.Connection:
        nonlocal failures
        if failures:
            failures -= 1
            await asyncio.sleep(0.01)
            raise OSError("refused")
        return await asyncpg.connect(database_url)

    pool = Pool(connect, size=1, timeout=5)
    results = await asyncio.gather(*(pool.take() for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [OSError, OSError, asyncpg.Connection]
    assert pool.open == 1
    pool.give_back(results[2])
    await pool.close()


async def test_closing_turns_away_who_waits_and_who_comes(make_pool: MakePool) -> None:
    pool = make_pool(size=1)
    connection = await pool.take()
    late = await waiting(pool)
    await pool.close()
    with pytest.raises(asyncpg.InterfaceError):
        await late
    with pytest.raises(asyncpg.InterfaceError):
        await pool.take()
    pool.give_back(connection)
    assert connection.is_closed()
    assert pool.open == 0


async def test_a_hundred_at_once_share_two_connections(make_pool: MakePool) -> None:
    pool = make_pool(size=2)
    using = most = 0

    async def use(work: Callable[[asyncpg.Connection], Awaitable[object]]) -> None:
        nonlocal using, most
        connection = await pool.take()
        using += 1
        most = max(most, using)
        await work(connection)
        using -= 1
        pool.give_back(connection)

    await asyncio.gather(*(use(lambda connection: connection.fetchval("SELECT 1")) for _ in range(100)))
    assert most == 2
    assert (pool.open, pool.idle) == (2, 2)


async def test_no_more_connections_than_its_size_when_all_break_at_once(make_pool: MakePool) -> None:
    pool = make_pool(size=2)
    connections = [await pool.take() for _ in range(2)]
    waiters = [await waiting(pool) for _ in range(2)]
    for connection in connections:
        connection.terminate()
        pool.give_back(connection)
    newcomers = [asyncio.create_task(pool.take()) for _ in range(2)]
    served = [await waiter for waiter in waiters]
    assert pool.open == 2
    for connection in served:
        pool.give_back(connection)
    for newcomer in newcomers:
        pool.give_back(await newcomer)
    assert pool.open == 2


async def test_a_transaction_cancelled_while_it_begins_leaves_nothing_to_the_next(database_url: str) -> None:
    database = open_database(database_url, size=1, timeout=5)
    assert await database.fetchval("SELECT 1") == 1

    async def begin() -> None:
        async with database.transaction():
            raise AssertionError("cancelled before this")

    for steps in range(1, 4):
        task = asyncio.create_task(begin())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, AssertionError):
            await task
        await database.execute("CREATE TABLE IF NOT EXISTS kept (n integer)")
        await database.execute("INSERT INTO kept VALUES (1)")
        async with database.transaction() as db:
            await db.execute("INSERT INTO kept VALUES (2)")
        other = await asyncpg.connect(database_url)
        assert await other.fetchval("SELECT count(*) FROM kept") == 2 * steps
        await other.close()
    await database.close()
