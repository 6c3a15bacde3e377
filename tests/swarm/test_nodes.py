"""Replicas and machines that come and go under steady load: how many requests fail, and for how long."""

import os
import subprocess
import time
from collections.abc import Callable

import pytest

from tests.e2e.report import Report
from tests.swarm.conftest import STACK, Swarm, nothing_failed

pytestmark = [
    pytest.mark.swarm_nodes,
    pytest.mark.timeout(600),
    # A visitor's connection to a node that is gone can't be closed in good order.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

# Seconds, of the issue that asked for all this.
_FELT = 10.0
_BACK = 15.0


def node(what: str, number: int, *more: str) -> None:
    subprocess.run([os.environ["SWARM_NODE"], what, str(number), *more], check=True, timeout=120)


def eventually(holds: Callable[[], bool], what: str, within: float = 120.0) -> float:
    """Seconds until it holds; a manager that has no leader for a moment is asked again."""
    began = time.monotonic()
    while True:
        try:
            if holds():
                return time.monotonic() - began
        except (AssertionError, subprocess.TimeoutExpired):
            # No leader, for a moment: what runs goes on.
            pass
        assert time.monotonic() - began < within, what
        time.sleep(0.5)


def number_of(swarm: Swarm, leads: bool) -> int:
    """A node without the database that leads the managers, or doesn't."""
    for number, one in enumerate(swarm.nodes(), 1):
        has_database = one["Spec"].get("Labels", {}).get("frontdesk.db") == "true"
        if not has_database and one.get("ManagerStatus", {}).get("Leader", False) == leads:
            return number
    pytest.skip("the leader has the database")


def bring_replicas_to(swarm: Swarm, name: str) -> None:
    """Some of both, so that something is lost with it; Swarm lets them stay when they may be anywhere again."""
    database = swarm.where("db")[0]
    for change in ("add", "rm"):
        for service in ("web", "api"):
            words = (f"--constraint-{change}", f"node.hostname!={database}", f"{STACK}_{service}")
            swarm.docker("service", "update", "--detach", *words)
        eventually(
            lambda: all(
                len(homes) == len(set(homes)) == 2 and name in homes and database not in homes
                for homes in (swarm.where("web"), swarm.where("api"))
            ),
            f"replicas on {name}",
        )


def complete(swarm: Swarm) -> bool:
    """Whether everything runs that shall, on every node."""
    homes = {name: swarm.where(name) for name in ("edge", "web", "api", "db")}
    return {name: len(found) for name, found in homes.items()} == {"edge": 3, "web": 2, "api": 2, "db": 1}


def rescheduled(swarm: Swarm, without: str) -> bool:
    return all(len(homes) == 2 and without not in homes for homes in (swarm.where("web"), swarm.where("api")))


def briefly(report: Report, mark: str) -> None:
    """That what failed did so for a short time, was in flight or refused politely, and that nothing is lost."""
    assert report.felt(mark) <= _FELT, report.table()
    assert not report.lost, report.table()
    assert not [failure for failure in report.failures if "no Retry-After" in failure.what], report.table()


def test_more_replicas_and_fewer_again_and_no_request_fails(at_rest: Swarm, load: float) -> None:
    with at_rest.visited(rate=load) as traffic:
        time.sleep(5)
        traffic.mark("six replicas of api")
        at_rest.docker("service", "scale", "--detach", f"{STACK}_api=6")
        eventually(lambda: len(at_rest.where("api")) == 6, "six replicas")
        time.sleep(10)
        traffic.mark("two again")
        at_rest.docker("service", "scale", "--detach", f"{STACK}_api=2")
        eventually(lambda: len(at_rest.where("api")) == 2, "two replicas")
        # Longer than a replica drains.
        time.sleep(30)
    nothing_failed(traffic.report)


@pytest.mark.parametrize("leads", [False, True], ids=["another", "the leader"])
def test_killed_node_is_felt_briefly_and_its_replicas_are_replaced(
    at_rest: Swarm, load: float, leads: bool
) -> None:
    number = number_of(at_rest, leads)
    name = at_rest.nodes()[number - 1]["Description"]["Hostname"]
    bring_replicas_to(at_rest, name)
    with at_rest.visited(rate=load) as traffic:
        time.sleep(10)
        at_rest.talk_to_another_than(number)
        traffic.mark("killed")
        try:
            node("kill", number)
            took = eventually(lambda: rescheduled(at_rest, name), "replicas on the other nodes")
            print(f"{name} killed; its replicas run elsewhere after {took:.0f} s")
            time.sleep(20)
        finally:
            traffic.mark("started again")
            node("start", number)
        took = eventually(lambda: complete(at_rest), "an edge on every node")
        print(f"{name} is complete again {took:.0f} s after its start")
        time.sleep(10)
    briefly(traffic.report, "killed")
    assert not traffic.report.failed(after="started again"), traffic.report.table()


def test_node_that_is_cut_off_is_felt_briefly_and_heals(at_rest: Swarm, load: float) -> None:
    number = number_of(at_rest, leads=False)
    name = at_rest.nodes()[number - 1]["Description"]["Hostname"]
    bring_replicas_to(at_rest, name)
    at_rest.talk_to_another_than(number)
    with at_rest.visited(rate=load) as traffic:
        time.sleep(10)
        traffic.mark("cut off")
        try:
            node("cut", number, "all")
            took = eventually(lambda: rescheduled(at_rest, name), "replicas on the other nodes")
            print(f"{name} cut off; its replicas run elsewhere after {took:.0f} s")
            time.sleep(20)
        finally:
            traffic.mark("healed")
            node("heal", number)
        took = eventually(lambda: complete(at_rest), "an edge on every node", within=180)
        print(f"{name} is complete again {took:.0f} s after the cut healed")
        time.sleep(20)
    # Who was just asking there hears nothing, and waits for as long as they like (10 s). Nobody asks there after that.
    begin, _ = traffic.report.span("cut off")
    late = [f for f in traffic.report.failed(after="cut off") if f.at - f.took > begin + _FELT]
    assert not late, traffic.report.table()
    briefly(traffic.report, "healed")


def test_database_comes_back_with_its_node_and_nothing_acknowledged_is_lost(
    at_rest: Swarm, load: float
) -> None:
    number = len(at_rest.nodes())
    with at_rest.visited(rate=load) as traffic:
        time.sleep(10)
        at_rest.talk_to_another_than(number)
        traffic.mark("the database's node is off")
        try:
            node("kill", number)
            time.sleep(20)
        finally:
            node("start", number)
        traffic.mark("it is back")
        eventually(lambda: complete(at_rest), "everything back", within=120)
        time.sleep(20)
    report = traffic.report
    assert report.failed(after="the database's node is off"), "nobody noticed, so nothing was tested"
    assert not [failure for failure in report.failures if "no Retry-After" in failure.what], report.table()
    back, _ = report.span("it is back")
    failures = report.failed(after="it is back")
    recovery = max((failure.at for failure in failures), default=back) - back
    print(f"the last failure came {recovery:.1f} s after the node was back")
    assert recovery <= _BACK, report.table()
    assert not report.lost, report.table()
