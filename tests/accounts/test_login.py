"""Whom wrong passwords keep out, and whom they don't."""

import asyncio

import asyncpg
import msgspec
import pytest

from frontdesk.accounts import profile, sessions
from frontdesk.accounts.login import log_in
from frontdesk.accounts.register import register
from frontdesk.accounts.service import Service
from frontdesk.accounts.verify import verify
from frontdesk.errors import FieldRefused, Throttled, Unauthenticated, WrongCredentials
from frontdesk.model import Client
from tests.cast import ALICE, BOB, ELSEWHERE, HERE, Actor
from tests.conftest import with_settings

pytestmark = pytest.mark.anyio

BROWSER = msgspec.structs.replace(HERE, browser="a" * 22)
NEIGHBOUR = msgspec.structs.replace(HERE, browser="b" * 22)


@pytest.fixture
async def strict(service: Service) -> Service:
    """Two wrong passwords, then waits."""
    return with_settings(service, login_attempts=2)


async def guess(service: Service, login: str, client: Client) -> type[Exception]:
    with pytest.raises((WrongCredentials, Throttled)) as refused:
        await log_in(service, login=login, password="not the one", client=client)
    return refused.type


async def test_strangers_do_not_keep_out_who_registered_in_this_browser(strict: Service) -> None:
    await register(strict, **ALICE.fields(), client=BROWSER)
    assert [await guess(strict, "alice", ELSEWHERE) for _ in range(3)] == [
        WrongCredentials,
        WrongCredentials,
        Throttled,
    ]
    moved = msgspec.structs.replace(BROWSER, address="203.0.113.9")
    assert (await log_in(strict, login="alice", password=ALICE.password, client=moved)).token


async def test_a_neighbour_on_the_same_network_does_not_keep_the_owners_browser_out(strict: Service) -> None:
    narrow = with_settings(strict, login_attempts_per_address=2)
    await register(narrow, **ALICE.fields(), client=BROWSER)
    while await guess(narrow, "alice", NEIGHBOUR) is not Throttled:
        pass
    for _ in range(3):
        assert (await log_in(narrow, login="alice", password=ALICE.password, client=BROWSER)).token


async def test_a_throttle_does_not_tell_which_address_belongs_to_a_username(
    strict: Service, alice: Actor
) -> None:
    while await guess(strict, "alice", ELSEWHERE) is not Throttled:
        pass
    assert await guess(strict, ALICE.email, ELSEWHERE) is WrongCredentials
    assert await guess(strict, BOB.email, ELSEWHERE) is WrongCredentials


async def test_a_stolen_session_guesses_no_faster_from_many_networks(strict: Service, alice: Actor) -> None:
    visit = await sessions.check(strict, alice.token, HERE)
    answers = []
    for number in range(5):
        client = Client(address=f"203.0.113.{number}", user_agent="")
        with pytest.raises((FieldRefused, Throttled)) as refused:
            await profile.change_password(
                strict,
                visit,
                current_password="a guess",
                password="a wholly different sentence",
                client=client,
            )
        answers.append(refused.type)
    assert answers == [FieldRefused, FieldRefused, Throttled, Throttled, Throttled]


async def test_a_clock_that_was_put_back_keeps_nobody_waiting(
    strict: Service, alice: Actor, db: asyncpg.Connection
) -> None:
    assert await guess(strict, "alice", ELSEWHERE) is WrongCredentials
    await db.execute(
        "UPDATE attempts SET counted_at = now() + interval '1 hour', blocked_until = now() + interval '1 hour'"
    )
    assert (await log_in(strict, login="alice", password=ALICE.password, client=ELSEWHERE)).token


async def test_the_session_that_ends_for_the_hundred_and_first_is_refused_at_once(
    service: Service, alice: Actor
) -> None:
    await verify(service, alice.token, HERE)
    for _ in range(100):
        await sessions.start(service, alice.account, HERE)
    with pytest.raises(Unauthenticated):
        await verify(service, alice.token, HERE)


async def test_saving_a_profile_again_changes_nothing_in_the_index(
    service: Service, alice: Actor, db: asyncpg.Connection
) -> None:
    visit = await sessions.check(service, alice.token, HERE)

    async def index() -> list[asyncpg.Record]:
        return list(
            await db.fetch(
                "SELECT ctid::text, xmin::text, key FROM people_keys UNION ALL "
                "SELECT ctid::text, xmin::text, word || people FROM people_words ORDER BY 1, 2, 3"
            )
        )

    before = await index()
    for _ in range(3):
        await profile.update(
            service, visit, HERE, name=ALICE.name, username="alice", language="en", discoverable=True
        )
    await profile.update(service, visit, HERE)
    assert await index() == before


async def test_two_logins_at_once_both_come_in(service: Service, alice: Actor) -> None:
    logins = await asyncio.gather(
        *(log_in(service, login="alice", password=ALICE.password, client=HERE) for _ in range(4))
    )
    assert len({login.token for login in logins}) == 4
