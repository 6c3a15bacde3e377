"""Take the pictures of README.md anew, of a server that is started for it.

python scripts/screenshots.py
"""

import asyncio
import tempfile
from pathlib import Path

import httpx
from playwright.sync_api import Page, sync_playwright

from frontdesk import local
from frontdesk.store import schema
from tests.serving import running

IMAGES = Path(__file__).parents[1] / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
PASSWORD = "nine wet herons in a row"
PEOPLE = (
    ("alice", "Alice Archer"),
    ("wangwei", "王伟"),
    ("w.wei", "Wang Wei"),
    ("vivi", "王薇"),
    ("weiming", "王伟明"),
    ("bjorn", "Björn Lindqvist"),
)


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        local.postgres(Path(folder) / "data") as url,
    ):
        schema.migrate(url)
        with running(Path(folder), "serve", FRONTDESK_DATABASE_URL=url, FRONTDESK_DRAIN_DELAY="0") as server:
            asyncio.run(register(server.url))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
                )
                page = browser.new_page(
                    base_url=server.url, viewport={"width": 1120, "height": 630}, locale="en-GB"
                )
                for name, show in (("sign-in", sign_in), ("search", search)):
                    show(page)
                    page.screenshot(path=IMAGES / f"{name}.png")
                browser.close()


async def register(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        for username, name in PEOPLE:
            fields = {"email": f"{username}@example.org", "username": username, "name": name}
            answer = await http.post("/api/v1/accounts", json=fields | {"password": PASSWORD})
            answer.raise_for_status()


def sign_in(page: Page) -> None:
    page.goto("/login")
    page.get_by_label("E-mail address or username").fill("alice@example.org")
    page.get_by_label("Password", exact=True).fill(PASSWORD)


def search(page: Page) -> None:
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")
    page.goto("/people")
    page.get_by_role("searchbox").press_sequentially("wangwei", delay=20)
    page.get_by_role("link", name="王伟").first.wait_for()
    page.wait_for_timeout(300)


if __name__ == "__main__":
    main()
