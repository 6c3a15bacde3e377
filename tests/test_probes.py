"""/livez, /readyz and /metrics, while the database comes and goes."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from frontdesk import local
from frontdesk.accounts import housekeeping
from frontdesk.accounts.service import Service
from frontdesk.metrics import Metrics
from frontdesk.store import schema, sessions
from tests import cast
from tests.cast import ALICE
from tests.serving import Running, command, running

LOGIN = {"login": "alice", "password": ALICE.password}


@pytest.fixture
def server(served_url: str, tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path, "serve", FRONTDESK_DATABASE_URL=served_url) as server:
        yield server


def eventually(url: str, status: int, within: float) -> float:
    """Seconds until `url` answers `status`."""
    began = time.monotonic()
    while (got := httpx.get(url, timeout=10).status_code) != status:
        assert time.monotonic() - began < within, f"{url} still answers {got}"
        time.sleep(0.02)
    return time.monotonic() - began


def test_ready_only_once_the_schema_is_there(unmigrated_url: str, tmp_path: Path) -> None:
    with running(tmp_path, "serve", until="/livez", FRONTDESK_DATABASE_URL=unmigrated_url) as server:
        answer = httpx.get(server.url + "/readyz")
        assert answer.status_code == 503
        assert "frontdesk migrate" in answer.text
        answer = httpx.get(server.url + "/api/v1/account", headers={"Authorization": "Bearer " + "A" * 43})
        assert answer.status_code == 503
        assert answer.json()["code"] == "unavailable"
        assert command("migrate", FRONTDESK_DATABASE_URL=unmigrated_url).returncode == 0
        answer = httpx.get(server.url + "/readyz")
        assert (answer.status_code, answer.text) == (200, "ready\n")


async def test_not_ready_on_an_older_schema_and_ready_on_a_newer_one(
    http: httpx.AsyncClient, db: asyncpg.Connection
) -> None:
    await db.execute("UPDATE alembic_version SET version_num = '0000'")
    answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert "older schema" in answer.text
    await db.execute("UPDATE alembic_version SET version_num = '9999'")
    assert (await http.get("/readyz")).status_code == 200
    await db.execute("DELETE FROM alembic_version")
    assert (await http.get("/readyz")).status_code == 503


@contextlib.contextmanager
def own_postgres(data: Path) -> Iterator[str]:
    with local.postgres(data, fsync="off", shared_buffers="16MB") as url:
        yield url


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a PostgreSQL that a test may start and stop, its schema made."""
    folder = tmp_path_factory.mktemp("own") / "data"
    with own_postgres(folder) as url:
        schema.migrate(url)
    return folder


def test_requests_are_refused_while_the_database_is_away_and_answered_when_it_is_back(
    data: Path, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        with own_postgres(data) as url:
            server = stack.enter_context(running(tmp_path, "serve", FRONTDESK_DATABASE_URL=url))
            token = _register_and_log_in(server, ALICE)
        cookie = {"cookie": f"session={token}"}
        bearer = {"authorization": f"Bearer {token}"}
        away = [
            httpx.post(server.url + "/api/v1/sessions", json=LOGIN),
            httpx.post(server.url + "/api/v1/accounts", json=cast.BOB.fields()),
            httpx.get(server.url + "/api/v1/account", headers=bearer),
            httpx.get(server.url + "/api/v1/people?q=alice", headers=bearer),
            httpx.get(server.url + "/account", headers=cookie),
            httpx.get(server.url + "/people?q=alice", headers=cookie),
            httpx.post(server.url + "/login", data=LOGIN),
        ]
        for answer in away:
            assert answer.status_code == 503, (answer.request.url, answer.text)
            assert int(answer.headers["retry-after"]) >= 1
        for answer in away[:4]:
            assert answer.json()["code"] == "unavailable"
        assert httpx.get(server.url + "/livez").status_code == 200
        assert httpx.get(server.url + "/readyz").status_code == 503
        assert httpx.get(server.url + "/metrics").status_code == 200
        with own_postgres(data):
            assert eventually(server.url + "/readyz", 200, within=2) < 2
            assert eventually(server.url + "/livez", 200, within=1) < 1
            answers = [httpx.get(server.url + "/api/v1/account", headers=bearer) for _ in range(20)]
            assert {answer.status_code for answer in answers} == {200}
        lines = [json.loads(line) for line in server.output().splitlines() if line.startswith("{")]
        assert not [line for line in lines if line["level"] == "error"]


def test_database_that_hangs_is_given_up_after_the_timeout(data: Path, tmp_path: Path) -> None:
    with own_postgres(data) as url:
        settings = {"FRONTDESK_DATABASE_TIMEOUT": "0.5", "FRONTDESK_DATABASE_POOL": "2"}
        with running(tmp_path, "serve", FRONTDESK_DATABASE_URL=url, **settings) as server:
            token = _register_and_log_in(server, cast.BOB)
            with _frozen(data):
                for _ in range(3):
                    began = time.monotonic()
                    # A forgotten session, so that the database is asked.
                    answer = httpx.get(
                        server.url + "/api/v1/people?q=alice",
                        headers={"authorization": f"Bearer {token}"},
                        timeout=20,
                    )
                    assert answer.status_code == 503
                    assert time.monotonic() - began < 4
            assert eventually(server.url + "/readyz", 200, within=3) < 3


@contextlib.contextmanager
def _frozen(data: Path) -> Iterator[None]:
    """PostgreSQL as on a machine that stopped without a word: connections stay open, and nothing answers."""
    postmaster = psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))
    processes = [postmaster, *postmaster.children()]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


def _register_and_log_in(server: Running, someone: cast.Someone) -> str:
    assert httpx.post(server.url + "/api/v1/accounts", json=someone.fields()).status_code == 201
    login = {"login": someone.username, "password": someone.password}
    answer = httpx.post(server.url + "/api/v1/sessions", json=login)
    assert answer.status_code == 201
    return str(answer.json()["token"])


async def test_metrics_tell_latency_by_route_and_never_a_path(
    http: httpx.AsyncClient, alice: cast.Actor
) -> None:
    for path in (
        "/api/v1/people/bob",
        "/people/alice@example.org",
        "/alice@example.org",
        "/api/v1/people?q=alice",
    ):
        await http.get(path, headers=alice.bearer)
    text = (await http.get("/metrics")).text
    samples = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"])
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "frontdesk_request_seconds_count"
    }
    assert ("GET", "/api/v1/people/{username}", "404") in samples
    assert ("GET", "/api/v1/people", "200") in samples
    assert ("GET", "none", "404") in samples
    assert "alice" not in text
    assert "bob" not in text


async def test_unknown_methods_and_paths_make_no_new_series(http: httpx.AsyncClient) -> None:
    for number in range(20):
        await http.request(f"BREW{number}", f"/coffee/{number}")
    text = (await http.get("/metrics")).text
    assert text.count('frontdesk_request_seconds_count{method="other"') == 1
    assert "BREW" not in text
    assert "coffee" not in text


async def test_metrics_have_names_units_and_help_after_prometheus_conventions(
    http: httpx.AsyncClient, alice: cast.Actor
) -> None:
    answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {
        family.name: family
        for family in text_string_to_metric_families(answer.text)
        if family.name.startswith("frontdesk_")
    }
    assert set(families) >= {
        *("frontdesk_request_seconds", "frontdesk_hash_wait_seconds", "frontdesk_hash_seconds"),
        *("frontdesk_hash_queued", "frontdesk_hash_running", "frontdesk_hash_refused"),
        *("frontdesk_pool_connections", "frontdesk_pool_idle", "frontdesk_sessions"),
    }
    for name, family in families.items():
        assert name == name.lower()
        assert family.documentation.endswith("."), name
        assert family.type in ("histogram", "gauge", "counter"), name
        if family.type == "histogram":
            assert name.endswith("_seconds"), name
        if family.type == "counter":
            assert all(sample.name.endswith(("_total", "_created")) for sample in family.samples), name


async def test_metrics_measure_hashing_and_the_pool(service: Service) -> None:
    metrics = Metrics()
    metrics.watch(service)
    metrics.observe_hash(0.001, 0.02)
    await service.db.fetchval("SELECT 1")

    def value(name: str) -> float | None:
        return metrics.registry.get_sample_value(name)

    assert value("frontdesk_hash_seconds_count") == 1
    assert value("frontdesk_hash_wait_seconds_sum") == pytest.approx(0.001)
    assert value("frontdesk_hash_queued") == 0
    assert value("frontdesk_pool_connections") == 1
    assert value("frontdesk_pool_idle") == 1


async def test_housekeeping_counts_the_sessions_for_the_gauge(
    service: Service, alice: cast.Actor, db: asyncpg.Connection
) -> None:
    metrics = Metrics()
    await db.execute("ANALYZE sessions")
    await housekeeping.count_sessions(service, metrics.sessions.set)
    assert metrics.registry.get_sample_value("frontdesk_sessions") == 1


async def test_count_of_sessions_is_nothing_before_postgresql_has_looked(service: Service) -> None:
    assert await sessions.count(service.db) == 0


def test_probes_are_never_kept_by_a_cache(server: Running) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert httpx.get(server.url + path).headers["cache-control"] == "no-store"
        assert httpx.head(server.url + path).status_code == 200


def test_a_process_says_how_much_memory_it_has(server: Running) -> None:
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(httpx.get(server.url + "/metrics").text)
        for sample in family.samples
    }
    assert found["process_resident_memory_bytes"] > 2**20
    assert found["process_cpu_seconds_total"] > 0
    assert os.getpid() != server.process.pid
