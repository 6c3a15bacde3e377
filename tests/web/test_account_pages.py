"""/account, /account/password and /account/delete"""

import base64
import html
import re

import asyncpg
import httpx
import pytest

from frontdesk.accounts import sessions
from frontdesk.accounts.service import Service
from tests import cast
from tests.web.conftest import Browser

PROFILE = {"name": "Alice Archer", "username": "alice", "language": "en", "discoverable": "yes"}
NEW_PASSWORD = "seven grey geese went home"


async def test_alice_changes_what_others_see_of_her(
    browser: Browser, alice: cast.Actor, bob: cast.Actor
) -> None:
    alices = browser(alice)
    answer = await alices.post("/account", data=PROFILE | {"name": "艾丽斯", "username": "alicia"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/account"
    page = await alices.get("/account")
    assert "Your profile is saved." in page.text
    assert 'value="艾丽斯"' in page.text
    assert "艾丽斯" in (await browser(bob).get("/people/alicia")).text


async def test_unticking_the_box_hides_her(browser: Browser, alice: cast.Actor, bob: cast.Actor) -> None:
    alices = browser(alice)
    assert "checked" in (await alices.get("/account")).text
    hidden = {name: value for name, value in PROFILE.items() if name != "discoverable"}
    assert (await alices.post("/account", data=hidden)).status_code == 303
    assert "checked" not in (await alices.get("/account")).text
    assert (await browser(bob).get("/people/alice")).status_code == 404


async def test_her_language_wins_over_an_older_choice_of_the_browser(
    browser: Browser, alice: cast.Actor
) -> None:
    alices = browser(alice)
    await alices.post("/language", data={"language": "en", "next": "/"})
    assert (await alices.post("/account", data=PROFILE | {"language": "zh-Hans"})).status_code == 303
    page = await alices.get("/account")
    assert '<html lang="zh-Hans">' in page.text
    assert "个人资料已保存。" in page.text


async def test_what_cannot_be_is_said_at_its_field_and_changes_nothing(
    browser: Browser, alice: cast.Actor, bob: cast.Actor
) -> None:
    alices = browser(alice)
    for changes, status, field in (
        ({"username": "bob"}, 409, "username"),
        ({"username": "b/b"}, 422, "username"),
        ({"name": "\u202egnp.exe"}, 422, "name"),
        ({"language": "tlh"}, 422, "language"),
    ):
        answer = await alices.post("/account", data=PROFILE | changes)
        assert answer.status_code == status
        assert f'id="{field}-error"' in answer.text
    assert 'value="alice"' in (await alices.get("/account")).text


async def test_a_new_password_ends_her_other_sessions(
    service: Service, browser: Browser, stranger: httpx.AsyncClient, alice: cast.Actor
) -> None:
    elsewhere = await sessions.start(service, alice.account, cast.ELSEWHERE)
    alices = browser(alice)
    form = {"current_password": alice.password, "password": NEW_PASSWORD}
    answer = await alices.post("/account/password", data=form)
    assert answer.status_code == 303
    assert "Your password is changed." in (await alices.get("/account")).text

    other = browser(alice)
    other.cookies.set("session", elsewhere.token)
    assert (await other.get("/account")).status_code == 303
    login = await stranger.post("/login", data={"login": "alice", "password": alice.password})
    assert login.status_code == 401
    login = await stranger.post("/login", data={"login": "alice", "password": NEW_PASSWORD})
    assert login.status_code == 303


async def test_her_current_password_is_asked_for(browser: Browser, alice: cast.Actor) -> None:
    form = {"current_password": "not the one she has", "password": NEW_PASSWORD}
    answer = await browser(alice).post("/account/password", data=form)
    assert answer.status_code == 422
    assert 'id="current_password-error">This isn&#39;t your current password.' in answer.text
    assert NEW_PASSWORD not in answer.text


async def test_a_bad_new_password_is_said_at_its_field(browser: Browser, alice: cast.Actor) -> None:
    for password, text in (
        ("short", "Use at least 15 characters."),
        ("a" * 300, "A password has 256 characters at most."),
        ("1234567890123456", "one of the first passwords"),
        ("alice archer is my name", "Leave your name"),
        ("tab\tin the password", "characters that no keyboard types"),
    ):
        form = {"current_password": alice.password, "password": password}
        answer = await browser(alice).post("/account/password", data=form)
        assert answer.status_code == 422
        assert text in answer.text


async def test_password_managers_are_led_to_the_form(browser: Browser, alice: cast.Actor) -> None:
    answer = await browser(alice).get("/.well-known/change-password")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/account#change-password"
    page = await browser(alice).get("/account")
    assert 'id="change-password"' in page.text


async def test_alice_leaves_after_a_question(
    browser: Browser, stranger: httpx.AsyncClient, alice: cast.Actor, bob: cast.Actor
) -> None:
    alices = browser(alice)
    question = await alices.get("/account/delete")
    assert question.status_code == 200
    assert "Delete your account?" in question.text
    assert (await browser(bob).get("/people/alice")).status_code == 200

    answer = await alices.post("/account/delete", headers=FORM)
    assert answer.status_code == 303
    assert "Your account is deleted." in (await alices.get("/")).text
    assert (await browser(bob).get("/people/alice")).status_code == 404
    login = await stranger.post("/login", data={"login": "alice", "password": alice.password})
    assert login.status_code == 401


async def test_leaving_needs_a_fresh_login(
    browser: Browser, alice: cast.Actor, db: asyncpg.Connection
) -> None:
    await db.execute("UPDATE sessions SET created_at = created_at - interval '1 hour'")
    alices = browser(alice)
    answer = await alices.post("/account/delete", headers=FORM)
    assert answer.status_code == 403
    assert "Log in again first" in answer.text
    assert 'name="next" value="/login?next=/account/delete"' in answer.text
    assert (await alices.get("/account")).status_code == 200


async def test_another_username_needs_a_fresh_login_and_loses_nothing_typed(
    browser: Browser, alice: cast.Actor, db: asyncpg.Connection
) -> None:
    await db.execute("UPDATE sessions SET created_at = created_at - interval '1 hour'")
    alices = browser(alice)
    answer = await alices.post("/account", data=PROFILE | {"name": "艾丽斯", "username": "alicia"})
    assert answer.status_code == 403
    assert "log in again first" in answer.text
    assert 'name="next" value="/login?next=/account"' in answer.text
    assert 'value="艾丽斯"' in answer.text
    assert 'value="alicia"' in answer.text
    assert "艾丽斯" not in (await alices.get("/account")).text
    assert (await alices.post("/account", data=PROFILE)).status_code == 303


@pytest.mark.parametrize("discoverable", ["yes", ""])
async def test_what_was_typed_is_still_there_once_after_logging_in_again(
    browser: Browser, alice: cast.Actor, db: asyncpg.Connection, discoverable: str
) -> None:
    await db.execute("UPDATE sessions SET created_at = created_at - interval '1 hour'")
    alices = browser(alice)
    # As long as they may be.
    typed = {"name": "艾" * 100, "username": "丽" * 40, "language": "zh-Hans", "discoverable": discoverable}
    assert (await alices.post("/account", data=typed)).status_code == 403
    # A look at the page before that shows what is stored, and loses nothing.
    assert _form(await alices.get("/account")) == PROFILE
    assert (await alices.post("/logout", data={"next": "/login?next=/account"})).status_code == 303
    assert (await _log_in(alices, alice)).status_code == 303
    page = await alices.get("/account")
    assert "saved yet" in page.text
    assert _form(page) == typed
    # Nothing of it is stored, and nobody sees it twice.
    assert _form(await alices.get("/account")) == PROFILE
    assert (await alices.post("/account", data=_form(page))).status_code == 303
    assert _form(await alices.get("/account")) == typed


async def test_what_was_typed_is_shown_to_nobody_else(
    browser: Browser, alice: cast.Actor, bob: cast.Actor, db: asyncpg.Connection
) -> None:
    await db.execute("UPDATE sessions SET created_at = created_at - interval '1 hour'")
    shared = browser(alice)
    assert (await shared.post("/account", data=PROFILE | {"username": "alicia"})).status_code == 403
    await shared.post("/logout", data={"next": "/"})
    await _log_in(shared, bob)
    page = await shared.get("/account")
    assert _form(page)["username"] == "bob"
    assert "saved yet" not in page.text
    await shared.post("/logout", data={"next": "/"})
    await _log_in(shared, alice)
    assert _form(await shared.get("/account")) == PROFILE


async def test_what_was_typed_makes_no_head_that_is_too_large_for_a_proxy(
    browser: Browser, alice: cast.Actor, db: asyncpg.Connection
) -> None:
    await db.execute("UPDATE sessions SET created_at = created_at - interval '1 hour'")
    alices = browser(alice)
    # What is accepted, as it becomes a short name and username.
    padded = {"name": "A" + "\u3000" * 398 + "B", "username": "alicia" + "\u3000" * 150}
    for typed in (padded, {"username": "alicia", "discoverable": "yes" * 10_000}):
        answer = await alices.post("/account", data=PROFILE | typed)
        assert answer.status_code == 403
        assert sum(len(name) + len(value) + 4 for name, value in answer.headers.raw) < 3000


@pytest.mark.parametrize(
    "kept",
    [
        "%",
        "é",
        "A",
        "AAAA",
        "e30",
        "bnVsbA",
        base64.urlsafe_b64encode(b'{"account_id":1}').decode(),
        "A" * 4000,
    ],
)
async def test_a_cookie_of_ones_own_making_spoils_no_page(
    browser: Browser, alice: cast.Actor, kept: str
) -> None:
    headers = {"Cookie": f"draft={kept}".encode()}
    alices = browser(alice)
    headers["Cookie"] += (
        b"; " + "; ".join(f"{name}={value}" for name, value in alices.cookies.items()).encode()
    )
    answer = await alices.get("/account", headers=headers)
    assert answer.status_code == 200
    assert _form(answer) == PROFILE


async def _log_in(visitor: httpx.AsyncClient, who: cast.Actor) -> httpx.Response:
    return await visitor.post("/login", data={"login": who.account.username, "password": who.password})


def _form(page: httpx.Response) -> dict[str, str]:
    """What the fields of the profile hold."""
    fields = {}
    for name in ("name", "username"):
        found = re.search(rf'<input[^>]* name="{name}"[^>]*? value="([^"]*)"', page.text)
        assert found is not None
        fields[name] = html.unescape(found[1])
    language = re.search('<option value="([^"]*)"[^>]* selected>', page.text)
    assert language is not None
    ticked = re.search('<input id="discoverable"[^>]* checked>', page.text)
    return {**fields, "language": language[1], "discoverable": "yes" if ticked else ""}


# What a browser says of a form without fields; httpx would leave it out.
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
