"""How hard an import works: as fast as the machine can, or so that people who search meanwhile hardly notice.

A search takes a millisecond and passes from process to process. Beside somebody who computes for 10 ms at a time it
may wait 5 for a processor, whatever their priority and however long they rest afterwards; beside somebody who computes
for 1 ms at a time, 1. So being gentle is to work in short stretches. docs/decisions/0005-search.md has figures.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from frontdesk.store.connection import Queries

Item = TypeVar("Item")

# Seconds of rest at most: a statement that took long has waited, for a lock or a disk, and others may wait for it.
_REST_MOST = 0.02


@dataclass(frozen=True, slots=True)
class Pace:
    """rows: in a transaction. processes: that check rows; 0, a thread of this one. lanes: transactions at once.
    stretch: people that are checked, or are written by a statement, without a rest. rest: seconds of it for each
    second of work. nice: of the processes, as nice(1) counts."""

    rows: int
    processes: int
    lanes: int
    stretch: int = 5000
    rest: float = 0.0
    nice: int = 0


def full_pace(cores: int) -> Pace:
    """As fast as `cores` allow."""
    return Pace(rows=5000, processes=cores, lanes=2)


def gentle_pace() -> Pace:
    """What people who search and log in meanwhile hardly notice: one short transaction at a time, in stretches."""
    return Pace(rows=500, processes=1, lanes=1, stretch=20, rest=0.5, nice=15)


def parts(count: int, size: int) -> Iterator[slice]:
    """The places of `count` things, at most `size` of them at a time."""
    return (slice(start, start + size) for start in range(0, count, size))


def rested(items: Iterable[Item], pace: Pace) -> Iterator[Item]:
    """`items`, and after each stretch of them a rest of this thread for what was done meanwhile."""
    began = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        if number % pace.stretch == 0:
            time.sleep(pace.rest * (time.monotonic() - began))
            began = time.monotonic()


class Rested:
    """A connection that is left alone after each statement, `rest` seconds for each second that it took, but not for
    long."""

    def __init__(self, db: Queries, rest: float) -> None:
        self._db = db
        self._rest = rest

    async def execute(self, query: str, *args: Any) -> str:
        return await self._and_rest(self._db.execute(query, *args))

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        return await self._and_rest(self._db.fetch(query, *args))

    async def fetchrow(self, query: str, *args: Any) -> Any:
        return await self._and_rest(self._db.fetchrow(query, *args))

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await self._and_rest(self._db.fetchval(query, *args))

    async def _and_rest(self, statement: Awaitable[Item]) -> Item:
        began = time.monotonic()
        found = await statement
        await asyncio.sleep(min(self._rest * (time.monotonic() - began), _REST_MOST))
        return found
