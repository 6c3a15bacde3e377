"""How many cores this process may use, which in a container is not how many the machine has.

Sources: the kernel's documentation of cgroup v2 (cpu.max, cpuset.cpus.effective) and v1 (cpu.cfs_quota_us,
cpuset.cpus); sched_getaffinity(2).
"""

import os
from collections.abc import Iterator
from pathlib import Path

_V1_CPU = ("cpu", "cpu,cpuacct", "cpuacct,cpu")


def available_cores(
    cgroups: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> int:
    """The whole cores that quota, cpuset and affinity leave, at least 1.

    cgroups: the root of the cgroup tree. membership: the file that tells which groups the process is in. Files
    that are missing or unreadable limit nothing.

    Rounded down: hash threads that together can use up the quota have the kernel stop the event loop with
    them, for most of each period.
    """
    limits = [float(_allowed_cores())]
    for group in _groups(cgroups, membership):
        limits += _limits(group)
    return max(1, int(min(limits)))


def _allowed_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _groups(cgroups: Path, membership: Path) -> Iterator[Path]:
    """The process's own groups and all above them: the tightest limit counts. In a container the own group is
    often mounted as the root, and the path in `membership` is one of the host's, which is not there."""
    for line in _read(membership).splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        tops = (
            [cgroups, cgroups / "unified"]
            if hierarchy == "0"
            else [cgroups / name for name in _v1_names(controllers)]
        )
        for top in tops:
            group = top / path.lstrip("/")
            yield from (top / above for above in (group.relative_to(top), *group.relative_to(top).parents))
    # Where nothing tells the membership, the root itself may be the container's group.
    yield cgroups
    yield from (cgroups / name for name in (*_V1_CPU, "cpuset"))


def _v1_names(controllers: str) -> tuple[str, ...]:
    return tuple({name for name in (controllers, *controllers.split(",")) if name in (*_V1_CPU, "cpuset")})


def _limits(group: Path) -> Iterator[float]:
    match _read(group / "cpu.max").split():
        case [quota, period] if quota.isdecimal() and period.isdecimal() and int(period):
            yield int(quota) / int(period)
    quota, period = _read(group / "cpu.cfs_quota_us").strip(), _read(group / "cpu.cfs_period_us").strip()
    if quota.isdecimal() and period.isdecimal() and int(period):
        yield int(quota) / int(period)
    for name in ("cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"):
        if cores := _count(_read(group / name).strip()):
            yield float(cores)


def _count(cpuset: str) -> int:
    """How many cores a list such as 0-3,8 names; 0 if it names none or cannot be read."""
    count = 0
    for part in filter(None, cpuset.split(",")):
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            return 0
        count += int(last or first) - int(first) + 1
    return count


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
