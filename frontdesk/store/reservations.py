"""Statements about names that nobody may have yet, and accounts that nobody has confirmed."""

from uuid import UUID

from frontdesk.store.connection import Queries

# Days after which an account that nobody confirmed makes way.
_UNCONFIRMED_DAYS = 7


async def reserve(
    db: Queries, digest: bytes, *, account_id: UUID | None, days: int, of_username: bool
) -> None:
    """Let nobody have this for `days` days but `account_id`."""
    await db.execute(
        """
        INSERT INTO reservations (digest, account_id, until, of_username)
        VALUES ($1, $2, now() + make_interval(days => $3), $4)
        ON CONFLICT (digest) DO UPDATE
           SET account_id = EXCLUDED.account_id, until = EXCLUDED.until, of_username = EXCLUDED.of_username
        """,
        digest,
        account_id,
        days,
        of_username,
    )


async def is_reserved(db: Queries, digest: bytes, *, against: UUID) -> bool:
    """Whether `against` can't have it."""
    return bool(
        await db.fetchval(
            """
            SELECT EXISTS (SELECT FROM reservations
                            WHERE digest = $1 AND until > now() AND account_id IS DISTINCT FROM $2)
            """,
            digest,
            against,
        )
    )


async def release(db: Queries, account_id: UUID) -> None:
    """Free the addresses that an account had; its usernames stay nobody's until their time is over."""
    await db.execute("DELETE FROM reservations WHERE account_id = $1 AND NOT of_username", account_id)
    await db.execute("UPDATE reservations SET account_id = NULL WHERE account_id = $1", account_id)


async def delete_past(db: Queries, *, limit: int) -> int:
    """Remove at most `limit` reservations that have ended; how many it were."""
    return int(
        await db.fetchval(
            """
            WITH gone AS (
                DELETE FROM reservations WHERE digest IN (
                    SELECT digest FROM reservations WHERE until <= now() ORDER BY until
                     LIMIT $1 FOR UPDATE SKIP LOCKED
                ) RETURNING 1
            )
            SELECT count(*) FROM gone
            """,
            limit,
        )
    )


async def insert_unconfirmed(db: Queries, account_id: UUID) -> None:
    """Note that nobody has shown to hold the address of this account."""
    await db.execute("INSERT INTO unconfirmed (account_id) VALUES ($1)", account_id)


async def is_unconfirmed(db: Queries, account_id: UUID) -> bool:
    return bool(
        await db.fetchval("SELECT EXISTS (SELECT FROM unconfirmed WHERE account_id = $1)", account_id)
    )


async def delete_unconfirmed(db: Queries, account_id: UUID) -> bool:
    """Somebody has; whether it was noted before."""
    return bool(await db.fetchval("DELETE FROM unconfirmed WHERE account_id = $1 RETURNING true", account_id))


async def select_abandoned(db: Queries, *, limit: int) -> list[UUID]:
    """At most `limit` accounts that nobody confirmed in time, locked until this transaction ends.

    The condition on accounts is looked at again once the lock is held: who has confirmed in this moment stays.
    """
    rows = await db.fetch(
        """
        SELECT u.account_id FROM unconfirmed u JOIN accounts a ON a.id = u.account_id
         WHERE u.created_at <= now() - make_interval(days => $1) AND a.email_key LIKE 'unconfirmed %'
         ORDER BY u.created_at LIMIT $2 FOR UPDATE OF a SKIP LOCKED
        """,
        _UNCONFIRMED_DAYS,
        limit,
    )
    return [row["account_id"] for row in rows]
