"""Removing what has ended: in small steps, by any replica, noticed by nobody."""

import asyncio
import logging
import random
from collections.abc import Callable

from frontdesk.accounts import indexing, leaving
from frontdesk.accounts.service import Service
from frontdesk.errors import FrontdeskError
from frontdesk.store import attempts, events, links, mails, reservations, sessions

_EVERY = 60.0
_STEP = 1000
_ACCOUNTS = 50
_WORDS = 50
_TAKEN_OVER = 500
_BREATH = 0.1
_ENDED = (
    sessions.delete_expired,
    attempts.delete_old,
    links.delete_expired,
    mails.delete_old_counts,
    mails.delete_old_kept,
    reservations.delete_past,
)

_log = logging.getLogger(__name__)


async def keep_house(service: Service, show_sessions: Callable[[int], None], *, pause: float = 10.0) -> None:
    """Clean up once a minute, for as long as the process runs; `show_sessions` is told about how many there are.

    pause: seconds until it's tried again after a fault.
    """
    while True:
        try:
            await count_sessions(service, show_sessions)
            # Replicas that started together must not come together for ever.
            await asyncio.sleep(_EVERY * random.uniform(0.5, 1.5))  # noqa: S311 - no secret, only spread
            await clean_up(service)
        except FrontdeskError as error:
            _log.warning("housekeeping waits: %s", type(error).__name__)
            await asyncio.sleep(pause)
        except Exception:
            # Whatever it is, it must not end all cleaning until the next restart without a word.
            _log.exception("housekeeping failed")
            await asyncio.sleep(pause)


async def count_sessions(service: Service, show: Callable[[int], None]) -> None:
    """Tell `show` about how many sessions there are. Here and not when metrics are read: /metrics must answer
    while the database doesn't. Raises Unavailable."""
    show(await sessions.count(service.db))


async def clean_up(service: Service) -> None:
    """Remove what has ended: sessions, attempts, links, counts, reservations, events of over FRONTDESK_EVENTS_DAYS ago,
    accounts that nobody confirmed, and words that are nobody's name any more; and after an upgrade, bring along what
    the version before has written. Raises Unavailable."""
    while await indexing.take_over(service.db, limit=_TAKEN_OVER) == _TAKEN_OVER:
        await asyncio.sleep(_BREATH)
    for delete in _ENDED:
        while await delete(service.db, limit=_STEP) == _STEP:
            await asyncio.sleep(_BREATH)
    while await events.delete_old(service.db, days=service.settings.events_days, limit=_STEP) == _STEP:
        await asyncio.sleep(_BREATH)
    while await leaving.remove_abandoned(service, limit=_ACCOUNTS) == _ACCOUNTS:
        await asyncio.sleep(_BREATH)
    while await indexing.look_again(service.db, limit=_WORDS):
        await asyncio.sleep(_BREATH)
    if service.mails == "off":
        # There's no postman, who would count them.
        while len(await mails.delete_given_up(service.db, limit=_STEP)) == _STEP:
            await asyncio.sleep(_BREATH)
