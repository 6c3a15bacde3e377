"""Searches that come at once and ask together."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from frontdesk.accounts import lookups as lookups_module
from frontdesk.accounts.indexing import index_person
from frontdesk.accounts.lookups import Lookups
from frontdesk.accounts.search import search
from frontdesk.errors import Unavailable
from frontdesk.store import connection
from frontdesk.store.people import RS, Match, Question, Scan

NAMES = ("Wei Wang", "王伟", "Jennifer Smith", "Björn Svensson", "Ana Maria Cruz", "김민수", "Zyxomma")
TEXTS = (
    "wang",
    "wei w",
    "jennfier",
    "smth jennifer",
    "王",
    "ww",
    "bjorn",
    "maria ana",
    "zyxoma",
    "ㅁ",
    "a",
    "nobody",
)


class Watched:
    """A database that notes how many ask in each statement."""

    def __init__(self, db: connection.Database) -> None:
        self._db = db
        self.statements: list[int] = []

    async def fetch(self, query: str, *args: str) -> list[asyncpg.Record]:
        self.statements.append(len(args[0].split(RS)))
        return await self._db.fetch(query, *args)


@pytest.fixture
async def watched(db: asyncpg.Connection, database_url: str) -> AsyncIterator[Watched]:
    for number, name in enumerate(NAMES):
        async with db.transaction():
            account_id = await db.fetchval(
                """
                INSERT INTO accounts (email, email_key, username, username_key, name, password_hash)
                VALUES ($1, $1, $1, $1, $2, '') RETURNING id
                """,
                f"user{number}",
                name,
            )
            await index_person(db, account_id, f"user{number}", name)
    pool = connection.open_database(database_url, size=3, timeout=10)
    yield Watched(pool)
    await pool.close()


@pytest.fixture
async def locked(db: asyncpg.Connection, watched: Watched) -> asyncpg.transaction.Transaction:
    """Nobody can read the keys until this is rolled back."""
    lock = db.transaction()
    await lock.start()
    await db.execute("LOCK TABLE people_keys")
    return lock


def _scan(begins: str) -> Scan:
    return Scan(["b" + begins], ["b" + begins + "~"], 5, 5)


async def _asked(
    lookups: Lookups, *texts: str, on: bool = False, words: int = 1, mistakes: int = 2
) -> list[asyncio.Task[list[Match]]]:
    lookup = lookups.begin(words=words, mistakes=mistakes)
    ask = lookup.scan_on if on else lookup.scan
    tasks = [asyncio.create_task(ask(_scan(text))) for text in texts]
    await asyncio.sleep(0)
    return tasks


async def test_everyone_gets_the_answer_that_they_would_have_got_alone(watched: Watched) -> None:
    alone = [await search(Lookups(watched), text, limit=3) for text in TEXTS]
    assert set(watched.statements) == {1}
    watched.statements.clear()
    lookups = Lookups(watched)
    assert await asyncio.gather(*(search(lookups, text, limit=3) for text in TEXTS)) == alone
    assert max(watched.statements) > 1


async def test_the_first_is_asked_for_at_once_and_those_who_come_meanwhile_together(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups_module, "_SLOW", 10)
    await asyncio.gather(*(await _asked(Lookups(watched), *["wei"] * 26)))
    assert watched.statements == [1, 16, 9]


async def _order(lookups: Lookups, *joined: tuple[str, int, bool, int, int]) -> list[str]:
    """In which order those are answered who join while the turn is somebody else's: (name, how many, on, words,
    mistakes)."""
    answered: list[str] = []
    for name, count, on, words, mistakes in joined:
        for task in await _asked(lookups, *["wei"] * count, on=on, words=words, mistakes=mistakes):
            task.add_done_callback(lambda _, name=name: answered.append(name))
    while len(answered) < sum(count for _, count, *_ in joined):
        await asyncio.sleep(0.001)
    return answered


async def test_what_takes_longer_alone_is_answered_after_what_does_not(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a crowded machine a statement may be slow.
    monkeypatch.setattr(lookups_module, "_SLOW", 10)
    for due in ("_DUE_SHORT", "_DUE_LONG", "_DUE_FEW", "_DUE_MANY"):
        longer = tuple(1000 * seconds for seconds in getattr(lookups_module, due))
        monkeypatch.setattr(lookups_module, due, longer)
    monkeypatch.setattr(lookups_module, "_DUE_MOST", 1e6)
    lookups = Lookups(watched)
    first = await _asked(lookups, "wei")
    joined = [
        ("plain", 13, False, 1, 2),
        ("few", 2, True, 2, 0),
        ("many", 2, True, 5, 0),
        ("long", 2, True, 1, 2),
        ("short", 1, True, 1, 1),
        ("plain", 1, False, 1, 2),
    ]
    answered = await _order(lookups, *joined)
    assert answered == ["plain"] * 13 + ["short", "plain"] + ["long"] * 2 + ["many"] * 2 + ["few"] * 2
    assert watched.statements == [1, 16, 5]
    assert len(await first[0]) == 1


async def test_a_scan_waits_for_two_statements_of_questions_at_most(
    watched: Watched, locked: asyncpg.transaction.Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups_module, "_SLOW", 10)
    # Every question is due before the scan.
    monkeypatch.setattr(lookups_module, "_DUE_LONG", (0.1, 0.0, 0.0))
    lookup = Lookups(watched).begin(words=1, mistakes=2)
    question = Question(words=["wei"])
    waits = [
        lookup.scan(_scan("wei")),
        *(lookup.find_words(question) for _ in range(9)),
        lookup.scan(_scan("wei")),
    ]
    answered: list[int] = []
    tasks = [asyncio.create_task(each) for each in waits]
    for number, task in enumerate(tasks):
        task.add_done_callback(lambda _, number=number: answered.append(number))
    await asyncio.sleep(0)
    await locked.rollback()
    await asyncio.gather(*tasks)
    assert answered == [0, 1, 2, 3, 4, 5, 6, 10, 7, 8, 9]
    assert watched.statements == [1, 3, 3, 1, 3]


@pytest.mark.parametrize(("crowd", "expected"), [(0, ["further", "plain"]), (8, ["plain", "further"])])
async def test_whoever_looks_further_is_due_the_later_the_more_wait(
    watched: Watched,
    locked: asyncpg.transaction.Transaction,
    monkeypatch: pytest.MonkeyPatch,
    crowd: int,
    expected: list[str],
) -> None:
    monkeypatch.setattr(lookups_module, "_SLOW", 10)
    monkeypatch.setattr(lookups_module, "_DUE_LONG", (0.0, 0.0, 0.1))
    lookups = Lookups(watched)
    tasks = await _asked(lookups, "wei", *["wei"] * crowd)
    answered: list[str] = []
    for name in ("further", "plain"):
        (task,) = await _asked(lookups, "wei", on=name == "further")
        task.add_done_callback(lambda _, name=name: answered.append(name))
        tasks.append(task)
        await asyncio.sleep(0.3)
    await locked.rollback()
    await asyncio.gather(*tasks)
    await asyncio.sleep(0)
    assert answered == expected


async def test_a_statement_that_waits_itself_keeps_nobody_waiting(
    watched: Watched, locked: asyncpg.transaction.Transaction
) -> None:
    lookups = Lookups(watched)
    tasks = await _asked(lookups, "wei", "wang")
    assert watched.statements == [1]
    while len(watched.statements) < 2:
        await asyncio.sleep(0.001)
    assert not any(task.done() for task in tasks)
    await locked.rollback()
    assert [len(found) for found in await asyncio.gather(*tasks)] == [1, 1]


async def test_statements_that_wait_leave_connections_to_others(
    watched: Watched, locked: asyncpg.transaction.Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookups_module, "_AT_ONCE", 2)
    lookups = Lookups(watched)
    tasks = await _asked(lookups, *["wei"] * 18)
    await asyncio.sleep(0.1)
    tasks += await _asked(lookups, "wei")
    assert watched.statements == [1, 16]
    await locked.rollback()
    assert [len(found) for found in await asyncio.gather(*tasks)] == [1] * 19
    assert watched.statements == [1, 16, 2]


async def test_whoever_is_gone_is_not_asked_for(watched: Watched) -> None:
    lookups = Lookups(watched)
    first, second, gone, last = await _asked(lookups, "wei", "wei", "wei", "wang")
    gone.cancel()
    assert [len(await task) for task in (first, second, last)] == [1, 1, 1]
    assert watched.statements == [1, 2]


async def test_whoever_asks_alone_and_is_gone_leaves_the_turn_to_others(
    watched: Watched, locked: asyncpg.transaction.Transaction
) -> None:
    lookups = Lookups(watched)
    gone, last = await _asked(lookups, "wei", "wang")
    await asyncio.sleep(0)
    gone.cancel()
    await locked.rollback()
    assert len(await last) == 1
    assert gone.cancelled()


async def test_a_fault_is_told_to_all_who_asked_together_and_to_nobody_else(watched: Watched) -> None:
    lookups = Lookups(watched)
    fine, *failed = await _asked(lookups, "wei", "\0", *["wei"] * 15)
    later = await _asked(lookups, "wang")
    assert len(await fine) == 1
    for task in failed:
        with pytest.raises(asyncpg.CharacterNotInRepertoireError):
            await task
    assert len(await later[0]) == 1


async def test_whoever_waits_too_long_is_told_so_and_whoever_came_later_is_asked_for(
    watched: Watched, locked: asyncpg.transaction.Transaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups = Lookups(watched, timeout=0.3)
    monkeypatch.setattr(lookups_module, "_SLOW", 0.5)
    first, *late = await _asked(lookups, "wei", "wang", "wang")
    await asyncio.sleep(0.4)
    (in_time,) = await _asked(lookups, "wei", on=True)
    for task in late:
        with pytest.raises(Unavailable):
            await task
    await locked.rollback()
    assert [len(await task) for task in (first, in_time)] == [1, 1]
