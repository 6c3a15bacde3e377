"""Tables stay bounded: the clock runs forward, and what has ended goes, in small steps."""

import asyncio
import json
from datetime import timedelta

import asyncpg
import httpx
import pytest

from frontdesk.accounts import housekeeping
from frontdesk.accounts.service import Service
from frontdesk.store import events
from tests.cast import ALICE, Actor
from tests.mail.conftest import Post

_PASSED = ("accounts", "alembic_version")


async def pass_time(db: asyncpg.Connection, span: timedelta) -> None:
    """Let `span` go by for every row of every table, by moving all that has a time into the past."""
    columns = await db.fetch(
        """
        SELECT table_name, column_name, data_type FROM information_schema.columns c JOIN pg_tables t
            ON t.tablename = c.table_name AND t.schemaname = c.table_schema
         WHERE table_schema = 'public' AND data_type IN ('timestamp with time zone', 'ARRAY')
        """
    )
    async with db.transaction():
        # Time isn't held up by a trigger.
        await db.execute("SET LOCAL session_replication_role = replica")
        for table, column, kind in columns:
            moved = f"{column} - $1::interval"
            if kind == "ARRAY":
                moved = f"(SELECT array_agg(t - $1::interval) FROM unnest({column}) t)"
            await db.execute(f"UPDATE {table} SET {column} = {moved}", span)
        # The oldest first: none may come upon the minute of another.
        ids = await db.fetch("SELECT id FROM account_events ORDER BY id")
        await db.executemany(
            "UPDATE account_events SET id = uuidv7(uuid_extract_timestamp(id) - $2::interval - clock_timestamp())"
            " WHERE id = $1",
            [(row[0], span) for row in ids],
        )


async def rows(db: asyncpg.Connection) -> dict[str, int]:
    tables = await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = {}
    for (table,) in tables:
        found[table] = int(await db.fetchval(f'SELECT count(*) FROM "{table}"'))
    return {table: count for table, count in found.items() if count and table not in _PASSED}


async def use(http: httpx.AsyncClient, actor: Actor, post: Post, round_: int) -> None:
    """Leave something in every table that grows."""
    login = {"login": ALICE.username, "password": ALICE.password}
    assert (await http.post("/api/v1/sessions", json=login)).status_code == 201
    assert (await http.post("/api/v1/sessions", json=login | {"password": "no"})).status_code == 401
    for email in (ALICE.email, f"nobody{round_}@example.org"):
        assert (await http.post("/api/v1/password-resets", json={"email": email})).status_code == 202
    await post.send()
    assert (await http.post("/api/v1/password-resets", json={"email": ALICE.email})).status_code == 202
    fields = {"email": f"x{round_}@example.org", "username": f"x{round_}user", "name": "Xaver"}
    fields["password"] = "ten dry cranes on a roof"
    assert (await http.post("/api/v1/accounts", json=fields)).status_code == 201
    login = {"login": fields["username"], "password": fields["password"]}
    token = (await http.post("/api/v1/sessions", json=login)).json()["token"]
    answer = await http.delete("/api/v1/account", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 204


async def test_two_years_of_use_leave_no_more_than_one(
    http: httpx.AsyncClient, service: Service, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    counts = []
    for round_ in range(25):
        await use(http, alice, post, round_)
        await pass_time(db, timedelta(days=30))
        await post.postman._count()
        await housekeeping.clean_up(service)
        counts.append(await rows(db))
    # What is kept for a year grows for a year; what is kept for days isn't there any more.
    assert set(counts[-1]) == {
        "account_events",
        "known_places",
        "people_keys",
        "people_words",
        "people_near",
    }
    assert counts[-1] == counts[13]
    assert counts[-1]["account_events"] > counts[5]["account_events"]
    oldest = await db.fetchval("SELECT now() - min(uuid_extract_timestamp(id)) FROM account_events")
    assert timedelta(days=330) < oldest <= timedelta(days=365)


@pytest.mark.parametrize(
    ("table", "days"),
    [
        ("links", 0.02),
        ("mailboxes", 0.043),
        ("mails", 1.01),
        ("reservations", 30.1),
        ("sessions", 30.1),
        ("attempts", 1),
    ],
)
async def test_what_is_over_goes_and_what_is_not_stays(
    http: httpx.AsyncClient,
    service: Service,
    alice: Actor,
    post: Post,
    db: asyncpg.Connection,
    table: str,
    days: float,
) -> None:
    await use(http, alice, post, 0)
    await housekeeping.clean_up(service)
    assert (await rows(db))[table]
    await pass_time(db, timedelta(days=days) * 0.9)
    await post.postman._count()
    await housekeeping.clean_up(service)
    assert table == "attempts" or (await rows(db)).get(table), f"{table} was emptied too early"
    await pass_time(db, timedelta(days=days) * 0.2)
    await post.postman._count()
    await housekeeping.clean_up(service)
    assert table not in await rows(db)


async def test_events_are_kept_as_long_as_the_setting_says(
    service: Service, alice: Actor, db: asyncpg.Connection
) -> None:
    from tests.conftest import with_settings

    short = with_settings(service, events_days=30)
    await pass_time(db, timedelta(days=29, hours=23))
    await housekeeping.clean_up(short)
    assert await db.fetchval("SELECT count(*) FROM account_events") == 2
    await pass_time(db, timedelta(hours=2))
    await housekeeping.clean_up(service)
    assert await db.fetchval("SELECT count(*) FROM account_events") == 2
    await housekeeping.clean_up(short)
    assert await db.fetchval("SELECT count(*) FROM account_events") == 0


async def test_looking_for_old_events_does_not_read_the_young(
    service: Service, alice: Actor, db: asyncpg.Connection
) -> None:
    """Every minute, of every replica, in a table of everybody's year."""
    await db.execute(
        "INSERT INTO account_events (account_id, kind, user_agent)"
        " SELECT $1, 'exported', '' FROM generate_series(1, 20000)",
        alice.account.id,
    )
    await db.execute("ANALYZE account_events")
    plan = await db.fetchval("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + events.DELETE_OLD, 365, 1000)
    found = json.loads(plan)[0]["Plan"]
    assert found["Shared Hit Blocks"] + found["Shared Read Blocks"] < 20


async def test_old_events_go_in_steps_that_two_replicas_share(
    service: Service, alice: Actor, bob: Actor, db: asyncpg.Connection
) -> None:
    await db.execute(
        "INSERT INTO account_events (id, account_id, kind, user_agent)"
        " SELECT uuidv7(interval '-366 days'), $1, 'exported', '' FROM generate_series(1, 250)",
        alice.account.id,
    )

    async def steps() -> list[int]:
        found = []
        while not found or found[-1]:
            found.append(await events.delete_old(service.db, days=365, limit=20))
        return found

    # Two connections beforehand: else one replica may be done before the other has made its own.
    await asyncio.gather(*(service.db.fetchval("SELECT pg_sleep(0.05)") for _ in range(2)))
    first, second = await asyncio.gather(steps(), steps())
    assert sum(first) + sum(second) == 250
    assert max(first + second) <= 20
    assert min(sum(first), sum(second)) > 0
    assert await db.fetchval("SELECT count(*) FROM account_events") == 4
