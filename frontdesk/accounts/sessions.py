"""Staying logged in: opaque tokens, each a session that can be seen and ended."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

from frontdesk.accounts import events
from frontdesk.accounts.events import USER_AGENT_MAX
from frontdesk.accounts.service import Service
from frontdesk.accounts.tokens import new_token, token_hash
from frontdesk.errors import NotFound, RecentLoginRequired, Unauthenticated
from frontdesk.model import Account, Client, Login, Session, Visit
from frontdesk.store import sessions as store
from frontdesk.store.connection import Queries
from frontdesk.store.notifications import announce_ended

_SESSIONS_PER_ACCOUNT = 100


async def start(
    service: Service,
    account: Account,
    client: Client,
    *,
    password_hash: str | None = None,
    refunded: str | None = None,
    forgotten: str | None = None,
) -> Login:
    """A session for somebody who has just shown who they are.

    password_hash: what their password was compared to. While that took its time, the password may have been
    changed, or the account disabled or deleted, and all its sessions ended: then none may begin any more.
    Raises Unauthenticated in that case; Unavailable.

    refunded, forgotten: budgets of attempts that this settles (store/sessions.py).
    """
    token, kept = new_token()
    started = await store.insert(
        service.db,
        account.id,
        token_hash=kept,
        lifetime=service.settings.session_lifetime,
        address=client.address,
        user_agent=client.user_agent[:USER_AGENT_MAX],
        keep=_SESSIONS_PER_ACCOUNT,
        password_hash=password_hash,
        refunded=refunded,
        forgotten=forgotten,
    )
    if started is None:
        raise Unauthenticated
    expires_at, ended = started
    if ended:
        async with ending(service, account.id):
            pass
    return Login(token=token, expires_at=expires_at, account=account)


async def check(service: Service, token: str, client: Client) -> Visit:
    """Who holds `token`. One round trip; a second one, at most once a minute, notes that it was used.

    Raises Unauthenticated, Unavailable.
    """
    kept = token_hash(token)
    if kept is None:
        raise Unauthenticated
    found = await store.find_visit(service.db, kept, idle=service.settings.session_idle_timeout)
    if found is None:
        raise Unauthenticated
    visit, stale = found
    if stale:
        idle = service.settings.session_idle_timeout
        await store.note_use(service.db, visit.session_id, address=client.address, idle=idle)
    return visit


def require_recent_login(service: Service, visit: Visit) -> None:
    """For what a stolen session must not do. Raises RecentLoginRequired beyond FRONTDESK_RECENT_LOGIN."""
    if not is_recent_login(service, visit):
        raise RecentLoginRequired


def is_recent_login(service: Service, visit: Visit) -> bool:
    age = (datetime.now(UTC) - visit.logged_in_at).total_seconds()
    return age <= service.settings.recent_login


async def list_sessions(service: Service, visit: Visit) -> list[Session]:
    """Where the visitor is logged in: this session first, then by last use."""
    return await store.select_of_account(
        service.db, visit.account.id, current=visit.session_id, idle=service.settings.session_idle_timeout
    )


async def end(service: Service, visit: Visit, session_id: UUID, client: Client) -> None:
    """End a session of the visitor's own. Raises NotFound, also for other people's."""
    async with ending(service, visit.account.id) as db:
        if not await store.delete(db, session_id, account_id=visit.account.id):
            raise NotFound
        await events.record(db, visit.account.id, "session_ended", client)


async def end_others(service: Service, visit: Visit, client: Client) -> None:
    """End every session of the visitor's but this one."""
    async with ending(service, visit.account.id) as db:
        await store.delete_of_account(db, visit.account.id, except_for=visit.session_id)
        await events.record(db, visit.account.id, "sessions_ended", client)


@contextlib.asynccontextmanager
async def ending(service: Service, account_id: UUID) -> AsyncIterator[Queries]:
    """A transaction in which sessions of an account end, or what they tell of it changes.

    Afterwards no replica goes on by what it remembers. Raises Unavailable.
    """
    async with service.db.transaction() as db:
        yield db
        await announce_ended(db, account_id)
    service.memory.forget(account_id)
