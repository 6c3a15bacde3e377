"""compose.yaml and the swarm's stack file are the same stack: what both must say is compared, what differs is named."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.swarm import given

ROOT = Path(__file__).parent.parent.parent
Json = dict[str, Any]


def _read(path: str) -> Json:
    found: Json = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return found


COMPOSE = _read("compose.yaml")
STACK = _read("deploy/swarm/stack.yaml")
SERVICES = ("edge", "web", "api", "migrate", "db")
both = pytest.mark.parametrize("name", SERVICES)


def _pair(name: str) -> tuple[Json, Json]:
    return COMPOSE["services"][name], STACK["services"][name]


def test_stack_has_the_services_of_compose_but_what_makes_secrets() -> None:
    assert set(STACK["services"]) == set(COMPOSE["services"]) - {"secrets"} == set(SERVICES)


@both
@pytest.mark.parametrize("key", ["command", "read_only", "cap_drop", "logging", "stop_grace_period"])
def test_both_say_the_same(name: str, key: str) -> None:
    ours, theirs = _pair(name)
    assert ours.get(key) == theirs.get(key)


@both
def test_both_run_the_same_image(name: str) -> None:
    ours, theirs = _pair(name)
    image, _, tag = theirs["image"].removeprefix("${REGISTRY:-}").partition(":")
    assert image == ours["image"].partition(":")[0]
    assert tag == ("${DB_VERSION:-dev}" if name == "db" else "${VERSION:-dev}")


@both
def test_both_have_the_same_limits_and_the_stack_reserves_less(name: str) -> None:
    ours, theirs = (service["deploy"]["resources"] for service in _pair(name))
    assert ours["limits"] == theirs["limits"]
    assert float(theirs["reservations"]["cpus"]) <= float(ours["limits"]["cpus"])


@pytest.mark.parametrize("name", ["web", "api"])
def test_both_start_as_many_replicas(name: str) -> None:
    ours, theirs = (service["deploy"]["replicas"] for service in _pair(name))
    assert theirs == f"${{{name.upper()}_REPLICAS:-{ours}}}"


# What is right for several machines only: names and ports that people type, and a first start that waits for a pull.
_OWN = {
    "FRONTDESK_PUBLIC_URL": ("https://localhost", "PUBLIC_URL:?"),
    "EDGE_PUBLIC_PORT": ("HTTPS_PORT:-8443", "HTTPS_PORT:-443"),
    "FRONTDESK_DATABASE_WAIT": (None, "120"),
}


@both
def test_both_have_the_same_environment(name: str) -> None:
    ours, theirs = (service.get("environment", {}) for service in _pair(name))
    for variable in set(ours) | set(theirs):
        if variable not in _OWN:
            assert ours.get(variable) == theirs.get(variable), variable
            continue
        for value, contained in zip((ours.get(variable), theirs.get(variable)), _OWN[variable], strict=True):
            assert value is None if contained is None else contained in value, variable


@both
def test_both_are_in_the_same_networks_but_the_one_to_be_reached_by(name: str) -> None:
    ours, theirs = _pair(name)
    assert set(ours["networks"]) - {"public"} == set(theirs["networks"])


def test_networks_are_as_closed_as_those_of_compose_and_encrypted() -> None:
    assert set(STACK["networks"]) == set(COMPOSE["networks"]) - {"public"}
    for name, network in STACK["networks"].items():
        assert bool(network.get("internal")) == bool((COMPOSE["networks"][name] or {}).get("internal"))
        assert "encrypted" in network["driver_opts"]
        assert not network.get("attachable")


def test_edge_publishes_the_same_ports_of_its_own_node() -> None:
    ours, theirs = _pair("edge")
    published = {(port["target"], port.get("protocol", "tcp")) for port in theirs["ports"]}
    targets = [port.rpartition(":")[2].partition("/") for port in ours["ports"]]
    assert published == {(int(number), protocol or "tcp") for number, _, protocol in targets}
    assert {port["mode"] for port in theirs["ports"]} == {"host"}
    assert not any("ports" in STACK["services"][name] for name in SERVICES if name != "edge")


@both
def test_both_write_to_the_same_places_in_memory(name: str) -> None:
    ours, theirs = _pair(name)
    places = {place.partition(":")[0] for place in ours["tmpfs"]}
    if "shm_size" in ours:
        places.add("/dev/shm")
        shared = next(one for one in theirs["volumes"] if one["target"] == "/dev/shm")
        assert f"{shared['tmpfs']['size'] >> 20}M" == ours["shm_size"]
    assert {one["target"] for one in theirs["volumes"] if one["type"] == "tmpfs"} == places


def test_database_keeps_its_data_where_it_does_in_compose() -> None:
    ours, theirs = _pair("db")
    kept = [one for one in theirs["volumes"] if one["type"] == "volume"]
    assert [f"{one['source']}:{one['target']}" for one in kept] == ours["volumes"][:1]


def test_each_secret_is_one_that_the_deployment_looks_for_and_has_a_version() -> None:
    for name, secret in STACK["secrets"].items():
        variables = [variable for variable, names in given.SECRETS.items() if name in names]
        version = f"${{{variables[0]}:-1}}" if variables else "1"
        assert variables or name in given.DATABASE_SECRETS
        assert secret == {"external": True, "name": f"${{STACK:-frontdesk}}_{name}_{version}"}


def test_nobody_but_the_database_and_the_migration_knows_more_than_the_service_may() -> None:
    known = {name: {one["source"] for one in STACK["services"][name]["secrets"]} for name in SERVICES}
    assert known["web"] == known["api"] == {"database_url"}
    assert known["migrate"] == {"migrate_database_url"}
    assert known["edge"] == {"tls_certificate", "tls_key"}
    assert known["db"] == set(given.DATABASE_SECRETS)


@pytest.mark.parametrize("name", ["edge", "web", "api", "db"])
def test_update_goes_one_by_one_is_watched_and_taken_back(name: str) -> None:
    deploy = STACK["services"][name]["deploy"]
    update, back = deploy["update_config"], deploy["rollback_config"]
    assert (update["parallelism"], update["failure_action"]) == (1, "rollback")
    # Halfway between two versions is worse than either.
    assert back["failure_action"] == "continue"
    # Where two can't be at once, because of a port or of files, the old one goes first.
    expected = "start-first" if name in ("web", "api") else "stop-first"
    assert update["order"] == back["order"] == expected
    # No virtual address: the edge finds each replica.
    assert deploy["endpoint_mode"] == "dnsrr"
