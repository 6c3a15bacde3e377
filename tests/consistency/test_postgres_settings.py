"""deploy/postgres/start.sh: the settings that it derives from memory and processors."""

import subprocess
from pathlib import Path

import pytest

START = Path(__file__).parents[2] / "deploy/postgres/start.sh"


def printed(*arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", START, "--print", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )


def settings(*arguments: object) -> dict[str, str]:
    done = printed(*arguments)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def mib(value: str) -> float:
    number, unit = value[:-2], value[-2:]
    return float(number) * {"kB": 1 / 1024, "MB": 1, "GB": 1024}[unit]


@pytest.mark.parametrize("memory", [256, 512, 1024, 4096, 16384, 262144])
@pytest.mark.parametrize("cores", [1, 2, 4, 64])
@pytest.mark.parametrize("connections", [20, 100, 500])
def test_what_is_promised_fits_into_the_memory(memory: int, cores: int, connections: int) -> None:
    found = settings(memory, cores, connections)
    assert mib(found["shared_buffers"]) == memory // 4
    assert mib(found["shared_buffers"]) < mib(found["effective_cache_size"]) < memory
    # A quarter of the connections sorts, and the three workers of autovacuum are at it.
    sorting = mib(found["work_mem"]) * connections / 4
    cleaning = mib(found["maintenance_work_mem"]) * 3
    if memory >= 512:
        assert mib(found["shared_buffers"]) + sorting + cleaning < memory
    assert mib(found["work_mem"]) >= 1
    assert int(found["max_connections"]) == connections
    assert int(found["max_parallel_workers"]) == cores
    assert int(found["max_parallel_workers_per_gather"]) <= min(2, cores // 2)
    assert mib(found["max_wal_size"]) >= 1024
    assert (found["synchronous_commit"], found["password_encryption"]) == ("on", "scram-sha-256")


def test_without_a_number_there_are_a_hundred_connections() -> None:
    assert settings(1024, 2)["max_connections"] == "100"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "MEMORY_MIB is a number"),
        (("1024",), "CORES is a number"),
        (("1G", "2"), "MEMORY_MIB is a number"),
        (("-1", "2"), "MEMORY_MIB is a number"),
        (("1024.5", "2"), "MEMORY_MIB is a number"),
        (("0", "2"), "MEMORY_MIB is a number"),
        # Which a shell would read as octal.
        (("01024", "2"), "MEMORY_MIB is a number"),
        (("63", "2"), "MEMORY_MIB is a number from 64"),
        (("99999999", "2"), "MEMORY_MIB is a number from 64 to 9999999"),
        (("1024", "0"), "CORES is a number from 1"),
        (("1024", "two"), "CORES is a number"),
        (("1024", "2", "5"), "CONNECTIONS is a number from 20"),
        (("1024", "2", "many"), "CONNECTIONS is a number"),
        (("1024", "2", "$(id)"), "CONNECTIONS is a number"),
    ],
)
def test_what_is_no_number_is_refused_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    done = printed(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
