"""More replicas and fewer, while people use the service."""

import re
import time

import pytest

from tests.e2e import traffic
from tests.e2e.conftest import show
from tests.e2e.stack import Stack, inspect, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_new_replicas_share_the_load_within_seconds_and_leaving_ones_lose_nothing(whole: Stack) -> None:
    (edge,) = whole.containers("edge")
    started = inspect(edge)["State"]["StartedAt"]
    with traffic.running(whole.url, rate=60) as load:
        time.sleep(2)
        load.mark("scale api to 4")
        whole.up("--no-recreate", "--scale=api=4")
        replicas = whole.containers("api")
        assert len(replicas) == 4
        load.mark("4 api replicas")
        before = {replica: _answered(whole, replica) for replica in replicas}
        until(lambda: all(_answered(whole, one) - before[one] >= 10 for one in replicas), within=10)
        share = {replica: _answered(whole, replica) - before[replica] for replica in replicas}
        load.mark("scale api to 2")
        whole.up("--no-recreate", "--scale=api=2")
        load.mark("2 api replicas")
        time.sleep(3)
    show("scale api 2 to 4 to 2", load.report)
    assert [f for f in load.report.failures if not f.busy] == []
    assert load.report.lost == []
    assert max(share.values()) < 4 * min(share.values()), f"not shared: {share}"
    assert inspect(edge)["State"]["StartedAt"] == started, "nobody had to touch the edge"


def _answered(stack: Stack, replica: str) -> int:
    """Requests to the API that this replica has answered, by its own count."""
    found = stack.inside(replica, "python", "-m", "frontdesk.probe", "/metrics")
    counts = re.findall(r'^frontdesk_request_seconds_count\{.*route="/api.*\} ([0-9.e+]+)$', found, re.M)
    return int(sum(map(float, counts)))
