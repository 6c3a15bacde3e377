"""Statements about accounts."""

from typing import NamedTuple
from uuid import UUID

import asyncpg

from frontdesk.errors import EmailTaken, UsernameTaken
from frontdesk.model import Account, Person
from frontdesk.store.connection import Queries

COLUMNS = (
    "id, email, username, name, language, discoverable, administrator, created_at, "
    "email_verified_at IS NOT NULL AS email_verified"
)


class Credentials(NamedTuple):
    """What a login is checked against.

    `known`: the last of the places that were asked for from which the account logged in before; `fresh`: from how many
    of them it did today; `unconfirmed`: whether nobody has shown to hold its address, which it therefore hasn't yet.
    """

    account: Account
    password_hash: str
    known: bytes | None
    fresh: int
    unconfirmed: bool


class Updated(NamedTuple):
    """An account as it is now; the username it had, if that's another; and whether search has to follow."""

    account: Account
    former_username: str | None
    moved: bool


async def insert(
    db: Queries,
    *,
    email: str,
    email_key: str,
    username: str,
    username_key: str,
    name: str,
    password_hash: str,
    language: str | None,
    administrator: bool = False,
    verified: bool = False,
) -> Account:
    """A new account. Raises EmailTaken, UsernameTaken: the unique indexes decide, so a race has one winner."""
    try:
        row = await db.fetchrow(
            f"""
            INSERT INTO accounts
                (email, email_key, username, username_key, name, password_hash, language, administrator,
                 email_verified_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $9 THEN now() END)
            RETURNING {COLUMNS}
            """,
            email,
            email_key,
            username,
            username_key,
            name,
            password_hash,
            language,
            administrator,
            verified,
        )
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from error
    return Account(**row)


async def find_credentials(
    db: Queries, key: str, *, by_email: bool, places: list[bytes]
) -> Credentials | None:
    """The account that a login names, with its hash and which of `places` it knows."""
    row = await db.fetchrow(
        f"""
        SELECT {COLUMNS}, password_hash, known, fresh,
               EXISTS (SELECT FROM unconfirmed WHERE account_id = a.id) AS unconfirmed
          FROM accounts a
         CROSS JOIN LATERAL (
                SELECT (array_agg(place ORDER BY array_position($2, place) DESC))[1] AS known,
                       count(*) FILTER (WHERE last_login > now() - interval '1 day') AS fresh
                  FROM known_places WHERE account_id = a.id AND place = ANY ($2)) places
         WHERE {"email_key" if by_email else "username_key"} = $1 AND disabled_at IS NULL
        """,
        key,
        places,
    )
    if row is None:
        return None
    values = dict(row)
    rest = [values.pop(name) for name in Credentials._fields[1:]]
    return Credentials(Account(**values), *rest)


async def fetch_password_hash(db: Queries, account_id: UUID) -> str | None:
    found = await db.fetchval("SELECT password_hash FROM accounts WHERE id = $1", account_id)
    return None if found is None else str(found)


async def replace_password_hash(db: Queries, account_id: UUID, *, old: str, new: str) -> bool:
    """Put a new hash in the place of the one that was looked at; False if that has changed meanwhile."""
    return bool(
        await db.fetchval(
            "UPDATE accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING true",
            account_id,
            old,
            new,
        )
    )


async def update(
    db: Queries,
    account_id: UUID,
    *,
    username: str | None,
    username_key: str | None,
    name: str | None,
    language: str | None,
    discoverable: bool | None,
) -> Updated | None:
    """Change what isn't None; None if there's no such account, or it's disabled. Raises UsernameTaken."""
    try:
        row = await db.fetchrow(
            f"""
            UPDATE accounts
               SET username = coalesce($2, username), username_key = coalesce($3, username_key),
                   name = coalesce($4, name), language = coalesce($5, language),
                   discoverable = coalesce($6, discoverable)
             WHERE id = $1 AND disabled_at IS NULL
            RETURNING {COLUMNS}, nullif(old.username, new.username) AS former_username,
                      (old.username, old.name, old.discoverable) <> (new.username, new.name, new.discoverable) AS moved
            """,
            account_id,
            username,
            username_key,
            name,
            language,
            discoverable,
        )
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from error
    if row is None:
        return None
    values = dict(row)
    former, moved = values.pop("former_username"), values.pop("moved")
    return Updated(Account(**values), former, moved)


async def find(db: Queries, account_id: UUID) -> Account | None:
    """An account that isn't disabled, by its id."""
    row = await db.fetchrow(
        f"SELECT {COLUMNS} FROM accounts WHERE id = $1 AND disabled_at IS NULL", account_id
    )
    return None if row is None else Account(**row)


async def lock(db: Queries, account_id: UUID) -> Account | None:
    """An account that nobody else changes until this transaction ends."""
    row = await db.fetchrow(f"SELECT {COLUMNS} FROM accounts WHERE id = $1 FOR UPDATE", account_id)
    return None if row is None else Account(**row)


async def hold(db: Queries, *, account_id: UUID | None, email_key: str) -> Account | None:
    """An account by its id or, without, by its address; not changed nor disabled until this transaction ends."""
    row = await db.fetchrow(
        f"""
        SELECT {COLUMNS} FROM accounts
         WHERE {"id = $1" if account_id else "email_key = $1"} AND disabled_at IS NULL FOR SHARE
        """,
        account_id or email_key,
    )
    return None if row is None else Account(**row)


async def email_owner(db: Queries, email_key: str) -> tuple[UUID, str] | None:
    """Whose address this is, also if they're disabled, and how they write it."""
    row = await db.fetchrow("SELECT id, email FROM accounts WHERE email_key = $1", email_key)
    return None if row is None else (row["id"], row["email"])


async def replace_email(db: Queries, account_id: UUID, *, email: str, email_key: str) -> Account:
    """Give an account an address whose holder has confirmed it. Raises EmailTaken."""
    try:
        row = await db.fetchrow(
            f"""
            UPDATE accounts SET email = $2, email_key = $3, email_verified_at = now()
             WHERE id = $1 RETURNING {COLUMNS}
            """,
            account_id,
            email,
            email_key,
        )
    except asyncpg.UniqueViolationError as error:
        raise _taken(error) from error
    return Account(**row)


async def set_password_hash(db: Queries, account_id: UUID, password_hash: str, *, verified: bool) -> None:
    """A new password, whatever it was; `verified`: whether its owner has just shown to hold the address."""
    await db.execute(
        """
        UPDATE accounts SET password_hash = $2,
               email_verified_at = CASE WHEN $3 THEN coalesce(email_verified_at, now()) ELSE email_verified_at END
         WHERE id = $1
        """,
        account_id,
        password_hash,
        verified,
    )


async def delete(db: Queries, account_id: UUID) -> None:
    """Remove an account; its sessions, known places, links and mails go with it."""
    await db.execute("DELETE FROM accounts WHERE id = $1", account_id)


async def disable(db: Queries, username_key: str) -> Account | None:
    """Shut an account out. None: there is none of that name."""
    row = await db.fetchrow(
        f"""
        UPDATE accounts SET disabled_at = coalesce(disabled_at, now())
         WHERE username_key = $1 RETURNING {COLUMNS}
        """,
        username_key,
    )
    return None if row is None else Account(**row)


async def enable(db: Queries, username_key: str) -> Account | None:
    """Let a disabled account in again. None: there is none of that name."""
    row = await db.fetchrow(
        f"UPDATE accounts SET disabled_at = NULL WHERE username_key = $1 RETURNING {COLUMNS}", username_key
    )
    return None if row is None else Account(**row)


async def find_person(db: Queries, username_key: str, *, viewer: UUID) -> Person | None:
    """Somebody who lets others find them, or the viewer, who always sees themselves."""
    row = await db.fetchrow(
        """
        SELECT username, name FROM accounts
         WHERE username_key = $1 AND disabled_at IS NULL AND (discoverable OR id = $2)
           AND NOT EXISTS (SELECT FROM unconfirmed WHERE account_id = id)
        """,
        username_key,
        viewer,
    )
    return None if row is None else Person(**row)


def _taken(error: asyncpg.UniqueViolationError) -> EmailTaken | UsernameTaken:
    return EmailTaken() if error.constraint_name == "accounts_email_key" else UsernameTaken()
