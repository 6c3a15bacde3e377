"""What every page tells the browser not to do."""

import httpx
import pytest

from tests import cast
from tests.web.conftest import Browser

PAGES = ["/", "/login", "/register", "/forgot"]
OWN_PAGES = [
    "/",
    "/people",
    "/people?q=bob",
    "/people/alice",
    "/account",
    "/account/sessions",
    "/account/events",
    "/account/delete",
]


def _check(answer: httpx.Response) -> None:
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in answer.headers["permissions-policy"]


@pytest.mark.parametrize("path", PAGES)
async def test_pages_for_everybody_are_guarded(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path)
    _check(answer)
    assert answer.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("path", ["/nothing", "/logout"])
async def test_pages_of_errors_are_guarded_and_never_kept(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path)
    assert answer.status_code in (404, 405)
    _check(answer)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", OWN_PAGES)
async def test_pages_for_one_person_are_guarded_and_never_kept(
    browser: Browser, alice: cast.Actor, path: str
) -> None:
    answer = await browser(alice).get(path)
    assert answer.status_code == 200
    _check(answer)
    assert answer.headers["cache-control"] == "no-store"


async def test_head_answers_like_get(browser: Browser, alice: cast.Actor) -> None:
    alices = browser(alice)
    for path in [*PAGES, *OWN_PAGES, "/nothing"]:
        assert (await alices.head(path)).status_code == (await alices.get(path)).status_code, path


async def test_redirects_are_never_kept(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/account")
    assert answer.status_code == 303
    assert answer.headers["cache-control"] == "no-store"
