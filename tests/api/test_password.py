"""PUT /account/password"""

import asyncio

import asyncpg
import httpx

from frontdesk.accounts.service import Service
from tests.answers import faults, refused
from tests.api.conftest import Talk
from tests.cast import ALICE, Actor
from tests.waiting import until_blocked

URL = "/api/v1/account/password"
NEW = "eleven new herons at dusk"
CHANGE = {"current_password": ALICE.password, "password": NEW}


async def log_in(http: httpx.AsyncClient, password: str) -> httpx.Response:
    return await http.post("/api/v1/sessions", json={"login": "alice", "password": password})


async def test_the_new_password_counts_and_the_old_one_no_longer(
    http: httpx.AsyncClient, alice: Actor
) -> None:
    answer = await http.put(URL, json=CHANGE, headers=alice.bearer)
    assert answer.status_code == 204
    assert answer.content == b""
    refused(await log_in(http, ALICE.password), 401, "wrong_credentials")
    assert (await log_in(http, NEW)).status_code == 201


async def test_every_other_session_ends_and_this_one_stays(
    http: httpx.AsyncClient, alice: Actor, bob: Actor
) -> None:
    other = await log_in(http, ALICE.password)
    assert other.status_code == 201
    assert (await http.put(URL, json=CHANGE, headers=alice.bearer)).status_code == 204
    elsewhere = {"Authorization": f"Bearer {other.json()['token']}"}
    refused(await http.get("/api/v1/account", headers=elsewhere), 401, "unauthenticated")
    for bearer in (alice.bearer, bob.bearer):
        assert (await http.get("/api/v1/account", headers=bearer)).status_code == 200


async def test_without_a_session_nothing_changes(http: httpx.AsyncClient, alice: Actor) -> None:
    refused(await http.put(URL, json=CHANGE), 401, "unauthenticated")
    assert (await log_in(http, ALICE.password)).status_code == 201


async def test_a_wrong_current_password_changes_nothing(http: httpx.AsyncClient, alice: Actor) -> None:
    answer = await http.put(URL, json=CHANGE | {"current_password": "wrong"}, headers=alice.bearer)
    assert faults(answer) == {("current_password", "current_password_wrong")}
    refused(await log_in(http, NEW), 401, "wrong_credentials")
    assert (await log_in(http, ALICE.password)).status_code == 201


async def test_a_stolen_session_is_no_way_to_guess_the_password(
    http: httpx.AsyncClient, alice: Actor
) -> None:
    wrong = CHANGE | {"current_password": "wrong"}
    answers = await asyncio.gather(*(http.put(URL, json=wrong, headers=alice.bearer) for _ in range(30)))
    assert 10 <= sum(answer.status_code == 422 for answer in answers) <= 11
    throttled = next(answer for answer in answers if answer.status_code != 422)
    refused(throttled, 429, "throttled")
    assert int(throttled.headers["retry-after"]) >= 1


async def test_a_new_password_that_others_would_guess_is_refused(
    http: httpx.AsyncClient, alice: Actor
) -> None:
    for password, code in (
        ("fourteen chars", "password_too_short"),
        ("alice likes wet herons", "password_personal"),
        ("password1234567", "password_common"),
        ("x9" * 200, "password_too_long"),
    ):
        answer = await http.put(URL, json=CHANGE | {"password": password}, headers=alice.bearer)
        assert faults(answer) == {("password", code)}
    assert faults(await http.put(URL, json={}, headers=alice.bearer)) == {
        ("current_password", "missing"),
        ("password", "missing"),
    }


async def test_right_guesses_are_not_counted(talk: Talk, alice: Actor) -> None:
    http = talk(login_attempts=2)
    current = ALICE.password
    for number in range(4):
        change = {"current_password": current, "password": f"{NEW} {number}"}
        assert (await http.put(URL, json=change, headers=alice.bearer)).status_code == 204
        current = change["password"]


async def test_whoever_changed_it_first_is_not_overruled(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection, service: Service
) -> None:
    """The owner's change ends a thief's session; what the thief sent just before must not win."""
    owners = db.transaction()
    await owners.start()
    await db.execute("UPDATE accounts SET password_hash = 'the owner''s'")
    thiefs = asyncio.create_task(http.put(URL, json=CHANGE, headers=alice.bearer))
    await until_blocked(service)
    await owners.commit()
    assert faults(await thiefs) == {("current_password", "current_password_wrong")}
    assert await db.fetchval("SELECT password_hash FROM accounts") == "the owner's"
