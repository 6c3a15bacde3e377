"""The queue in front of the hash threads: who is let in, in which order, and who is turned away."""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import pbkdf2_hmac
from pathlib import Path

import argon2
import pytest

from frontdesk.accounts.hashing import Hasher, Verdict
from frontdesk.errors import Busy
from tests.accounts.hashers import PASSWORD, WRONG, a_hasher, a_stuck_hasher, end, started

pytestmark = pytest.mark.anyio

SIXTEEN = b64encode(bytes(16)).decode().rstrip("=")


@pytest.fixture(scope="module")
def slow_hash() -> str:
    """A stored hash that takes a good part of a second to verify."""
    started = time.perf_counter()
    pbkdf2_hmac("sha256", b"password", b"salt", 100_000)
    iterations = int(100_000 * 0.3 / (time.perf_counter() - started))
    return f"$pbkdf2-sha256$i={iterations}${SIXTEEN}${SIXTEEN}"


@asynccontextmanager
async def one_thread_busy(hasher: Hasher, slow_hash: str) -> AsyncIterator[asyncio.Task[Verdict]]:
    task = asyncio.create_task(hasher.verify(slow_hash, WRONG))
    while not hasher.running:
        assert not task.done()
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


async def test_our_hashes_and_those_of_other_libraries_are_the_same() -> None:
    other = argon2.PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
    async with a_hasher() as hasher:
        assert other.verify(await hasher.hash(PASSWORD), PASSWORD)
        stored = other.hash(PASSWORD)
        assert await hasher.verify(stored, PASSWORD) == Verdict(ok=True, renewed_hash_needed=False)
        assert await hasher.verify(stored, WRONG) == Verdict(ok=False, renewed_hash_needed=False)


@pytest.mark.parametrize(("salt", "length"), [(8, 32), (16, 64)])
async def test_a_hash_with_our_cost_and_another_form_is_verified_and_renewed(salt: int, length: int) -> None:
    other = argon2.PasswordHasher(
        time_cost=2, memory_cost=19456, parallelism=1, salt_len=salt, hash_len=length
    )
    stored = other.hash(PASSWORD)
    async with a_hasher() as hasher:
        assert await hasher.verify(stored, PASSWORD) == Verdict(ok=True, renewed_hash_needed=True)
        assert await hasher.verify(stored, WRONG) == Verdict(ok=False, renewed_hash_needed=False)


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
        hasher.hashed.clear()
        for _ in range(8):
            assert not (await hasher.verify(stored, WRONG)).ok
            assert not (await hasher.verify(None, WRONG)).ok
        took = [seconds for _, seconds in hasher.hashed]
        known, unknown = min(took[::2]), min(took[1::2])
        assert 0.5 < unknown / known < 2


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


async def test_a_storm_is_let_in_as_far_as_it_can_be_answered_and_else_refused_at_once(
    tmp_path: Path,
) -> None:
    async with a_stuck_hasher(tmp_path, deadline=10) as (hasher, _):
        hasher._turn_seconds = 0.02
        storm = await started(*(hasher.hash(PASSWORD) for _ in range(1000)))
        refused = [task for task in storm if task.done()]
        assert all(isinstance(task.exception(), Busy) for task in refused)
        assert hasher.refused_total == len(refused)
        assert 400 < hasher.queued == len(storm) - len(refused) < 450
        await end(*storm)


async def test_who_is_let_in_is_answered_before_the_deadline() -> None:
    async with a_hasher() as hasher:
        deadline = 40 * hasher._turn_seconds
        jobs = [asyncio.create_task(hasher.hash(PASSWORD, deadline=deadline)) for _ in range(12)]
        async with asyncio.timeout(deadline):
            assert all(await asyncio.gather(*jobs))


async def test_whoever_would_be_refused_is_told_so_before_sending_a_body(tmp_path: Path) -> None:
    async with a_stuck_hasher(tmp_path, deadline=2) as (hasher, _):
        hasher.admit()
        storm = await started(*(hasher.hash(PASSWORD, deadline=60) for _ in range(200)))
        with pytest.raises(Busy):
            hasher.admit()
        assert hasher.queued == 200
        await end(*storm)
        hasher.admit()


async def test_whoever_was_let_in_before_the_body_is_not_turned_away_after_it(tmp_path: Path) -> None:
    async with a_stuck_hasher(tmp_path, deadline=10) as (hasher, _):
        hasher._turn_seconds = 0.02
        storm: list[asyncio.Task[str]] = []
        with contextlib.suppress(Busy):
            while len(storm) < 500:
                hasher.admit()
                storm += await started(hasher.hash(PASSWORD))
        assert len(storm) < 500
        late = await started(hasher.hash(PASSWORD))
        assert hasher.queued == len(storm) + 1
        await end(*storm, *late)


async def test_the_oldest_is_answered_first(tmp_path: Path) -> None:
    order: list[int] = []

    async def log_in(number: int) -> None:
        await hasher.verify(None, WRONG)
        order.append(number)

    async with a_stuck_hasher(tmp_path) as (hasher, slot):
        logins = await started(*(log_in(number) for number in range(6)))
        slot.release()
        await asyncio.gather(*logins)
    assert order == list(range(6))


async def test_no_more_hashes_run_at_once_than_there_are_threads() -> None:
    async with a_hasher(threads=2) as hasher:
        storm = asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(12)))
        most = 0
        while not storm.done():
            most = max(most, hasher.running)
            await asyncio.sleep(0.001)
        assert most == 2
        assert (hasher.running, hasher.queued) == (0, 0)


async def test_who_hung_up_is_dropped_from_the_queue(tmp_path: Path) -> None:
    async with a_stuck_hasher(tmp_path) as (hasher, slot):
        first, leaves, last = await started(*(hasher.hash(PASSWORD) for _ in range(3)))
        await end(leaves)
        assert hasher.queued == 2
        slot.release()
        await asyncio.gather(first, last)
        assert len(hasher.hashed) == 2
        assert hasher.refused_total == 0


async def test_who_hung_up_while_being_hashed_does_no_harm(slow_hash: str) -> None:
    async with a_hasher() as hasher:
        async with one_thread_busy(hasher, slow_hash) as task:
            task.cancel()
        assert await hasher.hash(PASSWORD)
        assert hasher.running == 0


async def test_whose_deadline_passes_in_the_queue_is_refused_then_and_never_hashed(tmp_path: Path) -> None:
    async with a_stuck_hasher(tmp_path) as (hasher, slot):
        began = time.perf_counter()
        with pytest.raises(Busy):
            async with asyncio.timeout(30):
                await hasher.hash(PASSWORD, deadline=0.05)
        assert time.perf_counter() - began > 0.04
        assert hasher.queued == 0
        slot.release()
        assert await hasher.hash(PASSWORD)
        assert len(hasher.hashed) == 1


async def test_a_deadline_counts_also_while_the_event_loop_is_stuck(tmp_path: Path) -> None:
    async with a_stuck_hasher(tmp_path) as (hasher, slot):
        (late,) = await started(hasher.hash(PASSWORD, deadline=0.05))

        def stick() -> None:
            time.sleep(0.1)
            slot.release()
            time.sleep(0.2)

        asyncio.get_running_loop().call_soon(stick)
        with pytest.raises(Busy):
            await late
        assert hasher.hashed == []
        assert hasher.refused_total == 1


async def test_a_free_thread_takes_a_job_even_if_the_estimate_says_it_is_too_slow() -> None:
    async with a_hasher() as hasher:
        hasher._turn_seconds = 60.0
        assert await hasher.hash(PASSWORD, deadline=30.0)
        assert hasher._turn_seconds < 60


@pytest.mark.parametrize("spent", [0.0, -1.0])
async def test_a_deadline_that_is_spent_is_refused(spent: float) -> None:
    async with a_hasher() as hasher:
        with pytest.raises(Busy):
            await hasher.hash(PASSWORD, deadline=spent)
        assert hasher.hashed == []


async def test_retry_after_is_the_time_until_those_who_wait_now_are_answered(tmp_path: Path) -> None:
    async with a_stuck_hasher(tmp_path) as (hasher, _):
        hasher._turn_seconds = 0.5
        storm = await started(*(hasher.hash(PASSWORD) for _ in range(5)))
        with pytest.raises(Busy) as refusal:
            await hasher.hash(PASSWORD, deadline=1.0)
        assert refusal.value.retry_after == 3
        await end(*storm)
        assert hasher.queued == 0


async def test_a_jump_of_the_wall_clock_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    now = time.time()
    async with a_stuck_hasher(tmp_path) as (hasher, slot):
        jobs = await started(hasher.hash(PASSWORD), hasher.hash(PASSWORD))
        monkeypatch.setattr(time, "time", lambda: now + 86_400)
        slot.release()
        assert await jobs[0]
        monkeypatch.setattr(time, "time", lambda: now - 86_400)
        assert await jobs[1]
        assert all(0 <= waited < 60 and 0 < took < 60 for waited, took in hasher.hashed)
        assert hasher._turn_seconds < 60


async def test_closing_answers_what_runs_refuses_what_waits_and_ends_the_threads(slow_hash: str) -> None:
    others = hash_threads()
    async with a_hasher() as hasher:
        async with one_thread_busy(hasher, slow_hash) as runs:
            (waits,) = await started(hasher.hash(PASSWORD))
            await hasher.close()
            assert hash_threads() == others
        assert await runs == Verdict(False, False)
        with pytest.raises(Busy):
            async with asyncio.timeout(30):
                await waits
        with pytest.raises(Busy):
            await hasher.hash(PASSWORD)
        with pytest.raises(Busy):
            hasher.admit()


def hash_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("hash-")]


async def test_whatever_happens_everybody_gets_an_end() -> None:
    chance = random.Random(6)
    async with a_hasher(threads=2) as hasher:

        async def log_in() -> None:
            await asyncio.sleep(chance.random() / 2)
            async with asyncio.timeout(chance.choice([0.01, 0.05, 0.2, None])):
                await hasher.verify(None, WRONG, deadline=3 * chance.random())

        people = [asyncio.create_task(log_in()) for _ in range(150)]
        await asyncio.sleep(0.3)
        for person in chance.sample(people, 40):
            person.cancel()
        async with asyncio.timeout(60):
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
@pytest.mark.parametrize(
    ("stored", "logins", "mib"),
    [
        pytest.param(None, 40, 3 * 19 + 32, id="ours"),
        pytest.param(f"$argon2id$v=19$m=131072,t=1,p=1${SIXTEEN}${SIXTEEN}", 6, 128 + 32, id="imported"),
    ],
)
def test_memory_is_19_mib_a_thread_and_32_or_one_imported_hash_at_a_time(
    stored: str | None, logins: int, mib: int
) -> None:
    program = f"""
import asyncio
from frontdesk.accounts.hashing import Hasher

def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

async def storm():
    before = resident()
    hasher = Hasher(threads=3, deadline=600)
    await asyncio.gather(*(hasher.verify({stored!r}, "x" * 20) for _ in range({logins})))
    await hasher.close()
    print((resident() - before) // 1024)

asyncio.run(storm())
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(run.stdout) <= mib
