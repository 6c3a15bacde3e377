"""A server as a process: how it stops, what each role answers, what it writes to its log."""

import asyncio
import http.client
import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from frontdesk import app
from frontdesk.accounts.service import Service
from tests.cast import ALICE, BOB
from tests.serving import FRONTDESK, Running, clean_environ, running

LOGIN = {"login": "alice", "password": ALICE.password}


def serve(tmp_path: Path, url: str, *arguments: str, **variables: str):  # type: ignore[no-untyped-def]
    return running(tmp_path, "serve", *arguments, FRONTDESK_DATABASE_URL=url, **variables)


@dataclass
class Load:
    """Clients that ask again and again on kept connections, and make a new one when told to.

    `lost`: requests that were sent on a connection that was made, and got no answer.
    """

    url: str
    answered: int = 0
    lost: list[str] = field(default_factory=list)
    stopped_at: float = 0.0

    def run(self, clients: int, pause: float) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._ask, args=(pause,), daemon=True) for _ in range(clients)]
        for thread in threads:
            thread.start()
        return threads

    def _ask(self, pause: float) -> None:
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=20)
        while True:
            if connection.sock is None:
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    # Nobody is there any more: a load balancer has long turned elsewhere.
                    return
                except OSError as error:
                    self.lost.append(f"connect: {error!r}")
                    return
            try:
                connection.request("GET", "/livez")
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                return
            self.answered += 1
            if answer.status != 200:
                self.lost.append(str(answer.status))
            if answer.will_close:
                connection.close()
            time.sleep(pause)


@pytest.mark.parametrize("delay", ["0", "0.7"])
def test_no_request_is_lost_while_it_stops(delay: str, served_url: str, tmp_path: Path) -> None:
    with serve(tmp_path, served_url, FRONTDESK_DRAIN_DELAY=delay) as server:
        busy, calm = Load(server.url), Load(server.url)
        threads = busy.run(clients=6, pause=0) + calm.run(clients=6, pause=0.1)
        time.sleep(0.5)
        server.terminate()
        assert server.process.wait(15) == 0
        for thread in threads:
            thread.join(5)
        assert busy.lost == []
        assert calm.lost == []
        assert busy.answered > 100
        assert calm.answered > 10


def test_request_on_a_connection_made_at_the_last_moment_is_answered(served_url: str, tmp_path: Path) -> None:
    with serve(tmp_path, served_url, FRONTDESK_DRAIN_DELAY="0.5") as server, ExitStack() as stack:
        where = urlsplit(server.url)
        fresh = stack.enter_context(connect(server))
        kept = http.client.HTTPConnection(str(where.hostname), where.port, timeout=5)
        kept.request("GET", "/livez")
        kept.getresponse().read()
        server.terminate()
        _until_refused(server)
        # Nobody new is let in now, and these were there before.
        fresh.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = fresh.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"connection: close\r\n" in answer.lower()
        kept.request("GET", "/livez")
        answered = kept.getresponse()
        assert (answered.status, answered.read()) == (200, b"live\n")
        assert server.process.wait(10) == 0


def connect(server: Running) -> socket.socket:
    where = urlsplit(server.url)
    return socket.create_connection((str(where.hostname), where.port or 0), timeout=10)


def _until_refused(server: Running) -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            connect(server).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.01)
    raise AssertionError("it still accepts connections")


def test_not_ready_comes_first_and_what_still_arrives_is_answered_and_told_to_close(
    served_url: str, tmp_path: Path
) -> None:
    with serve(tmp_path, served_url, FRONTDESK_DRAIN_DELAY="1") as server, httpx.Client() as client:
        assert "connection" not in client.get(server.url + "/readyz").headers
        server.terminate()
        _wait_for(lambda: httpx.get(server.url + "/readyz").status_code == 503)
        answer = client.get(server.url + "/readyz")
        assert (answer.status_code, answer.text) == (503, "draining\n")
        answer = client.get(server.url + "/livez")
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"
        assert server.process.wait(10) == 0


def _wait_for(happens, within: float = 5) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + within
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_logins_in_flight_are_finished(served_url: str, tmp_path: Path) -> None:
    settings = {
        "FRONTDESK_HASH_THREADS": "1",
        "FRONTDESK_HASH_DEADLINE": "10",
        "FRONTDESK_DRAIN_DELAY": "0.5",
    }
    with serve(tmp_path, served_url, FRONTDESK_LOGIN_ATTEMPTS="1000", **settings) as server:
        assert httpx.post(server.url + "/api/v1/accounts", json=ALICE.fields()).status_code == 201
        statuses: list[int | str] = []

        def log_in() -> None:
            try:
                statuses.append(
                    httpx.post(server.url + "/api/v1/sessions", json=LOGIN, timeout=20).status_code
                )
            except httpx.HTTPError as error:
                statuses.append(repr(error))

        threads = [threading.Thread(target=log_in) for _ in range(12)]
        for thread in threads:
            thread.start()
        # All wait for the one hash thread.
        _wait_for(lambda: _metric(server, "frontdesk_hash_queued") >= 6)
        server.terminate()
        for thread in threads:
            thread.join(20)
        assert statuses == [201] * 12
        assert server.process.wait(10) == 0


def _metric(server: Running, name: str) -> float:
    """The sum over every process of the server."""
    found = re.findall(
        rf"^{name}(?:{{[^}}]*}})? (\S+)$", httpx.get(server.url + "/metrics").text, re.MULTILINE
    )
    assert found
    return sum(float(value) for value in found)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_stops_at_once(second: signal.Signals, served_url: str, tmp_path: Path) -> None:
    with serve(tmp_path, served_url, FRONTDESK_DRAIN_DELAY="60", FRONTDESK_DRAIN_TIMEOUT="60") as server:
        with connect(server) as slow:
            # A request whose body never comes: without force, the stop would wait for it.
            slow.sendall(b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
            slow.sendall(b"Content-Length: 9\r\n\r\n{")
            server.terminate()
            _wait_for(lambda: httpx.get(server.url + "/readyz").status_code == 503)
            time.sleep(0.4)
            began = time.monotonic()
            server.process.send_signal(second)
            assert server.process.wait(10) == 0
            assert time.monotonic() - began < 3
        assert "Traceback" not in server.output()


def test_one_interrupt_that_comes_twice_is_no_hurry(served_url: str, tmp_path: Path) -> None:
    # From the terminal, and from the parent of several processes.
    with serve(tmp_path, served_url, FRONTDESK_DRAIN_DELAY="0.7") as server:
        began = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        _wait_for(lambda: httpx.get(server.url + "/readyz").status_code == 503)
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(10) == 0
        assert time.monotonic() - began > 0.7


def test_request_that_never_ends_is_cut_off_after_the_drain_timeout(served_url: str, tmp_path: Path) -> None:
    settings = {"FRONTDESK_DRAIN_DELAY": "0", "FRONTDESK_DRAIN_TIMEOUT": "1", "FRONTDESK_HASH_DEADLINE": "1"}
    with serve(tmp_path, served_url, **settings) as server, connect(server) as slow:
        slow.sendall(b"POST /api/v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
        slow.sendall(b"Content-Length: 9\r\n\r\n{")
        time.sleep(0.1)
        began = time.monotonic()
        server.terminate()
        assert server.process.wait(10) == 0
        assert 0.9 < time.monotonic() - began < 4


def test_interrupt_from_the_keyboard_is_a_clean_stop_too(served_url: str, tmp_path: Path) -> None:
    with serve(tmp_path, served_url, FRONTDESK_DRAIN_DELAY="0") as server:
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(10) == 0
        assert "Traceback" not in server.output()
        assert "Aborted" not in server.output()


def test_sigterm_ends_a_server_that_waits_for_its_database(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d"
        environ = clean_environ(FRONTDESK_DATABASE_URL=url, FRONTDESK_PORT="0", FRONTDESK_DATABASE_WAIT="60")
        process = subprocess.Popen([FRONTDESK, "serve"], env=environ, stderr=subprocess.PIPE, text=True)
        # It has connected, gets no answer, and finds the signal at the moment when the server hangs up.
        with silent.accept()[0] as connection:
            process.send_signal(signal.SIGSTOP)
            connection.shutdown(socket.SHUT_WR)
            began = time.monotonic()
            process.terminate()
            process.send_signal(signal.SIGCONT)
            process.wait(10)
        _, said = process.communicate(timeout=10)
        assert time.monotonic() - began < 4
        assert process.returncode == 128 + signal.SIGTERM
        assert "Traceback" not in said


# Of each role: a path that it answers, and one that it doesn't know.
ROLES = {
    "web": ("/login", "/api/v1/openapi.json"),
    "api": ("/api/v1/openapi.json", "/login"),
    "all": ("/login", None),
}


@pytest.mark.parametrize("role", ROLES)
async def test_role_answers_its_own_routes_and_the_probes(role: str, service: Service) -> None:
    own, others = ROLES[role]
    transport = httpx.ASGITransport(app=app.build(service, role))
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        for path in (own, "/livez", "/readyz", "/metrics"):
            assert (await client.get(path)).status_code == 200
        if others:
            answer = await client.get(others)
            assert answer.status_code == 404
            assert answer.headers["content-type"].startswith("application/problem+json")


def test_role_is_chosen_at_the_command_line(served_url: str, tmp_path: Path) -> None:
    with serve(tmp_path, served_url, "--role", "api") as server:
        assert httpx.get(server.url + "/api/v1/openapi.json").status_code == 200
        assert httpx.get(server.url + "/login").status_code == 404


SECRETS = (ALICE.password, BOB.password, "another grey goose went by", "@example", "alice", "wet%20herons")


@pytest.fixture
def journey(served_url: str, tmp_path: Path) -> Iterator[tuple[Running, list[httpx.Response], list[str]]]:
    """A whole session at the most talkative level: the server, what it answered, and the tokens that it gave."""
    answers: list[httpx.Response] = []
    with (
        serve(tmp_path, served_url, FRONTDESK_LOG_LEVEL="debug", FRONTDESK_DRAIN_DELAY="0") as server,
        httpx.Client(base_url=server.url, event_hooks={"response": [answers.append]}) as client,
    ):
        client.post("/api/v1/accounts", json=ALICE.fields())
        client.post("/api/v1/accounts", json=ALICE.fields())
        client.post(
            "/api/v1/accounts", json={**BOB.fields(), "email": "alice@example", "name": "\u0000alice"}
        )
        client.post("/api/v1/accounts", content=b'{"email": "alice@example.org')
        client.post("/register", data=BOB.fields())
        client.post("/login", data={"login": "alice@example.org", "password": "nine wet herons in a pond"})
        client.post("/login", data=LOGIN)
        client.post("/api/v1/sessions", json={"login": "alice@example.org", "password": BOB.password})
        token = client.post("/api/v1/sessions", json=LOGIN).json()["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        for path in (
            *(
                "/people/alice@example.org",
                "/api/v1/people/alice@example.org",
                "/alice@example.org",
                "/api/alice",
            ),
            *("/people?q=alice%40example.org", "/api/v1/people?q=alice", "/api/v1/people?q=a&after=alice"),
            f"/{token}?token={token}",
            "/alice%40example.org?password=nine%20wet%20herons%20in%20a%20row",
        ):
            client.get(path, headers=bearer)
        client.delete("/people/alice@example.org", headers=bearer)
        client.get("/alice@example.org", headers={"X-Request-ID": "alice@example.org"})
        changed = {"current_password": ALICE.password, "password": "another grey goose went by"}
        client.put("/api/v1/account/password", json=changed, headers=bearer)
        client.get("/api/v1/account", headers={"Authorization": "Bearer alice@example.org"})
        _raw(server, b"GET /alice@example.org HTTP/1.1\r\nHost: alice@example.org\r\nbad alice\r\n\r\n")
        _raw(server, b"ALICE alice@example.org\r\n\r\n")
        _break_the_database(served_url)
        client.get("/api/v1/account", headers=bearer)
        client.post(
            "/api/v1/accounts", json={**BOB.fields(), "username": "alice2", "email": "alice2@example.org"}
        )
        server.terminate()
        server.process.wait(10)
        tokens = [token, *(value for answer in answers for value in answer.cookies.values())]
        yield server, answers, tokens


def _raw(server: Running, request: bytes) -> None:
    with connect(server) as sock:
        sock.sendall(request)
        sock.settimeout(5)
        with suppress(OSError):
            sock.recv(65536)


def _break_the_database(url: str) -> None:
    """Make PostgreSQL refuse rows, in an error that quotes them."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(
            "ALTER TABLE accounts ADD CONSTRAINT odd CHECK (username <> 'alice2') NOT VALID"
        )
        await connection.close()

    asyncio.run(run())


def test_log_has_one_line_a_request_and_no_password_token_or_address_of_anyone(
    journey: tuple[Running, list[httpx.Response], list[str]],
) -> None:
    server, answers, tokens = journey
    assert {answer.status_code for answer in answers} >= {200, 201, 401, 404, 405, 409, 422, 500}
    server.told_of(answers[-1].headers["x-request-id"])
    # The first line greets; the rest is the log.
    greeting, *lines = server.output().splitlines()
    assert greeting.startswith("frontdesk ")
    records = [json.loads(line) for line in lines]
    requests = [record for record in records if record["message"] == "request"]
    assert {record["request_id"] for record in requests} >= {
        answer.headers["x-request-id"] for answer in answers
    }
    assert len(requests) == len({record["request_id"] for record in requests})
    for record in requests:
        assert set(record) >= {"time", "level", "method", "route", "status", "seconds", "address"}
    faults = [record for record in records if record["level"] == "error"]
    assert [record["error"] for record in faults] == ["CheckViolationError"]
    assert faults[0]["request_id"] == answers[-1].headers["x-request-id"]
    assert len(tokens) >= 2
    written = server.output().lower()
    for secret in (*SECRETS, *tokens):
        assert secret.lower() not in written, secret


def test_log_level_warning_writes_no_line_for_a_request(served_url: str, tmp_path: Path) -> None:
    with serve(tmp_path, served_url, FRONTDESK_LOG_LEVEL="warning") as server:
        assert httpx.get(server.url + "/livez").status_code == 200
    assert "request" not in server.output()
