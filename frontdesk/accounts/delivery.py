"""What a mail says is decided when it's sent: by then, what was asked for may have come to nothing."""

from frontdesk.accounts import identity, links, reservations
from frontdesk.accounts.service import Service
from frontdesk.errors import EmailTaken
from frontdesk.model import Account, Letter
from frontdesk.store import accounts, mails
from frontdesk.store import reservations as reservations_store
from frontdesk.store.connection import Queries
from frontdesk.store.mails import Mail

_FALLBACK = next(iter(identity.LANGUAGES))


async def prepare(service: Service, mail: Mail) -> Letter | None:
    """The letter that `mail` is now, with a new link; None if there's nothing to send any more. Raises Unavailable.

    Each try makes a link of its own: if the server took an earlier one without our hearing of it, both are good.
    """
    async with service.db.transaction() as db:
        # The account first, as whoever takes a mail back locks it before.
        account = await accounts.hold(db, account_id=mail.account_id, email_key=mail.email_key)
        if account is None or not await mails.lock(db, mail.id):
            return None
        kind, to = await _kind(db, mail, account)
        if kind is None:
            return None
        token = None
        if kind in links.SECONDS:
            token = await links.make(db, kind, account.id, to, mail.created_at)
        return Letter(
            id=mail.id,
            kind=kind,
            to=to,
            language=account.language or mail.language or _FALLBACK,
            asked_at=mail.created_at,
            account_id=account.id,
            token=token,
        )


async def _kind(db: Queries, mail: Mail, account: Account) -> tuple[str | None, str]:
    """What it is by now, None if it's nothing any more, and whom it goes to."""
    match mail.kind:
        case "confirm":
            if account.email_verified or account.email != mail.email:
                return None, ""
            if await reservations_store.is_unconfirmed(db, account.id):
                return await _or_taken(db, mail, account)
            return mail.kind, mail.email
        case "change":
            return await _or_taken(db, mail, account)
        case "reset":
            # What was typed may only look like the account's address.
            return mail.kind, account.email
        case _:
            return mail.kind, mail.email


async def _or_taken(db: Queries, mail: Mail, account: Account) -> tuple[str | None, str]:
    """`taken` instead, if the address belongs to another account: its owner hears of it, and nobody else, who may have
    one that looks like it."""
    owner = await accounts.email_owner(db, mail.email_key)
    if owner is not None and owner[0] != account.id:
        return "taken", owner[1]
    try:
        await reservations.check_email(db, account.id, mail.email)
    except EmailTaken:
        # Of an address that was left only a digest is kept, which fits its look-alikes too.
        return ("taken", mail.email) if mail.email.lower() == mail.email_key else (None, "")
    return mail.kind, mail.email
