"""Which language a visitor gets, and how they choose."""

import httpx

from frontdesk import app
from frontdesk.accounts.service import Service
from tests import cast
from tests.conftest import with_settings
from tests.web.conftest import Browser


async def test_the_browser_is_heard(stranger: httpx.AsyncClient) -> None:
    for wanted, language in (
        ("", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-TW", "zh-Hans"),
        ("ZH-hans-cn", "zh-Hans"),
        ("de,fr;q=0.9", "en"),
        ("de,zh;q=0.5,en;q=0.4", "zh-Hans"),
        ("zh;q=0.4,en;q=0.5", "en"),
        ("zh;q=0", "en"),
        ("zhu", "en"),
        ("zh;q=nan", "en"),
        ("zh;q=x, ;;;,,,=", "en"),
        ("a" * 100_000, "en"),
    ):
        page = await stranger.get("/", headers={"Accept-Language": wanted})
        assert page.status_code == 200
        assert f'<html lang="{language}">' in page.text, wanted
        assert page.headers["content-language"] == language
        assert {"Cookie", "Accept-Language"} <= set(page.headers["vary"].split(", "))


async def test_a_choice_stays_and_leads_back(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.post("/language", data={"language": "zh-Hans", "next": "/login?next=/account"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/account"
    page = await stranger.get("/login")
    assert '<html lang="zh-Hans">' in page.text
    assert "欢迎回来" in page.text


async def test_the_switch_returns_to_the_page_it_is_on(browser: Browser, alice: cast.Actor) -> None:
    page = await browser(alice).get("/people?q=%E7%8E%8B%22%3E")
    assert 'name="next" value="/people?q=%E7%8E%8B%22%3E"' in page.text


async def test_a_language_that_we_do_not_speak_is_refused(stranger: httpx.AsyncClient) -> None:
    for language in ("de", "", "../../etc", "zh_Hans"):
        answer = await stranger.post("/language", data={"language": language, "next": "/"})
        assert answer.status_code == 400


async def test_over_https_every_cookie_is_bound_to_the_host(service: Service, alice: cast.Actor) -> None:
    border = app.build(with_settings(service, public_url="https://testserver"))
    transport = httpx.ASGITransport(app=border, client=("192.0.2.1", 50000))
    async with httpx.AsyncClient(
        transport=transport,
        base_url="https://testserver",
        headers={"Sec-Fetch-Site": "same-origin"},
        cookies={"__Host-session": alice.token},
    ) as browser:
        docs = await browser.get("/api/docs?language=zh-Hans")
        assert docs.headers["set-cookie"].startswith("__Host-language=zh-Hans;")
        chosen = await browser.post("/language", data={"language": "zh-Hans", "next": "/"})
        assert chosen.headers["set-cookie"].startswith("__Host-language=zh-Hans;")
        assert '<html lang="zh-Hans">' in (await browser.get("/account")).text
        saved = await browser.post(
            "/account",
            data={"name": "Alice", "username": "alice", "language": "en"},
        )
        assert saved.status_code == 303, saved.text
        cookies = saved.headers.get_list("set-cookie")
        assert {cookie.partition("=")[0] for cookie in cookies} == {"__Host-notice", "__Host-language"}
        page = await browser.get("/account")
        assert '<html lang="en">' in page.text
        assert "Your profile is saved." in page.text
        for cookie in (*cookies, page.headers["set-cookie"]):
            assert "; Secure" in cookie
            assert "; Path=/;" in cookie
            assert "Domain" not in cookie
        assert "Your profile is saved." not in (await browser.get("/account")).text


async def test_a_cookie_that_we_never_set_is_ignored(stranger: httpx.AsyncClient) -> None:
    stranger.cookies.set("language", "../../etc/passwd")
    stranger.cookies.set("notice", "you-won")
    page = await stranger.get("/")
    assert page.status_code == 200
    assert '<html lang="en">' in page.text
    assert "you-won" not in page.text
