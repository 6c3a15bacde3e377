"""Bad specs are answered by the API server, in words; good ones get their defaults there."""

import json
from typing import Any

import pytest

from tests.kubernetes.cluster import kubectl

pytestmark = pytest.mark.kubernetes

GOOD: dict[str, Any] = {"version": "1.0.0", "publicURL": "https://a.example.org", "database": {"own": {}}}
NOT_BOTH = "gateway and ingress are two ways in, take one"


def ask(namespace: str, spec: dict[str, Any], name: str = "x") -> str:
    """What the API server says to such a resource, without making it."""
    manifest = {
        "apiVersion": "frontdesk.dev/v1alpha1",
        "kind": "Frontdesk",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
    return kubectl(
        "create",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
        "-o",
        "json",
        stdin=json.dumps(manifest),
        check=False,
    )


def test_good_spec_gets_its_defaults(namespace: str) -> None:
    spec = json.loads(ask(namespace, GOOD))["spec"]
    role = {"min": 2, "max": 6, "cores": 2, "cpuRequest": "250m"}
    assert (spec["web"], spec["api"]) == (role, role)
    assert spec["edge"] == {"replicas": 2, "service": {"type": "ClusterIP"}}
    assert spec["database"] == {"own": {"storage": "10Gi", "cores": 2, "memory": "1Gi"}}
    assert (spec["repository"], spec["deletionPolicy"], spec["suspend"]) == ("frontdesk", "Retain", False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": ""}, "spec.version"),
        ({"version": "a b"}, "spec.version"),
        ({"publicURL": "accounts.example.org"}, "must be like https://accounts.example.org"),
        ({"publicURL": "https://a.example.org/path"}, "must be like https://accounts.example.org"),
        ({"publicURL": "https://me@a.example.org"}, "without a user"),
        ({"web": {"min": 3, "max": 2}}, "min must not be more than max"),
        ({"api": {"min": 0}}, "should be greater than or equal to 1"),
        ({"api": {"min": "two"}}, "integer"),
        ({"api": {"cpuRequest": "much"}}, "must be a quantity"),
        ({"database": {}}, "give either own or secretRef"),
        ({"database": {"own": {}, "secretRef": {"name": "x"}}}, "give either own or secretRef"),
        ({"database": {"own": {"memory": "1Mi"}}}, "at least 256Mi"),
        ({"database": {"secretRef": {"name": "x", "networks": ["here"]}}}, "must be a network"),
        ({"gateway": {"parentRefs": [{"name": "g"}]}, "ingress": {}}, NOT_BOTH),
        (
            {"ingress": {}, "edge": {"tls": {"secretName": "x"}}},
            "edge.tls is for an edge that people reach without",
        ),
        ({"edge": {"limits": {"login": "fast"}}}, "spec.edge.limits.login"),
        ({"edge": {"service": {"nodePort": 30081}}}, "nodePort is for the type NodePort"),
        ({"edge": {"trustedProxies": ["proxy"]}}, "must be a network"),
        ({"settings": {"PATH": "x"}}, "settings are named FRONTDESK_"),
        ({"settings": {"FRONTDESK_DATABASE_URL": "postgresql://…"}}, "are the controller's to set"),
        ({"backup": {}}, "spec.backup.schedule"),
        ({"backup": {"schedule": "sometimes"}}, "spec.backup.schedule"),
        ({"replicas": 3}, 'unknown field "spec.replicas"'),
    ],
)
def test_bad_spec_is_refused_in_words(namespace: str, change: dict[str, Any], words: str) -> None:
    said = ask(namespace, {**GOOD, **change})
    assert words in said


@pytest.mark.parametrize("name", ["a" * 31, "1st", "a.b"])
def test_name_that_no_service_could_have_is_refused(namespace: str, name: str) -> None:
    assert "a Frontdesk's name" in ask(namespace, GOOD, name)
