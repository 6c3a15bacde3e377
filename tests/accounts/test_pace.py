"""An import among people who use the service works in short stretches, and rests after each."""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import asyncpg
import pytest

from frontdesk.accounts.pace import Pace, Rested, gentle_pace, parts, rested
from frontdesk.accounts.service import Service
from frontdesk.store.connection import Database, Queries
from tests.accounts.arrivals import bring_in, counts, crowd, ndjson

pytestmark = pytest.mark.anyio


class Noting:
    """A database, and of each statement of a transaction how many rows it was about."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.execute = db.execute
        self.rows: list[int] = []

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Queries]:
        async with self._db.transaction() as transaction:
            yield cast(Queries, _Statements(transaction, self.rows))


class _Statements:
    def __init__(self, db: Queries, rows: list[int]) -> None:
        self._db = db
        self._rows = rows

    def __getattr__(self, name: str) -> Any:
        def ask(query: str, *args: Any) -> Any:
            self._rows.append(max(len(each) for each in args if isinstance(each, list | tuple)))
            return getattr(self._db, name)(query, *args)

        return ask


async def test_no_statement_of_a_gentle_import_is_about_many(service: Service) -> None:
    noting = Noting(service.db)
    tally, _ = await bring_in(cast(Database, noting), ndjson(*crowd(600)), gentle_pace())
    assert counts(tally) == (600, 0, 0)
    # 20 people, or 100 rows of the index.
    assert max(noting.rows) == 100
    assert noting.rows.count(20) >= 600 // 20


def test_parts_are_everything_once() -> None:
    things = list(range(45))
    found = [things[part] for part in parts(45, 20)]
    assert [len(part) for part in found] == [20, 20, 5]
    assert [thing for part in found for thing in part] == things
    assert list(parts(0, 20)) == []


def test_a_thread_rests_after_each_stretch() -> None:
    began = time.monotonic()
    for _ in rested(range(40), Pace(rows=40, processes=0, lanes=1, stretch=10, rest=2.0)):
        time.sleep(0.001)
    assert time.monotonic() - began >= 0.04 * 3


@pytest.mark.parametrize(("takes", "least", "most"), [(0.005, 0.015, 0.3), (0.5, 0.52, 0.9)])
async def test_a_connection_rests_after_each_statement_but_not_for_long(
    db: asyncpg.Connection, takes: float, least: float, most: float
) -> None:
    began = time.monotonic()
    assert await Rested(db, 2.0).fetchval("SELECT 7 FROM pg_sleep($1)", takes) == 7
    assert least <= time.monotonic() - began < most
