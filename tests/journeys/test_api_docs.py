"""/api/docs: read by anybody, tried by whoever has JavaScript."""

import json

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Open, check, newcomer

pytestmark = pytest.mark.browser


def send(page: Page, call: str, **fields: str) -> str:
    """Fill in the form of a call, send it; the status that comes."""
    form = page.locator(f"form[data-name={call}]")
    for name, value in fields.items():
        form.locator(f"[name={name}]").fill(value)
    form.get_by_role("button").click()
    status = form.locator(".result .status")
    expect(status).to_be_visible()
    return status.inner_text()


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1440, "light")])
def test_the_page_is_fit_for_everybody(open_page: Open, width: int, scheme: str, language: str) -> None:
    page = open_page(width=width, scheme=scheme, language=language)
    page.goto("/api/docs")
    check(page)
    # The last call of the page, so that its answer moves nothing that is seen.
    assert send(page, "getContract") == "200"
    check(page)


def test_the_language_is_switched_without_scripts(open_page: Open) -> None:
    page = open_page(scripts=False)
    page.goto("/api/docs")
    expect(page.locator("form.try").first).to_be_hidden()
    page.get_by_role("link", name="简体中文").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("面向程序的接口")
    page.goto("/api/docs")
    expect(page.get_by_role("heading", level=1)).to_have_text("面向程序的接口")


def test_calls_are_tried_with_a_token_that_reloading_forgets(open_page: Open) -> None:
    someone = newcomer()
    page = open_page()
    page.goto("/api/docs")
    assert send(page, "register", body=json.dumps(someone.fields())) == "201"
    assert send(page, "getAccount") == "401"
    page.get_by_label("E-mail or username").fill(someone.username)
    page.get_by_label("Password", exact=True).fill(someone.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#who .state")).to_have_text(f"Calls are sent as {someone.username}")
    assert send(page, "getAccount") == "200"
    assert send(page, "searchPeople", q="wang wei", limit="1") == "200"
    assert send(page, "getPerson", username="wang.wei") == "200"
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]
    page.reload()
    assert send(page, "getAccount") == "401"
