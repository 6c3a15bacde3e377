"""A real server and a real browser. What the browser complains about fails the test."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, sync_playwright

from frontdesk.web.catalogues import translations
from tests import cast
from tests.serving import running

ROOT = Path(__file__).parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = "/usr/bin/chromium"
# A browser in a container and in a test: no sandbox of its own, nothing that calls home.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_LOCALES = {"en": "en-GB", "zh-Hans": "zh-CN"}

_numbers = itertools.count()

Open = Callable[..., Page]


def newcomer(name: str = "Alice Archer") -> cast.Someone:
    """Somebody whom this run hasn't seen yet."""
    number = next(_numbers)
    return cast.ALICE._replace(email=f"someone{number}@example.org", username=f"someone{number}", name=name)


def texts(language: str) -> Callable[[str], str]:
    """What an English text of the pages is in `language`."""
    return translations(language).gettext


@pytest.fixture(scope="session")
def site(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of its own, where a few people are registered."""

    async def make_database() -> None:
        connection = await asyncpg.connect(cluster)
        await connection.execute("CREATE DATABASE journeys TEMPLATE blank")
        await connection.close()

    asyncio.run(make_database())
    with running(
        tmp_path_factory.mktemp("journeys"),
        "serve",
        FRONTDESK_DATABASE_URL=cluster.replace("/postgres?", "/journeys?"),
        FRONTDESK_REGISTRATIONS_PER_ADDRESS="100000",
        FRONTDESK_HASH_DEADLINE="20",
        FRONTDESK_DRAIN_DELAY="0",
    ) as server:
        people = [("wang.wei", "王伟"), ("bjorn", "Björn Lindqvist"), ("jen", "Jennifer Ortiz")]
        people += [(f"wanda{number}", f"Wanda Winter {number}") for number in range(30)]
        for username, name in people:
            someone = cast.Someone(f"{username}@example.org", username, name, cast.BOB.password)
            answer = httpx.post(server.url + "/api/v1/accounts", json=someone.fields(), timeout=30)
            assert answer.status_code == 201, answer.text
        yield server.url


@pytest.fixture(scope="session")
def playwright(site: str) -> Iterator[Playwright]:
    # After the server: once Playwright runs, its loop leaves no room for asyncio.run.
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def open_page(chromium: Browser, site: str) -> Iterator[Open]:
    """Opens a page in a browser of its own, and fails the test for all that this browser complains about."""
    yield from open_in(chromium, site)


def open_in(chromium: Browser, site: str) -> Iterator[Open]:
    """The same, of `site`; without one, pages have to be named by their whole address."""
    complaints: list[str] = []
    contexts = []

    def note(message: ConsoleMessage) -> None:
        # Chromium and htmx report each 4xx, also the ones that a journey is about.
        expected = ("the server responded with a status of 4", "Response Status Error Code 4")
        if message.type in ("error", "warning") and not any(text in message.text for text in expected):
            complaints.append(message.text)

    def open_page(
        path: str = "/",
        *,
        language: str = "en",
        scripts: bool = True,
        width: int = 1280,
        scheme: str = "light",
        someone: cast.Someone | None = None,
    ) -> Page:
        context = chromium.new_context(
            base_url=site or None,
            locale=_LOCALES[language],
            java_script_enabled=scripts,
            viewport={"width": width, "height": 800},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        context.set_default_timeout(15_000)
        contexts.append(context)
        if someone is not None:
            headers = {"Sec-Fetch-Site": "same-origin"}
            answer = context.request.post("/register", form=someone.fields(), headers=headers)
            assert answer.ok, answer.text()
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def check(page: Page) -> None:
    """axe-core finds nothing, nothing is wider than the page, and nothing has moved while it loaded."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    results = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations', 'incomplete']})", _RULES
    )
    found = [
        {"rule": rule["id"], "help": rule["help"], "at": [node["html"] for node in rule["nodes"]]}
        for rule in results["violations"]
    ]
    assert not found, f"{page.url}: {json.dumps(found, indent=2, ensure_ascii=False)}"
    # Where axe can't tell, on overlapping backgrounds for one, contrast isn't proved.
    doubtful = [rule["id"] for rule in results["incomplete"] if rule["id"] == "color-contrast"]
    assert not doubtful, f"{page.url}: {results['incomplete']}"
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
        page.url
    )
    shift = page.evaluate(
        """() => new Promise(resolve => {
            let sum = 0;
            new PerformanceObserver(list => list.getEntries().forEach(entry => { sum += entry.value; }))
                .observe({type: "layout-shift", buffered: true});
            setTimeout(() => resolve(sum), 50);
        })"""
    )
    assert shift < 0.01, f"{page.url} moves by {shift} while it loads"
