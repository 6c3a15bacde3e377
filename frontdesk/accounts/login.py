"""Showing who one is."""

import contextlib
import time

from frontdesk.accounts import attempts, events, identity, mails, sessions
from frontdesk.accounts.service import Service
from frontdesk.errors import Busy, EmailUnverified, Unauthenticated, Unavailable, WrongCredentials
from frontdesk.model import Client, Login
from frontdesk.store import accounts as store
from frontdesk.store import attempts as attempts_store

_LOGIN_MAX = max(identity.EMAIL_MAX, 4 * identity.USERNAME_MAX)


async def log_in(service: Service, *, login: str, password: str, client: Client) -> Login:
    """A new session for the account whose e-mail address or username is `login`.

    Raises WrongCredentials (the same, in the same time, for a wrong password and an unknown name), EmailUnverified
    (and sends another link), Throttled, Busy, Unavailable.
    """
    service.hasher.admit()
    began = time.monotonic()
    by_email = "@" in login
    # What can't be kept can't be found either, but must cost as much. Nor can what is too long, and NFKC takes
    # quadratic time for a long row of combining marks: a body's worth of them would stop this process.
    possible = len(login) <= _LOGIN_MAX and identity.is_text(login)
    key = (identity.email_key if by_email else identity.username_key)(login) if possible else ""
    here = attempts.places(client)
    found = await store.find_credentials(service.db, key, by_email=by_email, places=here)
    budgets = attempts.login_budgets(
        service,
        client,
        key,
        found.account.id if found else None,
        here=here,
        known=found.known if found else None,
    )
    await attempts.charge(service, budgets)
    subjects = [budget.subject for budget in budgets]
    try:
        verdict = await service.hasher.verify(
            found.password_hash if found else None,
            password,
            deadline=service.settings.hash_deadline - (time.monotonic() - began),
        )
    except Busy:
        await attempts_store.refund(service.db, subjects)
        raise
    if found is None or not verdict.ok:
        # The answer is the same if this can't be written down now.
        with contextlib.suppress(Unavailable):
            await events.record_failed_login(service, found.account.id if found else None, client)
        raise WrongCredentials
    account = found.account
    required = service.settings.email_verification == "required"
    if found.unconfirmed or (required and not account.email_verified):
        await attempts_store.refund(service.db, subjects)
        await mails.write_for_stranger(
            service,
            service.db,
            "confirm",
            account_id=account.id,
            email=account.email,
            language=account.language,
        )
        raise EmailUnverified
    try:
        started = await sessions.start(
            service,
            account,
            client,
            password_hash=found.password_hash,
            refunded=subjects[0] if len(subjects) > 1 else None,
            forgotten=subjects[-1],
        )
    except Unauthenticated as error:
        if verdict.renewed_hash_needed:
            # Another login of the same moment has renewed the hash; it can't need that twice.
            await attempts_store.refund(service.db, subjects)
            return await log_in(service, login=login, password=password, client=client)
        raise WrongCredentials from error
    # The login has succeeded: what is left to do may fail, and another login will do it.
    with contextlib.suppress(Busy, Unavailable):
        if found.fresh < len(here):
            await attempts_store.remember_places(service.db, account.id, here)
        if verdict.renewed_hash_needed:
            renewed = await service.hasher.hash(password)
            await store.replace_password_hash(service.db, account.id, old=found.password_hash, new=renewed)
    return started
