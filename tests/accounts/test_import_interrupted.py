"""Imports that end in the middle, and go on."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from frontdesk import local
from frontdesk.accounts.pace import Pace
from frontdesk.store import connection, schema
from tests.accounts.arrivals import bring_in, counts, crowd, everybody, index_of, ndjson
from tests.serving import FRONTDESK, clean_environ, command
from tests.waiting import until

pytestmark = pytest.mark.anyio


def importing(file: Path, url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [FRONTDESK, "import", file, "--pace", "gentle"],
        env=clean_environ(FRONTDESK_DATABASE_URL=url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


async def has_begun(db: asyncpg.Connection) -> bool:
    return bool(await db.fetchval("SELECT EXISTS (SELECT FROM accounts)"))


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    file = tmp_path / "crowd.ndjson"
    file.write_bytes(ndjson(*crowd(6000)))
    return file


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)],
    ids=lambda n: str(n),
)
async def test_an_import_that_was_ended_goes_on_where_it_was(
    database_url: str, db: asyncpg.Connection, crowded: Path, number: int, code: int
) -> None:
    first = importing(crowded, database_url)
    await until(lambda: has_begun(db), within=60)
    first.send_signal(number)
    said, complained = await asyncio.to_thread(first.communicate)
    assert first.returncode == code
    assert said == ""
    if code > 0:
        assert "Interrupted." in complained
        assert "Traceback" not in complained
    then = len(await everybody(db))
    assert 0 < then < 6000
    second = await asyncio.to_thread(command, "import", str(crowded), FRONTDESK_DATABASE_URL=database_url)
    assert second.returncode == 0
    assert second.stdout == f"{6000 - then:,} people added, {then:,} already there, 0 rejected.\n"
    assert len(await everybody(db)) == 6000
    # Nobody is there who can't be found.
    unfound = "SELECT count(*) FROM accounts WHERE id NOT IN (SELECT account_id FROM people_keys)"
    assert await db.fetchval(unfound) == 0


async def test_the_processes_of_a_killed_import_end_too(
    database_url: str, db: asyncpg.Connection, crowded: Path
) -> None:
    import psutil

    killed = importing(crowded, database_url)
    await until(lambda: has_begun(db), within=60)
    children = psutil.Process(killed.pid).children(recursive=True)
    assert children
    killed.kill()
    await asyncio.to_thread(killed.communicate)
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, timeout=20)
    assert alive == []


async def test_an_import_waits_for_a_database_that_restarts(tmp_path: Path, crowded: Path) -> None:
    data = tmp_path / "data"
    with local.postgres(data) as url:
        await asyncio.to_thread(schema.migrate, url)
        running = importing(crowded, url)
        db = await asyncpg.connect(url)
        await until(lambda: has_begun(db), within=60)
        await db.close()
    with local.postgres(data) as url:
        said, complained = await asyncio.to_thread(running.communicate)
        assert running.returncode == 0, complained
        assert said == "6,000 people added, 0 already there, 0 rejected.\n"
        db = await asyncpg.connect(url)
        assert len(await everybody(db)) == 6000
        await db.close()


@asynccontextmanager
async def breaking_after_the_commit(url: str, folder: Path) -> AsyncIterator[str]:
    """A URL that leads to the same database, and breaks once: a COMMIT gets there, and its answer not back."""
    server = parse_qs(urlsplit(url).query)["host"][0] + "/.s.PGSQL.5432"
    broken = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(server)
        breaks = False

        async def answer() -> None:
            while (data := await there.read(65536)) and not breaks:
                writer.write(data)
            writer.close()

        answering = asyncio.create_task(answer())
        while not breaks and (data := await reader.read(65536)):
            breaks = b"COMMIT" in data and not broken.is_set()
            back.write(data)
            if breaks:
                broken.set()
                await asyncio.sleep(0.5)
        answering.cancel()
        writer.close()
        back.close()

    proxy = await asyncio.start_unix_server(connected, folder / ".s.PGSQL.5432")
    try:
        yield url.replace(urlsplit(url).query, f"host={folder}&port=5432")
        assert broken.is_set()
    finally:
        proxy.close()


async def test_a_commit_whose_answer_is_lost_is_counted_once(
    database_url: str, db: asyncpg.Connection, tmp_path: Path
) -> None:
    async with breaking_after_the_commit(database_url, tmp_path) as url:
        through_it = connection.open_database(url, size=1, timeout=10)
        tally, rejected = await bring_in(through_it, ndjson(*crowd(30), *crowd(5)))
        await through_it.close()
    assert counts(tally) == (30, 5, 0)
    assert rejected == []
    assert len(await everybody(db)) == 30


async def test_connections_that_break_all_the_time_lose_nobody(
    database_url: str, db: asyncpg.Connection
) -> None:
    people = connection.open_database(database_url, size=4, timeout=10)
    arriving = asyncio.create_task(
        bring_in(people, ndjson(*crowd(1500)), Pace(rows=100, processes=0, lanes=2))
    )
    for _ in range(20):
        await asyncio.sleep(0.05)
        await db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    tally, _ = await arriving
    await people.close()
    assert counts(tally) == (1500, 0, 0)
    assert len(await everybody(db)) == 1500
    assert len({row[1] for row in (await index_of(db))[0]}) == 1500
