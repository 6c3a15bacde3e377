"""GET /verify"""

from urllib.parse import unquote

import asyncpg
import httpx

from frontdesk.accounts import moderation
from frontdesk.accounts.service import Service
from tests.answers import refused
from tests.api.conftest import Talk
from tests.cast import ALICE, Actor, enter

URL = "/api/v1/verify"


async def test_a_session_is_told_by_token_or_cookie(http: httpx.AsyncClient, alice: Actor) -> None:
    for headers in (alice.bearer, {"Cookie": f"session={alice.token}"}):
        answer = await http.get(URL, headers=headers)
        assert answer.status_code == 204
        assert answer.content == b""
        assert answer.headers["x-frontdesk-account"] == str(alice.account.id)
        assert answer.headers["x-frontdesk-username"] == "alice"
        assert answer.headers["cache-control"] == "no-store"


async def test_over_https_only_the_cookie_that_https_sets_counts(talk: Talk, alice: Actor) -> None:
    http = talk(public_url="https://accounts.example.org")
    answer = await http.get(URL, headers={"Cookie": f"__Host-session={alice.token}"})
    assert answer.status_code == 204
    refused(await http.get(URL, headers={"Cookie": f"session={alice.token}"}), 401, "unauthenticated")


async def test_a_username_of_any_script_fits_a_header(http: httpx.AsyncClient, service: Service) -> None:
    wei = await enter(service, ALICE._replace(username="王小明"))
    answer = await http.get(URL, headers=wei.bearer)
    assert answer.status_code == 204
    assert answer.headers["x-frontdesk-username"].isascii()
    assert unquote(answer.headers["x-frontdesk-username"]) == "王小明"


async def test_nobody_is_nobody(http: httpx.AsyncClient, alice: Actor) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer \xff\xfe".encode("latin-1")},
        {"Authorization": f"Bearer {'A' * 43}"},
        {"Cookie": "session="},
        {"Cookie": "session=" + "A" * 43},
        {"X-Frontdesk-Account": str(alice.account.id), "X-Frontdesk-Username": "alice"},
    ):
        answer = await http.get(URL, headers=headers)
        refused(answer, 401, "unauthenticated")
        assert "x-frontdesk-account" not in answer.headers


async def test_a_wrong_token_is_not_made_good_by_a_cookie(http: httpx.AsyncClient, alice: Actor) -> None:
    headers = {"Authorization": f"Bearer {'A' * 43}", "Cookie": f"session={alice.token}"}
    refused(await http.get(URL, headers=headers), 401, "unauthenticated")


async def test_revoking_works_at_once(
    http: httpx.AsyncClient, talk: Talk, alice: Actor, bob: Actor, service: Service, db: asyncpg.Connection
) -> None:
    replicas = (http, talk(), talk("198.51.100.2"))
    for replica in replicas:
        assert (await replica.get(URL, headers=alice.bearer)).status_code == 204
    assert (await http.delete("/api/v1/sessions/current", headers=alice.bearer)).status_code == 204
    for replica in replicas:
        refused(await replica.get(URL, headers=alice.bearer), 401, "unauthenticated")
    for replica in replicas:
        assert (await replica.get(URL, headers=bob.bearer)).status_code == 204
    await moderation.disable(service, "bob")
    for replica in replicas:
        refused(await replica.get(URL, headers=bob.bearer), 401, "unauthenticated")
