"""/login and /logout"""

import httpx
import pytest

from frontdesk import app
from frontdesk.accounts import sessions
from frontdesk.accounts.service import Service
from frontdesk.errors import Unauthenticated
from tests import cast
from tests.conftest import with_settings
from tests.web.conftest import Browser

ALICES = {"login": "alice", "password": cast.ALICE.password}


@pytest.mark.parametrize("login", ["alice", "ALICE", "alice@example.org"])
async def test_alice_logs_in_by_username_or_address(
    stranger: httpx.AsyncClient, alice: cast.Actor, login: str
) -> None:
    answer = await stranger.post("/login", data=ALICES | {"login": login})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert "Hello, Alice Archer" in (await stranger.get("/")).text


async def test_the_cookie_is_kept_from_scripts_and_other_sites(
    stranger: httpx.AsyncClient, alice: cast.Actor
) -> None:
    cookie = (await stranger.post("/login", data=ALICES)).headers["set-cookie"]
    assert cookie.startswith("session=")
    for attribute in ("HttpOnly", "SameSite=lax", "Path=/", "expires="):
        assert attribute in cookie


async def test_over_https_the_cookie_is_bound_to_the_host(service: Service, alice: cast.Actor) -> None:
    border = app.build(with_settings(service, public_url="https://accounts.example.org"))
    transport = httpx.ASGITransport(app=border, client=("192.0.2.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="https://accounts.example.org") as browser:
        answer = await browser.post("/login", data=ALICES, headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 303
        assert answer.headers["set-cookie"].startswith("__Host-session=")
        assert "Secure" in answer.headers["set-cookie"]
        assert (await browser.get("/account")).status_code == 200


async def test_wrong_password_and_unknown_name_look_the_same(
    stranger: httpx.AsyncClient, alice: cast.Actor
) -> None:
    wrong = await stranger.post("/login", data=ALICES | {"password": "not the one she has"})
    unknown = await stranger.post("/login", data=ALICES | {"login": "nobody"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.headers["www-authenticate"] == 'Cookie realm="frontdesk"'
    assert wrong.headers["cache-control"] == "no-store"
    assert "password don&#39;t belong together" in wrong.text
    assert wrong.text.replace('value="alice"', "") == unknown.text.replace('value="nobody"', "")
    assert "set-cookie" not in wrong.headers


async def test_empty_fields_are_named(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/login", data={"login": "", "password": ""})
    assert answer.status_code == 422
    assert 'id="login-error">Fill this in.' in answer.text
    assert 'id="password-error">Fill this in.' in answer.text


async def test_guessing_is_slowed_and_the_form_says_when_to_try_again(
    service: Service, alice: cast.Actor
) -> None:
    border = app.build(with_settings(service, login_attempts=2))
    transport = httpx.ASGITransport(app=border, client=("203.0.113.9", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as guesser:
        for _ in range(12):
            answer = await guesser.post("/login", data=ALICES | {"password": "a guess of somebody's"})
            if answer.status_code != 401:
                break
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        assert "There were too many attempts. Wait a little, then try again." in answer.text
        assert 'value="alice"' in answer.text


@pytest.mark.parametrize("path", ["/account", "/people?q=%E7%8E%8B&after=x", "/people/bob"])
async def test_login_leads_back_to_where_a_stranger_wanted_to_go(
    stranger: httpx.AsyncClient, alice: cast.Actor, path: str
) -> None:
    turned_away = await stranger.get(path)
    assert turned_away.status_code == 303
    form = await stranger.get(turned_away.headers["location"])
    assert form.status_code == 200
    assert f'name="next" value="{path.replace("&", "&amp;")}"' in form.text
    answer = await stranger.post("/login", data=ALICES | {"next": path})
    assert answer.headers["location"] == path


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "evil.example",
        " //evil.example",
        "",
        "/" + "a" * 3000,
    ],
)
async def test_login_never_leads_to_another_site(
    stranger: httpx.AsyncClient, alice: cast.Actor, target: str
) -> None:
    assert 'name="next" value="/"' in (await stranger.get("/login", params={"next": target})).text
    answer = await stranger.post("/login", data=ALICES | {"next": target})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"


async def test_whoever_is_logged_in_goes_on(browser: Browser, alice: cast.Actor) -> None:
    answer = await browser(alice).get("/login?next=/people")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/people"


async def test_logging_in_again_leaves_no_session_behind(
    service: Service, browser: Browser, alice: cast.Actor
) -> None:
    alices = browser(alice)
    assert (await alices.post("/login", data=ALICES)).status_code == 303
    with pytest.raises(Unauthenticated):
        await sessions.check(service, alice.token, cast.HERE)


async def test_logging_out_ends_the_session_everywhere(
    service: Service, browser: Browser, alice: cast.Actor
) -> None:
    alices = browser(alice)
    answer = await alices.post("/logout", data={})
    assert answer.status_code == 415
    answer = await alices.post("/logout", data={"next": "/login"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login"
    assert "You are logged out." in (await alices.get("/login")).text
    assert (await alices.get("/account")).status_code == 303
    with pytest.raises(Unauthenticated):
        await sessions.check(service, alice.token, cast.HERE)


async def test_an_ended_session_leads_to_the_login_and_is_forgotten(
    service: Service, browser: Browser, alice: cast.Actor
) -> None:
    alices = browser(alice)
    visit = await sessions.check(service, alice.token, cast.HERE)
    await sessions.end(service, visit, visit.session_id, cast.HERE)
    answer = await alices.post("/account", data={"name": "Eve"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Faccount"
    assert 'session="";' in answer.headers["set-cookie"]
