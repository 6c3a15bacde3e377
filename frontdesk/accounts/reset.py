"""A forgotten password: a link by mail, and a new password (OWASP Forgot Password Cheat Sheet)."""

from frontdesk.accounts import attempts, events, identity, links, mails, sessions
from frontdesk.accounts.passwords import check_password
from frontdesk.accounts.service import Service
from frontdesk.errors import FieldRefused, InvalidFields, LinkExpired, NotFound
from frontdesk.model import Client
from frontdesk.store import accounts as store
from frontdesk.store import sessions as sessions_store


async def ask_reset(service: Service, *, email: str, client: Client, language: str | None = None) -> None:
    """Have a link sent to whoever has this address, if anybody has.

    Whether they do is only looked up when the mail is sent, so nothing about the answer, nor the time that it takes,
    can tell. language: the asker's, for whom has chosen none. Raises InvalidFields (no address at all), Throttled,
    NotFound if this service sends no mail, Unavailable.
    """
    if service.mails == "off":
        raise NotFound
    try:
        email = identity.clean_email(email)
    except FieldRefused as refused:
        raise InvalidFields(refused.error) from refused
    await attempts.charge_mail(service, client)
    await mails.write_for_stranger(
        service, service.db, "reset", account_id=None, email=email, language=language
    )


async def check_link(service: Service, token: str) -> None:
    """Whether the link is still good; it stays so. Raises LinkExpired, Unavailable."""
    await links.look_up(service, token, links.RESETS)


async def reset_password(service: Service, token: str, *, password: str, client: Client) -> None:
    """A new password for whose link this is. All their sessions end and a mail tells them.

    The address is confirmed by that, too: the link was there. Raises LinkExpired, InvalidFields (the link stays good),
    Busy, Unavailable.
    """
    service.hasher.admit()
    link = await links.look_up(service, token, links.RESETS)
    account = await store.find(service.db, link.account_id)
    if account is None:
        raise LinkExpired
    try:
        password = check_password(
            password,
            email=account.email,
            username=account.username,
            name=account.name,
            min_length=service.settings.password_min_length,
        )
    except FieldRefused as refused:
        raise InvalidFields(refused.error) from refused
    password_hash = await service.hasher.hash(password)
    async with sessions.ending(service, account.id) as db:
        await links.take(db, token, links.RESETS)
        await store.set_password_hash(db, account.id, password_hash, verified=True)
        await sessions_store.delete_of_account(db, account.id)
        await links.invalidate_links(db, account.id)
        await events.record(db, account.id, "password_reset", client)
        await mails.write(service, db, "password_changed", account)
