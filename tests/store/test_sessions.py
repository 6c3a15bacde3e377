"""Sessions in the database: how many, how long, and what is removed."""

import asyncio

import asyncpg

from frontdesk.accounts import housekeeping, sessions
from frontdesk.accounts.service import Service
from frontdesk.store import attempts
from frontdesk.store import sessions as store
from tests import cast
from tests.cast import ELSEWHERE, HERE
from tests.conftest import with_settings


async def count(db: asyncpg.Connection) -> int:
    return int(await db.fetchval("SELECT count(*) FROM sessions"))


async def test_hundred_sessions_are_kept_and_the_oldest_goes(
    service: Service, db: asyncpg.Connection, alice: cast.Actor, bob: cast.Actor
) -> None:
    for _ in range(99):
        await sessions.start(service, alice.account, HERE)
    assert await count(db) == 101
    oldest = await db.fetchval(
        "SELECT id FROM sessions WHERE account_id = $1 ORDER BY created_at", alice.account.id
    )
    await sessions.start(service, alice.account, HERE)
    assert await count(db) == 101
    assert not await db.fetchval("SELECT true FROM sessions WHERE id = $1", oldest)
    assert await db.fetchval("SELECT count(*) FROM sessions WHERE account_id = $1", bob.account.id) == 1


async def test_many_logins_at_once_all_get_a_session(service: Service, alice: cast.Actor) -> None:
    logins = await asyncio.gather(*(sessions.start(service, alice.account, HERE) for _ in range(20)))
    assert len({login.token for login in logins}) == 20
    for login in logins:
        assert (await sessions.check(service, login.token, HERE)).account == alice.account


async def test_expired_sessions_are_removed_in_steps_and_others_stay(
    service: Service, db: asyncpg.Connection, alice: cast.Actor, bob: cast.Actor
) -> None:
    for _ in range(4):
        await sessions.start(service, alice.account, HERE)
    await db.execute(
        "UPDATE sessions SET expires_at = now() - interval '1 s' WHERE account_id = $1", alice.account.id
    )
    assert [await store.delete_expired(service.db, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert await db.fetchval("SELECT account_id FROM sessions") == bob.account.id


async def test_two_replicas_that_clean_at_once_do_not_wait_for_each_other(
    service: Service, db: asyncpg.Connection, alice: cast.Actor
) -> None:
    for _ in range(3):
        await sessions.start(service, alice.account, HERE)
    await db.execute("UPDATE sessions SET expires_at = now() - interval '1 s'")
    async with db.transaction():
        await db.execute("DELETE FROM sessions WHERE id IN (SELECT id FROM sessions ORDER BY id LIMIT 1)")
        assert await asyncio.wait_for(store.delete_expired(service.db, limit=10), 2) == 3
    assert await count(db) == 0


async def test_cleaning_up_removes_all_that_has_ended_and_nothing_else(
    service: Service, db: asyncpg.Connection, alice: cast.Actor
) -> None:
    await db.execute(
        "INSERT INTO sessions (token_hash, account_id, expires_at, user_agent)"
        " SELECT sha256(n::text::bytea), $1, now() - interval '1 s', '' FROM generate_series(1, 2500) n",
        alice.account.id,
    )
    await db.execute(
        "INSERT INTO attempts SELECT n::text, 1, now() - interval '1 hour', now() - interval '1 hour'"
        " FROM generate_series(1, 1500) n"
    )
    await attempts.charge(service.db, attempts.Budget("login account alice", 3, 60))
    await housekeeping.clean_up(service)
    assert await count(db) == 1
    left = {row[0] for row in await db.fetch("SELECT subject FROM attempts")}
    assert left == {"login account alice", "register address 192.0.2.1"}


async def test_housekeeping_goes_on_after_any_fault(
    service: Service, db: asyncpg.Connection, alice: cast.Actor
) -> None:
    shown: list[int] = []
    await db.execute("ALTER TABLE sessions RENAME TO away")
    house = asyncio.create_task(housekeeping.keep_house(service, shown.append, pause=0.05))
    await asyncio.sleep(0.2)
    assert not house.done()
    assert shown == []
    await db.execute("ALTER TABLE away RENAME TO sessions")
    deadline = asyncio.get_running_loop().time() + 5
    while not shown:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)
    house.cancel()


async def test_use_is_noted_once_a_minute_with_where_it_came_from(
    service: Service, db: asyncpg.Connection, alice: cast.Actor
) -> None:
    session = await db.fetchval("SELECT id FROM sessions")
    await store.note_use(service.db, session, address=ELSEWHERE.address, idle=3600)
    assert await db.fetchval("SELECT host(address) FROM sessions") == HERE.address
    await db.execute("UPDATE sessions SET last_used_at = now() - interval '61 s'")
    await asyncio.gather(
        *(store.note_use(service.db, session, address=ELSEWHERE.address, idle=3600) for _ in range(5))
    )
    row = await db.fetchrow("SELECT host(address), last_used_at > now() - interval '5 s' FROM sessions")
    assert tuple(row) == (ELSEWHERE.address, True)


async def test_a_session_that_is_used_does_not_end_however_short_the_timeout(
    service: Service, db: asyncpg.Connection, alice: cast.Actor
) -> None:
    settings = with_settings(service, session_idle_timeout=60)
    for _ in range(4):
        # Used 20 seconds later, each time.
        await db.execute("UPDATE sessions SET last_used_at = last_used_at - interval '20 s'")
        assert await sessions.check(settings, alice.token, HERE)


async def test_count_is_the_planners_own_figure(
    service: Service, db: asyncpg.Connection, alice: cast.Actor
) -> None:
    assert await store.count(service.db) == 0
    await db.execute("ANALYZE sessions")
    assert await store.count(service.db) == 1
