"""Statements about mails that wait to be sent."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from frontdesk.store.connection import Queries

# Seconds for which nobody else sends a mail that somebody has begun to send.
LEASE = 120

# A mail that can't be sent is tried again after 15 s, 30 s, 1 min ... 1 h, and no longer than a day.
_FIRST, _LONGEST, _DAY = 15.0, 3600.0, "interval '1 day'"


class Mail(NamedTuple):
    """A mail to be sent; `account_id` None: to whoever has this address, if anybody has."""

    id: UUID
    kind: str
    account_id: UUID | None
    email: str
    email_key: str
    language: str | None
    created_at: datetime
    tries: int


class Kept(NamedTuple):
    """A mail that `frontdesk up` kept."""

    id: UUID
    email: str
    subject: str
    body: str
    created_at: datetime


async def insert(
    db: Queries,
    kind: str,
    *,
    account_id: UUID | None,
    email: str,
    email_key: str,
    language: str | None,
) -> None:
    """Let a mail be sent when this transaction commits."""
    await db.execute(
        "INSERT INTO mails (kind, account_id, email, email_key, language) VALUES ($1, $2, $3, $4, $5)",
        kind,
        account_id,
        email,
        email_key,
        language,
    )


async def insert_limited(
    db: Queries,
    kind: str,
    *,
    account_id: UUID | None,
    email: str,
    email_key: str,
    language: str | None,
    email_hash: bytes,
    hourly: int,
) -> None:
    """The same, unless the address got `hourly` of these within the last hour. Nobody is told which it was."""
    # clock_timestamp(): of several that wait for the row's lock, each must see its own time.
    await db.execute(
        """
        WITH counted AS (
            INSERT INTO mailboxes AS m (email_hash, asked) VALUES ($6, ARRAY[clock_timestamp()])
            ON CONFLICT (email_hash) DO UPDATE
               SET asked = ARRAY(SELECT t FROM unnest(m.asked) t
                                  WHERE t > clock_timestamp() - interval '1 hour') || clock_timestamp()
             WHERE (SELECT count(*) FROM unnest(m.asked) t WHERE t > clock_timestamp() - interval '1 hour') < $7
            RETURNING 1)
        INSERT INTO mails (kind, account_id, email, email_key, language)
        SELECT $1, $2, $3, $4, $5 FROM counted
         -- The account may be gone since it was looked up.
         WHERE $2::uuid IS NULL OR EXISTS (SELECT FROM accounts WHERE id = $2 FOR KEY SHARE)
        """,
        kind,
        account_id,
        email,
        email_key,
        language,
        email_hash,
        hourly,
    )


async def claim(db: Queries, *, limit: int) -> list[Mail]:
    """At most `limit` mails that are due, for LEASE seconds the caller's alone."""
    rows = await db.fetch(
        f"""
        UPDATE mails SET due_at = now() + make_interval(secs => {LEASE}), tries = tries + 1
         WHERE id IN (SELECT id FROM mails WHERE due_at <= now() AND created_at > now() - {_DAY}
                       ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING id, kind, account_id, email, email_key, language, created_at, tries
        """,
        limit,
    )
    return [Mail(*row) for row in rows]


async def delete(db: Queries, mail_id: UUID) -> None:
    """It's sent, or there is nobody to send it to any more."""
    await db.execute("DELETE FROM mails WHERE id = $1", mail_id)


async def postpone(db: Queries, mail: Mail) -> None:
    """Try it again later: each time twice as late, give or take a quarter."""
    await db.execute(
        """
        UPDATE mails SET due_at = now() + make_interval(secs => least($2, $3 * 2 ^ least(20, $4::int - 1))
                                                               * (0.75 + random() / 2))
         WHERE id = $1
        """,
        mail.id,
        _LONGEST,
        _FIRST,
        mail.tries,
    )


async def delete_given_up(db: Queries, *, limit: int) -> list[str]:
    """Remove at most `limit` mails that couldn't be sent for a day; their kinds."""
    rows = await db.fetch(
        f"""
        DELETE FROM mails WHERE id IN (
            SELECT id FROM mails WHERE created_at <= now() - {_DAY} AND due_at <= now()
             LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING kind
        """,
        limit,
    )
    return [row["kind"] for row in rows]


async def lock(db: Queries, mail_id: UUID) -> bool:
    """Whether a mail is still to be sent; until this transaction ends, nobody takes it back."""
    return bool(await db.fetchval("SELECT true FROM mails WHERE id = $1 FOR UPDATE", mail_id))


async def delete_of_account(
    db: Queries, account_id: UUID, *kinds: str, asked_since: datetime | None = None
) -> None:
    """Don't send what isn't true any more; with `asked_since`, only what was asked for then or later."""
    await db.execute(
        """
        DELETE FROM mails WHERE account_id = $1 AND kind = ANY ($2)
           AND created_at >= coalesce($3::timestamptz, '-infinity')
        """,
        account_id,
        list(kinds),
        asked_since,
    )


async def delete_to(db: Queries, email_key: str, email: str) -> None:
    """Forget whatever was asked for or kept for an address.

    Not how many it got within the hour: whoever registers and leaves with somebody's address would else have no limit.
    """
    # The queue is short; it needs no index for this.
    await db.execute("DELETE FROM mails WHERE email_key = $1", email_key)
    await db.execute("DELETE FROM kept_mails WHERE email = $1", email)


async def count(db: Queries) -> int:
    """How many mails wait."""
    return int(await db.fetchval("SELECT count(*) FROM mails"))


async def delete_old_counts(db: Queries, *, limit: int) -> int:
    """Remove at most `limit` counts of over an hour ago; how many it were."""
    return int(
        await db.fetchval(
            """
            WITH gone AS (
                DELETE FROM mailboxes WHERE email_hash IN (
                    SELECT email_hash FROM mailboxes WHERE asked[cardinality(asked)] < now() - interval '1 hour'
                     LIMIT $1 FOR UPDATE SKIP LOCKED
                ) RETURNING 1
            )
            SELECT count(*) FROM gone
            """,
            limit,
        )
    )


async def keep(
    db: Queries, mail_id: UUID, *, account_id: UUID | None, email: str, subject: str, body: str
) -> None:
    """Keep a mail instead of sending it; once, however often it's tried."""
    await db.execute(
        """
        INSERT INTO kept_mails (id, account_id, email, subject, body) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO NOTHING
        """,
        mail_id,
        account_id,
        email,
        subject,
        body,
    )


async def select_kept(db: Queries, *, limit: int) -> list[Kept]:
    """The mails that were kept, the newest first."""
    rows = await db.fetch(
        "SELECT id, email, subject, body, created_at FROM kept_mails ORDER BY created_at DESC, id DESC LIMIT $1",
        limit,
    )
    return [Kept(*row) for row in rows]


async def delete_old_kept(db: Queries, *, limit: int) -> int:
    """Remove at most `limit` kept mails of over a week ago; how many it were."""
    return int(
        await db.fetchval(
            """
            WITH gone AS (
                DELETE FROM kept_mails WHERE id IN (
                    SELECT id FROM kept_mails WHERE created_at < now() - interval '7 days'
                     LIMIT $1 FOR UPDATE SKIP LOCKED
                ) RETURNING 1
            )
            SELECT count(*) FROM gone
            """,
            limit,
        )
    )
