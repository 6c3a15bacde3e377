"""Mails: written in the transaction of what they tell of, sent by whichever replica has time.

A row has no text and no token in it, nor anything that a stranger chose but the address. docs/decisions/0008-mail.md
gives the reasons.
"""

import hashlib
from typing import Literal
from uuid import UUID

from frontdesk.accounts import identity
from frontdesk.accounts.service import Service
from frontdesk.model import Account
from frontdesk.store import mails as store
from frontdesk.store.connection import Queries
from frontdesk.store.mails import Kept

# What is written: confirm, to an address of a new account; change, to one that an account is to have instead; undo,
# to the one that it had; reset, to whoever may have an account; password_changed.
Kind = Literal["confirm", "change", "undo", "reset", "password_changed"]

# What strangers can have sent to one address in an hour.
_HOURLY = 3


async def write(service: Service, db: Queries, kind: Kind, account: Account) -> None:
    """Let a mail go to the account's address when this transaction commits.

    An address that nobody has confirmed may be anybody's: it gets no more than what strangers can have sent there. One
    that is nobody's gets nothing.
    """
    if service.mails == "off" or not identity.can_be_reached(account.email):
        return
    if not account.email_verified:
        await write_for_stranger(
            service, db, kind, account_id=account.id, email=account.email, language=account.language
        )
        return
    await store.insert(
        db,
        kind,
        account_id=account.id,
        email=account.email,
        email_key=identity.email_key(account.email),
        language=account.language,
    )


async def write_for_stranger(
    service: Service, db: Queries, kind: Kind, *, account_id: UUID | None, email: str, language: str | None
) -> None:
    """The same for what anybody can ask for: beyond three an hour to one address, nothing is sent.

    Whether it is isn't told. account_id None: to whoever has that address, if anybody has. language: for whom has
    chosen none.
    """
    if service.mails == "off" or not identity.can_be_reached(email):
        return
    key = identity.email_key(email)
    await store.insert_limited(
        db,
        kind,
        account_id=account_id,
        email=email,
        email_key=key,
        language=language,
        email_hash=digest(key),
        hourly=_HOURLY,
    )


async def list_kept(service: Service) -> list[Kept]:
    """The mails that were kept instead of sent, the newest first; 50 at the most. Raises Unavailable."""
    return await store.select_kept(service.db, limit=50)


def digest(email_key: str) -> bytes:
    """By which requests for an address are counted."""
    return hashlib.sha256(email_key.encode()).digest()
