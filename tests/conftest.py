"""A real PostgreSQL for each process of a run, a migrated database of its own for each test."""

import asyncio
import dataclasses
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest

from frontdesk import app, local
from frontdesk.accounts.service import Service
from frontdesk.border import Border
from frontdesk.settings import Settings
from frontdesk.store import schema
from tests import cast
from tests.databases import execute
from tests.stack import images, stack

# Here, so that all folders of tests share one stack.
__all__ = ["images", "stack"]

# Nothing in a test has to survive a crash of the machine.
_CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # It's kept in memory.
    "max_wal_size": "128MB",
}

_MEMORY = Path("/dev/shm")
# Bytes that the databases of a process fit in; a container's /dev/shm has less, unless it was told otherwise.
_ROOM = 1 << 29

_numbers = itertools.count()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> None:
    for name in [name for name in os.environ if name.startswith("FRONTDESK_")]:
        del os.environ[name]


@pytest.fixture(scope="session", autouse=True)
def _interrupts_arrive() -> None:
    # A shell that runs the tests in its background has them, and all that they start, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The URL of a PostgreSQL with an empty migrated database, `blank`, to copy."""
    with (
        tempfile.TemporaryDirectory(prefix=f"frontdesk-tests-{os.getpid()}-", dir=_in_memory()) as folder,
        local.postgres(Path(folder), **_CARELESS) as url,
    ):
        asyncio.run(execute(url, "CREATE DATABASE blank"))
        schema.migrate(_in_database(url, "blank"))
        yield url


def _in_memory() -> Path | None:
    # A database is a few hundred files, of which each test gets a copy: on a disk up to seven times as slow.
    if not _MEMORY.is_dir():
        return None
    for left in _MEMORY.glob("frontdesk-tests-*"):
        # A run that was killed leaves it behind.
        if not Path("/proc", left.name.split("-")[2]).exists():
            shutil.rmtree(left, ignore_errors=True)
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return _MEMORY if shutil.disk_usage(_MEMORY).free > processes * _ROOM else None


@pytest.fixture
async def database_url(cluster: str) -> AsyncIterator[str]:
    """The URL of a database that only this test uses."""
    name = f"test_{next(_numbers)}"
    await execute(cluster, f"CREATE DATABASE {name} TEMPLATE blank STRATEGY file_copy")
    yield _in_database(cluster, name)
    await execute(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def empty_database_url(cluster: str) -> AsyncIterator[str]:
    """The URL of a database without a schema."""
    name = f"test_{next(_numbers)}"
    await execute(cluster, f"CREATE DATABASE {name}")
    yield _in_database(cluster, name)
    await execute(cluster, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def served_url(cluster: str) -> Iterator[str]:
    """Like `database_url`, for tests that block: those that start real processes and wait for them."""
    name = f"test_{next(_numbers)}"
    asyncio.run(execute(cluster, f"CREATE DATABASE {name} TEMPLATE blank STRATEGY file_copy"))
    yield _in_database(cluster, name)
    asyncio.run(execute(cluster, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def unmigrated_url(cluster: str) -> Iterator[str]:
    """Like `served_url`, without a schema."""
    name = f"test_{next(_numbers)}"
    asyncio.run(execute(cluster, f"CREATE DATABASE {name}"))
    yield _in_database(cluster, name)
    asyncio.run(execute(cluster, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, hash_threads=2, drain_delay=0, hash_deadline=10)


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[Service]:
    async with app.open_service(settings) as service:
        yield service


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to look into the database with, and to arrange what no verb can."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def border(service: Service) -> Border:
    return app.build(service)


@pytest.fixture
async def http(border: Border) -> AsyncIterator[httpx.AsyncClient]:
    """A program that talks to pages and API, without a network in between."""
    transport = httpx.ASGITransport(app=border, client=("192.0.2.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.fixture
async def alice(service: Service) -> cast.Actor:
    return await cast.enter(service, cast.ALICE)


@pytest.fixture
async def bob(service: Service) -> cast.Actor:
    return await cast.enter(service, cast.BOB)


@pytest.fixture
async def charlie(service: Service) -> cast.Actor:
    return await cast.enter(service, cast.CHARLIE)


def with_settings(service: Service, **changes: object) -> Service:
    """The same parts, with other settings."""
    return dataclasses.replace(service, settings=msgspec.structs.replace(service.settings, **changes))


def _in_database(url: str, name: str) -> str:
    return url.replace("/postgres?", f"/{name}?")
