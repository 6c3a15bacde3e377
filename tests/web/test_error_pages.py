"""Every error has a page, with the status that the API gives it too."""

import re
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

import frontdesk.accounts
from frontdesk import app, errors
from frontdesk.accounts import sessions
from frontdesk.api.problems import FIELD_DETAILS, PROBLEMS
from frontdesk.border import Border
from frontdesk.routing import resource
from frontdesk.settings import Settings
from frontdesk.web import errors as web_errors
from frontdesk.web import messages
from tests import cast
from tests.web.conftest import Browser


def test_pages_and_api_agree_on_every_error() -> None:
    answered = {kind: status for kind, (status, *_) in PROBLEMS.items()}
    assert answered == {kind: status for kind, (status, _) in web_errors.SHOWN.items()}


def test_every_error_that_a_request_can_meet_has_its_own_entry() -> None:
    operators = (errors.OperatorError, errors.HashRefused)
    leaves = [
        kind
        for kind in _descendants(errors.FrontdeskError)
        if not kind.__subclasses__() and kind.__module__ == errors.__name__
    ]
    for kind in leaves:
        if not issubclass(kind, operators):
            assert any(parent in web_errors.SHOWN for parent in kind.__mro__), kind


def _descendants(kind: type[Exception]) -> list[type[Exception]]:
    return [below for child in kind.__subclasses__() for below in (child, *_descendants(child))]


def test_every_code_has_a_text() -> None:
    assert {code for _, code in web_errors.SHOWN.values()} <= messages.PROBLEMS.keys()
    # What only a program can send wrong: a form has neither types nor cursors.
    assert (
        FIELD_DETAILS.keys() - {"unknown", "given_twice", "wrong_type", "out_of_range", "cursor_invalid"}
        <= messages.FIELDS.keys()
    )


def test_every_code_that_the_rules_raise_has_a_text() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in Path(frontdesk.accounts.__path__[0]).glob("*.py")
    )
    raised = set(re.findall(r'(?:Refused|FieldError)\(\s*(?:"\w+", )?"(\w+_\w+)"', source))
    raised |= set(re.findall(r'"((?:email|username|name|password)_(?:too_short|too_long|\w+))" if ', source))
    assert "password_too_short" in raised
    assert "current_password_wrong" in raised
    assert raised <= messages.FIELDS.keys()


async def test_a_page_that_is_not_there(stranger: httpx.AsyncClient) -> None:
    for path in (
        "/nothing",
        "/account/nothing",
        "/static/",
        "/people/",
        "/%00",
        "/%ff",
        "/a%2Fb",
        "/.git/config",
    ):
        answer = await stranger.get(path)
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_a_page_that_is_not_there_knows_who_looks_for_it(browser: Browser, alice: cast.Actor) -> None:
    answer = await browser(alice).get("/nowhere")
    assert answer.status_code == 404
    assert alice.account.name in answer.text


async def test_a_method_that_a_page_does_not_have(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.delete("/login")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    answer = await stranger.get("/logout")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


async def test_an_error_speaks_the_visitors_language(browser: Browser) -> None:
    answer = await browser(**{"Accept-Language": "zh-CN"}).get("/nothing")
    assert answer.status_code == 404
    assert "这里什么都没有" in answer.text
    assert answer.headers["content-language"] == "zh-Hans"


async def test_without_a_database_pages_say_so_and_the_rest_still_shows(alice: cast.Actor) -> None:
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/nothing", hash_threads=1)
    async with app.open_service(settings) as service:
        transport = httpx.ASGITransport(app=app.build(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as browser:
            for path in ("/", "/login", "/register"):
                assert (await browser.get(path)).status_code == 200
            answer = await browser.post("/login", data={"login": "alice", "password": alice.password})
            assert answer.status_code == 503
            assert "try again in a moment" in answer.text
            assert 'value="alice"' in answer.text
            browser.cookies.set("session", alice.token)
            answer = await browser.get("/account")
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            assert "Not available right now" in answer.text
            # Who looks is unknown, which isn't nobody.
            for path in ("/", "/account", "/nothing"):
                assert 'href="/register"' not in (await browser.get(path)).text, path


async def test_a_database_that_does_not_answer_is_asked_once_a_request(
    browser: Browser, alice: cast.Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    async def check(*_: object) -> None:
        nonlocal asked
        asked += 1
        raise errors.Unavailable

    monkeypatch.setattr(sessions, "check", check)
    assert (await browser(alice).get("/account")).status_code == 503
    assert asked == 1


async def test_a_fault_of_ours_tells_its_number_and_nothing_else(
    border: Border, stranger: httpx.AsyncClient
) -> None:
    async def fail(_: Request) -> Response:
        raise RuntimeError("secret detail")

    # Nothing that we know of makes a page fail, so here is one that does.
    border.app.router.routes.append(resource("/fault", GET=fail))
    answer = await stranger.get("/fault")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert "secret detail" not in answer.text


async def test_no_cookie_breaks_a_page(stranger: httpx.AsyncClient) -> None:
    for cookie in (
        b"session=",
        b"session=\xff\xfe\x00",
        b"session=" + b"A" * 43,
        b"session=" + b"A" * 100_000,
        b'session="a;b"; session=b; session',
        b"language=\xe4; notice=\xe4; =; ;;;",
        "session=王伟".encode(),
    ):
        assert (await stranger.get("/", headers=[(b"cookie", cookie)])).status_code == 200
        assert (await stranger.get("/account", headers=[(b"cookie", cookie)])).status_code == 303


async def test_a_busy_service_keeps_what_was_typed(border: Border) -> None:
    scope = {"type": "http", "method": "POST", "path": "/login", "query_string": b"", "headers": []}
    request = Request(scope | {"scheme": "http", "app": border.app, "state": {}})
    answer = web_errors.show_form_again(
        request, "login.html", errors.Busy(7), login="alice", next="/", mails=False
    )
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "7"
    assert b'value="alice"' in answer.body
    assert b"Many people are logging in at once." in answer.body


@pytest.mark.parametrize(
    ("language", "seconds", "said"),
    [
        ("en", 60, "There were too many attempts. Wait a little, then try again."),
        ("en", 61, "There were too many attempts. Try again in 2 minutes."),
        ("zh", 900, "尝试次数过多，请在 15 分钟后再试。"),
    ],
)
async def test_who_has_to_wait_for_minutes_is_told_how_many(
    border: Border, language: str, seconds: int, said: str
) -> None:
    headers = [(b"accept-language", language.encode())]
    scope = {"type": "http", "method": "POST", "path": "/login", "query_string": b"", "headers": headers}
    request = Request(scope | {"scheme": "http", "app": border.app, "state": {}})
    error = errors.Throttled(seconds)
    form = web_errors.show_form_again(request, "login.html", error, login="alice", next="/", mails=False)
    for answer in (form, web_errors.show(request, error)):
        assert said in bytes(answer.body).decode()
