"""What happened to an account: written in the transaction in which it happens, read by its owner."""

from typing import Literal
from uuid import UUID

from frontdesk.accounts.service import Service
from frontdesk.errors import InvalidCursor
from frontdesk.model import Client, Events, Visit
from frontdesk.store import events as store
from frontdesk.store.connection import Queries

Kind = Literal[
    "registered",
    "username_changed",
    "password_changed",
    "password_reset",
    "email_confirmed",
    "email_change_asked",
    "email_changed",
    "email_change_undone",
    "session_ended",
    "sessions_ended",
    "exported",
    "disabled",
    "enabled",
    "erased",
]
# Written by the statement that begins a session, and by the one for failures.
LOGIN_KINDS = ("logged_in", "login_failed")

# Browsers send a few hundred characters; more is only a way to fill the table.
USER_AGENT_MAX = 300
NOBODY = Client(address=None, user_agent="")


async def record(db: Queries, account_id: UUID, kind: Kind, client: Client) -> None:
    """Write down that `kind` happens in this transaction, and from where."""
    await store.insert(
        db, account_id, kind, address=client.address, user_agent=client.user_agent[:USER_AGENT_MAX]
    )


async def record_failed_login(service: Service, account_id: UUID | None, client: Client) -> None:
    """Write down a login that failed, at most one a minute; as fast for nobody's account. Raises Unavailable."""
    await store.insert_failed_login(
        service.db, account_id, address=client.address, user_agent=client.user_agent[:USER_AGENT_MAX]
    )


async def list_events(service: Service, visit: Visit, *, limit: int, after: str | None) -> Events:
    """A page of what happened to the visitor's account, the newest first; `after`: the `next` of the page before.

    Raises InvalidCursor, Unavailable.
    """
    key = None
    if after is not None:
        try:
            key = UUID(after)
        except ValueError as error:
            raise InvalidCursor from error
    found = await store.select_of_account(service.db, visit.account.id, after=key, limit=limit + 1)
    more = len(found) > limit
    return Events(events=tuple(found[:limit]), next=str(found[limit - 1].id) if more else None)
