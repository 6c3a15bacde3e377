"""What searches ask of the database. Those that come while it's busy wait a moment, and then ask together.

A statement for eight searches costs less than eight statements, as much of it is the way there and back. So whoever
searches alone waits for nobody, and the more there are the less each costs, like the group commit of databases (DeWitt
et al., Implementation Techniques for Main Memory Database Systems, 1984). docs/decisions/0005-search.md has figures.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from frontdesk.errors import Unavailable
from frontdesk.store import people as store
from frontdesk.store.connection import Queries

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

# How many ask together. Eight that find plain names cost PostgreSQL about what four do that look further.
_PLAIN = 8
_DEAR = 4
# Whoever looks further waits so many times as long for a turn, at most. More than 8 made no difference.
_DEARER = 8
# Seconds after which a statement keeps nobody waiting any more: it waits itself, for a disk, a lock or a processor. Not
# more than so many at once, or slow searches would take all connections.
_SLOW = 0.01
_AT_ONCE = 4


class Lookups:
    """The three statements of a search, for all searches of a process one at a time, as long as they're quick: `scan`
    for what was typed; where that isn't enough, `find_words` for what else may be meant, and `scan_on` for that. All
    raise Unavailable.

    Next is who has waited the longest for what it costs (highest response ratio next; Brinch Hansen, 1971), so that who
    typed a name right doesn't wait behind everyone who didn't. timeout: seconds after which whoever still waits gets
    Unavailable. One event loop's.
    """

    def __init__(self, db: Queries, *, timeout: float = math.inf) -> None:
        scan, find_words = partial(store.scan, db), partial(store.find_words, db)
        self._lines: tuple[_Line[Any, Any], ...] = (
            _Line(scan, most=_PLAIN, weight=1),
            _Line(find_words, most=_DEAR, weight=_DEARER),
            _Line(scan, most=_DEAR, weight=_DEARER),
        )
        self._timeout = timeout
        # Whose turn it is, None if nobody has to be waited for; and how many statements are under way.
        self._turn: object | None = None
        self._under_way = 0
        self._answered: deque[tuple[asyncio.Future[Any], Any]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def scan(self, asked: store.Scan) -> list[store.Match]:
        found: list[store.Match] = await self._ask(self._lines[0], asked)
        return found

    async def find_words(self, asked: store.Question) -> store.Words:
        found: store.Words = await self._ask(self._lines[1], asked)
        return found

    async def scan_on(self, asked: store.Scan) -> list[store.Match]:
        found: list[store.Match] = await self._ask(self._lines[2], asked)
        return found

    async def _ask(self, line: "_Line[Asked, Answer]", asked: Asked) -> Answer:
        if self._open():
            return (await self._use_turn(self._take_turn(), line, (asked,)))[0]
        loop = asyncio.get_running_loop()
        waits: asyncio.Future[Answer] = loop.create_future()
        line.waiting.append(_Waiting(asked, waits, loop.time()))
        return await waits

    def _open(self) -> bool:
        return self._turn is None and self._under_way < _AT_ONCE

    def _take_turn(self) -> object:
        self._turn = object()
        self._under_way += 1
        return self._turn

    async def _use_turn(
        self, turn: object, line: "_Line[Asked, Answer]", asked: Sequence[Asked]
    ) -> Sequence[Answer]:
        slow = asyncio.get_running_loop().call_later(_SLOW, self._end_turn, turn)
        try:
            return await line.answer(asked)
        finally:
            slow.cancel()
            self._under_way -= 1
            self._end_turn(turn)

    def _end_turn(self, turn: object) -> None:
        """Let the next ask. Of a statement that was slow, the turn is over before it is."""
        if turn is self._turn:
            self._turn = None
        if not self._open():
            return
        now = asyncio.get_running_loop().time()
        for line in self._lines:
            line.send_away(now - self._timeout)
        line = max(self._lines, key=lambda line: line.urgency(now))
        if batch := line.take():
            task = asyncio.create_task(self._ask_together(self._take_turn(), line, batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask_together(
        self, turn: object, line: "_Line[Asked, Answer]", batch: "Sequence[_Waiting[Asked, Answer]]"
    ) -> None:
        try:
            answers = await self._use_turn(turn, line, [each.asked for each in batch])
        except Exception as error:
            for each in batch:
                if not each.answer.done():
                    each.answer.set_exception(error)
        else:
            if not self._answered:
                asyncio.get_running_loop().call_soon(self._hand_out)
            self._answered += zip((each.answer for each in batch), answers, strict=True)

    def _hand_out(self) -> None:
        # One in each round of the event loop, else everything else would wait until the last of them is through.
        waits, answer = self._answered.popleft()
        if not waits.done():
            waits.set_result(answer)
        if self._answered:
            asyncio.get_running_loop().call_soon(self._hand_out)


class _Waiting(NamedTuple, Generic[Asked, Answer]):
    asked: Asked
    answer: asyncio.Future[Answer]
    since: float


class _Line(Generic[Asked, Answer]):
    """Those who wait to ask the same, at most `most` of them together."""

    def __init__(
        self, answer: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]], *, most: int, weight: int
    ) -> None:
        self.answer = answer
        self.waiting: deque[_Waiting[Asked, Answer]] = deque()
        self._most = most
        self._weight = weight

    def send_away(self, latest: float) -> None:
        """Leave the first of the line one who is still there and has waited since `latest` or later."""
        while self.waiting and (self.waiting[0].answer.done() or self.waiting[0].since < latest):
            first = self.waiting.popleft()
            if not first.answer.done():
                first.answer.set_exception(Unavailable(1))

    def urgency(self, now: float) -> float:
        return (now - self.waiting[0].since) / self._weight if self.waiting else -1.0

    def take(self) -> list[_Waiting[Asked, Answer]]:
        """Those whose turn it is, without those who are gone."""
        taken: list[_Waiting[Asked, Answer]] = []
        while self.waiting and len(taken) < self._most:
            first = self.waiting.popleft()
            if not first.answer.done():
                taken.append(first)
        return taken
