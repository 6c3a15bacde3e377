"""Statements about sessions."""

from datetime import datetime
from uuid import UUID

from frontdesk.model import Account, Session, Visit
from frontdesk.store.connection import Queries

# Uses are written down a minute apart, or a quarter of the seconds ($2) without any after which a session ends.
_A_WHILE_AGO = "now() - make_interval(secs => least(60, $2::double precision / 4))"


async def insert(
    db: Queries,
    account_id: UUID,
    *,
    token_hash: bytes,
    lifetime: int,
    address: str | None,
    user_agent: str,
    keep: int,
    password_hash: str | None,
    refunded: str | None,
    forgotten: str | None,
) -> tuple[datetime, int] | None:
    """A new session of `lifetime` seconds; when it ends, and how many ended for it: only the newest `keep` of an
    account are kept. That somebody logged in is written down, and their budgets of attempts are settled: `refunded`
    gets its attempt back, `forgotten` starts anew, as its owner is known now.

    None, and no session: the account is gone, disabled or has another hash than `password_hash`. The lock makes
    this and whoever changes the account take turns.
    """
    row = await db.fetchrow(
        """
        WITH inserted AS (
            INSERT INTO sessions (account_id, token_hash, expires_at, address, user_agent)
            SELECT id, $2, now() + make_interval(secs => $3), $4::text::inet, $5
              FROM accounts
             WHERE id = $1 AND disabled_at IS NULL AND ($7::text IS NULL OR password_hash = $7)
               FOR SHARE
            RETURNING expires_at
        ), noted AS (
            INSERT INTO account_events (account_id, kind, address, user_agent)
            SELECT $1, 'logged_in', $4::text::inet, $5 FROM inserted
        ), surplus AS (
            DELETE FROM sessions
             WHERE EXISTS (SELECT FROM inserted)
               AND id IN (SELECT id FROM sessions WHERE account_id = $1 ORDER BY created_at DESC OFFSET $6 - 1)
            RETURNING 1
        ), refunded AS (
            UPDATE attempts SET failures = greatest(0, failures - 1), blocked_until = clock_timestamp()
             WHERE subject = $8 AND EXISTS (SELECT FROM inserted)
            RETURNING 1
        ), forgotten AS (
            -- After the other, as attempts are charged: else the two statements could wait for each other.
            DELETE FROM attempts WHERE subject = $9 AND EXISTS (SELECT FROM inserted)
                                   AND (SELECT count(*) FROM refunded) >= 0
        )
        SELECT expires_at, (SELECT count(*) FROM surplus) AS ended FROM inserted
        """,
        account_id,
        token_hash,
        lifetime,
        address,
        user_agent,
        keep,
        password_hash,
        refunded,
        forgotten,
    )
    return None if row is None else (row["expires_at"], row["ended"])


async def find_visit(db: Queries, token_hash: bytes, *, idle: int) -> tuple[Visit, bool] | None:
    """Who holds this token, and whether its last use was noted a while ago; `idle`: seconds without any after which
    it ends.

    The most frequent statement of all: two index look-ups, one round trip.
    """
    row = await db.fetchrow(
        f"""
        SELECT s.id, s.created_at, s.last_used_at < {_A_WHILE_AGO},
               a.id, a.email, a.username, a.name, a.language, a.discoverable, a.administrator, a.created_at,
               a.email_verified_at IS NOT NULL
          FROM sessions s JOIN accounts a ON a.id = s.account_id
         WHERE s.token_hash = $1 AND s.expires_at > now()
           AND s.last_used_at > now() - make_interval(secs => $2) AND a.disabled_at IS NULL
        """,
        token_hash,
        idle,
    )
    if row is None:
        return None
    account = Account(
        id=row[3],
        email=row[4],
        username=row[5],
        name=row[6],
        language=row[7],
        discoverable=row[8],
        administrator=row[9],
        created_at=row[10],
        email_verified=row[11],
    )
    return Visit(account=account, session_id=row[0], logged_in_at=row[1]), row[2]


async def note_use(db: Queries, session_id: UUID, *, address: str | None, idle: int) -> None:
    """Write down that and from where a session is used, unless somebody did a moment ago, as find_visit says it."""
    await db.execute(
        f"""
        UPDATE sessions SET last_used_at = now(), address = coalesce($3::text::inet, address)
         WHERE id = $1 AND last_used_at < {_A_WHILE_AGO}
        """,
        session_id,
        idle,
        address,
    )


async def select_of_account(db: Queries, account_id: UUID, *, current: UUID, idle: int) -> list[Session]:
    """The sessions that still count, the last used first."""
    rows = await db.fetch(
        """
        SELECT id, created_at, last_used_at, expires_at, host(address) AS address, user_agent, id = $2 AS current
          FROM sessions
         WHERE account_id = $1 AND expires_at > now() AND last_used_at > now() - make_interval(secs => $3)
         ORDER BY id = $2 DESC, last_used_at DESC, id
        """,
        account_id,
        current,
        idle,
    )
    return [Session(**row) for row in rows]


async def delete(db: Queries, session_id: UUID, *, account_id: UUID) -> bool:
    """End one session of an account; whether there was one."""
    return bool(
        await db.fetchval(
            "DELETE FROM sessions WHERE id = $1 AND account_id = $2 RETURNING true", session_id, account_id
        )
    )


async def delete_of_account(db: Queries, account_id: UUID, *, except_for: UUID | None = None) -> None:
    """End all sessions of an account, but for one."""
    await db.execute(
        "DELETE FROM sessions WHERE account_id = $1 AND id IS DISTINCT FROM $2", account_id, except_for
    )


async def delete_expired(db: Queries, *, limit: int) -> int:
    """Remove at most `limit` sessions that ended; how many it were."""
    return int(
        await db.fetchval(
            """
            WITH gone AS (
                DELETE FROM sessions WHERE id IN (
                    SELECT id FROM sessions WHERE expires_at <= now() ORDER BY expires_at
                     LIMIT $1 FOR UPDATE SKIP LOCKED
                ) RETURNING 1
            )
            SELECT count(*) FROM gone
            """,
            limit,
        )
    )


async def count(db: Queries) -> int:
    """About how many sessions there are, from the planner's own figures: free at any size."""
    return max(
        0, int(await db.fetchval("SELECT reltuples::bigint FROM pg_class WHERE oid = 'sessions'::regclass"))
    )
