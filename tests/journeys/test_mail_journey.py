"""A forgotten password, another address, the history, and confirming first: in each language, with and without
JavaScript, through the mails that a real SMTP server gets."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import cast, databases
from tests.journeys.conftest import Open, check, newcomer, open_in, texts
from tests.mailbox import SENDER, Letter, Mailbox, mailbox
from tests.serving import running

pytestmark = pytest.mark.browser

NEW = "seven loud geese at noon"
ENDINGS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
LANGUAGES = pytest.mark.parametrize("language", ["en", "zh-Hans"])


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


def _site(cluster: str, folder: Path, box: Mailbox, verification: str) -> Iterator[str]:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        databases.migrated_in_thread(cluster) as url,
        running(
            folder,
            "serve",
            FRONTDESK_DATABASE_URL=url,
            FRONTDESK_SMTP_URL=box.url,
            FRONTDESK_MAIL_FROM=SENDER,
            FRONTDESK_PUBLIC_URL=f"http://127.0.0.1:{port}",
            FRONTDESK_EMAIL_VERIFICATION=verification,
            FRONTDESK_REGISTRATIONS_PER_ADDRESS="1000",
            FRONTDESK_MAILS_PER_ADDRESS="1000",
            FRONTDESK_HASH_DEADLINE="20",
            FRONTDESK_DRAIN_DELAY="0",
        ) as server,
    ):
        yield server.url


@pytest.fixture(scope="module")
def optional(cluster: str, tmp_path_factory: pytest.TempPathFactory, box: Mailbox) -> Iterator[str]:
    yield from _site(cluster, tmp_path_factory.mktemp("optional"), box, "optional")


@pytest.fixture(scope="module")
def required(cluster: str, tmp_path_factory: pytest.TempPathFactory, box: Mailbox) -> Iterator[str]:
    yield from _site(cluster, tmp_path_factory.mktemp("required"), box, "required")


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Callable[..., Page]]:
    yield from open_in(chromium, "")


def follow(page: Page, site: str, letter: Letter) -> None:
    """Open a mail's link: at this site, whose port wasn't known when the address of the mails was chosen."""
    page.goto(site + re.sub(r"^https?://[^/]+", "", letter.url))


def register(page: Page, _: Any, someone: cast.Someone) -> None:
    page.get_by_label(_("Name"), exact=True).fill(someone.name)
    page.get_by_label(_("E-mail address")).fill(someone.email)
    page.get_by_label(_("Username")).fill(someone.username)
    page.get_by_label(_("Password"), exact=True).fill(someone.password)
    page.get_by_role("button", name=_("Create account")).click()


def log_in(page: Page, _: Any, login: str, password: str) -> None:
    page.get_by_label(_("E-mail address or username")).fill(login)
    page.get_by_label(_("Password"), exact=True).fill(password)
    page.get_by_role("main").get_by_role("button", name=_("Log in")).click()


@ENDINGS
@LANGUAGES
def test_a_forgotten_password_and_another_address(
    opened: Open, optional: str, box: Mailbox, language: str, scripts: bool
) -> None:
    _ = texts(language)
    someone = newcomer()
    page = opened(optional + "/register", language=language, scripts=scripts)
    register(page, _, someone)
    expect(page.get_by_role("status")).to_have_text(_("Your account is ready."))
    letter = box.last(1, to=someone.email)
    assert letter.subject == _("Confirm your e-mail address")
    page.goto(optional + "/account")
    expect(page.get_by_text(_("not confirmed yet"))).to_be_visible()
    if scripts:
        check(page)
    follow(page, optional, letter)
    if scripts:
        check(page)
    page.get_by_role("button", name=_("Confirm address")).click()
    expect(page.get_by_role("status")).to_have_text(_("Your e-mail address is confirmed."))
    expect(page.get_by_text(_("not confirmed yet"))).to_have_count(0)
    page.get_by_role("button", name=_("Log out"), exact=True).click()

    page.goto(optional + "/login")
    page.get_by_role("link", name=_("Forgot your password?")).click()
    page.get_by_label(_("E-mail address")).fill(someone.email)
    page.get_by_role("button", name=_("Send the link")).click()
    expect(page.get_by_role("status")).to_contain_text(
        _(
            "If there is an account with this address, a mail with a link is on its way. It's good for 30 minutes."
        )
    )
    if scripts:
        check(page)
    letter = box.last(2, to=someone.email)
    assert letter.subject == _("Choose a new password")
    follow(page, optional, letter)
    if scripts:
        check(page)
    page.get_by_label(_("New password")).fill("short")
    page.get_by_role("button", name=_("Set the password")).click()
    expect(page.get_by_role("alert")).to_contain_text("15")
    page.get_by_label(_("New password")).fill(NEW)
    page.get_by_role("button", name=_("Set the password")).click()
    expect(page.get_by_role("status")).to_have_text(_("Your new password is set. Log in with it."))
    log_in(page, _, someone.email, NEW)
    expect(page.get_by_role("heading", level=1)).to_contain_text(someone.name)
    assert box.last(3, to=someone.email).subject == _("Your password was changed")
    follow(page, optional, letter)
    expect(page.get_by_role("heading", level=1)).to_have_text(_("This link doesn't work any more"))

    other = "other-" + someone.email
    page.goto(optional + "/account")
    page.get_by_label(_("New e-mail address")).fill(other)
    page.get_by_label(_("Your password"), exact=True).fill("not the one")
    page.get_by_role("button", name=_("Send the link")).click()
    expect(page.get_by_role("alert")).to_contain_text(_("This isn't your current password."))
    page.get_by_label(_("Your password"), exact=True).fill(NEW)
    page.get_by_role("button", name=_("Send the link")).click()
    expect(page.get_by_role("status")).to_contain_text(
        _("A mail with a link is on its way to the new address. Until you open it, nothing changes.")
    )
    expect(page.locator(".fixed")).to_contain_text(someone.email)
    told = box.last(4, to=someone.email)
    assert told.subject == _("Your e-mail address is about to change")
    follow(page, optional, box.last(1, to=other))
    page.get_by_role("button", name=_("Confirm address")).click()
    expect(page.get_by_role("status")).to_have_text(_("Your account has its new e-mail address."))
    expect(page.locator(".fixed")).to_contain_text(other)

    page.get_by_role("link", name=_("History"), exact=True).click()
    expect(page.get_by_text(_("E-mail address changed"))).to_be_visible()
    expect(page.get_by_text(_("New password set by a link in a mail"))).to_be_visible()
    if scripts:
        check(page)

    page.goto(optional + "/account")
    with page.expect_download() as download:
        page.get_by_role("button", name=_("Download my data")).click()
    assert other in Path(download.value.path()).read_text(encoding="utf-8")

    follow(page, optional, told)
    if scripts:
        check(page)
    page.get_by_role("button", name=_("Keep this address")).click()
    expect(page.get_by_role("status")).to_contain_text(
        _(
            "Your account keeps this address. You are logged out everywhere, and a mail with a link for a new password "
            "is on its way."
        )
    )
    log_in(page, _, someone.username, NEW)
    expect(page.get_by_role("alert")).to_be_visible()
    assert box.last(5, to=someone.email).subject == _("Choose a new password")


@ENDINGS
@LANGUAGES
def test_confirming_first(opened: Open, required: str, box: Mailbox, language: str, scripts: bool) -> None:
    _ = texts(language)
    someone = newcomer()
    page = opened(required + "/register", language=language, scripts=scripts)
    register(page, _, someone)
    expect(page.get_by_role("status")).to_have_text(
        _("Your account is nearly ready: open the link in the mail that we sent you, then log in.")
    )
    log_in(page, _, someone.username, someone.password)
    expect(page.get_by_role("alert")).to_contain_text(
        _("Your e-mail address isn't confirmed yet. Open the link in the mail that we sent to it.")
    )
    follow(page, required, box.last(2, to=someone.email))
    page.get_by_role("button", name=_("Confirm address")).click()
    expect(page.get_by_role("status")).to_have_text(_("Your e-mail address is confirmed."))
    log_in(page, _, someone.email, someone.password)
    expect(page.get_by_role("heading", level=1)).to_contain_text(someone.name)

    # Somebody else wants this address: they see what everybody sees, and its owner gets a mail.
    stranger = opened(required + "/register", language=language, scripts=scripts)
    register(stranger, _, newcomer()._replace(email=someone.email))
    expect(stranger.get_by_role("status")).to_have_text(
        _("Your account is nearly ready: open the link in the mail that we sent you, then log in.")
    )
    assert box.last(3, to=someone.email).subject == _("You have an account already")

    # Gone, with the username, which nobody has for a while.
    page.goto(required + "/account")
    page.get_by_role("link", name=_("Delete account…")).click()
    expect(page.get_by_text(_("For 30 days, nobody can register with your username."))).to_be_visible()
    page.get_by_role("button", name=_("Delete my account")).click()
    expect(page.get_by_role("status")).to_have_text(_("Your account is deleted."))
    page.goto(required + "/register")
    register(page, _, newcomer()._replace(username=someone.username))
    expect(page.get_by_role("alert")).to_contain_text(
        _("Somebody has this username already, or one that looks the same. Choose another one.")
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_links_are_fit_for_a_phone(opened: Open, optional: str, box: Mailbox, scheme: str) -> None:
    someone = newcomer()
    page = opened(optional + "/register", width=320, scheme=scheme)
    register(page, texts("en"), someone)
    follow(page, optional, box.last(1, to=someone.email))
    check(page)
    page.goto(optional + "/forgot")
    page.get_by_label("E-mail address").fill(someone.email)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_be_visible()
    follow(page, optional, box.last(2, to=someone.email))
    check(page)
    page.keyboard.press("Tab")
    page.get_by_label("New password").fill("short")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    check(page)
