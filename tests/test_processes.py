"""Several processes on one port."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from frontdesk import app
from frontdesk.metrics import Metrics
from tests.cast import ALICE
from tests.serving import Running, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def serve(tmp_path: Path, database_url: str) -> Callable[[Callable[[Running], None]], None]:
    def with_two(work: Callable[[Running], None]) -> None:
        with running(
            tmp_path,
            "serve",
            FRONTDESK_DATABASE_URL=database_url,
            FRONTDESK_PROCESSES="2",
            FRONTDESK_DRAIN_DELAY="0",
        ) as server:
            work(server)

    return with_two


def children(server: Running) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children()


def wait_for(what: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it didn't come about"
        time.sleep(0.02)


def still_answers(server: Running) -> None:
    for _ in range(20):
        assert httpx.get(server.url + "/readyz").status_code == 200


async def test_metrics_tell_of_both(serve: Callable[[Callable[[Running], None]], None]) -> None:
    def work(server: Running) -> None:
        assert len(children(server)) == 2
        httpx.post(server.url + "/api/v1/accounts", json=ALICE.fields()).raise_for_status()
        found = ""

        def told() -> bool:
            nonlocal found
            found = httpx.get(server.url + "/metrics").text
            return 'process="0"' in found and 'process="1"' in found and "/api/v1/accounts" in found

        wait_for(told)
        assert found.count("# TYPE frontdesk_request_seconds histogram") == 1

    await asyncio.to_thread(serve, work)


async def test_one_that_is_killed_is_started_again(
    serve: Callable[[Callable[[Running], None]], None],
) -> None:
    def work(server: Running) -> None:
        victim = children(server)[0].pid
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(children(server)) == 2 and victim not in {c.pid for c in children(server)})
        still_answers(server)

    await asyncio.to_thread(serve, work)


async def test_all_stop_cleanly_on_sigterm(serve: Callable[[Callable[[Running], None]], None]) -> None:
    def work(server: Running) -> None:
        both = children(server)
        server.terminate()
        assert server.process.wait(20) == 0
        assert not any(child.is_running() for child in both)

    await asyncio.to_thread(serve, work)


async def test_none_is_left_when_the_parent_is_killed(
    serve: Callable[[Callable[[Running], None]], None],
) -> None:
    def work(server: Running) -> None:
        both = children(server)
        server.process.kill()
        assert not psutil.wait_procs(both, 10)[1]

    await asyncio.to_thread(serve, work)


async def test_metrics_are_shared_again_once_there_is_where_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "shared"
    task = asyncio.create_task(app._share(Metrics(folder, 0)))
    await asyncio.sleep(1.2)
    assert caplog.messages == ["metrics aren't shared: No such file or directory"]
    folder.mkdir()
    async with asyncio.timeout(5):
        while not (folder / "metrics-0").exists():
            await asyncio.sleep(0.02)
    task.cancel()


# os.fork and os.wait with a signal in the very moment that is asked about.
_SCRIPT = """
import os, signal, time
from frontdesk import processes

def say(what):
    os.write(1, what.encode() + b"\\n")

def told(pid):
    os.kill(pid, signal.SIGTERM)

fork, wait = os.fork, os.wait
forks = 0

def work(number):
    say("works")
    time.sleep(60)
"""


def run_script(lines: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{_SCRIPT}\n{lines}\nprocesses.run(2, work)\nsay('ended')"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.split()


async def test_signal_that_comes_right_after_a_process_was_made_stops_it_and_no_other_is_made() -> None:
    said = run_script("""
def interrupted():
    pid = fork()
    if pid:
        say("made")
        told(os.getpid())
    return pid

os.fork = interrupted
""")
    assert said.count("made") == 1
    assert said[-1] == "ended"


async def test_signal_to_a_process_that_was_just_made_ends_it() -> None:
    said = run_script("""
def interrupted():
    global forks
    forks += 1
    pid = fork()
    if forks == 1 and not pid:
        told(os.getpid())
    if forks == 3 and pid:
        say("again")
        told(os.getpid())
    return pid

os.fork = interrupted
""")
    assert "again" in said
    assert said[-1] == "ended"


async def test_signal_while_one_has_just_ended_stops_the_others() -> None:
    said = run_script("""
def work(number):
    if number:
        time.sleep(60)

def interrupted():
    ended = wait()
    told(os.getpid())
    return ended

os.wait = interrupted
""")
    assert said == ["ended"]
