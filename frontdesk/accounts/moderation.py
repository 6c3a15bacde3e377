"""What an administrator may do to another's account."""

from frontdesk.accounts import events, identity, indexing
from frontdesk.accounts.service import Service
from frontdesk.errors import NotFound
from frontdesk.model import Account
from frontdesk.store import accounts, reservations, sessions
from frontdesk.store.notifications import announce_ended


async def disable(service: Service, username: str) -> Account:
    """Shut an account out: no login, no session, nowhere in search. Raises NotFound."""
    async with service.db.transaction() as db:
        account = await accounts.disable(db, _key(username))
        if account is None:
            raise NotFound
        await sessions.delete_of_account(db, account.id)
        await indexing.unindex_person(db, account.id)
        await events.record(db, account.id, "disabled", events.NOBODY)
        await announce_ended(db, account.id)
    service.memory.forget(account.id)
    return account


async def enable(service: Service, username: str) -> Account:
    """Let a disabled account in again. Raises NotFound."""
    async with service.db.transaction() as db:
        account = await accounts.enable(db, _key(username))
        if account is None:
            raise NotFound
        await events.record(db, account.id, "enabled", events.NOBODY)
        if account.discoverable and not await reservations.is_unconfirmed(db, account.id):
            await indexing.index_person(db, account.id, account.username, account.name)
    return account


def _key(username: str) -> str:
    if not identity.is_text(username):
        raise NotFound
    return identity.username_key(username)
