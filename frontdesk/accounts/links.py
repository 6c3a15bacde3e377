"""Links in mails: made when a mail is sent, good once, for as long as their kind says."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from frontdesk.accounts.service import Service
from frontdesk.accounts.tokens import new_token, token_hash
from frontdesk.errors import LinkExpired
from frontdesk.store import links as store
from frontdesk.store import mails as mails_store
from frontdesk.store.connection import Queries
from frontdesk.store.links import Link

Kind = Literal["reset", "confirm", "change", "undo"]

SECONDS: dict[str, int] = {
    "reset": 30 * 60,
    "confirm": 24 * 3600,
    "change": 24 * 3600,
    "undo": 7 * 24 * 3600,
}
RESETS: tuple[Kind, ...] = ("reset",)
CONFIRMATIONS: tuple[Kind, ...] = ("confirm", "change", "undo")


async def make(db: Queries, kind: str, account_id: UUID, email: str, asked_at: datetime) -> str:
    """The token of a new link that is bound to `email`."""
    token, kept = new_token()
    await store.insert(
        db,
        kept,
        kind=kind,
        account_id=account_id,
        email=email,
        asked_at=asked_at,
        seconds=SECONDS[kind],
    )
    return token


async def look_up(service: Service, token: str, kinds: tuple[Kind, ...]) -> Link:
    """What a link would allow; it isn't used up by looking. Raises LinkExpired, Unavailable."""
    kept = token_hash(token)
    return _bound(None if kept is None else await store.find(service.db, kept, kinds))


async def take(db: Queries, token: str, kinds: tuple[Kind, ...]) -> Link:
    """Use a link up, and lock its account until this transaction ends. Raises LinkExpired."""
    kept = token_hash(token)
    return _bound(None if kept is None else await store.take(db, kept, kinds))


async def invalidate_links(db: Queries, account_id: UUID) -> None:
    """The password is another now: whoever knew the old one has nothing under way any more. What undoes stays."""
    await store.delete_of_account(db, account_id, "reset", "change")
    await mails_store.delete_of_account(db, account_id, "reset", "change")


def _bound(link: Link | None) -> Link:
    # A reset and a first confirmation are for the address that the account still has.
    if link is None or (link.kind in ("reset", "confirm") and link.email != link.account_email):
        raise LinkExpired
    return link
