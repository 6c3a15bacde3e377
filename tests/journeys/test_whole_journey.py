"""Register, log out, log in, find somebody, change oneself, end a session, log out: in each language, with and
without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Open, newcomer, texts

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_somebody_new_finds_their_way(open_page: Open, language: str, scripts: bool) -> None:
    _ = texts(language)
    someone = newcomer()

    page = open_page("/", language=language, scripts=scripts)
    expect(page.locator("html")).to_have_attribute("lang", language)
    page.get_by_role("main").get_by_role("link", name=_("Create account")).click()

    page.get_by_label(_("Name"), exact=True).fill(someone.name)
    page.get_by_label(_("E-mail address")).fill(someone.email)
    page.get_by_label(_("Username")).fill(someone.username)
    page.get_by_label(_("Password"), exact=True).fill("short")
    page.get_by_role("button", name=_("Create account")).click()
    expect(page.get_by_role("alert")).to_contain_text("15")
    expect(page.get_by_label(_("Name"), exact=True)).to_have_value(someone.name)
    expect(page.get_by_label(_("Password"), exact=True)).to_have_value("")
    page.get_by_label(_("Password"), exact=True).fill(someone.password)
    page.get_by_role("button", name=_("Create account")).click()

    expect(page.get_by_role("status")).to_have_text(_("Your account is ready."))
    expect(page.get_by_role("heading", level=1)).to_contain_text(someone.name)
    page.get_by_role("button", name=_("Log out")).click()
    expect(page.get_by_role("status")).to_have_text(_("You are logged out."))

    # A page of one's own asks for the login first, and comes after it.
    page.goto("/people")
    page.get_by_label(_("E-mail address or username")).fill(someone.email)
    page.get_by_label(_("Password"), exact=True).fill("not the one")
    page.get_by_role("main").get_by_role("button", name=_("Log in")).click()
    expect(page.get_by_role("alert")).to_contain_text(
        _("Username or e-mail address and password don't belong together. Check both and try again.")
    )
    page.get_by_label(_("Password"), exact=True).fill(someone.password)
    page.get_by_role("main").get_by_role("button", name=_("Log in")).click()
    expect(page).to_have_url(re.compile(r"/people$"))

    page.get_by_role("searchbox").fill("wangwei")
    if not scripts:
        page.get_by_role("main").get_by_role("button", name=_("Search")).click()
    page.get_by_role("link", name="王伟").click()
    expect(page).to_have_url(re.compile(r"/people/wang\.wei$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("王伟")

    page.get_by_role("link", name=someone.name).click()
    page.get_by_label(_("Name"), exact=True).fill("Alicia Archer")
    page.get_by_role("button", name=_("Save profile")).click()
    expect(page.get_by_role("status")).to_have_text(_("Your profile is saved."))
    expect(page.get_by_label(_("Name"), exact=True)).to_have_value("Alicia Archer")

    page.get_by_label(_("Current password")).fill(someone.password)
    page.get_by_label(_("New password")).fill("eight slow swans asleep")
    page.get_by_role("button", name=_("Change password")).click()
    expect(page.get_by_role("status")).to_contain_text(
        _("Your password is changed. Everywhere else, you have been logged out.")
    )

    elsewhere = open_page("/login", language=language, scripts=scripts)
    elsewhere.get_by_label(_("E-mail address or username")).fill(someone.username)
    elsewhere.get_by_label(_("Password"), exact=True).fill("eight slow swans asleep")
    elsewhere.get_by_role("main").get_by_role("button", name=_("Log in")).click()
    expect(elsewhere.get_by_role("heading", level=1)).to_contain_text("Alicia Archer")

    page.get_by_role("link", name=_("Sessions"), exact=True).click()
    expect(page.get_by_text(_("This device"))).to_have_count(1)
    page.get_by_role("button", name=re.compile(f"^{_('End')} ")).click()
    expect(page.get_by_role("status")).to_have_text(_("That session has ended."))
    elsewhere.goto("/account")
    expect(elsewhere).to_have_url(re.compile(r"/login\?next=%2Faccount$"))

    page.get_by_role("button", name=_("Log out"), exact=True).click()
    expect(page.get_by_role("status")).to_have_text(_("You are logged out."))


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_the_language_is_switched_where_one_is(open_page: Open, scripts: bool) -> None:
    page = open_page("/login?next=/account", scripts=scripts)
    page.get_by_role("button", name="简体中文").click()
    expect(page).to_have_url(re.compile(r"/login\?next=/account$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("欢迎回来")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome back")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_leaving_takes_two_steps(open_page: Open, scripts: bool) -> None:
    page = open_page("/account", someone=newcomer(), scripts=scripts)
    page.get_by_role("link", name="Delete account…").click()
    page.get_by_role("link", name="Keep my account").click()
    page.get_by_role("link", name="Delete account…").click()
    page.get_by_role("button", name="Delete my account").click()
    expect(page.get_by_role("status")).to_have_text("Your account is deleted.")
    expect(page.get_by_role("banner").get_by_role("link", name="Log in")).to_be_visible()
