"""The crowd of bench-search: what it reports is what servers were asked."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from bench import load
from bench.crowd import crowd


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        # The crowd goes home in the middle of an answer.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: ClassVar[Counter[tuple[int, str]]] = Counter()

    def do_GET(self) -> None:
        self.asked[self.server.server_port, self.path] += 1
        self.send_response(503 if self.path == "/busy" else 200)
        body = b"x" * 100_000
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def ports() -> Iterator[list[int]]:
    _Handler.asked.clear()
    servers = [_Server(("127.0.0.1", 0), _Handler) for _ in range(2)]
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in servers]
    for thread in threads:
        thread.start()
    yield [server.server_port for server in servers]
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


def _asked(ports: list[int], *paths: str) -> list[tuple[int, dict[str, list[bytes]]]]:
    return [(port, {path: [load.request("GET", path)] for path in paths}) for port in ports]


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_each_class_is_asked_of_each_server_and_every_answer_counts(ports: list[int], pause: float) -> None:
    times = crowd(_asked(ports, "/one", "/other"), seconds=0.5, pause=pause)
    asked = _Handler.asked
    assert set(asked) == {(port, path) for port in ports for path in ("/one", "/other")}
    for path, found in times.items():
        # The last of each client may not have been waited for.
        assert 0 <= sum(asked[port, path] for port in ports) - len(found) <= 32
        assert all(0 < took < 500 for took in found)
    # 32 clients, each a little after its pause: ten rounds at most, and one at the beginning.
    assert pause == 0 or sum(map(len, times.values())) <= 32 * 11


def test_what_is_refused_is_no_answer(ports: list[int]) -> None:
    with pytest.raises(RuntimeError, match=r"/busy: .*503"):
        crowd(_asked(ports, "/busy"), seconds=5, pause=0)
