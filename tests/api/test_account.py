"""GET, PATCH, DELETE /account"""

import asyncio

import asyncpg
import httpx
import pytest

from frontdesk.accounts import identity
from frontdesk.accounts.service import Service
from tests.answers import faults, refused
from tests.cast import ALICE, Actor
from tests.waiting import until_blocked

URL = "/api/v1/account"
CALLS = [("GET", {}), ("PATCH", {"json": {"name": "Mallory"}}), ("DELETE", {})]


@pytest.mark.parametrize(("method", "body"), CALLS)
async def test_nobody_without_a_session_gets_anywhere(
    http: httpx.AsyncClient, alice: Actor, method: str, body: dict[str, object]
) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Bearer {'A' * 43}"}):
        answer = await http.request(method, URL, headers=headers, **body)
        refused(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await http.get(URL, headers=alice.bearer)).json()["name"] == "Alice Archer"


@pytest.mark.parametrize(("method", "body"), CALLS)
async def test_a_cookie_opens_nothing_here(
    http: httpx.AsyncClient, alice: Actor, method: str, body: dict[str, object]
) -> None:
    """Browsers send cookies with other sites' requests too."""
    for name in ("session", "__Host-session"):
        answer = await http.request(method, URL, headers={"Cookie": f"{name}={alice.token}"}, **body)
        refused(answer, 401, "unauthenticated")


async def test_an_administrator_saves_a_reserved_username_as_it_is(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    body = {"username": "admin", "name": "Who Keeps House"}
    assert ("username", "username_reserved") in faults(await http.patch(URL, json=body, headers=alice.bearer))
    await db.execute(
        "UPDATE accounts SET username = 'admin', username_key = $1, administrator = true",
        identity.username_key("admin"),
    )
    assert (await http.patch(URL, json=body, headers=alice.bearer)).json()["name"] == "Who Keeps House"


async def test_alice_sees_herself(http: httpx.AsyncClient, alice: Actor, bob: Actor) -> None:
    answer = await http.get(URL, headers=alice.bearer)
    assert answer.status_code == 200
    assert (answer.json()["email"], answer.json()["username"]) == ("alice@example.org", "alice")
    assert answer.headers["cache-control"] == "no-store"


async def test_only_what_is_named_changes(http: httpx.AsyncClient, alice: Actor, bob: Actor) -> None:
    before = (await http.get(URL, headers=alice.bearer)).json()
    for change in ({"name": "Alice  王伟 "}, {"language": "zh-Hans"}, {"discoverable": False}, {}):
        answer = await http.patch(URL, json=change, headers=alice.bearer)
        assert answer.status_code == 200
        before |= {name: "Alice 王伟" if name == "name" else value for name, value in change.items()}
        assert answer.json() == before
    assert (await http.get(URL, headers=alice.bearer)).json() == before
    assert (await http.get(URL, headers=bob.bearer)).json()["username"] == "bob"


@pytest.mark.parametrize("username", ["bob", "BOB", "b0b", "ｂｏｂ"])
async def test_a_username_that_looks_like_bobs_is_taken(
    http: httpx.AsyncClient, alice: Actor, bob: Actor, username: str
) -> None:
    answer = await http.patch(URL, json={"username": username, "name": "New"}, headers=alice.bearer)
    refused(answer, 409, "username_taken")
    assert (await http.get(URL, headers=alice.bearer)).json()["name"] == "Alice Archer"


async def test_usernames_cannot_be_tried_one_after_the_other(
    http: httpx.AsyncClient, alice: Actor, bob: Actor
) -> None:
    for n in range(5):
        name = "bob" if n == 4 else f"alice{n}x"
        answer = await http.patch(URL, json={"username": name}, headers=alice.bearer)
        assert answer.status_code == (409 if n == 4 else 200)
    answer = await http.patch(URL, json={"username": "zelda"}, headers=alice.bearer)
    refused(answer, 429, "throttled")
    # Her own isn't another one, however it's spelt.
    answer = await http.patch(URL, json={"username": "ALICE3X", "name": "A"}, headers=alice.bearer)
    assert answer.status_code == 200


async def test_alice_may_respell_her_own_username(http: httpx.AsyncClient, alice: Actor) -> None:
    answer = await http.patch(URL, json={"username": "Alice"}, headers=alice.bearer)
    assert answer.status_code == 200
    assert answer.json()["username"] == "Alice"


async def test_of_two_changes_to_one_username_one_wins(
    http: httpx.AsyncClient, alice: Actor, bob: Actor
) -> None:
    answers = await asyncio.gather(
        http.patch(URL, json={"username": "zelda"}, headers=alice.bearer),
        http.patch(URL, json={"username": "ZELDA"}, headers=bob.bearer),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_what_cannot_be_changed_or_accepted_is_named(http: httpx.AsyncClient, alice: Actor) -> None:
    change = {
        "username": "x",
        "name": "\u202e",
        "language": "tlh",
        "discoverable": "yes",
        "email": "new@example.org",
        "administrator": True,
    }
    answer = await http.patch(URL, json=change, headers=alice.bearer)
    assert faults(answer) == {
        ("discoverable", "wrong_type"),
        ("email", "unknown"),
        ("administrator", "unknown"),
    }
    change = {name: change[name] for name in ("username", "name", "language")}
    answer = await http.patch(URL, json=change, headers=alice.bearer)
    assert faults(answer) == {
        ("username", "username_too_short"),
        ("name", "name_invalid"),
        ("language", "language_unknown"),
    }
    for name in ("username", "name", "language", "discoverable"):
        answer = await http.patch(URL, json={name: None}, headers=alice.bearer)
        assert faults(answer) == {(name, "wrong_type")}


async def test_search_follows_a_change_at_once(http: httpx.AsyncClient, alice: Actor, bob: Actor) -> None:
    async def found(text: str) -> list[str]:
        answer = await http.get("/api/v1/people", params={"q": text}, headers=bob.bearer)
        assert answer.status_code == 200
        return [person["username"] for person in answer.json()["people"]]

    change = {"name": "Zenobia Quill", "username": "zenobia"}
    assert (await http.patch(URL, json=change, headers=alice.bearer)).status_code == 200
    assert await found("zenobia quill") == ["zenobia"]
    assert "zenobia" not in await found("alice archer")
    assert (await http.patch(URL, json={"discoverable": False}, headers=alice.bearer)).status_code == 200
    assert await found("zenobia quill") == []
    assert (await http.patch(URL, json={"discoverable": True}, headers=alice.bearer)).status_code == 200
    assert await found("zenobia quill") == ["zenobia"]


async def test_an_account_that_goes_while_it_changes_is_nobodys(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection, service: Service
) -> None:
    leaving = db.transaction()
    await leaving.start()
    await db.execute("DELETE FROM accounts")
    change = asyncio.create_task(http.patch(URL, json={"name": "Still Here"}, headers=alice.bearer))
    await until_blocked(service)
    await leaving.commit()
    refused(await change, 401, "unauthenticated")


async def test_leaving_removes_everything(
    http: httpx.AsyncClient, alice: Actor, bob: Actor, db: asyncpg.Connection
) -> None:
    login = {"login": "alice", "password": ALICE.password}
    other = await http.post("/api/v1/sessions", json=login)
    assert other.status_code == 201
    answer = await http.delete(URL, headers=alice.bearer)
    assert answer.status_code == 204
    for bearer in (alice.bearer, {"Authorization": f"Bearer {other.json()['token']}"}):
        refused(await http.get(URL, headers=bearer), 401, "unauthenticated")
    refused(await http.post("/api/v1/sessions", json=login), 401, "wrong_credentials")
    refused(await http.get("/api/v1/people/alice", headers=bob.bearer), 404, "not_found")
    answer = await http.get("/api/v1/people", params={"q": "alice"}, headers=bob.bearer)
    assert answer.status_code == 200
    assert answer.json()["people"] == []
    for table in ("sessions", "known_places", "links", "mails", "people_keys", "accounts"):
        column = "id" if table == "accounts" else "account_id"
        kept = f"SELECT count(*) FROM {table} WHERE {column} = $1"
        assert await db.fetchval(kept, alice.account.id) == 0, table
    assert (await http.get(URL, headers=bob.bearer)).status_code == 200
    # Nothing is kept that would stop her from coming back, but that nobody has her username for a while.
    refused(await http.post("/api/v1/accounts", json=ALICE.fields()), 409, "username_taken")
    again = ALICE.fields() | {"username": "alicia"}
    assert (await http.post("/api/v1/accounts", json=again)).status_code == 201


async def test_another_username_needs_a_recent_login(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    await db.execute("UPDATE sessions SET created_at = now() - interval '601 seconds'")
    change = {"username": "alicia", "name": "Alicia"}
    refused(await http.patch(URL, json=change, headers=alice.bearer), 403, "recent_login_required")
    assert (await http.get(URL, headers=alice.bearer)).json()["name"] == ALICE.name
    # How it's written is not what somebody logs in with.
    same = {"username": "Alice", "name": "Alicia"}
    assert (await http.patch(URL, json=same, headers=alice.bearer)).json()["username"] == "Alice"
    assert await db.fetchval("SELECT count(*) FROM reservations") == 0
    await db.execute("UPDATE sessions SET created_at = now() - interval '590 seconds'")
    assert (await http.patch(URL, json=change, headers=alice.bearer)).json()["username"] == "alicia"
    kinds = await db.fetch("SELECT kind FROM account_events WHERE kind = 'username_changed'")
    assert len(kinds) == 1


async def test_leaving_needs_a_recent_login(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    await db.execute("UPDATE sessions SET created_at = now() - interval '601 seconds'")
    refused(await http.delete(URL, headers=alice.bearer), 403, "recent_login_required")
    assert (await http.get(URL, headers=alice.bearer)).status_code == 200
    await db.execute("UPDATE sessions SET created_at = now() - interval '590 seconds'")
    assert (await http.delete(URL, headers=alice.bearer)).status_code == 204
