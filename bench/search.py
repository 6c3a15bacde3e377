"""Search, measured: each class of query at each size, beside the SQL that other account services run.

    python -m bench.search 10_000 100_000 1_000_000 10_000_000 --data /where/there/is/room

Prints the tables of docs/performance.md: time through the API for a single client and under load, rows touched,
size, registration; and how often the person who was meant is on the first page. With --data the directories are
kept and used again.
"""

import argparse
import contextlib
import itertools
import math
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import asyncpg
import uvloop

from bench import directory, load, queries
from bench.crowd import CLIENTS, crowd
from bench.people import people
from bench.report import percentile
from bench.searching import LIMIT, Server, path, serving
from frontdesk import local
from frontdesk.accounts.indexing import index_person
from frontdesk.accounts.lookups import Lookups
from frontdesk.accounts.search import search

_CROWD_SECONDS = 30
# Seconds between two queries of somebody who types: our own page waits as long for the next letter.
_TYPING = 0.15
# Milliseconds after which somebody who waits for LIKE has left.
_PATIENCE = 10_000
# Every entry of an index and every row of a table that any statement has read.
_ROWS = """
    SELECT (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)
         + (SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_user_tables)
"""
_SIZE = """
    SELECT sum(pg_total_relation_size(oid)) FROM pg_class
     WHERE relkind = 'r' AND relname IN ('people_keys', 'people_words', 'people_near')
"""
_LIKE = """
    SELECT username, name FROM accounts
     WHERE username LIKE $1 OR lower(name) LIKE $1 ORDER BY username_key LIMIT 20
"""


class Line(NamedTuple):
    """One class of query: milliseconds, and rows an average query touched.

    `busy`: the 99th percentile of the processor time of service and PostgreSQL together, which is what the wall clock
    would show on a machine that does nothing else.
    """

    kind: str
    p50: float
    p99: float
    busy: float
    rows: float
    crowd_p99: float
    typing_p99: float


class Like(NamedTuple):
    """One class of query by LIKE 'q%' and by LIKE '%q%': milliseconds, _PATIENCE if it was given up."""

    kind: str
    prefix: float
    infix: float


class Quality(NamedTuple):
    """How many in a hundred were found on the first page, and in the first place; by us and by LIKE '%…%'."""

    kind: str
    page: float
    first: float
    like_page: float
    like_first: float


async def measure(url: str, count: int, *, rounds: int, kinds: list[str]) -> list[Line]:
    """Each of the classes `kinds` at one size, through the API; and while 32 clients ask for a mix of them."""
    db = await asyncpg.connect(url, command_timeout=None)
    drawn = await queries.sample(db, count, 2000)
    lines = []
    await _warm(db)
    with serving(url) as servers:
        crowd_p99 = _crowd(servers, drawn, kinds, pause=0)
        typing_p99 = _crowd(servers, drawn, kinds, pause=_TYPING)
        server = servers[0]
        for kind in kinds:
            texts = drawn.draw(kind)
            for _ in range(30):
                server.search(next(texts)[0])
            times, busy = [], []
            processes = [server.pid, *await _backends(db)]
            for _ in range(rounds):
                text = next(texts)[0]
                spent = _processor_time(processes)
                times.append(server.search(text)[0] * 1000)
                busy.append(_processor_time(processes) - spent)
            rows = await _rows(db, _texts(drawn, kind, 100))
            lines.append(
                Line(
                    kind,
                    percentile(times, 50),
                    percentile(times, 99),
                    percentile(busy, 99),
                    rows,
                    crowd_p99[kind],
                    typing_p99[kind],
                )
            )
            print(_row(lines[-1]), flush=True)
    await db.close()
    return lines


async def measure_like(url: str, count: int, *, likes: int) -> list[Like]:
    """The same classes by what other services run, `likes` queries of each."""
    db = await asyncpg.connect(url, command_timeout=None)
    await db.execute(f"SET statement_timeout = {_PATIENCE}")
    drawn = await queries.sample(db, count, 2000)
    lines = []
    for kind in queries.CLASSES:
        texts = [text for text, _ in itertools.islice(drawn.draw(kind), likes)]
        lines.append(Like(kind, await _like(db, texts, "{}%"), await _like(db, texts, "%{}%")))
        print(_row(lines[-1]), flush=True)
    await db.close()
    return lines


async def quality(url: str, count: int, *, size: int, likes: int) -> list[Quality]:
    """For `size` people of a directory and each class, whether the person who was meant is found.

    `likes`: how many of them are looked for by LIKE, too.
    """
    db = await asyncpg.connect(url, command_timeout=None)
    drawn = await queries.sample(db, count, size)
    found = []
    with serving(url) as (server, *_):
        for kind in queries.MEANT:
            page = first = like_page = like_first = 0
            for n, (text, (username, _)) in enumerate(itertools.islice(drawn.draw(kind), size)):
                usernames = server.search(text)[1]
                page += username in usernames
                first += usernames[:1] == [username]
                if n < likes:
                    rows = await db.fetch(_LIKE, f"%{text.lower()}%")
                    usernames = [row["username"] for row in rows]
                    like_page += username in usernames
                    like_first += usernames[:1] == [username]
            ours = (100 * page / size, 100 * first / size)
            found.append(
                Quality(
                    kind, *ours, *(100 * n / likes if likes else math.nan for n in (like_page, like_first))
                )
            )
            print(_row(found[-1]), flush=True)
    await db.close()
    return found


async def registration(url: str) -> tuple[float, float]:
    """Milliseconds that becoming searchable takes in the database: the median and the 99th percentile."""
    db = await asyncpg.connect(url)
    times = []
    for made in people(500, seed=2):
        transaction = db.transaction()
        await transaction.start()
        began = time.perf_counter()
        await index_person(db, uuid4(), made.username, made.name)
        times.append((time.perf_counter() - began) * 1000)
        await transaction.rollback()
    await db.close()
    return percentile(times, 50), percentile(times, 99)


async def bytes_a_person(url: str, count: int) -> float:
    """What the search index takes on disk."""
    db = await asyncpg.connect(url)
    size = int(await db.fetchval(_SIZE))
    await db.close()
    return size / count


@contextlib.asynccontextmanager
async def filled(server: str, count: int) -> AsyncIterator[str]:
    """The URL of a directory of `count` people on the PostgreSQL at `server`, filled if it isn't there yet."""
    name = f"people_{count}"
    url = server.replace("/postgres?", f"/{name}?")
    db = await asyncpg.connect(server)
    try:
        if not await db.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            # Under another name until it's whole, so that an interrupted run isn't taken for a directory.
            await db.execute(f"DROP DATABASE IF EXISTS {name}_unfinished")
            await db.execute(f"CREATE DATABASE {name}_unfinished")
            await directory.fill(server.replace("/postgres?", f"/{name}_unfinished?"), count)
            await db.execute(f"ALTER DATABASE {name}_unfinished RENAME TO {name}")
    finally:
        await db.close()
    yield url


def _crowd(
    servers: list[Server], drawn: queries.Sample, kinds: list[str], *, pause: float
) -> dict[str, float]:
    """The 99th percentile of each class, in milliseconds, while a crowd asks for any of them, `pause` seconds after
    each answer."""
    # Drawn beforehand: the clients share the machine with what they measure.
    texts = {kind: _texts(drawn, kind, 500) for kind in kinds}
    asked = [
        (server.port, {kind: [_request(text, server.token) for text in texts[kind]] for kind in kinds})
        for server in servers
    ]
    times = crowd(asked, seconds=_CROWD_SECONDS, pause=pause)
    rate = sum(map(len, times.values())) / _CROWD_SECONDS
    print(f"{CLIENTS} clients, {pause} s between two queries: {rate:.0f} queries/s", flush=True)
    return {kind: percentile(found, 99) for kind, found in times.items()}


async def _like(db: asyncpg.Connection, texts: list[str], pattern: str) -> float:
    """Milliseconds of what other services run, the median."""
    times = []
    for text in texts:
        began = time.perf_counter()
        with contextlib.suppress(asyncpg.QueryCanceledError):
            await db.fetch(_LIKE, pattern.format(text.lower().replace("\\", "\\\\")))
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times)[len(times) // 2] if times else math.nan


async def _warm(db: asyncpg.Connection) -> None:
    """Read what searches read once, as a directory in service has: its first queries wait for the disk."""
    await db.execute("SET enable_seqscan = off")
    await db.execute("SELECT count(*) FROM people_keys WHERE key > ''")
    for table in ("accounts", "people_words", "people_near"):
        await db.execute(f"SELECT count(*) FROM {table}")
    await db.execute("RESET enable_seqscan")
    for table in ("accounts", "people_keys"):
        await db.execute(f"SELECT count(name) FROM {table}")


async def _backends(db: asyncpg.Connection) -> list[int]:
    rows = await db.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return [row["pid"] for row in rows]


def _processor_time(processes: list[int]) -> float:
    """Milliseconds that processes have spent running (Linux: /proc/PID/schedstat)."""
    total = 0
    for pid in processes:
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])
    return total / 1e6


async def _rows(db: asyncpg.Connection, texts: list[str]) -> float:
    """What a query reads on average, of indexes and of tables."""
    before = await _read_so_far(db)
    lookups = Lookups(db)
    for text in texts:
        await search(lookups, text, limit=LIMIT)
    return (await _read_so_far(db) - before) / len(texts)


async def _read_so_far(db: asyncpg.Connection) -> int:
    await db.execute("SELECT pg_stat_force_next_flush()")
    return int(await db.fetchval(_ROWS))


def _texts(drawn: queries.Sample, kind: str, count: int) -> list[str]:
    return [text for text, _ in itertools.islice(drawn.draw(kind), count)]


def _request(text: str, token: str) -> bytes:
    return load.request("GET", path(text), token=token)


def _row(line: Line | Like | Quality) -> str:
    return (
        f"| {line[0]} | "
        + " | ".join(f"{value:,.1f}" if value < 100 else f"{value:,.0f}" for value in line[1:])
        + " |"
    )


async def _run(
    server: str, sizes: list[int], *, rounds: int, likes: int, sampled: int, kinds: list[str]
) -> None:
    for count in sizes:
        async with filled(server, count) as url:
            print(f"\n## {count:,} people, {await bytes_a_person(url, count):,.0f} bytes each", flush=True)
            print("| class | p50 | p99 | busy p99 | rows | p99 of 32 clients | … who type |")
            print("|---|---|---|---|---|---|---|")
            await measure(url, count, rounds=rounds, kinds=kinds)
            # After the searches: what they have warmed is warm for whoever registers, as in a directory in service.
            print(
                "registration: {:.1f} ms, 99 of 100 in {:.1f} ms".format(*await registration(url)), flush=True
            )
            if sampled:
                print(
                    "| class | first page % | first place % | LIKE page % | LIKE place % |\n|---|---|---|---|---|"
                )
                await quality(url, count, size=sampled, likes=min(200, sampled) if count <= 100_000 else 0)

            if likes:
                print("| class | LIKE 'q%' | LIKE '%q%' |\n|---|---|---|")
                await measure_like(url, count, likes=likes)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--data", type=Path, help="a folder to keep the directories in")
    parser.add_argument("--rounds", type=int, default=500, help="queries of each class")
    parser.add_argument("--likes", type=int, default=3, help="queries of each class the other way")
    parser.add_argument("--sampled", type=int, default=0, help="people of the quality table")
    parser.add_argument(
        "--classes",
        nargs="+",
        choices=queries.CLASSES,
        default=list(queries.CLASSES),
        metavar="CLASS",
        help="those that are asked for alone and mixed, instead of all: " + "; ".join(queries.CLASSES),
    )
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        data = options.data or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(local.postgres(data, **directory.POSTGRES))
        uvloop.run(
            _run(
                server,
                options.sizes,
                rounds=options.rounds,
                likes=options.likes,
                sampled=options.sampled,
                kinds=options.classes,
            )
        )


if __name__ == "__main__":
    main()
