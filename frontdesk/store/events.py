"""Statements about what happened to an account. Rows are only added; a trigger sees to that."""

from uuid import UUID

from frontdesk.model import Event
from frontdesk.store.connection import Queries

# The bound is a query of its own: compared to a function that is another with each row, the index would be read from
# its beginning to its end.
DELETE_OLD = """
    WITH gone AS (
        DELETE FROM account_events WHERE id IN (
            SELECT id FROM account_events WHERE id < (SELECT uuidv7(make_interval(days => -$1::int)))
             ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
        ) RETURNING 1
    )
    SELECT count(*) FROM gone
"""


async def insert(db: Queries, account_id: UUID, kind: str, *, address: str | None, user_agent: str) -> None:
    """Write down what happens in this transaction."""
    await db.execute(
        "INSERT INTO account_events (account_id, kind, address, user_agent) VALUES ($1, $2, $3::text::inet, $4)",
        account_id,
        kind,
        address,
        user_agent,
    )


async def insert_failed_login(
    db: Queries, account_id: UUID | None, *, address: str | None, user_agent: str
) -> None:
    """Write down that somebody tried; the first of each minute. None: nobody's login, and nothing is written.

    Without waiting for the disk, or the time that it takes would tell which names exist.
    """
    await db.execute(
        """
        INSERT INTO account_events (account_id, kind, address, user_agent)
        SELECT a.id, 'login_failed', $2::text::inet, $3
          FROM (SELECT set_config('synchronous_commit', 'off', true) AS done) s, accounts a
         WHERE a.id = $1 AND s.done = 'off'
            ON CONFLICT DO NOTHING
        """,
        account_id,
        address,
        user_agent,
    )


async def select_of_account(db: Queries, account_id: UUID, *, after: UUID | None, limit: int) -> list[Event]:
    """At most `limit` events, the newest first, from the one `after` on."""
    rows = await db.fetch(
        """
        SELECT id, uuid_extract_timestamp(id) AS at, kind, host(address) AS address, user_agent
          FROM account_events WHERE account_id = $1 AND id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
         ORDER BY id DESC LIMIT $3
        """,
        account_id,
        after,
        limit,
    )
    return [Event(**row) for row in rows]


async def delete_of_account(db: Queries, account_id: UUID) -> None:
    """Forget what happened to somebody whose account is gone in this transaction."""
    await db.execute("DELETE FROM account_events WHERE account_id = $1", account_id)


async def delete_old(db: Queries, *, days: int, limit: int) -> int:
    """Remove at most `limit` events of over `days` days ago; how many it were."""
    return int(await db.fetchval(DELETE_OLD, days, limit))
