"""What fails, and for how long, when something is taken away under a steady load: docs/reliability-kubernetes.md has
what was seen. Part of `make e2e-kubernetes-long`.

NODE_KILL and NODE_START are commands that end a node at once, as its power does, and start it again; the node's number
is put behind. Without them, no node is killed. The first node never is: the control plane may be there.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.traffic import Traffic, running
from tests.kubernetes.cluster import BASE, Frontdesk, get, kubectl, until
from tests.kubernetes.conftest import Version
from tests.kubernetes.storm import storm
from tests.kubernetes.test_upgrades import unharmed

pytestmark = [pytest.mark.kubernetes_faults, pytest.mark.timeout(1200)]


@contextlib.contextmanager
def load(url: str, rate: float = 40) -> Iterator[Traffic]:
    """A steady load, and its table at the end."""
    with running(url, rate=rate) as traffic:
        time.sleep(5)
        yield traffic
        time.sleep(5)
    print()
    print(traffic.report.table())


def harm(traffic: Traffic) -> list[str]:
    return [f"{f.kind}: {f.what}" for f in traffic.report.failures if not f.busy] + traffic.report.lost


def logged(frontdesk: Frontdesk, traffic: Traffic) -> str:
    """What pods wrote of the first requests that failed."""
    found = []
    for failure in [f for f in traffic.report.failures if not f.busy and f.request_id][:5]:
        for pod in frontdesk.pods():
            name = pod["metadata"]["name"]
            said = kubectl("logs", name, "-n", frontdesk.namespace, "--since=5m").splitlines()
            found += [f"{name}: {line}" for line in said if failure.request_id in line]
    return "\n".join(found)


def settle(frontdesk: Frontdesk) -> None:
    frontdesk.serves(BASE)
    until("all replicas", lambda: frontdesk.condition("Degraded").get("status") == "False", seconds=180)


def test_versions_come_and_go_under_twenty_thousand_requests(
    frontdesk: Frontdesk, url: str, version: Version
) -> None:
    other, rounds = version("same"), 0
    with running(url, rate=100, at_most=900) as traffic:
        while sum(traffic.report.answers.values()) < 20_000:
            rounds += 1
            for wanted in (other, BASE):
                traffic.mark(f"{rounds}: to {wanted}")
                frontdesk.change(version=wanted)
                frontdesk.serves(wanted)
    print(f"{2 * rounds} upgrades")
    assert unharmed(traffic.report, requests=20_000)


def test_pod_of_each_part_is_deleted(frontdesk: Frontdesk, url: str) -> None:
    with load(url) as traffic:
        for part in ("api", "web", "edge"):
            traffic.mark(f"pod of {part} deleted")
            kubectl("delete", "pod", frontdesk.pods(part)[0]["metadata"]["name"], "-n", frontdesk.namespace)
            settle(frontdesk)
    assert not harm(traffic)


def _processes(pod: str) -> list[int]:
    """Of the pod with that uid, as this machine numbers them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if pod in (folder / "cgroup").read_text() and b"pause" not in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


@pytest.mark.parametrize("part", ["api", "web", "edge", "db"])
def test_pod_is_killed(frontdesk: Frontdesk, url: str, part: str) -> None:
    uid = frontdesk.pods(part)[0]["metadata"]["uid"]
    if not _processes(uid):
        pytest.skip("the pods' processes aren't this machine's")
    with load(url) as traffic:
        traffic.mark(f"{part} killed")
        for process in _processes(uid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        settle(frontdesk)
    # What was in flight there, and could not be repeated, is lost; what was acknowledged isn't.
    assert not traffic.report.lost
    if part in ("api", "web"):
        assert not [f for f in traffic.report.failed(safe=True) if not f.busy], logged(frontdesk, traffic)


def test_node_is_drained(frontdesk: Frontdesk, url: str) -> None:
    node = get("nodes")["items"][-1]["metadata"]["name"]
    database = frontdesk.pods("db")[0]["spec"]["nodeName"]
    with load(url) as traffic:
        traffic.mark(f"{node} drained, the database on {database}")
        try:
            # The database of one is no part of it: where it is, it's away while it moves, if its volume can.
            chosen = "app.kubernetes.io/component in (web,api,edge)"
            kubectl("drain", node, "--pod-selector", chosen, "--delete-emptydir-data", "--timeout=300s")
            settle(frontdesk)
        finally:
            kubectl("uncordon", node)
    assert not harm(traffic)


def test_autoscaler_answers_a_storm_of_logins(frontdesk: Frontdesk, url: str) -> None:
    as_shipped = {"min": 2, "max": 6, "cpuRequest": "250m"}
    frontdesk.change(api=as_shipped, edge={"limits": {"login": "1000r/s", "other": "1000r/s"}})
    settle(frontdesk)
    stop = threading.Event()
    seen = []

    def replicas() -> int:
        found = get("deployment", "one-api", namespace=frontdesk.namespace)["status"].get("readyReplicas", 0)
        seen.append(found)
        return int(found)

    with load(url, rate=20) as traffic:
        traffic.mark("storm")
        thread = threading.Thread(target=storm, args=(url, 40, stop))
        thread.start()
        try:
            began = time.monotonic()
            until("more replicas", lambda: replicas() >= 4, seconds=300)
            print(f"4 replicas of api after {time.monotonic() - began:.0f} s")
        finally:
            stop.set()
            thread.join()
        traffic.mark("after it")
        began = time.monotonic()
        until("the fewest again", lambda: replicas() == 2, seconds=600)
        print(f"2 replicas again after {time.monotonic() - began:.0f} s")
    assert not harm(traffic)


@pytest.mark.skipif("NODE_KILL" not in os.environ, reason="NODE_KILL says how a node is killed")
def test_node_is_killed(frontdesk: Frontdesk, url: str) -> None:
    names = [node["metadata"]["name"] for node in get("nodes")["items"]]
    assert frontdesk.pods("db")[0]["spec"]["nodeName"] == names[0], "its volume is where it was put at first"
    # Whatever was drained before: half of them are on each.
    kubectl("rollout", "restart", "deployment", "-n", frontdesk.namespace)
    settle(frontdesk)
    assert {pod["spec"]["nodeName"] for pod in frontdesk.pods("api")} == set(names)
    with load(url) as traffic:
        traffic.mark(f"{names[-1]} killed")
        subprocess.run([*shlex.split(os.environ["NODE_KILL"]), str(len(names))], check=True)
        try:
            time.sleep(60)
            traffic.mark(f"{names[-1]} started")
        finally:
            subprocess.run([*shlex.split(os.environ["NODE_START"]), str(len(names))], check=True)
        settle(frontdesk)
    assert not traffic.report.lost
