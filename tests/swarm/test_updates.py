"""Versions that come and go under steady load, on every node, through every edge: nobody may notice."""

import os

import pytest

from tests.swarm.conftest import GOOD, NEVER_READY, NEXT, UNCHECKED, Swarm, nothing_failed

pytestmark = pytest.mark.timeout(900)


@pytest.mark.swarm
def test_next_version_comes_and_goes_and_no_request_fails(swarm: Swarm, load: float) -> None:
    at_least = int(os.environ.get("SWARM_REQUESTS", "0"))
    with swarm.visited(rate=load) as traffic:
        traffic.mark("to the next version")
        code, said = swarm.deploy(NEXT)
        assert code == 0, said
        assert f"Version {NEXT} runs. Goss's checks hold" in said, said
        assert swarm.images() | {"db": ""} == {
            "api": f"frontdesk:{NEXT}",
            "db": "",
            "edge": f"frontdesk-edge:{NEXT}",
            "migrate": f"frontdesk:{NEXT}",
            "web": f"frontdesk:{NEXT}",
        }
        traffic.mark("back")
        code, said = swarm.deploy(GOOD)
        assert code == 0, said
        rounds = 1
        while traffic.report.requests < at_least:
            rounds += 1
            for version in (NEXT, GOOD):
                traffic.mark(f"round {rounds}, to {version}")
                code, said = swarm.deploy(version)
                assert code == 0, said
    nothing_failed(traffic.report)


@pytest.mark.swarm
def test_version_that_never_gets_ready_is_taken_back_and_no_request_fails(
    at_rest: Swarm, load: float
) -> None:
    with at_rest.visited(rate=load) as traffic:
        code, said = at_rest.deploy(NEVER_READY)
    assert code == 1, said
    assert f"Version {NEVER_READY} didn't hold: " in said
    assert "the last task that failed: " in said, said
    assert '"route":"/readyz","status":503' in said, said
    assert "Everything is as before this deployment." in said
    assert at_rest.images()["web"] == at_rest.images()["api"] == f"frontdesk:{GOOD}"
    assert at_rest.images()["edge"] == f"frontdesk-edge:{GOOD}"
    nothing_failed(traffic.report)


@pytest.mark.swarm_nodes
def test_version_whose_checks_fail_is_taken_back_and_no_request_fails(at_rest: Swarm, load: float) -> None:
    with at_rest.visited(rate=load) as traffic:
        code, said = at_rest.deploy(UNCHECKED)
    assert code == 1, said
    assert "Goss's checks through the edge on" in said
    assert "Everything is as before this deployment." in said
    assert at_rest.images()["web"] == at_rest.images()["api"] == f"frontdesk:{GOOD}"
    assert at_rest.images()["edge"] == f"frontdesk-edge:{GOOD}"
    nothing_failed(traffic.report)
