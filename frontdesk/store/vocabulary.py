"""Statements that keep the vocabulary: the words of names, how many have each, and by which remainders they're found.
store/people.py asks it."""

from collections.abc import Sequence

from frontdesk.store.connection import Queries

# Frequencies are counted in samples, by one account in so many, lest everybody called Wang waits for one row.
SAMPLE = 16
# Two transactions that use and release the same word meet on one of this many locks. A batch of the import
# holds every one of them and still fits the lock table.
_WORD_LOCKS = 256
_WORD_LOCK_SPACE = 0x776F7264


async def add_words(db: Queries, words: Sequence[str]) -> list[str]:
    """Keep `words` in the vocabulary, at least until the transaction ends; those that were new in it, whose remainders
    are to be put there."""
    rows = await db.fetch(
        """
        INSERT INTO people_words (word, people, near)
        SELECT word, 0, true
          FROM (SELECT word, pg_advisory_xact_lock_shared($2, abs(hashtext(word) % $3))
                  FROM unnest($1::text[]) AS w (word) ORDER BY word COLLATE "C" OFFSET 0) held
            ON CONFLICT DO NOTHING
        RETURNING word
        """,
        words,
        _WORD_LOCK_SPACE,
        _WORD_LOCKS,
    )
    return [row["word"] for row in rows]


async def put_remainders(db: Queries, remainders: Sequence[tuple[str, str, int]]) -> None:
    """By which remainders words are found: each with its word, and the magnitude of how many have that."""
    rests, words, magnitudes = zip(*remainders, strict=True)
    await db.execute(
        """
        INSERT INTO people_near (remainder, word, magnitude)
        SELECT remainder, word, magnitude
          FROM unnest($1::text[], $2::text[], $3::smallint[]) AS r (remainder, word, magnitude)
            ON CONFLICT (remainder, word) DO UPDATE SET magnitude = EXCLUDED.magnitude
        """,
        rests,
        words,
        magnitudes,
    )


async def count_words(db: Queries, words: Sequence[str], samples: Sequence[int]) -> dict[str, int]:
    """Add samples to the frequency of words, locked in their order, so that two callers can't cross; how many each has
    now."""
    rows = await db.fetch(
        """
        WITH counted AS (
            SELECT w.word, c.samples
              FROM people_words w
              JOIN unnest($1::text[], $2::integer[]) AS c (word, samples) ON c.word = w.word
             ORDER BY w.word FOR UPDATE OF w)
        UPDATE people_words w SET people = greatest(w.people + counted.samples, 0)
          FROM counted WHERE w.word = counted.word
        RETURNING w.word, w.people
        """,
        words,
        samples,
    )
    return {row["word"]: row["people"] for row in rows}


async def claim_words(db: Queries, words: Sequence[str]) -> list[str]:
    """Those of `words` that no other transaction is adding now; nobody can add them until this one ends."""
    rows = await db.fetch(
        """
        SELECT word FROM unnest($1::text[]) AS w (word)
         WHERE pg_try_advisory_xact_lock($2, abs(hashtext(word) % $3))
        """,
        words,
        _WORD_LOCK_SPACE,
        _WORD_LOCKS,
    )
    return [row["word"] for row in rows]


async def drop_unused_words(db: Queries, words: Sequence[str]) -> list[str]:
    """Forget those of `words` that no name contains any more, and say which. Claim them before, and forget their
    remainders."""
    rows = await db.fetch(
        """
        DELETE FROM people_words w
         WHERE word = ANY ($1::text[])
           AND NOT EXISTS (
               SELECT FROM people_keys k WHERE k.key >= 'b' || w.word AND k.key < 'b' || w.word || '!')
           AND NOT EXISTS (
               SELECT FROM people_keys k WHERE k.key >= 'c' || w.word AND k.key < 'c' || w.word || '!')
        RETURNING word
        """,
        words,
    )
    return [row["word"] for row in rows]


async def take_not_near(db: Queries, *, limit: int) -> dict[str, int]:
    """At most `limit` words that only the version before finds when they're mistyped, the commonest, and how many have
    each. Their remainders are to be put there: they're no longer taken."""
    rows = await db.fetch(
        """
        WITH taken AS (
            SELECT word FROM people_words WHERE NOT near ORDER BY people DESC, word LIMIT $1 FOR UPDATE SKIP LOCKED)
        UPDATE people_words w SET near = true FROM taken WHERE w.word = taken.word
        RETURNING w.word, w.people
        """,
        limit,
    )
    return {row["word"]: row["people"] for row in rows}


async def drop_remainders(db: Queries, remainders: Sequence[tuple[str, str]]) -> None:
    """Forget by which remainders words were found: each with its word. Also what the version before knows of them."""
    rests, words = zip(*remainders, strict=True)
    await db.execute(
        """
        WITH gone AS (SELECT * FROM unnest($1::text[], $2::text[]) AS gone (remainder, word)),
             before AS (
                DELETE FROM people_remainders r USING gone
                 WHERE r.remainder = (crc32(convert_to(gone.remainder, 'UTF8')) - 2147483648)::integer
                   AND r.word = gone.word)
        DELETE FROM people_near n USING gone WHERE n.remainder = gone.remainder AND n.word = gone.word
        """,
        rests,
        words,
    )


async def put_released(db: Queries, words: Sequence[str]) -> None:
    """Remember words that may be nobody's, but couldn't be claimed."""
    await db.execute("INSERT INTO people_words_released (word) SELECT unnest($1::text[])", words)


async def take_released(db: Queries, *, limit: int) -> list[str]:
    """At most `limit` of the words that `put_released` has remembered, the oldest, which are forgotten here."""
    rows = await db.fetch(
        """
        DELETE FROM people_words_released WHERE id IN (
            SELECT id FROM people_words_released ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
        RETURNING word
        """,
        limit,
    )
    return [row["word"] for row in rows]
