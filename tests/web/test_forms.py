"""What forms may send, and what they may not."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.errors import MalformedBody
from frontdesk.web.forms import parse
from tests import cast
from tests.web.conftest import Browser

FORM = "application/x-www-form-urlencoded"
WRITES = [
    "/register",
    "/login",
    "/logout",
    "/account",
    "/account/password",
    "/account/delete",
    "/account/sessions/end",
    "/account/sessions/end-others",
    "/language",
    "/forgot",
    "/account/email",
    "/account/export",
]


@pytest.mark.parametrize(
    "body",
    [
        b"login=alice&login=bob",
        b"login=alice&password=a&next=/&administrator=yes",
        b"login=alice&unknown=1",
        b"login=%ff",
        b"login=\xff\xfe",
        b"login=%ed%a0%80",
        b"login=%00alice",
        b"login",
        b"&&&&",
        b'{"login": "alice"}',
        b"=".join([b"a"] * 500),
        b"&".join(b"f%d=1" % number for number in range(5000)),
    ],
)
async def test_a_body_that_no_form_sends_is_refused(stranger: httpx.AsyncClient, body: bytes) -> None:
    answer = await stranger.post("/login", content=body, headers={"Content-Type": FORM})
    assert answer.status_code == 400
    assert "We couldn&#39;t read that" in answer.text


async def test_other_kinds_of_body_are_refused(browser: Browser, alice: cast.Actor) -> None:
    for path in WRITES:
        for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain", ""):
            answer = await browser(alice).post(path, content=b"{}", headers={"Content-Type": kind})
            assert answer.status_code == 415, path


async def test_a_body_without_end_is_refused(browser: Browser, alice: cast.Actor) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"a" * 1024
            await asyncio.sleep(0)

    for path in WRITES:
        for body in (b"name=" + b"a" * 1_000_000, pieces()):
            answer = await browser(alice).post(path, content=body, headers={"Content-Type": FORM})
            assert answer.status_code == 413, path
            assert answer.headers["connection"] == "close"


async def test_a_form_of_another_site_writes_nothing(browser: Browser, alice: cast.Actor) -> None:
    for path in WRITES:
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
        ):
            answer = await browser(alice).post(path, content=b"", headers={"Content-Type": FORM, **headers})
            assert answer.status_code == 403, path
            assert "This came from another site" in answer.text
            assert "set-cookie" not in answer.headers


async def test_older_browsers_are_told_by_their_origin(http: httpx.AsyncClient, alice: cast.Actor) -> None:
    form = {"login": "alice", "password": alice.password}
    for origin, status in (
        ("https://evil.example", 403),
        ("null", 403),
        ("http://testserver.evil.example", 403),
        ("http://testserver", 303),
    ):
        answer = await http.post("/login", data=form, headers={"Origin": origin})
        assert answer.status_code == status


async def test_nothing_is_written_by_reading(browser: Browser, alice: cast.Actor) -> None:
    for path in WRITES:
        assert (await browser(alice).get(path)).status_code in (200, 303, 405)
    assert (await browser(alice).get("/account")).status_code == 200


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_refused(body: bytes) -> None:
    try:
        found = parse(body, ("a", "b"))
    except MalformedBody:
        return
    assert found.keys() <= {"a", "b"}
    assert not any("\0" in value for value in found.values())


@given(st.dictionaries(st.sampled_from("abc"), st.text(st.characters(exclude_categories=["Cs"]))))
def test_what_a_browser_sends_arrives_as_it_was_typed(fields: dict[str, str]) -> None:
    body = str(httpx.QueryParams(fields)).encode()
    if any("\0" in value for value in fields.values()):
        with pytest.raises(MalformedBody):
            parse(body, ("a", "b", "c"))
    else:
        assert parse(body, ("a", "b", "c")) == fields
