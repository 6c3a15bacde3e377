"""/forgot, /reset/{token}, /confirm/{token}, /account/email, /account/events, /account/export"""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest

from frontdesk import app
from frontdesk.accounts.service import Service
from frontdesk.border import Border
from tests.cast import ALICE, BOB, Actor
from tests.conftest import with_settings
from tests.mail.conftest import Post, talking

NEW = "seven loud geese at noon"
CHANGE = {"email": "new@example.org", "email_password": ALICE.password}


async def press(visitor: httpx.AsyncClient, path: str) -> httpx.Response:
    """The button of a form without fields."""
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return await visitor.post(path, content=b"", headers=headers)


def browser(border: Border, actor: Actor | None = None) -> httpx.AsyncClient:
    found = talking(border)
    found.headers["Sec-Fetch-Site"] = "same-origin"
    if actor is not None:
        found.cookies.set("session", actor.token)
    return found


@pytest.fixture
async def stranger(border: Border) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(border) as found:
        yield found


@pytest.fixture
async def alices(border: Border, alice: Actor) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(border, alice) as found:
        yield found


async def reset_link(stranger: httpx.AsyncClient, post: Post) -> str:
    answer = await stranger.post("/forgot", data={"email": ALICE.email})
    assert (answer.status_code, answer.headers["location"]) == (303, "/forgot")
    return f"/reset/{(await post.one()).token}"


async def confirm_link(alices: httpx.AsyncClient, post: Post, to: str) -> str:
    answer = await alices.post("/account/email", data=CHANGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    return f"/confirm/{ {letter.to[0]: letter for letter in await post.send()}[to].token }".replace(" ", "")


async def test_looking_at_a_link_uses_nothing_up(
    stranger: httpx.AsyncClient, alices: httpx.AsyncClient, post: Post, db: asyncpg.Connection
) -> None:
    """Scanners of mail follow every link, and some come back."""
    reset = await reset_link(stranger, post)
    assert (await alices.post("/account/email", data=CHANGE)).status_code == 303
    confirmations = [f"/confirm/{letter.token}" for letter in await post.send()]
    assert len(confirmations) == 2
    for link in (reset, *confirmations):
        before = await db.fetch("SELECT * FROM links ORDER BY token_hash")
        for _ in range(3):
            assert (await stranger.get(link)).status_code == 200
            assert (await stranger.head(link)).status_code == 200
        assert await db.fetch("SELECT * FROM links ORDER BY token_hash") == before
        assert (await stranger.request("OPTIONS", link)).status_code == 405
    assert await db.fetchval("SELECT email FROM accounts") == ALICE.email


async def test_the_address_of_a_page_with_a_token_is_told_to_nobody_and_kept_by_nobody(
    stranger: httpx.AsyncClient, alices: httpx.AsyncClient, post: Post
) -> None:
    good = [
        await reset_link(stranger, post),
        await confirm_link(alices, post, "new@example.org"),
    ]
    for link in [*good, "/reset/x", "/confirm/x"]:
        answers = [await stranger.get(link), await stranger.post(link, data={"password": "short"})]
        if link == good[0]:
            answers.append(await stranger.post(link, data={"password": NEW}))
        if link == good[1]:
            answers.append(await press(stranger, link))
        for answer in answers:
            assert answer.headers["referrer-policy"] == "no-referrer", (link, answer.status_code)
            assert answer.headers["cache-control"] == "no-store"


async def test_a_dead_link_is_a_page_that_says_so(stranger: httpx.AsyncClient) -> None:
    for link in ("/reset/x", "/confirm/x", "/reset/" + "A" * 43, "/confirm/" + "%ff" * 20):
        for answer in (await stranger.get(link), await press(stranger, link)):
            assert answer.status_code == 410
            assert "This link doesn&#39;t work any more" in answer.text


async def test_a_form_by_token_needs_no_origin_and_no_cookie(
    border: Border, alice: Actor, post: Post
) -> None:
    """Under no-referrer, browsers without Sec-Fetch-Site say that it comes from nowhere."""
    async with browser(border) as stranger:
        link = await reset_link(stranger, post)
    async with talking(border) as older:
        answer = await older.post(link, data={"password": NEW}, headers={"Origin": "null"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert "session" not in answer.headers["set-cookie"]


async def test_a_new_password_that_is_refused_is_explained_and_the_link_stays_good(
    stranger: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    link = await reset_link(stranger, post)
    answer = await stranger.post(link, data={"password": "short"})
    assert answer.status_code == 422
    assert 'id="password-error"' in answer.text
    assert "short" not in answer.text.replace("A short name", "")
    answer = await stranger.post(link, data={"password": NEW})
    assert answer.status_code == 303
    assert "Your new password is set." in (await stranger.get("/login")).text


async def test_a_wrong_password_is_told_beside_its_own_field(alices: httpx.AsyncClient, post: Post) -> None:
    answer = await alices.post("/account/email", data=CHANGE | {"email_password": "no"})
    assert answer.status_code == 422
    assert 'id="email_password-error"' in answer.text
    assert 'id="password-error"' not in answer.text
    assert 'value="new@example.org"' in answer.text
    assert await post.send() == []


async def test_the_page_after_a_link_says_what_was_done(
    stranger: httpx.AsyncClient, alices: httpx.AsyncClient, post: Post
) -> None:
    answer = await alices.post("/account/email", data=CHANGE)
    letters = {letter.to[0]: letter.token for letter in await post.send()}
    answer = await press(alices, f"/confirm/{letters['new@example.org']}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert "Your account has its new e-mail address." in (await alices.get("/account")).text
    answer = await press(alices, f"/confirm/{letters[ALICE.email]}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "Your account keeps this address." in (await alices.get("/login")).text


async def test_an_address_that_was_taken_meanwhile_is_told(
    http: httpx.AsyncClient, alices: httpx.AsyncClient, stranger: httpx.AsyncClient, post: Post
) -> None:
    link = await confirm_link(alices, post, "new@example.org")
    fields = BOB.fields() | {"email": "new@example.org"}
    assert (await http.post("/api/v1/accounts", json=fields)).status_code == 201
    answer = await press(stranger, link)
    assert answer.status_code == 409
    assert "There is already an account with this e-mail address." in answer.text
    # Nothing to check, and no button that can't help.
    assert 'href="#' not in answer.text.partition("<main")[2].partition("</main")[0]
    assert "Confirm address" not in answer.text


async def test_registering_where_addresses_must_be_confirmed_leads_to_the_login(
    service: Service, post: Post
) -> None:
    async with browser(app.build(with_settings(service, email_verification="required"))) as stranger:
        answer = await stranger.post("/register", data=ALICE.fields() | {"next": "/people?q=a"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fpeople%3Fq%3Da")
        assert "session=" not in answer.headers["set-cookie"]
        assert "open the link in the mail" in (await stranger.get("/login")).text
        login = {"login": "alice", "password": ALICE.password}
        answer = await stranger.post("/login", data=login)
        assert answer.status_code == 403
        assert "isn&#39;t confirmed yet" in answer.text
        answer = await press(stranger, f"/confirm/{(await post.send())[0].token}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert (await stranger.post("/login", data=login)).status_code == 303


async def test_a_service_without_mail_offers_none(service: Service, alice: Actor) -> None:
    import dataclasses

    border = app.build(dataclasses.replace(service, mails="off"))
    async with browser(border, alice) as alices, browser(border) as stranger:
        assert "/forgot" not in (await stranger.get("/login")).text
        assert "sends no mail" in (await stranger.get("/forgot")).text
        assert (await stranger.post("/forgot", data={"email": ALICE.email})).status_code == 404
        assert 'action="/account/email"' not in (await alices.get("/account")).text


async def test_the_history_is_paged(alices: httpx.AsyncClient, alice: Actor, service: Service) -> None:
    from frontdesk.store import events

    for _ in range(25):
        await events.insert(
            service.db, alice.account.id, "exported", address="192.0.2.9", user_agent="curl/8"
        )
    first = await alices.get("/account/events")
    assert first.status_code == 200
    assert first.text.count("Data downloaded") == 20
    assert "192.0.2.9" in first.text
    link = first.text.partition('href="/account/events?after=')[2].partition('"')[0]
    second = await alices.get(f"/account/events?after={link}")
    assert second.text.count("Data downloaded") == 5
    assert "Account created" in second.text
    assert "after=" not in second.text.partition("<main")[2].partition("</main>")[0]
    assert (await alices.get("/account/events?after=x")).status_code == 422


async def test_my_data_comes_as_a_file_from_a_form_only(alices: httpx.AsyncClient) -> None:
    assert (await alices.get("/account/export")).status_code == 303
    answer = await press(alices, "/account/export")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="account.json"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["account"]["email"] == ALICE.email


async def test_the_accounts_page_says_whether_the_address_is_confirmed(
    alices: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    assert "not confirmed yet" not in (await alices.get("/account")).text
    await db.execute("UPDATE accounts SET email_verified_at = NULL")
    assert "not confirmed yet" in (await alices.get("/account")).text
