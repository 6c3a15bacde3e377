"""The disk of the database fills up under load, and somebody makes room."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e import traffic
from tests.e2e.conftest import show
from tests.e2e.stack import docker, new_stack, until

pytestmark = [pytest.mark.e2e_long, pytest.mark.timeout(600)]


def test_a_full_disk_refuses_writes_and_loses_nothing(clone: Path) -> None:
    with new_stack(clone, "-disk", loaded=True) as stack:
        stack.files = (*stack.files, "tests/e2e/small_disk.yaml")
        image = f"frontdesk-db:{stack.version}"
        volume = f"{stack.project}_data"
        stack.compose("create", "--build")
        # A tmpfs lives as long as somebody has it mounted, and the database will stop.
        holder = docker(
            "run", "-d", "--rm", f"--volume={volume}:/disk", "--entrypoint=sleep", image, "900"
        ).strip()
        try:
            stack.up()

            def answers() -> bool:
                try:
                    return stack.sql("SELECT 1") == "1"
                except (subprocess.CalledProcessError, ValueError):
                    return False

            with traffic.running(stack.url, rate=40) as load:
                time.sleep(3)
                load.mark("disk full")
                fill = "dd if=/dev/zero of=/disk/filler bs=64k 2>/dev/null; df -m /disk | tail -1"
                print(docker("exec", holder, "sh", "-c", fill))
                # PostgreSQL has room in the log's files that are there already; writes use it up.
                time.sleep(20)
                load.mark("room again")
                docker("exec", holder, "rm", "/disk/filler")
                until(answers, within=90)
                load.mark("database answers again")
                time.sleep(5)
            show("full disk", load.report)
            assert load.report.failed(after="disk full"), "the disk never was full"
            others = [f for f in load.report.failures if f.what not in ("503 busy", "503 unavailable")]
            assert others == []
            assert load.report.recovered("database answers again") < 3
            assert load.report.lost == []
        finally:
            docker("rm", "-f", holder)
