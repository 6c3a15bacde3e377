"""Bringing in the people of another system, or of a backup.

Threads read chunks and have them checked (checkers.py); tasks store what is good, a chunk a transaction together
with its search entries. So whatever ends an import, each person is in and can be found, or isn't there; and
whoever is there already is left as they are, so the same file can be imported again.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from frontdesk.accounts.checkers import Checker
from frontdesk.accounts.checking import (
    COLUMN_FIELDS,
    Candidates,
    Checked,
    Fault,
    Rejected,
    check_chunk,
    rejected,
)
from frontdesk.accounts.indexing import add_entries
from frontdesk.accounts.pace import Pace, Rested, parts
from frontdesk.accounts.rows import Chunk, Rows
from frontdesk.errors import OperatorError, Unavailable
from frontdesk.store import importing as store
from frontdesk.store.connection import Database, Queries

# Seconds that a database may be away, as in a restart or a failover, before the import gives up.
PATIENCE = 120.0
# With fewer new people than these, the planner's old statistics are good enough.
_ANALYSE_FROM = 1000


@dataclass(slots=True)
class Tally:
    """What has become of the rows so far. position: how far into the file, in bytes."""

    added: int = 0
    there: int = 0
    rejected: int = 0
    position: int = 0
    waiting: bool = field(default=False)

    @property
    def rows(self) -> int:
        return self.added + self.there + self.rejected


async def import_rows(
    db: Database, rows: Rows, *, pace: Pace, reject: Callable[[Rejected], None], tally: Tally
) -> None:
    """Import every row; tell `reject` of those that can't come in, and keep `tally`.

    Raises OperatorError if the file is damaged or the database stays away: then everything that `tally` counts
    is done, and importing again does the rest.
    """
    with _checked(rows, pace) as checked:
        lanes = [
            asyncio.create_task(_store_all(db, checked, pace=pace, reject=reject, tally=tally))
            for _ in range(pace.lanes)
        ]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        if checked.error is not None:
            raise checked.error
    if tally.added >= _ANALYSE_FROM:
        # Autovacuum does it later, if the database goes away just now.
        with contextlib.suppress(Unavailable):
            await store.analyse(db)


async def _store_all(
    db: Database, checked: "_Stream", *, pace: Pace, reject: Callable[[Rejected], None], tally: Tally
) -> None:
    while (found := await checked.next()) is not None:
        outcome = await _store(db, found.candidates, pace, tally)
        for row in (*found.rejected, *outcome.rejected):
            reject(row)
        tally.added += len(outcome.added)
        tally.there += outcome.there
        tally.rejected += len(found.rejected) + len(outcome.rejected)
        tally.position = max(tally.position, found.position)


@dataclass(slots=True)
class _Outcome:
    added: set[UUID] = field(default_factory=set)
    there: int = 0
    rejected: list[Rejected] = field(default_factory=list)


async def _store(db: Database, candidates: Candidates, pace: Pace, tally: Tally) -> _Outcome:
    # Ids that a transaction wrote whose commit was sent and not answered.
    ours: set[UUID] = set()
    give_up_at: float | None = None
    while True:
        try:
            async with db.transaction() as transaction:
                outcome = await _insert(Rested(transaction, pace.rest), candidates, pace, ours)
                ours = ours | outcome.added
            tally.waiting = False
            return outcome
        except Unavailable as error:
            now = time.monotonic()
            give_up_at = give_up_at or now + PATIENCE
            if now >= give_up_at:
                raise OperatorError(
                    "the database doesn't answer any more", "Run the same import again when it does."
                ) from error
            tally.waiting = True
            await asyncio.sleep(0.5)


async def _insert(db: Queries, candidates: Candidates, pace: Pace, ours: set[UUID]) -> _Outcome:
    outcome = _Outcome()
    left = list(range(len(candidates.id)))
    while left:
        whole = len(left) == len(candidates.id)
        values = {field: getattr(candidates, field) for field in _STORED}
        if not whole:
            values = {field: [column[n] for n in left] for field, column in values.items()}
        inserted: set[UUID] = set()
        for part in parts(len(left), pace.stretch):
            some = {field: column[part] for field, column in values.items()}
            inserted.update(await store.insert_accounts(db, **some))
        outcome.added |= inserted
        new = [n for n in left if candidates.id[n] in inserted]
        if new:
            only = None if len(new) == len(candidates.id) else frozenset(new)
            await add_entries(
                db,
                candidates.entries,
                ids=candidates.id,
                usernames=candidates.username,
                display_names=candidates.name,
                only=only,
                stretch=pace.stretch,
            )
        left = [n for n in left if candidates.id[n] not in inserted]
        if left:
            left = await _explain(db, candidates, left, ours, outcome)
    return outcome


async def _explain(
    db: Queries, candidates: Candidates, left: list[int], ours: set[UUID], outcome: _Outcome
) -> list[int]:
    """Why these weren't inserted; those to try again, since whoever was in their way has just gone."""
    holders = await store.find_holders(
        db,
        [candidates.id[n] for n in left],
        [candidates.email_key[n] for n in left],
        [candidates.username_key[n] for n in left],
    )
    by_id = {holder.id: holder for holder in holders}
    by_email = {holder.email_key: holder for holder in holders}
    by_username = {holder.username_key: holder for holder in holders}
    again = []
    for n in left:
        same_id = by_id.get(candidates.id[n])
        same_email = by_email.get(candidates.email_key[n])
        same_username = by_username.get(candidates.username_key[n])
        if same_email is not None and same_email is same_username:
            if same_email is same_id and same_id.id in ours:
                outcome.added.add(same_id.id)
            else:
                outcome.there += 1
        elif same_email is not None or same_username is not None:
            faults = [Fault("email", "email_taken")] if same_email else []
            faults += [Fault("username", "username_taken")] if same_username else []
            outcome.rejected.append(rejected(candidates, n, *faults))
        elif same_id is not None:
            outcome.rejected.append(rejected(candidates, n, Fault("id", "id_taken")))
        else:
            again.append(n)
    return again


# The number of the line isn't for the database.
_STORED = COLUMN_FIELDS[1:]


class _Stream:
    """Checked chunks, from threads to tasks; a few at most are kept, so memory is bounded."""

    def __init__(self, size: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Checked | None] = asyncio.Queue(size)
        # What ended the reading before the end. It waits until all that was read before is stored.
        self.error: BaseException | None = None

    async def next(self) -> Checked | None:
        """The next chunk, None after the last one."""
        found = await self._queue.get()
        if found is None:
            # For the other tasks, too.
            self._queue.put_nowait(None)
        return found

    def put(self, item: Checked | None) -> None:
        """For threads: waits while the stream is full. Raises RuntimeError or a cancellation after the end."""
        asyncio.run_coroutine_threadsafe(self._queue.put(item), self._loop).result()


@contextlib.contextmanager
def _checked(rows: Rows, pace: Pace) -> Iterator[_Stream]:
    stream = _Stream(size=2)
    checkers = [Checker(pace) for _ in range(pace.processes)]
    chunks = rows.chunks(pace.rows)
    reading = threading.Lock()
    running = max(1, len(checkers))

    def take() -> Chunk | None:
        with reading:
            return None if stream.error else next(chunks, None)

    def work(check: Callable[[Chunk], Checked]) -> None:
        nonlocal running
        try:
            while (chunk := take()) is not None:
                stream.put(check(chunk))
        except BaseException as error:
            stream.error = error
        with reading:
            running -= 1
            last = running == 0
        if last:
            # After the end of the loop nobody listens.
            with contextlib.suppress(BaseException):
                stream.put(None)

    for check in [checker.check for checker in checkers] or [partial(check_chunk, pace=pace)]:
        # A daemon, because it may be waiting for a pipe that never ends.
        threading.Thread(target=work, args=(check,), daemon=True).start()
    try:
        yield stream
    finally:
        for checker in checkers:
            checker.close()
