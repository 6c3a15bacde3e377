"""Becoming known."""

import time

from frontdesk.accounts import attempts, identity, search
from frontdesk.accounts.fields import Findings
from frontdesk.accounts.passwords import check_password
from frontdesk.accounts.service import Service
from frontdesk.model import Account, Client
from frontdesk.store import accounts as store
from frontdesk.store import attempts as attempts_store


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
    """Make an account, which search finds at once.

    Raises InvalidFields (all that is wrong at once), EmailTaken, UsernameTaken, Throttled, Busy, Unavailable.
    """
    service.hasher.admit()
    began = time.monotonic()
    findings = Findings()
    email = findings.take(identity.clean_email, email)
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
            email_key=identity.email_key(email),
            username=username,
            username_key=identity.username_key(username),
            name=name,
            password_hash=password_hash,
            language=language,
            administrator=administrator,
        )
        await search.index_person(db, account.id, account.username, account.name)
        if not administrator:
            await attempts_store.remember_places(db, account.id, attempts.places(client))
    return account
