"""Browsers: what a person sees, with the headers that every browser of today sends."""

from collections.abc import Callable

import httpx
import pytest

from frontdesk.border import Border
from tests import cast

Browser = Callable[..., httpx.AsyncClient]


@pytest.fixture
def browser(border: Border) -> Browser:
    """A new browser; with an actor, one in which they are logged in."""

    def open_browser(actor: cast.Actor | None = None, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=border, client=("192.0.2.1", 50000)),
            base_url="http://testserver",
            headers={"Sec-Fetch-Site": "same-origin", **headers},
            cookies={"session": actor.token} if actor else {},
        )

    return open_browser


@pytest.fixture
def stranger(browser: Browser) -> httpx.AsyncClient:
    """A browser in which nobody is logged in."""
    return browser()
