"""Somebody at the other end of the edge."""

import contextlib
import secrets
import socket
import ssl
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.stack import GOSS, PROJECT, SERVICE, Edge, Stack, container, run

# Another service than ours: it tells what it was asked, after the seconds that ?wait= says.
_TELLING = """
import http.server, json, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        time.sleep(float(self.path.partition('?wait=')[2] or 0))
        length = int(self.headers.get('Content-Length') or 0)
        said = json.dumps({'path': self.path, 'headers': dict(self.headers), 'body': self.rfile.read(length).decode()})
        self.send_response(200)
        self.send_header('Content-Length', str(len(said)))
        self.end_headers()
        self.wfile.write(said.encode())
    do_GET = do_POST
http.server.ThreadingHTTPServer(('', 9000), Handler).serve_forever()
"""


@pytest.fixture
def edge(stack: Stack) -> Edge:
    return stack.edge


@pytest.fixture
def browser(edge: Edge) -> Iterator[httpx.Client]:
    with client(edge) as made:
        yield made


def client(edge: Edge, **headers: str) -> httpx.Client:
    """A client that takes the self-signed certificate."""
    return httpx.Client(base_url=edge.url, verify=False, timeout=20, headers=headers)


def behind_edge(name: str, program: str = _TELLING) -> contextlib.AbstractContextManager[str]:
    """The id of a container that an edge reaches by `name`, with others of that name; what it runs is Python."""
    network = (f"--network={PROJECT}_service", f"--network-alias={name}")
    return container(*network, "--entrypoint=python", SERVICE, "-c", program)


def register(http: httpx.Client) -> tuple[str, str]:
    """Username and token of somebody new."""
    name, password = f"edge-{secrets.token_hex(5)}", secrets.token_hex(12)
    account = {"email": f"{name}@example.org", "username": name, "name": "Edge Walker", "password": password}
    made = http.post("/api/v1/accounts", json=account)
    assert made.status_code == 201, made.text
    entered = http.post("/api/v1/sessions", json={"login": name, "password": password})
    assert entered.status_code == 201, entered.text
    return name, str(entered.json()["token"])


@contextlib.contextmanager
def connected(edge: Edge) -> Iterator[ssl.SSLSocket]:
    """A connection by which anything can be sent."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", edge.https), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        yield connection


def seconds_until_closed(connection: ssl.SSLSocket) -> float:
    """How long the other side keeps the connection, in seconds; what it still says is read."""
    started = time.monotonic()
    try:
        while connection.recv(65536):
            pass
    except (ConnectionResetError, ssl.SSLError):
        pass
    return time.monotonic() - started


def curl(*arguments: str) -> str:
    """curl, which knows HTTP/2 and HTTP/3."""
    return run(
        *("docker", "run", "--rm", "--network=host", "--entrypoint=curl", GOSS),
        *("--silent", "--insecure", "--max-time", "20", *arguments),
    ).stdout
