"""/register"""

import httpx

from frontdesk.accounts.service import Service
from tests import cast
from tests.web.conftest import Browser


async def test_registering_logs_in_at_once_and_says_so(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/register", data=cast.ALICE.fields())
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"

    home = await stranger.get("/")
    assert home.status_code == 200
    assert "Hello, Alice Archer" in home.text
    assert "Your account is ready." in home.text
    assert "Your account is ready." not in (await stranger.get("/")).text


async def test_registering_goes_on_to_where_one_wanted_to_go(stranger: httpx.AsyncClient) -> None:
    form = await stranger.get("/register?next=/people?q=bob")
    assert 'name="next" value="/people?q=bob"' in form.text
    answer = await stranger.post("/register", data=cast.ALICE.fields() | {"next": "/people?q=bob"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/people?q=bob"


async def test_the_form_says_the_password_rule_before_anybody_types(stranger: httpx.AsyncClient) -> None:
    form = await stranger.get("/register")
    assert form.status_code == 200
    assert "At least 15 characters." in form.text
    assert 'autocomplete="new-password"' in form.text


async def test_everything_wrong_is_said_at_once_beside_its_field(stranger: httpx.AsyncClient) -> None:
    typed = {"email": "alice", "username": "login", "name": " ", "password": "short"}
    answer = await stranger.post("/register", data=typed)
    assert answer.status_code == 422
    for field, text in {
        "email": "Enter an e-mail address like name@example.com.",
        "username": "This name is kept for the service itself. Choose another one.",
        "name": "Enter your name as others should read it.",
        "password": "Use at least 15 characters. Four or five words make a good password.",
    }.items():
        assert f'<p class="error" id="{field}-error">{text}</p>' in answer.text
        assert f'<a href="#{field}">{text}</a>' in answer.text
        assert f'{field}-error" aria-invalid="true"' in answer.text
    assert "<title>Error: Create account" in answer.text


async def test_what_was_typed_stays_but_the_password(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/register", data=cast.ALICE.fields() | {"email": '"><script>'})
    assert answer.status_code == 422
    assert 'value="Alice Archer"' in answer.text
    assert 'value="&#34;&gt;&lt;script&gt;"' in answer.text
    assert cast.ALICE.password not in answer.text


async def test_a_taken_address_is_said_at_its_field(stranger: httpx.AsyncClient, alice: cast.Actor) -> None:
    answer = await stranger.post("/register", data=cast.BOB.fields() | {"email": "ALICE@example.org"})
    assert answer.status_code == 409
    assert 'id="email-error">There is already an account with this e-mail address.' in answer.text


async def test_a_taken_username_is_said_at_its_field(stranger: httpx.AsyncClient, alice: cast.Actor) -> None:
    answer = await stranger.post("/register", data=cast.BOB.fields() | {"username": "Alice"})
    assert answer.status_code == 409
    assert 'id="username-error">Somebody has this username already' in answer.text


async def test_the_account_keeps_the_language_of_the_form(service: Service, browser: Browser) -> None:
    wei = browser(**{"Accept-Language": "zh-CN,zh;q=0.9"})
    assert (await wei.post("/register", data=cast.BOB.fields())).status_code == 303
    elsewhere = browser(**{"Accept-Language": "en"})
    await elsewhere.post("/login", data={"login": "bob", "password": cast.BOB.password})
    assert '<html lang="zh-Hans">' in (await elsewhere.get("/account")).text


async def test_whoever_is_logged_in_needs_no_form(browser: Browser, alice: cast.Actor) -> None:
    answer = await browser(alice).get("/register?next=/account")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/account"
