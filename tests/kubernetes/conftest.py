"""A cluster, the controller in it, and one Frontdesk for all tests."""

import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes import cluster
from tests.kubernetes.cluster import BASE, DEPLOY, Frontdesk, kubectl, until

_OURS = "frontdesk-test-"


@pytest.fixture(scope="session")
def controller() -> Iterator[None]:
    """The controller as it's installed, of the image that is tested."""
    if not cluster.is_there():
        pytest.exit("KUBECONFIG leads to no cluster: docs/kubernetes.md says how to get one", returncode=2)
    _make_room()
    images = [f"frontdesk{part}:{BASE}" for part in ("", "-edge", "-goss")]
    cluster.load_images(*images, "postgres:18")
    rendered = kubectl("kustomize", str(DEPLOY / "operator"))
    kubectl(
        "apply",
        "--server-side",
        "--filename",
        "-",
        stdin=rendered.replace("frontdesk:dev", f"frontdesk:{BASE}"),
    )
    kubectl("rollout", "status", "deployment/frontdesk-operator", "-n", "frontdesk-system", "--timeout=120s")
    yield
    # Frontdesks first: without the controller, nobody would take its finalizer away.
    kubectl("delete", "frontdesks", "--all", "--all-namespaces", "--timeout=120s")
    kubectl("delete", "--ignore-not-found", "--filename", "-", stdin=rendered)


def _make_room() -> None:
    """Away with what a run that was killed has left. Not with what is somebody's: the definition goes in the end, and
    every Frontdesk with it."""
    found = kubectl(
        "get", "frontdesks", "--all-namespaces", "--output", "name", "--ignore-not-found", check=False
    )
    if "frontdesk.dev/" not in found:
        return
    namespaces = {
        thing["metadata"]["namespace"] for thing in cluster.get("frontdesks", everywhere=True)["items"]
    }
    theirs = sorted(name for name in namespaces if not name.startswith(_OURS))
    if theirs:
        pytest.exit(
            f"there are Frontdesks in {', '.join(theirs)}: take another cluster for tests", returncode=2
        )
    kubectl("delete", "namespace", *namespaces)


@pytest.fixture(scope="session")
def namespace(controller: None) -> Iterator[str]:
    """One that takes restricted pods only."""
    name = f"{_OURS}{secrets.token_hex(3)}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def url(namespace: str) -> str:
    """Where the edge of `frontdesk` is, from here and for the people who use it."""
    return f"http://{cluster.address()}:30080"


@pytest.fixture(scope="session")
def installed(namespace: str, url: str) -> Frontdesk:
    """One Frontdesk of the version that is tested, with a database of its own."""
    found = Frontdesk(namespace, "one")
    others = (
        [node["metadata"]["name"] for node in cluster.get("nodes")["items"][1:]]
        if "NODE_KILL" in os.environ
        else []
    )
    # A volume stays where its first pod is put, and the first node isn't one that is killed.
    for node in others:
        kubectl("cordon", node)
    found.apply(
        {
            "version": BASE,
            "publicURL": url,
            "database": {"own": {"storage": "1Gi"}},
            "edge": {"service": {"type": "NodePort", "nodePort": 30080}},
            # Two nodes may be one small machine, and the load isn't there to be scaled for.
            **{role: {"min": 2, "max": 2, "cpuRequest": "50m"} for role in ("web", "api")},
            # The load is one address.
            "settings": dict.fromkeys(
                ("FRONTDESK_REGISTRATIONS_PER_ADDRESS", "FRONTDESK_LOGIN_ATTEMPTS_PER_ADDRESS"), "1000000"
            ),
        }
    )
    until("the database", lambda: any("nodeName" in pod["spec"] for pod in found.pods("db")))
    for node in others:
        kubectl("uncordon", node)
    found.serves(BASE)
    return found


@pytest.fixture
def frontdesk(installed: Frontdesk) -> Frontdesk:
    """The one that is installed, at the version that is tested, whatever the test before did."""
    if installed.read()["spec"]["version"] != BASE:
        installed.change(version=BASE)
        installed.serves(BASE)
    return installed


@pytest.fixture(scope="session")
def version(controller: None) -> "Version":
    """Makes other versions, and brings them to the nodes."""
    return Version()


class Version:
    """Each is made once."""

    def __init__(self) -> None:
        self._made: set[str] = set()

    def __call__(self, target: str, *, checks: str = "") -> str:
        """The tag of a version: `target` of versions/Dockerfile, with the checks of versions/Dockerfile.goss or not."""
        tag = f"{BASE}-{target}{checks and '-' + checks}"
        if tag not in self._made:
            cluster.load_images(*cluster.make_version(target, tag, checks=checks))
            self._made.add(tag)
        return tag


@pytest.fixture
def everything(tmp_path: Path) -> str:
    """Base and every component at once, as kustomize renders it."""
    components = sorted(path.parent for path in DEPLOY.glob("components/*/kustomization.yaml"))
    # `mail` brings it.
    components.remove(DEPLOY / "components" / "mail-network")
    lines = [f"  - {relative(path, tmp_path)}" for path in components]
    (tmp_path / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: frontdesk\nresources:\n"
        f"  - {relative(DEPLOY / 'base', tmp_path)}\ncomponents:\n" + "\n".join(lines) + "\n"
    )
    done = subprocess.run(["kubectl", "kustomize", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def relative(path: Path, start: Path) -> str:
    return os.path.relpath(path, start)
