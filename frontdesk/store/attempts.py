"""Statements about attempts: how often somebody tried, and until when the next one has to wait."""

from typing import NamedTuple
from uuid import UUID

from frontdesk.store.connection import Queries


class Budget(NamedTuple):
    """Who is counted, how many attempts are free, and the longest wait that follows them, in seconds."""

    subject: str
    free: int
    longest: int


# An attempt is forgotten every ten minutes. Beyond the free ones the wait doubles from one second on.
# clock_timestamp(), not now(): of many attempts that wait for each other's lock, each must see its own time.
# counted_at moves on by what was forgotten, not to now: else whoever errs every nine minutes would never be
# forgiven. A wait longer than the longest is of a clock that was put back since.
# At least 0: a clock that was put back must not make failures of nothing.
_FORGOTTEN = "greatest(0, floor(extract(epoch FROM clock_timestamp() - a.counted_at) / 600))"
_FAILURES = f"greatest(0, a.failures - {_FORGOTTEN}::int) + 1"


def _charging(subject: str, free: str, longest: str, source: str) -> str:
    return f"""
        INSERT INTO attempts AS a (subject, failures, counted_at, blocked_until)
        SELECT {subject}, 1, clock_timestamp(),
               clock_timestamp() + make_interval(secs => CASE WHEN 1 < {free} THEN 0 ELSE least({longest}, 1) END)
          FROM {source}
        ON CONFLICT (subject) DO UPDATE SET
            failures = {_FAILURES},
            counted_at = CASE WHEN {_FAILURES} = 1 THEN clock_timestamp()
                              ELSE a.counted_at + {_FORGOTTEN} * interval '10 minutes' END,
            blocked_until = clock_timestamp() + make_interval(secs => CASE
                WHEN {_FAILURES} < {free} THEN 0 ELSE least({longest}, 2 ^ least(30, {_FAILURES} - {free})) END)
        WHERE a.blocked_until <= clock_timestamp()
           OR a.blocked_until > clock_timestamp() + make_interval(secs => {longest})
        RETURNING failures
    """


_CHARGE = f"""
    WITH first AS ({_charging("$1::text", "$2::int", "$3::float8", "(SELECT) AS once")}),
         second AS ({_charging("$4::text", "$5::int", "$6::float8", "first WHERE $4::text IS NOT NULL")})
    SELECT EXISTS (SELECT FROM first), EXISTS (SELECT FROM second)
"""
_WAIT = (
    "SELECT ceil(extract(epoch FROM blocked_until - clock_timestamp()))::int FROM attempts WHERE subject = $1"
)


async def charge(db: Queries, first: Budget, second: Budget | None = None) -> int:
    """Count one attempt against each budget, and say 0; or the seconds to wait, if it comes too early for one.

    What the first refuses isn't counted against the second. One statement under the rows' locks, always in this
    order, so a hundred at once count as a hundred.
    """
    taken = await db.fetchrow(
        _CHARGE,
        first.subject,
        first.free,
        float(first.longest),
        second and second.subject,
        second and second.free,
        second and float(second.longest),
    )
    assert taken is not None
    if not taken[0]:
        refused = first
    elif second is not None and not taken[1]:
        refused = second
    else:
        return 0
    return max(1, int(await db.fetchval(_WAIT, refused.subject) or 1))


async def refund(db: Queries, subjects: list[str]) -> None:
    """Take one attempt back: it was right, or was never tried. `subjects` in the order in which they are charged."""
    # Two statements that lock the same rows in another order would wait for each other.
    await db.execute(
        """
        WITH locked AS (
            SELECT a.subject
              FROM unnest($1::text[]) WITH ORDINALITY AS s (subject, place) JOIN attempts a USING (subject)
             ORDER BY s.place FOR UPDATE OF a
        )
        UPDATE attempts SET failures = greatest(0, failures - 1), blocked_until = clock_timestamp()
         WHERE subject IN (SELECT subject FROM locked)
        """,
        subjects,
    )


async def delete_old(db: Queries, *, limit: int) -> int:
    """Remove at most `limit` budgets that no longer hold anyone back; how many it were."""
    return int(
        await db.fetchval(
            """
            WITH gone AS (
                DELETE FROM attempts WHERE subject IN (
                    SELECT subject FROM attempts
                     WHERE counted_at + failures * interval '10 minutes' < now() AND blocked_until < now()
                     LIMIT $1 FOR UPDATE SKIP LOCKED
                ) RETURNING 1
            )
            SELECT count(*) FROM gone
            """,
            limit,
        )
    )


async def remember_places(db: Queries, account_id: UUID, places: list[bytes]) -> None:
    """Note that an account logged in from here, at most once a day; its 20 latest places are kept.

    An account that was deleted in this moment has nothing to remember.
    """
    await db.execute(
        """
        WITH noted AS (
            INSERT INTO known_places AS k (account_id, place)
            SELECT id, place FROM accounts CROSS JOIN unnest($2::bytea[]) AS p (place)
             WHERE id = $1 ORDER BY place FOR KEY SHARE OF accounts
            ON CONFLICT (account_id, place) DO UPDATE SET last_login = now()
             WHERE k.last_login < now() - interval '1 day'
            RETURNING 1
        )
        DELETE FROM known_places
         WHERE EXISTS (SELECT FROM noted) AND account_id = $1 AND place IN (
            SELECT place FROM known_places WHERE account_id = $1 AND place <> ALL ($2)
             ORDER BY last_login DESC OFFSET 20 - cardinality($2))
        """,
        account_id,
        places,
    )
