"""What the controller keeps as it is asked for: drift, passwords, backups, and data when all else goes."""

import json
import secrets
import time
from functools import partial

import pytest

from tests.e2e.traffic import running
from tests.kubernetes import cluster
from tests.kubernetes.cluster import BASE, Frontdesk, Object, get, kubectl, until
from tests.kubernetes.test_upgrades import unharmed

pytestmark = pytest.mark.timeout(900)

KINDS = (
    "deployments,statefulsets,services,serviceaccounts,configmaps,poddisruptionbudgets,"
    "horizontalpodautoscalers,networkpolicies"
)
_OURS = "app.kubernetes.io/managed-by=frontdesk-operator"


def made(namespace: str) -> list[tuple[str, str]]:
    """What the controller has made, but Jobs."""
    found = get(KINDS, namespace=namespace, labels=_OURS)["items"]
    return sorted((thing["kind"], thing["metadata"]["name"]) for thing in found)


@pytest.mark.kubernetes
def test_every_object_that_is_deleted_comes_back(frontdesk: Frontdesk) -> None:
    before = made(frontdesk.namespace)
    assert len(before) > 20
    for kind, name in before:
        uid = get(kind, name, namespace=frontdesk.namespace)["metadata"]["uid"]
        kubectl("delete", kind, name, "-n", frontdesk.namespace, "--wait=false")

        def is_back(kind: str = kind, name: str = name, uid: str = uid) -> bool:
            found = kubectl(
                "get", kind, name, "-n", frontdesk.namespace, "-o", "jsonpath={.metadata.uid}", check=False
            )
            return "not found" not in found and found != uid

        until(f"{kind} {name}", is_back, seconds=60)
    frontdesk.serves(BASE)
    until("all that was there", lambda: made(frontdesk.namespace) == before)


def _container(deployment: Object) -> Object:
    found: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.kubernetes
@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"template": {"spec": {"containers": [{"name": "api", "image": "frontdesk:other"}]}}}},
        {"spec": {"template": {"spec": {"containers": [{"name": "more", "image": "frontdesk:other"}]}}}},
        {
            "spec": {
                "template": {
                    "spec": {"containers": [{"name": "api", "env": [{"name": "MORE", "value": "1"}]}]}
                }
            }
        },
        {"spec": {"template": {"spec": {"hostNetwork": True, "securityContext": {"runAsNonRoot": False}}}}},
    ],
    ids=["another image", "a container more", "a variable more", "less locked up"],
)
def test_edited_deployment_is_put_right(frontdesk: Frontdesk, patch: Object) -> None:
    before = get("deployment", "one-api", namespace=frontdesk.namespace)["spec"]["template"]["spec"]
    kubectl("patch", "deployment", "one-api", "-n", frontdesk.namespace, "--patch", json.dumps(patch))

    def is_right() -> bool:
        return bool(
            get("deployment", "one-api", namespace=frontdesk.namespace)["spec"]["template"]["spec"] == before
        )

    until("what was there before", is_right, seconds=30)
    frontdesk.serves(BASE)


@pytest.mark.kubernetes
def test_deployment_that_was_scaled_to_nothing_gets_its_fewest_pods(frontdesk: Frontdesk) -> None:
    kubectl("scale", "deployment", "one-web", "-n", frontdesk.namespace, "--replicas=0")
    until("pods", lambda: len(frontdesk.pods("web")) >= 2, seconds=60)
    frontdesk.serves(BASE)


@pytest.mark.kubernetes_long
def test_a_second_one_in_the_namespace_has_its_own_of_everything(frontdesk: Frontdesk) -> None:
    before = made(frontdesk.namespace)
    second = Frontdesk(frontdesk.namespace, "two")
    small = {"min": 1, "max": 1, "cpuRequest": "50m"}
    second.apply(
        {
            "version": BASE,
            "publicURL": "http://two.example.org",
            "database": {"own": {"storage": "1Gi"}},
            **{"web": small, "api": small, "edge": {"replicas": 1}},
        }
    )
    second.serves(BASE)
    theirs = [name for name in made(frontdesk.namespace) if name not in before]
    assert theirs
    assert all(name.startswith("two") for _, name in theirs)
    assert cluster.secret(frontdesk.namespace, "two-database") != cluster.secret(
        frontdesk.namespace, "one-database"
    )
    kubectl("delete", "frontdesk", "two", "-n", frontdesk.namespace)
    until("the end of what it had", lambda: made(frontdesk.namespace) == before)
    assert frontdesk.condition("Ready")["status"] == "True"


@pytest.mark.kubernetes_long
def test_passwords_are_changed_and_no_request_fails(frontdesk: Frontdesk, url: str) -> None:
    before = cluster.secret(frontdesk.namespace, "one-database")
    with running(url, rate=30) as traffic:
        frontdesk.change(database={"own": {"rotate": secrets.token_hex(4)}})
        until("new passwords", lambda: "PasswordsChanged" in frontdesk.events(), seconds=240)
        frontdesk.serves(BASE)
    assert unharmed(traffic.report, requests=100)
    after = cluster.secret(frontdesk.namespace, "one-database")
    assert all(before[name] != after[name] for name in before)
    for url_of in ("database_url", "migrate_database_url"):
        assert "authentication failed" in _connect(frontdesk, before[url_of])
        assert _connect(frontdesk, after[url_of]) == ""


@pytest.mark.kubernetes_long
def test_a_change_of_passwords_that_was_asked_for_before_may_be_asked_for_again(frontdesk: Frontdesk) -> None:
    for value in ("a", "b", "a"):
        before = cluster.secret(frontdesk.namespace, "one-database")
        frontdesk.change(database={"own": {"rotate": value}})
        until("new passwords", partial(_has_changed, frontdesk, value), seconds=240)
        after = cluster.secret(frontdesk.namespace, "one-database")
        assert "authentication failed" in _connect(frontdesk, before["database_url"])
        assert _connect(frontdesk, after["database_url"]) == ""
        assert _connect(frontdesk, after["migrate_database_url"]) == ""
    frontdesk.serves(BASE)


def _has_changed(frontdesk: Frontdesk, value: str) -> bool:
    return bool(frontdesk.status.get("secrets") == {"rotated": value})


def _connect(frontdesk: Frontdesk, url: str) -> str:
    """What PostgreSQL says to somebody who comes with that URL; nothing if they're let in."""
    program = "import asyncio, asyncpg, sys\nasyncio.run(asyncpg.connect(sys.stdin.readline()))"
    pod = frontdesk.pods("api")[0]["metadata"]["name"]
    said = kubectl(
        "exec", "-i", pod, "-n", frontdesk.namespace, "--", "python", "-c", program, stdin=url, check=False
    )
    if "Error" not in said:
        return ""
    # A role that may not log in any more, or is gone, is told the same.
    return "authentication failed" if "password authentication" in said or "not permitted" in said else said


@pytest.mark.kubernetes_long
def test_backups_come_by_schedule_and_can_be_read(frontdesk: Frontdesk) -> None:
    frontdesk.change(backup={"schedule": "* * * * *", "keep": 1, "storage": "1Gi"})
    first = until("a backup", lambda: frontdesk.status.get("lastBackup"), seconds=150)
    assert first is not None
    second = until("another", lambda: (last := frontdesk.status["lastBackup"]) != first and last, seconds=150)
    said = kubectl("logs", f"job/{second['job']}", "-n", frontdesk.namespace, "-c", "backup")
    assert "1 kept" in said
    frontdesk.change(backup=None)
    until("no schedule", lambda: not get("cronjobs", namespace=frontdesk.namespace)["items"])


@pytest.mark.kubernetes
def test_suspended_it_is_left_alone(frontdesk: Frontdesk) -> None:
    frontdesk.change(suspend=True)
    until("the news", lambda: frontdesk.condition("Progressing").get("reason") == "Suspended")
    kubectl("delete", "service", "one-web", "-n", frontdesk.namespace)
    # Else it would be back in a second or two.
    time.sleep(8)
    assert ("Service", "one-web") not in made(frontdesk.namespace)
    frontdesk.change(suspend=False)
    until("the service", lambda: ("Service", "one-web") in made(frontdesk.namespace))


@pytest.mark.kubernetes_long
def test_deleted_it_leaves_its_data_and_made_again_it_has_them(frontdesk: Frontdesk) -> None:
    spec = frontdesk.read()["spec"]
    before = cluster.secret(frontdesk.namespace, "one-database")
    is_there = "SELECT to_regclass('left_behind') IS NOT NULL"
    _query(frontdesk, "CREATE TABLE left_behind ()")
    kubectl("delete", "frontdesk", "one", "-n", frontdesk.namespace)
    until("the end of its pods", lambda: not frontdesk.pods())
    assert cluster.secret(frontdesk.namespace, "one-database") == before
    assert get("persistentvolumeclaims", "data-one-db-0", namespace=frontdesk.namespace)
    frontdesk.apply(spec)
    frontdesk.serves(BASE)
    assert _query(frontdesk, is_there) == "t\n"

    frontdesk.change(deletionPolicy="Delete")
    until("the finalizer", lambda: frontdesk.read()["metadata"].get("finalizers"))
    kubectl("delete", "frontdesk", "one", "-n", frontdesk.namespace, "--timeout=60s")
    until("the end of its pods", lambda: not frontdesk.pods())

    def is_gone() -> bool:
        # Of another Frontdesk that was deleted here, they stay.
        mine = f"{_OURS},app.kubernetes.io/instance=one"
        found = get("secrets,persistentvolumeclaims", namespace=frontdesk.namespace, labels=mine)["items"]
        volume = kubectl("get", "pvc", "data-one-db-0", "-n", frontdesk.namespace, check=False)
        return not found and "not found" in volume

    until("the end of its data", is_gone)
    frontdesk.apply({**spec, "deletionPolicy": "Retain"})
    frontdesk.serves(BASE)
    assert _query(frontdesk, is_there) == "f\n"


def _query(frontdesk: Frontdesk, statement: str) -> str:
    return kubectl(
        "exec", "one-db-0", "-n", frontdesk.namespace, "--",
        "psql", "-XAtq", "-h", "/var/run/postgresql", "-U", "postgres", "frontdesk", "-c", statement,
    )  # fmt: skip
