"""GET /account/events"""

import asyncio
import statistics
import time
from datetime import datetime
from typing import Any

import asyncpg
import httpx
import pytest

from frontdesk.accounts import moderation
from frontdesk.accounts.events import record_failed_login
from frontdesk.accounts.service import Service
from frontdesk.store import events as store
from tests.answers import faults, refused
from tests.cast import ALICE, HERE, Actor
from tests.mail.conftest import Post

URL = "/api/v1/account/events"
LOGIN = {"login": ALICE.username, "password": ALICE.password}


async def events(http: httpx.AsyncClient, actor: Actor, **query: Any) -> list[dict[str, Any]]:
    answer = await http.get(URL, params=query, headers=actor.bearer)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["events"]
    return found


async def kinds(http: httpx.AsyncClient, actor: Actor) -> list[str]:
    return [event["kind"] for event in await events(http, actor, limit=50)]


async def enter(http: httpx.AsyncClient, alice: Actor, password: str = ALICE.password) -> Actor:
    answer = await http.post("/api/v1/sessions", json=LOGIN | {"password": password})
    assert answer.status_code == 201
    return alice._replace(token=answer.json()["token"], password=password)


async def test_everything_worth_it_is_there_with_when_where_and_what(
    http: httpx.AsyncClient, service: Service, alice: Actor, post: Post
) -> None:
    http.headers["User-Agent"] = "Heron/1.0"
    actor = await enter(http, alice)
    assert (await http.post("/api/v1/sessions", json=LOGIN | {"password": "no"})).status_code == 401
    change = {"current_password": ALICE.password, "password": "seven loud geese at noon"}
    assert (await http.put("/api/v1/account/password", json=change, headers=actor.bearer)).status_code == 204
    body = {"email": "new@example.org", "password": change["password"]}
    assert (await http.post("/api/v1/account/email", json=body, headers=actor.bearer)).status_code == 202
    letters = {letter.to[0]: letter for letter in await post.send()}
    confirm = "/api/v1/email-confirmations/"
    assert (await http.post(confirm + letters["new@example.org"].token)).status_code == 204
    assert (await http.get("/api/v1/account/export", headers=actor.bearer)).status_code == 200
    assert (await http.delete("/api/v1/sessions/current", headers=actor.bearer)).status_code == 204
    await moderation.disable(service, "alice")
    await moderation.enable(service, "alice")
    actor = await enter(http, alice, change["password"])
    renamed = await http.patch("/api/v1/account", json={"username": "alicia"}, headers=actor.bearer)
    assert renamed.status_code == 200
    found = await events(http, actor, limit=50)
    assert [event["kind"] for event in reversed(found)] == [
        *("registered", "logged_in", "logged_in", "login_failed", "password_changed", "email_change_asked"),
        *("email_changed", "exported", "session_ended", "disabled", "enabled", "logged_in"),
        "username_changed",
    ]
    ours = [event for event in found if event["kind"] not in ("disabled", "enabled")]
    assert {event["user_agent"] for event in ours[:-2]} == {"Heron/1.0"}
    assert {event["address"] for event in ours} == {"192.0.2.1"}
    # Not as text: a time on the second has no fraction.
    times = [datetime.fromisoformat(event["at"]) for event in found]
    assert times == sorted(times, reverse=True)


async def test_a_reset_and_an_undone_change_are_there(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    body = {"email": "new@example.org", "password": ALICE.password}
    assert (await http.post("/api/v1/account/email", json=body, headers=alice.bearer)).status_code == 202
    letters = {letter.to[0]: letter for letter in await post.send()}
    undo = letters[ALICE.email].token
    assert (await http.post(f"/api/v1/email-confirmations/{undo}")).status_code == 204
    new = {"password": "seven loud geese at noon"}
    token = (await post.one()).token
    assert (await http.put(f"/api/v1/password-resets/{token}", json=new)).status_code == 204
    actor = await enter(http, alice, new["password"])
    assert (await kinds(http, actor))[:4] == [
        *("logged_in", "password_reset", "email_change_undone", "email_change_asked"),
    ]


async def test_ending_the_others_is_one_event(
    http: httpx.AsyncClient, alice: Actor, service: Service
) -> None:
    from frontdesk.accounts import sessions
    from tests.cast import HERE

    await enter(http, alice)
    visit = await sessions.check(service, alice.token, HERE)
    await sessions.end_others(service, visit, HERE)
    assert (await kinds(http, alice))[0] == "sessions_ended"


async def test_failed_logins_are_one_row_a_minute(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    async def fail() -> None:
        assert (await http.post("/api/v1/sessions", json=LOGIN | {"password": "no"})).status_code == 401

    await asyncio.gather(*(fail() for _ in range(8)))
    count = "SELECT count(*) FROM account_events WHERE kind = 'login_failed'"
    # The minute may have changed meanwhile.
    assert await db.fetchval(count) in (1, 2)
    rows = await db.fetch(
        "SELECT date_trunc('minute', uuid_extract_timestamp(id)) FROM account_events WHERE kind = 'login_failed'"
    )
    assert len({row[0] for row in rows}) == len(rows)


async def test_a_failed_login_of_nobody_is_nobodys_event(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    before = await db.fetchval("SELECT count(*) FROM account_events")
    for login in ("nobody", "nobody@example.org"):
        body = {"login": login, "password": "no"}
        assert (await http.post("/api/v1/sessions", json=body)).status_code == 401
    assert await db.fetchval("SELECT count(*) FROM account_events") == before


async def test_writing_down_a_failed_login_does_not_tell_whose_it_was(
    service: Service, alice: Actor, db: asyncpg.Connection
) -> None:
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(150):
        for known in times:
            # Each the first of its minute, which writes.
            await db.execute("SET session_replication_role = replica")
            await db.execute("DELETE FROM account_events WHERE kind = 'login_failed'")
            began = time.perf_counter()
            await record_failed_login(service, alice.account.id if known else None, HERE)
            times[known].append(time.perf_counter() - began)
    known_time, unknown_time = (statistics.median(found) for found in times.values())
    # Beside the 20 ms of the hash.
    assert abs(known_time - unknown_time) < 0.0005, (known_time, unknown_time)


async def test_pages_go_on_by_key_and_show_each_event_once(
    http: httpx.AsyncClient, service: Service, alice: Actor, bob: Actor
) -> None:
    for number in range(45):
        await store.insert(service.db, alice.account.id, "exported", address=None, user_agent=str(number))
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        answer = await http.get(URL, params={"limit": 10, **after}, headers=alice.bearer)
        assert answer.status_code == 200
        seen += [event["user_agent"] for event in answer.json()["events"] if event["kind"] == "exported"]
        # What happens meanwhile is above, and moves nothing.
        await store.insert(service.db, alice.account.id, "enabled", address=None, user_agent="")
        if answer.json()["next"] is None:
            break
        after = {"after": answer.json()["next"]}
    assert seen == [str(number) for number in reversed(range(45))]


async def test_nobody_sees_anothers(http: httpx.AsyncClient, alice: Actor, bob: Actor) -> None:
    theirs = {event["id"] for event in await events(http, alice)}
    mine = {event["id"] for event in await events(http, bob)}
    assert theirs
    assert not theirs & mine
    refused(await http.get(URL), 401, "unauthenticated")
    # A cursor of somebody else's is a time, and nothing more.
    found = await events(http, bob, after=max(theirs))
    assert {event["id"] for event in found} <= mine


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("limit=0", ("limit", "out_of_range")),
        ("limit=51", ("limit", "out_of_range")),
        ("limit=x", ("limit", "out_of_range")),
        ("after=x", ("after", "cursor_invalid")),
        ("after=", ("after", "missing")),
        ("q=x", ("q", "unknown")),
        ("limit=1&limit=2", ("limit", "given_twice")),
    ],
)
async def test_a_query_that_is_wrong_is_named(
    http: httpx.AsyncClient, alice: Actor, query: str, fault: tuple[str, str]
) -> None:
    assert faults(await http.get(f"{URL}?{query}", headers=alice.bearer)) == {fault}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account_events SET kind = 'enabled'",
        "UPDATE account_events SET account_id = uuidv7()",
        "DELETE FROM account_events",
        "DELETE FROM account_events WHERE kind = 'registered'",
    ],
)
async def test_what_happened_stays(
    service: Service, alice: Actor, db: asyncpg.Connection, statement: str
) -> None:
    before = await db.fetch("SELECT * FROM account_events")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await db.execute(statement)
    assert await db.fetch("SELECT * FROM account_events") == before


async def test_an_event_is_there_only_if_it_happened(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    """Written in the same transaction: what fails at its end leaves none."""
    await db.execute(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'serialization_failure'; END $$"
    )
    await db.execute(
        "CREATE CONSTRAINT TRIGGER no AFTER UPDATE ON accounts DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION no()"
    )
    change = {"current_password": ALICE.password, "password": "seven loud geese at noon"}
    answer = await http.put("/api/v1/account/password", json=change, headers=alice.bearer)
    refused(answer, 503, "unavailable")
    assert await kinds(http, alice) == ["logged_in", "registered"]
    assert await db.fetchval("SELECT count(*) FROM mails") == 0
