"""Statements about links in mails: kept by the SHA-256 of their token, good once."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from frontdesk.store.connection import Queries


class Link(NamedTuple):
    """What a link allows. `email`: the address that it was sent to; `account_email`: the account's own, now."""

    kind: str
    account_id: UUID
    email: str
    account_email: str
    asked_at: datetime


_OPEN = "l.token_hash = $1 AND l.kind = ANY ($2) AND l.expires_at > now()"


async def insert(
    db: Queries,
    token_hash: bytes,
    *,
    kind: str,
    account_id: UUID,
    email: str,
    asked_at: datetime,
    seconds: int,
) -> None:
    """A link that is good for `seconds` from now."""
    await db.execute(
        """
        INSERT INTO links (token_hash, account_id, kind, email, asked_at, expires_at)
        SELECT $1, id, $3, $4, $5, now() + make_interval(secs => $6) FROM accounts WHERE id = $2 FOR KEY SHARE
        """,
        token_hash,
        account_id,
        kind,
        email,
        asked_at,
        seconds,
    )


async def find(db: Queries, token_hash: bytes, kinds: tuple[str, ...]) -> Link | None:
    """What this link would allow; it stays good."""
    row = await db.fetchrow(
        f"""
        SELECT l.kind, l.account_id, l.email, a.email, l.asked_at FROM links l JOIN accounts a ON a.id = l.account_id
         WHERE {_OPEN} AND a.disabled_at IS NULL
        """,
        token_hash,
        list(kinds),
    )
    return None if row is None else Link(*row)


async def take(db: Queries, token_hash: bytes, kinds: tuple[str, ...]) -> Link | None:
    """The same, and it's used up. Of several at once, one gets it; the account is locked until the end."""
    # The account first, as everything that changes an account does, so that nobody waits for each other.
    account_id = await db.fetchval(f"SELECT l.account_id FROM links l WHERE {_OPEN}", token_hash, list(kinds))
    email = await db.fetchval(
        "SELECT email FROM accounts WHERE id = $1 AND disabled_at IS NULL FOR UPDATE", account_id
    )
    if email is None:
        return None
    row = await db.fetchrow(
        f"DELETE FROM links l WHERE {_OPEN} RETURNING l.kind, l.account_id, l.email, l.asked_at",
        token_hash,
        list(kinds),
    )
    return (
        None
        if row is None
        else Link(row["kind"], row["account_id"], row["email"], str(email), row["asked_at"])
    )


async def delete_of_account(
    db: Queries, account_id: UUID, *kinds: str, asked_since: datetime | None = None
) -> None:
    """Let links of an account lead nowhere any more; with `asked_since`, only those asked for then or later."""
    await db.execute(
        """
        DELETE FROM links WHERE account_id = $1 AND kind = ANY ($2)
           AND asked_at >= coalesce($3::timestamptz, '-infinity')
        """,
        account_id,
        list(kinds),
        asked_since,
    )


async def delete_expired(db: Queries, *, limit: int) -> int:
    """Remove at most `limit` links that are too old; how many it were."""
    return int(
        await db.fetchval(
            """
            WITH gone AS (
                DELETE FROM links WHERE token_hash IN (
                    SELECT token_hash FROM links WHERE expires_at <= now() ORDER BY expires_at
                     LIMIT $1 FOR UPDATE SKIP LOCKED
                ) RETURNING 1
            )
            SELECT count(*) FROM gone
            """,
            limit,
        )
    )
