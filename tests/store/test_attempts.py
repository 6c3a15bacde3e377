"""Budgets of attempts: what is free, how the wait grows, what is forgotten; and a hundred at once."""

import asyncio

import asyncpg
import pytest

from frontdesk.accounts.service import Service
from frontdesk.store import attempts, sessions
from frontdesk.store.attempts import Budget
from tests import cast

BUDGET = Budget("login account alice", free=3, longest=100)


async def pass_time(db: asyncpg.Connection, seconds: float) -> None:
    """As if that many seconds had gone by."""
    await db.execute(
        "UPDATE attempts SET counted_at = counted_at - make_interval(secs => $1),"
        " blocked_until = blocked_until - make_interval(secs => $1)",
        float(seconds),
    )


async def failures(db: asyncpg.Connection) -> int:
    return int(await db.fetchval("SELECT failures FROM attempts WHERE subject = $1", BUDGET.subject))


async def test_first_attempts_are_free_and_then_the_wait_doubles_up_to_the_longest(
    service: Service, db: asyncpg.Connection
) -> None:
    assert [await attempts.charge(service.db, BUDGET) for _ in range(3)] == [0, 0, 0]
    waits = []
    for _ in range(9):
        waits.append(await attempts.charge(service.db, BUDGET))
        await pass_time(db, waits[-1])
        assert await attempts.charge(service.db, BUDGET) == 0
    assert waits == [1, 2, 4, 8, 16, 32, 64, 100, 100]


async def test_attempt_that_comes_too_early_is_not_counted(service: Service, db: asyncpg.Connection) -> None:
    for _ in range(3):
        await attempts.charge(service.db, BUDGET)
    for _ in range(5):
        assert await attempts.charge(service.db, BUDGET) == 1
    assert await failures(db) == 3


async def test_budget_of_one_is_used_up_by_the_first(service: Service) -> None:
    one = BUDGET._replace(free=1)
    assert [await attempts.charge(service.db, one) for _ in range(2)] == [0, 1]


async def test_longest_wait_of_nearly_nothing_is_kept_to(service: Service, db: asyncpg.Connection) -> None:
    budget = BUDGET._replace(free=1, longest=2)
    await attempts.charge(service.db, budget)
    await db.execute("UPDATE attempts SET failures = 2000000000, blocked_until = now()")
    assert await attempts.charge(service.db, budget) == 0
    assert await attempts.charge(service.db, budget) == 2


async def test_one_attempt_is_forgotten_every_ten_minutes(service: Service, db: asyncpg.Connection) -> None:
    for _ in range(3):
        await attempts.charge(service.db, BUDGET)
    await pass_time(db, 1201)
    assert await attempts.charge(service.db, BUDGET) == 0
    assert await failures(db) == 2
    await pass_time(db, 86_400)
    assert await attempts.charge(service.db, BUDGET) == 0
    assert await failures(db) == 1


async def test_who_errs_every_nine_minutes_is_forgiven_too(service: Service, db: asyncpg.Connection) -> None:
    waits = []
    for _ in range(40):
        waits.append(await attempts.charge(service.db, BUDGET._replace(free=6)))
        await pass_time(db, 540)
    assert waits == [0] * 40
    assert await failures(db) <= 6


async def test_clock_that_is_put_back_makes_no_failures_of_nothing(
    service: Service, db: asyncpg.Connection
) -> None:
    await attempts.charge(service.db, BUDGET)
    await db.execute("UPDATE attempts SET counted_at = counted_at + interval '1 hour'")
    assert await attempts.charge(service.db, BUDGET) == 0
    assert await failures(db) == 2


async def test_hundred_at_once_are_counted_one_by_one(service: Service, db: asyncpg.Connection) -> None:
    waits = await asyncio.gather(*(attempts.charge(service.db, BUDGET._replace(free=10)) for _ in range(100)))
    # Each second that the hundred take, one more may pass.
    assert 10 <= waits.count(0) <= 12
    assert await failures(db) == waits.count(0)


async def test_refund_takes_one_attempt_and_its_wait_back(service: Service, db: asyncpg.Connection) -> None:
    for _ in range(3):
        await attempts.charge(service.db, BUDGET)
    assert await attempts.charge(service.db, BUDGET) == 1
    await attempts.refund(service.db, [BUDGET.subject, "nobody"])
    assert await failures(db) == 2
    assert await attempts.charge(service.db, BUDGET) == 0


async def test_refund_of_nothing_is_nothing(service: Service, db: asyncpg.Connection) -> None:
    await attempts.charge(service.db, BUDGET)
    for _ in range(3):
        await attempts.refund(service.db, [BUDGET.subject])
    assert await failures(db) == 0


async def test_login_refunds_the_address_and_forgets_the_account(
    service: Service, db: asyncpg.Connection, alice: cast.Actor
) -> None:
    other = BUDGET._replace(subject="login address 192.0.2.1")
    for _ in range(2):
        assert await attempts.charge(service.db, other, BUDGET) == 0
    await sessions.insert(
        service.db,
        alice.account.id,
        token_hash=b"a token of hers",
        lifetime=60,
        address=None,
        user_agent="",
        keep=100,
        password_hash=None,
        refunded=other.subject,
        forgotten=BUDGET.subject,
    )
    left = await db.fetch(
        "SELECT subject, failures FROM attempts WHERE subject = ANY ($1)", [other.subject, BUDGET.subject]
    )
    assert [tuple(row) for row in left] == [(other.subject, 1)]


async def test_what_the_first_budget_refuses_is_not_counted_against_the_second(
    service: Service, db: asyncpg.Connection
) -> None:
    other = BUDGET._replace(subject="login address 192.0.2.1", free=1)
    assert await attempts.charge(service.db, other, BUDGET) == 0
    assert await attempts.charge(service.db, other, BUDGET) == 1
    assert await failures(db) == 1


async def test_what_the_second_refuses_says_how_long(service: Service, db: asyncpg.Connection) -> None:
    other = BUDGET._replace(subject="login address 192.0.2.1", free=100)
    assert [await attempts.charge(service.db, other, BUDGET) for _ in range(4)] == [0, 0, 0, 1]


async def test_charges_refunds_and_logins_of_the_same_budgets_do_not_wait_for_each_other(
    service: Service, alice: cast.Actor
) -> None:
    address = Budget("login address 192.0.2.1", free=1_000_000, longest=1)
    account = Budget("login stranger alice", free=1_000_000, longest=1)

    async def one(mine: int) -> None:
        # Over and over, or all would charge first and then all refund.
        for number in range(mine * 20, mine * 20 + 20):
            await attempts.charge(service.db, address, account)
            if number % 3:
                await attempts.refund(service.db, [address.subject, account.subject])
            else:
                await sessions.insert(
                    service.db,
                    alice.account.id,
                    token_hash=number.to_bytes(32, "big"),
                    lifetime=60,
                    address=None,
                    user_agent="",
                    keep=1000,
                    password_hash=None,
                    refunded=address.subject,
                    forgotten=account.subject,
                )

    # A deadlock ends in an error after a second.
    await asyncio.gather(*(one(mine) for mine in range(15)))


async def test_budgets_that_hold_nobody_back_are_removed_in_steps(
    service: Service, db: asyncpg.Connection
) -> None:
    for number in range(5):
        await attempts.charge(service.db, BUDGET._replace(subject=f"old {number}"))
    await pass_time(db, 601)
    await attempts.charge(service.db, BUDGET)
    assert [await attempts.delete_old(service.db, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert await db.fetchval("SELECT count(*) FROM attempts") == 1


async def test_budget_that_still_blocks_is_kept(service: Service, db: asyncpg.Connection) -> None:
    await attempts.charge(service.db, BUDGET)
    await db.execute(
        "UPDATE attempts SET counted_at = now() - interval '1 day', blocked_until = now() + interval '1 s'"
    )
    assert await attempts.delete_old(service.db, limit=10) == 0


def places(first: int, last: int) -> list[bytes]:
    return [f"place {number:04}".encode() for number in range(first, last)]


async def known(db: asyncpg.Connection) -> set[bytes]:
    return {row[0] for row in await db.fetch("SELECT place FROM known_places")}


@pytest.fixture
async def at_home_in_twenty(service: Service, db: asyncpg.Connection, alice: cast.Actor) -> cast.Actor:
    """Alice, who logged in from twenty places, two days and more ago; from place 0 the longest ago."""
    for place in places(0, 20):
        await attempts.remember_places(service.db, alice.account.id, [place])
    await db.execute(
        "UPDATE known_places SET last_login = now() - interval '2 days'"
        " - (20 - right(convert_from(place, 'UTF8'), 4)::int) * interval '1 hour'"
    )
    return alice


async def test_twenty_places_are_known_and_the_oldest_goes(
    service: Service, db: asyncpg.Connection, at_home_in_twenty: cast.Actor
) -> None:
    await attempts.remember_places(service.db, at_home_in_twenty.account.id, places(100, 101))
    assert await known(db) == {*places(1, 20), *places(100, 101)}
    await attempts.remember_places(service.db, at_home_in_twenty.account.id, places(101, 103))
    assert await known(db) == {*places(3, 20), *places(100, 103)}


@pytest.mark.parametrize("again", [0, 7, 19])
async def test_place_that_is_seen_again_makes_none_go(
    again: int, service: Service, db: asyncpg.Connection, at_home_in_twenty: cast.Actor
) -> None:
    await attempts.remember_places(service.db, at_home_in_twenty.account.id, places(again, again + 1))
    assert await known(db) == set(places(0, 20))
    assert (
        await db.fetchval("SELECT count(*) FROM known_places WHERE last_login > now() - interval '1 minute'")
        == 1
    )


async def test_place_is_written_once_a_day(
    service: Service, db: asyncpg.Connection, alice: cast.Actor
) -> None:
    await attempts.remember_places(service.db, alice.account.id, places(0, 1))
    await db.execute("UPDATE known_places SET last_login = now() - interval '23 hours'")
    await attempts.remember_places(service.db, alice.account.id, places(0, 1))
    assert await db.fetchval("SELECT last_login < now() - interval '22 hours' FROM known_places")


async def test_account_that_is_gone_has_no_places(
    service: Service, db: asyncpg.Connection, alice: cast.Actor
) -> None:
    await attempts.remember_places(service.db, alice.account.id, places(0, 2))
    await db.execute("DELETE FROM accounts")
    assert await known(db) == set()
    await attempts.remember_places(service.db, alice.account.id, places(0, 2))
    assert await known(db) == set()
