"""Statements that read all that is stored about one account; but for secrets, and the hashes of secrets."""

from typing import Any
from uuid import UUID

from frontdesk.store.connection import Queries


async def account(db: Queries, account_id: UUID) -> dict[str, Any] | None:
    row = await db.fetchrow(
        """
        SELECT id, email, email_key, email_verified_at, username, username_key, name, language, discoverable,
               administrator, disabled_at, created_at,
               (SELECT created_at FROM unconfirmed WHERE account_id = a.id) AS unconfirmed_since
          FROM accounts a WHERE id = $1
        """,
        account_id,
    )
    return None if row is None else dict(row)


async def sessions(db: Queries, account_id: UUID) -> list[dict[str, Any]]:
    return _rows(
        await db.fetch(
            """
            SELECT id, created_at, last_used_at, expires_at, host(address) AS address, user_agent
              FROM sessions WHERE account_id = $1 ORDER BY id
            """,
            account_id,
        )
    )


async def known_places(db: Queries, account_id: UUID) -> list[dict[str, Any]]:
    return _rows(
        await db.fetch(
            """
            SELECT encode(place, 'hex') AS place, last_login FROM known_places WHERE account_id = $1 ORDER BY last_login
            """,
            account_id,
        )
    )


async def search_keys(db: Queries, account_id: UUID) -> list[str]:
    rows = await db.fetch("SELECT key FROM people_keys WHERE account_id = $1 ORDER BY key", account_id)
    return [row["key"] for row in rows]


async def links(db: Queries, account_id: UUID) -> list[dict[str, Any]]:
    return _rows(
        await db.fetch(
            "SELECT kind, email, asked_at, expires_at FROM links WHERE account_id = $1 ORDER BY asked_at",
            account_id,
        )
    )


async def mails(db: Queries, account_id: UUID, email_key: str) -> list[dict[str, Any]]:
    """What waits to be sent, and what `frontdesk up` kept."""
    return _rows(
        await db.fetch(
            """
            SELECT id, kind, email, language, created_at, NULL AS subject
              FROM mails WHERE account_id = $1 OR email_key = $2
            UNION ALL
            SELECT id, 'kept', email, NULL, created_at, subject FROM kept_mails WHERE account_id = $1
             ORDER BY created_at
            """,
            account_id,
            email_key,
        )
    )


async def mails_counted(db: Queries, email_hash: bytes) -> list[Any]:
    return list(await db.fetchval("SELECT asked FROM mailboxes WHERE email_hash = $1", email_hash) or ())


async def reservations(db: Queries, account_id: UUID) -> list[dict[str, Any]]:
    return _rows(
        await db.fetch(
            "SELECT encode(digest, 'hex') AS digest, until FROM reservations WHERE account_id = $1 ORDER BY until",
            account_id,
        )
    )


async def attempts(db: Queries, account_id: UUID) -> list[dict[str, Any]]:
    """Budgets that have the account's id in their name; the table is short of everything that no longer counts."""
    return _rows(
        await db.fetch(
            """
            SELECT subject, failures, counted_at, blocked_until FROM attempts
             WHERE subject >= 'login account ' || $1 AND subject < 'login account ' || $1 || '!'
                OR subject IN ('email account ' || $1, 'export account ' || $1)
                OR subject IN (SELECT 'password session ' || id FROM sessions WHERE account_id = $1::text::uuid)
             ORDER BY subject
            """,
            str(account_id),
        )
    )


def _rows(found: list[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in found]
