"""A directory of made-up people, loaded as fast as PostgreSQL takes them: rows by COPY, indexes afterwards."""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from uuid import UUID

import asyncpg

from bench.people import Made, people
from frontdesk.accounts import names
from frontdesk.accounts.mistakes import ONE, allowed, remainders
from frontdesk.store import schema
from frontdesk.store.repacking import CLUSTER
from frontdesk.store.vocabulary import SAMPLE

# As long as a real one, and never right.
_HASH = "$argon2id$v=19$m=19456,t=2,p=1$" + "A" * 22 + "$" + "A" * 43
_BATCH = 20_000
_EPOCH = 1_735_689_600_000

# What PostgreSQL needs to load and to serve ten million on a machine of 24 GiB.
POSTGRES = {
    "shared_buffers": "4GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "8GB",
    "effective_cache_size": "16GB",
    "random_page_cost": "1.1",
    "synchronous_commit": "off",
}


async def fill(url: str, count: int, *, seed: int = 1) -> float:
    """Put `count` people into the empty database at `url`, searchable; the seconds it took."""
    await asyncio.to_thread(schema.migrate, url)
    began = time.perf_counter()
    db = await asyncpg.connect(url, command_timeout=None)
    try:
        await db.execute("ALTER TABLE people_keys DROP CONSTRAINT people_keys_key")
        indexes = await db.fetch("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'people_keys'")
        for name, _ in indexes:
            await db.execute(f"DROP INDEX {name}")
        words: Counter[str] = Counter()
        async with db.transaction():
            # Truncated in the transaction that fills it, a table needs no WAL.
            await db.execute("TRUNCATE accounts CASCADE")
            await db.execute("TRUNCATE people_keys")
            stream = people(count, seed=seed)
            done = 0
            while batch := list(islice(stream, _BATCH)):
                await _copy_batch(db, batch, words)
                done += len(batch)
                _tell(f"{done:,} people, {done / (time.perf_counter() - began):,.0f}/s")
        _tell(f"{len(words):,} words")
        vocabulary = ((word, str(n // SAMPLE), "t") for word, n in words.items())
        await _copy(db, "people_words", ("word", "people", "near"), vocabulary)
        await _copy(db, "people_near", ("remainder", "word", "magnitude"), _remainders(words))
        _tell("indexes")
        await db.execute(
            "ALTER TABLE people_keys ADD CONSTRAINT people_keys_key PRIMARY KEY (key, account_id)"
        )
        # As `frontdesk repack` leaves it, before there are more indexes to make anew.
        await db.execute(CLUSTER)
        for _, definition in indexes:
            await db.execute(definition)
        _tell("vacuum")
        await db.execute("VACUUM ANALYZE")
        return time.perf_counter() - began
    finally:
        await db.close()


async def _copy_batch(db: asyncpg.Connection, batch: list[Made], words: Counter[str]) -> None:
    accounts = []
    keys = []
    for made in batch:
        account_id = account_id_of(made.number)
        accounts.append((account_id, made.email, made.email, made.username, made.username, made.name, _HASH))
        keys += [
            (account_id, key, made.username, made.name) for key in names.keys_of(made.username, made.name)
        ]
        words.update(names.vocabulary_of(made.name))
    columns = ("id", "email", "email_key", "username", "username_key", "name", "password_hash")
    await _copy(db, "accounts", columns, accounts)
    await _copy(db, "people_keys", ("account_id", "key", "username", "name"), keys)


async def _copy(
    db: asyncpg.Connection, table: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]
) -> None:
    async def lines() -> object:
        stream = iter(rows)
        while chunk := list(islice(stream, 5000)):
            yield "".join("\t".join(row) + "\n" for row in chunk).encode()

    await db.copy_to_table(table, source=lines(), columns=columns)


def _remainders(words: Counter[str]) -> Iterator[tuple[str, str, str]]:
    return (
        (rest, word, str((n // SAMPLE).bit_length()))
        for word, n in words.items()
        if len(word) >= ONE
        for rest in remainders(word, allowed(word))
    )


def account_id_of(number: int) -> str:
    """An identifier in the order of the numbers, as uuidv7() would give it."""
    bits = random.Random(number).getrandbits(74)
    return str(
        UUID(int=(_EPOCH + number) << 80 | 7 << 76 | (bits >> 62) << 64 | 2 << 62 | bits & (1 << 62) - 1)
    )


def _tell(text: str) -> None:
    print(f"\r\x1b[K{text}", end="" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)
