"""Becoming known."""

import time
from uuid import uuid4

from frontdesk.accounts import attempts, events, identity, indexing, mails, reservations
from frontdesk.accounts.fields import Findings
from frontdesk.accounts.passwords import check_password
from frontdesk.accounts.service import Service
from frontdesk.model import Account, Client
from frontdesk.store import accounts as store
from frontdesk.store import attempts as attempts_store
from frontdesk.store import reservations as reservations_store


async def register(
    service: Service,
    *,
    email: str,
    username: str,
    name: str,
    password: str,
    language: str | None = None,
    client: Client,
    administrator: bool = False,
) -> Account:
    """Make an account, which search finds at once; with FRONTDESK_EMAIL_VERIFICATION=required, once its address is
    confirmed.

    In that case the account doesn't have its address before, but waits beside others that may want it. So a taken
    address is answered as a free one, down to what a login says afterwards; its owner is told by mail. An address that
    nobody can confirm is refused.

    Raises InvalidFields (all that is wrong at once), EmailTaken, UsernameTaken, Throttled, Busy, Unavailable.
    """
    service.hasher.admit()
    began = time.monotonic()
    verification = service.settings.email_verification
    unconfirmed = verification == "required" and not administrator
    findings = Findings()
    email = findings.take(identity.clean_email, email, reachable=unconfirmed)
    username = findings.take(identity.clean_username, username, reserved=administrator)
    name = findings.take(identity.clean_name, name)
    password = findings.take(
        check_password,
        password,
        email=email,
        username=username,
        name=name,
        min_length=service.settings.password_min_length,
    )
    if language is not None:
        findings.take(identity.check_language, language)
    findings.settle()
    if not administrator:
        await attempts.charge_registration(service, client)
    password_hash = await service.hasher.hash(
        password, deadline=service.settings.hash_deadline - (time.monotonic() - began)
    )
    async with service.db.transaction() as db:
        account = await store.insert(
            db,
            email=email,
            # Of no address: this isn't what anybody's looks like.
            email_key=f"unconfirmed {uuid4()}" if unconfirmed else identity.email_key(email),
            username=username,
            username_key=identity.username_key(username),
            name=name,
            password_hash=password_hash,
            language=language,
            administrator=administrator,
            # Whoever makes an administrator answers for their address.
            verified=administrator,
        )
        await reservations.check_username(db, account.id, account.username)
        if unconfirmed:
            await reservations_store.insert_unconfirmed(db, account.id)
        else:
            await reservations.check_email(db, account.id, account.email)
            await indexing.index_person(db, account.id, account.username, account.name)
        await events.record(db, account.id, "registered", client)
        if not administrator:
            await attempts_store.remember_places(db, account.id, attempts.places(client))
            if verification != "off":
                await mails.write_for_stranger(
                    service, db, "confirm", account_id=account.id, email=account.email, language=language
                )
    return account
