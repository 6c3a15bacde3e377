"""Bringing people in, and looking at what has become of them."""

import io
import json
from collections.abc import Iterator
from typing import Any

import asyncpg

from frontdesk.accounts.checking import Rejected
from frontdesk.accounts.importing import Tally, import_rows
from frontdesk.accounts.pace import Pace
from frontdesk.accounts.rows import Rows
from frontdesk.store.connection import Database

ALONE = Pace(rows=500, processes=0, lanes=1)
_NAMES = (
    "Ann Archer",
    "Björn Berg",
    "王伟",
    "Carla de la Cruz",
    "Анна Петрова",
    "Dora Doe-Dunn",
    "김민준",
    "محمد علي",
)


def somebody(number: int, **more: Any) -> dict[str, Any]:
    """A row that is good by itself."""
    name = _NAMES[number % len(_NAMES)]
    return {"email": f"n{number}@example.org", "username": f"user{number}", "name": name, **more}


def crowd(count: int) -> Iterator[dict[str, Any]]:
    return (somebody(number) for number in range(count))


def ndjson(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


async def bring_in(db: Database, text: bytes, pace: Pace = ALONE) -> tuple[Tally, list[Rejected]]:
    """Import `text`; what was counted, and what was rejected, in the order of lines."""
    rejected: list[Rejected] = []
    tally = Tally()
    await import_rows(db, Rows(io.BytesIO(text), "the file"), pace=pace, reject=rejected.append, tally=tally)
    return tally, sorted(rejected, key=lambda row: row.line)


def counts(tally: Tally) -> tuple[int, int, int]:
    """Added, already there, rejected."""
    return tally.added, tally.there, tally.rejected


async def index_of(db: asyncpg.Connection) -> list[list[tuple[Any, ...]]]:
    """Everything that search knows."""
    return [
        [tuple(row) for row in await db.fetch(query)]
        for query in (
            "SELECT key, account_id, username, name FROM people_keys ORDER BY key, account_id",
            "SELECT word, people FROM people_words ORDER BY word",
            "SELECT remainder, word, magnitude FROM people_near ORDER BY remainder, word",
        )
    ]


async def everybody(db: asyncpg.Connection) -> list[dict[str, Any]]:
    """Every account, all of it."""
    return [dict(row) for row in await db.fetch("SELECT * FROM accounts ORDER BY id")]
