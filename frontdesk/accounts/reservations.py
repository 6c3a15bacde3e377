"""Names that are free and still nobody else's: usernames and addresses that were given up a while ago.

Only digests are kept. Checked after the insert or update that takes the name, in the same transaction: whoever gave
it up has committed by then, with the reservation.
"""

import hashlib
from uuid import UUID

from frontdesk.accounts import identity
from frontdesk.errors import EmailTaken, UsernameTaken
from frontdesk.store import reservations as store
from frontdesk.store.connection import Queries

# Long enough that nobody takes the newcomer for who had it before.
_USERNAME_DAYS = 30
# As long as the link lasts by which the owner takes an address back, and the mail with it may wait.
_EMAIL_DAYS = 8


async def check_username(db: Queries, account_id: UUID, username: str) -> None:
    """Raises UsernameTaken."""
    if await store.is_reserved(db, _username_digest(username), against=account_id):
        raise UsernameTaken


async def check_email(db: Queries, account_id: UUID, email: str) -> None:
    """Raises EmailTaken."""
    if await store.is_reserved(db, _email_digest(email), against=account_id):
        raise EmailTaken


async def reserve_username(db: Queries, username: str, *, account_id: UUID | None) -> None:
    """For whose it was; None: for nobody."""
    await store.reserve(
        db, _username_digest(username), account_id=account_id, days=_USERNAME_DAYS, of_username=True
    )


async def reserve_email(db: Queries, account_id: UUID, email: str) -> None:
    """For whose it was."""
    await store.reserve(db, _email_digest(email), account_id=account_id, days=_EMAIL_DAYS, of_username=False)


def _username_digest(username: str) -> bytes:
    return hashlib.sha256(b"username " + identity.username_key(username).encode()).digest()


def _email_digest(email: str) -> bytes:
    return hashlib.sha256(b"email " + identity.email_key(email).encode()).digest()
