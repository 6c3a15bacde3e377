"""A connection, the answers on it, and what is told of them: protocol.py, border.py and logs.py without a service."""

import asyncio
import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from frontdesk import logs
from frontdesk.border import Border, Early
from frontdesk.metrics import Metrics
from frontdesk.protocol import Protocol
from frontdesk.routing import resource
from tests.stack import until
from tests.wire import Wire

KEEP_ALIVE = 1.0
HOST = b"Host: here\r\n\r\n"
GET = b"GET /plain HTTP/1.1\r\n" + HOST


class _Faulty(Response):
    """Begins an answer, and fails."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        raise RuntimeError("between head and body")


async def _plain(_: Request) -> Response:
    return PlainTextResponse("plain")


async def _slow(_: Request) -> Response:
    await asyncio.sleep(1.5 * KEEP_ALIVE)
    return PlainTextResponse("slow")


async def _nothing(_: Request) -> Response:
    return Response(None, 204)


async def _streamed(_: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"one, ", b"two"):
            yield piece

    return StreamingResponse(pieces())


async def _faulty(_: Request) -> Response:
    return _Faulty()


async def _named(request: Request) -> Response:
    """With a header of what the query says in hexadecimal digits."""
    return Response(
        "named", headers={"x-name": bytes.fromhex(request.scope["query_string"].decode()).decode("latin-1")}
    )


@contextlib.contextmanager
def listening() -> Iterator[str]:
    """The address of a server whose connections may be idle for KEEP_ALIVE seconds."""
    handlers = (_plain, _slow, _nothing, _streamed, _faulty, _named)
    app = Starlette(routes=[resource(f"/{handler.__name__.strip('_')}", GET=handler) for handler in handlers])
    app.state.draining = False

    async def show(_: Request, error: Exception) -> Response:
        return PlainTextResponse(type(error).__name__, 500)

    border = Border(app, show, Metrics(), (), Early(frozenset(), lambda: None, lambda _: b""))
    config = uvicorn.Config(
        border,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        timeout_keep_alive=int(KEEP_ALIVE),
    )
    config.load()
    found: list[str] = []
    up, down = threading.Event(), asyncio.Event()
    loop = uvloop.new_event_loop()

    async def serve() -> None:
        server = await loop.create_server(
            lambda: Protocol(config=config, server_state=ServerState(), app_state={}), "127.0.0.1", 0
        )
        found.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        up.set()
        await down.wait()
        server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert up.wait(10)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(down.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with listening() as found:
        yield found


def test_an_idle_connection_is_closed_that_long_after_its_last_answer(url: str) -> None:
    with Wire(url) as wire:
        for _ in range(4):
            wire.send(GET)
            assert wire.answer().body == b"plain"
            time.sleep(0.6 * KEEP_ALIVE)
        wire.send(GET)
        assert wire.answer().body == b"plain"
        began = time.monotonic()
        assert wire.ended()
        assert 0.9 * KEEP_ALIVE < time.monotonic() - began < 1.5 * KEEP_ALIVE


def test_a_request_may_take_longer_than_a_connection_may_be_idle(url: str) -> None:
    with Wire(url) as wire:
        for request, body in ((GET, b"plain"), (b"GET /slow HTTP/1.1\r\n" + HOST, b"slow"), (GET, b"plain")):
            wire.send(request)
            assert wire.answer().body == body


def test_a_request_whose_head_began_before_the_answer_to_another_is_not_idle(url: str) -> None:
    with Wire(url) as wire:
        wire.send(b"GET /slow HTTP/1.1\r\n" + HOST + b"GET /slow HT")
        assert wire.answer().body == b"slow"
        wire.send(b"TP/1.1\r\n" + HOST)
        assert wire.answer().body == b"slow"


def test_empty_lines_keep_no_connection_open(url: str) -> None:
    with Wire(url) as wire:
        wire.send(GET)
        assert wire.answer().body == b"plain"
        began = time.monotonic()
        while time.monotonic() - began < 1.3 * KEEP_ALIVE:
            wire.send(b"\r\n")
            time.sleep(0.1 * KEEP_ALIVE)
        assert wire.ended()


def test_answers_to_requests_that_come_together_keep_their_order(url: str) -> None:
    with Wire(url) as wire:
        wire.send(b"GET /slow HTTP/1.1\r\n" + HOST + GET + b"GET /nothing HTTP/1.1\r\n" + HOST + GET)
        assert [wire.answer().body for _ in range(4)] == [b"slow", b"plain", b"", b"plain"]


def test_a_streamed_answer_comes_whole(url: str) -> None:
    with Wire(url) as wire:
        wire.send(b"GET /streamed HTTP/1.1\r\n" + HOST)
        assert b"transfer-encoding: chunked" in wire.until(b"\r\n\r\n")
        assert wire.until(b"0\r\n\r\n") == b"5\r\none, \r\n3\r\ntwo\r\n"
        wire.send(GET)
        assert wire.answer().body == b"plain"


def test_a_fault_between_head_and_body_is_a_500_and_told_as_one(
    url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="frontdesk.requests")
    with Wire(url) as wire:
        wire.send(b"GET /faulty HTTP/1.1\r\n" + HOST)
        assert wire.answer().status == 500
        assert wire.ended()

    def told() -> list[int]:
        lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        return [line["status"] for line in lines if line["route"] == "/faulty"]

    assert until(told) == [500]


@pytest.mark.parametrize("value", ["a\r", "\n", "a\r\nb: c", "\x7f", "\x00", "a\n b"])
def test_a_header_holds_no_control_character(value: str, url: str) -> None:
    """CWE-113: what somebody typed must not begin another header."""
    with Wire(url) as wire:
        wire.send(f"GET /named?{value.encode().hex()} HTTP/1.1\r\n".encode() + HOST)
        answer = wire.answer()
    assert answer.status == 500
    assert not {"x-name", "b"} & {*answer.headers}


@pytest.mark.parametrize("value", ["a\tb", "\xe9", "a: b; c"])
def test_a_header_may_hold_anything_else(value: str, url: str) -> None:
    with Wire(url) as wire:
        wire.send(f"GET /named?{value.encode('latin-1').hex()} HTTP/1.1\r\n".encode() + HOST)
        answer = wire.answer()
    assert (answer.status, answer.headers["x-name"], answer.body) == (200, value, b"named")


async def test_lines_of_one_round_are_written_whole_in_writes_that_a_pipe_takes_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="frontdesk.requests")
    writes: list[bytes] = []
    monkeypatch.setattr(os, "write", lambda _, data: writes.append(bytes(data)))
    for number in range(40):
        logs.write_request(
            request_id=f"{number:016}",
            method="GET",
            route="/plain",
            status=200,
            seconds=0.001,
            bytes=5,
            address="192.0.2.1",
        )
    assert len(b"".join(writes).splitlines()) < 40
    await asyncio.sleep(0)
    assert all(0 < len(data) <= 4096 and data.endswith(b"}\n") for data in writes)
    told = [json.loads(line) for line in b"".join(writes).splitlines()]
    assert [line["request_id"] for line in told] == [f"{number:016}" for number in range(40)]
    await asyncio.sleep(0)
    assert len(writes) < 5
