"""What others, and oneself, see of an account: changing it, and finding people by it."""

import contextlib
from uuid import UUID

from frontdesk.accounts import attempts, events, identity, indexing, mails, reservations, search, sessions
from frontdesk.accounts.fields import Findings
from frontdesk.accounts.links import invalidate_links
from frontdesk.accounts.passwords import check_password
from frontdesk.accounts.service import Service
from frontdesk.errors import Busy, FieldRefused, NotFound, Unauthenticated, Unavailable
from frontdesk.model import Account, Client, People, Person, Visit
from frontdesk.store import accounts as store
from frontdesk.store import attempts as attempts_store
from frontdesk.store import sessions as sessions_store
from frontdesk.store.notifications import announce_ended


async def update(
    service: Service,
    visit: Visit,
    client: Client,
    *,
    username: str | None = None,
    name: str | None = None,
    language: str | None = None,
    discoverable: bool | None = None,
) -> Account:
    """Change what isn't None; search follows in the same transaction.

    Another username is another name to log in with, so the login must be recent (OWASP ASVS 7.5.1), and nobody else may
    have the one of before for 30 days.

    Raises InvalidFields, RecentLoginRequired, UsernameTaken, Throttled, Unavailable.
    """
    findings = Findings()
    if username is not None:
        administrator = visit.account.administrator
        username = findings.take(identity.clean_username, username, reserved=administrator)
    if name is not None:
        name = findings.take(identity.clean_name, name)
    if language is not None:
        language = findings.take(identity.check_language, language)
    findings.settle()
    if all(value is None for value in (username, name, language, discoverable)):
        return visit.account
    key = None if username is None else identity.username_key(username)
    if key is not None and key != identity.username_key(visit.account.username):
        sessions.require_recent_login(service, visit)
        await attempts.charge_username(service, visit.account.id)
    async with service.db.transaction() as db:
        updated = await store.update(
            db,
            visit.account.id,
            username=username,
            username_key=key,
            name=name,
            language=language,
            discoverable=discoverable,
        )
        if updated is None:
            raise Unauthenticated
        account, former = updated.account, updated.former_username
        if former is not None and identity.username_key(former) != key:
            await reservations.check_username(db, account.id, account.username)
            await reservations.reserve_username(db, former, account_id=account.id)
            await events.record(db, account.id, "username_changed", client)
        if updated.moved and account.discoverable:
            await indexing.index_person(db, account.id, account.username, account.name)
        elif updated.moved:
            await indexing.unindex_person(db, account.id)
        if former is not None:
            await announce_ended(db, account.id)
    if former is not None:
        service.memory.forget(account.id)
    return account


async def change_password(
    service: Service, visit: Visit, *, current_password: str, password: str, client: Client
) -> None:
    """A new password; every other session ends (OWASP ASVS 7.4.3), and a mail tells the owner.

    Wrong guesses at the current one count like wrong logins: a stolen session must not be a way to find it.
    Raises InvalidFields, Throttled, Busy, Unavailable.
    """
    service.hasher.admit()
    account = visit.account
    findings = Findings()
    password = findings.take(
        check_password,
        password,
        email=account.email,
        username=account.username,
        name=account.name,
        min_length=service.settings.password_min_length,
    )
    findings.settle()
    stored = await store.fetch_password_hash(service.db, account.id)
    if stored is None:
        raise Unauthenticated
    budgets = attempts.password_budgets(service, client, visit.session_id)
    await attempts.charge(service, budgets)
    subjects = [budget.subject for budget in budgets]
    deadline = service.settings.hash_deadline
    try:
        verdict = await service.hasher.verify(stored, current_password, deadline=deadline)
        if not verdict.ok:
            raise FieldRefused("current_password", "current_password_wrong")
        password_hash = await service.hasher.hash(password, deadline=deadline)
    except Busy:
        await attempts_store.refund(service.db, subjects)
        raise
    async with sessions.ending(service, account.id) as db:
        # Whoever changed it while we hashed has ended the session that asks, and mustn't be overruled by it.
        if not await store.replace_password_hash(db, account.id, old=stored, new=password_hash):
            raise FieldRefused("current_password", "current_password_wrong")
        await sessions_store.delete_of_account(db, account.id, except_for=visit.session_id)
        await invalidate_links(db, account.id)
        await events.record(db, account.id, "password_changed", client)
        await mails.write(service, db, "password_changed", account)
    # It is changed, whatever becomes of this.
    with contextlib.suppress(Unavailable):
        await attempts_store.refund(service.db, subjects)


async def find_people(
    service: Service, viewer: UUID, client: Client, text: str, *, limit: int, after: str | None
) -> People:
    """A page of the people that `text` may mean; see search.search. `viewer`: the account that asks.

    Raises Throttled, InvalidCursor, Unavailable.
    """
    service.searches.charge(f"account {viewer}")
    service.searches.charge(f"address {attempts.network(client.address)}", times=10)
    return await search.search(service.lookups, text, limit=limit, after=after)


async def find_person(service: Service, viewer: UUID, username: str) -> Person:
    """Somebody by their username, as others see them.

    Counts as a search, or usernames could be tried as fast as a script can. Raises NotFound, also for those who
    hide; Throttled, Unavailable.
    """
    service.searches.charge(f"account {viewer}")
    if not identity.is_text(username) or len(username) > 4 * identity.USERNAME_MAX:
        raise NotFound
    person = await store.find_person(service.db, identity.username_key(username), viewer=viewer)
    if person is None:
        raise NotFound
    return person
