"""What the harness asks of a peer."""

import asyncio
import os
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from bench.storm import Login

USERS = 300


class SkippedError(Exception):
    """This machine can't have the peer; the text says why."""


@dataclass(frozen=True)
class Place:
    """Where a run happens: `folder` goes when it ends, `postgres_url` and `postgres_port` lead to the same server."""

    folder: Path
    postgres_url: str
    postgres_port: int

    def create_database(self, name: str) -> None:
        asyncio.run(_execute(self.postgres_url, f"CREATE DATABASE {name}"))


class Peer(ABC):
    """An accounts service: how to get it, start it and talk to it."""

    name: str
    version: str
    login: Login
    logged_in = 200
    # Seconds of each kind of load before anything counts.
    warm_up = 1.0

    @abstractmethod
    def install(self) -> None:
        """Bring it into cache(), if it isn't there. Raises SkippedError."""

    @abstractmethod
    def prepare(self, place: Place) -> None:
        """Make its database and USERS users, once before all runs."""

    @abstractmethod
    def serve(self) -> AbstractContextManager[int]:
        """Run it on the servers' core; its port."""

    @abstractmethod
    def bare_hashes(self, seconds: float) -> float:
        """Verifications a second of its own hash at its own cost, in a loop on the servers' core."""

    @abstractmethod
    def session_check(self, session: dict[str, Any]) -> bytes:
        """The request that asks who this is, for what a login answered."""


def cache() -> Path:
    """Where peers are kept from one run to the next; outside the repository."""
    return Path(os.environ.get("PEERS_CACHE") or "~/.cache/frontdesk-bench").expanduser()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
