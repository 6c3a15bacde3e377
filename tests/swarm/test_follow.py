"""What a swarm says of a service, as recorded, and what we make of it."""

import datetime
from typing import Any

import pytest

from deploy.swarm import checks, follow, given

Json = dict[str, Any]
CLUSTER: list[Json] = [
    {
        "ID": name,
        "Status": {"State": state},
        "Spec": {"Availability": availability, "Labels": {"frontdesk.edge": "true"}},
    }
    for name, state, availability in (
        ("one", "ready", "active"),
        ("two", "ready", "drain"),
        ("three", "down", "active"),
        ("four", "ready", "active"),
    )
]


def service(image: str = "frontdesk:2", *, replicas: int = 2, update: str = "", **more: Any) -> Json:
    found: Json = {
        "ID": "s",
        "Spec": {
            "Name": "frontdesk_web",
            "Mode": {"Replicated": {"Replicas": replicas}},
            "TaskTemplate": {"ContainerSpec": {"Image": image, "DNSConfig": {}}, "ForceUpdate": 0},
        },
    }
    if update:
        found["UpdateStatus"] = {"State": update, "Message": "said by Swarm"}
    return found | more


def task(image: str = "frontdesk:2", state: str = "running", wanted: str = "running", **more: Any) -> Json:
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=more.pop("age", 60))
    status = {"State": state, "Err": more.pop("error", ""), "Timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.123456789Z"}
    return {
        "DesiredState": wanted,
        "Status": status,
        "Spec": {"ContainerSpec": {"Image": image}, "ForceUpdate": 0},
    } | more


OLD = task("frontdesk:1")
NEW = task()


@pytest.mark.parametrize(
    ("update", "tasks", "done"),
    [
        ("completed", [NEW, NEW], True),
        ("", [NEW, NEW], True),
        # Swarm still watches whether they hold.
        ("updating", [NEW, NEW], False),
        ("completed", [NEW], False),
        # It has just been told, and hasn't begun.
        ("", [OLD, OLD], False),
        ("", [NEW, NEW, OLD], False),
        ("", [NEW, task(state="starting")], False),
        ("", [NEW, task(wanted="shutdown")], False),
    ],
)
def test_service_is_done_when_all_its_tasks_are_as_told(update: str, tasks: list[Json], done: bool) -> None:
    found = follow.standing(service(update=update), tasks, CLUSTER)
    assert (found.done, found.failed) == (done, "")


@pytest.mark.parametrize("state", ["rollback_completed", "rollback_paused", "paused"])
def test_update_that_swarm_has_stopped_has_failed(state: str) -> None:
    found = follow.standing(service("frontdesk:1", update=state), [OLD, OLD], CLUSTER)
    assert not found.done
    assert "said by Swarm" in found.failed


def test_rollback_that_has_begun_is_waited_for() -> None:
    found = follow.standing(service("frontdesk:1", update="rollback_started"), [OLD, NEW], CLUSTER)
    assert (found.done, found.failed) == (False, "")


def test_service_that_is_new_and_never_starts_has_failed() -> None:
    failures = [task(state="failed", wanted="shutdown", error="no such image")] * 5
    assert "no such image" in follow.standing(service(), failures, CLUSTER).failed
    assert not follow.standing(service(), failures[:4], CLUSTER).failed


def test_told_to_be_as_before_it_is_done_when_swarm_says_so() -> None:
    assert follow.is_back(service("frontdesk:1", update="rollback_completed"), [OLD, OLD], CLUSTER).done
    assert not follow.is_back(service("frontdesk:1", update="rollback_started"), [OLD, OLD], CLUSTER).done
    assert not follow.is_back(service("frontdesk:1", update="rollback_completed"), [OLD], CLUSTER).done
    assert (
        "halfway" in follow.is_back(service("frontdesk:1", update="rollback_paused"), [OLD], CLUSTER).failed
    )


@pytest.mark.parametrize(
    ("state", "age", "least"),
    [("updating", 30, 29.0), ("rollback_started", 30, 29.0), ("completed", 30, 0.0), ("", 30, 0.0)],
)
def test_change_under_way_has_an_age(state: str, age: float, least: float) -> None:
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age)
    status = {"State": state, "StartedAt": f"{began:%Y-%m-%dT%H:%M:%S}.123456789Z"}
    assert least <= follow.under_way(service(UpdateStatus=status)) <= least + 3


def test_edge_is_done_when_every_labelled_node_that_is_up_has_one() -> None:
    edge = service()
    edge["Spec"]["Mode"] = {"Global": {}}
    edge["Spec"]["TaskTemplate"]["Placement"] = {"Constraints": ["node.labels.frontdesk.edge == true"]}
    assert not follow.standing(edge, [NEW], CLUSTER).done
    assert follow.standing(edge, [NEW, NEW], CLUSTER).done


def _job(*tasks: Json) -> follow.Standing:
    iteration = {"Index": 7}
    job = service(JobStatus={"JobIteration": iteration})
    job["Spec"]["Mode"] = {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}}
    return follow.standing(job, [{"JobIteration": iteration} | one for one in tasks], CLUSTER)


def test_job_is_done_when_it_has_ended_well_in_this_deployment() -> None:
    assert _job(task(state="complete", wanted="complete")).done
    assert not _job(task(state="complete", wanted="complete", JobIteration={"Index": 6})).done
    assert not _job(task()).done


def test_job_has_failed_when_it_is_not_tried_again() -> None:
    failure = task(state="failed", wanted="shutdown", error="exit code 1")
    assert "exit code 1" in _job(failure, failure).failed
    assert not _job(task(), failure).failed
    assert not _job(task(state="failed", wanted="shutdown", age=1)).failed


def test_newest_secret_is_the_one_that_is_whole() -> None:
    names = [
        "frontdesk_tls_certificate_1",
        "frontdesk_tls_key_1",
        "frontdesk_tls_certificate_9",
        "frontdesk_tls_key_9",
    ]
    assert given.newest("frontdesk", [*names, "frontdesk_tls_key_10", "other_tls_key_12"]) == {
        "TLS_VERSION": "9"
    }


def test_what_a_deployment_is_not_told_stays_as_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEB_REPLICAS", "REGISTRY", "PUBLIC_URL", "DB_VERSION", "HTTP_PORT"):
        monkeypatch.delenv(name, raising=False)
    edge = service("registry.example.org/team/frontdesk-edge:1@sha256:abc")
    edge["Spec"]["EndpointSpec"] = {"Ports": [{"TargetPort": 8080, "PublishedPort": 81}]}
    web = service(replicas=5)
    web["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"] = ["FRONTDESK_PUBLIC_URL=https://a.example.org"]
    running = {"edge": edge, "web": web, "db": service("registry.example.org/team/frontdesk-db:0.9")}
    found = given.variables("2", running)
    expected = {
        "VERSION": "2",
        "DB_VERSION": "0.9",
        "WEB_REPLICAS": "5",
        "REGISTRY": "registry.example.org/team/",
        "PUBLIC_URL": "https://a.example.org",
        "HTTP_PORT": "81",
    }
    assert {name: found[name] for name in expected} == expected
    monkeypatch.setenv("WEB_REPLICAS", "3")
    monkeypatch.setenv("REGISTRY", "other.example.org")
    told = given.variables("2", running)
    assert (told["WEB_REPLICAS"], told["REGISTRY"]) == ("3", "other.example.org/")


@pytest.mark.parametrize(
    ("public_url", "port", "url", "mapped"),
    [
        ("https://example.org", "443", "https://example.org", ["--host", "example.org:192.0.2.12"]),
        ("https://example.org:1", "8443", "https://example.org:8443", ["--host", "example.org:192.0.2.12"]),
        # An address is nobody's but its node's: it would be asked in the place of each.
        ("https://192.0.2.11:8443", "8443", "https://192.0.2.12:8443", []),
    ],
)
def test_every_edge_is_asked_itself(public_url: str, port: str, url: str, mapped: list[str]) -> None:
    assert checks.way(public_url, "192.0.2.12", port) == (url, mapped)


def test_a_header_may_be_told_to_have_nothing_and_other_variables_may_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EDGE_HSTS", "")
    monkeypatch.setenv("EDGE_TRUSTED_PROXIES", "")
    env = ["EDGE_HSTS=max-age=1", "EDGE_TRUSTED_PROXIES=192.0.2.0/24"]
    spec = {"TaskTemplate": {"ContainerSpec": {"Image": "frontdesk-edge:1", "Env": env}}}
    told = given.variables("2", {"edge": {"Spec": spec}})
    assert (told["EDGE_HSTS"], told["EDGE_TRUSTED_PROXIES"]) == ("", "192.0.2.0/24")
