"""The statement that looks for usernames: what it reads, and no more."""

import asyncpg
import pytest

from frontdesk.store.usernames import Sought, Typed, Usernames, find_usernames


@pytest.fixture
async def crowd(db: asyncpg.Connection) -> asyncpg.Connection:
    """au1000 to au1999, u.1000 to u.1999 and, by their names, wei."""
    await db.execute(
        """
        INSERT INTO accounts (email, email_key, username, username_key, name, password_hash)
        SELECT 'u' || n, 'u' || n, 'u' || n, 'u' || n, 'Wei', '' FROM generate_series(1000, 1999) n
        """
    )
    await db.execute(
        """
        INSERT INTO people_keys (account_id, key)
        SELECT id, unnest(ARRAY['aa' || username, format('a%s u.%s', username, substr(username, 2)), 'bwei'])
          FROM accounts
        """
    )
    return db


async def test_neighbours_are_those_on_both_sides_in_each_order(crowd: asyncpg.Connection) -> None:
    (found,) = await find_usernames(crowd, [Sought(beside=Typed("au1555", ""))])
    assert sorted(found.in_order) == [f"aau{n}" for n in [*range(1547, 1555), *range(1556, 1564)]]
    backwards = sorted((f"aau{n}" for n in range(1000, 2000)), key=lambda key: key[::-1])
    at = backwards.index("aau1555")
    assert sorted(found.backwards) == sorted(backwards[at - 8 : at] + backwards[at + 1 : at + 9])
    # Read backwards, au1555 comes behind u.1555.
    assert "au1555 u.1555" in found.written
    assert len(found.written) == 16
    assert found.found == []


async def test_as_it_is_written_a_username_has_other_neighbours(crowd: asyncpg.Connection) -> None:
    with_sign, without = await find_usernames(
        crowd, [Sought(beside=Typed("u1500", "u.1500")), Sought(beside=Typed("u1500", ""))]
    )
    assert "au1500 u.1500" not in with_sign.written
    assert "au1500 u.1500" in without.written
    assert with_sign.in_order == without.in_order


async def test_at_the_end_of_an_order_there_are_neighbours_on_one_side(crowd: asyncpg.Connection) -> None:
    first, last, nobody = await find_usernames(
        crowd, [Sought(beside=Typed("a", "")), Sought(beside=Typed("zz", "")), Sought()]
    )
    assert sorted(first.in_order) == [f"aau{n}" for n in range(1000, 1008)]
    # Whoever is found by a name is no neighbour.
    assert sorted(last.in_order) == [f"au{n} u.{n}" for n in range(1992, 2000)]
    assert nobody == Usernames([], [], [], [])
    assert await find_usernames(crowd, [Sought()]) == [nobody]


async def test_who_begins_or_ends_so_is_found_up_to_a_number(crowd: asyncpg.Connection) -> None:
    few = Sought(starts="aau100\nau1234", tails="7891u\n7891.u\nydobon")
    many = Sought(starts="\n".join(f"aau1{n}" for n in range(10)), tails="\n".join(map(str, range(10))))
    some, most = await find_usernames(crowd, [few, many])
    assert sorted(some.found) == [
        *(f"aau{n}" for n in range(1000, 1010)),
        "aau1987",
        *("au1234 u.1234", "au1987 u.1987"),
    ]
    begin, end = most.found[:500], most.found[500:]
    # 64 of each, as long as there's room.
    assert begin == [f"aau1{n}{rest:02}" for n in range(8) for rest in range(64)][:500]
    assert len(end) == 500
    assert [sum(key.endswith(str(n)) for key in end) for n in range(4)] == [128, 128, 128, 116]
