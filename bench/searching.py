"""Somebody who searches through the API of a directory."""

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import quote
from uuid import uuid4

from bench import stack

LIMIT = 20
_PASSWORD = "nine wet herons in a row"


class Server:
    """Frontdesk's API on a port of this machine, and somebody who is logged in."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        name = f"bench{uuid4().hex[:12]}"
        fields = {"email": f"{name}@example.org", "username": name, "name": "Ψ", "password": _PASSWORD}
        self._ask("POST", "/api/v1/accounts", fields)
        answer = self._ask("POST", "/api/v1/sessions", {"login": name, "password": _PASSWORD})
        self.token = str(answer["token"])

    def search(self, text: str) -> tuple[float, list[str]]:
        """Seconds of one query, and the usernames it found."""
        began = time.perf_counter()
        self._connection.request("GET", path(text), headers={"Authorization": f"Bearer {self.token}"})
        answer = self._connection.getresponse()
        body = answer.read()
        took = time.perf_counter() - began
        if answer.status != 200:
            raise RuntimeError(f"{text!r}: {answer.status} {body[:200]!r}")
        return took, [person["username"] for person in json.loads(body)["people"]]

    def _ask(self, method: str, path: str, body: dict[str, str]) -> dict[str, object]:
        headers = {"Content-Type": "application/json"}
        self._connection.request(method, path, json.dumps(body).encode(), headers)
        answer = self._connection.getresponse()
        found: dict[str, object] = json.loads(answer.read())
        if answer.status not in (200, 201):
            raise RuntimeError(f"{path}: {answer.status} {found}")
        return found


@contextlib.contextmanager
def serving(url: str) -> Iterator[list[Server]]:
    """`frontdesk serve --role api` on the database at `url`, a replica a core."""
    with contextlib.ExitStack() as stack_:
        replicas = [stack_.enter_context(_replica(url)) for _ in stack.CORES]
        yield [Server(port, pid) for port, pid in replicas]


@contextlib.contextmanager
def _replica(url: str) -> Iterator[tuple[int, int]]:
    port = stack.free_port()
    settings = {"FRONTDESK_PORT": str(port), "FRONTDESK_SEARCHES_PER_MINUTE": "1000000"}
    process = started(url, "serve", "--role", "api", **settings)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def started(url: str, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
    """`frontdesk` with `arguments`, on the database at `url`, of the same environment as this process."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDESK_")}
    return subprocess.Popen(
        [sys.executable, "-c", "from frontdesk.cli import main; main()", *arguments],
        env=environ | {"FRONTDESK_DATABASE_URL": url} | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def path(text: str) -> str:
    """Where a page of LIMIT people is asked for."""
    return f"/api/v1/people?q={quote(text)}&limit={LIMIT}"
