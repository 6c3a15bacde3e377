"""What searches ask of the database. Those that come while it's busy wait a moment, and then ask together.

A statement for ten searches costs less than ten statements, as much of it is the way there and back. So whoever
searches alone waits for nobody, and the more there are the less each costs, like the group commit of databases (DeWitt
et al., Implementation Techniques for Main Memory Database Systems, 1984). docs/decisions/0005-search.md has figures.
"""

import asyncio
import math
from bisect import insort
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

from frontdesk.errors import Unavailable
from frontdesk.store import people as store
from frontdesk.store import usernames
from frontdesk.store.connection import Queries

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

# How many ask together. Questions gain little by it, and the more there are the longer the others wait. Who isn't among
# these scans waits for all that comes before the next ones.
_SCANS = 16
_QUESTIONS = 3
# How many statements of questions a scan waits for, however long ago those were due. Most scans are all that somebody
# asks, and a third such statement was what the slowest hundredth of these waited for.
_QUESTIONS_IN_A_ROW = 2
# Seconds after which a search is due at each statement, for each that waits: in the proportion of what it takes alone.
# Of one word that forgives one mistake or none; of a longer one; of up to four; and of more, for which there's less to
# find.
_DUE_SHORT = (0.0, 0.0, 0.0)
_DUE_LONG = (0.0, 0.0006, 0.0007)
_DUE_FEW = (0.0003, 0.0012, 0.0014)
_DUE_MANY = (0.0004, 0.0007, 0.0009)
_FEW = 4
# Seconds after which it's due however many wait.
_DUE_MOST = 1.0
# Seconds after which a statement keeps nobody waiting any more: it waits itself, for a disk, a lock or a processor. Not
# more than so many at once, or slow searches would take all connections.
_SLOW = 0.01
_AT_ONCE = 4


class Lookups:
    """What all searches of a process ask, one statement at a time as long as they're quick.

    Next is whose turn is due first (earliest deadline first; Liu and Layland, 1973): counted from when a search began,
    and the later the longer it takes alone and the more others wait, so that everybody waits about the same multiple of
    that (Bender et al., Flow and Stretch Metrics for Scheduling Continuous Job Streams, 1998), and who typed a name
    right doesn't wait behind everyone who didn't. timeout: seconds after that at which whoever still waits gets
    Unavailable. One event loop's.
    """

    def __init__(self, db: Queries, *, timeout: float = math.inf) -> None:
        self._lines: tuple[_Line[Any, Any], ...] = (
            _Line(partial(store.scan, db), most=_SCANS),
            _Line(partial(store.find_words, db), most=_QUESTIONS),
            _Line(partial(usernames.find_usernames, db), most=_QUESTIONS),
        )
        self._questions_in_a_row = 0
        self._timeout = timeout
        # Whose turn it is, None if nobody has to be waited for; and how many statements are under way.
        self._turn: object | None = None
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, *, words: int, mistakes: int) -> "Lookup":
        """A search for so many words begins; where it's one, that may have so many mistakes."""
        if words > 1:
            return Lookup(self, _DUE_FEW if words <= _FEW else _DUE_MANY)
        return Lookup(self, _DUE_LONG if mistakes > 1 else _DUE_SHORT)

    async def ask(self, statement: int, asked: Any, *, began: float, due: float) -> Any:
        """What `statement`, a line's number, answers to `asked`. For Lookup.

        `began` is a time of the event loop, `due` in seconds after it for each that waits.
        """
        line = self._lines[statement]
        if self._open():
            return (await self._use_turn(self._take_turn(line), line, (asked,)))[0]
        waits: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        waiting = 1 + sum(map(len, self._lines))
        line.wait(_Waiting(asked, waits, began + min(due * waiting, _DUE_MOST)))
        return await waits

    def _open(self) -> bool:
        return self._turn is None and self._under_way < _AT_ONCE

    def _take_turn(self, line: "_Line[Any, Any]") -> object:
        self._turn = object()
        self._questions_in_a_row = 0 if line is self._lines[0] else self._questions_in_a_row + 1
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
        latest = asyncio.get_running_loop().time() - self._timeout
        for line in self._lines:
            line.send_away(latest)
        line = self._next()
        if batch := line.take():
            task = asyncio.create_task(self._ask_together(self._take_turn(line), line, batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next(self) -> "_Line[Any, Any]":
        scans = self._lines[0]
        if len(scans) and self._questions_in_a_row >= _QUESTIONS_IN_A_ROW:
            return scans
        return min(self._lines, key=_Line.due)

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
            for each, answer in zip(batch, answers, strict=True):
                if not each.answer.done():
                    each.answer.set_result(answer)


class Lookup:
    """The statements of one search: `scan` for what was typed; where that isn't enough, `find_words` and
    `find_usernames` for what else may be meant, and `scan_on` for that. All raise Unavailable."""

    def __init__(self, lookups: Lookups, due: tuple[float, float, float]) -> None:
        self._ask = lookups.ask
        self._due = due
        self._began = asyncio.get_running_loop().time()

    async def scan(self, asked: store.Scan) -> list[store.Match]:
        found: list[store.Match] = await self._ask(0, asked, began=self._began, due=self._due[0])
        return found

    async def find_words(self, asked: store.Question) -> store.Words:
        found: store.Words = await self._ask(1, asked, began=self._began, due=self._due[1])
        return found

    async def find_usernames(self, asked: usernames.Sought) -> usernames.Usernames:
        found: usernames.Usernames = await self._ask(2, asked, began=self._began, due=self._due[2])
        return found

    async def scan_on(self, asked: store.Scan) -> list[store.Match]:
        found: list[store.Match] = await self._ask(0, asked, began=self._began, due=self._due[2])
        return found


class _Waiting(NamedTuple, Generic[Asked, Answer]):
    asked: Asked
    answer: asyncio.Future[Answer]
    due: float


class _Line(Generic[Asked, Answer]):
    """Those who wait to ask the same, at most `most` of them together."""

    def __init__(
        self, answer: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]], *, most: int
    ) -> None:
        self.answer = answer
        # In the order in which they're due.
        self._waiting: list[_Waiting[Asked, Answer]] = []
        self._most = most

    def __len__(self) -> int:
        return len(self._waiting)

    def wait(self, waiting: _Waiting[Asked, Answer]) -> None:
        insort(self._waiting, waiting, key=attrgetter("due"))

    def due(self) -> float:
        return self._waiting[0].due if self._waiting else math.inf

    def send_away(self, latest: float) -> None:
        """Leave the first of the line one who is still there, and whose turn was due at `latest` or later."""
        while self._waiting and (self._waiting[0].answer.done() or self._waiting[0].due < latest):
            first = self._waiting.pop(0)
            if not first.answer.done():
                first.answer.set_exception(Unavailable(1))

    def take(self) -> list[_Waiting[Asked, Answer]]:
        """Those whose turn it is, without those who are gone."""
        taken: list[_Waiting[Asked, Answer]] = []
        while self._waiting and len(taken) < self._most:
            first = self._waiting.pop(0)
            if not first.answer.done():
                taken.append(first)
        return taken
