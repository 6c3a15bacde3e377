"""POST, GET /sessions; DELETE /sessions/current, /sessions/{id}"""

import asyncio
import hashlib
import statistics
import time
import uuid
from base64 import urlsafe_b64decode

import argon2
import asyncpg
import httpx
import pytest

from frontdesk.accounts import moderation, sessions
from frontdesk.accounts.service import Service
from tests.answers import faults, refused
from tests.api.conftest import Talk
from tests.cast import ALICE, ELSEWHERE, Actor
from tests.waiting import until_blocked

URL = "/api/v1/sessions"
RIGHT = {"login": "alice", "password": ALICE.password}


@pytest.mark.parametrize(
    "login", ["alice", "Alice", "ALICE", " alice ", "alice@example.org", "ALICE@Example.ORG", "ａｌｉｃｅ"]
)
async def test_alice_logs_in_by_username_or_address_in_any_case(
    http: httpx.AsyncClient, alice: Actor, login: str
) -> None:
    answer = await http.post(URL, json=RIGHT | {"login": login})
    assert answer.status_code == 201
    found = answer.json()
    assert len(found["token"]) == 43
    assert found["account"]["id"] == str(alice.account.id)
    assert answer.headers["cache-control"] == "no-store"
    me = await http.get("/api/v1/account", headers={"Authorization": f"Bearer {found['token']}"})
    assert me.status_code == 200


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(
    http: httpx.AsyncClient, alice: Actor
) -> None:
    bodies = []
    for login in ("alice", "alice@example.org", "nobody", "nobody@example.org", "a\x00b", "", "x" * 5000):
        answer = await http.post(URL, json={"login": login, "password": "not her password at all"})
        problem = refused(answer, 401, "wrong_credentials")
        del problem["request_id"]
        bodies.append((problem, answer.headers["www-authenticate"]))
    assert all(body == bodies[0] for body in bodies)


async def test_an_unknown_name_takes_as_long_as_a_wrong_password(talk: Talk, alice: Actor) -> None:
    """Interleaved, so that what slows this machine down slows both. Without a dummy hash it's 1 to 10, in every
    round; three are for a machine that does much else."""
    http = talk(login_attempts=1000, login_attempts_per_address=1000)

    async def medians() -> tuple[float, float]:
        seconds: dict[str, list[float]] = {"alice": [], "nobody": []}
        for _ in range(15):
            for login, taken in seconds.items():
                began = time.perf_counter()
                answer = await http.post(URL, json={"login": login, "password": "not her password at all"})
                taken.append(time.perf_counter() - began)
                refused(answer, 401, "wrong_credentials")
        return statistics.median(seconds["alice"]), statistics.median(seconds["nobody"])

    seen = []
    for _ in range(3):
        known, unknown = await medians()
        if abs(known - unknown) <= 0.25 * max(known, unknown):
            return
        seen.append(f"{known:.4f} s and {unknown:.4f} s")
    pytest.fail(", ".join(seen))


async def test_a_login_too_long_to_be_one_costs_no_more_than_another(talk: Talk, alice: Actor) -> None:
    """A body's worth of combining marks takes NFKC seconds in which nobody else would be answered."""
    http = talk(login_attempts=1000)
    marks = "a" + "\u0301\u0327" * 15_000
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - began)

    watching = asyncio.create_task(watch())
    for login in (marks, marks + "@example.org"):
        refused(await http.post(URL, json={"login": login, "password": "x"}), 401, "wrong_credentials")
    watching.cancel()
    assert worst < 0.25


async def test_a_disabled_account_is_as_good_as_unknown(
    http: httpx.AsyncClient, alice: Actor, service: Service
) -> None:
    await moderation.disable(service, "alice")
    refused(await http.post(URL, json=RIGHT), 401, "wrong_credentials")
    refused(await http.get(URL, headers=alice.bearer), 401, "unauthenticated")
    await moderation.enable(service, "alice")
    assert (await http.post(URL, json=RIGHT)).status_code == 201
    refused(await http.get(URL, headers=alice.bearer), 401, "unauthenticated")


async def test_fields_are_checked_before_anything_is_counted(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    assert faults(await http.post(URL, json={"login": 7})) == {
        ("login", "wrong_type"),
        ("password", "missing"),
    }
    assert faults(await http.post(URL, json=RIGHT | {"remember": True})) == {("remember", "unknown")}
    assert await db.fetchval("SELECT count(*) FROM attempts WHERE subject LIKE 'login%'") == 0


async def test_only_the_hash_of_a_token_is_kept(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    answer = await http.post(URL, json=RIGHT)
    assert answer.status_code == 201
    token = answer.json()["token"]
    raw = urlsafe_b64decode(token + "=")
    assert len(raw) == 32
    rows = await db.fetch("SELECT * FROM sessions")
    assert hashlib.sha256(raw).digest() in [row["token_hash"] for row in rows]
    kept = " ".join(str(value) for row in rows for value in row.values())
    assert token not in kept
    assert repr(raw) not in kept


async def test_only_the_exact_text_of_a_token_counts(
    http: httpx.AsyncClient, alice: Actor, service: Service
) -> None:
    other = alice
    while not {"-", "_"} & set(other.token):
        login = await sessions.start(service, alice.account, ELSEWHERE)
        other = alice._replace(token=login.token)
    token = other.token
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # Base64 has spare bits at the end: this one decodes to the same bytes.
    twin = token[:-1] + last[last.index(token[-1]) ^ 1]
    for text in (twin, token.translate(str.maketrans("-_", "+/")), token + "=", token[:-1], token + "A", ""):
        assert text != token
        answer = await http.get(URL, headers={"Authorization": f"Bearer {text}"})
        refused(answer, 401, "unauthenticated")
    for scheme in ("Basic", "Token", ""):
        answer = await http.get(URL, headers={"Authorization": f"{scheme} {token}"})
        refused(answer, 401, "unauthenticated")
    answer = await http.get(URL, headers={"Authorization": f"bEARER {token}"})
    assert answer.status_code == 200


async def test_an_outdated_hash_is_renewed_at_the_next_login(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(ALICE.password)
    await db.execute("UPDATE accounts SET password_hash = $1", weaker)
    refused(await http.post(URL, json=RIGHT | {"password": "wrong"}), 401, "wrong_credentials")
    assert await db.fetchval("SELECT password_hash FROM accounts") == weaker
    assert (await http.post(URL, json=RIGHT)).status_code == 201
    renewed = await db.fetchval("SELECT password_hash FROM accounts")
    assert renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (await http.post(URL, json=RIGHT)).status_code == 201
    assert await db.fetchval("SELECT password_hash FROM accounts") == renewed


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts SET password_hash = 'another'",
        "UPDATE accounts SET disabled_at = now()",
        "DELETE FROM accounts",
    ],
)
async def test_no_session_begins_after_what_ends_them_all(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection, service: Service, change: str
) -> None:
    """A login that was hashing the old password while the account changed must not outlive the change."""
    changing = db.transaction()
    await changing.start()
    await db.execute(change)
    await db.execute("DELETE FROM sessions")
    login = asyncio.create_task(http.post(URL, json=RIGHT))
    await until_blocked(service)
    await changing.commit()
    refused(await login, 401, "wrong_credentials")
    assert await db.fetchval("SELECT count(*) FROM sessions") == 0


async def test_two_logins_may_renew_the_same_hash(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection, service: Service
) -> None:
    fresh = await db.fetchval("SELECT password_hash FROM accounts")
    weaker = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(ALICE.password)
    await db.execute("UPDATE accounts SET password_hash = $1", weaker)
    renewing = db.transaction()
    await renewing.start()
    await db.execute("UPDATE accounts SET password_hash = $1", fresh)
    login = asyncio.create_task(http.post(URL, json=RIGHT))
    await until_blocked(service)
    await renewing.commit()
    assert (await login).status_code == 201


async def test_sessions_are_listed_with_browser_address_and_use(talk: Talk, alice: Actor) -> None:
    phone = talk("2001:db8::7")
    agent = {b"User-Agent": "Phone/1.0 (手机)".encode()}
    answer = await phone.post(URL, json=RIGHT, headers=agent)
    assert answer.status_code == 201
    answer = await phone.get(URL, headers={"Authorization": f"Bearer {answer.json()['token']}"})
    assert answer.status_code == 200
    first, second = answer.json()["sessions"]
    assert (first["current"], second["current"]) == (True, False)
    assert (first["address"], second["address"]) == ("2001:db8::7", "192.0.2.1")
    assert (first["user_agent"], second["user_agent"]) == ("Phone/1.0 (手机)", "Test/1.0")
    assert first["last_used_at"] >= second["created_at"]
    assert "token" not in answer.text


async def test_alice_ends_another_session_of_hers_at_once(http: httpx.AsyncClient, alice: Actor) -> None:
    other = await http.post(URL, json=RIGHT)
    assert other.status_code == 201
    elsewhere = {"Authorization": f"Bearer {other.json()['token']}"}
    listed = (await http.get(URL, headers=alice.bearer)).json()["sessions"]
    other_id = next(session["id"] for session in listed if not session["current"])
    answer = await http.delete(f"{URL}/{other_id}", headers=alice.bearer)
    assert answer.status_code == 204
    assert answer.content == b""
    refused(await http.get("/api/v1/account", headers=elsewhere), 401, "unauthenticated")
    refused(await http.delete(f"{URL}/{other_id}", headers=alice.bearer), 404, "not_found")


async def test_charlie_neither_sees_nor_ends_a_session_of_alice(
    http: httpx.AsyncClient, alice: Actor, charlie: Actor
) -> None:
    hers = (await http.get(URL, headers=alice.bearer)).json()["sessions"][0]["id"]
    answer = await http.get(URL, headers=charlie.bearer)
    assert answer.status_code == 200
    assert hers not in answer.text
    refused(await http.delete(f"{URL}/{hers}", headers=charlie.bearer), 404, "not_found")
    assert (await http.get(URL, headers=alice.bearer)).status_code == 200


async def test_an_id_that_is_none_is_not_found(http: httpx.AsyncClient, alice: Actor) -> None:
    for text in (str(uuid.uuid4()), "7", "not-a-uuid", "%00", "current%20"):
        refused(await http.delete(f"{URL}/{text}", headers=alice.bearer), 404, "not_found")


async def test_logging_out_ends_this_session_only(http: httpx.AsyncClient, alice: Actor) -> None:
    other = await http.post(URL, json=RIGHT)
    assert other.status_code == 201
    assert (await http.delete(f"{URL}/current", headers=alice.bearer)).status_code == 204
    refused(await http.delete(f"{URL}/current", headers=alice.bearer), 401, "unauthenticated")
    elsewhere = {"Authorization": f"Bearer {other.json()['token']}"}
    assert (await http.get("/api/v1/account", headers=elsewhere)).status_code == 200


async def test_logging_out_twice_at_once_is_fine(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection, service: Service
) -> None:
    first = db.transaction()
    await first.start()
    await db.execute("DELETE FROM sessions")
    second = asyncio.create_task(http.delete(f"{URL}/current", headers=alice.bearer))
    await until_blocked(service)
    await first.commit()
    assert (await second).status_code == 204


@pytest.mark.parametrize(
    "change",
    [
        "last_used_at = now() - interval '14 days 1 second'",
        "expires_at = now() - interval '1 second'",
    ],
)
async def test_a_session_ends_by_itself(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection, change: str
) -> None:
    assert (await http.get(URL, headers=alice.bearer)).status_code == 200
    await db.execute(f"UPDATE sessions SET {change}")
    refused(await http.get(URL, headers=alice.bearer), 401, "unauthenticated")


async def test_a_session_that_is_used_goes_on_but_not_for_ever(
    talk: Talk, alice: Actor, db: asyncpg.Connection
) -> None:
    http = talk(session_idle_timeout=3600, session_lifetime=7200)
    login = await http.post(URL, json=RIGHT)
    assert login.status_code == 201
    lasts = await db.fetchval(
        "SELECT max(expires_at - created_at) FROM sessions WHERE user_agent <> 'Test/1.0'"
    )
    assert lasts.total_seconds() == pytest.approx(7200)
    bearer = {"Authorization": f"Bearer {login.json()['token']}"}
    await db.execute("UPDATE sessions SET last_used_at = now() - interval '59 minutes'")
    assert (await http.get(URL, headers=bearer)).status_code == 200
    await db.execute("UPDATE sessions SET last_used_at = last_used_at - interval '59 minutes'")
    assert (await http.get(URL, headers=bearer)).status_code == 200


async def test_the_last_use_is_written_once_a_minute_at_the_most(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    used = "SELECT last_used_at FROM sessions"
    before = await db.fetchval(used)
    assert (await http.get("/api/v1/account", headers=alice.bearer)).status_code == 200
    assert await db.fetchval(used) == before
    await db.execute("UPDATE sessions SET last_used_at = now() - interval '61 seconds'")
    assert (await http.get("/api/v1/account", headers=alice.bearer)).status_code == 200
    noted = await db.fetchval(used)
    assert noted > before
    assert (await http.get("/api/v1/account", headers=alice.bearer)).status_code == 200
    assert await db.fetchval(used) == noted


async def test_a_hundred_sessions_are_kept_and_the_oldest_goes(
    http: httpx.AsyncClient, service: Service, alice: Actor, db: asyncpg.Connection
) -> None:
    second = await sessions.start(service, alice.account, ELSEWHERE)
    for _ in range(99):
        await sessions.start(service, alice.account, ELSEWHERE)
    refused(await http.get(URL, headers=alice.bearer), 401, "unauthenticated")
    answer = await http.get(URL, headers={"Authorization": f"Bearer {second.token}"})
    assert answer.status_code == 200
    assert len(answer.json()["sessions"]) == 100


async def test_ended_sessions_are_not_listed(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    for _ in range(2):
        assert (await http.post(URL, json=RIGHT)).status_code == 201
    await db.execute(
        "UPDATE sessions SET expires_at = now() WHERE id = (SELECT max(id::text)::uuid FROM sessions)"
    )
    answer = await http.get(URL, headers=alice.bearer)
    assert answer.status_code == 200
    assert len(answer.json()["sessions"]) == 2
