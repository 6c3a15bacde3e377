"""Hashers to test with, and what tests do to them."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from frontdesk.accounts.hash_slots import HashSlot
from frontdesk.accounts.hashing import Hasher

T = TypeVar("T")

PASSWORD = "correct horse battery staple"
WRONG = "incorrect horse battery staple"


class WatchedHasher(Hasher):
    """Keeps what it would tell the metrics: of each hash, the seconds it waited and the seconds it took."""

    def __init__(self, threads: int, deadline: float, slots: Path | None) -> None:
        self.hashed: list[tuple[float, float]] = []
        super().__init__(threads=threads, deadline=deadline, slots=slots, observe=self.keep)

    def keep(self, waited: float, took: float) -> None:
        self.hashed.append((waited, took))


@asynccontextmanager
async def a_hasher(
    *, threads: int = 1, deadline: float = 30.0, slots: Path | None = None
) -> AsyncIterator[WatchedHasher]:
    hasher = WatchedHasher(threads, deadline, slots)
    try:
        yield hasher
    finally:
        await hasher.close()


@asynccontextmanager
async def a_stuck_hasher(
    directory: Path, *, deadline: float = 60.0
) -> AsyncIterator[tuple[WatchedHasher, HashSlot]]:
    """A hasher whose only thread waits until the slot is released, so that tests need not race it."""
    slot = HashSlot(directory, 0)
    assert slot.try_acquire()
    async with a_hasher(deadline=deadline, slots=directory) as hasher:
        try:
            yield hasher, slot
        finally:
            slot.close()


async def started(*calls: Coroutine[None, None, T]) -> list[asyncio.Task[T]]:
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0)
    return tasks


async def end(*tasks: asyncio.Task[T]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
