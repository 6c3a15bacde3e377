"""POST /password-resets, PUT /password-resets/{token}"""

import asyncio
import statistics
import time
from datetime import timedelta

import asyncpg
import httpx
import pytest

from frontdesk.accounts import sessions
from frontdesk.accounts.service import Service
from frontdesk.border import Border
from tests.answers import faults, refused
from tests.cast import ALICE, BOB, ELSEWHERE, Actor
from tests.mail.conftest import Post, talking
from tests.mailbox import BASE

URL = "/api/v1/password-resets"
NEW = {"password": "seven loud geese at noon"}


async def ask(http: httpx.AsyncClient, email: str = ALICE.email) -> None:
    answer = await http.post(URL, json={"email": email})
    assert (answer.status_code, answer.content) == (202, b"")


async def log_in(http: httpx.AsyncClient, password: str) -> int:
    answer = await http.post("/api/v1/sessions", json={"login": ALICE.email, "password": password})
    return answer.status_code


async def test_the_link_sets_a_new_password_and_ends_every_session(
    http: httpx.AsyncClient, service: Service, alice: Actor, bob: Actor, post: Post
) -> None:
    other = await sessions.start(service, alice.account, ELSEWHERE)
    await ask(http)
    letter = await post.one()
    assert letter.to == [ALICE.email]
    assert letter.url.startswith(BASE + "/reset/")
    answer = await http.put(f"{URL}/{letter.token}", json=NEW)
    assert answer.status_code == 204
    for token in (alice.token, other.token):
        answer = await http.get("/api/v1/account", headers={"Authorization": f"Bearer {token}"})
        refused(answer, 401, "unauthenticated")
    assert (await http.get("/api/v1/account", headers=bob.bearer)).status_code == 200
    assert await log_in(http, ALICE.password) == 401
    assert await log_in(http, NEW["password"]) == 201
    told = await post.one()
    assert (told.to, told.subject) == ([ALICE.email], "Your password was changed")


async def test_nobody_is_told_whether_there_is_an_account(
    http: httpx.AsyncClient, alice: Actor, bob: Actor, db: asyncpg.Connection, post: Post
) -> None:
    await db.execute("UPDATE accounts SET email_verified_at = NULL WHERE username = 'alice'")
    await db.execute("UPDATE accounts SET disabled_at = now() WHERE username = 'bob'")
    answers = []
    for email in (ALICE.email, BOB.email, "nobody@example.org"):
        answer = await http.post(URL, json={"email": email})
        headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        answers.append((answer.status_code, answer.content, headers))
    assert answers[0] == answers[1] == answers[2]
    assert [letter.to for letter in await post.send()] == [[ALICE.email]]
    assert await post.waiting() == 0


async def test_the_answer_takes_as_long_for_everybody(
    http: httpx.AsyncClient, alice: Actor, db: asyncpg.Connection
) -> None:
    """In pairs, in turn one and the other first, so that what else the machine does cancels itself out."""
    pairs: list[tuple[float, float]] = []
    for turn in range(300):
        taken = {}
        for email in (ALICE.email, "nobody@example.org")[:: -1 if turn % 2 else 1]:
            await db.execute("DELETE FROM mailboxes")
            began = time.perf_counter()
            await ask(http, email)
            taken[email] = time.perf_counter() - began
        pairs.append((taken[ALICE.email], taken["nobody@example.org"]))
    usual = statistics.median(max(pair) for pair in pairs)
    assert abs(statistics.median(known - unknown for known, unknown in pairs)) < 0.1 * usual


async def test_a_link_is_good_once(http: httpx.AsyncClient, alice: Actor, post: Post) -> None:
    await ask(http)
    token = (await post.one()).token
    assert (await http.put(f"{URL}/{token}", json=NEW)).status_code == 204
    refused(await http.put(f"{URL}/{token}", json={"password": "another four geese"}), 410, "link_expired")
    assert await log_in(http, NEW["password"]) == 201


async def test_of_two_uses_at_once_one_wins(http: httpx.AsyncClient, alice: Actor, post: Post) -> None:
    await ask(http)
    token = (await post.one()).token
    passwords = ["seven loud geese at noon", "eight loud geese at noon"]
    answers = await asyncio.gather(
        *(http.put(f"{URL}/{token}", json={"password": password}) for password in passwords)
    )
    assert sorted(answer.status_code for answer in answers) == [204, 410]
    won = passwords[[answer.status_code for answer in answers].index(204)]
    assert [password for password in passwords if await log_in(http, password) == 201] == [won]


async def test_two_links_are_both_good_until_one_is_used(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    await asyncio.gather(ask(http), ask(http))
    first, second = await post.send()
    assert first.token != second.token
    assert (await http.put(f"{URL}/{first.token}", json=NEW)).status_code == 204
    refused(await http.put(f"{URL}/{second.token}", json=NEW), 410, "link_expired")


async def test_a_link_ends_when_the_password_is_changed(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    await ask(http)
    token = (await post.one()).token
    change = {"current_password": ALICE.password, **NEW}
    assert (await http.put("/api/v1/account/password", json=change, headers=alice.bearer)).status_code == 204
    refused(await http.put(f"{URL}/{token}", json=NEW), 410, "link_expired")


async def test_a_link_is_good_for_half_an_hour_from_its_sending(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    await ask(http)
    await db.execute("UPDATE mails SET created_at = now() - interval '2 hours'")
    token = (await post.one()).token
    left = await db.fetchval("SELECT expires_at - now() FROM links")
    assert timedelta(minutes=29) < left <= timedelta(minutes=30)
    await db.execute("UPDATE links SET expires_at = now() - interval '1 s'")
    refused(await http.put(f"{URL}/{token}", json=NEW), 410, "link_expired")
    assert await log_in(http, ALICE.password) == 201


async def test_what_only_looks_like_the_link_opens_nothing(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    await ask(http)
    token = (await post.one()).token
    for wrong in (
        *(token[:-1], token[1:], token + "A", token.upper(), token.lower(), token.swapcase(), "A" * 43, "x"),
        *(token + "=", " " + token, token + "%00", "%ff" * 43, "A" * 5000, "é" * 43),
    ):
        if wrong != token:
            refused(await http.put(f"{URL}/{wrong}", json=NEW), 410, "link_expired")
    assert await log_in(http, ALICE.password) == 201
    assert (await http.put(f"{URL}/{token}", json=NEW)).status_code == 204


async def test_a_link_of_another_kind_or_account_opens_nothing_here(
    http: httpx.AsyncClient, alice: Actor, bob: Actor, post: Post
) -> None:
    change = {"email": "new@example.org", "password": BOB.password}
    assert (await http.post("/api/v1/account/email", json=change, headers=bob.bearer)).status_code == 202
    for letter in await post.send():
        refused(await http.put(f"{URL}/{letter.token}", json=NEW), 410, "link_expired")
    await ask(http, BOB.email)
    token = (await post.one()).token
    refused(await http.post(f"/api/v1/email-confirmations/{token}"), 410, "link_expired")
    # Bob's link is Bob's, whoever is logged in.
    answer = await http.put(f"{URL}/{token}", json=NEW, headers=alice.bearer)
    assert answer.status_code == 204
    assert await log_in(http, ALICE.password) == 201


async def test_a_link_is_bound_to_the_address_that_it_was_sent_to(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    await ask(http)
    token = (await post.one()).token
    await db.execute("UPDATE accounts SET email = 'new@example.org', email_key = 'new@example.org'")
    refused(await http.put(f"{URL}/{token}", json=NEW), 410, "link_expired")


async def test_a_disabled_account_has_no_way_back(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    await ask(http)
    token = (await post.one()).token
    await db.execute("UPDATE accounts SET disabled_at = now()")
    refused(await http.put(f"{URL}/{token}", json=NEW), 410, "link_expired")


@pytest.mark.parametrize(
    ("password", "code"),
    [("short", "password_too_short"), ("alice likes wet herons", "password_personal")],
)
async def test_a_password_that_is_refused_leaves_the_link_good(
    http: httpx.AsyncClient, alice: Actor, post: Post, password: str, code: str
) -> None:
    await ask(http)
    token = (await post.one()).token
    answer = await http.put(f"{URL}/{token}", json={"password": password})
    assert faults(answer) == {("password", code)}
    assert (await http.put(f"{URL}/{token}", json=NEW)).status_code == 204


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b@c", "x@example.org\r\nBcc: y@example.org", "@", "a" * 400]
)
async def test_what_is_no_address_is_told_to_be_none(http: httpx.AsyncClient, email: str) -> None:
    answer = await http.post(URL, json={"email": email})
    problem = refused(answer, 422, "invalid_fields")
    assert {error["field"] for error in problem["errors"]} == {"email"}


async def test_the_mail_goes_to_the_accounts_address_not_to_one_that_looks_like_it(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    # The first letter is a Cyrillic one.
    await ask(http, "аlice@example.org")
    assert (await post.one()).to == [ALICE.email]


async def test_the_link_leads_to_the_configured_place_whatever_the_request_says(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    for headers in (
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher", "Forwarded": "host=evil.example"},
        {"Host": "evil.example:80", "X-Forwarded-Server": "evil.example", "Origin": "http://evil.example"},
    ):
        answer = await http.post(URL, json={"email": ALICE.email}, headers=headers)
        assert answer.status_code == 202
        letter = await post.one()
        assert letter.url == f"{BASE}/reset/{letter.token}"
        assert b"evil" not in letter.raw
        assert "evil" not in letter.text + letter.html


async def test_strangers_have_three_mails_an_hour_sent_to_an_address(
    http: httpx.AsyncClient, border: Border, alice: Actor, bob: Actor, db: asyncpg.Connection, post: Post
) -> None:
    async with talking(border, "198.51.100.9") as elsewhere:
        await asyncio.gather(*(ask(program, ALICE.email) for program in (http, elsewhere) * 5))
        await ask(http, "ALICE@example.org")
        assert len(await post.send()) == 3
        await ask(http, BOB.email)
        assert len(await post.send()) == 1
        await db.execute(
            "UPDATE mailboxes SET asked = (SELECT array_agg(t - interval '61 minutes') FROM unnest(asked) t)"
        )
        for _ in range(5):
            await ask(elsewhere)
        assert len(await post.send()) == 3


async def test_who_registers_and_leaves_with_an_address_has_no_more_of_them_sent(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    for _ in range(3):
        await ask(http)
    assert len(await post.send()) == 3
    assert (await http.delete("/api/v1/account", headers=alice.bearer)).status_code == 204
    again = ALICE.fields() | {"username": "alice2"}
    assert (await http.post("/api/v1/accounts", json=again)).status_code == 201
    await ask(http)
    assert await post.send() == []


async def test_one_sender_is_slowed_down(service: Service, alice: Actor) -> None:
    from frontdesk import app
    from tests.conftest import with_settings

    async with talking(app.build(with_settings(service, mails_per_address=2))) as program:
        await ask(program, "a@example.org")
        await ask(program, "b@example.org")
        answer = await program.post(URL, json={"email": "c@example.org"})
        refused(answer, 429, "throttled")
        assert int(answer.headers["retry-after"]) >= 1


async def test_where_no_mail_is_sent_there_is_nothing(service: Service, alice: Actor) -> None:
    import dataclasses

    from frontdesk import app

    async with talking(app.build(dataclasses.replace(service, mails="off"))) as program:
        refused(await program.post(URL, json={"email": ALICE.email}), 404, "not_found")


async def test_a_reset_confirms_the_address(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    await db.execute("UPDATE accounts SET email_verified_at = NULL")
    await ask(http)
    assert (await http.put(f"{URL}/{(await post.one()).token}", json=NEW)).status_code == 204
    assert await db.fetchval("SELECT email_verified_at IS NOT NULL FROM accounts")


async def test_tokens_are_nowhere_in_the_database(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    await ask(http)
    assert await db.fetchval("SELECT count(*) FROM links") == 0
    token = (await post.one()).token
    assert len(token) == 43
    for table in ("links", "mails", "mailboxes", "account_events"):
        for row in await db.fetch(f"SELECT to_jsonb(t)::text FROM {table} t"):
            assert token not in row[0]
