"""Password hashing that a storm of logins cannot turn against the rest of the service.

Argon2id runs in threads of its own behind a queue that is bounded by time: what cannot be answered within its
deadline is refused before any work. docs/decisions/0004-hashing.md gives the reasons and the figures.
"""

import asyncio
import contextlib
import math
import os
import re
import secrets
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nacl import exceptions
from nacl.pwhash import argon2id

from frontdesk.accounts.foreign_hashes import needs_much_memory, verify_foreign
from frontdesk.accounts.hash_slots import HashSlot
from frontdesk.accounts.passwords import normalise_password
from frontdesk.errors import Busy

# OWASP Password Storage Cheat Sheet: argon2id, m = 19 MiB, t = 2, p = 1.
_TIME_COST = 2
_MEMORY = 19456 * 1024
# A salt of 16 and a hash of 32 bytes follow, as libsodium makes them; what has others is left to argon2-cffi.
_OURS = re.compile(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}")

# The event loop outweighs a hash thread about 10 to 1 on a crowded core. Not the full 19: a thread that starves
# while it holds the interpreter lock would make the event loop wait for it.
_NICENESS = 10

# The estimate may be wrong by as much as the machine's speed changes while a job waits. Whoever was let in
# before the body was read has been charged an attempt by the time the job comes, hence the second, wider door.
_ADMIT_WITHIN = 0.70
_ENQUEUE_WITHIN = 0.85

_EWMA_WEIGHT = 0.1

Observer = Callable[[float, float], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """ok: the password is right. renewed_hash_needed: it is, and the stored hash is not made as we make them now."""

    ok: bool
    renewed_hash_needed: bool


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    deadline_at: float
    heavy: bool
    queued_at: float = field(default_factory=time.monotonic)


class Hasher:
    """Hashes and verifies passwords in `threads` threads, oldest job first, none later than it was promised.

    threads: how many hashes run at once; `cores.available_cores()` unless a setting says otherwise.
    deadline: seconds a job may take, waiting included, unless its call says otherwise.
    slots: a directory that all processes of a replica share, so that together they run `threads` hashes at once;
        None if there is one process.
    observe: called in the event loop after each hash with the seconds it waited and the seconds it took.

    Hashing takes `threads` × 19 MiB. Made and closed in one event loop's process; starts its threads at once.
    """

    def __init__(
        self,
        *,
        threads: int,
        deadline: float = 2.0,
        slots: Path | None = None,
        observe: Observer | None = None,
    ) -> None:
        if threads < 1:
            raise ValueError("a Hasher needs at least one thread")
        self.threads = threads
        self.refused_total = 0
        self._deadline = deadline
        self._observe = observe
        self._waiting: deque[_Job] = deque()
        self._running = 0
        self._closed = False
        self._changed = threading.Condition(threading.Lock())
        # Imported hashes may need far more than 19 MiB: one at a time, while the other threads do the rest.
        self._heavy_running = False
        started = time.monotonic()
        self._dummy = _hash(secrets.token_bytes())
        self._turn_seconds = time.monotonic() - started
        self._workers = [
            threading.Thread(
                target=self._work,
                args=(HashSlot(slots, number) if slots else None,),
                name=f"hash-{number}",
                daemon=True,
            )
            for number in range(threads)
        ]
        for worker in self._workers:
            worker.start()

    @property
    def queued(self) -> int:
        """Jobs that wait for a thread."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Jobs that are being hashed."""
        return self._running

    def admit(self) -> None:
        """Ask whether a job that came now would be answered in time; costs microseconds, reserves nothing.

        For handlers to call before they read a body. Raises Busy with the seconds after which all that wait now will
        have been answered.
        """
        self._refuse_if_late(self._deadline, _ADMIT_WITHIN)

    async def hash(self, password: str, *, deadline: float | None = None) -> str:
        """Hash a password that `passwords.check_password` let through.

        deadline: seconds left, the Hasher's own if None. Returns the PHC string to store. Raises Busy.
        """
        data = _to_bytes(normalise_password(password))
        result: str = await self._run(lambda: _hash(data), deadline)
        return result

    async def verify(
        self, stored_hash: str | None, password: str, *, deadline: float | None = None
    ) -> Verdict:
        """Compare a password, as typed, to a stored hash: ours, or one that `check_foreign_hash` let in.

        stored_hash: None if there is no such account; that costs the same as a wrong password, so that timing
        does not tell who has one. deadline: seconds left, the Hasher's own if None. Raises Busy.
        """
        heavy = (
            stored_hash is not None and not _OURS.fullmatch(stored_hash) and needs_much_memory(stored_hash)
        )
        verdict: Verdict = await self._run(lambda: self._verify(stored_hash, password), deadline, heavy=heavy)
        return verdict

    async def close(self) -> None:
        """Refuse what waits and what comes, let what runs finish, and end the threads."""
        with self._changed:
            self._closed = True
            waiting = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for job in waiting:
            self._refuse(job)
        await asyncio.to_thread(self._join)

    def _join(self) -> None:
        # A stopped process may hold a slot for ever; our threads are daemons, so leaving them behind is safe.
        give_up_at = time.monotonic() + 5 + self._turn_seconds
        for worker in self._workers:
            worker.join(max(0.0, give_up_at - time.monotonic()))

    def _verify(self, stored_hash: str | None, password: str) -> Verdict:
        normalised = _to_bytes(normalise_password(password))
        if stored_hash is None:
            _matches(self._dummy, normalised)
            return Verdict(False, False)
        if _OURS.fullmatch(stored_hash):
            return Verdict(_matches(stored_hash, normalised), False)
        # Other systems hash what was typed. Our own hashes of earlier parameters are of the normalised form.
        typed = _to_bytes(password)
        candidates = [typed] if typed == normalised else [typed, normalised]
        ok = any(verify_foreign(stored_hash, candidate) for candidate in candidates)
        return Verdict(ok, ok)

    async def _run(self, work: Callable[[], Any], deadline: float | None, *, heavy: bool = False) -> Any:
        seconds = self._deadline if deadline is None else deadline
        self._refuse_if_late(seconds, _ENQUEUE_WITHIN)
        loop = asyncio.get_running_loop()
        job = _Job(work, loop, loop.create_future(), time.monotonic() + seconds, heavy)
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()
        expiry = loop.call_later(seconds, self._expire, job)
        try:
            return await job.answer
        finally:
            expiry.cancel()
            if not job.answer.done() or job.answer.cancelled():
                self._withdraw(job)

    def _refuse_if_late(self, seconds: float, within: float) -> None:
        with self._changed:
            free = self.threads - self._running - len(self._waiting)
            # A free thread always gets a job, whatever the estimate says: only work can correct the estimate.
            if not self._closed and free > 0 and seconds > 0:
                return
            ahead = len(self._waiting) + self._running / 2
            turn = self._turn_seconds
            wait = ahead * turn / self.threads
            if not self._closed and wait + turn <= seconds * within:
                return
            self.refused_total += 1
        raise Busy(_whole_seconds(wait + turn))

    def _withdraw(self, job: _Job) -> bool:
        with self._changed:
            try:
                self._waiting.remove(job)
            except ValueError:
                return False
            return True

    def _expire(self, job: _Job) -> None:
        if self._withdraw(job):
            self._refuse(job)

    def _refuse(self, job: _Job) -> None:
        with self._changed:
            self.refused_total += 1
            ahead = len(self._waiting) * self._turn_seconds / self.threads
        _tell(job, lambda: job.answer.set_exception(Busy(_whole_seconds(ahead))))

    def _work(self, slot: HashSlot | None) -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while self._wait_for_work():
            began = time.monotonic()
            if slot is not None and not slot.try_acquire():
                # Another thread's slot may be free, so let it try before this one blocks on its own.
                with self._changed:
                    self._changed.notify()
                slot.acquire()
            try:
                # The job is chosen only now, so that none is tied to a thread that waits for its slot.
                if job := self._next():
                    self._do(job, began)
            finally:
                if slot is not None:
                    slot.release()
        if slot is not None:
            slot.close()

    def _wait_for_work(self) -> bool:
        with self._changed:
            while self._first() is None and not self._closed:
                self._changed.wait()
            return not self._closed

    def _first(self) -> _Job | None:
        """The oldest job that may run now."""
        return next((job for job in self._waiting if not (job.heavy and self._heavy_running)), None)

    def _next(self) -> _Job | None:
        expired = []
        try:
            with self._changed:
                while job := self._first():
                    self._waiting.remove(job)
                    if time.monotonic() < job.deadline_at:
                        self._running += 1
                        self._heavy_running |= job.heavy
                        return job
                    expired.append(job)
            return None
        finally:
            for job in expired:
                self._refuse(job)

    def _do(self, job: _Job, began: float) -> None:
        hash_began = time.monotonic()
        result: Any = None
        failure: Exception | None = None
        try:
            result = job.work()
        except Exception as error:
            failure = error
        ended = time.monotonic()
        with self._changed:
            self._running -= 1
            if job.heavy:
                self._heavy_running = False
                self._changed.notify()
            self._turn_seconds += _EWMA_WEIGHT * (ended - began - self._turn_seconds)

        def answer() -> None:
            if self._observe is not None:
                self._observe(hash_began - job.queued_at, ended - hash_began)
            if job.answer.done():
                return
            if failure is None:
                job.answer.set_result(result)
            else:
                job.answer.set_exception(failure)

        _tell(job, answer, always=True)


def _to_bytes(password: str) -> bytes:
    # No password that was let in has a lone surrogate; one that has is to be wrong, at equal cost, not an error.
    return password.encode("utf-8", "surrogatepass")


def _hash(password: bytes) -> str:
    return argon2id.str(password, _TIME_COST, _MEMORY).rstrip(b"\0").decode()


def _matches(stored: str, password: bytes) -> bool:
    try:
        return argon2id.verify(stored.encode(), password)
    except exceptions.InvalidkeyError:
        return False


def _whole_seconds(seconds: float) -> int:
    return max(1, math.ceil(seconds))


def _tell(job: _Job, callback: Callable[[], None], *, always: bool = False) -> None:
    def tell() -> None:
        if always or not job.answer.done():
            callback()

    # The loop may have been closed under a job whose waiter is gone.
    with contextlib.suppress(RuntimeError):
        job.loop.call_soon_threadsafe(tell)
