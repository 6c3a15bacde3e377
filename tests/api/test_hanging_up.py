"""Whoever hangs up while waiting for a hash leaves the queue: nobody's password is hashed for nobody."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.cast import ALICE, Actor
from tests.serving import running

pytestmark = pytest.mark.anyio


@pytest.fixture
async def port(tmp_path: Path, database_url: str, alice: Actor) -> AsyncIterator[int]:
    """The port of a server with one hash thread and much patience."""
    manager = running(
        tmp_path,
        "serve",
        FRONTDESK_DATABASE_URL=database_url,
        FRONTDESK_HASH_THREADS="1",
        FRONTDESK_HASH_DEADLINE="30",
        FRONTDESK_DRAIN_TIMEOUT="30",
        FRONTDESK_LOGIN_ATTEMPTS="1000",
        FRONTDESK_LOGIN_ATTEMPTS_PER_ADDRESS="1000",
        FRONTDESK_DRAIN_DELAY="0",
    )
    server = await asyncio.to_thread(manager.__enter__)
    yield int(server.url.rpartition(":")[2])
    await asyncio.to_thread(manager.__exit__, None, None, None)


async def test_a_login_whose_client_hung_up_is_not_hashed(port: int) -> None:
    body = json.dumps({"login": "alice", "password": ALICE.password}).encode()
    request = (
        b"POST /api/v1/sessions HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
    for _, writer in clients:
        writer.write(request)
    await asyncio.gather(*(writer.drain() for _, writer in clients))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        while await value(http, "frontdesk_hash_queued") < 20:
            await asyncio.sleep(0.005)
        for _, writer in clients:
            writer.transport.abort()
        while await value(http, "frontdesk_hash_queued"):
            await asyncio.sleep(0.005)
        assert await value(http, "frontdesk_hash_seconds_count") < 30


async def value(http: httpx.AsyncClient, name: str) -> float:
    lines = (await http.get("/metrics")).text.splitlines()
    return float(next(line for line in lines if line.startswith(name + " ")).split()[1])
