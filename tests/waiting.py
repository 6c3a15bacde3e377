"""Waiting for what another task does, no longer than needed."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from frontdesk.accounts.service import Service


async def until(true: Callable[[], Awaitable[bool]], *, within: float = 10) -> None:
    """Come back as soon as `true` says so."""
    deadline = time.monotonic() + within
    while not await true():
        assert time.monotonic() < deadline, f"not within {within} s"
        await asyncio.sleep(0.005)


async def until_blocked(service: Service) -> None:
    """Come back as soon as a statement waits for another transaction of the same database."""

    async def blocked() -> bool:
        return bool(
            await service.db.fetchval(
                """
                SELECT exists(SELECT FROM pg_stat_activity
                               WHERE datname = current_database() AND wait_event_type = 'Lock')
                """
            )
        )

    await until(blocked)
