"""GET /people, /people/{username}"""

import dataclasses
from urllib.parse import quote

import httpx
import pytest

from frontdesk import app
from frontdesk.accounts import moderation, profile, sessions
from frontdesk.accounts.meter import Meter
from frontdesk.accounts.service import Service
from frontdesk.errors import Unauthenticated
from frontdesk.model import Visit
from tests.answers import faults, refused
from tests.cast import ALICE, BOB, HERE, Actor, enter

URL = "/api/v1/people"


async def hide(http: httpx.AsyncClient, someone: Actor) -> None:
    answer = await http.patch("/api/v1/account", json={"discoverable": False}, headers=someone.bearer)
    assert answer.status_code == 200


async def find(http: httpx.AsyncClient, text: str, viewer: Actor) -> list[str]:
    answer = await http.get(URL, params={"q": text}, headers=viewer.bearer)
    assert answer.status_code == 200
    return [person["username"] for person in answer.json()["people"]]


async def test_only_who_is_signed_in_finds_anybody(http: httpx.AsyncClient, alice: Actor) -> None:
    for path in (f"{URL}?q=alice", f"{URL}/alice", f"{URL}/nobody", f"{URL}?limit=rubbish"):
        refused(await http.get(path), 401, "unauthenticated")
        refused(await http.get(path, headers={"Cookie": f"session={alice.token}"}), 401, "unauthenticated")


async def test_bob_finds_alice(http: httpx.AsyncClient, alice: Actor, bob: Actor) -> None:
    answer = await http.get(URL, params={"q": "alice"}, headers=bob.bearer)
    assert answer.status_code == 200
    assert answer.json() == {"people": [{"username": "alice", "name": "Alice Archer"}], "next": None}
    assert answer.headers["cache-control"] == "no-store"
    assert await find(http, "王伟", alice) == ["bob"]


async def test_a_search_a_letter_checks_the_session_once_and_ends_with_it(
    http: httpx.AsyncClient, service: Service, bob: Actor
) -> None:
    await find(http, "a", bob)
    # Whoever typed the letter before is remembered: had the session ended without a word, the next would go by that.
    await service.db.execute("DELETE FROM sessions")
    await find(http, "al", bob)
    async with sessions.ending(service, bob.account.id):
        pass
    refused(await http.get(URL, params={"q": "ali"}, headers=bob.bearer), 401, "unauthenticated")


async def test_addresses_are_neither_shown_nor_searched(
    http: httpx.AsyncClient, service: Service, bob: Actor
) -> None:
    await enter(service, ALICE._replace(email="hush@secret.example", password="some wet storks in a row"))
    for text in ("hush@secret.example", "hush", "secret.example"):
        assert await find(http, text, bob) == []
    for path in (f"{URL}?q=alice", f"{URL}/alice"):
        answer = await http.get(path, headers=bob.bearer)
        assert answer.status_code == 200
        assert "alice" in answer.text
        assert "secret" not in answer.text


async def test_one_person_is_found_by_username_in_any_case(
    http: httpx.AsyncClient, alice: Actor, bob: Actor
) -> None:
    for username in ("alice", "ALICE"):
        answer = await http.get(f"{URL}/{username}", headers=bob.bearer)
        assert answer.status_code == 200
        assert answer.json() == {"username": "alice", "name": "Alice Archer"}


async def test_usernames_of_any_script_stand_in_paths(
    http: httpx.AsyncClient, service: Service, bob: Actor
) -> None:
    await enter(service, ALICE._replace(username="王小明"))
    answer = await http.get(f"{URL}/{quote('王小明')}", headers=bob.bearer)
    assert answer.status_code == 200
    assert answer.json()["username"] == "王小明"


@pytest.mark.parametrize(
    "username", ["nobody", "%00", "a%00b", "%ff", "x" * 5000, "alice%2fbob", "alice/bob", "%0a", "%20", "..;"]
)
async def test_who_is_not_there_is_not_found(
    http: httpx.AsyncClient, alice: Actor, bob: Actor, username: str
) -> None:
    refused(await http.get(f"{URL}/{username}", headers=bob.bearer), 404, "not_found")


async def test_who_hides_is_found_by_nobody_else(
    http: httpx.AsyncClient, alice: Actor, bob: Actor, charlie: Actor
) -> None:
    await hide(http, alice)
    for viewer in (bob, charlie):
        assert await find(http, "alice", viewer) == []
        hidden = refused(await http.get(f"{URL}/alice", headers=viewer.bearer), 404, "not_found")
        absent = refused(await http.get(f"{URL}/nobody", headers=viewer.bearer), 404, "not_found")
        del hidden["request_id"], absent["request_id"]
        assert hidden == absent
    answer = await http.get(f"{URL}/alice", headers=alice.bearer)
    assert answer.status_code == 200


async def test_who_is_disabled_is_found_by_nobody(
    http: httpx.AsyncClient, service: Service, alice: Actor, bob: Actor
) -> None:
    await moderation.disable(service, "alice")
    assert await find(http, "alice", bob) == []
    refused(await http.get(f"{URL}/alice", headers=bob.bearer), 404, "not_found")
    await moderation.enable(service, "alice")
    assert await find(http, "alice", bob) == ["alice"]
    assert (await http.get(f"{URL}/alice", headers=bob.bearer)).status_code == 200


async def test_a_disabled_account_is_neither_changed_nor_found_again(
    http: httpx.AsyncClient, service: Service, alice: Actor, bob: Actor
) -> None:
    await moderation.disable(service, "alice")
    # A request that was under way while the administrator acted.
    visit = Visit(account=alice.account, session_id=alice.account.id, logged_in_at=alice.account.created_at)
    with pytest.raises(Unauthenticated):
        await profile.update(service, visit, HERE, name="Alice Anew")
    assert await find(http, "alice", bob) == []


async def test_a_page_leads_to_the_next(http: httpx.AsyncClient, service: Service, bob: Actor) -> None:
    names = {f"heron{number}" for number in range(5)}
    for name in names:
        await enter(
            service,
            ALICE._replace(
                email=f"{name}@example.org", username=name, name="Heron Hall", password=BOB.password
            ),
        )
    found: list[str] = []
    after: dict[str, str] = {}
    for _ in range(9):
        answer = await http.get(URL, params={"q": "heron", "limit": "2", **after}, headers=bob.bearer)
        assert answer.status_code == 200
        page = answer.json()
        assert len(page["people"]) <= 2
        found += [person["username"] for person in page["people"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert sorted(found) == sorted(names)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {("q", "missing")}),
        ("q=", {("q", "missing")}),
        ("q=" + "x" * 1001, {("q", "too_long")}),
        ("q=a&q=b", {("q", "given_twice")}),
        ("q=a&size=3", {("size", "unknown")}),
        ("q=a&after=", {("after", "missing")}),
        ("q=a&after=" + "x" * 1001, {("after", "too_long")}),
        ("limit=0&after=", {("q", "missing"), ("limit", "out_of_range"), ("after", "missing")}),
    ],
)
async def test_a_query_that_means_nothing_is_refused(
    http: httpx.AsyncClient, bob: Actor, query: str, expected: set[tuple[str, str]]
) -> None:
    assert faults(await http.get(f"{URL}?{query}", headers=bob.bearer)) == expected


async def test_a_limit_is_a_number_from_1_to_50(http: httpx.AsyncClient, bob: Actor) -> None:
    for limit in ("0", "51", "-1", "", "1.5", "ten", "+5", "1e1", "٣", "0050" + "9", "0001" + "9" * 5000):
        answer = await http.get(URL, params={"q": "a", "limit": limit}, headers=bob.bearer)
        assert faults(answer) == {("limit", "out_of_range")}, limit
    for limit in ("1", "50"):
        answer = await http.get(URL, params={"q": "a", "limit": limit}, headers=bob.bearer)
        assert answer.status_code == 200


async def test_one_account_may_search_only_so_often(service: Service, alice: Actor, bob: Actor) -> None:
    border = app.build(dataclasses.replace(service, searches=Meter(3)), "api")
    transport = httpx.ASGITransport(app=border, client=("192.0.2.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        for _ in range(3):
            assert await find(http, "alice", bob) == ["alice"]
        answer = await http.get(URL, params={"q": "alice"}, headers=bob.bearer)
        refused(answer, 429, "throttled")
        assert int(answer.headers["retry-after"]) >= 1
        assert await find(http, "alice", alice) == ["alice"]


async def test_a_cursor_is_one_that_was_given_out(http: httpx.AsyncClient, bob: Actor) -> None:
    for after in ("x", "AAAA", "A" * 1000, "\x00", "\ud7ff", "' OR 1=1 --", "=" * 40, "王伟"):
        answer = await http.get(URL, params={"q": "heron", "after": after}, headers=bob.bearer)
        assert faults(answer) == {("after", "cursor_invalid")}


async def test_looking_up_one_person_after_the_other_counts_as_searching(
    service: Service, alice: Actor, bob: Actor
) -> None:
    hurried = dataclasses.replace(service, searches=Meter(3))
    transport = httpx.ASGITransport(app=app.build(hurried))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        found = [await http.get("/api/v1/people/bob", headers=alice.bearer) for _ in range(4)]
        assert [answer.status_code for answer in found] == [200, 200, 200, 429]
        assert int(found[-1].headers["Retry-After"]) >= 1
