"""What replicas tell each other, through PostgreSQL's LISTEN and NOTIFY."""

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

import asyncpg

from frontdesk.store.connection import Queries

_CHANNEL = "frontdesk_sessions_ended"
_RETRY = 0.5
# A connection that is cut without a word is noticed by asking on it.
_PULSE = 5.0

_log = logging.getLogger(__name__)


async def announce_ended(db: Queries, account_id: UUID) -> None:
    """Tell every replica, when this transaction commits, that sessions of an account have ended or changed."""
    await db.execute(f"SELECT pg_notify('{_CHANNEL}', $1)", str(account_id))


async def listen_for_ended(url: str, heard: Callable[[UUID | None], None]) -> None:
    """Call `heard` with each account announced, for as long as this runs; with None after a gap, when some may
    have been missed. A lost connection is made anew, again and again."""
    cut_off = False
    while True:
        try:
            connection = await asyncpg.connect(
                url, timeout=5, server_settings={"application_name": "frontdesk-listen"}
            )
            try:
                await connection.add_listener(_CHANNEL, lambda *args: heard(UUID(str(args[3]))))
                heard(None)
                cut_off = False
                while True:
                    await asyncio.sleep(_PULSE)
                    await connection.execute("SELECT 1", timeout=_PULSE)
            finally:
                connection.terminate()
        except Exception as error:
            # Of any kind: whoever isn't told goes on letting in those who were logged out.
            if not cut_off:
                _log.warning("notifications are cut off: %s", type(error).__name__)
            cut_off = True
            await asyncio.sleep(_RETRY)
