"""What JavaScript adds, and the keyboard alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import ROOT, Open, newcomer

pytestmark = pytest.mark.browser


def test_people_are_found_while_one_types(open_page: Open) -> None:
    page = open_page("/people", someone=newcomer())
    page.evaluate("window.stayed = true")
    page.get_by_role("searchbox").press_sequentially("jenifer", delay=30)
    expect(page.get_by_role("link", name="Jennifer Ortiz")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("1 person")
    expect(page).to_have_url(re.compile(r"/people\?q=jenifer$"))
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.get_by_role("searchbox").fill("nobody of this name")
    expect(page.get_by_role("status")).to_have_text("Nobody is found.")
    page.get_by_role("searchbox").fill("")
    expect(page.get_by_role("status")).to_have_text("")
    assert page.evaluate("window.stayed")

    page.get_by_role("searchbox").fill("bjorn")
    page.get_by_role("link", name="Björn Lindqvist").click()
    expect(page).to_have_url(re.compile(r"/people/bjorn$"))
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("bjorn")
    expect(page.get_by_role("link", name="Björn Lindqvist")).to_be_visible()


def test_more_people_come_below_and_the_keyboard_goes_on_there(open_page: Open) -> None:
    page = open_page("/people?q=wanda", someone=newcomer())
    expect(page.locator(".people .person")).to_have_count(20)
    page.get_by_role("link", name="More people").press("Enter")
    expect(page.locator(".people .person")).to_have_count(30)
    expect(page.locator(".people .person").nth(20)).to_be_focused()
    expect(page.get_by_role("link", name="More people")).to_have_count(0)


def test_a_search_that_fails_says_so(open_page: Open) -> None:
    page = open_page("/people", someone=newcomer())
    page.route("**/people?q=*", lambda route: route.fulfill(status=429, body=""))
    page.get_by_role("searchbox").fill("bjorn")
    expect(page.get_by_role("status")).to_have_text("The search doesn't answer. Try again in a moment.")


def test_a_search_after_the_session_ended_leads_to_the_login(open_page: Open) -> None:
    page = open_page("/people", someone=newcomer())
    page.context.clear_cookies()
    page.get_by_role("searchbox").fill("bjorn")
    expect(page).to_have_url(re.compile(r"/login\?next=%2Fpeople%3Fq%3Dbjorn$"))


def test_a_password_can_be_looked_at(open_page: Open) -> None:
    page = open_page("/login")
    password = page.get_by_label("Password", exact=True)
    password.fill("nine wet herons")
    page.get_by_role("button", name="Show password").click()
    expect(password).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide password").click()
    expect(password).to_have_attribute("type", "password")


def test_without_scripts_no_button_is_there_that_needs_one(open_page: Open) -> None:
    page = open_page("/login", scripts=False)
    expect(page.get_by_role("button", name="Show password")).to_have_count(0)


def test_a_second_click_does_not_register_twice(open_page: Open) -> None:
    someone = newcomer()
    page = open_page("/register")
    _fill(page, someone.fields())
    page.get_by_role("button", name="Create account").dblclick()
    expect(page.get_by_role("status")).to_have_text("Your account is ready.")


def test_the_keyboard_is_led_to_what_is_wrong(open_page: Open) -> None:
    page = open_page("/register")
    _fill(page, {"name": "Alice", "email": "alice", "username": "alice.of.the.keyboard", "password": "short"})
    page.get_by_label("Password", exact=True).press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    expect(page.get_by_label("E-mail address")).to_have_accessible_description(
        "Only you see it. Enter an e-mail address like name@example.com."
    )


def test_the_keyboard_alone_is_enough(open_page: Open) -> None:
    someone = newcomer()
    page = open_page("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("main").get_by_role("link", name="Create account")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/register")

    _tab_to(page, "Name")
    for value in (someone.name, someone.email, someone.username, someone.password):
        page.keyboard.type(value)
        page.keyboard.press("Tab")
    # Past the button that shows the password.
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Create account")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Your account is ready.")

    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("jennfier")
    page.keyboard.press("Enter")
    page.wait_for_url("**/people?q=jennfier")
    _tab_to(page, "Jennifer Ortiz@jen")
    page.keyboard.press("Enter")
    page.wait_for_url("**/people/jen")
    _tab_to(page, "Log out")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("You are logged out.")


def test_the_script_that_is_shipped_is_the_one_of_its_package() -> None:
    shipped = ROOT / "frontdesk" / "web" / "static" / "htmx.min.js"
    assert shipped.read_bytes() == (ROOT / "node_modules/htmx.org/dist/htmx.min.js").read_bytes()


def _fill(page: Page, fields: dict[str, str]) -> None:
    for name, value in fields.items():
        page.locator(f"#{name}").fill(value)


def _tab_to(page: Page, text: str) -> None:
    """Press Tab until what has the focus is called `text`."""
    for _ in range(30):
        page.keyboard.press("Tab")
        called = page.evaluate(
            "(document.activeElement.labels?.[0] ?? document.activeElement).querySelector('.who')?.textContent"
            " ?? (document.activeElement.labels?.[0] ?? document.activeElement).textContent"
        )
        if called.strip() == text:
            return
    raise AssertionError(f"the keyboard doesn't reach {text}")
