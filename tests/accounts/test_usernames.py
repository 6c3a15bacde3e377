"""Usernames with two mistakes, or with one and other signs: whom they find, and at what cost."""

import math
import random
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from string import ascii_lowercase

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from frontdesk.accounts.lookups import Lookups
from frontdesk.accounts.search import search
from frontdesk.store.people import RS
from tests.accounts.test_search import add, ask_like_the_service, found, rows_read, walk


async def crowd_with(db: asyncpg.Connection, usernames: Sequence[str]) -> None:
    """People of these usernames, who have no name to be found by."""
    await db.execute(
        """
        WITH added AS (
            INSERT INTO accounts (email, email_key, username, username_key, name, password_hash)
            SELECT name, name, name, name, '王', '' FROM unnest($1::text[]) AS new (name)
            RETURNING id, username)
        INSERT INTO people_keys (account_id, key, username, name)
        SELECT id, concat_ws(' ', 'a' || translate(username, '.', ''),
                             CASE WHEN strpos(username, '.') > 0 THEN username END), username, '王'
          FROM added
        """,
        usernames,
    )


def like(word: str) -> Iterator[str]:
    """More usernames than are looked at beside a word which begin, and which end, like it, for up to half of its
    letters; or with any two of its letters, or one and a q."""
    rng = random.Random(3)
    parts = {"".join(pair) for pair in product({*word, "q"}, repeat=2)}
    for length in range(3, len(word) // 2 + 1):
        parts |= {word[:length], word[-length:]}
    for part in sorted(parts):
        for _ in range(20):
            other = "".join(rng.choices(ascii_lowercase, k=len(word) - len(part)))
            yield part + other
            yield other + part
            yield f"{other[:3]}.{other[3:]}{part}"


def apart(places: range) -> Iterator[tuple[int, int]]:
    """Pairs of places so far from each other that two mistakes there can't be told as one, or as three."""
    return ((first, second) for first, second in combinations(places, 2) if second - first > 2)


def mistyped(word: str, *places: int) -> Iterator[str]:
    """A word with a mistake at each of these places, of each kind."""
    if not places:
        yield word
        return
    # From behind, so that the places in front stay where they are.
    place = places[-1]
    left, letter, right = word[:place], word[place], word[place + 1 :]
    yield from mistyped(left + right, *places[:-1])
    yield from mistyped(f"{left}q{right}", *places[:-1])
    yield from mistyped(f"{left}q{letter}{right}", *places[:-1])
    if right and right[0].isalpha() and right[0] != letter:
        yield from mistyped(left + right[0] + letter + right[1:], *places[:-1])


@pytest.mark.parametrize("username", ["marsupials", "wallabyfarm"])
async def test_a_username_is_found_wherever_two_mistakes_were_made(
    db: asyncpg.Connection, username: str
) -> None:
    await add(db, username, "Zoe")
    for places in apart(range(len(username))):
        for typed in mistyped(username, *places):
            assert await found(db, typed) == ["Zoe"], typed


@pytest.mark.parametrize("username", ["marsupials", "wallabyfarm", "wallabyfar.m"])
async def test_a_username_is_found_with_two_mistakes_among_many_that_begin_and_end_so(
    db: asyncpg.Connection, username: str
) -> None:
    word = username.replace(".", "")
    await crowd_with(db, [*{*like(word)}])
    await add(db, username, "Zoe")
    before = behind = 0
    for first, second in apart(range(2, len(word) - 1)):
        for typed in mistyped(word, first, second):
            # Those who begin, and end, like less of it than this are too many to look through; and how somebody ends
            # is asked for as it's written.
            least = math.ceil(len(typed) * 0.6)
            begins, ends = second >= least, len(word) - 2 - first >= least and word == username
            before += begins
            behind += ends
            if begins or ends:
                assert "Zoe" in await found(db, typed, limit=50), typed
    assert before > 20
    assert behind > 20 or word != username


async def test_of_the_longest_words_no_more_is_looked_up(db: asyncpg.Connection) -> None:
    word = "abcdefghijklmnopqrstuvwxyzabcdef"
    ends = [*{*like("abcdef")}]
    await crowd_with(db, [word[:20] + end for end in ends] + [end + word[12:] for end in ends])
    asked = _Asked(db)
    await search(Lookups(asked), word[:15] + "zz" + word[17:], limit=10)
    # Of 12 places, with 26 letters each put in or instead, one left out or two swapped.
    assert 400 < asked.lines <= 12 * 54 + 1


@pytest.mark.parametrize(
    "typed", ["annamariia.lopez77", "annamariialopez77", "anamaria.lpoz77", "na_mari.alopez77"]
)
async def test_a_username_with_signs_is_found_with_two_mistakes_in_it(
    db: asyncpg.Connection, typed: str
) -> None:
    await add(db, "ana_maria.lopez77", "Zoe")
    assert await found(db, typed) == ["Zoe"]


async def test_a_username_with_signs_is_found_with_a_mistake_and_without_them(db: asyncpg.Connection) -> None:
    await add(db, "jo.smithson", "Zoe")
    await add(db, "jo.smathson", "Bob")
    assert await found(db, "josmithsun") == ["Zoe", "Bob"]
    assert await walk(db, "josmithsun", 1) == ["jo.smithson", "jo.smathson"]


async def test_another_number_is_another_person(db: asyncpg.Connection) -> None:
    await add(db, "wallaby1987", "Zoe")
    assert await found(db, "walaaby1987") == ["Zoe"]
    assert await found(db, "walalbby1987") == ["Zoe"]
    for typed in ("wallaby1986", "wallaby1978", "walaby1988", "wallabyy19876"):
        assert await found(db, typed) == [], typed


async def test_a_short_username_forgives_one_mistake_only(db: asyncpg.Connection) -> None:
    await add(db, "numbats", "Zoe")
    assert await found(db, "numbbats") == ["Zoe"]
    assert await found(db, "nnumbbats") == []
    await add(db, "wombatss", "Bob")
    assert await found(db, "wmobbatss") == ["Bob"]


@pytest.mark.parametrize("limit", [1, 2, 10])
async def test_a_name_with_two_mistakes_comes_before_a_username_with_two(
    db: asyncpg.Connection, limit: int
) -> None:
    await add(db, "marsupial", "Zoe")
    await add(db, "bob", "Marsupial Smith")
    assert await walk(db, "narsupila", limit) == ["bob", "marsupial"]


async def test_nobody_is_looked_for_with_two_mistakes_where_somebody_is_meant_with_fewer(
    db: asyncpg.Connection,
) -> None:
    await add(db, "narsupila", "Zoe")
    await add(db, "bob", "Marsupial Smith")
    asked = _Asked(db)
    for typed, statements in (("marsupial", 0), ("marsupal", 0), ("marspuils", 1)):
        asked.statements = 0
        await search(Lookups(asked), typed, limit=10)
        assert asked.statements == statements, typed
    # Nor on a page of people with two mistakes, where one before has shown somebody nearer.
    for n in range(4):
        await add(db, f"eve{n}", "Marsupialy Jones")
    asked.statements = 0
    for limit in (1, 2, 3, 4, 5, 10):
        assert await walk(asked, "marsupal", limit) == ["bob", *(f"eve{n}" for n in range(4))]
    assert asked.statements == 0


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 10])
async def test_pages_go_on_from_names_with_two_mistakes_to_usernames_with_two(
    db: asyncpg.Connection, limit: int
) -> None:
    for username in ("narsupol", "narsupul"):
        await add(db, username, "Zoe")
    for n in range(4):
        await add(db, f"eve{n}", "Marsupialy Jones")
    assert await walk(db, "narsupial", limit) == [*(f"eve{n}" for n in range(4)), "narsupol", "narsupul"]


async def test_what_nobody_begins_or_ends_like_is_not_looked_for_further(db: asyncpg.Connection) -> None:
    await crowd_with(db, [*{*like("marsupials")}])
    asked = _Asked(db)
    for typed, statements in (("xkxkxkxkxkxkxk", 1), ("marsnuxpials", 2)):
        asked.statements = 0
        await search(Lookups(asked), typed, limit=10)
        assert asked.statements == statements, typed


class _Asked:
    """Counts the statements that ask for usernames."""

    def __init__(self, db: asyncpg.Connection) -> None:
        self._db = db
        self.statements = 0
        # The most that one of them had to look up at the beginnings, or at the ends.
        self.lines = 0

    async def fetch(self, query: str, *arguments: str) -> list[asyncpg.Record]:
        if "q.starts" in query:
            self.statements += 1
            self.lines = max(
                self.lines, *(len(lines.split("\n")) for text in arguments[2:4] for lines in text.split(RS))
            )
        found: list[asyncpg.Record] = await self._db.fetch(query, *arguments)
        return found


@pytest.fixture
async def alike(db: asyncpg.Connection) -> asyncpg.Connection:
    """Thousands of usernames that are hard to tell apart."""
    rng = random.Random(5)
    usernames = {"".join(rng.choices("ab", k=rng.randint(8, 14))) for _ in range(4000)}
    await crowd_with(db, [*usernames, *{name[:5] + "." + name[5:] for name in usernames}])
    await db.execute("ANALYZE")
    await ask_like_the_service(db)
    return db


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="aaabbbc.1", min_size=8, max_size=16))
async def test_however_many_are_near_the_work_is_bounded(alike: asyncpg.Connection, text: str) -> None:
    before = await rows_read(alike)
    assert len((await search(Lookups(alike), text, limit=5)).people) <= 5
    assert await rows_read(alike) - before <= 2500
