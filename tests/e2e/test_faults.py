"""What people notice when a part dies under a steady load: docs/reliability.md has a run's figures."""

import subprocess
import time

import pytest

from tests.e2e import traffic
from tests.e2e.conftest import show
from tests.e2e.report import Failure, Report
from tests.e2e.stack import Stack, docker, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_RATE = 50.0
_BEFORE = 2.0
_AFTER = 4.0


def _unexpected(failures: list[Failure]) -> list[Failure]:
    return [f for f in failures if not f.busy]


@pytest.mark.parametrize("service", ["api", "web"])
def test_a_killed_replica_fails_nothing_that_is_safe_to_repeat(whole: Stack, service: str) -> None:
    replica = whole.containers(service)[0]
    with traffic.running(whole.url, rate=_RATE) as load:
        time.sleep(_BEFORE)
        load.mark(f"kill -9 of one {service}")
        whole.kill(replica)
        time.sleep(_AFTER)
        until(lambda: whole.healthy(service), within=30)
    show(f"kill -9 of one {service}", load.report)
    assert _unexpected(load.report.failed(safe=True)) == []
    # Writes that it was working on: nobody knows what became of them.
    assert len(_unexpected(load.report.failed(safe=False))) <= 3
    assert load.report.lost == []


def test_without_any_api_calls_are_told_when_to_come_back_and_pages_go_on(whole: Stack) -> None:
    replicas = whole.containers("api")
    with traffic.running(whole.url, rate=_RATE) as load:
        time.sleep(_BEFORE)
        load.mark("all of api killed")
        docker("kill", *replicas)
        time.sleep(5)
        load.mark("api started again")
        docker("start", *replicas)
        until(lambda: whole.healthy("api"), within=30)
        load.mark("api healthy again")
        time.sleep(_AFTER)
    show("all of api for 5 s", load.report)
    _told_to_come_back(load.report)
    pages = ("page", "search page", "HEAD of a page", "static file", "profile form")
    assert [f for f in load.report.failures if f.kind in pages] == []
    # From its health to the edge's: a second for the name, a second for the failed replicas.
    assert load.report.recovered("api healthy again") < 2.5
    assert load.report.lost == []


def test_a_killed_worker_of_the_edge_costs_its_connections_and_nothing_else(whole: Stack) -> None:
    (edge,) = whole.containers("edge")
    with traffic.running(whole.url, rate=_RATE) as load:
        time.sleep(_BEFORE)
        load.mark("kill -9 of the edge's worker")
        whole.inside(edge, "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)")
        time.sleep(_AFTER)
    show("kill -9 of the edge's worker", load.report)
    failures = _unexpected(load.report.failures)
    # One request on each connection at most, and those that are just being made.
    assert len(failures) <= 16
    assert {f.what for f in failures} <= {"connection broken", "no connection (ConnectionResetError)"}
    assert load.report.felt("kill -9 of the edge's worker") < 1
    assert load.report.lost == []


@pytest.mark.parametrize("service", ["api", "web"])
def test_a_replica_that_is_stopped_and_started_fails_nothing_at_all(whole: Stack, service: str) -> None:
    replica = whole.containers(service)[0]
    with traffic.running(whole.url, rate=_RATE) as load:
        time.sleep(_BEFORE)
        load.mark(f"stop of one {service}")
        docker("stop", replica)
        time.sleep(1)
        load.mark(f"start of one {service}")
        docker("start", replica)
        until(lambda: whole.healthy(service), within=30)
        time.sleep(2)
    show(f"stop and start of one {service}", load.report)
    assert _unexpected(load.report.failures) == []
    assert load.report.lost == []


def test_an_edge_that_is_stopped_finishes_what_it_began(whole: Stack) -> None:
    (edge,) = whole.containers("edge")
    with traffic.running(whole.url, rate=_RATE) as load:
        time.sleep(_BEFORE)
        load.mark("stop of the edge")
        docker("stop", edge)
        load.mark("start of the edge")
        docker("start", edge)
        until(lambda: whole.healthy("edge"), within=30)
        load.mark("edge healthy again")
        time.sleep(_AFTER)
    show("stop and start of the edge", load.report)
    # There is one edge here: while it's away nobody is answered, but nothing that it had taken is lost.
    broken = [f for f in load.report.failures if f.what == "connection broken" and not f.safe]
    assert broken == []
    assert load.report.recovered("edge healthy again") < 1
    assert load.report.lost == []


def test_a_killed_database_is_felt_for_seconds_and_loses_nothing_acknowledged(whole: Stack) -> None:
    (db,) = whole.containers("db")
    with traffic.running(whole.url, rate=_RATE) as load:
        time.sleep(_BEFORE)
        load.mark("kill -9 of the database")
        whole.kill(db)
        until(lambda: _answers(whole), within=30)
        load.mark("database answers again")
        time.sleep(_AFTER)
    show("kill -9 of the database", load.report)
    _told_to_come_back(load.report)
    assert load.report.recovered("database answers again") < 3
    assert load.report.lost == []


def test_a_database_that_is_stopped_and_started_loses_nothing_acknowledged(whole: Stack) -> None:
    (db,) = whole.containers("db")
    with traffic.running(whole.url, rate=_RATE) as load:
        time.sleep(_BEFORE)
        load.mark("stop of the database")
        docker("stop", db)
        time.sleep(3)
        load.mark("start of the database")
        docker("start", db)
        until(lambda: _answers(whole), within=30)
        load.mark("database answers again")
        time.sleep(_AFTER)
    show("stop and start of the database", load.report)
    _told_to_come_back(load.report)
    assert load.report.recovered("database answers again") < 3
    assert load.report.lost == []


def _told_to_come_back(report: Report) -> None:
    """Every failure is a 503 that says when to come back, and none took longer than a person waits."""
    others = [f for f in report.failures if f.what not in ("503 busy", "503 unavailable")]
    assert others == []
    assert max((f.took for f in report.failures), default=0) < 6


def _answers(stack: Stack) -> bool:
    try:
        return stack.sql("SELECT 1") == "1"
    except subprocess.CalledProcessError:
        return False
