"""A load client that is cheap enough to share a core with the database: HTTP/1.1, keep-alive, one buffer."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

Request = tuple[bytes, str]
NO_ANSWER = 0


@dataclass
class Result:
    """What a load found: seconds of each answer by status, and what got none.

    late: how many of each status came after the time was over.
    """

    seconds: float = 0.0
    answers: dict[int, list[float]] = field(default_factory=dict)
    failures: int = 0
    late: Counter[int] = field(default_factory=Counter)

    def count(self, status: int | None = None) -> int:
        return sum(len(times) for code, times in self.answers.items() if status in (None, code))

    def rate(self, status: int | None = None) -> float:
        """Answers a second."""
        return self.count(status) / self.seconds

    def percentile(self, percent: float, status: int | None = None) -> float:
        """Seconds within which `percent` of the answers came."""
        times = sorted(t for code, all_of in self.answers.items() if status in (None, code) for t in all_of)
        return times[min(len(times) - 1, math.ceil(len(times) * percent / 100) - 1)] if times else math.nan


def request(
    method: str,
    path: str,
    *,
    token: str = "",
    body: bytes = b"",
    content_type: str = "application/json",
    accept_encoding: str = "",
) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "User-Agent: frontdesk-bench"]
    if accept_encoding:
        lines.append(f"Accept-Encoding: {accept_encoding}")
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def load(
    port: int,
    requests: Iterable[Callable[[], bytes]],
    *,
    seconds: float,
    pause: float = 0.0,
    timeout: float | None = None,
    host: str = "127.0.0.1",
) -> Result:
    """Each of `requests` on a connection of its own, again and again for `seconds`, `pause` seconds apart.

    What took `timeout` seconds is given up, and counts as the answer NO_ANSWER after that time.
    """
    result = Result()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for make in requests:
            group.create_task(_client(host, port, make, began + seconds, pause, timeout, result))
    result.seconds = time.perf_counter() - began
    return result


async def paced(
    port: int, make: Callable[[int], bytes], *, rate: float, seconds: float, kept: bool = False
) -> Result:
    """`rate` requests a second, whether or not the earlier ones are answered, each of somebody else: on a
    connection of its own, or if connections are `kept`, on any that is free, as load balancers do it."""
    result = Result()
    free: list[Connection] = []
    began = time.perf_counter()

    async def one(number: int) -> None:
        asked = time.perf_counter()
        try:
            connection = free.pop() if free else await connect(port)
            status = await connection.ask(make(number))
        except (OSError, EOFError):
            result.failures += 1
            return
        now = time.perf_counter()
        result.answers.setdefault(status, []).append(now - asked)
        result.late[status] += now > began + seconds
        if kept:
            free.append(connection)
        else:
            connection.close()

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            late = began + number / rate - time.perf_counter()
            if late > 0:
                await asyncio.sleep(late)
            group.create_task(one(number))
    for connection in free:
        connection.close()
    result.seconds = seconds
    return result


async def _client(
    host: str,
    port: int,
    make: Callable[[], bytes],
    until: float,
    pause: float,
    timeout: float | None,
    result: Result,
) -> None:
    connection: Connection | None = None
    while time.perf_counter() < until:
        began = time.perf_counter()
        try:
            if connection is None:
                connection = await connect(port, host)
            asked = connection.ask(make())
            status = await (asked if timeout is None else asyncio.wait_for(asked, timeout))
            if connection.closed:
                connection = None
        except TimeoutError:
            if connection is not None:
                connection.close()
            connection = None
            status = NO_ANSWER
        except (OSError, EOFError):
            result.failures += 1
            connection = None
            await asyncio.sleep(0.01)
            continue
        now = time.perf_counter()
        result.answers.setdefault(status, []).append(now - began)
        if pause:
            await asyncio.sleep(pause)
    if connection is not None:
        connection.close()


async def connect(port: int, host: str = "127.0.0.1") -> "Connection":
    """Raises OSError."""
    return (await asyncio.get_running_loop().create_connection(Connection, host, port))[1]


class Connection(asyncio.Protocol):
    """One request at a time; knows of HTTP just where an answer ends."""

    def __init__(self) -> None:
        self.closed = False
        self._data = self._head = b""
        # How long an answer is, head and body; -1 until its head is there.
        self._end = -1
        self._chunked = False
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    async def ask(self, request: bytes) -> int:
        if self.closed:
            raise EOFError
        self._data = b""
        self._end = -1
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._end < 0:
            # The client shares the machine with what it measures: each head is looked at once.
            at = self._data.find(b"\r\n\r\n")
            if at < 0:
                return
            self._head = self._data[:at].lower()
            found = self._head.find(b"content-length:")
            length = int(self._head[found + 15 :].split(b"\r\n", 1)[0]) if found >= 0 else 0
            self._end = at + 4 + length
            self._chunked = b"transfer-encoding: chunked" in self._head
        if self._answer is None or self._answer.done():
            return
        # What a proxy compresses comes in chunks; the last is empty (RFC 9112, section 7.1).
        if self._data.endswith(b"0\r\n\r\n") if self._chunked else len(self._data) >= self._end:
            if b"connection: close" in self._head:
                self.close()
            self._answer.set_result(int(self._head[9:12]))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(EOFError())

    def close(self) -> None:
        self.closed = True
        self._transport.close()
