"""GET /account/export, and DELETE /account: all of it, and then none of it."""

import asyncio
import json
from typing import Any

import asyncpg
import httpx
import pytest

from frontdesk.accounts.service import Service
from frontdesk.store import events as events_store
from tests.answers import refused
from tests.cast import ALICE, BOB, Actor
from tests.mail.conftest import Post

URL = "/api/v1/account/export"
_BUDGETS = ("login account", "email account", "export account")
# Nobody else has any of these, so that whatever is left of them can be told.
ERIN = ALICE._replace(
    email="erin.xylander@quokka.example.org", username="erin.q", name="Erin Xylander-Quokkason"
)


@pytest.fixture
async def erin(http: httpx.AsyncClient) -> Actor:
    assert (await http.post("/api/v1/accounts", json=ERIN.fields())).status_code == 201
    return await enter(http)


async def enter(http: httpx.AsyncClient) -> Actor:
    login = {"login": ERIN.username, "password": ERIN.password}
    answer = await http.post("/api/v1/sessions", json=login)
    assert answer.status_code == 201
    return Actor(answer.json()["account"], answer.json()["token"], ERIN.password)


async def live(http: httpx.AsyncClient, erin: Actor, post: Post) -> Actor:
    """Leave as many traces as there are; a session at the end."""
    for login in (ERIN.email, ERIN.username):
        body = {"login": login, "password": "not the one"}
        assert (await http.post("/api/v1/sessions", json=body)).status_code == 401
    body = {"email": "erin.second@quokka.example.org", "password": ERIN.password}
    assert (await http.post("/api/v1/account/email", json=body, headers=erin.bearer)).status_code == 202
    letters = {letter.to[0]: letter for letter in await post.send()}
    token = letters["erin.second@quokka.example.org"].token
    assert (await http.post(f"/api/v1/email-confirmations/{token}")).status_code == 204
    # One that waits for what it's for, and one that nobody has sent yet.
    body = {"email": "erin.third@quokka.example.org", "password": ERIN.password}
    assert (await http.post("/api/v1/account/email", json=body, headers=erin.bearer)).status_code == 202
    await post.send()
    for email in ("erin.second@quokka.example.org", "ERIN.second@quokka.example.org"):
        assert (await http.post("/api/v1/password-resets", json={"email": email})).status_code == 202
    change = {"name": "Erin Quokkason-Xylander"}
    assert (await http.patch("/api/v1/account", json=change, headers=erin.bearer)).status_code == 200
    assert (await http.get("/api/v1/people", params={"q": "erin"}, headers=erin.bearer)).status_code == 200
    return await enter(http)


async def export(http: httpx.AsyncClient, actor: Actor) -> dict[str, Any]:
    answer = await http.get(URL, headers=actor.bearer)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert "content-length" not in answer.headers
    found: dict[str, Any] = answer.json()
    return found


async def test_everything_that_is_stored_is_in_it(
    http: httpx.AsyncClient, erin: Actor, bob: Actor, post: Post, db: asyncpg.Connection
) -> None:
    actor = await live(http, erin, post)
    found = await export(http, actor)
    assert found["account"]["email"] == "erin.second@quokka.example.org"
    assert len(found["sessions"]) == 2
    assert {event["kind"] for event in found["events"]} >= {"registered", "logged_in", "exported"}
    account_id = found["account"]["id"]
    # Of every table that has rows of hers, each row; of every column, but for secrets.
    tables = await db.fetch(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'account_id'"
    )
    names = {"people_keys": "search_keys", "account_events": "events", "kept_mails": "mails"}
    for (table,) in tables:
        count = await db.fetchval(f"SELECT count(*) FROM {table} WHERE account_id = $1::uuid", account_id)
        if table == "unconfirmed":
            assert "unconfirmed_since" in found["account"]
            continue
        assert len(found[names.get(table, table)]) >= count, table
        assert count or table in ("kept_mails", "mails"), f"nothing was in {table}"
    columns = {
        row[0]
        for row in await db.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'accounts'"
        )
    }
    assert columns - set(found["account"]) == {"password_hash"}
    assert found["mails"]
    assert found["mails_counted"]
    assert found["attempts"]
    text = json.dumps(found)
    assert "argon2" not in text
    assert actor.token not in text
    for other in (BOB.email, BOB.username, str(bob.account.id)):
        assert f'"{other}"' not in text


async def test_it_is_streamed_and_holds_no_connection_meanwhile(
    http: httpx.AsyncClient, service: Service, alice: Actor
) -> None:
    from frontdesk.accounts import own_data, sessions
    from tests.cast import HERE

    for _ in range(1200):
        await events_store.insert(service.db, alice.account.id, "enabled", address=None, user_agent="x" * 200)
    visit = await sessions.check(service, alice.token, HERE)
    pieces = await own_data.export(service, visit, HERE)
    sizes, whole = [], b""
    async for piece in pieces:
        assert service.db.idle_connections == service.db.open_connections
        sizes.append(len(piece))
        whole += piece
    assert max(sizes) < len(whole) / 2
    assert len(json.loads(whole)["events"]) == 1203


async def test_it_is_for_oneself_and_not_too_often(http: httpx.AsyncClient, alice: Actor) -> None:
    refused(await http.get(URL), 401, "unauthenticated")
    for _ in range(5):
        await export(http, alice)
    refused(await http.get(URL, headers=alice.bearer), 429, "throttled")


async def dump(database_url: str) -> str:
    """The whole database, as pg_dump tells it, unlogged tables too."""
    from frontdesk import local

    process = await asyncio.create_subprocess_exec(
        str(local._binaries() / "pg_dump"),
        "--dbname",
        database_url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    assert process.returncode == 0, said
    return out.decode()


async def test_erased_means_erased(
    http: httpx.AsyncClient,
    erin: Actor,
    bob: Actor,
    post: Post,
    db: asyncpg.Connection,
    database_url: str,
) -> None:
    actor = await live(http, erin, post)
    await post.send()
    # One that nobody has sent yet, and that has no account in it.
    await db.execute("DELETE FROM mailboxes")
    assert (
        await http.post("/api/v1/password-resets", json={"email": "erin.second@quokka.example.org"})
    ).status_code == 202
    assert await post.waiting() == 1
    before = (await dump(database_url)).casefold()
    # What is looked for would be found.
    texts = ("erin", "quokka", "xylander", ERIN.username, ERIN.email)
    for text in texts:
        assert text in before
    assert (await http.delete("/api/v1/account", headers=actor.bearer)).status_code == 204
    for token in (erin.bearer, actor.bearer):
        refused(await http.get("/api/v1/account", headers=token), 401, "unauthenticated")
    answer = await http.get("/api/v1/people", params={"q": "erin"}, headers=bob.bearer)
    assert answer.json()["people"] == []
    left = (await dump(database_url)).casefold()
    assert await post.send() == []
    for text in texts:
        assert text not in left, [line for line in left.splitlines() if text in line]
    # Her id is left in one place: that she was erased, and when. Budgets that have it in their name pass in hours.
    account_id = json.loads(json.dumps(actor.account))["id"]
    lines = [line for line in left.splitlines() if account_id in line]
    assert [line for line in lines if "erased" not in line and not line.startswith(_BUDGETS)] == []
    event = "SELECT kind, address, user_agent FROM account_events WHERE account_id = $1::uuid"
    assert [tuple(row) for row in await db.fetch(event, account_id)] == [("erased", None, "")]
    # And the reservation, by its digest.
    assert (
        await db.fetchval("SELECT count(*) FROM reservations WHERE until > now() + interval '29 days'") == 1
    )


async def test_the_username_stays_reserved_for_thirty_days(
    http: httpx.AsyncClient, alice: Actor, bob: Actor, db: asyncpg.Connection
) -> None:
    assert (await http.delete("/api/v1/account", headers=alice.bearer)).status_code == 204
    fields = ALICE.fields()
    for username in ("alice", "ALICE", "a1ice"):
        refused(
            await http.post("/api/v1/accounts", json=fields | {"username": username}), 409, "username_taken"
        )
        answer = await http.patch("/api/v1/account", json={"username": username}, headers=bob.bearer)
        refused(answer, 409, "username_taken")
    assert (await http.get("/api/v1/account", headers=bob.bearer)).json()["username"] == "bob"
    assert await db.fetchval("SELECT count(*) FROM accounts") == 1
    await db.execute("UPDATE reservations SET until = until - interval '30 days'")
    assert (await http.post("/api/v1/accounts", json=fields)).status_code == 201


async def test_no_username_that_she_had_is_anybody_elses_for_thirty_days(
    http: httpx.AsyncClient, alice: Actor, bob: Actor, db: asyncpg.Connection
) -> None:
    """Or whoever takes it would be taken for her, also once she is erased."""

    async def rename(actor: Actor, username: str) -> httpx.Response:
        return await http.patch("/api/v1/account", json={"username": username}, headers=actor.bearer)

    assert (await rename(alice, "alicia")).status_code == 200
    refused(await rename(bob, "ALICE"), 409, "username_taken")
    newcomer = ERIN.fields() | {"username": "a1ice"}
    refused(await http.post("/api/v1/accounts", json=newcomer), 409, "username_taken")
    # Her own it is still.
    assert (await rename(alice, "alice")).status_code == 200
    refused(await rename(bob, "alicia"), 409, "username_taken")
    assert (await http.delete("/api/v1/account", headers=alice.bearer)).status_code == 204
    for username in ("alice", "alicia"):
        refused(await rename(bob, username), 409, "username_taken")
    # Nor is kept who had it.
    assert await db.fetchval("SELECT count(*) FROM reservations WHERE account_id IS NOT NULL") == 0
    await db.execute("UPDATE reservations SET until = until - interval '30 days'")
    assert (await rename(bob, "alicia")).status_code == 200


async def test_a_registration_that_waits_for_the_erasure_does_not_get_the_name(
    http: httpx.AsyncClient, alice: Actor, service: Service, db: asyncpg.Connection
) -> None:
    from tests.waiting import until_blocked

    transaction = db.transaction()
    await transaction.start()
    await db.execute("SELECT FROM sessions FOR UPDATE")
    leaving = asyncio.create_task(http.delete("/api/v1/account", headers=alice.bearer))
    await until_blocked(service)
    fields = ALICE.fields() | {"email": "other@example.org"}
    coming = asyncio.create_task(http.post("/api/v1/accounts", json=fields))
    await asyncio.sleep(0.5)
    assert not coming.done()
    await transaction.rollback()
    assert (await leaving).status_code == 204
    refused(await coming, 409, "username_taken")


async def test_what_happened_to_the_erased_cannot_be_removed_like_the_rest(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    assert (await http.delete("/api/v1/account", headers=alice.bearer)).status_code == 204
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await db.execute("DELETE FROM account_events")
