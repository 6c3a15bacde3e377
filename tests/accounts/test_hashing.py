"""The queue in front of the hash threads: who is let in, in which order, and who is turned away."""

import asyncio
import os
import random
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import pbkdf2_hmac
from pathlib import Path

import argon2
import pytest

from frontdesk.accounts.hash_slots import HashSlot
from frontdesk.accounts.hashing import Hasher, Verdict
from frontdesk.errors import Busy

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery staple"
WRONG = "incorrect horse battery staple"


class WatchedHasher(Hasher):
    """Keeps what it would tell the metrics: of each hash, the seconds it waited and the seconds it took."""

    def __init__(self, threads: int, deadline: float, slots: Path | None) -> None:
        self.hashed: list[tuple[float, float]] = []
        super().__init__(threads=threads, deadline=deadline, slots=slots, observe=self.keep)

    def keep(self, waited: float, took: float) -> None:
        self.hashed.append((waited, took))


@asynccontextmanager
async def a_hasher(
    *, threads: int = 1, deadline: float = 30.0, slots: Path | None = None
) -> AsyncIterator[WatchedHasher]:
    hasher = WatchedHasher(threads, deadline, slots)
    try:
        yield hasher
    finally:
        await hasher.close()


@pytest.fixture(scope="module")
def a_slow_hash() -> Callable[[float], str]:
    """A stored hash that takes about so many seconds to verify."""
    started = time.perf_counter()
    pbkdf2_hmac("sha256", b"password", b"salt", 100_000)
    a_second = 100_000 / (time.perf_counter() - started)
    sixteen = b64encode(bytes(16)).decode()
    return lambda seconds: f"$pbkdf2-sha256$i={int(a_second * seconds)}${sixteen}${sixteen}"


@asynccontextmanager
async def one_thread_busy(hasher: Hasher, slow_hash: str) -> AsyncIterator[asyncio.Task[Verdict]]:
    task = asyncio.create_task(hasher.verify(slow_hash, WRONG))
    while not hasher.running:
        await asyncio.sleep(0.001)
    yield task
    await asyncio.wait([task])


async def test_a_password_is_right_against_its_own_hash_and_another_one_is_wrong() -> None:
    async with a_hasher() as hasher:
        stored = await hasher.hash(PASSWORD)
        assert await hasher.verify(stored, PASSWORD) == Verdict(ok=True, renewed_hash_needed=False)
        assert await hasher.verify(stored, WRONG) == Verdict(ok=False, renewed_hash_needed=False)


async def test_hashes_are_argon2id_with_the_parameters_of_owasp_and_a_salt_each() -> None:
    async with a_hasher() as hasher:
        first, second = await hasher.hash(PASSWORD), await hasher.hash(PASSWORD)
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second


async def test_a_password_is_the_same_typed_composed_and_decomposed() -> None:
    async with a_hasher() as hasher:
        stored = await hasher.hash("caf\u00e9 und gr\u00fc\u00dfe")
        assert (await hasher.verify(stored, "cafe\u0301 und gru\u0308\u00dfe")).ok


async def test_a_lone_surrogate_is_a_wrong_password_and_not_an_error() -> None:
    async with a_hasher() as hasher:
        stored = await hasher.hash(PASSWORD)
        assert not (await hasher.verify(stored, "\ud800" + PASSWORD)).ok


async def test_an_unknown_account_costs_what_a_wrong_password_costs() -> None:
    async with a_hasher() as hasher:
        stored = await hasher.hash(PASSWORD)
        for _ in range(5):
            assert not (await hasher.verify(stored, WRONG)).ok
        for _ in range(5):
            assert not (await hasher.verify(None, WRONG)).ok
        took = [seconds for _, seconds in hasher.hashed]
        known, unknown = min(took[1:6]), min(took[6:])
        assert 0.6 < unknown / known < 1.7


async def test_a_hash_with_outdated_parameters_is_right_and_to_be_renewed() -> None:
    outdated = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("caf\u00e9 au lait")
    async with a_hasher() as hasher:
        assert await hasher.verify(outdated, "caf\u00e9 au lait") == Verdict(True, renewed_hash_needed=True)
        assert await hasher.verify(outdated, "cafe\u0301 au lait") == Verdict(True, renewed_hash_needed=True)
        assert await hasher.verify(outdated, WRONG) == Verdict(False, renewed_hash_needed=False)


async def test_a_hash_of_another_system_is_of_what_was_typed_not_of_its_normal_form() -> None:
    typed = "cafe\u0301 au lait"
    foreign = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(typed)
    async with a_hasher() as hasher:
        assert (await hasher.verify(foreign, typed)).ok


async def test_a_stored_hash_that_cannot_be_read_fails_its_own_login_only() -> None:
    async with a_hasher() as hasher:
        with pytest.raises(Exception, match="format"):
            await hasher.verify("not a hash", PASSWORD)
        assert await hasher.hash(PASSWORD)


async def test_a_storm_is_answered_in_time_or_refused_at_once() -> None:
    async with a_hasher(deadline=0.8) as hasher:
        stored = await hasher.hash(PASSWORD)
        answered: list[float] = []
        refused: list[float] = []
        waits: set[int] = set()

        async def log_in() -> None:
            started = time.perf_counter()
            try:
                await hasher.verify(stored, PASSWORD)
            except Busy as busy:
                refused.append(time.perf_counter() - started)
                waits.add(busy.retry_after)
            else:
                answered.append(time.perf_counter() - started)

        await asyncio.gather(*(log_in() for _ in range(200)))
        assert len(answered) >= 0.4 * 0.8 / hasher.hash_seconds
        assert max(answered) < 0.9
        assert len(refused) == hasher.refused_total > 0
        assert max(refused) < 0.05
        assert waits <= {1, 2}


async def test_whoever_would_be_refused_is_told_so_before_sending_a_body() -> None:
    async with a_hasher(deadline=0.5) as hasher:
        hasher.admit()
        storm = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(100)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            hasher.admit()
        await asyncio.gather(*storm, return_exceptions=True)
        hasher.admit()


async def test_whoever_was_let_in_before_the_body_is_not_turned_away_after_it() -> None:
    async with a_hasher() as hasher:
        jobs = []
        while True:
            try:
                hasher.admit(1.0)
            except Busy:
                break
            jobs.append(asyncio.create_task(hasher.hash(PASSWORD)))
            await asyncio.sleep(0)
        await hasher.hash(PASSWORD, deadline=1.0)
        await asyncio.gather(*jobs)


async def test_the_oldest_is_answered_first() -> None:
    async with a_hasher() as hasher:
        order: list[int] = []

        async def log_in(number: int) -> None:
            await hasher.verify(None, WRONG)
            order.append(number)

        await asyncio.gather(*(log_in(number) for number in range(8)))
        assert order == list(range(8))


async def test_no_more_hashes_run_at_once_than_there_are_threads() -> None:
    async with a_hasher(threads=2) as hasher:
        storm = asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(12)))
        most = 0
        while not storm.done():
            most = max(most, hasher.running)
            await asyncio.sleep(0.001)
        assert most == 2
        assert (hasher.running, hasher.queued) == (0, 0)


async def test_who_hung_up_is_dropped_from_the_queue(a_slow_hash: Callable[[float], str]) -> None:
    async with a_hasher() as hasher:
        async with one_thread_busy(hasher, a_slow_hash(0.1)):
            stays, leaves = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(2)]
            await asyncio.sleep(0)
            assert hasher.queued == 2
            leaves.cancel()
            await asyncio.wait([leaves])
            assert hasher.queued == 1
        await stays
        assert len(hasher.hashed) == 2
        assert hasher.refused_total == 0


async def test_who_hung_up_while_being_hashed_does_no_harm(a_slow_hash: Callable[[float], str]) -> None:
    async with a_hasher() as hasher:
        async with one_thread_busy(hasher, a_slow_hash(0.05)) as task:
            task.cancel()
        assert await hasher.hash(PASSWORD)
        assert hasher.running == 0


async def test_whose_deadline_passes_in_the_queue_is_refused_then_and_never_hashed(
    a_slow_hash: Callable[[float], str],
) -> None:
    async with a_hasher() as hasher:
        async with one_thread_busy(hasher, a_slow_hash(0.5)):
            started = time.perf_counter()
            with pytest.raises(Busy):
                await hasher.hash(PASSWORD, deadline=0.1)
            assert 0.09 < time.perf_counter() - started < 0.3
            assert hasher.queued == 0
        assert len(hasher.hashed) == 1


async def test_a_deadline_counts_also_while_the_event_loop_is_stuck(
    a_slow_hash: Callable[[float], str],
) -> None:
    async with a_hasher() as hasher:
        async with one_thread_busy(hasher, a_slow_hash(0.2)):
            late = asyncio.create_task(hasher.hash(PASSWORD, deadline=0.1))
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(time.sleep, 0.4)
            with pytest.raises(Busy):
                await late
        assert len(hasher.hashed) == 1
        assert hasher.refused_total == 1


async def test_a_free_thread_takes_a_job_even_if_the_estimate_says_it_is_too_slow(
    a_slow_hash: Callable[[float], str],
) -> None:
    async with a_hasher() as hasher:
        while hasher.hash_seconds < 0.12:
            await hasher.verify(a_slow_hash(0.5), WRONG)
        estimate = hasher.hash_seconds
        assert await hasher.hash(PASSWORD, deadline=0.1)
        assert hasher.hash_seconds < estimate


@pytest.mark.parametrize("spent", [0.0, -1.0])
async def test_a_deadline_that_is_spent_is_refused(spent: float) -> None:
    async with a_hasher() as hasher:
        with pytest.raises(Busy):
            hasher.admit(spent)
        with pytest.raises(Busy):
            await hasher.hash(PASSWORD, deadline=spent)
        assert hasher.hashed == []


async def test_retry_after_is_the_time_until_those_who_wait_now_are_answered() -> None:
    async with a_hasher() as hasher:
        ahead = int(2.5 / hasher.hash_seconds)
        storm = [asyncio.create_task(hasher.hash(PASSWORD)) for _ in range(ahead)]
        await asyncio.sleep(0)
        with pytest.raises(Busy) as refusal:
            hasher.admit(1.0)
        assert refusal.value.retry_after in (2, 3, 4)
        for job in storm:
            job.cancel()
        await asyncio.wait(storm)
        assert hasher.queued == 0


async def test_a_jump_of_the_wall_clock_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, a_slow_hash: Callable[[float], str]
) -> None:
    now = time.time()
    async with a_hasher() as hasher:
        async with one_thread_busy(hasher, a_slow_hash(0.1)):
            job = asyncio.create_task(hasher.hash(PASSWORD, deadline=20))
            await asyncio.sleep(0)
            monkeypatch.setattr(time, "time", lambda: now + 86_400)
        assert await job
        monkeypatch.setattr(time, "time", lambda: now - 86_400)
        assert await hasher.hash(PASSWORD)
        assert all(0 <= waited < 10 and 0 < took < 10 for waited, took in hasher.hashed)


async def test_closing_answers_what_runs_refuses_what_waits_and_ends_the_threads(
    a_slow_hash: Callable[[float], str],
) -> None:
    others = hash_threads()
    async with a_hasher() as hasher:
        async with one_thread_busy(hasher, a_slow_hash(0.1)) as runs:
            waits = asyncio.create_task(hasher.hash(PASSWORD))
            await asyncio.sleep(0)
            await hasher.close()
            assert hash_threads() == others
        assert await runs == Verdict(False, False)
        with pytest.raises(Busy):
            async with asyncio.timeout(5):
                await waits
        with pytest.raises(Busy):
            await hasher.hash(PASSWORD)
        with pytest.raises(Busy):
            hasher.admit()


def hash_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("hash-")]


async def test_whatever_happens_everybody_gets_an_end(a_slow_hash: Callable[[float], str]) -> None:
    chance = random.Random(6)
    async with a_hasher(threads=2) as hasher:

        async def log_in() -> None:
            await asyncio.sleep(chance.random() / 2)
            async with asyncio.timeout(chance.choice([0.01, 0.05, 0.2, None])):
                await hasher.verify(chance.choice([None, a_slow_hash(0.01)]), WRONG, deadline=chance.random())

        people = [asyncio.create_task(log_in()) for _ in range(150)]
        await asyncio.sleep(0.3)
        for person in chance.sample(people, 40):
            person.cancel()
        async with asyncio.timeout(10):
            ends = await asyncio.gather(*people, return_exceptions=True)
        assert {type(end) for end in ends} <= {type(None), Busy, TimeoutError, asyncio.CancelledError}
        assert any(end is None for end in ends)
        assert hasher.queued == 0
        assert await hasher.hash(PASSWORD)


@pytest.mark.skipif(sys.platform != "linux", reason="a thread's own priority is Linux's")
async def test_the_event_loop_comes_before_the_hash_threads() -> None:
    async with a_hasher(threads=2) as hasher:
        await hasher.hash(PASSWORD)
        ours = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        for thread in hash_threads():
            assert thread.native_id is not None
            assert os.getpriority(os.PRIO_PROCESS, thread.native_id) > ours


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_within_19_mib_a_thread_and_32() -> None:
    program = """
import asyncio
from frontdesk.accounts.hashing import Hasher

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

async def storm():
    before = resident()
    hasher = Hasher(threads=3, deadline=60)
    await asyncio.gather(*(hasher.verify(None, "x" * 20) for _ in range(40)))
    await hasher.close()
    print((resident() - before) // 1024)

asyncio.run(storm())
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(run.stdout) <= 3 * 19 + 32


class TestSlots:
    """Several processes that share a replica's cores. A slot opened twice is as good as one in two processes."""

    async def test_a_slot_that_another_process_holds_is_waited_for(self, tmp_path: Path) -> None:
        elsewhere = HashSlot(tmp_path, 0)
        async with a_hasher(slots=tmp_path) as hasher:
            assert elsewhere.try_acquire()
            waits = asyncio.create_task(hasher.hash(PASSWORD))
            await asyncio.sleep(0.1)
            assert not waits.done()
            assert hasher.running == 0
            elsewhere.release()
            assert await waits
            elsewhere.acquire()
            elsewhere.close()

    async def test_a_held_slot_does_not_keep_work_from_a_free_one(self, tmp_path: Path) -> None:
        for held in range(2):
            elsewhere = HashSlot(tmp_path, held)
            async with a_hasher(threads=2, slots=tmp_path) as hasher:
                assert elsewhere.try_acquire()
                async with asyncio.timeout(5):
                    await asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(4)))
                elsewhere.close()

    async def test_a_killed_process_leaves_no_slot_behind(self, tmp_path: Path) -> None:
        program = """
import sys, time
from pathlib import Path
from frontdesk.accounts.hash_slots import HashSlot

assert HashSlot(Path(sys.argv[1]), 0).try_acquire()
print("held", flush=True)
time.sleep(60)
"""
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
        )
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        async with a_hasher(slots=tmp_path) as hasher:
            waits = asyncio.create_task(hasher.hash(PASSWORD))
            await asyncio.sleep(0.05)
            assert not waits.done()
            holder.kill()
            async with asyncio.timeout(5):
                assert await waits
        await holder.wait()

    async def test_two_busy_processes_take_turns(self, tmp_path: Path) -> None:
        async with a_hasher(slots=tmp_path) as one, a_hasher(slots=tmp_path) as other:
            jobs = [asyncio.create_task(hasher.hash(PASSWORD)) for hasher in (one, other) for _ in range(20)]
            while min(len(one.hashed), len(other.hashed)) < 5:
                await asyncio.sleep(0.005)
            assert max(len(one.hashed), len(other.hashed)) < 15
            for job in jobs:
                job.cancel()
            await asyncio.wait(jobs)
