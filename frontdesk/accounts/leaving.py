"""Leaving: an account is gone at once, with all that is known of it."""

from uuid import UUID

from frontdesk.accounts import events, identity, indexing, reservations, sessions
from frontdesk.accounts.service import Service
from frontdesk.model import Account, Client, Visit
from frontdesk.store import accounts as store
from frontdesk.store import events as events_store
from frontdesk.store import mails as mails_store
from frontdesk.store import reservations as reservations_store
from frontdesk.store.connection import Queries


async def delete(service: Service, visit: Visit, client: Client) -> None:
    """Leave: the account, its sessions, its place in search and all that happened to it are gone.

    What stays: that an account with this id was erased, and for 30 days a digest of each username it had, which nobody
    else may have. Raises RecentLoginRequired if the session's login is older than FRONTDESK_RECENT_LOGIN; Unavailable.
    """
    sessions.require_recent_login(service, visit)
    account = visit.account
    async with sessions.ending(service, account.id) as db:
        # Before the account goes: whoever waits for its username sees this when they get it.
        current = await store.lock(db, account.id)
        if current is None:
            return
        await reservations.reserve_username(db, current.username, account_id=None)
        await _erase(db, current)
        # Where from would be about a person again.
        await events.record(db, account.id, "erased", events.NOBODY)


async def remove_abandoned(service: Service, *, limit: int) -> int:
    """Remove at most `limit` accounts whose address nobody confirmed in time; how many it were. Raises Unavailable."""
    async with service.db.transaction() as db:
        found = await reservations_store.select_abandoned(db, limit=limit)
        for account_id in found:
            await _forget(db, account_id)
    return len(found)


async def _erase(db: Queries, account: Account) -> None:
    await indexing.unindex_person(db, account.id)
    await reservations_store.release(db, account.id)
    await mails_store.delete_to(db, identity.email_key(account.email), account.email)
    await _forget(db, account.id)


async def _forget(db: Queries, account_id: UUID) -> None:
    await store.delete(db, account_id)
    await events_store.delete_of_account(db, account_id)
