"""What a replica remembers of sessions that it checked a moment ago. It can be lost at any moment."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

# Seconds that an answer may be repeated without asking the database. It is also how late a revocation may be
# if every notification is lost.
MEMORY_SECONDS = 1.0
# About 500 bytes each.
MEMORY_SESSIONS = 10_000


@dataclass(frozen=True, slots=True)
class Verified:
    """Whose session it is."""

    account_id: UUID
    username: str


class Memory:
    """The sessions that were checked a moment ago; at most `sessions`, each for `seconds`.

    `now` tells seconds that only ever grow.
    """

    def __init__(
        self,
        *,
        seconds: float = MEMORY_SECONDS,
        sessions: int = MEMORY_SESSIONS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._sessions = sessions
        self._now = now
        self._known: dict[str, tuple[float, Verified]] = {}
        self._tokens: dict[UUID, set[str]] = {}
        # Counts what was forgotten, so that a check which was under way meanwhile isn't remembered after it.
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._known)

    def recall(self, token: str) -> Verified | None:
        """What was found for `token` within the last `seconds`."""
        known = self._known.get(token)
        if known is None:
            return None
        if self._now() - known[0] < self._seconds:
            return known[1]
        self._drop(token)
        return None

    def remember(self, token: str, verified: Verified, *, asked_at: float, epoch: int) -> None:
        """Keep an answer, counted from when the question was asked; unless something was forgotten since."""
        if epoch != self.epoch or self._now() - asked_at >= self._seconds:
            return
        while len(self._known) >= self._sessions:
            self._drop(next(iter(self._known)))
        self._drop(token)
        self._known[token] = (asked_at, verified)
        self._tokens.setdefault(verified.account_id, set()).add(token)

    def forget(self, account_id: UUID | None) -> None:
        """Drop all that is known of an account; of everybody with None."""
        self.epoch += 1
        if account_id is None:
            self._known.clear()
            self._tokens.clear()
            return
        for token in self._tokens.pop(account_id, ()):
            self._known.pop(token, None)

    def now(self) -> float:
        return self._now()

    def _drop(self, token: str) -> None:
        known = self._known.pop(token, None)
        if known is not None:
            tokens = self._tokens[known[1].account_id]
            tokens.discard(token)
            if not tokens:
                del self._tokens[known[1].account_id]
