"""/static/"""

import re

import httpx
import pytest

from frontdesk.web import static


async def test_every_file_that_a_page_names_is_there(stranger: httpx.AsyncClient) -> None:
    page = await stranger.get("/")
    names = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert len(names) >= 3
    for name in names:
        answer = await stranger.get(name)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_a_file_that_the_browser_has_is_not_sent_again(stranger: httpx.AsyncClient) -> None:
    first = await stranger.get(static.url_of("app.css"))
    assert first.headers["content-type"] == "text/css; charset=utf-8"
    again = await stranger.get(
        static.url_of("app.css"), headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    )
    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.parametrize(
    "path",
    [
        "/static/{digest}/nothing.css",
        "/static/0000000000000000/nothing.css",
        "/static/{digest}/..%2f..%2fpages.py",
        "/static/{digest}/../pages.py",
        "/static/{digest}/%2e%2e/%2e%2e/pages.py",
        "/static/{digest}/app.css%00",
        "/static/{digest}/",
        "/static/{digest}",
        "/static//etc/passwd",
    ],
)
async def test_nothing_else_is_served(stranger: httpx.AsyncClient, path: str) -> None:
    digest = static.url_of("app.css").split("/")[2]
    assert (await stranger.get(path.format(digest=digest))).status_code == 404


@pytest.mark.parametrize("digest", ["0000000000000000", "x"])
async def test_what_another_version_has_is_answered_with_ours_but_not_kept(
    stranger: httpx.AsyncClient, digest: str
) -> None:
    ours = await stranger.get(static.url_of("app.css"))
    answer = await stranger.get(f"/static/{digest}/app.css")
    assert answer.status_code == 200
    assert answer.content == ours.content
    assert answer.headers["cache-control"] == "no-store"
