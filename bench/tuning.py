"""`make bench-tuning`: what each setting of the edge and of PostgreSQL is worth, with it and without, in turn.

python -m bench.tuning [--runs N] [--seconds S] [--people N] [--write]

Needs Docker and the images of `make image`.
"""

import argparse
import contextlib
import itertools
import json
import os
import re
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg
import uvloop
from rich.progress import Progress

from bench import directory, queries, stack
from bench.load import Result, load, request
from bench.report import number, write_section
from bench.storm import FRONTDESK
from frontdesk import secret_files
from frontdesk.web import static

_VERSION = os.environ.get("VERSION", "dev")
_NETWORK = "frontdesk-tuning"
_TEMPLATES = Path(__file__).parent.parent / "deploy" / "nginx" / "templates"
_CLIENTS = 32
_JSON = "/api/v1/people?q=a&limit=50"


@dataclass(frozen=True)
class Setting:
    """A setting of the edge: how to take it out of the templates, and a load that should notice."""

    name: str
    load: str
    without: Callable[[str], str]


def _drop(*patterns: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        for pattern in patterns:
            text = re.sub(pattern, "", text, flags=re.MULTILINE | re.DOTALL)
        return text

    return edit


SETTINGS = (
    Setting(
        "connections to the replicas are kept",
        "session check",
        lambda text: _drop(r"^ +keepalive\w* [^;]+;\n")(text).replace(
            'proxy_set_header Connection "";', 'proxy_set_header Connection "close";'
        ),
    ),
    Setting(
        "static files from the edge",
        "style sheet",
        _drop(r"^location \^~ /static/ \{.*?^\}\n"),
    ),
    Setting("static files compressed beforehand", "style sheet", _drop(r"^ +gzip_static on;\n")),
    Setting("cache of open files", "style sheet", _drop(r"^ +open_file_cache\w* [^;]+;\n")),
    Setting("compression of answers", "50 people", _drop(r"^ +gzip(_\w+)? [^;]+;\n")),
)


@dataclass
class Row:
    """What was measured with a setting and without, a value for each run."""

    name: str
    unit: str
    with_it: list[float]
    without: list[float]

    def markdown(self) -> str:
        ours, theirs = statistics.median(self.with_it), statistics.median(self.without)
        return f"| {self.name} | {number(ours)} {self.unit} | {number(theirs)} {self.unit} | {ours / theirs:.2f} |"


def main() -> None:
    options = argparse.ArgumentParser(prog="make bench-tuning", description=__doc__)
    options.add_argument("--runs", type=int, default=3, help="runs of which the median counts")
    options.add_argument("--seconds", type=float, default=4.0, help="seconds of each load")
    options.add_argument("--people", type=int, default=100_000, help="people that are searched")
    options.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="frontdesk-tuning-") as folder, _network():
        Path(folder).chmod(0o755)
        edge, database = measure(Path(folder), chosen.runs, chosen.seconds, chosen.people)
    text = "\n".join(
        [
            f"{len(stack.CORES)} cores for everything; medians of {chosen.runs} runs, with and without in turn.",
            "Why each is kept: [decision 11](decisions/0011-edge.md), deploy/postgres/start.sh.",
            "",
            "| the edge | with | without | with ÷ without |",
            "| --- | ---: | ---: | ---: |",
            *(row.markdown() for row in edge),
            "",
            f"| PostgreSQL, 1 GiB and 2 cores, {chosen.people:,} people | ours | its defaults | ours ÷ defaults |",
            "| --- | ---: | ---: | ---: |",
            *(row.markdown() for row in database),
        ]
    )
    print(text)
    if chosen.write:
        write_section("Tuning", text)


def measure(folder: Path, runs: int, seconds: float, people: int) -> tuple[list[Row], list[Row]]:
    """The tables of the edge and of PostgreSQL."""
    for _ in secret_files.make(folder / "secrets", "unused:5432", ("localhost",)):
        pass
    ours = _database(folder / "secrets", "frontdesk-postgres")
    theirs = _database(folder / "secrets", "docker-entrypoint.sh", "postgres")
    with ours as our_url, theirs as their_url, Progress() as progress:
        task = progress.add_task("filling", total=2 + runs * (2 + len(SETTINGS)))
        drawn, tokens = [], []
        for url in (our_url, their_url):
            drawn.append(uvloop.run(_fill(url, people)))
            tokens.append(uvloop.run(stack.fill(url, people=1000)))
            progress.advance(task)
        rows: dict[str, Row] = {}
        progress.update(task, description="PostgreSQL")
        for _, (number_of, url) in itertools.product(range(runs), enumerate((our_url, their_url))):
            with stack.frontdesk(url, FRONTDESK_HASH_THREADS="1") as server:
                for name, unit, value in _database_figures(
                    server.port, tokens[number_of], drawn[number_of], seconds
                ):
                    row = rows.setdefault(name, Row(name, unit, [], []))
                    (row.without if number_of else row.with_it).append(value)
            progress.advance(task)
        progress.update(task, description="the edge")
        edge = _edge_rows(folder, our_url, tokens[0], runs, seconds, lambda: progress.advance(task))
    return edge, list(rows.values())


async def _fill(url: str, people: int) -> list[str]:
    await directory.fill(url, people)
    connection = await asyncpg.connect(url)
    try:
        sample = await queries.sample(connection, people, 300)
    finally:
        await connection.close()
    kinds = [kind for kind in queries.CLASSES if "200" not in kind]
    drawn = zip(*(sample.draw(kind) for kind in kinds), strict=False)
    return [text for many in itertools.islice(drawn, 60) for text, _ in many]


def _database_figures(
    port: int, tokens: list[str], texts: Sequence[str], seconds: float
) -> Iterator[tuple[str, str, float]]:
    logins = uvloop.run(load(port, [lambda n=n: FRONTDESK.request(n) for n in range(8)], seconds=seconds))
    yield "logins", "/s", logins.rate(201)
    checks = uvloop.run(load(port, _asking("/api/v1/account", tokens), seconds=seconds))
    yield "session checks", "/s", checks.rate(200)
    searches = uvloop.run(load(port, _searching(tokens, texts), seconds=2 * seconds))
    yield "searches of all classes, 8 clients", "/s", searches.rate(200)
    yield "the same, 99th percentile", "ms", searches.percentile(99, 200) * 1000


def _asking(path: str, tokens: list[str], encoding: str = "") -> list[Callable[[], bytes]]:
    requests = [request("GET", path, token=token, accept_encoding=encoding) for token in tokens[:_CLIENTS]]
    return [lambda asked=asked: asked for asked in requests]


def _searching(tokens: list[str], texts: Sequence[str]) -> list[Callable[[], bytes]]:
    def searcher(mine: int) -> Callable[[], bytes]:
        turns = itertools.cycle(texts[mine::8])
        return lambda: request("GET", f"/api/v1/people?q={quote(next(turns))}", token=tokens[mine])

    return [searcher(mine) for mine in range(8)]


def _edge_rows(
    folder: Path, url: str, tokens: list[str], runs: int, seconds: float, tick: Callable[[], None]
) -> list[Row]:
    rows = []
    loads = {
        "session check": _asking("/api/v1/account", tokens),
        "style sheet": _asking(static.url_of("app.css"), tokens, "gzip"),
        "50 people": _asking(_JSON, tokens, "gzip"),
    }
    with _replica(folder, url, "api"), _replica(folder, url, "web"), _edge(_TEMPLATES) as ours:
        for setting in SETTINGS:
            row = Row(f"{setting.name}: {setting.load}", "/s", [], [])
            latency = Row(f"{setting.name}: 99th percentile", "ms", [], [])
            with _edge(_edited(folder, setting)) as theirs:
                for _, (values, late, host) in itertools.product(
                    range(runs),
                    ((row.with_it, latency.with_it, ours), (row.without, latency.without, theirs)),
                ):
                    result: Result = uvloop.run(load(8080, loads[setting.load], seconds=seconds, host=host))
                    if result.failures or result.count() != result.count(200):
                        raise RuntimeError(f"{setting.name}: {result.failures} failed, {set(result.answers)}")
                    values.append(result.rate())
                    late.append(result.percentile(99) * 1000)
                rows += [row, latency]
                if setting.load == "50 people":
                    size = Row("the same: size of an answer", "bytes", [], [])
                    for values, host in ((size.with_it, ours), (size.without, theirs)):
                        values.append(_size(f"http://{host}:8080{_JSON}", tokens[0]))
                    rows.append(size)
            tick()
    return rows


def _size(url: str, token: str) -> float:
    asked = urllib.request.Request(
        url, headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return float(len(answer.read()))


def _edited(folder: Path, setting: Setting) -> Path:
    target = folder / setting.name.replace(" ", "-")
    target.mkdir()
    texts = {path.name: path.read_text(encoding="utf-8") for path in _TEMPLATES.iterdir()}
    changed = {name: setting.without(text) for name, text in texts.items()}
    if changed == texts:
        raise RuntimeError(f"the templates don't have: {setting.name}")
    for name, text in changed.items():
        (target / name).write_text(text, encoding="utf-8")
    return target


@contextlib.contextmanager
def _network() -> Iterator[None]:
    _docker("network", "create", _NETWORK)
    try:
        yield
    finally:
        _docker("network", "rm", _NETWORK)


@contextlib.contextmanager
def _database(secrets: Path, *entry: str) -> Iterator[str]:
    command, *arguments = entry
    name = f"frontdesk-tuning-{command.split('-')[0]}"
    options = ["--memory=1g", "--cpus=2", "--shm-size=256m", f"--volume={secrets}/db:/run/secrets:ro"]
    with _container(
        name, f"frontdesk-db:{_VERSION}", [*options, f"--entrypoint={command}"], arguments
    ) as address:
        _until_healthy(name)
        yield (secrets / "migrate" / "database_url").read_text().replace("unused", address)


@contextlib.contextmanager
def _replica(folder: Path, url: str, role: str) -> Iterator[None]:
    options = ["--memory=192m", f"--network-alias={role}", f"--env=FRONTDESK_DATABASE_URL={url}"]
    budgets = ["--env=FRONTDESK_SEARCHES_PER_MINUTE=1000000", "--env=FRONTDESK_DRAIN_DELAY=0"]
    name = f"frontdesk-tuning-{role}"
    with _container(name, f"frontdesk:{_VERSION}", [*options, *budgets], ["serve", "--role", role]):
        _until_healthy(name)
        yield


@contextlib.contextmanager
def _edge(templates: Path) -> Iterator[str]:
    limits = [f"--env=EDGE_LIMIT_{name}=100000r/s" for name in ("SEARCH", "OTHER")]
    options = ["--env=EDGE_TLS=off", *limits, f"--volume={templates}:/etc/nginx/templates:ro"]
    name = f"frontdesk-tuning-edge-{time.monotonic_ns()}"
    with _container(name, f"frontdesk-edge:{_VERSION}", options, []) as address:
        _until_healthy(name)
        yield address


@contextlib.contextmanager
def _container(name: str, image: str, options: list[str], arguments: list[str]) -> Iterator[str]:
    _docker("run", "--detach", "--rm", f"--name={name}", f"--network={_NETWORK}", *options, image, *arguments)
    try:
        networks = json.loads(_docker("inspect", "--format={{json .NetworkSettings.Networks}}", name))
        yield str(networks[_NETWORK]["IPAddress"])
    finally:
        _docker("rm", "--force", "--volumes", name)


def _until_healthy(name: str) -> None:
    until = time.monotonic() + 90
    while _docker("inspect", "--format={{.State.Health.Status}}", name) != "healthy":
        if time.monotonic() > until:
            raise RuntimeError(f"{name} doesn't get ready: docker logs {name}")
        time.sleep(0.3)


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
