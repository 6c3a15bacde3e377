"""Putting the search index into its order on the disk."""

import asyncio
import re
import signal

import asyncpg
import httpx
import pytest

from frontdesk.accounts.lookups import Lookups
from frontdesk.accounts.search import search
from frontdesk.accounts.service import Service
from frontdesk.errors import OperatorError
from frontdesk.store import repacking
from tests import cast
from tests.accounts.arrivals import bring_in, crowd, index_of, ndjson
from tests.serving import command, start
from tests.waiting import until, until_blocked

pytestmark = pytest.mark.anyio

_KEYS = "SELECT key, account_id FROM people_keys"


async def lie_in_order(db: asyncpg.Connection) -> bool:
    lying = await db.fetch(f"{_KEYS} ORDER BY ctid")
    return bool(lying == await db.fetch(f"{_KEYS} ORDER BY key, account_id"))


@pytest.fixture
async def crowded(service: Service) -> Service:
    await bring_in(service.db, ndjson(*crowd(2000)))
    return service


async def test_the_index_lies_in_the_order_in_which_it_is_read(
    crowded: Service, db: asyncpg.Connection, database_url: str
) -> None:
    before = await index_of(db)
    found = await search(Lookups(crowded.db), "ann", limit=20)
    told: list[float] = []
    assert await lie_in_order(db) is False
    await repacking.repack(database_url, tell=told.append)
    assert await lie_in_order(db)
    assert await index_of(db) == before
    assert await search(Lookups(crowded.db), "ann", limit=20) == found
    assert all(0 <= part <= 1 for part in told)


async def test_keys_are_read_from_the_index_alone_afterwards(
    crowded: Service, db: asyncpg.Connection, database_url: str
) -> None:
    await repacking.repack(database_url, tell=lambda _: None)
    pages, visible = await db.fetchrow(
        "SELECT relpages, relallvisible FROM pg_class WHERE oid = 'people_keys'::regclass"
    )
    assert pages == visible > 0


async def test_the_command_says_what_it_did(crowded: Service, database_url: str) -> None:
    done = await asyncio.to_thread(command, "repack", FRONTDESK_DATABASE_URL=database_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"The search index is in order, after 0:\d\d\.\n", done.stdout)


async def test_how_far_it_is_only_grows(
    crowded: Service, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repacking, "_LOOK_EVERY", 0.0)
    told: list[float] = []
    for _ in range(20):
        told.clear()
        await repacking.repack(database_url, tell=told.append)
        if len(set(told)) > 2:
            break
    assert len(set(told)) > 2
    assert told == sorted(told)


def test_how_far_it_is_follows_from_its_parts() -> None:
    assert repacking._done(0, 0, 0) == 0
    # Sorted, it's read first and written then; by the index, both at once.
    assert repacking._done(1, 0, 0) < repacking._done(1, 0.5, 0) < repacking._done(1, 1, 0)
    assert repacking._done(0.5, 0.5, 0) == pytest.approx(repacking._done(1, 0, 0))
    # More keys than were estimated.
    assert repacking._done(7, 7, 1) == repacking._done(1, 1, 1) < 1


async def test_who_holds_the_index_is_not_waited_for_long(
    crowded: Service, db: asyncpg.Connection, database_url: str
) -> None:
    before = await index_of(db)
    async with db.transaction():
        await db.execute("LOCK TABLE people_keys IN ACCESS SHARE MODE")
        done = await asyncio.to_thread(command, "repack", FRONTDESK_DATABASE_URL=database_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "frontdesk: something holds the search index for long. Try again when no import, migration or dump is "
        "under way; pg_stat_activity shows what is.\n"
    )
    assert await index_of(db) == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=str)
async def test_interrupted_it_ends_on_the_server_too(
    crowded: Service, db: asyncpg.Connection, database_url: str, number: int, code: int
) -> None:
    before = await index_of(db)
    theirs = "FROM pg_stat_activity WHERE query LIKE 'CLUSTER%' AND datname = current_database()"
    async with db.transaction():
        await db.execute("LOCK TABLE people_keys IN ACCESS SHARE MODE")
        process = start("repack", FRONTDESK_DATABASE_URL=database_url)
        # Not on `db`, which shows what was when its transaction asked first.
        await until(lambda: crowded.db.fetchval(f"SELECT count(*) = 1 {theirs} AND wait_event_type = 'Lock'"))
        process.send_signal(number)
        said, complained = await asyncio.to_thread(process.communicate)
        assert await crowded.db.fetchval(f"SELECT count(*) {theirs} AND state = 'active'") == 0
    assert (process.returncode, said) == (code, "")
    assert complained == "Interrupted. The search index is whole; run it again to have it in order.\n"
    assert await index_of(db) == before


async def test_who_was_kept_from_the_vacuum_alone_is_told_so(
    crowded: Service, db: asyncpg.Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repacking, "_VACUUM", "VACUUM (ANALYZE) not_there")
    with pytest.raises(OperatorError) as failed:
        await repacking.repack(database_url, tell=lambda _: None)
    assert str(failed.value) == (
        'the search index is in order, but wasn\'t vacuumed: relation "not_there" does not exist'
    )
    assert await lie_in_order(db)


async def test_twice_at_once_the_second_waits_or_gives_way(crowded: Service, database_url: str) -> None:
    both = (repacking.repack(database_url, tell=lambda _: None) for _ in range(2))
    assert await asyncio.gather(*both) == [None, None]


async def test_who_may_not_is_told_who_may(
    crowded: Service, db: asyncpg.Connection, database_url: str
) -> None:
    await db.execute("CREATE ROLE somebody LOGIN")
    await db.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO somebody")
    try:
        with pytest.raises(OperatorError) as refused:
            await repacking.repack(database_url.replace("postgres@", "somebody@"), tell=lambda _: None)
        assert str(refused.value) == "this user may not rewrite the search index"
    finally:
        await db.execute("DROP OWNED BY somebody; DROP ROLE somebody")


async def test_a_database_without_a_schema_is_not_touched(empty_database_url: str) -> None:
    done = await asyncio.to_thread(command, "repack", FRONTDESK_DATABASE_URL=empty_database_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Run `frontdesk migrate` first." in done.stderr


async def test_meanwhile_people_log_in_and_who_needs_the_index_is_told_in_time(
    http: httpx.AsyncClient, service: Service, alice: cast.Actor, db: asyncpg.Connection
) -> None:
    """As it goes for the minutes that a large index takes."""
    login = {"login": alice.account.username, "password": alice.password}
    async with db.transaction():
        await db.execute("LOCK TABLE people_keys IN ACCESS EXCLUSIVE MODE")
        waiting = [
            asyncio.create_task(http.get("/api/v1/people?q=ali", headers=alice.bearer)) for _ in range(20)
        ]
        waiting += [
            asyncio.create_task(http.post("/api/v1/accounts", json=someone.fields()))
            for someone in (cast.BOB, cast.CHARLIE)
        ]
        await until_blocked(service)
        for _ in range(3):
            assert (await http.post("/api/v1/sessions", json=login)).status_code == 201
        assert not any(task.done() for task in waiting)
        answers = await asyncio.gather(*waiting)
    assert {answer.status_code for answer in answers} == {503}
