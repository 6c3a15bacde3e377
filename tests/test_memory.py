"""docs/operations.md says what a process may need. A storm of logins needs no more."""

import asyncio
import os
import re
import threading
from pathlib import Path

import httpx
import pytest

from tests.cast import ALICE
from tests.serving import running

_PAGE = Path(__file__).parent.parent / "docs" / "operations.md"


def resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.anyio
@pytest.mark.parametrize("threads", [1, 3])
async def test_a_storm_stays_within_the_formula(tmp_path: Path, database_url: str, threads: int) -> None:
    await asyncio.to_thread(storm, tmp_path, database_url, threads)


def storm(tmp_path: Path, database_url: str, threads: int) -> None:
    formula = re.search(
        r"^(\d+) \+ (\d+) × hash threads \+ (\d+)$", _PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert formula is not None
    idle, a_hash, requests = map(int, formula.groups())
    with running(
        tmp_path,
        "serve",
        FRONTDESK_DATABASE_URL=database_url,
        FRONTDESK_HASH_THREADS=str(threads),
        FRONTDESK_LOGIN_ATTEMPTS="1000",
        FRONTDESK_LOGIN_ATTEMPTS_PER_ADDRESS="100000",
        FRONTDESK_DRAIN_DELAY="0",
    ) as server:
        httpx.post(server.url + "/api/v1/accounts", json=ALICE.fields()).raise_for_status()
        most = resident_mib(server.process.pid)
        assert most <= idle + threads * a_hash
        stop = threading.Event()

        def log_in() -> None:
            with httpx.Client(timeout=30) as client:
                while not stop.is_set():
                    answer = client.post(
                        server.url + "/api/v1/sessions", json={"login": "alice", "password": ALICE.password}
                    )
                    assert answer.status_code in (201, 503)

        clients = [threading.Thread(target=log_in) for _ in range(64)]
        for client in clients:
            client.start()
        for _ in range(40):
            stop.wait(0.1)
            most = max(most, resident_mib(server.process.pid))
        stop.set()
        for client in clients:
            client.join()
        assert most <= idle + threads * a_hash + requests
        # Or the storm was none.
        assert 'status="201"' in httpx.get(server.url + "/metrics").text
