"""Statements about many accounts at once."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from frontdesk.store.connection import Queries

EXPORTED = (
    "id, email, username, name, password_hash, language, discoverable, administrator, disabled_at AS disabled, "
    "email_verified_at AS email_verified, created_at"
)


class Holder(NamedTuple):
    """An account that has an id, e-mail address or username that others wanted."""

    id: UUID
    email_key: str
    username_key: str


async def is_empty(db: Queries) -> bool:
    """Whether nobody has an account yet."""
    return not await db.fetchval("SELECT EXISTS (SELECT FROM accounts)")


async def insert_accounts(
    db: Queries,
    *,
    id: list[UUID],
    email: list[str],
    email_key: list[str],
    username: list[str],
    username_key: list[str],
    name: list[str],
    password_hash: list[str],
    language: list[str | None],
    discoverable: list[bool],
    administrator: list[bool],
    disabled_at: list[datetime | None],
    email_verified_at: list[datetime | None],
    created_at: list[datetime | None],
) -> list[UUID]:
    """Insert those whose id, e-mail and username are free, also among themselves; the ids of these."""
    # One row with all ids: a row each costs as much again on our side.
    found = await db.fetchval(
        """
        WITH inserted AS (
        INSERT INTO accounts
            (id, email, email_key, username, username_key, name, password_hash, language, discoverable,
             administrator, disabled_at, email_verified_at, created_at)
        SELECT id, email, email_key, username, username_key, name, password_hash, language, discoverable,
               administrator, disabled_at, email_verified_at, coalesce(created_at, now())
          FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                      $8::text[], $9::boolean[], $10::boolean[], $11::timestamptz[], $12::timestamptz[],
                      $13::timestamptz[])
               AS new (id, email, email_key, username, username_key, name, password_hash, language,
                       discoverable, administrator, disabled_at, email_verified_at, created_at)
            ON CONFLICT DO NOTHING
        RETURNING id)
        SELECT array_agg(id) FROM inserted
        """,
        id,
        email,
        email_key,
        username,
        username_key,
        name,
        password_hash,
        language,
        discoverable,
        administrator,
        disabled_at,
        email_verified_at,
        created_at,
    )
    return list(found or ())


async def find_holders(
    db: Queries, ids: Sequence[UUID], email_keys: Sequence[str], username_keys: Sequence[str]
) -> list[Holder]:
    """The accounts that have any of these."""
    # Three lookups instead of one OR, which would read the whole table.
    rows = await db.fetch(
        """
        SELECT id, email_key, username_key FROM accounts WHERE id = ANY ($1::uuid[])
        UNION
        SELECT id, email_key, username_key FROM accounts WHERE email_key = ANY ($2::text[])
        UNION
        SELECT id, email_key, username_key FROM accounts WHERE username_key = ANY ($3::text[])
        """,
        ids,
        email_keys,
        username_keys,
    )
    return [Holder(*row) for row in rows]


async def analyse(db: Queries) -> None:
    """Let the planner know of what came in now, rather than at the next round of autovacuum."""
    for table in ("accounts", "people_keys", "people_words", "people_near"):
        await db.execute(f"ANALYZE {table}")


async def read_accounts(db: Queries, size: int) -> AsyncIterator[list[Any]]:
    """Every account as it was at the start, in the order of ids, `size` at a time. In a transaction.

    But for those that nobody has confirmed: their addresses aren't theirs.
    """
    await db.execute(
        f"""
        DECLARE export NO SCROLL CURSOR FOR SELECT {EXPORTED} FROM accounts a
            WHERE NOT EXISTS (SELECT FROM unconfirmed WHERE account_id = a.id) ORDER BY id
        """
    )
    while rows := await db.fetch(f"FETCH {int(size)} FROM export"):
        yield rows
