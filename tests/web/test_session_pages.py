"""/account/sessions"""

import pytest

from frontdesk.accounts import sessions
from frontdesk.accounts.service import Service
from frontdesk.model import Client
from frontdesk.web.browsers import browser_of, system_of
from tests import cast
from tests.web.conftest import Browser

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"
_NOBODYS = "5b0d9a53-6f65-4c53-a0de-3bb1ab1f2f0c"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def _log_in_elsewhere(service: Service, alice: cast.Actor) -> str:
    client = Client(address="198.51.100.7", user_agent=FIREFOX)
    return (await sessions.start(service, alice.account, client)).token


async def test_alice_sees_where_she_is_logged_in(
    service: Service, browser: Browser, alice: cast.Actor, bob: cast.Actor
) -> None:
    await _log_in_elsewhere(service, alice)
    page = await browser(alice).get("/account/sessions")
    assert page.status_code == 200
    assert "Firefox on Windows" in page.text
    assert "198.51.100.7" in page.text
    assert page.text.count("This device") == 1
    assert page.text.count('name="session"') == 1


async def test_alice_ends_a_session_elsewhere(service: Service, browser: Browser, alice: cast.Actor) -> None:
    token = await _log_in_elsewhere(service, alice)
    elsewhere = browser()
    elsewhere.cookies.set("session", token)
    visit = await sessions.check(service, token, cast.ELSEWHERE)

    alices = browser(alice)
    answer = await alices.post("/account/sessions/end", data={"session": str(visit.session_id)})
    assert answer.status_code == 303
    assert "That session has ended." in (await alices.get("/account/sessions")).text
    assert (await elsewhere.get("/account")).status_code == 303


async def test_alice_ends_all_others_at_once(service: Service, browser: Browser, alice: cast.Actor) -> None:
    tokens = [await _log_in_elsewhere(service, alice) for _ in range(3)]
    alices = browser(alice)
    answer = await alices.post("/account/sessions/end-others", headers=FORM)
    assert answer.status_code == 303
    page = await alices.get("/account/sessions")
    assert "You are logged out everywhere else." in page.text
    assert 'name="session"' not in page.text
    for token in tokens:
        elsewhere = browser()
        elsewhere.cookies.set("session", token)
        assert (await elsewhere.get("/account")).status_code == 303


async def test_charlie_cannot_end_alices_session(
    service: Service, browser: Browser, alice: cast.Actor, charlie: cast.Actor
) -> None:
    visit = await sessions.check(service, alice.token, cast.HERE)
    answer = await browser(charlie).post("/account/sessions/end", data={"session": str(visit.session_id)})
    assert answer.status_code == 404
    assert (await browser(alice).get("/account")).status_code == 200


@pytest.mark.parametrize("session", ["", "x", _NOBODYS, "0" * 32, "{" + _NOBODYS + "}"])
async def test_a_session_that_is_not_there_cannot_be_ended(
    browser: Browser, alice: cast.Actor, session: str
) -> None:
    answer = await browser(alice).post("/account/sessions/end", data={"session": session})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("user_agent", "browser_name", "system"),
    [
        (FIREFOX, "Firefox", "Windows"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 "
            "Safari/537.36 Edg/129.0.0.0",
            "Edge",
            "Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari",
            "iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Mobile "
            "Safari/537.36",
            "Chrome",
            "Android",
        ),
        ("curl/8.5.0", "curl", None),
        ("", None, None),
        ("<script>", None, None),
    ],
)
def test_devices_are_told_by_names_people_know(
    user_agent: str, browser_name: str | None, system: str | None
) -> None:
    assert browser_of(user_agent) == browser_name
    assert system_of(user_agent) == system
