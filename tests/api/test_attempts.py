"""How often somebody may try: POST /sessions and PUT /account/password"""

import asyncio
from collections import Counter

import asyncpg
import httpx
import pytest

from frontdesk import app
from frontdesk.accounts.service import Service
from tests.answers import refused
from tests.api.conftest import Talk
from tests.cast import ALICE, BOB, Actor
from tests.conftest import with_settings

URL = "/api/v1/sessions"
RIGHT = {"login": "alice", "password": ALICE.password}
WRONG = {"login": "alice", "password": "not her password at all"}


async def test_ten_wrong_passwords_are_followed_by_a_wait(http: httpx.AsyncClient, alice: Actor) -> None:
    for _ in range(10):
        refused(await http.post(URL, json=WRONG), 401, "wrong_credentials")
    answer = await http.post(URL, json=WRONG)
    refused(answer, 429, "throttled")
    assert int(answer.headers["retry-after"]) == 1


async def test_the_wait_ends_and_then_doubles(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    waits = []
    for _ in range(13):
        answer = await http.post(URL, json=WRONG)
        if answer.status_code == 429:
            waits.append(int(answer.headers["retry-after"]))
            await db.execute("UPDATE attempts SET blocked_until = now()")
            refused(await http.post(URL, json=WRONG), 401, "wrong_credentials")
    assert waits == [1, 2, 4]
    await db.execute("UPDATE attempts SET failures = 40, blocked_until = now()")
    refused(await http.post(URL, json=WRONG), 401, "wrong_credentials")
    answer = await http.post(URL, json=WRONG)
    refused(answer, 429, "throttled")
    assert 0 < int(answer.headers["retry-after"]) <= 900


async def test_the_right_password_after_the_wait_starts_anew(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    for _ in range(10):
        refused(await http.post(URL, json=WRONG), 401, "wrong_credentials")
    refused(await http.post(URL, json=RIGHT), 429, "throttled")
    await db.execute("UPDATE attempts SET blocked_until = now()")
    assert (await http.post(URL, json=RIGHT)).status_code == 201
    for _ in range(10):
        refused(await http.post(URL, json=WRONG), 401, "wrong_credentials")


async def test_unknown_names_are_throttled_alike(http: httpx.AsyncClient) -> None:
    for _ in range(10):
        refused(await http.post(URL, json=WRONG | {"login": "nobody"}), 401, "wrong_credentials")
    refused(await http.post(URL, json=WRONG | {"login": "NOBODY"}), 429, "throttled")
    refused(await http.post(URL, json=WRONG | {"login": "somebody"}), 401, "wrong_credentials")


async def test_an_accounts_two_names_share_one_budget(http: httpx.AsyncClient, alice: Actor) -> None:
    for login in ("alice", "alice@example.org") * 5:
        refused(await http.post(URL, json=WRONG | {"login": login}), 401, "wrong_credentials")
    for login in ("alice", "ALICE@example.org"):
        refused(await http.post(URL, json=WRONG | {"login": login}), 429, "throttled")


async def test_a_hundred_guesses_at_once_are_a_hundred(http: httpx.AsyncClient, alice: Actor) -> None:
    answers = await asyncio.gather(*(http.post(URL, json=WRONG) for _ in range(100)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {401, 429}
    # One more a second may be let through while the queue of statements is worked off.
    assert 10 <= statuses[401] <= 11


async def test_a_hundred_guesses_at_once_hit_the_right_password_no_more_than_ten_times(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    passwords = [f"guess number {number:03} of many" for number in range(99)] + [ALICE.password]
    answers = await asyncio.gather(*(http.post(URL, json=WRONG | {"password": p}) for p in passwords))
    assert 201 not in {answer.status_code for answer in answers}
    assert await db.fetchval("SELECT count(*) FROM sessions") == 1


async def test_strangers_cannot_lock_the_owner_out(talk: Talk, alice: Actor) -> None:
    home, stranger = talk("192.0.2.1"), talk("203.0.113.5")
    assert (await home.post(URL, json=RIGHT)).status_code == 201
    for _ in range(10):
        refused(await stranger.post(URL, json=WRONG), 401, "wrong_credentials")
    refused(await stranger.post(URL, json=WRONG), 429, "throttled")
    # Not even with the right password: who guesses it in the end mustn't learn so.
    refused(await stranger.post(URL, json=RIGHT), 429, "throttled")
    assert (await home.post(URL, json=RIGHT)).status_code == 201


async def test_all_strangers_share_what_they_may_try_on_one_account(talk: Talk, alice: Actor) -> None:
    for number in range(10):
        refused(await talk(f"203.0.113.{number}").post(URL, json=WRONG), 401, "wrong_credentials")
    refused(await talk("198.51.100.1").post(URL, json=WRONG), 429, "throttled")


async def test_one_address_may_not_try_everybody(talk: Talk) -> None:
    http, elsewhere = (talk(a, login_attempts_per_address=5) for a in ("203.0.113.5", "203.0.113.6"))
    for number in range(5):
        refused(await http.post(URL, json=WRONG | {"login": f"user{number}"}), 401, "wrong_credentials")
    refused(await http.post(URL, json=WRONG | {"login": "user9"}), 429, "throttled")
    refused(await elsewhere.post(URL, json=WRONG | {"login": "user9"}), 401, "wrong_credentials")


async def test_one_customers_ipv6_addresses_are_one(talk: Talk) -> None:
    for number in range(5):
        http = talk(f"2001:db8:1:2::{number}", login_attempts_per_address=5)
        refused(await http.post(URL, json=WRONG | {"login": f"user{number}"}), 401, "wrong_credentials")
    same, other = (talk(a, login_attempts_per_address=5) for a in ("2001:db8:1:2:ff::", "2001:db8:1:3::"))
    refused(await same.post(URL, json=WRONG), 429, "throttled")
    refused(await other.post(URL, json=WRONG), 401, "wrong_credentials")


async def test_right_passwords_are_not_counted_against_an_address(
    talk: Talk, alice: Actor, bob: Actor
) -> None:
    http = talk(login_attempts_per_address=3)
    for _ in range(3):
        assert (await http.post(URL, json=RIGHT)).status_code == 201
        answer = await http.post(URL, json={"login": "bob", "password": BOB.password})
        assert answer.status_code == 201


async def test_wrong_passwords_are_forgotten_one_every_ten_minutes(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    """Also of somebody who errs every nine minutes: time passes between attempts as well as after the last."""
    for _ in range(14):
        refused(await http.post(URL, json=WRONG), 401, "wrong_credentials")
        await db.execute(
            """
            UPDATE attempts SET counted_at = counted_at - interval '9 minutes',
                                blocked_until = blocked_until - interval '9 minutes'
            """
        )
    assert await db.fetchval("SELECT max(failures) FROM attempts") <= 4


async def test_the_smallest_budget_is_one_attempt(talk: Talk, alice: Actor) -> None:
    http = talk(login_attempts=1)
    refused(await http.post(URL, json=WRONG), 401, "wrong_credentials")
    refused(await http.post(URL, json=WRONG), 429, "throttled")


@pytest.mark.parametrize("forged", ["198.51.100.66", "198.51.100.66, 10.0.0.1", "192.0.2.1"])
async def test_a_stranger_cannot_choose_an_address(
    talk: Talk, alice: Actor, db: asyncpg.Connection, forged: str
) -> None:
    stranger = talk("203.0.113.5", login_attempts_per_address=2)
    for number in range(2):
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        refused(await stranger.post(URL, json=WRONG, headers=headers), 401, "wrong_credentials")
    refused(await stranger.post(URL, json=WRONG, headers={"X-Forwarded-For": forged}), 429, "throttled")
    assert await db.fetchval("SELECT count(*) FROM attempts WHERE subject LIKE '%203.0.113.5'") == 1


PROXIES = ("10.0.0.0/8", "2001:db8:ffff::/48")


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "192.0.2.99, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "192.0.2.99, 198.51.100.7, 10.9.9.9", "198.51.100.7"),
        ("10.0.0.1", "2001:DB8::7", "2001:db8::7"),
        ("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("10.0.0.1", "198.51.100.7, rubbish", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        # A socket for both families shows IPv4 peers like this.
        ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("::ffff:203.0.113.5", "198.51.100.7", "203.0.113.5"),
        ("2001:db8:ffff::1", "198.51.100.7", "198.51.100.7"),
        ("203.0.113.5", "198.51.100.7", "203.0.113.5"),
        ("fe80::1%eth0", "198.51.100.7", "fe80::1"),
    ],
)
async def test_a_trusted_proxy_says_whom_it_saw(
    talk: Talk, alice: Actor, peer: str, forwarded: str, seen: str
) -> None:
    http = talk(peer, trusted_proxies=PROXIES)
    answer = await http.post(URL, json=RIGHT, headers={"X-Forwarded-For": forwarded})
    assert answer.status_code == 201
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    answer = await http.get(URL, headers=bearer | {"X-Forwarded-For": forwarded})
    assert answer.status_code == 200
    assert answer.json()["sessions"][0]["address"] == seen


async def test_a_storm_that_is_refused_is_not_counted(
    service: Service, alice: Actor, db: asyncpg.Connection
) -> None:
    border = app.build(with_settings(service, hash_deadline=0.000_001), "api")
    transport = httpx.ASGITransport(app=border, client=("192.0.2.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        busy = await asyncio.gather(*(http.post(URL, json=WRONG) for _ in range(8)))
        change = {"current_password": ALICE.password, "password": "eleven new herons at dusk"}
        answer = await http.put("/api/v1/account/password", json=change, headers=alice.bearer)
    statuses = {answer.status_code for answer in busy}
    assert statuses <= {401, 503}
    assert 503 in statuses | {answer.status_code}
    left = await db.fetchval(
        "SELECT coalesce(sum(failures), 0) FROM attempts WHERE subject LIKE 'login account%'"
    )
    assert left == sum(answer.status_code == 401 for answer in busy)
