"""`make bench-import`: people a second, and what searches take meanwhile.

    python -m bench.importing [--runs N] [--write]

PostgreSQL is as it comes, on the same cores as the import, the service and the one client that searches.
"""

import argparse
import asyncio
import contextlib
import csv
import itertools
import platform
import random
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import uvloop
from rich.progress import Progress

from bench import stack
from bench.people import Made, people
from bench.report import Figure, percentile, table, write_section
from bench.searching import Server, serving, started
from frontdesk import local
from frontdesk.store import schema

_EMPTY = 200_000
_IN_SERVICE = 100_000
_ADDED = 60_000
# Searches without an import, for each run.
_QUIET = 3000


def _figures() -> list[Figure]:
    return [
        Figure("into an empty directory", "people/s", [], "≥ 10,000", lambda value: value >= 10_000),
        Figure("into one of 100,000 in service", "people/s", [], "≥ 3,000", lambda value: value >= 3_000),
        Figure("search, quiet, median", "ms", []),
        Figure("search, quiet, p99", "ms", []),
        Figure("search during the import, median", "ms", []),
        Figure("search during the import, p99", "ms", []),
        Figure("median during the import ÷ quiet", "", [], "≤ 2", lambda value: value <= 2),
        Figure("p99 during the import ÷ quiet", "", [], "≤ 2", lambda value: value <= 2),
    ]


async def measure(server: str, folder: Path, runs: int, done: Callable[[], None]) -> list[Figure]:
    """The figures of `runs` runs on the PostgreSQL at `server`. `folder` is where the files to import go."""
    figures = _figures()
    made = list(itertools.islice(people(_EMPTY, seed=5), _EMPTY))
    for _ in range(runs):
        url = await _made_anew(server, "empty")
        figures[0].values.append(_EMPTY / _bring_in(url, _file(folder, made)))
        done()
    url = await _made_anew(server, "serving")
    _bring_in(url, _file(folder, made[:_IN_SERVICE]))
    await _settle(url)
    texts = _texts(made[:_IN_SERVICE])
    with serving(url) as (replica, *_):
        list(_search(replica, texts, lambda count: count == 500))
        for run in range(runs):
            more = itertools.islice(people(_ADDED, seed=9 + run), _ADDED)
            file = _file(folder, (_another(each, run) for each in more))
            quiet = list(_search(replica, texts, lambda count: count == _QUIET))
            took, busy = _bring_in_beside(replica, texts, url, file)
            alone = [percentile(quiet, 50), percentile(quiet, 99)]
            beside = [percentile(busy, 50), percentile(busy, 99)]
            times = [b / a for a, b in zip(alone, beside, strict=True)]
            row = [_ADDED / took, *alone, *beside, *times]
            for figure, value in zip(figures[1:], row, strict=True):
                figure.values.append(value)
            done()
    return figures


async def _made_anew(server: str, name: str) -> str:
    db = await asyncpg.connect(server)
    await db.execute(f"DROP DATABASE IF EXISTS import_{name}")
    await db.execute(f"CREATE DATABASE import_{name}")
    await db.close()
    url = server.replace("/postgres?", f"/import_{name}?")
    await asyncio.to_thread(schema.migrate, url)
    return url


async def _settle(url: str) -> None:
    db = await asyncpg.connect(url, command_timeout=None)
    await db.execute("VACUUM ANALYZE")
    await db.close()


def _file(folder: Path, made: Iterable[Made]) -> Path:
    path = folder / "people.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("email", "username", "name"))
        writer.writerows((each.email, each.username, each.name) for each in made)
    return path


def _another(made: Made, run: int) -> Made:
    """Somebody of the same name whom no other run has brought in."""
    return made._replace(email=f"x{run}{made.email}", username=f"x{run}{made.username[:36]}")


def _bring_in(url: str, file: Path) -> float:
    """The seconds of an import, from start to end of its process."""
    began = time.perf_counter()
    return _ended(started(url, "import", str(file))) - began


def _bring_in_beside(replica: Server, texts: list[str], url: str, file: Path) -> tuple[float, list[float]]:
    """The same while somebody searches, and the milliseconds of their searches."""
    began = time.perf_counter()
    process = started(url, "import", str(file))
    times = list(_search(replica, texts, lambda _: process.poll() is not None))
    return _ended(process) - began, times


def _ended(process: subprocess.Popen[bytes]) -> float:
    """When an import has ended, by the clock that measures it. Raises RuntimeError if it failed."""
    if code := process.wait():
        raise RuntimeError(f"the import ended with {code}")
    return time.perf_counter()


def _texts(made: list[Made]) -> list[str]:
    """Names, beginnings, usernames, given names, words swapped, of people drawn at random."""
    draw = random.Random(1)
    texts = []
    for each in draw.sample(made, 400):
        words = each.name.split(" ")
        texts += [each.name, each.name[:3], each.username, words[0], " ".join(reversed(words))]
    draw.shuffle(texts)
    return texts


def _search(server: Server, texts: list[str], until: Callable[[int], bool]) -> Iterator[float]:
    """Milliseconds of one search after the other, until `until` says of their number that it's enough."""
    for count, text in enumerate(itertools.cycle(texts)):
        if until(count):
            return
        yield server.search(text)[0] * 1000


def main() -> None:
    """Measure and print; with --write, into docs/performance.md too."""
    parser = argparse.ArgumentParser(prog="bench.importing", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="replace the section of docs/performance.md")
    chosen = parser.parse_args()
    with contextlib.ExitStack() as stack_:
        folder = Path(stack_.enter_context(tempfile.TemporaryDirectory(prefix="frontdesk-import-")))
        # PostgreSQL's user has to get into it.
        folder.chmod(0o755)
        (folder / "postgres").mkdir()
        server = stack_.enter_context(local.postgres(folder / "postgres"))
        progress = stack_.enter_context(Progress())
        task = progress.add_task("imports", total=2 * chosen.runs)
        figures = uvloop.run(measure(server, folder, chosen.runs, lambda: progress.advance(task)))
    text = (
        f"{len(stack.CORES)} cores, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}; "
        f"medians of {chosen.runs} runs of `make bench-import`. Made-up people,\nCSV, no hashes: {_EMPTY:,} into the "
        f"empty directory, {_ADDED:,} into the other. PostgreSQL as it comes, on the same cores. One client\nsearches "
        "for names, their beginnings, usernames, given names, and words swapped. Why an import that is gentle works in "
        f"short\nstretches: decision 5.\n\n{table(figures)}"
    )
    print(text)
    if chosen.write:
        write_section("Import", text)


if __name__ == "__main__":
    main()
