"""Programs that talk to the API."""

import contextlib
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from frontdesk import app
from frontdesk.accounts.service import Service
from tests.conftest import with_settings

Talk = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def talk(service: Service) -> AsyncIterator[Talk]:
    """A program at `address`, talking to a service with other settings."""
    async with contextlib.AsyncExitStack() as programs:

        def connect(address: str = "192.0.2.1", **settings: object) -> httpx.AsyncClient:
            border = app.build(with_settings(service, **settings), "api")
            transport = httpx.ASGITransport(app=border, client=(address, 50000))
            client = httpx.AsyncClient(transport=transport, base_url="http://testserver")
            programs.push_async_callback(client.aclose)
            return client

        yield connect
