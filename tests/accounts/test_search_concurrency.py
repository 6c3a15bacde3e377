"""Searching while people register, rename, hide and leave."""

import asyncio
import random

import asyncpg
import pytest

from frontdesk.accounts.housekeeping import clean_up
from frontdesk.accounts.indexing import index_person, unindex_person
from frontdesk.accounts.lookups import Lookups
from frontdesk.accounts.search import search
from frontdesk.accounts.service import Service
from frontdesk.store import connection

_ARRIVE = """
    INSERT INTO accounts (email, email_key, username, username_key, name, password_hash)
    VALUES ($1, $1, $1, $1, $2, '') RETURNING id
"""


class Town:
    """People who come, go and change their names, and what others may see of them at any moment."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Who is hidden for sure: entered after the hiding was committed, left before the showing begins. With the
        # number of the hiding, as a search may begin in one and end in the next.
        self.hidden: dict[str, int] = {}
        self.old_names: dict[tuple[str, str], int] = {}
        self.changing = True

    async def live(self, number: int, seconds: float) -> None:
        rng = random.Random(number)
        db = await asyncpg.connect(self._url)
        username, name = f"walker{number}", f"Wanda Walker{'abc'[number % 3]}"
        async with db.transaction():
            account_id = await db.fetchval(_ARRIVE, username, name)
            await index_person(db, account_id, username, name)
        until = asyncio.get_running_loop().time() + seconds
        changes = 0
        while asyncio.get_running_loop().time() < until:
            changes += 1
            if username in self.hidden:
                del self.hidden[username]
                async with db.transaction():
                    await db.execute("UPDATE accounts SET discoverable = true WHERE id = $1", account_id)
                    await index_person(db, account_id, username, name)
            elif rng.random() < 0.5:
                async with db.transaction():
                    await db.execute("UPDATE accounts SET discoverable = false WHERE id = $1", account_id)
                    await unindex_person(db, account_id)
                self.hidden[username] = changes
            else:
                new = f"Wanda {rng.choice(['Walker', 'Wolkow', 'Wagner', 'Wiesenthal'])}{rng.randrange(1000)}"
                self.old_names.pop((username, new), None)
                async with db.transaction():
                    await db.execute("UPDATE accounts SET name = $2 WHERE id = $1", account_id, new)
                    await index_person(db, account_id, username, new)
                if new != name:
                    self.old_names[username, name] = changes
                name = new
            await asyncio.sleep(0)
        await db.close()

    async def watch(self, lookups: Lookups, text: str) -> int:
        looked = 0
        while self.changing:
            hidden, old_names = set(self.hidden.items()), set(self.old_names.items())
            after = None
            while True:
                page = await search(lookups, text, limit=7, after=after)
                still_hidden = dict(hidden & self.hidden.items())
                still_old = dict(old_names & self.old_names.items())
                for person in page.people:
                    assert person.username not in still_hidden
                    assert (person.username, person.name) not in still_old
                looked += 1
                after = page.next
                if after is None:
                    break
        return looked


async def test_nobody_hidden_and_no_former_name_is_shown_meanwhile(database_url: str) -> None:
    town = Town(database_url)
    db = connection.open_database(database_url, size=3, timeout=10)
    lookups = Lookups(db)
    texts = ("wanda", "w", "walker", "wnda", "wan wal")
    watchers = [asyncio.create_task(town.watch(lookups, text)) for text in texts]
    await asyncio.gather(*(town.live(number, 3.0) for number in range(8)))
    town.changing = False
    assert all(looked > 5 for looked in await asyncio.gather(*watchers))
    await db.close()


@pytest.fixture
async def other(database_url: str) -> asyncpg.Connection:
    return await asyncpg.connect(database_url)


async def test_a_word_that_somebody_is_just_adding_is_not_forgotten(
    db: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    first = await _arrive(db, "one", "Zyxomma")
    registering = other.transaction()
    await registering.start()
    await _arrive(other, "two", "Zyxomma")
    async with db.transaction():
        await unindex_person(db, first)
    await registering.commit()
    assert [person.username for person in (await search(Lookups(db), "zyxoma", limit=5)).people] == ["two"]
    await other.close()


async def test_somebody_who_adds_a_word_waits_until_it_is_forgotten(
    db: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    first = await _arrive(db, "one", "Zyxomma")
    leaving = db.transaction()
    await leaving.start()
    await unindex_person(db, first)
    registering = asyncio.create_task(_arrive(other, "two", "Zyxomma"))
    await asyncio.sleep(0.2)
    assert not registering.done()
    await leaving.commit()
    await registering
    assert [person.username for person in (await search(Lookups(db), "zyxoma", limit=5)).people] == ["two"]
    await other.close()


async def test_a_word_of_somebody_who_left_meanwhile_goes_once_nobody_is_adding_it(
    service: Service, db: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    gone, also_gone = [await _arrive(db, username, f"{username} Zyxomma") for username in ("one", "three")]
    importing = other.transaction()
    await importing.start()
    await _arrive(other, "two", "Zyxomma")
    for account_id in (gone, also_gone):
        async with db.transaction():
            await unindex_person(db, account_id)
    await clean_up(service)
    # It may yet be somebody's, and is looked at once more when it's known.
    assert await _words(db) == ["zyxomma"]
    await importing.rollback()
    await clean_up(service)
    assert await _words(db) == []
    assert await db.fetchval("SELECT count(*) FROM people_words_released") == 0
    assert await db.fetchval("SELECT count(*) FROM people_near") == 0
    await other.close()


async def test_a_word_that_came_to_be_somebodys_stays_when_it_is_looked_at_again(
    service: Service, db: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    gone = await _arrive(db, "one", "Zyxomma")
    importing = other.transaction()
    await importing.start()
    await _arrive(other, "two", "Zyxomma")
    async with db.transaction():
        await unindex_person(db, gone)
    await importing.commit()
    await clean_up(service)
    assert await _words(db) == ["zyxomma"]
    assert await db.fetchval("SELECT count(*) FROM people_words_released") == 0
    assert [person.username for person in (await search(Lookups(db), "zyxoma", limit=5)).people] == ["two"]
    await other.close()


async def test_a_word_is_looked_at_again_for_each_who_left(
    service: Service, db: asyncpg.Connection, other: asyncpg.Connection
) -> None:
    first, second = [await _arrive(db, username, "Zyxomma") for username in ("one", "two")]
    importing = other.transaction()
    await importing.start()
    await _arrive(other, "three", "Zyxomma")
    async with db.transaction():
        await unindex_person(db, first)
    leaving = db.transaction()
    await leaving.start()
    await unindex_person(db, second)
    await importing.rollback()
    # Who is just leaving still has it.
    await clean_up(service)
    assert await _words(other) == ["zyxomma"]
    await leaving.commit()
    await clean_up(service)
    assert await _words(other) == []
    await other.close()


async def _words(db: asyncpg.Connection) -> list[str]:
    return [row["word"] for row in await db.fetch("SELECT word FROM people_words ORDER BY word")]


async def _arrive(db: asyncpg.Connection, username: str, name: str) -> object:
    async with db.transaction():
        account_id = await db.fetchval(_ARRIVE, username, name)
        await index_person(db, account_id, username, name)
    return account_id
