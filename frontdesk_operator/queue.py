"""Which Frontdesk to look at when: each by one task, sooner if something of it has changed, later if it fails."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from frontdesk_operator.errors import Conflict, OperatorError

Key = tuple[str, str]
_log = logging.getLogger("frontdesk_operator")
# Seconds: a failure's first wait, which doubles, up to the last.
_FIRST, _LAST = 1.0, 60.0
# Seconds in which what has changed is gathered into one look: a rollout changes its objects many times a second.
_GATHER = 0.2


@dataclass
class _Watched:
    changed: asyncio.Event
    task: asyncio.Task[None]


@dataclass
class Queue:
    """Looks at what it is told of. `look` (namespace, name) answers with the seconds until its next look."""

    look: Callable[[str, str], Awaitable[float]]
    looks: int = 0
    failures: int = 0
    # Seconds of looks, together; and when the last ended, by the monotonic clock.
    seconds: float = 0.0
    last: float = field(default_factory=time.monotonic)
    _watched: dict[Key, _Watched] = field(default_factory=dict)
    _broken: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._watched)

    def changed(self, namespace: str, name: str, *, new: bool = False) -> None:
        """Look at this one soon. One that isn't known is begun only if it's `new`: what belongs to one that is gone,
        or to none, is nobody's."""
        key = (namespace, name)
        if key not in self._watched:
            if new:
                event = asyncio.Event()
                event.set()
                self._watched[key] = _Watched(event, asyncio.create_task(self._keep(key, event)))
            return
        self._watched[key].changed.set()

    def gone(self, namespace: str, name: str) -> None:
        """Look at this one no more."""
        watched = self._watched.pop((namespace, name), None)
        if watched:
            watched.task.cancel()

    async def run(self) -> None:
        """Until cancelled; then every look has ended. Raises what a look raised that it shouldn't have."""
        self._broken = asyncio.get_running_loop().create_future()
        try:
            await self._broken
        finally:
            tasks = [watched.task for watched in self._watched.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, key: Key, changed: asyncio.Event) -> None:
        failed = _FIRST
        while True:
            changed.clear()
            began = time.monotonic()
            self.looks += 1
            try:
                wait = await self.look(*key)
                failed = _FIRST
            except Conflict:
                # What was read is old by now.
                wait = _GATHER
            except OperatorError as error:
                self.failures += 1
                _log.warning("%s/%s: %s", *key, error)
                wait, failed = failed, min(failed * 2, _LAST)
                # Not sooner, whatever has changed.
                await asyncio.sleep(wait)
            except Exception:
                # A mistake of ours with one Frontdesk must not end the care for the others.
                self.failures += 1
                _log.exception("%s/%s", *key)
                wait, failed = failed, min(failed * 2, _LAST)
                await asyncio.sleep(wait)
            self.last = time.monotonic()
            self.seconds += self.last - began
            try:
                async with asyncio.timeout(wait):
                    await changed.wait()
                await asyncio.sleep(_GATHER)
            except TimeoutError:
                pass
