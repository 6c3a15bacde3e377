"""How PostgreSQL goes about a search: by the same lookups, whether there's nobody yet or ten million people."""

from itertools import pairwise

import asyncpg
import pytest

from frontdesk.accounts.indexing import index_person
from frontdesk.store import connection, people, usernames

pytestmark = pytest.mark.anyio

_TYPES = {
    "scan": "text, text, text, text, text, text, uuid",
    "find_words": "text, text, text, text, text, text, text, text",
    "find_usernames": "text, text, text, text, text",
}


class Explained:
    """Takes a statement and keeps its plan, made without knowing a value, as the service has all of them made."""

    def __init__(self, db: connection.Database, types: str) -> None:
        self._db = db
        self._types = types
        self.plan = ""

    async def fetch(self, query: str, *_: object) -> list[object]:
        arguments = ", ".join("NULL" for _ in self._types.split(","))
        async with self._db.transaction() as db:
            await db.execute(f"PREPARE asked ({self._types}) AS {query}")
            rows = await db.fetch(f"EXPLAIN EXECUTE asked ({arguments})")
            await db.execute("DEALLOCATE asked")
        self.plan = "\n".join(row[0] for row in rows)
        return []


_INDEXES = {
    "scan": ["Index Scan using people_keys_key"],
    "find_words": [
        "Index Only Scan using people_near_pkey",
        "Index Only Scan using people_keys_key",
        "Index Scan using people_keys_backwards",
        "Index Scan using people_keys_written",
    ],
    "find_usernames": [
        "Index Only Scan using people_keys_key",
        "Index Only Scan Backward using people_keys_key",
        "Index Scan using people_keys_backwards",
        "Index Scan Backward using people_keys_backwards",
        "Index Scan using people_keys_written",
        "Index Scan Backward using people_keys_written",
    ],
}
_ROWS = {"accounts": 1e7, "people_keys": 5.4e7, "people_words": 2e5, "people_near": 3e6}


async def _crowd(db: asyncpg.Connection) -> None:
    """Bring one person in, and have the statistics speak of ten million."""
    account_id = await db.fetchval(
        """
        INSERT INTO accounts (email, email_key, username, username_key, name, password_hash)
        VALUES ('a', 'a', 'a', 'a', 'Adalbert', '') RETURNING id
        """
    )
    async with db.transaction():
        await index_person(db, account_id, "a", "Adalbert")
    for table, rows in _ROWS.items():
        await db.execute(
            f"SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', '{table}',"
            f" 'relpages', 1, 'reltuples', {rows}::real)"
        )


@pytest.mark.parametrize("statement", _TYPES)
@pytest.mark.parametrize("crowded", [False, True])
async def test_no_search_reads_a_whole_table(
    db: asyncpg.Connection, database_url: str, crowded: bool, statement: str
) -> None:
    if crowded:
        await _crowd(db)
    service = connection.open_database(database_url, size=1, timeout=5)
    explained = Explained(service, _TYPES[statement])
    if statement == "scan":
        await people.scan(explained, [people.Scan(["a"], ["b"], 20, 20)])
    elif statement == "find_words":
        await people.find_words(explained, [people.Question()])
    else:
        await usernames.find_usernames(explained, [usernames.Sought()])
    await service.close()
    plan = explained.plan.splitlines()
    assert any("Index" in line for line in plan)
    if crowded:
        for index in _INDEXES[statement]:
            assert any(index in line for line in plan), explained.plan
    for line, below in pairwise([*plan, ""]):
        assert not any(f"Seq Scan on {table}" in line for table in _ROWS), explained.plan
        # All but the commonest words, of which a LIMIT reads the first thousand.
        if "Index" in line and "Scan using" in line and "people_words_common" not in line:
            assert "Index Cond" in below, explained.plan
