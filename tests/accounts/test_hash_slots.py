"""Several processes that share a replica's cores. A slot opened twice is as good as one in two processes."""

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from frontdesk.accounts.hash_slots import HashSlot
from tests.accounts.hashers import PASSWORD, a_hasher

pytestmark = pytest.mark.anyio


async def test_a_slot_that_another_process_holds_is_waited_for(tmp_path: Path) -> None:
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


async def test_a_held_slot_does_not_keep_work_from_a_free_one(tmp_path: Path) -> None:
    for held in range(2):
        elsewhere = HashSlot(tmp_path, held)
        async with a_hasher(threads=2, slots=tmp_path) as hasher:
            assert elsewhere.try_acquire()
            async with asyncio.timeout(30):
                assert await hasher.hash(PASSWORD)
            elsewhere.close()


async def test_a_killed_process_leaves_no_slot_behind(tmp_path: Path) -> None:
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
        async with asyncio.timeout(30):
            assert await waits
    await holder.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_who_waits_for_a_slot_gets_it_before_who_just_had_it(tmp_path: Path) -> None:
    has_it, waits = HashSlot(tmp_path, 0), HashSlot(tmp_path, 0)
    file = f":{(tmp_path / 'slot-0').stat().st_ino} "
    with ThreadPoolExecutor(1) as elsewhere:
        for _ in range(20):
            has_it.acquire()
            waiting = elsewhere.submit(waits.acquire)
            while not any(
                "->" in lock and file in lock for lock in Path("/proc/locks").read_text().splitlines()
            ):
                time.sleep(0.001)
            has_it.release()
            if took_it_again := has_it.try_acquire():
                has_it.release()
            waiting.result()
            waits.release()
            assert not took_it_again
    has_it.close()
    waits.close()
