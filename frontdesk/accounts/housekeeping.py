"""Removing what has ended: in small steps, by any replica, noticed by nobody."""

import asyncio
import logging
import random

from frontdesk.accounts.service import Service
from frontdesk.errors import FrontdeskError
from frontdesk.store import attempts, sessions

_EVERY = 60.0
_STEP = 1000

_log = logging.getLogger(__name__)


async def keep_house(service: Service) -> None:
    """Clean up once a minute, for as long as the process runs."""
    while True:
        # Replicas that started together must not come together for ever.
        await asyncio.sleep(_EVERY * random.uniform(0.5, 1.5))  # noqa: S311 - no secret, only spread
        try:
            await clean_up(service)
        except FrontdeskError as error:
            _log.warning("housekeeping waits: %s", type(error).__name__)


async def clean_up(service: Service) -> None:
    """Remove sessions that expired and attempts that no longer count. Raises Unavailable."""
    for delete in (sessions.delete_expired, attempts.delete_old):
        while await delete(service.db, limit=_STEP) == _STEP:
            await asyncio.sleep(0.1)
