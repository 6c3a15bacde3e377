"""Clients that mean harm, or are many, beside people who want nothing but an answer."""

import asyncio
import contextlib
import re
import resource
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from tests.e2e import traffic
from tests.e2e.conftest import show
from tests.e2e.connection import trusting
from tests.e2e.report import Report
from tests.e2e.stack import Stack, docker, inspect

pytestmark = [pytest.mark.e2e_long, pytest.mark.timeout(600)]

_IDLE = 10_000
_ASK_AGAIN = 50.0
_SLOW = 300
_SLOW_BODIES = 100
_MB = 1_000_000


@contextlib.contextmanager
def beside(what: Callable[[threading.Event], Coroutine[Any, Any, None]]) -> Iterator[threading.Event]:
    """Run a coroutine in a thread until the event that it's given, which is set at the block's end, is set."""
    over = threading.Event()
    broke: list[BaseException] = []

    def go() -> None:
        try:
            asyncio.run(what(over))
        except BaseException as error:
            broke.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield over
    finally:
        over.set()
        thread.join()
    if broke:
        raise broke[0]


def memory(stack: Stack, service: str) -> float:
    """MiB that the first container of a service uses."""
    used = docker("stats", "--no-stream", "--format={{.MemUsage}}", stack.containers(service)[0])
    number, unit = re.match(r"([0-9.]+)([KMG])iB", used).groups()  # type: ignore[union-attr]
    return float(number) * {"K": 1 / 1024, "M": 1, "G": 1024}[unit]


def nothing_failed(report: Report) -> None:
    assert [f for f in report.failures if not f.busy] == []
    assert report.lost == []


async def connect(stack: Stack, tls: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", stack.https_port, ssl=tls, server_hostname="localhost")


def address(stack: Stack, service: str, network: str) -> str:
    """Where a container is, past Docker's own proxy for published ports, which needs two files a connection."""
    networks = inspect(stack.containers(service)[0])["NetworkSettings"]["Networks"]
    return str(networks[f"{stack.project}_{network}"]["IPAddress"])


def test_ten_thousand_idle_connections_are_not_noticed(whole: Stack) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard > _IDLE + 1000, f"this machine allows a process {hard} files only"
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before, edge = memory(whole, "edge"), address(whole, "edge", "public")
    kept = 0

    async def stay(over: threading.Event) -> None:
        nonlocal kept
        tls = trusting()
        waiting = asyncio.Semaphore(50)

        async def come() -> None:
            nonlocal kept
            async with waiting:
                reader, writer = await asyncio.open_connection(
                    edge, 8443, ssl=tls, server_hostname="localhost"
                )
                await ask(reader, writer)
            kept += 1
            asked = time.monotonic()
            while not over.is_set() and not reader.at_eof():
                await asyncio.sleep(0.5)
                # Before the edge takes them for gone; on a slow machine not all of them come within that time.
                if time.monotonic() - asked > _ASK_AGAIN:
                    await ask(reader, writer)
                    asked = time.monotonic()
            kept -= reader.at_eof()
            writer.transport.abort()

        async with asyncio.TaskGroup() as group:
            for _ in range(_IDLE):
                group.create_task(come())
        await asyncio.sleep(0.5)

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HEAD /static/none HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")

    try:
        with beside(stay):
            began = time.monotonic()
            while kept < _IDLE:
                assert time.monotonic() - began < 240, f"{kept} connections only"
                time.sleep(1)
            with traffic.running(whole.url, rate=40) as load:
                time.sleep(6)
            still_there, used = kept, memory(whole, "edge")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    show(f"{_IDLE} idle connections", load.report)
    print(
        f"idle connections kept: {still_there}; memory of the edge: {before:.0f} MiB before, {used:.0f} MiB with them"
    )
    nothing_failed(load.report)
    assert still_there == _IDLE
    assert used < 512 * 0.9


def test_slow_heads_are_cut_and_not_noticed(whole: Stack) -> None:
    lived: list[float] = []

    async def drip(over: threading.Event) -> None:
        tls = trusting()

        async def one() -> None:
            reader, writer = await connect(whole, tls)
            began = time.monotonic()
            with contextlib.suppress(OSError):
                writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
                while not reader.at_eof() and not over.is_set():
                    writer.write(b"x")
                    await writer.drain()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1000), 0.5)
                lived.append(time.monotonic() - began)
            writer.transport.abort()

        async with asyncio.TaskGroup() as group:
            for _ in range(_SLOW):
                group.create_task(one())

    with beside(drip), traffic.running(whole.url, rate=40) as load:
        time.sleep(14)
    show(f"{_SLOW} slow heads", load.report)
    nothing_failed(load.report)
    print(f"slow heads: cut after {min(lived):.1f} to {max(lived):.1f} s")
    assert len(lived) == _SLOW
    assert max(lived) < 13


def test_slow_bodies_are_not_noticed_and_no_replica_waits_for_them(whole: Stack) -> None:
    async def drip(over: threading.Event) -> None:
        tls = trusting()

        async def one() -> None:
            reader, writer = await connect(whole, tls)
            with contextlib.suppress(OSError):
                writer.write(
                    b"POST /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 60000\r\n\r\n"
                )
                while not reader.at_eof() and not over.is_set():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(1)
            writer.transport.abort()

        # Slower than what the edge lets one address send logins.
        async with asyncio.TaskGroup() as group:
            for _ in range(_SLOW_BODIES):
                group.create_task(one())
                await asyncio.sleep(0.15)

    with beside(drip), traffic.running(whole.url, rate=40) as load:
        time.sleep(14)
        (edge,) = whole.containers("edge")
        waiting = _connections_to_replicas(whole, edge)
    show(f"{_SLOW_BODIES} slow bodies", load.report)
    assert [f for f in load.report.failures if not f.busy and f.what != "429 throttled"] == []
    assert load.report.lost == []
    # Those of the load, kept alive: a body that isn't there yet has none.
    assert waiting < _SLOW_BODIES


def _connections_to_replicas(stack: Stack, edge: str) -> int:
    """Established TCP connections of the edge to port 8000."""
    table = stack.inside(edge, "cat", "/proc/net/tcp").splitlines()[1:]
    return sum(line.split()[2].endswith(":1F40") and line.split()[3] == "01" for line in table)


@pytest.mark.parametrize("how", ["announced", "in chunks"])
def test_a_body_of_100_mb_is_refused_and_kept_nowhere(whole: Stack, how: str) -> None:
    answers: list[int] = []

    async def flood(over: threading.Event) -> None:
        tls = trusting()
        while not over.is_set():
            reader, writer = await connect(whole, tls)
            length = f"Content-Length: {100 * _MB}" if how == "announced" else "Transfer-Encoding: chunked"
            head = "POST /api/v1/accounts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
            writer.write(f"{head}\r\n{length}\r\n\r\n".encode())
            count = 0
            part = b"x" * 65536
            piece = part if how == "announced" else b"10000\r\n" + part + b"\r\n"
            with contextlib.suppress(OSError):
                while count < 100 * _MB and not reader.at_eof():
                    writer.write(piece)
                    await writer.drain()
                    count += len(part)
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                line = await asyncio.wait_for(reader.readline(), 3)
                answers.append(int(line.split()[1]))
            writer.transport.abort()
            # Fewer than the edge lets one address send registrations.
            await asyncio.sleep(1)

    before = memory(whole, "edge"), memory(whole, "api")
    with beside(flood), traffic.running(whole.url, rate=40) as load:
        time.sleep(8)
        after = memory(whole, "edge"), memory(whole, "api")
    show(f"bodies of 100 MB {how}", load.report)
    print(f"memory of edge and api: {before} MiB before, {after} MiB after; {len(answers)} bodies")
    nothing_failed(load.report)
    assert answers
    assert set(answers) == {413}
    assert after[0] - before[0] < 50
    assert after[1] - before[1] < 30
