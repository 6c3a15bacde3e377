"""A service that sends mail to a real SMTP server, when it's told to."""

from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import httpx
import pytest

from frontdesk import app
from frontdesk.accounts.service import Service
from frontdesk.border import Border
from frontdesk.metrics import Metrics
from frontdesk.postman import Postman, by_smtp
from frontdesk.settings import Settings
from tests import cast
from tests.conftest import with_settings
from tests.mailbox import BASE, SENDER, Letter, Mailbox, mailbox

Connect = Callable[..., httpx.AsyncClient]


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def settings(database_url: str, box: Mailbox) -> Settings:
    return Settings(
        database_url=database_url,
        hash_threads=2,
        drain_delay=0,
        hash_deadline=10,
        smtp_url=box.url,
        mail_from=SENDER,
        public_url=BASE,
        email_verification="off",
        mails_per_address=1000,
    )


class Post:
    """Sends what waits, at once."""

    def __init__(self, service: Service, box: Mailbox, db: asyncpg.Connection) -> None:
        self.metrics = Metrics()
        self.postman = Postman(service, by_smtp(service), self.metrics)
        self._box = box
        self._db = db

    async def send(self) -> list[Letter]:
        """Everything that is due; the letters that arrived by it."""
        before = len(self._box.letters)
        while await self.postman.send_due():
            pass
        return self._box.letters[before:]

    async def one(self) -> Letter:
        """The one letter that waits."""
        (letter,) = await self.send()
        return letter

    async def waiting(self) -> int:
        return int(await self._db.fetchval("SELECT count(*) FROM mails"))

    async def hurry(self) -> None:
        """Let everything that waits be due."""
        await self._db.execute("UPDATE mails SET due_at = now()")

    def metric(self, name: str) -> float:
        found = self.metrics.registry.get_sample_value(name)
        assert found is not None
        return found


@pytest.fixture
def post(service: Service, box: Mailbox, db: asyncpg.Connection) -> Post:
    return Post(service, box, db)


@pytest.fixture
async def required(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A program that talks to a service where addresses must be confirmed."""
    border = app.build(with_settings(service, email_verification="required"))
    async with talking(border) as client:
        yield client


@pytest.fixture
async def optional(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """The same, where they may be."""
    border = app.build(with_settings(service, email_verification="optional"))
    async with talking(border) as client:
        yield client


def talking(border: Border, address: str = "192.0.2.1") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=border, client=(address, 50000))
    return httpx.AsyncClient(transport=transport, base_url="http://testserver")


async def confirm_all(db: asyncpg.Connection) -> None:
    """Let every account have shown to hold its address."""
    await db.execute("UPDATE accounts SET email_verified_at = now()")


@pytest.fixture
async def alice(service: Service, db: asyncpg.Connection) -> cast.Actor:
    found = await cast.enter(service, cast.ALICE)
    await confirm_all(db)
    return found


@pytest.fixture
async def bob(service: Service, db: asyncpg.Connection) -> cast.Actor:
    found = await cast.enter(service, cast.BOB)
    await confirm_all(db)
    return found
