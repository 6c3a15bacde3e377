"""POST /account/email, POST /email-confirmations/{token}"""

import asyncio
from datetime import timedelta

import asyncpg
import httpx

from frontdesk import app
from frontdesk.accounts.service import Service
from tests.answers import faults, refused
from tests.cast import ALICE, BOB, Actor
from tests.conftest import with_settings
from tests.mail.conftest import Post, talking
from tests.mailbox import BASE, Letter
from tests.waiting import until_blocked

URL = "/api/v1/account/email"
CONFIRM = "/api/v1/email-confirmations/"
NEW = "alice@new.example.org"


async def change(http: httpx.AsyncClient, actor: Actor, email: str = NEW) -> None:
    body = {"email": email, "password": actor.password}
    answer = await http.post(URL, json=body, headers=actor.bearer)
    assert (answer.status_code, answer.content) == (202, b"")


async def sent(post: Post) -> dict[str, Letter]:
    """What goes out now, by whom it goes to."""
    return {letter.to[0]: letter for letter in await post.send()}


async def asked(http: httpx.AsyncClient, alice: Actor, post: Post) -> tuple[Letter, Letter]:
    """Alice asks for another address: the letter to the new one, and the one to the old."""
    await change(http, alice)
    found = await sent(post)
    return found[NEW], found[ALICE.email]


async def changed(http: httpx.AsyncClient, alice: Actor, post: Post) -> tuple[Letter, Letter]:
    """The same, and the new one is confirmed."""
    new, old = await asked(http, alice, post)
    assert (await http.post(CONFIRM + new.token)).status_code == 204
    return new, old


async def email_of(http: httpx.AsyncClient, actor: Actor) -> str:
    answer = await http.get("/api/v1/account", headers=actor.bearer)
    assert answer.status_code == 200
    return str(answer.json()["email"])


async def log_in(http: httpx.AsyncClient, login: str, password: str = ALICE.password) -> int:
    return (await http.post("/api/v1/sessions", json={"login": login, "password": password})).status_code


async def test_nothing_changes_until_the_new_address_confirms(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    new, old = await asked(http, alice, post)
    assert (new.subject, old.subject) == (
        "Confirm your new e-mail address",
        "Your e-mail address is about to change",
    )
    assert new.url.startswith(BASE + "/confirm/")
    assert old.url.startswith(BASE + "/confirm/")
    assert await email_of(http, alice) == ALICE.email
    assert (await http.post(CONFIRM + new.token)).status_code == 204
    answer = await http.get("/api/v1/account", headers=alice.bearer)
    assert (answer.json()["email"], answer.json()["email_verified"]) == (NEW, True)
    assert await log_in(http, NEW) == 201
    assert await log_in(http, ALICE.email) == 401
    refused(await http.post(CONFIRM + new.token), 410, "link_expired")


async def test_the_old_address_takes_the_account_back_for_seven_days(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    new, old = await asked(http, alice, post)
    left = await db.fetchval("SELECT expires_at - now() FROM links WHERE kind = 'undo'")
    assert timedelta(days=7) - timedelta(minutes=1) < left <= timedelta(days=7)
    assert (await http.post(CONFIRM + new.token)).status_code == 204
    assert (await http.post(CONFIRM + old.token)).status_code == 204
    assert await db.fetchval("SELECT email FROM accounts") == ALICE.email
    # Who asked for it knew the password: that, and every session, has ended.
    refused(await http.get("/api/v1/account", headers=alice.bearer), 401, "unauthenticated")
    assert await log_in(http, ALICE.email) == 401
    assert await log_in(http, "alice") == 401
    (reset,) = await post.send()
    assert (reset.to, reset.subject) == ([ALICE.email], "Choose a new password")
    body = {"password": "seven loud geese at noon"}
    assert (await http.put(f"/api/v1/password-resets/{reset.token}", json=body)).status_code == 204
    assert await log_in(http, ALICE.email, body["password"]) == 201


async def test_the_old_address_stops_a_change_that_is_not_confirmed_yet(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    new, old = await asked(http, alice, post)
    assert (await http.post(CONFIRM + old.token)).status_code == 204
    refused(await http.post(CONFIRM + new.token), 410, "link_expired")
    assert await db.fetchval("SELECT email FROM accounts") == ALICE.email


async def test_a_thief_cannot_undo_the_undoing(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    """The thief moves the account to their address, then on, to have a link of their own by which it comes back."""
    _, owners = await changed(http, alice, post)
    await change(http, alice, "third@new.example.org")
    found = await sent(post)
    again = found[NEW]
    # Used first, it doesn't take the owner's away.
    await change(http, alice, "fourth@new.example.org")
    waiting = await post.waiting()
    assert waiting == 2
    assert (await http.post(CONFIRM + owners.token)).status_code == 204
    for letter in (again, found["third@new.example.org"]):
        refused(await http.post(CONFIRM + letter.token), 410, "link_expired")
    # What the thief had under way goes to nobody any more.
    assert [letter.to for letter in await post.send()] == [[ALICE.email]]
    assert await db.fetchval("SELECT email FROM accounts") == ALICE.email


async def test_a_thiefs_undoing_leaves_the_owners_link_good(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    _, owners = await changed(http, alice, post)
    await change(http, alice, "third@new.example.org")
    found = await sent(post)
    assert (await http.post(CONFIRM + found[NEW].token)).status_code == 204
    assert (await http.post(CONFIRM + owners.token)).status_code == 204
    assert await db.fetchval("SELECT email FROM accounts") == ALICE.email


async def test_a_new_password_stops_a_change_under_way(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    new, _ = await asked(http, alice, post)
    body = {"current_password": ALICE.password, "password": "seven loud geese at noon"}
    assert (await http.put("/api/v1/account/password", json=body, headers=alice.bearer)).status_code == 204
    refused(await http.post(CONFIRM + new.token), 410, "link_expired")
    assert await email_of(http, alice) == ALICE.email


async def test_a_new_password_overrules_a_change_that_is_being_asked_for(
    http: httpx.AsyncClient, alice: Actor, post: Post, service: Service, db: asyncpg.Connection
) -> None:
    transaction = db.transaction()
    await transaction.start()
    await db.execute("UPDATE accounts SET password_hash = 'another'")
    body = {"email": NEW, "password": alice.password}
    asking = asyncio.create_task(http.post(URL, json=body, headers=alice.bearer))
    await until_blocked(service)
    await transaction.commit()
    assert faults(await asking) == {("password", "current_password_wrong")}
    assert await post.send() == []


async def test_only_the_last_address_that_was_asked_for_counts(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    await change(http, alice, "first@new.example.org")
    await change(http, alice)
    found = await sent(post)
    assert set(found) == {NEW, ALICE.email}
    assert (await http.post(CONFIRM + found[NEW].token)).status_code == 204


async def test_a_taken_address_is_told_only_to_whom_it_belongs(
    http: httpx.AsyncClient, alice: Actor, bob: Actor, post: Post
) -> None:
    await change(http, alice, BOB.email)
    found = await sent(post)
    assert found[BOB.email].subject == "You have an account already"
    assert found[BOB.email].url == BASE + "/forgot"
    assert set(found) == {ALICE.email, BOB.email}


async def test_who_has_an_address_that_looks_like_a_taken_one_hears_nothing(
    http: httpx.AsyncClient, alice: Actor, bob: Actor, post: Post
) -> None:
    lookalike = BOB.email.replace("o", "о", 1)
    assert lookalike != BOB.email
    await change(http, alice, lookalike)
    found = await sent(post)
    assert set(found) == {ALICE.email, BOB.email}
    assert found[BOB.email].subject == "You have an account already"


async def test_who_has_one_that_looks_like_an_address_that_was_left_hears_nothing(
    http: httpx.AsyncClient, alice: Actor, bob: Actor, post: Post
) -> None:
    await changed(http, alice, post)
    await change(http, bob, ALICE.email.replace("a", "а", 1))
    assert set(await sent(post)) == {BOB.email}
    await change(http, bob, ALICE.email)
    assert (await sent(post))[ALICE.email].subject == "You have an account already"


async def test_who_is_turned_away_for_lack_of_time_is_charged_no_attempt(
    service: Service, alice: Actor, db: asyncpg.Connection
) -> None:
    border = app.build(with_settings(service, hash_deadline=0))
    async with talking(border) as hurried:
        body = {"email": NEW, "password": alice.password}
        answer = await hurried.post(URL, json=body, headers=alice.bearer)
    refused(answer, 503, "busy")
    assert await db.fetchval("SELECT sum(failures) FROM attempts WHERE subject LIKE 'password %'") == 0


async def test_an_address_taken_in_the_meantime_stays_whose_it_is(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    new, _ = await asked(http, alice, post)
    assert (await http.post("/api/v1/accounts", json=BOB.fields() | {"email": NEW})).status_code == 201
    refused(await http.post(CONFIRM + new.token), 409, "email_taken")
    assert await email_of(http, alice) == ALICE.email


async def test_nobody_registers_with_an_address_that_its_owner_may_take_back(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    _, old = await changed(http, alice, post)
    taken = BOB.fields() | {"email": "ALICE@example.org"}
    refused(await http.post("/api/v1/accounts", json=taken), 409, "email_taken")
    assert await db.fetchval("SELECT count(*) FROM accounts") == 1
    await db.execute("UPDATE reservations SET until = now()")
    assert (await http.post("/api/v1/accounts", json=taken)).status_code == 201
    refused(await http.post(CONFIRM + old.token), 409, "email_taken")


async def test_a_wrong_password_changes_nothing_and_counts(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    for _ in range(10):
        body = {"email": NEW, "password": "not the one"}
        answer = await http.post(URL, json=body, headers=alice.bearer)
        assert faults(answer) == {("password", "current_password_wrong")}
    refused(await http.post(URL, json=body, headers=alice.bearer), 429, "throttled")
    assert await post.send() == []


async def test_the_owner_is_told_only_so_often(http: httpx.AsyncClient, alice: Actor, post: Post) -> None:
    for number in range(5):
        await change(http, alice, f"new{number}@new.example.org")
    body = {"email": "new6@new.example.org", "password": ALICE.password}
    refused(await http.post(URL, json=body, headers=alice.bearer), 429, "throttled")


async def test_an_address_that_nobody_confirmed_gets_no_more_than_strangers_may_send(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    await db.execute("UPDATE accounts SET email_verified_at = NULL")
    for number in range(5):
        await change(http, alice, f"new{number}@new.example.org")
    assert [letter.to for letter in await post.send()].count([ALICE.email]) == 3


async def test_bad_addresses_are_named(http: httpx.AsyncClient, alice: Actor) -> None:
    for email in (
        "",
        "nobody",
        "x@checks.example",
        "x@example.org\r\nBcc: y@example.org",
        "x\x00@example.org",
    ):
        body = {"email": email, "password": ALICE.password}
        answer = await http.post(URL, json=body, headers=alice.bearer)
        assert faults(answer) == {("email", "email_invalid")}


async def test_of_two_confirmations_at_once_one_wins(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    new, _ = await asked(http, alice, post)
    answers = await asyncio.gather(*(http.post(CONFIRM + new.token) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [204, 410, 410, 410]


async def test_what_only_looks_like_the_link_confirms_nothing(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    new, _ = await asked(http, alice, post)
    token = new.token
    for wrong in (
        token[:-1],
        token[1:],
        token.upper(),
        token.lower(),
        token + "A",
        "A" * 43,
        "x",
        token + "=",
    ):
        refused(await http.post(CONFIRM + wrong), 410, "link_expired")
    await db.execute("UPDATE links SET expires_at = now()")
    refused(await http.post(CONFIRM + token), 410, "link_expired")
    assert await email_of(http, alice) == ALICE.email


async def test_links_last_a_day_from_their_sending(
    http: httpx.AsyncClient, alice: Actor, post: Post, db: asyncpg.Connection
) -> None:
    await change(http, alice)
    await post.send()
    left = await db.fetchval("SELECT expires_at - now() FROM links WHERE kind = 'change'")
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)


async def test_getting_a_link_through_the_api_is_no_way_to_use_it(
    http: httpx.AsyncClient, alice: Actor, post: Post
) -> None:
    new, _ = await asked(http, alice, post)
    assert (await http.get(CONFIRM + new.token)).status_code == 405
    assert (await http.head(CONFIRM + new.token)).status_code == 405
    assert await email_of(http, alice) == ALICE.email
