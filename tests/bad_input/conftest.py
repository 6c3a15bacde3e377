"""What nobody should send, to a real server: a clear 4xx, nothing changed, nothing told, and it goes on."""

from collections.abc import Iterator

import httpx
import pytest

from tests import databases
from tests.bad_input.sending import BODY_TIMEOUT, bearer
from tests.cast import ALICE, BOB
from tests.serving import Running, running

# Counts what was tried.
_COUNTED = ("attempts",)


@pytest.fixture(scope="package")
def database(cluster: str) -> Iterator[str]:
    with databases.migrated(cluster) as url:
        yield url


@pytest.fixture(scope="package")
def server(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(
        tmp_path_factory.mktemp("bad_input"),
        "serve",
        FRONTDESK_DATABASE_URL=database,
        FRONTDESK_BODY_TIMEOUT=str(BODY_TIMEOUT),
        FRONTDESK_DRAIN_DELAY="0",
        FRONTDESK_LOGIN_ATTEMPTS="1000",
        FRONTDESK_LOGIN_ATTEMPTS_PER_ADDRESS="10000",
        FRONTDESK_HASH_DEADLINE="10",
    ) as server:
        yield server


@pytest.fixture(scope="package")
def token(server: Running) -> str:
    for someone in (ALICE, BOB):
        answer = httpx.post(server.url + "/api/v1/accounts", json=someone.fields())
        assert answer.status_code == 201
    login = {"login": "alice", "password": ALICE.password}
    answer = httpx.post(server.url + "/api/v1/sessions", json=login)
    assert answer.status_code == 201
    found: str = answer.json()["token"]
    return found


@pytest.fixture(autouse=True)
def _nothing_changes(server: Running, database: str, http: httpx.Client) -> Iterator[None]:
    """Around every test here: the same rows before and after, no fault in the log, and an answer at the end."""
    before = databases.contents(database, *_COUNTED)
    yield
    assert http.get("/api/v1/verify").status_code == 204
    assert databases.contents(database, *_COUNTED) == before
    log = server.output()
    assert "Traceback" not in log
    assert '"level":"error"' not in log


@pytest.fixture(scope="package")
def http(server: Running, token: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, headers=bearer(token), timeout=10) as client:
        yield client
