"""How many hash threads a container gets, by trees like those that container engines make."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from frontdesk.accounts.cores import available_cores

MACHINE = 16


@pytest.fixture(autouse=True)
def a_machine_of_16_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(MACHINE)), raising=False)


@pytest.fixture
def cores(tmp_path: Path) -> Callable[..., int]:
    """The cores in a tree of these files, for a process that /proc/self/cgroup says this about."""

    def count(files: dict[str, str], membership: str = "0::/\n") -> int:
        for name, text in files.items():
            file = tmp_path / "cgroup" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n")
        (tmp_path / "membership").write_text(membership)
        return available_cores(tmp_path / "cgroup", tmp_path / "membership")

    return count


def test_without_any_limit_all_cores_of_the_machine_are_used(cores: Callable[..., int]) -> None:
    assert cores({}) == MACHINE
    assert cores({"cpu.max": "max 100000", "cpuset.cpus.effective": ""}) == MACHINE
    assert cores({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}) == MACHINE


@pytest.mark.parametrize(
    ("quota", "threads"),
    [
        ("50000 100000", 1),
        ("100000 100000", 1),
        ("150000 100000", 1),
        ("200000 100000", 2),
        ("300000 50000", 6),
    ],
)
def test_a_quota_of_cgroup_v2_is_rounded_down_to_whole_cores(
    cores: Callable[..., int], quota: str, threads: int
) -> None:
    assert cores({"cpu.max": quota}) == threads


@pytest.mark.parametrize("directory", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize(("quota", "threads"), [(50_000, 1), (350_000, 3)])
def test_a_quota_of_cgroup_v1_counts_too(
    cores: Callable[..., int], directory: str, quota: int, threads: int
) -> None:
    files = {f"{directory}/cpu.cfs_quota_us": str(quota), f"{directory}/cpu.cfs_period_us": "100000"}
    assert cores(files, f"4:{directory}:/docker/0123abcd\n1:name=systemd:/docker/0123abcd\n") == threads


@pytest.mark.parametrize(
    ("file", "membership"),
    [
        ("cpuset.cpus.effective", "0::/\n"),
        ("cpuset/cpuset.cpus", "3:cpuset:/\n"),
        ("cpuset/cpuset.effective_cpus", "3:cpuset:/\n"),
    ],
)
def test_a_cpuset_counts_the_cores_it_names(cores: Callable[..., int], file: str, membership: str) -> None:
    assert cores({file: "0-2,8"}, membership) == 4


def test_the_tightest_limit_from_the_own_group_up_to_the_root_counts(cores: Callable[..., int]) -> None:
    files = {
        "system.slice/cpu.max": "300000 100000",
        "system.slice/frontdesk.service/cpu.max": "500000 100000",
        "system.slice/other.service/cpu.max": "100000 100000",
    }
    assert cores(files, "0::/system.slice/frontdesk.service\n") == 3


def test_a_group_of_the_host_that_is_not_in_the_tree_leaves_the_root_to_count(
    cores: Callable[..., int],
) -> None:
    assert cores({"cpu.max": "200000 100000"}, "0::/docker/0123abcd\n") == 2
    assert cores({"cpu.max": "200000 100000"}, "") == 2


def test_affinity_counts_where_it_is_tighter(
    cores: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {3}, raising=False)
    assert cores({"cpu.max": "800000 100000"}) == 1


@pytest.mark.parametrize("text", ["", "nonsense", "1e5 100000", "100000 0", "-5 100000", "\x00"])
def test_files_that_make_no_sense_limit_nothing(cores: Callable[..., int], text: str) -> None:
    assert cores({"cpu.max": text, "cpuset.cpus.effective": text}) == MACHINE


def test_on_this_machine_it_is_a_number_of_cores() -> None:
    assert 1 <= available_cores() <= MACHINE
