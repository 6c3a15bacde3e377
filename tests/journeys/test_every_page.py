"""Every page, looked at: by axe-core, on a phone and on a desk, in light and dark, in both languages."""

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Open, check, newcomer

pytestmark = pytest.mark.browser

PAGES = ["/", "/login", "/register", "/forgot", "/reset/nothing", "/confirm/nothing", "/nothing"]
OWN_PAGES = [
    "/",
    "/people",
    "/people?q=wanda",
    "/people?q=xyzzyx",
    "/people?q=wanda&after=x",
    "/people/wang.wei",
    "/account",
    "/account/sessions",
    "/account/events",
    "/account/delete",
    "/nothing",
]
# Nothing in it allows a line break, as names and addresses may.
LONG = "Wolfeschlegelsteinhausenbergerdorff" * 2


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_every_page_is_fit_for_everybody(open_page: Open, width: int, scheme: str, language: str) -> None:
    page = open_page(width=width, scheme=scheme, language=language)
    for path in PAGES:
        page.goto(path)
        check(page)
    page.goto("/register")
    page.locator("main .button").click()
    expect(page.get_by_role("alert")).to_be_visible()
    check(page)
    page.goto("/login")
    _log_in_wrongly(page)
    check(page)

    someone = newcomer(LONG)
    own = open_page(width=width, scheme=scheme, language=language, someone=someone)
    for path in [*OWN_PAGES, f"/people/{someone.username}"]:
        own.goto(path)
        check(own)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_a_form_says_is_fit_for_everybody(open_page: Open, scheme: str) -> None:
    page = open_page("/account", width=360, scheme=scheme, someone=newcomer())
    page.get_by_label("Username").fill("jen")
    page.get_by_role("button", name="Save profile").click()
    expect(page.locator("#username-error")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("#password-error")).to_be_visible()
    check(page)
    page.goto("/account")
    page.get_by_role("button", name="Save profile").click()
    expect(page.get_by_role("status")).to_be_visible()
    check(page)


def test_text_twice_as_large_still_fits(open_page: Open) -> None:
    page = open_page("/account", width=640, someone=newcomer())
    for path in OWN_PAGES:
        page.goto(path)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        ), path


def _log_in_wrongly(page: Page) -> None:
    page.locator("#login").fill("nobody")
    page.locator("#password").fill("not the one")
    page.locator("main .button").click()
    expect(page.get_by_role("alert")).to_be_visible()
