"""What a pod of Frontdesk can reach and may do, tried from inside the running pods."""

import json
import time

import pytest

from tests.kubernetes import cluster
from tests.kubernetes.cluster import BASE, Frontdesk, kubectl, until

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(600)]

# To whom, on which port: what is open by the design's picture.
PORTS = {"edge": 8080, "web": 8000, "api": 8000, "db": 5432}
ARROWS = {
    "edge": {"web", "api"},
    "web": {"db"},
    "api": {"db"},
    "db": set(),
    "migrate": {"db"},
    "backup": {"db"},
    "passwords": {"db"},
    "verify": {"edge"},
    "nobody": {"edge"},
}
_TRY = """
import socket, sys
for where in sys.argv[1:]:
    host, _, port = where.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        print(where, "open")
    except OSError:
        print(where, "shut")
"""


def _probe(namespace: str, component: str) -> str:
    """A pod that passes for one of that component, and can be asked to connect; its name."""
    labels = {"app.kubernetes.io/name": "frontdesk", "app.kubernetes.io/instance": "one"}
    name = f"probe-{component}"
    container = {
        "name": "probe",
        "image": f"frontdesk:{BASE}",
        "command": ["python", "-c", "import time; time.sleep(600)"],
        "resources": {"limits": {"memory": "64Mi", "cpu": "200m"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            # Without being ready, it's behind no Service.
            "labels": {} if component == "nobody" else {**labels, "app.kubernetes.io/component": component},
        },
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "containers": [{**container, "readinessProbe": {"exec": {"command": ["false"]}}}],
        },
    }
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(pod))
    return name


def _running(namespace: str, name: str) -> bool:
    return kubectl("get", "pod", name, "-n", namespace, "-o", "jsonpath={.status.phase}") == "Running"


def test_exactly_the_arrows_of_the_picture_are_open(frontdesk: Frontdesk) -> None:
    namespace = frontdesk.namespace
    # Before there are probes, which pass for one of them.
    addresses = {component: frontdesk.pods(component)[0]["status"]["podIP"] for component in PORTS}
    probes = {component: _probe(namespace, component) for component in ARROWS}
    outside = {f"{cluster.address()}:10250": "a node", "1.1.1.1:443": "the world"}
    api_server = kubectl("get", "service", "kubernetes", "-n", "default", "-o", "jsonpath={.spec.clusterIP}")
    outside[f"{api_server}:443"] = "Kubernetes"
    places = {f"{addresses[component]}:{port}": component for component, port in PORTS.items()} | outside
    found = {}
    try:
        for component, name in probes.items():
            until(name, lambda name=name: _running(namespace, name))
            # A pod may run before the nodes know what it may reach: that nothing is open yet is no finding.
            deadline = time.monotonic() + 20
            while True:
                said = kubectl("exec", name, "-n", namespace, "--", "python", "-c", _TRY, *places)
                found[component] = {
                    places[line.split()[0]] for line in said.splitlines() if line.endswith("open")
                }
                if found[component] >= ARROWS[component] or time.monotonic() > deadline:
                    break
    finally:
        # Other tests would take them for what they pass for.
        kubectl("delete", "pods", *probes.values(), "-n", namespace, "--wait=false")
    # Who is nobody is held by no policy of ours; in the overlays' namespace, by its own.
    found["nobody"] -= set(outside.values())
    assert found == ARROWS


FACTS = """
import os, socket
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
facts = {
    "uid": os.getuid(),
    "capabilities": int(status["CapBnd"], 16) | int(status["CapEff"], 16),
    "no new privileges": int(status["NoNewPrivs"]),
    "seccomp": int(status["Seccomp"]),
    "token": os.path.exists("/var/run/secrets/kubernetes.io"),
}
try:
    open("/fact", "w")
    facts["root is written"] = True
except OSError:
    facts["root is written"] = False
print(facts)
"""
_IN_SH = """
grep -E '^(CapBnd|CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr '\\t' ' '
id -u
test -e /var/run/secrets/kubernetes.io && echo token
(: >/fact) 2>/dev/null && echo written
true
"""


@pytest.mark.parametrize("component", ["web", "api"])
def test_pod_of_the_service_may_do_nothing_more_than_it_needs(frontdesk: Frontdesk, component: str) -> None:
    for pod in frontdesk.pods(component):
        said = kubectl(
            "exec", pod["metadata"]["name"], "-n", frontdesk.namespace, "--", "python", "-c", FACTS
        )
        assert said.strip() == str(
            {
                "uid": 10001,
                "capabilities": 0,
                "no new privileges": 1,
                "seccomp": 2,
                "token": False,
                "root is written": False,
            }
        )


@pytest.mark.parametrize(("component", "user"), [("edge", "10101"), ("db", "10999")])
def test_pod_of_the_edge_or_the_database_may_do_nothing_more(
    frontdesk: Frontdesk, component: str, user: str
) -> None:
    for pod in frontdesk.pods(component):
        said = kubectl("exec", pod["metadata"]["name"], "-n", frontdesk.namespace, "--", "sh", "-c", _IN_SH)
        assert said.splitlines() == [
            "CapEff: 0000000000000000",
            "CapBnd: 0000000000000000",
            "NoNewPrivs: 1",
            "Seccomp: 2",
            user,
        ]


def test_no_secret_is_in_an_environment_or_in_an_argument(frontdesk: Frontdesk) -> None:
    secrets = set(cluster.secret(frontdesk.namespace, "one-database").values()) - {"frontdesk"}
    assert len(secrets) == 5
    program = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'"
    # Not db: PostgreSQL's image reads its superuser's password into its own environment when it starts.
    for component in ("edge", "web", "api"):
        for pod in frontdesk.pods(component):
            said = kubectl(
                "exec", pod["metadata"]["name"], "-n", frontdesk.namespace, "--", "sh", "-c", program
            )
            assert "PATH=" in said
            assert not any(secret in said for secret in secrets)
