"""Words that a version before 0008 has brought in, which it finds by other numbers when they're mistyped."""

import asyncpg

from frontdesk.accounts.housekeeping import clean_up
from frontdesk.accounts.indexing import take_over, unindex_person
from frontdesk.accounts.service import Service
from tests.accounts.arrivals import index_of
from tests.accounts.test_search import add, found


async def as_before(db: asyncpg.Connection) -> None:
    """Leave every word as the version before would have it."""
    await db.execute("UPDATE people_words SET near = false")
    # As zlib.crc32 has it, less 0x80000000.
    await db.execute(
        """
        INSERT INTO people_remainders (remainder, word, magnitude)
        SELECT (crc32(convert_to(remainder, 'UTF8')) - 2147483648)::integer, word, magnitude FROM people_near
        """
    )
    await db.execute("TRUNCATE people_near")


async def test_mistyped_words_of_the_version_before_are_found_once_housekeeping_has_seen_them(
    service: Service, db: asyncpg.Connection
) -> None:
    await add(db, "one", "Jennifer Wu")
    await add(db, "two", "Bartholomew Zyxomma")
    await db.execute("UPDATE people_words SET people = 9 WHERE word = 'jennifer'")
    await db.execute("UPDATE people_near SET magnitude = 4 WHERE word = 'jennifer'")
    all_of_it = await index_of(db)
    assert await take_over(service.db, limit=5) == 0
    await as_before(db)
    assert await found(db, "jenifer") == await found(db, "bartolomwe") == []
    await clean_up(service)
    assert await index_of(db) == all_of_it
    assert await found(db, "jenifer") == ["Jennifer Wu"]
    assert await found(db, "bartolomwe") == ["Bartholomew Zyxomma"]
    assert await take_over(service.db, limit=5) == 0


async def test_the_commonest_words_are_taken_over_first(service: Service, db: asyncpg.Connection) -> None:
    for number, word in enumerate(("Ottilie", "Jennifer", "Zyxomma")):
        await add(db, f"u{number}", word)
    await as_before(db)
    await db.execute("UPDATE people_words SET people = 9 WHERE word = 'jennifer'")
    assert await take_over(service.db, limit=1) == 1
    assert await found(db, "jenifer") == ["Jennifer"]
    assert await found(db, "otilie") == await found(db, "zyxoma") == []
    assert await take_over(service.db, limit=5) == 2
    assert await found(db, "zyxoma") == ["Zyxomma"]


async def test_a_word_that_somebody_is_changing_is_taken_over_later(
    service: Service, db: asyncpg.Connection
) -> None:
    for number, word in enumerate(("Ottilie", "Zyxomma")):
        await add(db, f"u{number}", word)
    await as_before(db)
    async with db.transaction():
        await db.execute("UPDATE people_words SET people = 1 WHERE word = 'ottilie'")
        assert await take_over(service.db, limit=5) == 1
    assert await take_over(service.db, limit=5) == 1
    assert await found(db, "otilie") == ["Ottilie"]


async def test_who_leaves_takes_their_words_out_of_what_the_version_before_reads(
    db: asyncpg.Connection,
) -> None:
    account_id = await add(db, "greta", "Greta Unwiederbringlich")
    await as_before(db)
    assert await db.fetchval("SELECT count(*) FROM people_remainders") > 40
    async with db.transaction():
        await unindex_person(db, account_id)
    assert await db.fetchval("SELECT count(*) FROM people_remainders") == 0
