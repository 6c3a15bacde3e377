"""The drill: fill, back up, destroy the volumes, restore; what was acknowledged before is there."""

import asyncio
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e import traffic
from tests.e2e.conftest import show
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def make(stack: Stack, target: str, *variables: str) -> "subprocess.CompletedProcess[str]":
    """`make TARGET` in the stack's folder, as people type it."""
    return subprocess.run(
        ["make", "--no-print-directory", target, *variables],
        cwd=stack.folder,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture
def backups(stack: Stack) -> Path:
    folder = stack.folder / "backups"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def test_what_was_acknowledged_before_the_backup_is_there_after_all_volumes_are_lost(
    whole: Stack, backups: Path
) -> None:
    with traffic.running(whole.url, rate=40) as before:
        time.sleep(4)
    assert before.report.lost == []
    with traffic.running(whole.url, rate=40, visitors=4) as meanwhile:
        made = make(whole, "backup")
    show("backup", meanwhile.report)
    assert made.returncode == 0, made.stderr
    assert [f for f in meanwhile.report.failures if not f.busy] == []
    (file,) = backups.iterdir()
    assert file.stat().st_mode & 0o077 == 0, "nobody else may read it"

    # While it runs, it isn't touched.
    refused = make(whole, "restore", f"FILE={file}")
    assert refused.returncode != 0
    assert "The stack is running" in refused.stderr
    assert whole.healthy("db", "api")

    whole.down()
    began = time.monotonic()
    restored = make(whole, "restore", f"FILE={file}")
    assert restored.returncode == 0, restored.stderr
    assert "Restored." in restored.stdout
    print(f"restored within {time.monotonic() - began:.1f} s")

    # What is there is not overwritten, unless somebody says so.
    again = make(whole, "restore", f"FILE={file}")
    assert again.returncode != 0
    assert "there is a database in this volume already" in again.stderr

    whole.up()
    # The passwords are new, those of the database old: the service gets in all the same.
    assert asyncio.run(traffic.Traffic([whole.url]).look_for(before.ledger)) == []
    with traffic.running(whole.url, rate=40, visitors=4) as after:
        time.sleep(2)
    assert after.report.lost == []


def test_a_damaged_file_changes_nothing(whole: Stack, backups: Path, tmp_path: Path) -> None:
    with traffic.running(whole.url, rate=40, visitors=4) as before:
        time.sleep(2)
    assert make(whole, "backup").returncode == 0
    (file,) = backups.iterdir()
    content = file.read_bytes()
    cut = tmp_path / "cut.tar.zst"
    cut.write_bytes(content[: len(content) // 2])
    whole.compose("stop")
    try:
        for damaged, said in (
            (cut, "the file is damaged"),
            (whole.folder / "Makefile", "the file is damaged"),
        ):
            refused = make(whole, "restore", f"FILE={damaged}", "FORCE=yes")
            assert refused.returncode != 0
            assert said in refused.stderr
            assert "Traceback" not in refused.stderr
        missing = make(whole, "restore", "FILE=/nowhere.tar.zst")
        assert missing.returncode != 0
        assert "There is no file /nowhere.tar.zst" in missing.stderr
    finally:
        whole.up()
    assert asyncio.run(traffic.Traffic([whole.url]).look_for(before.ledger)) == []


def test_without_a_database_there_is_no_backup_and_no_half_of_one(whole: Stack, backups: Path) -> None:
    whole.compose("stop", "db")
    try:
        made = make(whole, "backup")
    finally:
        whole.up()
    assert made.returncode != 0
    assert "The database isn't running" in made.stderr
    assert not list(backups.glob("*"))
