"""What was acknowledged, so that afterwards each of it can be looked for."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

# A write that got no answer may still happen, for as long as the service gives a statement.
_MAY_STILL_HAPPEN = 10.0


@dataclass
class Entry:
    """One account: the name that its owner was told is saved, and those of which nobody said what became of them."""

    name: str
    maybe: list[tuple[float, str]] = field(default_factory=list)

    def allowed(self) -> set[str]:
        return {self.name, *(name for _, name in self.maybe)}


@dataclass
class Ledger:
    """Acknowledged accounts, names and sessions; `changes` counts the acknowledged changes of names."""

    accounts: dict[str, Entry] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    changes: int = 0

    def registered(self, username: str, name: str) -> None:
        self.accounts[username] = Entry(name)

    def renamed(self, username: str, name: str) -> None:
        """`name` was acknowledged: of what was tried before, only the last may still come."""
        entry = self.accounts[username]
        entry.name = name
        since = time.monotonic() - _MAY_STILL_HAPPEN
        entry.maybe = [(when, tried) for when, tried in entry.maybe if when > since]
        self.changes += 1

    def maybe_renamed(self, username: str, name: str) -> None:
        """Nobody said whether `name` is saved."""
        self.accounts[username].maybe.append((time.monotonic(), name))

    def logged_in(self, token: str) -> None:
        self.tokens.append(token)

    def summary(self) -> str:
        return f"{len(self.accounts)} accounts, {self.changes} changes of names, {len(self.tokens)} sessions"

    def names(self) -> Iterator[tuple[str, set[str]]]:
        """Every account, and the names that it may have."""
        for username, entry in self.accounts.items():
            yield username, entry.allowed()
