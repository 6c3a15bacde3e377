"""Everything that is stored about oneself, as JSON, piece by piece."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from frontdesk.accounts import attempts, events, identity, mails
from frontdesk.accounts.service import Service
from frontdesk.model import Client, Visit
from frontdesk.store import events as events_store
from frontdesk.store import own_data as store

_AT_ONCE = 500


async def export(service: Service, visit: Visit, client: Client) -> AsyncIterator[bytes]:
    """One JSON object in pieces; that it was asked for is written down, and in it.

    No connection is held while the reader is slow. Of the password and of tokens, not even the hashes are told: they
    would only help to guess. Raises Throttled and Unavailable before the first piece; Unavailable later on, too.
    """
    account = visit.account
    await attempts.charge_export(service, account.id)
    async with service.db.transaction() as db:
        await events.record(db, account.id, "exported", client)
        key = identity.email_key(account.email)
        parts: dict[str, Any] = {
            "account": await store.account(db, account.id),
            "sessions": await store.sessions(db, account.id),
            "known_places": await store.known_places(db, account.id),
            "search_keys": await store.search_keys(db, account.id),
            "links": await store.links(db, account.id),
            "mails": await store.mails(db, account.id, key),
            "mails_counted": await store.mails_counted(db, mails.digest(key)),
            "reservations": await store.reservations(db, account.id),
            "attempts": await store.attempts(db, account.id),
        }
    return _pieces(service, visit, parts)


async def _pieces(service: Service, visit: Visit, parts: dict[str, Any]) -> AsyncIterator[bytes]:
    for number, (name, part) in enumerate(parts.items()):
        yield b"%s%s:%s" % (b"," if number else b"{", msgspec.json.encode(name), msgspec.json.encode(part))
    yield b',"events":['
    after = None
    while found := await events_store.select_of_account(
        service.db, visit.account.id, after=after, limit=_AT_ONCE
    ):
        yield (b"," if after else b"") + b",".join(map(msgspec.json.encode, found))
        after = found[-1].id
    yield b"]}"
