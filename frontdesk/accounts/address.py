"""An account's e-mail address: confirming it, having another one, and taking that back."""

from frontdesk.accounts import attempts, events, identity, indexing, links, mails, reservations, sessions
from frontdesk.accounts.checking import NO_PASSWORD
from frontdesk.accounts.service import Service
from frontdesk.errors import Busy, FieldRefused, InvalidFields, LinkExpired, NotFound, Unauthenticated
from frontdesk.model import Account, Client, Visit
from frontdesk.store import accounts as store
from frontdesk.store import attempts as attempts_store
from frontdesk.store import links as links_store
from frontdesk.store import mails as mails_store
from frontdesk.store import reservations as reservations_store
from frontdesk.store import sessions as sessions_store
from frontdesk.store.connection import Queries
from frontdesk.store.links import Link


async def change_email(service: Service, visit: Visit, *, email: str, password: str, client: Client) -> None:
    """Ask for another address, or again for the link that confirms one's own.

    Nothing changes until the new address confirms. The old one is told, with a link that takes it back for 7 days.
    Whether the new one is somebody's isn't told here, but to them. Raises InvalidFields, Throttled, Busy, NotFound if
    this service sends no mail, Unavailable.
    """
    if service.mails == "off":
        raise NotFound
    service.hasher.admit()
    account = visit.account
    try:
        email = identity.clean_email(email, reachable=True)
    except FieldRefused as refused:
        raise InvalidFields(refused.error) from refused
    stored = await store.fetch_password_hash(service.db, account.id)
    if stored is None:
        raise Unauthenticated
    budgets = attempts.password_budgets(service, client, visit.session_id)
    await attempts.charge(service, budgets)
    subjects = [budget.subject for budget in budgets]
    try:
        verdict = await service.hasher.verify(stored, password, deadline=service.settings.hash_deadline)
    except Busy:
        await attempts_store.refund(service.db, subjects)
        raise
    if not verdict.ok:
        raise InvalidFields(FieldRefused("password", "current_password_wrong").error)
    await attempts_store.refund(service.db, subjects)
    await attempts.charge_mail(service, client)
    await attempts.charge_email_change(service, account.id)
    async with service.db.transaction() as db:
        # Whoever has set another password while we hashed has ended what the old one allows.
        if (
            await store.lock(db, account.id) is None
            or await store.fetch_password_hash(db, account.id) != stored
        ):
            raise InvalidFields(FieldRefused("password", "current_password_wrong").error)
        if email == account.email:
            if not account.email_verified:
                await mails.write_for_stranger(
                    service, db, "confirm", account_id=account.id, email=email, language=account.language
                )
            return
        # Only the last address that was asked for can become the account's.
        await links_store.delete_of_account(db, account.id, "change")
        await mails_store.delete_of_account(db, account.id, "change")
        await mails.write_for_stranger(
            service, db, "change", account_id=account.id, email=email, language=account.language
        )
        await mails.write(service, db, "undo", account)
        await events.record(db, account.id, "email_change_asked", client)


async def find_link(service: Service, token: str) -> Link:
    """What a link would do; it stays good. Raises LinkExpired, Unavailable."""
    return await links.look_up(service, token, links.CONFIRMATIONS)


async def confirm(service: Service, token: str, client: Client) -> None:
    """Do what a link is for: confirm an address, have another one, or take that back.

    Raises LinkExpired, EmailTaken if the address has become another account's meanwhile, Unavailable.
    """
    link = await links.look_up(service, token, links.CONFIRMATIONS)
    async with sessions.ending(service, link.account_id) as db:
        link = await links.take(db, token, links.CONFIRMATIONS)
        account = await store.find(db, link.account_id)
        if account is None:
            raise LinkExpired
        match link.kind:
            case "undo":
                await _undo(service, db, account, link, client)
            case "change":
                await _move(db, account, link.email)
                await events.record(db, account.id, "email_changed", client)
            case _:
                await _settle(db, account, link.email)
                await events.record(db, account.id, "email_confirmed", client)


async def _settle(db: Queries, account: Account, email: str) -> None:
    """The address is the account's for good; one that waited for that can be found from now on."""
    await reservations.check_email(db, account.id, email)
    await store.replace_email(db, account.id, email=email, email_key=identity.email_key(email))
    await links_store.delete_of_account(db, account.id, "confirm")
    if await reservations_store.delete_unconfirmed(db, account.id) and account.discoverable:
        await indexing.index_person(db, account.id, account.username, account.name)


async def _move(db: Queries, account: Account, email: str) -> None:
    await _settle(db, account, email)
    await links_store.delete_of_account(db, account.id, "reset", "change")
    # Nobody registers with it while its owner may still take it back; unless it was never shown to be theirs.
    if account.email_verified and identity.email_key(email) != identity.email_key(account.email):
        await reservations.reserve_email(db, account.id, account.email)


async def _undo(service: Service, db: Queries, account: Account, link: Link, client: Client) -> None:
    """Back to the address that the link was sent to, for whoever asked for the change knew the password.

    So that password ends, with all sessions. Links that were sent to addresses which the account had later end too:
    they are a thief's.
    """
    if link.email != account.email:
        await _move(db, account, link.email)
    await store.set_password_hash(db, account.id, NO_PASSWORD, verified=False)
    await sessions_store.delete_of_account(db, account.id)
    await links.invalidate_links(db, account.id)
    await links_store.delete_of_account(db, account.id, "undo", asked_since=link.asked_at)
    await mails_store.delete_of_account(db, account.id, "undo", asked_since=link.asked_at)
    await events.record(db, account.id, "email_change_undone", client)
    restored = await store.find(db, account.id)
    assert restored is not None
    await mails.write(service, db, "reset", restored)
