"""A login for which there is no time is refused before its body is looked at."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.cast import ALICE, Actor
from tests.serving import Running, running

pytestmark = pytest.mark.anyio

BODY = json.dumps({"login": "alice", "password": ALICE.password}).encode()
HEAD = b"POST /api/v1/sessions HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
LOGIN = HEAD % len(BODY) + BODY


@contextlib.asynccontextmanager
async def served(tmp_path: Path, url: str, **settings: str) -> AsyncIterator[Running]:
    """A server that has time for a few hashes only."""
    manager = running(
        tmp_path,
        "serve",
        FRONTDESK_DATABASE_URL=url,
        FRONTDESK_HASH_THREADS="1",
        FRONTDESK_HASH_DEADLINE="0.4",
        FRONTDESK_LOGIN_ATTEMPTS="1000",
        FRONTDESK_LOGIN_ATTEMPTS_PER_ADDRESS="100000",
        FRONTDESK_DRAIN_DELAY="0",
        **settings,
    )
    server = await asyncio.to_thread(manager.__enter__)
    try:
        yield server
    finally:
        await asyncio.to_thread(manager.__exit__, None, None, None)


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode()
    lines = head.split("\r\n")
    headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:] if line)}
    return int(lines[0].split()[1]), headers, await reader.readexactly(int(headers.get("content-length", 0)))


@contextlib.asynccontextmanager
async def crowd(server: Running) -> AsyncIterator[int]:
    """So many logins that the next one comes too late; the port."""
    port = int(server.url.rpartition(":")[2])
    stop = asyncio.Event()

    async def log_in_for_ever() -> None:
        # Each on a connection of its own: one that was refused is made to wait.
        while not stop.is_set():
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(LOGIN)
            await answer(reader)
            writer.close()
            await asyncio.sleep(0.02)

    tasks = [asyncio.create_task(log_in_for_ever()) for _ in range(40)]
    try:
        yield port
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def refused(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, dict[str, str], bytes]:
    """A connection whose login was refused, and the answer."""
    for _ in range(200):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(LOGIN)
        status, headers, body = await answer(reader)
        if status == 503:
            return reader, writer, headers, body
        writer.close()
    raise AssertionError("never refused")


async def test_the_refusal_is_a_problem_like_any_other(
    tmp_path: Path, database_url: str, alice: Actor
) -> None:
    async with served(tmp_path, database_url) as server:
        async with crowd(server) as port:
            _, writer, headers, body = await refused(port)
            writer.close()
        problem = json.loads(body)
        assert headers["content-type"] == "application/problem+json"
        assert (problem["status"], problem["code"]) == (503, "busy")
        assert int(headers["retry-after"]) >= 1
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-request-id"] == problem["request_id"]
        assert server.told_of(problem["request_id"])["status"] == 503
        metrics = (await asyncio.to_thread(httpx.get, server.url + "/metrics")).text
        assert 'route="/api/v1/sessions",status="503"' in metrics


async def test_the_connection_goes_on_after_it(tmp_path: Path, database_url: str, alice: Actor) -> None:
    async with served(tmp_path, database_url) as server, crowd(server) as port:
        reader, writer, _, _ = await refused(port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
        assert (await answer(reader))[0] == 200
        writer.close()


async def test_a_body_that_comes_later_is_dropped(tmp_path: Path, database_url: str, alice: Actor) -> None:
    async with served(tmp_path, database_url) as server, crowd(server) as port:
        for _ in range(200):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HEAD % len(BODY))
            # Of a login that isn't refused, the body is waited for.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    head = await reader.readuntil(b"\r\n\r\n")
                    break
            writer.close()
        assert head.startswith(b"HTTP/1.1 503")
        await reader.readuntil(b"}")
        writer.write(BODY + b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
        assert (await answer(reader))[0] == 200
        writer.close()


@pytest.mark.parametrize(("proxies", "waits"), [("", True), ("127.0.0.1", False)])
async def test_who_asks_again_and_again_waits_but_not_who_shares_a_proxy(
    tmp_path: Path, database_url: str, alice: Actor, proxies: str, waits: bool
) -> None:
    async with (
        served(tmp_path, database_url, FRONTDESK_TRUSTED_PROXIES=proxies) as server,
        crowd(server) as port,
    ):
        reader, writer, _, _ = await refused(port)
        loop = asyncio.get_running_loop()
        in_a_row, seconds = 1, []
        while len(seconds) < 4:
            began = loop.time()
            writer.write(LOGIN)
            status, _, _ = await answer(reader)
            in_a_row = in_a_row + 1 if status == 503 else 0
            # Before the sixth, the pause is between 0.2 and 0.4 s; it grows from there. It begins when the server
            # answers, so a client whose machine is busy, which reads the answer later, sees less of it.
            if in_a_row >= 6:
                seconds.append(loop.time() - began)
        writer.close()
        assert (min(seconds) > 0.09) is waits
