"""What a run needs: a PostgreSQL with people in it, servers pinned to one core, clients to another."""

import base64
import contextlib
import hashlib
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from nacl.pwhash import argon2id

from frontdesk import local
from frontdesk.store import schema

PASSWORD = "seven quiet herons at dusk"
# A machine with one core still runs the benches; its figures then say less.
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]


@dataclass(frozen=True)
class Server:
    """A process that answers on 127.0.0.1."""

    port: int
    pid: int
    seconds_to_ready: float

    def resident_mib(self) -> float:
        """Memory that the process has resident now, in MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextlib.contextmanager
def database(folder: Path) -> Iterator[str]:
    """A migrated PostgreSQL on the clients' core; its URL."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    with local.postgres(folder) as url:
        schema.migrate(url)
        yield url


async def fill(url: str, *, people: int) -> list[str]:
    """Register `people` u0, u1 … who all have PASSWORD, with a session each; the tokens."""
    # No import: its checks would take longer than the bench, and what is measured doesn't see a difference.
    password_hash = argon2id.str(PASSWORD.encode(), 2, 19456 * 1024).rstrip(b"\0").decode()
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            """
            INSERT INTO accounts (email, email_key, username, username_key, name, password_hash)
            SELECT 'u' || i || '@example.org', 'u' || i || '@example.org', 'u' || i, 'u' || i, 'User ' || i, $2
              FROM generate_series(0, $1::integer - 1) AS i
            RETURNING id
            """,
            people,
            password_hash,
        )
        raw = [secrets.token_bytes(32) for _ in rows]
        await connection.executemany(
            """
            INSERT INTO sessions (account_id, token_hash, expires_at, user_agent)
            VALUES ($1, $2, now() + interval '1 day', 'bench')
            """,
            [(row["id"], hashlib.sha256(token).digest()) for row, token in zip(rows, raw, strict=True)],
        )
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return [base64.urlsafe_b64encode(token).rstrip(b"=").decode() for token in raw]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def frontdesk(url: str, **settings: str) -> Iterator[Server]:
    """`frontdesk serve` on the servers' core, with budgets that a bench doesn't use up."""
    environ = {
        "FRONTDESK_DATABASE_URL": url,
        "FRONTDESK_LOGIN_ATTEMPTS": "1000",
        "FRONTDESK_LOGIN_ATTEMPTS_PER_ADDRESS": "1000000",
        "FRONTDESK_REGISTRATIONS_PER_ADDRESS": "1000000",
        "FRONTDESK_SEARCHES_PER_MINUTE": "1000000",
        "FRONTDESK_DRAIN_DELAY": "0",
        **settings,
    }
    command = [str(Path(sys.executable).parent / "frontdesk"), "serve"]
    port = free_port()
    with _process(command, {**environ, "FRONTDESK_PORT": str(port)}, port, "/readyz") as server:
        yield server


@contextlib.contextmanager
def bare(url: str) -> Iterator[Server]:
    """The bare endpoint of bare.py on the servers' core."""
    port = free_port()
    with _process([sys.executable, "-m", "bench.bare", url, str(port)], {}, port, "/") as server:
        yield server


@contextlib.contextmanager
def _process(command: list[str], environ: dict[str, str], port: int, ready: str) -> Iterator[Server]:
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**{k: v for k, v in os.environ.items() if not k.startswith("FRONTDESK_")}, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    try:
        while not _answers(f"http://127.0.0.1:{port}{ready}"):
            if process.poll() is not None or time.perf_counter() - began > 30:
                raise RuntimeError(f"{command} doesn't answer")
            time.sleep(0.01)
        yield Server(port, process.pid, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        # The bare endpoint has no probe; a 404 is an answer.
        return error.code == 404
    except OSError:
        return False
