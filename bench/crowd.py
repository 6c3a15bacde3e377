"""Many who search at once. Sockets and epoll, no event loop: the crowd shares the machine with what it measures."""

import contextlib
import heapq
import random
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

CLIENTS = 32
# Seconds without any answer after which nothing is waited for any more.
_PATIENCE = 30


@dataclass
class _Client:
    socket: socket.socket
    # What it may ask for: requests, by class.
    requests: dict[str, list[bytes]]
    rng: random.Random
    kind: str = ""
    began: float = 0.0
    # What has come of the answer.
    data: bytes = b""

    def ask(self, kinds: Sequence[str]) -> None:
        self.kind = self.rng.choice(kinds)
        request = self.rng.choice(self.requests[self.kind])
        self.data = b""
        self.began = time.perf_counter()
        self.socket.sendall(request)

    def answered(self) -> bool:
        """Read on. Whether the answer is there. Raises RuntimeError if it's none, or not 200."""
        data = self.socket.recv(65536)
        if not data:
            raise RuntimeError(f"{self.kind}: closed")
        self.data += data
        head, end, body = self.data.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{self.kind}: {head[:80]!r} {body[:200]!r}")
        return len(body) >= int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])


def crowd(
    servers: Sequence[tuple[int, dict[str, list[bytes]]]], *, seconds: float, pause: float
) -> dict[str, list[float]]:
    """The milliseconds of each answer by class, while each of CLIENTS asks for a class that it draws, `pause` seconds
    after each answer, for `seconds`.

    servers: the port of each, and the requests by class that it's asked. As a load balancer does it, clients are
    spread evenly over them. Raises OSError, and RuntimeError for any answer but 200.
    """
    kinds = list(servers[0][1])
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    clients: dict[int, _Client] = {}
    with contextlib.ExitStack() as stack:
        poll = stack.enter_context(select.epoll())
        for number in range(CLIENTS):
            port, requests = servers[number % len(servers)]
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            poll.register(connection, select.EPOLLIN)
            clients[connection.fileno()] = _Client(connection, requests, random.Random(number))
        began = time.perf_counter()
        until = began + seconds
        # Who pauses: until when, and the file descriptor of the connection.
        paused = [(began + pause * client.rng.random(), file) for file, client in clients.items()]
        heapq.heapify(paused)
        while (now := time.perf_counter()) < until:
            while paused and paused[0][0] <= now:
                clients[heapq.heappop(paused)[1]].ask(kinds)
            ready = poll.poll(max(0.0, paused[0][0] - now) if paused else _PATIENCE)
            if not ready and not paused:
                raise RuntimeError(f"no answer in {_PATIENCE} s")
            for file, _ in ready:
                client = clients[file]
                if client.answered():
                    now = time.perf_counter()
                    times[client.kind].append((now - client.began) * 1000)
                    if pause:
                        heapq.heappush(paused, (now + pause, file))
                    else:
                        client.ask(kinds)
    return times
