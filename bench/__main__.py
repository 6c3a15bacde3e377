"""`make bench`: the table of docs/performance.md, each figure beside its limit in the same run.

python -m bench [--runs N] [--seconds S] [--write]
"""

import argparse
import itertools
import os
import platform
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import argon2
import uvloop
from nacl.pwhash import argon2id
from rich.progress import Progress

from bench import stack
from bench.load import Result, load, paced, request
from bench.report import Figure, table, write_section
from bench.storm import FRONTDESK, Storm

_PEOPLE = 1000
_CONNECTIONS = 64
_STORM_CLIENTS = 256
_DEADLINE = 2.0
_SEARCH = "/api/v1/people?q=user+17"


def main() -> None:
    options = argparse.ArgumentParser(prog="make bench")
    options.add_argument("--runs", type=int, default=5, help="runs of which the median counts")
    options.add_argument("--seconds", type=float, default=4.0, help="seconds of each load")
    options.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        Path(folder).chmod(0o755)
        figures = measure(Path(folder) / "data", chosen.runs, chosen.seconds)
    text = table(figures)
    print(text)
    if chosen.write:
        machine = (
            f"{len(stack.CORES)} cores, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
        )
        write_section("Logins and session checks", f"{machine}; medians of {chosen.runs} runs.\n\n{text}")


def measure(folder: Path, runs: int, seconds: float) -> list[Figure]:
    """Every figure, `runs` times in turn, so that a machine whose speed drifts drifts for all of them."""
    names: dict[str, Figure] = {}
    with stack.database(folder) as url, Progress() as progress:
        # Not of those who log in all the time: the oldest session of an account ends with its hundredth.
        tokens = uvloop.run(stack.fill(url, people=_STORM_CLIENTS + _PEOPLE))[_STORM_CLIENTS:]
        task = progress.add_task("measuring", total=runs)
        for _ in range(runs):
            for figure in one_run(url, tokens, seconds):
                names.setdefault(figure.name, figure).values.extend(figure.values)
            progress.advance(task)
    return list(names.values())


def one_run(url: str, tokens: list[str], seconds: float) -> list[Figure]:
    with stack.bare(url) as bare:
        limit = uvloop.run(load(bare.port, _askers("/account", tokens), seconds=seconds)).rate(200)
    with stack.frontdesk(url, FRONTDESK_HASH_THREADS="1") as server:
        idle = server.resident_mib()
        checks = uvloop.run(load(server.port, _askers("/api/v1/account", tokens), seconds=seconds)).rate(200)
        verified = uvloop.run(load(server.port, _askers("/api/v1/verify", tokens), seconds=seconds)).rate(204)
        # Before and after: the machine's speed drifts by more than what is looked for.
        before = _argon2_cffi(seconds / 2), libsodium(seconds / 2)
        logins = _capacity(server.port, seconds)
        after = _argon2_cffi(seconds / 2), libsodium(seconds / 2)
        bare_cffi, bare_ours = ((a + b) / 2 for a, b in zip(before, after, strict=True))
        # The first time on each connection, PostgreSQL plans a statement.
        uvloop.run(load(server.port, _askers(_SEARCH, tokens), seconds=1))
        quiet_check = uvloop.run(_probe(server.port, "/api/v1/account", tokens, seconds))
        quiet_search = uvloop.run(_probe(server.port, _SEARCH, tokens, seconds))
        with Storm(server.port, _STORM_CLIENTS, pause=0.0):
            time.sleep(1.0)
            stormy_check = uvloop.run(_probe(server.port, "/api/v1/account", tokens, seconds))
            stormy_search = uvloop.run(_probe(server.port, _SEARCH, tokens, seconds))
            in_storm = server.resident_mib()
        time.sleep(_DEADLINE)
        overload = _overload(server.port, "10 × overload", 3 * seconds, kept=False)
    with stack.frontdesk(url, FRONTDESK_HASH_THREADS="1", FRONTDESK_TRUSTED_PROXIES="127.0.0.1/32") as server:
        overload += _overload(
            server.port, "10 × overload, connections kept as a proxy does", 3 * seconds, kept=True
        )
    probes = (stormy_check, stormy_search)
    errors = sum(probe.failures + probe.count() - probe.count(200) for probe in probes)
    if errors:
        print("in the storm:", *({status: len(times) for status, times in p.answers.items()} for p in probes))
    return [
        Figure("start to ready", "s", [server.seconds_to_ready], "≤ 1.5", lambda v: v <= 1.5),
        Figure("resident memory, idle", "MiB", [idle], "≤ 75", lambda v: v <= 75),
        Figure("bare argon2-cffi loop", "hashes/s", [bare_cffi]),
        Figure("bare libsodium loop, which is what we hash with", "hashes/s", [bare_ours]),
        Figure("logins", "/s", [logins]),
        Figure("logins ÷ bare argon2-cffi", "", [logins / bare_cffi], "≥ 0.92", lambda v: v >= 0.92),
        Figure("logins ÷ bare libsodium", "", [logins / bare_ours]),
        Figure("bare session check", "/s", [limit]),
        Figure("session checks (GET /account)", "/s", [checks]),
        Figure("session checks ÷ bare", "", [checks / limit], "≥ 0.9", lambda v: v >= 0.9),
        Figure("GET /verify", "/s", [verified]),
        Figure("GET /verify ÷ bare", "", [verified / limit], "≥ 1.5", lambda v: v >= 1.5),
        Figure("session check p99, quiet", "ms", [quiet_check.percentile(99) * 1000]),
        Figure("session check p99, 256 clients logging in", "ms", [stormy_check.percentile(99) * 1000]),
        Figure(
            "session check p99 in the storm ÷ quiet",
            "",
            [stormy_check.percentile(99) / quiet_check.percentile(99)],
            "≤ 2",
            lambda v: v <= 2,
        ),
        Figure("search p99, quiet", "ms", [quiet_search.percentile(99) * 1000]),
        Figure(
            "search p99 in the storm ÷ quiet",
            "",
            [stormy_search.percentile(99) / quiet_search.percentile(99)],
            "≤ 2",
            lambda v: v <= 2,
        ),
        Figure("errors of checks and searches in the storm", "", [errors], "0", lambda v: v == 0),
        Figure(
            "memory in the storm − idle", "MiB", [in_storm - idle], "≤ 51 (1 × 19 + 32)", lambda v: v <= 51
        ),
        *overload,
    ]


def libsodium(seconds: float) -> float:
    """Verifications a second of the library that we hash with, in a loop on the servers' core."""
    password = stack.PASSWORD.encode()
    stored = argon2id.str(password, 2, 19456 * 1024)
    return _rate(lambda: argon2id.verify(stored, password), seconds)


def _argon2_cffi(seconds: float) -> float:
    hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
    stored = hasher.hash(stack.PASSWORD)
    return _rate(lambda: hasher.verify(stored, stack.PASSWORD), seconds)


def _rate(verify: Callable[[], bool], seconds: float) -> float:
    here = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {stack.SERVER_CORE})
    began = time.perf_counter()
    count = 0
    while time.perf_counter() - began < seconds:
        verify()
        count += 1
    rate = count / (time.perf_counter() - began)
    os.sched_setaffinity(0, here)
    return rate


def _capacity(port: int, seconds: float) -> float:
    return uvloop.run(load(port, _logins(8), seconds=seconds)).rate(201)


def _overload(port: int, name: str, seconds: float, *, kept: bool) -> list[Figure]:
    before = _capacity(port, seconds / 4)
    found = uvloop.run(paced(port, _login_of, rate=10 * before, seconds=seconds, kept=kept))
    # Right before and after: the machine's speed drifts by more than what is looked for.
    time.sleep(_DEADLINE)
    capacity = (before + _capacity(port, seconds / 4)) / 2
    # Not those that were still in the queue when the overload was over.
    answered = (found.count(201) - found.late[201]) / found.seconds
    others = found.failures + found.count() - found.count(201) - found.count(503)
    return [
        Figure(f"{name}: logins answered ÷ capacity", "", [answered / capacity], "≥ 0.9", lambda v: v >= 0.9),
        Figure(
            f"{name}: 503 within (p99)", "ms", [found.percentile(99, 503) * 1000], "≤ 50", lambda v: v <= 50
        ),
        Figure(
            f"{name}: latest 201", "s", [found.percentile(100, 201)], "≤ 2.1", lambda v: v <= _DEADLINE + 0.1
        ),
        Figure(f"{name}: neither 201 nor 503", "", [others], "0", lambda v: v == 0),
    ]


async def _probe(port: int, path: str, tokens: list[str], seconds: float) -> Result:
    """Eight clients that ask 20 times a second each: enough to notice, too little to be a load."""
    return await load(port, _askers(path, tokens, clients=8), seconds=max(2 * seconds, 5.0), pause=0.05)


def _askers(path: str, tokens: list[str], clients: int = _CONNECTIONS) -> list[Callable[[], bytes]]:
    def asker(number: int) -> Callable[[], bytes]:
        mine = itertools.cycle([request("GET", path, token=token) for token in tokens[number::clients]])
        return lambda: next(mine)

    return [asker(number) for number in range(clients)]


def _logins(clients: int) -> list[Callable[[], bytes]]:
    return [lambda number=number: _login_of(number) for number in range(clients)]  # type: ignore[misc]


def _login_of(number: int) -> bytes:
    return FRONTDESK.request(number % (_STORM_CLIENTS + _PEOPLE))


if __name__ == "__main__":
    main()
