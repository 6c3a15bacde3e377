"""How PostgreSQL would go about a search if there were ten million people."""

from itertools import pairwise
from uuid import UUID

import asyncpg
import pytest

from frontdesk.accounts.indexing import index_person
from frontdesk.store import connection, people

pytestmark = pytest.mark.anyio

_TYPES = {
    "scan": "text[], uuid[], text[], integer[], integer",
    "find_words": "text[], text[], integer[], integer[], text[], integer",
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


@pytest.fixture
async def crowded(db: asyncpg.Connection) -> dict[str, float]:
    """A directory of one person, whose statistics speak of ten million: the rows of its tables."""
    account_id = await db.fetchval(
        """
        INSERT INTO accounts (email, email_key, username, username_key, name, password_hash)
        VALUES ('a', 'a', 'a', 'a', 'Adalbert', '') RETURNING id
        """
    )
    async with db.transaction():
        await index_person(db, account_id, "a", "Adalbert")
    rows = {"accounts": 1e7, "people_keys": 5.4e7, "people_words": 2e5, "people_remainders": 2e6}
    for table, number in rows.items():
        await db.execute(
            f"SELECT pg_restore_relation_stats('schemaname', 'public', 'relname', '{table}',"
            f" 'relpages', 1, 'reltuples', {number}::real)"
        )
    return rows


@pytest.mark.parametrize("statement", _TYPES)
async def test_no_search_reads_a_whole_table(
    database_url: str, crowded: dict[str, float], statement: str
) -> None:
    service = connection.open_database(database_url, size=1, timeout=5)
    explained = Explained(service, _TYPES[statement])
    if statement == "scan":
        await people.scan(explained, [("a", UUID(int=0), "b", 20)], limit=20)
    else:
        await people.find_words(explained, words=[], beginnings=[], remainders=[], probes=[], completions=17)
    await service.close()
    assert "Index" in explained.plan
    for line, below in pairwise([*explained.plan.splitlines(), ""]):
        assert not any(f"Seq Scan on {table}" in line for table in crowded), explained.plan
        if "Scan using accounts_pkey" in line:
            assert "Index Cond" in below, explained.plan
    if statement == "scan":
        assert "accounts_pkey" in explained.plan
