"""/people and /people/{username}"""

import re

import httpx
import pytest

from frontdesk.accounts import profile, sessions
from frontdesk.accounts.service import Service
from tests import cast
from tests.web.conftest import Browser


async def test_alice_finds_bob_by_the_pinyin_of_his_name(
    browser: Browser, alice: cast.Actor, bob: cast.Actor, charlie: cast.Actor
) -> None:
    answer = await browser(alice).get("/people?q=wangwei")
    assert answer.status_code == 200
    assert 'href="/people/bob"' in answer.text
    assert "Bob 王伟 Baker" in answer.text
    assert "1 person\n" in answer.text
    assert "Charlie" not in answer.text


async def test_strangers_find_nobody(stranger: httpx.AsyncClient, bob: cast.Actor) -> None:
    answer = await stranger.get("/people?q=bob")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fpeople%3Fq%3Dbob"


async def test_while_typing_only_the_list_comes_and_the_count_is_read_out(
    browser: Browser, alice: cast.Actor, bob: cast.Actor
) -> None:
    answer = await browser(alice).get("/people?q=bob", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert 'href="/people/bob"' in answer.text
    assert re.search(r'hx-swap-oob="innerHTML:#found">\s*1 person', answer.text)


async def test_while_typing_a_lost_session_leads_to_the_login(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/people?q=bob", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Cookie realm="frontdesk"'
    assert answer.headers["hx-redirect"] == "/login?next=%2Fpeople%3Fq%3Dbob"


async def test_more_people_come_page_by_page(service: Service, browser: Browser, alice: cast.Actor) -> None:
    for number in range(45):
        someone = cast.Someone(
            f"dora{number}@example.org", f"dora{number}", "Dora Dunn", "three red kites over a lake"
        )
        await cast.enter(service, someone)
    alices = browser(alice)
    seen: list[str] = []
    path: str | None = "/people?q=dora"
    while path:
        answer = await alices.get(path)
        assert answer.status_code == 200
        seen += re.findall(r'class="person" href="/people/(\w+)"', answer.text)
        more = re.search(r'<a class="button quiet" href="(/people\?q=dora[^"]+)"', answer.text)
        path = more and more[1].replace("&amp;", "&")
    assert sorted(seen) == sorted(f"dora{number}" for number in range(45))


async def test_more_people_come_without_their_page_while_scripts_run(
    service: Service, browser: Browser, alice: cast.Actor, bob: cast.Actor
) -> None:
    answer = await browser(alice).get("/people?q=bob", headers={"HX-Request": "true"})
    assert "<ul" in answer.text


@pytest.mark.parametrize("cursor", ["", "x", "é", "A" * 500, "a" * 2000, "%00"])
async def test_a_cursor_that_we_never_gave_is_refused(
    browser: Browser, alice: cast.Actor, cursor: str
) -> None:
    answer = await browser(alice).get(f"/people?q=bob&after={cursor}")
    assert answer.status_code == 422
    assert "This list has no such page" in answer.text


@pytest.mark.parametrize("query", ["", "+", "%00", "%ff%fe", "%ed%a0%80", "'%22--", "%F0%9F%A6%A9", "xyzzyx"])
async def test_what_means_nobody_finds_nobody(browser: Browser, alice: cast.Actor, query: str) -> None:
    answer = await browser(alice).get(f"/people?q={query}")
    assert answer.status_code == 200
    assert 'class="person"' not in answer.text


async def test_a_text_without_end_is_refused(browser: Browser, alice: cast.Actor) -> None:
    answer = await browser(alice).get("/people", params={"q": "a" * 1001})
    assert answer.status_code == 422
    assert "This is too long." in answer.text


async def test_what_was_searched_for_is_shown_and_never_run(browser: Browser, alice: cast.Actor) -> None:
    answer = await browser(alice).get("/people", params={"q": "<script>alert(1)</script>"})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert" in answer.text


async def test_a_person_is_shown_without_their_address(
    browser: Browser, alice: cast.Actor, bob: cast.Actor
) -> None:
    answer = await browser(alice).get("/people/BOB")
    assert answer.status_code == 200
    assert "Bob 王伟 Baker" in answer.text
    assert "@bob" in answer.text
    assert "bob@example.org" not in answer.text


async def test_a_person_who_hides_is_as_if_unknown(
    service: Service, browser: Browser, alice: cast.Actor, bob: cast.Actor
) -> None:
    await profile.update(
        service, await sessions.check(service, bob.token, cast.HERE), cast.HERE, discoverable=False
    )
    alices = browser(alice)
    hidden = await alices.get("/people/bob")
    unknown = await alices.get("/people/nobody")
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.text.replace("bob", "") == unknown.text.replace("nobody", "")
    assert 'href="/people/bob"' not in (await alices.get("/people?q=bob")).text
    assert (await browser(bob).get("/people/bob")).status_code == 200


@pytest.mark.parametrize("username", ["%00", "%ff", "a" * 1000, "..%2f..", "%E2%80%AE"])
async def test_a_username_that_cannot_be_is_nobody(
    browser: Browser, alice: cast.Actor, username: str
) -> None:
    assert (await browser(alice).get(f"/people/{username}")).status_code == 404


async def test_a_name_in_any_script_has_an_address_of_its_own(
    service: Service, browser: Browser, alice: cast.Actor
) -> None:
    await cast.enter(service, cast.Someone("wei@example.org", "王伟", "王伟", "three red kites over a lake"))
    alices = browser(alice)
    found = await alices.get("/people?q=ww")
    link = re.search(r'class="person" href="(/people/[^"]+)"', found.text)
    assert link
    answer = await alices.get(link[1])
    assert answer.status_code == 200
    assert "@王伟" in answer.text
